"""The program that clusters run is pure Python, the same every time, and enough on its own."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs import job_zip
from rules_engine.errors import RunRefused


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return job_zip.build(tmp_path_factory.mktemp("artefact") / "rules.zip")


def fresh_interpreter(archive: Path, program: str) -> "subprocess.CompletedProcess[str]":
    """A Python without site-packages, environment or working folder: standard library and the zip, nothing else."""
    start = f"import sys; sys.path.insert(0, {str(archive)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", start + program], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_core_runs_from_the_zip_alone(archive: Path) -> None:
    """Model, SQL and run load in an interpreter that has nothing installed, and from the zip (R-OPS-1)."""
    done = fresh_interpreter(
        archive,
        "import pkgutil, importlib, rules_engine.run, rules_engine.sql, rules_engine.logical, rules_engine.model\n"
        "for package in (rules_engine.sql, rules_engine.logical, rules_engine.model):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "import sqlglot\n"
        "print(sqlglot.parse_one('a = 1 AND b IN (2, 3)', read='spark').sql('spark'))\n"
        "print(rules_engine.run.__file__)",
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["a = 1 AND b IN (2, 3)", f"{archive}/rules_engine/run.py"]


def test_without_the_zip_nothing_of_it_is_found(tmp_path: Path) -> None:
    """The interpreter of the test above has indeed no site-packages: what loads there came out of the zip."""
    done = fresh_interpreter(tmp_path / "none.zip", "import sqlglot")
    assert "No module named 'sqlglot'" in done.stderr


def test_the_same_sources_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    """A second build is byte for byte the first, so its digest can name it."""
    assert job_zip.build(tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_rules_are_checked_from_the_zip_alone(archive: Path) -> None:
    """The allow-list is a table beside the modules: it is in the zip and found there."""
    done = fresh_interpreter(
        archive,
        "from rules_engine.sql.gate import gate\n"
        "from rules_engine.model.schemas import Schema\n"
        "from rules_engine.model.rules import *\n"
        "from rules_engine.model.rule_sets import RuleSet\n"
        "from datetime import date, datetime\n"
        "schema = Schema('people', 'id', {'people': {'id': 'bigint', 'age': 'int'}}, {'people': 'id'})\n"
        "def rule(key, sql): return RuleVersion(key=key, version=1, kind=Kind.INCLUSION, membership_type='M', weight=1,\n"
        "    form=Form.PREDICATE, sql=sql, frame='people')\n"
        "rules = RuleSet(date(2024, 6, 1), datetime(2024, 6, 1), (MembershipType('M'),),\n"
        "    (rule('GOOD', 'abs(age) > 20'), rule('BAD', \"reflect('a', 'b')\")))\n"
        "print([fault.which for fault in gate.check(rules, schema)])",
    )
    assert (done.stderr, done.stdout) == ("", "['Rule BAD']\n")


def test_it_holds_sources_and_nothing_else(archive: Path) -> None:
    """No compiled file and no test travels; the order is that of names."""
    names = zipfile.ZipFile(archive).namelist()
    assert {Path(name).suffix for name in names} == set(job_zip.DATA)
    assert {name.split("/")[0] for name in names} == {*job_zip.OURS, *job_zip.DEPENDENCIES}
    assert names == sorted(names)


BESIDE_FILES = {
    "jobs/infra.py",
    "jobs/job_zip.py",
    "jobs/package.py",
    "jobs/start.py",
    "jobs/wheels.py",
    "rules_engine/publication/dynamodb_local.py",
    "rules_repo/listening.py",
}
"""Modules that no step imports, or that ask for the file of something else; migrations are unpacked before they are read."""


def test_no_module_of_a_step_reads_beside_its_file() -> None:
    """In the zip there is nothing beside it: data of ours are read as resources of their package."""
    reading = {
        name for name, path in job_zip.members().items() if name.endswith(".py") and "__file__" in path.read_text()
    }
    ours = {name for name in reading if name.split("/")[0] in job_zip.OURS and "/migrations/versions/" not in name}
    assert ours - BESIDE_FILES == set()


def test_a_dependency_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every missing dependency is named at once, before anything is written."""
    monkeypatch.setattr(job_zip, "DEPENDENCIES", ("no-such-library", "sqlglot", "nor-this-one"))
    with pytest.raises(RunRefused) as refused:
        job_zip.members()
    assert [fault.which for fault in refused.value.faults] == ["Dependency no-such-library", "Dependency nor-this-one"]


def test_a_dependency_that_works_only_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg2 is a C extension: the refusal names a file of it and says what to do."""
    monkeypatch.setattr(job_zip, "DEPENDENCIES", ("psycopg2-binary",))
    with pytest.raises(RunRefused, match=r"psycopg2/_psycopg\..* is compiled .* Install the pure one"):
        job_zip.members()
