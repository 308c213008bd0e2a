"""What the suite shares: one Spark session, one PostgreSQL server."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The suite's one Spark session, started as the engine starts it."""
    from rules_engine.java import find_java
    from rules_engine.spark import session

    work: Path = tmp_path_factory.mktemp("spark")
    running = session.start(find_java(work / "java"), work, master="local[2]", memory="3g", quick=True)
    running.conf.set("spark.sql.shuffle.partitions", "2")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """
    The suite's one PostgreSQL server: the URL of its maintenance database.

    TEST_POSTGRES=15 takes that version of the system's packages instead of the wheel (infra/postgres.sh).
    Its folder is none of pytest's: those are closed to other users whenever
    another pytest starts, and for root the server runs as another user.
    """
    from rules_repo import embedded
    from rules_repo.connection import connected
    from tests.system_postgres import server

    if version := os.environ.get("TEST_POSTGRES"):
        with server(int(version)) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="rules-postgres-") as place:
        folder = Path(place) / "data"
        url = embedded.start(folder)
        with connected(url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        yield url
        embedded.stop(folder)


@pytest.fixture(scope="session")
def upgraded_database(postgres_url: str) -> str:
    """The name of a database with the schema, no rules, and no approval needed: the others are copies of it."""
    from rules_repo import embedded, schema
    from rules_repo.governance import require_approvals

    url = embedded.ensure_database(postgres_url, "upgraded")
    schema.upgrade(url)
    require_approvals(url, 0, "tests edit at once")
    return "upgraded"


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A fresh database without the schema."""
    from rules_repo import embedded

    name = f"test_{uuid.uuid4().hex[:12]}"
    yield embedded.ensure_database(postgres_url, name)
    embedded.drop_database(postgres_url, name)


@pytest.fixture
def database_url(postgres_url: str, upgraded_database: str) -> Iterator[str]:
    """A fresh database with the schema at its newest, and no rules."""
    from rules_repo import embedded

    name = f"test_{uuid.uuid4().hex[:12]}"
    yield embedded.ensure_database(postgres_url, name, template=upgraded_database)
    embedded.drop_database(postgres_url, name)
