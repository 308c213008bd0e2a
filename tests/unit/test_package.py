"""What a cluster is pointed at: whole, the same every time, or refused with every fault before anything is written."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jobs import libraries, package, wheels
from jobs.nodes import Architecture, Nodes
from rules_engine.errors import RunRefused
from tests.wheelhouse import wheel, wheelhouse

ROOT = Path(__file__).resolve().parents[2]
BOTH = (Nodes(Architecture.X86_64), Nodes(Architecture.ARM64))
PINS = "alembic==1 boto3==1 botocore==1 cryptography==1 duckdb==1 numpy==1 pandas==1 psycopg2-binary==1 pyarrow==1 splink==1 SQLAlchemy==1 tzdata==1".split()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a wheel for every pin, two of them compiled for each processor."""
    pins = tmp_path / "libraries.txt"
    pins.write_text("# pinned\n" + "\n".join(PINS) + "\n")
    monkeypatch.setattr(wheels, "PINS", pins)
    return wheelhouse(tmp_path / "house", PINS)


@pytest.fixture
def staged(house: Path, tmp_path: Path) -> Path:
    return package.stage(tmp_path / "package", BOTH, house)


def refused(*words: Any) -> list[str]:
    with pytest.raises(RunRefused) as said:
        package.stage(*words)
    return [str(fault) for fault in said.value.faults]


def test_the_package_holds_everything_a_step_names(staged: Path) -> None:
    """The zip, and for each step an entry file and an archive for each processor; no more than that and what tells of it."""
    steps = {f"{step}{what}" for step in libraries.STEPS for what in ("_step.py", "-x86_64.zip", "-arm64.zip")}
    assert {path.name for path in staged.iterdir()} == {
        "rules.zip",
        "Dockerfile",
        "SHA256SUMS",
        "sbom.cdx.json",
    } | steps


def test_an_archive_holds_what_its_step_imports_and_what_that_needs(staged: Path) -> None:
    """The evaluator, which runs rule SQL, gets no client of a store; scripts are left out."""
    tops = {name.split("/")[0] for name in zipfile.ZipFile(staged / "evaluate-x86_64.zip").namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"numpy", "pandas", "pyarrow", "tzdata"}
    tops = {name.split("/")[0] for name in zipfile.ZipFile(staged / "freeze-arm64.zip").namelist()}
    assert {top for top in tops if "." not in top} == {"alembic", "boto3", "botocore", "psycopg2", "sqlalchemy"}


def test_an_archive_is_for_its_processor(staged: Path) -> None:
    """Of a compiled library the wheel for that machine, unpacked as an installation would."""
    for each in Architecture:
        held = zipfile.ZipFile(staged / f"evaluate-{each}.zip")
        assert f"manylinux_2_28_{each.machine}" in held.read("numpy/__init__.py").decode()
        assert held.testzip() is None


def test_the_same_sources_and_wheels_give_the_same_bytes(staged: Path, house: Path, tmp_path: Path) -> None:
    """A second package is byte for byte the first, the bill of materials included."""
    again = package.stage(tmp_path / "again", BOTH, house)
    assert (again / "SHA256SUMS").read_text() == (staged / "SHA256SUMS").read_text()


def test_the_checksums_are_those_of_the_files(staged: Path) -> None:
    """In the form that `sha256sum --check` reads, of every file but themselves."""
    lines = [line.split("  ") for line in (staged / "SHA256SUMS").read_text().splitlines()]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in staged.iterdir()}
    assert {name: digest for digest, name in lines} == {n: d for n, d in found.items() if n != "SHA256SUMS"}


def test_the_bill_of_materials_names_every_wheel(staged: Path, house: Path) -> None:
    """CycloneDX: each wheel with its digest, one for each processor where they differ, and what is in the zip."""
    bill = json.loads((staged / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    named = {c["purl"].partition("file_name=")[2]: c for c in bill["components"] if "hashes" in c}
    assert set(named) == {path.name for path in house.iterdir()}
    for name, component in named.items():
        assert component["hashes"][0]["content"] == hashlib.sha256((house / name).read_bytes()).hexdigest()
        assert component["licenses"] == [{"license": {"name": "MIT"}}]
    assert [c["name"] for c in bill["components"] if "hashes" not in c] == ["sqlglot"]


def test_a_package_replaces_an_earlier_one(staged: Path, house: Path) -> None:
    """Whole: what the earlier one held beside is gone, and no unfinished folder stays."""
    assert package.stage(staged, BOTH[:1], house) == staged
    assert not list(staged.glob("*arm64*"))
    assert [path.name for path in staged.parent.iterdir() if path.name.startswith(".")] == []


def test_a_missing_wheel_is_named_for_each_processor(house: Path, tmp_path: Path) -> None:
    """Everything that there is no wheel of, at once, with what to do; nothing is written."""
    next(house.glob("numpy*x86_64.whl")).unlink()
    next(house.glob("pyarrow*")).unlink()
    said = refused(tmp_path / "package", BOTH, house)
    assert [s.split(":")[0] for s in said] == ["Library numpy==1", "Library pyarrow==1", "Library pyarrow==1"]
    assert "there is no wheel of it for Python 3.11 on Linux x86_64. Put it there" in said[0]
    assert not (tmp_path / "package").exists()


def test_of_two_wheels_the_one_that_an_installation_would_take(house: Path, tmp_path: Path) -> None:
    """The newest C library that the nodes have, and none that is newer than theirs."""
    for glibc in ("2_17", "2_34", "2_35"):
        wheel(house, "numpy", tag=f"cp311-cp311-manylinux_{glibc}_x86_64")
    held = zipfile.ZipFile(package.stage(tmp_path / "package", [BOTH[0]], house) / "evaluate-x86_64.zip")
    assert "manylinux_2_34_x86_64" in held.read("numpy/__init__.py").decode()


def test_a_wheel_for_another_python_is_none(house: Path, tmp_path: Path) -> None:
    """Nodes of 3.13 cannot load what was compiled for 3.11."""
    said = refused(tmp_path / "package", [Nodes(python="3.13")], house)
    assert [s.split(":")[0] for s in said] == ["Library numpy==1", "Library psycopg2-binary==1"]


def test_what_is_wrong_with_the_command_is_told_together(tmp_path: Path) -> None:
    """A Python that the steps do not run on, wheels that are nowhere, a folder of something else."""
    (tmp_path / "precious").write_text("mine")
    said = refused(tmp_path, [Nodes(python="3.9")], tmp_path / "nowhere")
    assert [s.split(":")[0] for s in said] == ["Python 3.9", f"Wheels {tmp_path / 'nowhere'}", f"Folder {tmp_path}"]
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_library_that_another_needs_must_be_pinned(house: Path, tmp_path: Path) -> None:
    """A requirement that nothing pinned satisfies, or only a version that is too old; what others need elsewhere is not."""
    needs = ("numpy>=2", "six", 'winsdk; sys_platform == "win32"', 'old; python_version < "3.11"', 'more; extra == "x"')
    wheel(house, "pandas", needs=needs)
    said = refused(tmp_path / "package", [BOTH[0]], house)
    assert sorted(s.partition(" Pin")[0] for s in said) == [
        "Library numpy>=2: pandas 1 needs it, and 1 is pinned.",
        "Library six: pandas 1 needs it, and no version is pinned.",
    ]


def test_a_module_that_no_library_holds_is_refused(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were boto3 left out of the publish step, it would end at an import: who imports it is said, in that step alone."""
    monkeypatch.setattr(libraries, "STEPS", {**libraries.STEPS, "publish": libraries.SPARKS_ARROW})
    said = refused(tmp_path / "package", [BOTH[0]], house)
    assert [s.split(":")[0] for s in said] == ["Module boto3", "Module botocore"]
    assert "rules_engine.publication.dynamodb_" in said[0]
    assert "imports it in the publish step" in said[0]


def test_a_folder_that_cannot_be_written_is_refused(house: Path, tmp_path: Path) -> None:
    """A file where a folder must be."""
    (tmp_path / "file").write_text("")
    (said,) = refused(tmp_path / "file" / "package", [BOTH[0]], house)
    assert "it cannot be written: File exists. Make room or choose another." in said


def test_what_pip_knows_is_asked_without_a_folder(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheels of pip's own places, chosen for the nodes and not for this machine; what is missing is named there, too."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house))
    folder = package.stage(tmp_path / "package", [BOTH[1]])
    assert "2_28_aarch64" in zipfile.ZipFile(folder / "evaluate-arm64.zip").read("numpy/__init__.py").decode()
    next(house.glob("tzdata*")).unlink()
    wheels.PINS.write_text("numpy==1\ntzdata==1\n")  # each is asked for by itself
    (said,) = refused(tmp_path / "another", [BOTH[1]])
    assert said.startswith(
        "Library tzdata==1: in the package index there is no wheel of it for Python 3.11 on Linux arm64."
    )


def test_an_index_that_does_not_answer_is_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one for each library; the way out is a folder of wheels."""
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/simple", "FIND_LINKS": "", "RETRIES": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    (said,) = refused(tmp_path / "package", [BOTH[0]])
    assert said.startswith("Package index: it does not answer. Try again")


def test_the_pins_are_what_the_steps_need_as_it_is_tested() -> None:
    """A cluster gets the versions of constraints.txt, of the steps' libraries and of all that these need, and no more."""
    assert set(wheels.pinned()) <= set((ROOT / "constraints.txt").read_text().splitlines())
    waiting, found = [name for names in libraries.STEPS.values() for name in names], set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            wanted = map(Requirement, metadata.requires(name) or ())
            waiting += [each.name for each in wanted if not each.marker or each.marker.evaluate(BOTH[0].markers)]
    assert sorted(canonicalize_name(pin.partition("==")[0]) for pin in wheels.pinned()) == sorted(found)


def test_the_image_starts_the_steps_as_its_file_says(staged: Path, tmp_path: Path) -> None:
    """What the Dockerfile runs, run here: an archive unpacked, and a Python told of it and of the job zip."""
    text = (staged / "Dockerfile").read_text()
    (command,) = re.findall(r"^RUN ((?:.*\\\n)*.*)", text, re.MULTILINE)
    copied = re.findall(r"\S+(?= /opt/rules/$|(?= .* /opt/rules/$))", re.findall(r"^COPY (.*)", text, re.MULTILINE)[0])
    opt = tmp_path / "opt"
    opt.mkdir()
    for name in copied:
        real = name.replace("${STEP}", "freeze").replace("${ARCHITECTURE}", "x86_64")
        (opt / real).write_bytes((staged / real).read_bytes())
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "image"], check=True)
    python = tmp_path / "image" / "bin" / "python"
    told = {"STEP": "freeze", "ARCHITECTURE": "x86_64", "PYTHON": str(python), "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-ec", command.replace("/opt/rules", str(opt))], env=told, check=True)
    program = "import psycopg2, jobs.freeze_step; print(psycopg2.__file__)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.strip()) == ("", str(opt / "libraries" / "psycopg2" / "__init__.py"))


@pytest.fixture
def entry(staged: Path) -> Path:
    return staged / "freeze_step.py"


def begun(entry: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    """An entry file in a Python that has nothing installed but what is on its path."""
    start = f"import runpy, sys; sys.path[:0] = {[str(p) for p in path]!r}; runpy.run_path({str(entry)!r})"
    return subprocess.run([sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, check=False)


def test_a_driver_finds_the_archive_that_lies_beside_it(entry: Path) -> None:
    """In client mode Spark has unpacked nothing when the step starts: it goes as far as its own command line."""
    done = begun(entry, entry.with_name("rules.zip"))
    assert (done.returncode, done.stderr.splitlines()[-1].partition("error:")[2]) == (
        2,
        " the following arguments are required: --as-of, --known-at, --target",
    )


def test_a_driver_finds_the_archive_on_its_path(entry: Path, tmp_path: Path) -> None:
    """As EMR hands it on for the step that starts no Spark."""
    (tmp_path / "away").mkdir()
    away = entry.rename(tmp_path / "away" / entry.name)
    done = begun(away, tmp_path / "package" / "rules.zip", tmp_path / "package" / "freeze-x86_64.zip")
    assert done.returncode == 2, done.stderr


def test_a_step_without_its_libraries_says_so(entry: Path) -> None:
    """Each that is missing, and the words that give them to Spark; no traceback, the operator's exit code."""
    for path in entry.parent.glob("*-*.zip"):
        path.unlink()
    done = begun(entry, entry.with_name("rules.zip"))
    assert done.returncode == 5
    what = "Libraries alembic, boto3, botocore, psycopg2, sqlalchemy: they cannot be imported here. Put freeze-"
    assert done.stderr.startswith(what)
    done = begun(entry.with_name("evaluate_step.py"), entry.with_name("rules.zip"))
    assert done.stderr.startswith("Libraries numpy, py4j, pyarrow, pyspark: they cannot be imported here. Give Spark")
    assert "Traceback" not in done.stderr


def test_a_step_on_another_python_says_so(house: Path, tmp_path: Path) -> None:
    """Packaged for a Python that this one is not: what was compiled for it would not load."""
    entry = package.stage(tmp_path / "other", [BOTH[0]], house) / "freeze_step.py"
    entry.write_text(entry.read_text().replace('"3.11"', '"3.99"'))
    done = begun(entry, entry.with_name("rules.zip"))
    assert done.returncode == 5
    assert "the libraries were packaged for 3.99. Name it to Spark: --conf spark.pyspark.python=" in done.stderr


def test_a_step_without_the_zip_says_so(entry: Path) -> None:
    """The first thing one forgets."""
    done = begun(entry)
    assert (done.returncode, done.stderr.startswith("rules.zip: Python does not find it. Give it")) == (5, True)
