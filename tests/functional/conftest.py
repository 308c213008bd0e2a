"""A database with two rules, and a client that speaks plain SQL to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from rules_repo import embedded

if TYPE_CHECKING:
    from tests.functional.governed import Office

Sql = Callable[..., list[tuple[Any, ...]]]

TWO_RULES = """
    INSERT INTO rules.membership_type (key, name) VALUES ('GOLD', 'Gold'), ('FAMILY', 'Family');
    INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES
        ('BOND-001', 'inclusion', 'GOLD', 50, 'holdings', 'product_type = ''BOND''', '2024-01-01'),
        ('LOAN-001', 'exclusion', 'GOLD', 40, 'holdings', 'product_type = ''LOAN''', '2024-01-01');
"""


def client(url: str) -> psycopg2.extensions.connection:
    """A connection as any SQL client makes one."""
    return psycopg2.connect(url)


def runner(connection: psycopg2.extensions.connection) -> Sql:
    """Runs one statement and returns its rows."""

    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return run


@contextmanager
def two_rules(url: str) -> Iterator[Sql]:
    """Plain SQL on a database with two rules, every statement committed at once, as the owner of everything."""
    connection = client(url)
    connection.autocommit = True
    run = runner(connection)
    run(TWO_RULES)
    yield run
    connection.close()


@pytest.fixture
def sql(database_url: str) -> Iterator[Sql]:
    """Plain SQL on a database of this test's own."""
    with two_rules(database_url) as run:
        yield run


@pytest.fixture(scope="session")
def unchanged(postgres_url: str, upgraded_database: str) -> Iterator[Sql]:
    """Plain SQL on one database for all statements that must be refused."""
    url = embedded.ensure_database(postgres_url, "unchanged", template=upgraded_database)
    with two_rules(url) as run:
        yield run
    embedded.drop_database(postgres_url, "unchanged")


@pytest.fixture(scope="session")
def lived_in_database(postgres_url: str) -> Iterator[str]:
    """The name of a database that people of two tenants have worked in."""
    from rules_repo import schema
    from tests.functional.governed import open_office
    from tests.functional.tampering import live_in

    url = embedded.ensure_database(postgres_url, "lived_in")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    live_in(open_office(runner(owner), url))
    owner.close()
    yield "lived_in"
    embedded.drop_database(postgres_url, "lived_in")


@pytest.fixture
def lived_in(postgres_url: str, lived_in_database: str) -> Iterator[Office]:
    """A copy of it, to be tampered with."""
    from tests.functional.governed import Office

    name = f"test_{uuid.uuid4().hex[:12]}"
    yield Office(embedded.ensure_database(postgres_url, name, template=lived_in_database))
    embedded.drop_database(postgres_url, name)
