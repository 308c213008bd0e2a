"""A machine that has Spark and nothing else, and the package of `rules emr package` for it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import py4j
import pyspark

from jobs.nodes import Architecture, Nodes
from jobs.wheels import PINS, gather
from rules_engine.java import archive_options

BUILD = Path(__file__).resolve().parents[2] / "build"
OURS = next(each for each in Architecture if each.machine == platform.machine())
NODES = Nodes(OURS, f"{sys.version_info[0]}.{sys.version_info[1]}")
QUICK = "-Duser.language=en -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A JVM that starts soon: a small lake is done before compiling well, and many threads, pay."""


def wheels() -> Path:
    """The pinned wheels for this machine, fetched once for all tests."""
    pins = hashlib.sha256(PINS.read_bytes()).hexdigest()[:8]
    place = BUILD / f"wheels-{NODES.python}-{NODES.architecture}-{pins}"
    if not place.is_dir():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            gather(NODES, Path(folder))
            if not place.is_dir():
                shutil.copytree(folder, place)
    return place


@dataclass(frozen=True)
class SparkAlone:
    """A Python with pyspark and py4j and no other distribution, below ``root``; ``artefacts`` is the package."""

    root: Path
    java_home: Path
    artefacts: Path

    @classmethod
    def under(cls, root: Path, java_home: Path, artefacts: Path) -> SparkAlone:
        venv.create(root / "alone", with_pip=False)
        made = cls(root, java_home, artefacts)
        for module in (pyspark, py4j):
            source = Path(str(module.__file__)).parent
            leave = shutil.ignore_patterns("__pycache__", "work")
            shutil.copytree(source, made.packages / source.name, copy_function=_linked, ignore=leave)
        return made

    @property
    def python(self) -> str:
        return str(self.root / "alone" / "bin" / "python")

    @property
    def packages(self) -> Path:
        (found,) = (self.root / "alone" / "lib").glob("python*/site-packages")
        return found

    def submit(self, master: str, step: str, *words: str, **told: str) -> dict[str, Any]:
        """What a step says at its end, that spark-submit has started with the package's files alone."""
        classes = self.root / "classes.jsa"  # the first driver's, for all others
        options = {
            jvm: archive_options(self.java_home, classes, keep=jvm == "driver") for jvm in ("driver", "executor")
        }
        java = [f"spark.{jvm}.extraJavaOptions={QUICK} {archive}" for jvm, archive in options.items()]
        settings = [*java, "spark.ui.enabled=false", "spark.sql.shuffle.partitions=2", "spark.executor.memory=1g"]
        archive = self.artefacts / NODES.archive(step)
        command = [self.packages / "pyspark" / "bin" / "spark-submit", "--master", master, "--driver-memory", "1g"]
        command += [word for each in settings for word in ("--conf", each)]
        command += ["--py-files", self.artefacts / "rules.zip", "--archives", f"{archive}#libraries"]
        command += ["--conf", "spark.executorEnv.PYTHONPATH=libraries", self.artefacts / f"{step}_step.py", *words]
        done = subprocess.run(
            command, env=self.environment | told, cwd=self.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return said

    def begin(self, step: str, *words: str, **told: str) -> dict[str, Any]:
        """
        The same of a step that starts no Spark, begun as spark-submit begins it on the primary node.

        A JVM would only wait beside it.
        """
        command = [self.python, str(self.artefacts / f"{step}_step.py"), *words]
        known = self.environment | {"PYTHONPATH": str(self.artefacts / "rules.zip")} | told
        done = subprocess.run(command, env=known, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return said

    @property
    def environment(self) -> dict[str, str]:
        here = {"PATH": os.environ["PATH"], "HOME": str(self.root), "JAVA_HOME": str(self.java_home)}
        python = {"PYSPARK_PYTHON": self.python, "PYSPARK_DRIVER_PYTHON": self.python}
        return here | python | {"SPARK_LOCAL_IP": "127.0.0.1"}


@contextmanager
def standalone(alone: SparkAlone, workers: int = 2) -> Iterator[str]:
    """
    A cluster of Spark's own, its master and each worker a process; its address, once all workers are there.

    In the end each of them has worked.
    """
    place = Path(tempfile.mkdtemp(dir=alone.root))
    with ExitStack() as stack:
        log = _begun(stack, alone, place / "master", "master.Master", "--host", "127.0.0.1")
        address = _said(log, r"Starting Spark master at (spark://\S+)")[0]
        words = ("--cores", "1", "--memory", "2g", "--work-dir", str(place / "work"), address)
        logs = [_begun(stack, alone, place / f"worker-{n}", "worker.Worker", *words) for n in range(workers)]
        _said(log, "Registering worker", workers)
        yield address
        for each in logs:
            _said(each, "Asked to launch executor")


def _begun(stack: ExitStack, alone: SparkAlone, log: Path, name: str, *words: str) -> Path:
    command = [alone.packages / "pyspark" / "bin" / "spark-class", f"org.apache.spark.deploy.{name}"]
    command += ["--port", "0", "--webui-port", "0", *words]
    told = alone.environment | {"SPARK_DAEMON_MEMORY": "256m"}
    file = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(command, env=told, cwd=alone.root, stdout=file, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return log


def _said(log: Path, what: str, times: int = 1) -> list[str]:
    """What a process said so often."""
    for _ in range(600):
        if len(found := re.findall(what, log.read_text(errors="replace"))) >= times:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{log.name} never said '{what}': {log.read_text(errors='replace')[-2000:]}")


def _linked(source: str, target: str) -> None:
    """A copy, by a second name where the file system can: Spark's jars are 400 MB."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
