"""Nobody writes evidence but by doing what it tells of, stops the proof, or makes it run text of his own (R-REPO-6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rules_repo import audit, schema
from tests.security.attackers import LOGINS, Siege

WATCHED = "approval", "release", "rule_version", "schema_version", "tenant_login", "nonesuch", "audit_entry"
COLUMNS = (
    "id bigint",
    "id bigint, tenant text",
    "id bigint, change_id bigint, tenant text, edition bigint, content_hash text, granted boolean, approver text",
)
"""Of a table that looks like one that is watched: fewer than it has, and such as tell a story."""
INTO_ENTRIES = (
    "INSERT INTO rules.audit_entry SELECT * FROM rules.audit_entry LIMIT 1",
    "INSERT INTO rules.audit_entry SELECT position + 1000, at, login, transaction, tenant, relation, operation, row_key,"
    " before, after, reason, previous_hash, hash FROM rules.audit_entry ORDER BY position DESC LIMIT 1",
    "COPY rules.audit_entry FROM PROGRAM 'echo'",
    "UPDATE rules.audit_entry SET login = 'zoe'",
    "DELETE FROM rules.audit_entry",
    "TRUNCATE rules.audit_entry",
    "SELECT setval(c.oid, 1000) FROM pg_class AS c WHERE c.relkind = 'S'",
)
HOSTILE = (
    "x'; SELECT own_ann.evil(); --",
    'x"; SELECT own_ann.evil(); --',
    "%s %(a)s {} $1 :id",
    "approval) ; SELECT own_ann.evil() ; --",
)
"""Names of schemas, tables and columns that are text of a program to whoever does not quote them."""


def forgeries(login: str) -> Iterator[list[str]]:
    """Tables of one's own that the audit might take for those it watches, with its triggers on them."""
    for home in "pg_temp", f"own_{login}":
        for relation in WATCHED:
            for columns in COLUMNS:
                hook = f'ON {home}."{relation}" FOR EACH ROW EXECUTE FUNCTION rules'
                yield [
                    f'CREATE {"TEMP " if home == "pg_temp" else ""}TABLE {home}."{relation}" ({columns})',
                    f"CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE {hook}.audited()",
                    f"CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE {hook}.audited('{{id}}')",
                    f'INSERT INTO {home}."{relation}" (id) VALUES (9)',
                    f'UPDATE {home}."{relation}" SET id = 10',
                    f'DELETE FROM {home}."{relation}"',
                    f'DROP TABLE {home}."{relation}"',
                ]


def entries(siege: Siege) -> list[tuple[object, ...]]:
    return siege("postgres", "SELECT count(*), max(position), max(hash) FROM rules.audit_entry")


@pytest.mark.parametrize("login", LOGINS)
def test_no_entry_is_written_of_a_table_of_ones_own(siege: Siege, login: str) -> None:
    """R2: called like one that is watched, like none, and with fewer columns; nor straight into the entries."""
    before = entries(siege)
    with siege.granted(login, "objects", "writes"):
        for statements in forgeries(login):
            siege.strike(login, *statements)
        siege.strike(login, *INTO_ENTRIES)
    assert entries(siege) == before
    assert not audit.verify(siege.office.url).faults


@pytest.mark.parametrize("reader", ["olga", "postgres"])
def test_the_proof_runs_no_text_of_the_database(siege: Siege, reader: str) -> None:
    """R3: schemas, tables, columns and functions whose names are statements, for an auditor and for a superuser."""
    with siege.granted("ann", "objects"):
        made = siege.strike(
            "ann",
            "CREATE TABLE own_ann.ran (by text)",
            "CREATE FUNCTION own_ann.evil() RETURNS void LANGUAGE sql AS 'INSERT INTO own_ann.ran VALUES (current_user)'",
            "GRANT USAGE ON SCHEMA own_ann TO PUBLIC",
            *(f"CREATE SCHEMA {quoted(name)}" for name in HOSTILE),
            *(f"CREATE TABLE {quoted(name)}.{quoted(name)} ({quoted(name)} bigint)" for name in HOSTILE),
            *(
                f"CREATE TABLE own_ann.{quoted(name)} ({quoted(name)} bigint, id bigint, tenant text)"
                for name in HOSTILE
            ),
            *(f"CREATE FUNCTION own_ann.{quoted(name)}() RETURNS int LANGUAGE sql AS 'SELECT 1'" for name in HOSTILE),
        )
        try:
            assert "refused" not in made, made
            url = siege.office.url if reader == "postgres" else siege.office.url.replace("postgres@", f"{reader}@", 1)
            found = audit.verify(url)
            assert found.entries
            assert not found.faults
            assert not siege("postgres", "SELECT * FROM own_ann.ran")
            siege("postgres", "SELECT own_ann.evil()")
            assert siege("postgres", "SELECT * FROM own_ann.ran") == [("postgres",)]
        finally:
            siege.strike("postgres", *(f"DROP SCHEMA {quoted(name)} CASCADE" for name in HOSTILE))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def holding(siege: Siege, login: str, *locks: int) -> Iterator[None]:
    """A session of a login that holds advisory locks and does nothing."""
    connection = siege.office.connection(login)
    try:
        with connection.cursor() as cursor:
            for lock in locks:
                cursor.execute("SELECT pg_advisory_lock(%s)", (lock,))
        yield
    finally:
        connection.close()


@pytest.mark.parametrize("login", ["eve", "olga"])
def test_no_lock_that_anybody_can_take_stops_an_edit_or_an_upgrade(fresh: Siege, login: str) -> None:
    """R13: the advisory locks that any version of the schema has asked for, held by logins that may only read."""
    with holding(fresh, login, 7_310_589_201, 7_310_589_202):
        schema.upgrade(fresh.office.url)
        fresh("ann", "INSERT INTO rules.category (key) VALUES ('while it is held')")
        fresh("adam", "INSERT INTO rules.governance (tenant, approvals_needed, reason) VALUES ('main', 3, 'more eyes')")
        assert fresh("postgres", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(2,)]
