"""What a login makes to be run by others: functions, operators, casts and tables named like those that the schema asks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.security.attackers import Siege

EVIL = (
    """
    CREATE FUNCTION pg_temp.evil() RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        RAISE NOTICE 'ran as %', current_user;
        RETURN 1;
    END $$""",
)
"""It says as whom it runs: whoever but its owner that is has lent it his rights."""

FUNCTION = "CREATE OR REPLACE FUNCTION {0}.{1}({2}) RETURNS {3} LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'ran as %', current_user; RETURN NULL; END $$"
ASKED = """
    SELECT DISTINCT p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid)
    FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname = ANY (%s)
        AND pg_get_function_result(p.oid) !~ 'SETOF|TABLE|internal|any|cstring|trigger'
        AND pg_get_function_identity_arguments(p.oid) !~ 'internal|cstring|VARIADIC|OUT'
"""
AGGREGATES = {
    "array_agg": "{}[]",
    "string_agg": "text",
    "min": "{}",
    "max": "{}",
    "bool_and": "boolean",
    "jsonb_agg": "jsonb",
    "count": "bigint",
}
"""What each aggregate of PostgreSQL makes of values of a type."""
TYPES = (
    "text",
    "bigint",
    "integer",
    "jsonb",
    "date",
    "timestamptz",
    "daterange",
    "tstzrange",
    "text[]",
    "numeric",
    "name",
)
OPERATORS = "=", "<>", "||", "->", "->>", "@>", "&&", "-", "+", "~", "!~", "<", ">", "<=", ">=", "~*"


def betrayed(seen: str, login: str) -> bool:
    """Whether a login's code ran as somebody else."""
    return any(name != login for name in re.findall(r"ran as (\S+)", seen))


def hooks(siege: Siege) -> Iterator[list[str]]:
    """Every trigger function of the schema, on a table and on a view of one's own for each relation it is on."""
    functions = siege(
        "postgres",
        "SELECT p.proname, coalesce(array_agg(DISTINCT c.relname) FILTER (WHERE c.relname IS NOT NULL), '{change}')"
        " FROM pg_proc AS p LEFT JOIN pg_trigger AS t ON t.tgfoid = p.oid LEFT JOIN pg_class AS c ON c.oid = t.tgrelid"
        " WHERE p.pronamespace = 'rules'::regnamespace AND p.prorettype = 'trigger'::regtype GROUP BY 1 ORDER BY 1",
    )
    for function, relations in functions:
        for relation in list(relations)[:1]:  # type: ignore[call-overload]
            hook = f"EXECUTE FUNCTION rules.{function}('{{id}}')"
            yield [
                f'CREATE TEMP TABLE "{relation}" (id bigint, change_id bigint, tenant text, key text)',
                "CREATE TEMP VIEW touched AS SELECT pg_temp.evil() AS change_id",
                f'CREATE TRIGGER a AFTER INSERT ON pg_temp."{relation}" FOR EACH ROW {hook}',
                f'CREATE TRIGGER b BEFORE INSERT OR UPDATE ON pg_temp."{relation}" FOR EACH ROW {hook}',
                f'CREATE TRIGGER c AFTER INSERT ON pg_temp."{relation}" REFERENCING NEW TABLE AS new FOR EACH STATEMENT {hook}',
                f'CREATE CONSTRAINT TRIGGER d AFTER INSERT ON pg_temp."{relation}" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {hook}',
                f"CREATE TRIGGER e INSTEAD OF INSERT ON pg_temp.touched FOR EACH ROW {hook}",
                f"""INSERT INTO pg_temp."{relation}" VALUES (3, 3, 'main', 'x')""",
                f'UPDATE pg_temp."{relation}" SET id = 4',
                "INSERT INTO pg_temp.touched VALUES (1)",
            ]


def disguises(siege: Siege, schema: str) -> list[str]:
    """All that can be named like what the functions, views and policies of the schema ask by name."""
    ((text,),) = siege(
        "postgres", "SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE pronamespace = 'rules'::regnamespace"
    )
    names = sorted(set(re.findall(r"([a-z_0-9]+)\(", str(text))))
    made = [
        FUNCTION.format(schema, f'"{name}"', arguments, result)
        for name, arguments, result in siege("postgres", ASKED, names)
    ]
    for kind in TYPES:
        made += [
            FUNCTION.format(schema, f"op{len(made)}_{i}", f"a {kind}, b {other}", "boolean")
            + f"; CREATE OPERATOR {schema}.{sign} (FUNCTION = {schema}.op{len(made)}_{i}, LEFTARG = {kind}, RIGHTARG = {other})"
            for other in (kind, "text")
            for i, sign in enumerate(OPERATORS)
        ]
        for name, result in AGGREGATES.items():
            made_of, step = result.format(kind), f"step{len(made)}"
            made.append(FUNCTION.format(schema, step, f"a {made_of}, b {kind}", made_of))
            made.append(f"CREATE AGGREGATE {schema}.{name} ({kind}) (SFUNC = {schema}.{step}, STYPE = {made_of})")
    relations = siege(
        "postgres", "SELECT relname FROM pg_class WHERE relnamespace = 'rules'::regnamespace AND relkind = 'r'"
    )
    for (relation,) in [*relations, ("pg_roles",), ("pg_class",), ("pg_trigger",), ("pg_proc",)]:
        made.append(f'CREATE TABLE {schema}."{relation}" (id bigint, key text, tenant text)')
        made.append(f'CREATE TEMP VIEW "{relation}" AS SELECT pg_temp.evil() AS id, pg_temp.evil() AS change_id')
    own = f"{schema}.own"
    made.append(f"CREATE TYPE {own} AS (a integer)")
    for kind in TYPES[:6]:
        made.append(FUNCTION.format(schema, f'"to_{kind}"', f"a {own}", kind))
        made.append(f'CREATE CAST ({own} AS {kind}) WITH FUNCTION {schema}."to_{kind}"({own}) AS IMPLICIT')
    return made


def types(schema: str) -> list[str]:
    """Types named like those that the schema casts to."""
    return [
        f'CREATE TYPE {schema}."{kind}" AS (a integer)' for kind in ("text", "jsonb", "change", "rule", "daterange")
    ]


SAMPLES = {
    "bigint": ("3", "10", "11"),
    "text": ("'BOND-001'", "'acme'"),
    "date": ("current_date + 1", "NULL"),
    "timestamp with time zone": ("clock_timestamp()",),
    "boolean": ("true",),
    "jsonb": (
        """'[{"rule_key": "BOND-001", "kind": "inclusion", "membership_type": "GOLD", "weight": 5, "frame": "f", "sql": "a"}]'""",
    ),
    "integer": ("1",),
    "text[]": ("'{a}'",),
    "bigint[]": ("'{1}'",),
}


def calls(siege: Siege, login: str) -> list[str]:
    """Each function of the schema with each sample of its arguments, and with an own type for each of them."""
    found = siege(
        "postgres",
        "SELECT p.proname, array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes::oid[]) AS t) FROM pg_proc AS p"
        " WHERE p.pronamespace = 'rules'::regnamespace AND p.prorettype <> 'trigger'::regtype ORDER BY 1, 2",
    )
    made = []
    for name, kinds in found:
        for number in range(3):
            values = [SAMPLES.get(k, (f"NULL::{k}",)) for k in kinds]  # type: ignore[attr-defined]
            made.append(f"SELECT * FROM rules.{name}({', '.join(v[min(number, len(v) - 1)] for v in values)})")
        if values:
            made.append(f"SELECT rules.{name}({', '.join([f'ROW(1)::own_{login}.own'] * len(values))})")
    return [*dict.fromkeys(made)]


def looks(siege: Siege) -> list[str]:
    """A look at every table and view."""
    relations = siege(
        "postgres", "SELECT relname FROM pg_class WHERE relnamespace = 'rules'::regnamespace AND relkind IN ('r', 'v')"
    )
    return [f"SELECT * FROM rules.{relation}" for (relation,) in relations]
