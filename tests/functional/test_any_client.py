"""Clients other than ours, over TCP: psql and a JDBC driver browse, edit, and are refused in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from rules_engine.errors import ChangeRefused
from rules_engine.java import find_java
from rules_engine.publication import dynamodb_local
from rules_repo import embedded, schema
from rules_repo.client import psql
from rules_repo.listening import Loopback
from tests.functional.conftest import client, runner
from tests.functional.governed import OFFICE, TWO_RULES, Office, open_office
from tests.functional.rules_command import RulesCommand
from tests.functional.test_analysts_manual import run_the_page

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Listening:
    """A server that listens on the loopback address, and its folder, whose name has a blank and an apostrophe."""

    loopback: Loopback
    folder: Path

    @property
    def socket_url(self) -> str:
        return embedded.start(self.folder)

    def office(self, name: str) -> Office:
        """A database with two rules that four eyes published; whoever is of the office has a password."""
        url = embedded.ensure_database(self.socket_url, name)
        schema.upgrade(url)
        owner = client(url)
        owner.autocommit = True
        made = open_office(runner(owner), url)
        for login in OFFICE:
            made("postgres", f"ALTER ROLE {login} PASSWORD 'of {login}'")
        made("ann", TWO_RULES)
        made.published(1)
        owner.close()
        return made

    def url(self, login: str, name: str) -> str:
        return f"postgresql://{login}:of%20{login}@127.0.0.1:{self.loopback.port}/{name}"


@pytest.fixture(scope="module")
def listening() -> Iterator[Listening]:
    place = Path(tempfile.mkdtemp(prefix="anna's rules "))
    place.chmod(0o755)
    yield Listening(embedded.listen(place / "postgres"), place / "postgres")
    embedded.stop(place / "postgres")
    shutil.rmtree(place, ignore_errors=True)


@dataclass(frozen=True)
class ByPsql:
    """As an office is asked, with psql over TCP, set as `rules db psql` sets it."""

    listening: Listening
    name: str

    def __call__(self, login: str, statement: str) -> str:
        ended = self.run(login, statement)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def refusal(self, login: str, statement: str) -> str:
        ended = self.run(login, statement)
        assert ended.returncode
        assert ended.stderr.startswith("ERROR:  ")
        return ended.stderr.removeprefix("ERROR:  ").removesuffix("\n")

    def run(self, login: str, statement: str) -> subprocess.CompletedProcess[str]:
        words, settings = psql(self.listening.url(login, self.name))
        assert not any("of " in word for word in words), "the password would stand in the list of processes"
        command = [*words, "-X", "-q", "-c", statement]
        return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def driver(spark: SparkSession) -> Any:
    """PostgreSQL's driver for Java, in Spark's Java, which has none of its own."""
    jars = ROOT / "build" / "jdbc"
    dynamodb_local.fetch(jars, find_java(ROOT / "build"), ROOT / "tests" / "data" / "jdbc.ivy.xml")
    java: Any = spark.sparkContext._jvm
    gateway: Any = spark.sparkContext._gateway
    urls = gateway.new_array(java.java.net.URL, 1)
    urls[0] = java.java.io.File(str(next(jars.glob("*.jar")))).toURI().toURL()
    return java.java.net.URLClassLoader(urls).loadClass("org.postgresql.Driver").newInstance()


@dataclass(frozen=True)
class ByJdbc:
    """As an office is asked, over JDBC with the address that `rules db url --tcp` gives."""

    spark: SparkSession
    driver: Any
    address: str

    def connection(self, login: str) -> Any:
        java: Any = self.spark.sparkContext._jvm
        said = java.java.util.Properties()
        said.setProperty("user", login)
        said.setProperty("password", f"of {login}")
        return self.driver.connect(self.address, said)

    def __call__(self, login: str, statement: str) -> None:
        connection = self.connection(login)
        try:
            connection.createStatement().execute(statement)
        finally:
            connection.close()

    def refusal(self, login: str, statement: str) -> str:
        with pytest.raises(Py4JJavaError) as refused:
            self(login, statement)
        return str(refused.value.java_exception.getMessage()).removeprefix("ERROR: ")


def test_the_manual_is_true_in_psql_over_tcp(listening: Listening) -> None:
    """Every statement of the manual, with a password and no socket; a refusal is one sentence, without CONTEXT."""
    office = listening.office("by_psql")
    assert run_the_page(office, ByPsql(listening, "by_psql")) > 10


def test_the_manual_is_true_over_jdbc(listening: Listening, spark: SparkSession, driver: Any) -> None:
    """The same with a driver for Java: what it says of a refusal is the sentence alone."""
    office = listening.office("by_jdbc")
    assert run_the_page(office, ByJdbc(spark, driver, listening.loopback.jdbc("by_jdbc"))) > 10


def test_a_client_shows_what_columns_mean_and_edits_the_rows_that_it_shows(
    listening: Listening, spark: SparkSession, driver: Any
) -> None:
    """A grid reads remarks from the catalogue; an edit in it is an UPDATE, and what it came to is a warning."""
    listening.office("by_grid")
    connection = ByJdbc(spark, driver, listening.loopback.jdbc("by_grid")).connection("ann")
    columns = connection.getMetaData().getColumns(None, "rules", "rule", None)
    remarks = {}
    while columns.next():
        remarks[columns.getString("COLUMN_NAME")] = columns.getString("REMARKS")
    assert remarks["weight"]
    assert all(remarks.values())
    edit = connection.prepareStatement("UPDATE rules.rule SET weight = ? WHERE rule_key = ?")
    edit.setInt(1, 41)
    edit.setString(2, "LOAN-001")
    assert edit.executeUpdate() == 1
    assert "drafted in change 2" in edit.getWarnings().getMessage()
    connection.close()


def test_without_the_password_nobody_comes_in(listening: Listening) -> None:
    """The server asks for it on the loopback address, and the file that keeps it is its owner's alone."""
    file = listening.loopback.file
    assert file.stat().st_mode & 0o777 == 0o600
    assert listening.loopback.password in file.read_text()
    wrong = listening.url("postgres", "postgres")
    words, _ = psql(wrong)
    ended = subprocess.run(
        [*words, "-X", "-w", "-c", "SELECT 1"], env={"PGPASSWORD": "guess"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode
    assert "password authentication failed" in ended.stderr


def test_it_listens_on_request_alone_and_ends_no_session() -> None:
    """Without the request there is no port; with it a server that has sessions says whose, and goes on."""
    place = Path(tempfile.mkdtemp(prefix="rules-listening-"))
    place.chmod(0o755)
    folder = place / "postgres"
    try:
        session = client(embedded.start(folder))
        with pytest.raises(ChangeRefused, match="sessions are open: postgres by a client since"):
            embedded.listen(folder)
        with session.cursor() as cursor:
            cursor.execute("SHOW listen_addresses")
            assert cursor.fetchone() == ("",)
        session.close()
        first = embedded.listen(folder)
        assert embedded.listen(folder) == first
        embedded.stop(folder)
        assert "port" not in embedded.start(folder)
        first.file.chmod(0o644)
        assert embedded.listen(folder).password != first.password, "others could have read it"
    finally:
        embedded.stop(folder)
        shutil.rmtree(place, ignore_errors=True)


def test_the_command_says_how_to_connect_and_opens_psql(tmp_path: Path, postgres_url: str) -> None:
    """`rules db psql` runs statements with the same setting; a repository that is elsewhere is left as it is."""
    there = {"RULES_DATABASE_URL": postgres_url, "RULES_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "from console.main import main; main()", "db", "psql", "-c", "SELECT 40 + 2"]
    ended = subprocess.run(command, env=os.environ | there, capture_output=True, text=True, check=False)
    assert "42" in ended.stdout
    _, (fault,) = RulesCommand(tmp_path, {"RULES_DATABASE_URL": postgres_url}).refused("db", "url", "--tcp")
    assert fault["remedy"] == "Leave --tcp out: `rules db url`."
