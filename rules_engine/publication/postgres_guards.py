"""What keeps a history on PostgreSQL as it was written, for the owner too; and whether it stands as it was made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.engine import Connection

from rules_engine.errors import Fault

CURRENT = """SELECT DISTINCT ON (subject, membership_type) *
    FROM history."{table}" WHERE NOT correction ORDER BY subject, membership_type, sort_key DESC"""
"""The newest record of every subject and membership type: a view for SQL clients; the program asks the table."""

GUARDS = """
CREATE OR REPLACE FUNCTION history.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE =
        'History ' || TG_TABLE_NAME || ' is insert-only: ' || TG_OP || ' is refused, for everyone. '
        'A decision that was wrong is answered by a newer one.';
END $$;
CREATE OR REPLACE FUNCTION history.refuse_future() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest timestamptz := (SELECT max(created_at) FROM added);
BEGIN
    IF latest > clock_timestamp() + interval '1 day' THEN
        RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE =
            'History ' || TG_TABLE_NAME || ': a record is dated ' || latest::text || ', which is still to come. '
            'It would count as the newest one until then.';
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION history.refuse_change, history.refuse_future FROM PUBLIC;
CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history."{table}"
    FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change();
CREATE OR REPLACE TRIGGER not_ahead AFTER INSERT ON history."{table}" REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_future();
ALTER TABLE history."{table}" ENABLE ALWAYS TRIGGER insert_only, ENABLE ALWAYS TRIGGER not_ahead;
CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history."{table}_chain"
    FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change();
ALTER TABLE history."{table}_chain" ENABLE ALWAYS TRIGGER insert_only;
DO $$ BEGIN
    EXECUTE 'GRANT TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' TO "{table}_writer"';
END $$;
"""
"""What keeps a table as it was written; a table that was made before has them made when its owner comes by."""

TRIGGERS = """
    SELECT c.relname AS table, t.tgname AS name, t.tgenabled::text AS enabled, t.tgtype AS kind,
        t.tgqual IS NULL AND t.tgattr = '' AS always, t.tgfoid::regproc::text AS calls
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace('history') AND c.relname IN (:table, :chain) AND NOT t.tgisinternal
"""
FUNCTIONS = """
    SELECT p.oid::regproc::text AS name, p.prosrc AS body, l.lanname AS language, p.prosecdef AS definer,
        array_to_string(p.proconfig, '; ') AS settings
    FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang WHERE p.pronamespace = to_regnamespace('history')
"""
BESIDE = """
    SELECT c.relname AS table, 'a rule ' || r.rulename AS what
    FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
    WHERE c.relnamespace = to_regnamespace('history') AND c.relname IN (:table, :chain)
    UNION ALL SELECT c.relname, 'row level security' FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('history') AND c.relname IN (:table, :chain) AND c.relrowsecurity
    UNION ALL SELECT c.relname, 'the table ' || i.inhrelid::regclass || ', which inherits from it' FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhparent
    WHERE c.relnamespace = to_regnamespace('history') AND c.relname IN (:table, :chain)
"""
VIEW = "SELECT pg_get_viewdef(to_regclass(format('history.%I', CAST(:view AS text))), true)"
COLUMNS = """
    SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = to_regclass(format('history.%I', CAST(:table AS text))) AND attnum > 0 AND NOT attisdropped
"""

ALWAYS = "A"
INSERT_ONLY, NOT_AHEAD = 2 | 8 | 16 | 32, 4
"""PostgreSQL's bits of a trigger for each statement: before DELETE, UPDATE or TRUNCATE; after INSERT."""

BODIES = dict(re.findall(r"FUNCTION (history\.\w+)\(\).*?AS \$\$(.*?)\$\$", GUARDS, re.DOTALL))

FOUND = "Find out who did that and what was written meanwhile"


def guard_faults(connection: Connection, table: str) -> Iterator[Fault]:
    """Triggers, functions and view that do not stand as they were made, and what was put beside them."""
    names = {"table": table, "chain": f"{table}_chain"}
    drop = f'DROP TRIGGER IF EXISTS insert_only ON history."{table}_chain"'
    again = f"{FOUND}; then, to have all of them made again, as owner: {drop}; and: rules db upgrade."
    away = f"{FOUND}, and take it away."
    there = {(row.table, row.name): row[2:] for row in connection.execute(text(TRIGGERS), names)}
    for (of, name), said in _triggers(table).items():
        if there.pop((of, name), None) != said:
            yield Fault(f"Trigger {name} on history.{of}", "it is not there, is off, or is another.", again)
    for of, name in there:
        yield Fault(f"Trigger {name} on history.{of}", "the program makes none of that name.", away)
    for row in connection.execute(text(BESIDE), names):
        yield Fault(f"Table history.{row.table}", f"there is {row.what}, which the program does not make.", away)
    functions = {row.name: row[1:] for row in connection.execute(text(FUNCTIONS))}
    for name, body in BODIES.items():
        if functions.get(name) != (body, "plpgsql", False, "search_path=pg_catalog, pg_temp"):
            yield Fault(f"Function {name}", "it is not as the program makes it.", again)
    view = connection.execute(text(VIEW), {"view": f"{table}_current"}).scalar()
    columns = connection.execute(text(COLUMNS), {"table": table}).scalar()
    if _plain(view or "", table) != _plain(CURRENT.format(table=table).replace("*", str(columns)), table):
        yield Fault(f"View history.{table}_current", "it is not there, or asks something else than was made.", again)


def _triggers(table: str) -> dict[tuple[str, str], tuple[object, ...]]:
    return {
        (table, "insert_only"): (ALWAYS, INSERT_ONLY, True, "history.refuse_change"),
        (table, "not_ahead"): (ALWAYS, NOT_AHEAD, True, "history.refuse_future"),
        (f"{table}_chain", "insert_only"): (ALWAYS, INSERT_ONLY, True, "history.refuse_change"),
    }


def _plain(query: str, table: str) -> str:
    """A query without what servers word in their own way: qualifiers, quotes, spaces."""
    unquoted = query.replace('"', "").replace(f" {table}.", " ").replace(f"({table}.", "(")
    return re.sub(r"\s+", " ", unquoted).strip().rstrip(";")
