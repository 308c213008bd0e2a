"""What verify is told of the schema, held to what the migrations make; and the false alarms that it does not give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import psycopg2
import pytest

from rules_repo import audit, audit_catalogue, embedded, schema
from rules_repo.audit_faults import Findings
from rules_repo.audit_tables import AUDIT, SETTLING, VERSION, WATCHED
from rules_repo.connection import bare
from tests import audit_histories, catalogue
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, open_office
from tests.functional.test_migrations import at
from tests.system_postgres import installed, server

COLUMNS = r"""
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL), EXISTS (SELECT FROM pg_index AS x
        WHERE x.indrelid = c.oid AND x.indisprimary AND a.attnum = ANY (x.indkey)) AND NOT EXISTS (SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND t.tgname = 'audited' AND a.attname <> ALL (rtrim(encode(t.tgargs, 'escape'), '\0')::text[]))
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r'
"""


@pytest.mark.parametrize("revision", sorted(WATCHED))
def test_the_fixed_tables_are_those_of_the_migrations(empty_database_url: str, revision: str) -> None:
    """Names, columns, types and keys of every table that there is, as each migration left them; nothing was forgotten."""
    connection = client(at(empty_database_url, revision))
    made = set(runner(connection)(COLUMNS))
    connection.close()
    older = {("settling", "nothing", "boolean", False)}
    assert made & older == (older if revision == "0002" else set())
    made -= older
    tables = [*WATCHED[revision].values(), AUDIT, VERSION, *([SETTLING] if revision >= "0003" else [])]
    assert {(t.name, c, type_, c in t.key) for t in tables for c, type_ in t.columns.items()} == made


@pytest.mark.parametrize("version", ["of the wheel", *installed()])
def test_the_shipped_lines_are_those_of_a_fresh_migration(postgres_url: str, version: str | int) -> None:
    """On each server at hand; if a migration changed them: ``python -m tests.catalogue``."""
    with nullcontext(postgres_url) if isinstance(version, str) else server(version) as url:
        major, found = catalogue.left(url)
    shipped = audit_catalogue.shipped(major)
    assert shipped.own is not None
    assert found == shipped.alike | shipped.own


def test_on_a_version_without_lines_the_digest_in_the_audit_decides(database_url: str) -> None:
    """What every server writes alike is compared by name; for the rest there is what the migration left on this server."""
    with bare(database_url) as connection:
        runner(connection)("SET search_path = pg_catalog, pg_temp")
        found = audit_catalogue.lines(connection)
    ((left,),) = _asked(
        database_url,
        "SELECT after ->> 'catalogue' FROM rules.audit_entry WHERE operation = 'MIGRATION' ORDER BY position DESC LIMIT 1",
    )
    wanted = audit_catalogue.Shipped(audit_catalogue.shipped(18).alike, None, audit_catalogue.shipped(18).names)
    told = {}
    for case, lines in (("as left", found), ("another view", {*found, "view rule SELECT 1"} - _of("view rule", found))):
        findings = Findings()
        audit_catalogue.compare(frozenset(lines), wanted, 19, str(left), findings)
        told[case] = [str(fault) for fault in findings.told()]
    assert told["as left"] == []
    assert "The schema: it is not what its migration left. How PostgreSQL 19 words views" in told["another view"][0]
    findings = Findings()
    audit_catalogue.compare(frozenset(found - _of("trigger change.audited", found)), wanted, 19, str(left), findings)
    assert "Trigger change.audited: it is gone" in str(next(findings.told()))


def _of(name: str, lines: frozenset[str]) -> set[str]:
    return {line for line in lines if audit_catalogue.name(line) == name}


def _asked(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = client(url)
    try:
        return runner(connection)(statement)
    finally:
        connection.close()


@pytest.fixture
def histories(postgres_url: str) -> Iterator[audit_histories.Histories]:
    url = embedded.ensure_database(postgres_url, "histories")
    schema.upgrade(url)
    made = audit_histories.Histories(url, seed=20_240_601)
    made.begin()
    yield made
    made.close()
    embedded.drop_database(postgres_url, "histories")


@pytest.mark.slow
def test_legal_histories_give_no_false_alarm(histories: audit_histories.Histories) -> None:
    """120 of them, of two tenants, in every style of days and zone: for a superuser and for the auditor of each tenant."""
    for _ in range(120):
        histories.one()
    entries, told = audit_histories.verified(histories.url)
    assert told == []
    assert entries > 1_000
    done = {kind for kind in histories.counts if not kind.endswith("refused")}
    assert {"change published", "change approved", "rule paused", "freeze lifted", "constraints set"} <= done
    assert histories.counts["change published"] > 10


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, MDY"])
def test_days_that_were_written_in_another_style_before_0003_are_no_fault(empty_database_url: str, style: str) -> None:
    """Until then a client's DateStyle was in the hashed texts; rows are read as they were meant (R12)."""
    url = at(empty_database_url, "0002")
    connection = client(url)
    connection.autocommit = True
    sql = runner(connection)
    name = url.rpartition("/")[2].partition("?")[0]
    office = open_office(sql, url, asked="")
    sql(f"ALTER DATABASE {name} SET datestyle = '{style}'")
    office("ann", TWO_RULES)
    office.published(1)
    office("ann", "UPDATE rules.rule SET weight = 60, effective_from = '2024-06-01' WHERE rule_key = 'BOND-001'")
    office("bob", "SELECT rules.pause('LOAN-001', 'odd', current_date + 3)")
    sql(f"ALTER DATABASE {name} SET datestyle = 'ISO, YMD'")
    office.published(2)
    office("bob", "SELECT rules.resume('LOAN-001', 'fine')")
    connection.close()
    schema.upgrade(url)
    assert audit.verify(url).faults == ()


def test_it_changes_nothing_and_waits_for_nobody(database_url: str) -> None:
    """Verifying reads one state in a read-only transaction, also while somebody commits."""
    connection = psycopg2.connect(database_url)
    connection.cursor().execute("LOCK TABLE rules.settling IN EXCLUSIVE MODE")
    assert audit.verify(database_url).faults == ()
    connection.close()


def test_what_was_common_before_0003_withholds_nothing_from_the_proof(empty_database_url: str) -> None:
    """Categories were everybody's and came to whom they belonged: the auditor of one tenant sees his, and no fault."""
    url = at(empty_database_url, "0002")
    connection = client(url)
    connection.autocommit = True
    sql = runner(connection)
    office = open_office(sql, url)
    sql("INSERT INTO rules.tenant VALUES ('acme', 'Another mutual')")
    for tenant, login in (("main", "ann"), ("main", "bob"), ("acme", "dan"), ("acme", "olga")):
        sql("INSERT INTO rules.tenant_login VALUES (%s, %s)", tenant, login)
    for login in ("ann", "dan"):
        office(login, f"INSERT INTO rules.category (key) VALUES ('of {login}')")
    office("ann", "UPDATE rules.category SET description = 'ours' WHERE key = 'of ann'")
    connection.close()
    schema.upgrade(url)
    for login in ("postgres", "olga"):
        verdict = audit.verify(url.replace("postgres@", f"{login}@", 1))
        assert verdict.faults == ()
        assert (verdict.withheld > 0) == (login == "olga")


def test_what_a_superuser_may_edit_by_hand_is_no_fault(database_url: str) -> None:
    """No trigger refuses a superuser another key for a category, or reason and state of a change in one statement."""
    connection = client(database_url)
    connection.autocommit = True
    sql = runner(connection)
    sql("INSERT INTO rules.governance (approvals_needed, reason) VALUES (1, 'so')")
    sql(TWO_RULES)
    sql("INSERT INTO rules.category (key) VALUES ('bonds'), ('loans')")
    sql("UPDATE rules.category SET key = 'debts' WHERE key = 'loans'")
    sql("UPDATE rules.category SET description = 'owed' WHERE key = 'debts'")
    sql("DELETE FROM rules.category WHERE key = 'bonds'")
    sql("UPDATE rules.change SET state = 'in review', reason = 'in one' WHERE state = 'draft'")
    connection.close()
    assert audit.verify(database_url).faults == ()


def test_values_that_python_cannot_read_are_no_fault(empty_database_url: str) -> None:
    """Before 0003 metadata could be of 5,000 digits or 3,000 levels: JSON to PostgreSQL, compared as it is written."""
    url = at(empty_database_url, "0002")
    connection = client(url)
    connection.autocommit = True
    sql = runner(connection)
    sql("INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'a tutorial')")
    sql(TWO_RULES)
    deep = "[" * 3_000 + "]" * 3_000
    for value in (deep, "1" + "0" * 5_000, '"\\"},{"', '{"},": [1.50, null]}'):
        sql("UPDATE rules.rule SET metadata = %s WHERE rule_key = 'BOND-001'", f'{{"a, b": {value}, "deep": {deep}}}')
    connection.close()
    schema.upgrade(url)
    assert audit.verify(url).faults == ()
