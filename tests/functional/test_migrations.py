"""From any earlier schema to the newest, by the program or by an administrator's SQL, and nothing known is lost."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest
from alembic.script import ScriptDirectory

from rules_engine.errors import RunRefused
from rules_repo import audit, embedded, schema
from tests.functional.conftest import TWO_RULES, client, runner
from tests.functional.governed import in_every_state, open_office

REVISIONS = [step.revision for step in reversed(list(ScriptDirectory(str(schema.MIGRATIONS)).walk_revisions()))]
SQL = Path(str(schema.MIGRATIONS)) / "sql"
FIRST_PARTS = {
    "0001": "0002_tenancy.sql",
    "0002": "0003_ownership.sql",
    "0003": "0004_begun.sql",
    "0004": "0005_begun.sql",
    "0005": "0006_numbers.sql",
    "0006": "0007_keys.sql",
    "0007": "0008_walls.sql",
    "0008": "0009_lengths.sql",
}
"""With which file the migration after each revision begins."""
SHAPE = """
    SELECT n.nspname || '.' || c.relname || ' ' || c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE n.nspname = 'rules'
    UNION ALL SELECT 'trigger ' || tgrelid::regclass, tgname, tgenabled::text, true, pg_get_triggerdef(oid), NULL
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc), true, obj_description(oid), proacl::text
    FROM pg_proc WHERE pronamespace = 'rules'::regnamespace
    UNION ALL SELECT 'policy', polname, polrelid::regclass::text, true, pg_get_expr(polqual, polrelid), NULL FROM pg_policy
    ORDER BY 1, 2, 3
"""


def at(url: str, revision: str) -> str:
    """A database at an earlier revision, as that version of the program left it."""
    script = schema.offline()
    if revision != schema.HEAD:
        script = script.replace(
            f"{schema.NONE_YET[:-1]}{schema.PLAN_DAYS}", schema.NONE_YET
        )  # approvals without a plan
        end = script.index((SQL / FIRST_PARTS[revision]).read_text(encoding="utf-8"))
        script = script[:end] + f"INSERT INTO rules.schema_version VALUES ('{revision}'); COMMIT;"
    connection = client(url)
    connection.autocommit = True
    runner(connection)(script)
    connection.close()
    return url


@pytest.mark.parametrize("revision", REVISIONS[:1])
@pytest.mark.parametrize("way", ["program", "sql"])
def test_an_earlier_schema_is_brought_up(empty_database_url: str, revision: str, way: str) -> None:
    """Rules of that time stay as known, are the first tenant's, need four eyes from now on, and are in the audit."""
    url = at(empty_database_url, revision)
    assert schema.current(url) == revision
    connection = client(url)
    connection.autocommit = True
    sql = runner(connection)
    sql(TWO_RULES)
    sql("UPDATE rules.rule SET weight = 60, effective_from = '2024-06-01' WHERE rule_key = 'BOND-001'")
    query = "SELECT rule_key, version, weight FROM rules.rule_set('2024-07-01')"
    before = sql(query)
    if way == "program":
        schema.upgrade(url)
    else:
        sql(schema.offline(revision))
    assert schema.current(url) == schema.HEAD
    assert sql(query) == before
    assert sql("SELECT rules.tenant(), rules.approvals_needed()") == [("main", 1)]
    assert audit.verify(url).faults == ()
    sql(
        "UPDATE rules.rule SET weight = 70, effective_from = '2024-08-01' WHERE rule_key = 'BOND-001' AND effective_to IS NULL"
    )
    assert sql(query) == before
    assert sql("SELECT count(*) FROM rules.diff(1)") == [(3,)]
    connection.close()


@pytest.mark.parametrize("day", ["01/06/2027", "06-01-2027", "1.6.2027"])
def test_a_day_that_some_read_month_first_is_refused(postgres_url: str, upgraded_database: str, day: str) -> None:
    """Days are written year-month-day, whatever the server is set to: never silently another day."""
    connection = client(embedded.ensure_database(postgres_url, upgraded_database))
    connection.autocommit = True
    sql = runner(connection)
    for written in ("2027-06-01", "20270601", "2027/06/01", "1 June 2027", "2027-05-31 23:30:00-01"):
        assert sql(f"SELECT '{written}'::timestamptz::date::text") == [("2027-06-01",)]
    with pytest.raises(psycopg2.Error, match="out of range"):
        sql(f"SELECT '{day}'::date")
    connection.close()


@pytest.mark.parametrize(
    ("revision", "way"),
    [
        *(("0002", "program"), ("0002", "sql"), ("0003", "sql"), ("0004", "program")),
        *(("0005", "sql"), ("0006", "program"), ("0008", "sql")),
    ],
)
def test_open_changes_are_brought_up(empty_database_url: str, revision: str, way: str) -> None:
    """Drafts, checks, approvals and the audit of then stay valid; categories come to whom they belong."""
    url = at(empty_database_url, revision)
    connection = client(url)
    connection.autocommit = True
    sql = runner(connection)
    office = open_office(sql, url, *([""] if revision < "0004" else []))
    in_every_state(office)
    office("ann", "INSERT INTO rules.category (key) VALUES ('bonds')")
    office("ann", "UPDATE rules.rule SET category = 'bonds' WHERE rule_key = 'BOND-001'")
    if way == "program":
        schema.upgrade(url)
    else:
        sql(schema.offline(revision))
    assert audit.verify(url).faults == ()
    assert sql("SELECT tenant, key FROM rules.category") == [("main", "bonds")]
    assert sql("SELECT approved_by, state FROM rules.change_overview WHERE change_id = 4") == [("bob", "approved")]
    office("bob", "SELECT rules.schedule(4)")
    office("bob", "SELECT rules.approve(3)")
    office("dan", "SELECT rules.schedule(3)")
    assert sql("SELECT rule_key FROM rules.rule WHERE rule_key = 'TEN-001'") == [("TEN-001",)]
    assert "its check failed" in office.refusal("bob", "SELECT rules.approve(7)")
    assert audit.verify(url).faults == ()
    assert sql("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'rules'") == [("rules_owner",)]
    connection.close()


def test_the_administrators_sql_makes_the_same_schema(postgres_url: str, empty_database_url: str) -> None:
    """Columns, comments, triggers, functions, rights and policies: no difference to an upgrade by the program."""
    other = embedded.ensure_database(postgres_url, "by_program")
    schema.upgrade(other)
    found = []
    for url in (at(empty_database_url, schema.HEAD), other):
        connection = client(url)
        found.append(runner(connection)(SHAPE))
        connection.close()
    embedded.drop_database(postgres_url, "by_program")
    assert found[0] == found[1]
    assert len(found[0]) > 300


def test_a_revision_that_is_none_is_refused() -> None:
    """A slip of the pen is no upgrade from nothing."""
    with pytest.raises(RunRefused, match="There are: 0001, 0002, 0003, 0004, 0005, 0006, 0007, 0008, 0009"):
        schema.offline("9999")
