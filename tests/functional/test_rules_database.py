"""The database the rules are in: its address, its schema, and the embedded server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from rules_engine.errors import RunRefused
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion
from rules_repo import embedded, schema
from rules_repo.connection import shown
from rules_repo.governance import require_approvals
from rules_repo.overview import overview
from rules_repo.repository import Repository
from tests.functional.conftest import Sql
from tests.functional.governed import open_office
from tests.functional.rules_command import RulesCommand

DAY = date(2024, 7, 1)
GOLD = MembershipType("GOLD")
BOND = RuleVersion("BOND-001", 1, Kind.INCLUSION, "GOLD", 50, Form.PREDICATE, "true", "holdings")


@pytest.fixture
def repository(database_url: str) -> Repository:
    return Repository(database_url)


def now() -> datetime:
    return datetime.now(UTC)


ADDRESSES: dict[str, tuple[Callable[[str], str], str]] = {
    "a database that is down": (lambda _: "postgresql://ann:s3cret@127.0.0.1:1/rules", "it cannot be reached"),
    "a host that does not exist": (lambda _: "postgresql://ann:s3cret@nohost.invalid/rules", "it cannot be reached"),
    "a database that does not exist": (lambda url: url.replace("/test_", "/nowhere_"), "does not exist"),
    "another kind of database": (lambda _: "mysql://ann:s3cret@localhost/rules", "postgresql://user@host"),
    "an address that is none": (lambda _: "s3cret rules", "something that is no URL"),
    "an address without a database": (lambda _: "postgresql://ann:s3cret@localhost", "postgresql://user@host"),
    "a bad port": (lambda _: "postgresql://ann:s3cret@localhost:port/rules", "something that is no URL"),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_an_address_that_does_not_work_is_refused_without_its_password(database_url: str, case: str) -> None:
    """The operator reads where it failed and what to do, and nobody reads a password."""
    address, says = ADDRESSES[case]
    url = address(database_url)
    for read in (lambda: Repository(url).rule_set(DAY, now()), lambda: overview(url)):
        with pytest.raises(RunRefused) as refused:
            read()
        assert says in str(refused.value)
        assert "s3cret" not in str(refused.value)


LACKING = {"eve": (("audit", "log"), "rules_auditor"), "nick": (("rules", "list"), "rules_analyst, rules_approver")}
"""Who asks what without the right to, and the role that the refusal names."""


@pytest.mark.parametrize("login", LACKING)
def test_who_lacks_a_right_is_told_the_role_that_has_it(
    repository: Repository, database_url: str, sql: Sql, tmp_path: Path, login: str
) -> None:
    words, role = LACKING[login]
    open_office(sql, database_url)
    sql("DO $$ BEGIN CREATE ROLE nick LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
    url = database_url.replace("postgres@", f"{login}@", 1)
    _, (fault,) = RulesCommand(tmp_path, {"RULES_DATABASE_URL": url}).refused(*words)
    assert "the login lacks a right" in fault["what"]
    assert role in fault["remedy"]


def test_a_password_is_hidden_wherever_it_stands() -> None:
    """Passwords in the query of an address are passwords too."""
    assert "s3cret" not in shown("postgresql://ann:s3cret@h/rules?password=s3cret&sslpassword=s3cret")
    assert "s3cret" not in repr(Repository("postgresql://ann:s3cret@h/rules"))


def test_a_database_without_the_schema_is_refused(empty_database_url: str) -> None:
    """The message says how the schema gets there."""
    repository = Repository(empty_database_url)
    for use in (repository.rules, lambda: repository.publish([BOND]), lambda: overview(empty_database_url)):
        with pytest.raises(RunRefused, match="rules db upgrade"):
            use()


def test_a_schema_of_another_age_is_refused(repository: Repository, sql: Sql) -> None:
    """A schema newer than the program is not guessed at."""
    sql("UPDATE rules.schema_version SET version_num = '9999'")
    with pytest.raises(RunRefused, match="Update this program"):
        repository.rule_set(DAY, now())


def test_the_newest_migration_is_the_one_that_the_program_knows() -> None:
    """HEAD is the newest migration there is."""
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_current_head() == schema.HEAD


def test_upgrading_again_changes_nothing(empty_database_url: str) -> None:
    """A new database gets the schema; a second upgrade leaves it and what it holds."""
    assert schema.current(empty_database_url) is None
    assert schema.upgrade(empty_database_url) == schema.HEAD == schema.current(empty_database_url)
    require_approvals(empty_database_url, 0, "a test")
    Repository(empty_database_url).publish([BOND], [GOLD])
    schema.upgrade(empty_database_url)
    assert Repository(empty_database_url).rules() == (BOND,)


def test_the_embedded_server_outlives_a_stop_and_a_crash(postgres_url: str) -> None:
    """Start, stop and kill -9: the data stays, and a stale pid file keeps nobody out."""
    with tempfile.TemporaryDirectory(prefix="rules-postgres-") as place:
        folder = Path(place) / "data"
        assert not embedded.is_running(folder)
        url = embedded.ensure_database(embedded.start(folder), "kept")
        assert embedded.is_running(folder)
        schema.upgrade(url)
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        while embedded.is_running(folder):
            time.sleep(0.05)
        assert embedded.ensure_database(embedded.start(folder), "kept") == url
        assert schema.current(url) == schema.HEAD
        assert embedded.stop(folder)
        assert not embedded.stop(folder)
        (folder / "postmaster.pid").write_text(f"{os.getpid()}\n")
        embedded.start(folder)
        assert schema.current(url) == schema.HEAD
        embedded.stop(folder)


def test_a_database_name_is_checked(postgres_url: str) -> None:
    """A name that would need quoting is refused before it reaches the server."""
    with pytest.raises(RunRefused, match="small letters"):
        embedded.ensure_database(postgres_url, 'x"; DROP DATABASE postgres; --')
    embedded.drop_database(postgres_url, "never_there")


def test_a_list_of_rules_loads_only_what_it_needs() -> None:
    """SQLAlchemy and the readers of files would take as long to load as thousands of rules to list."""
    heavy = "sqlalchemy", "yaml", "openpyxl", "pyspark", "boto3"
    asked = f"import sys; from console.main import program; program(['list']); print({{*sys.modules}} & {{*{heavy}}})"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
