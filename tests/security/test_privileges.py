"""Every login tries everything with every object of the schema: what succeeds is what the matrix says (R-REPO-6)."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest

from tests.functional.governed import OFFICE
from tests.security.attackers import ACME, BOTH, LOGINS, Siege
from tests.security.own_objects import EVIL, disguises
from tests.security.privileges import may

Try = tuple[str, str, str]
"""Object, right, statement."""

MODES = (
    *("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE"),
    *("EXCLUSIVE", "ACCESS EXCLUSIVE"),
)
WHOLE = {
    "SELECT": "SELECT FROM rules.{} LIMIT 0",
    "DELETE": "DELETE FROM rules.{} WHERE false",
    "TRUNCATE": "TRUNCATE rules.{}",
    "TRIGGER": "CREATE TRIGGER own BEFORE INSERT ON rules.{} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "INDEX": "CREATE INDEX own ON rules.{} ((1))",
    "ALTER": "ALTER TABLE rules.{} ADD COLUMN own text",
    "DROP": "DROP TABLE rules.{}",
    "RULE": "CREATE RULE own AS ON INSERT TO rules.{} DO ALSO SELECT 1",
    "POLICY": "CREATE POLICY own ON rules.{} USING (true)",
    "OWNER": "ALTER TABLE rules.{} OWNER TO CURRENT_USER",
    "GRANT": "GRANT SELECT ON rules.{} TO PUBLIC",
    "DISABLE": "ALTER TABLE rules.{} DISABLE TRIGGER ALL",
    "NO POLICY": "ALTER TABLE rules.{} DISABLE ROW LEVEL SECURITY",
    "COMMENT": "COMMENT ON TABLE rules.{} IS 'own'",
    "STATISTICS": "CREATE STATISTICS own_statistics ON tenant, id FROM rules.{}",
    "INHERITS": "CREATE TEMP TABLE own () INHERITS (rules.{})",
    "CLUSTER": "CLUSTER rules.{}",
    "BARRIER": "ALTER VIEW rules.{} RESET (security_barrier)",
    "VIEW": "CREATE OR REPLACE VIEW rules.{} AS SELECT 1",
}
COLUMN = {
    "SELECT": 'SELECT "{1}" FROM rules.{0} LIMIT 0',
    "UPDATE": 'UPDATE rules.{0} SET "{1}" = DEFAULT WHERE false',
    "INSERT": 'INSERT INTO rules.{0} ("{1}") OVERRIDING SYSTEM VALUE SELECT NULL WHERE false',
    "REFERENCES": 'CREATE TABLE own_{2}.own (own text REFERENCES rules.{0} ("{1}"))',
}
FUNCTION = {
    "ALTER": "ALTER FUNCTION rules.{} RESET ALL",
    "OWNER": "ALTER FUNCTION rules.{} OWNER TO CURRENT_USER",
    "DROP": "DROP FUNCTION rules.{}",
    "GRANT": "GRANT EXECUTE ON FUNCTION rules.{} TO PUBLIC",
}
SCHEMA = {
    "CREATE": "CREATE TABLE rules.own ()",
    "CREATE FUNCTION": "CREATE FUNCTION rules.own() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE": "CREATE TYPE rules.own AS (a integer)",
    "DROP": "DROP SCHEMA rules CASCADE",
    "OWNER": "ALTER SCHEMA rules OWNER TO CURRENT_USER",
    "GRANT": "GRANT ALL ON SCHEMA rules TO PUBLIC",
    "DEFAULTS": "ALTER DEFAULT PRIVILEGES FOR ROLE rules_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
    "SET ROLE": "SET ROLE rules_owner",
    "SET VIEWS": "SET ROLE rules_views",
    "SET SUPERUSER": "SET ROLE postgres",
    "SESSION": "SET SESSION AUTHORIZATION postgres",
    "REPLICA": "SET session_replication_role = replica",
    "MEMBER": "GRANT rules_owner TO CURRENT_USER",
    "APPROVER": "GRANT rules_approver TO CURRENT_USER WITH ADMIN OPTION",
    "ALTER ROLE": "ALTER ROLE rules_owner LOGIN",
    "EVENT": "CREATE EVENT TRIGGER own ON ddl_command_start EXECUTE FUNCTION own.own()",
    "LANGUAGE": "CREATE LANGUAGE plpython3u",
    "SYSTEM": "ALTER SYSTEM SET session_preload_libraries = 'own'",
    "FILE": "COPY (SELECT 1) TO '/tmp/own'",
    "PROGRAM": "COPY (SELECT 1) TO PROGRAM 'true'",
    "RENAME": "ALTER ROLE bob RENAME TO own",
    "DATABASE": "ALTER DATABASE {} SET search_path = own",
}


def relations(siege: Siege) -> list[tuple[str, str, list[str]]]:
    """Name, kind and columns of each table and view."""
    return siege(  # type: ignore[return-value]
        "postgres",
        "SELECT relname::text, relkind::text, array_agg(attname::text ORDER BY attnum) FROM pg_class AS c JOIN pg_attribute AS a"
        " ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped WHERE relnamespace = 'rules'::regnamespace"
        " AND relkind IN ('r', 'v') GROUP BY 1, 2 ORDER BY 1",
    )


def tries(siege: Siege, login: str) -> Iterator[Try]:
    """Everything that can be tried with every object, without a row that it would touch."""
    for name, kind, columns in relations(siege):
        yield from ((name, right, statement.format(name)) for right, statement in WHOLE.items())
        yield from ((name, f"LOCK {mode}", f"LOCK TABLE rules.{name} IN {mode} MODE NOWAIT") for mode in MODES)
        yield from (
            (name, "UPDATE ROWS", f"SELECT FROM rules.{name} FOR {how} NOWAIT") for how in ("UPDATE", "KEY SHARE")
        )
        for column in columns:
            for right, statement in COLUMN.items():
                if kind == "r" or right != "REFERENCES":
                    yield f"{name}.{column}", right, statement.format(name, column, login)
    for sequence in siege(
        "postgres",
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'rules'::regnamespace AND relkind = 'S'",
    ):
        yield sequence[0], "USAGE", f"SELECT pg_catalog.nextval('{sequence[0]}')"  # type: ignore[misc]
        yield sequence[0], "UPDATE", f"SELECT pg_catalog.setval('{sequence[0]}', 1)"  # type: ignore[misc]
        yield sequence[0], "SELECT", f"SELECT * FROM {sequence[0]}"  # type: ignore[misc]
    for name, arguments in siege("postgres", FUNCTIONS):
        nothing = ", ".join(f"NULL::{argument}" for argument in arguments)  # type: ignore[attr-defined]
        yield f"{name}()", "EXECUTE", f"SELECT rules.{name}({nothing})"
        signature = f"{name}({', '.join(arguments)})"  # type: ignore[arg-type]
        yield from ((f"{name}()", right, statement.format(signature)) for right, statement in FUNCTION.items())
    ((database,),) = siege("postgres", "SELECT current_database()")
    yield from (("schema", right, statement.format(database)) for right, statement in SCHEMA.items())


FUNCTIONS = """
    SELECT proname::text, array(SELECT format_type(t, NULL) FROM unnest(proargtypes::oid[]) AS t) FROM pg_proc
    WHERE pronamespace = 'rules'::regnamespace ORDER BY 1
"""


def succeeded(siege: Siege, login: str, asked: list[Try], *first: str, touching: bool = False) -> set[tuple[str, str]]:
    """Which of these a login succeeds in, touching a row if that is the question; each is undone."""
    connection = siege.office.connection(login)
    connection.autocommit = True
    found = set()
    with connection.cursor() as cursor:
        for statement in first:
            try:
                cursor.execute(statement)
            except psycopg2.Error:
                continue
        for thing, right, statement in asked:
            connection.notices.clear()
            try:
                cursor.execute(f"BEGIN; {statement}")
                if cursor.rowcount > 0 or (
                    not touching and "no privileges were granted" not in "".join(connection.notices)
                ):
                    found.add((thing, right))
            except psycopg2.Error as refused:
                if right == "EXECUTE" and "permission denied for function" not in str(refused):
                    found.add((thing, right))
            cursor.execute("ROLLBACK")
    connection.close()
    return found


def permitted(roles: str, thing: str, right: str) -> bool:
    """Whether the matrix says that a login succeeds in what it tries."""
    relation, _, column = thing.partition(".")
    if right == "LOCK ACCESS SHARE":
        return may(roles, relation, "SELECT")
    if right == "UPDATE ROWS":
        return relation not in VIEWS and may(roles, relation, "UPDATE") and may(roles, relation, "SELECT")
    if column and right in ("INSERT", "UPDATE"):
        return may(roles, relation, right, column)
    return may(roles, relation, right)


VIEWS = "rule", "draft", "membership_type", "parameter", "reference_list"


ALIKE = {"dan": "ann", "cy": "bob", "kim": "bob", "amy": "ann", "pat": "zoe"}
"""Logins whose roles are those of another one that tries everything."""


@pytest.mark.parametrize("login", [login for login in LOGINS if login not in ALIKE])
def test_each_login_succeeds_in_what_the_matrix_says_and_in_nothing_else(siege: Siege, login: str) -> None:
    """Every object and column with every right, with own objects of the same names first in the path."""
    roles = {**OFFICE, **ACME, **BOTH}[login]
    rules_roles = ", ".join(role.strip() for role in roles.split(","))
    before = siege.state(), siege.power()
    with siege.granted(login, "objects"):
        asked = list(tries(siege, login))
        path = f"SET search_path = own_{login}, pg_temp, pg_catalog"
        tenant = f"SET rules.tenant = '{'acme' if login in ACME else 'main'}'"
        found = succeeded(siege, login, asked, tenant, *EVIL, *disguises(siege, f"own_{login}"), path)
    expected = {(thing, right) for thing, right, _ in asked if permitted(rules_roles, thing, right)}
    assert found == expected
    assert (siege.state(), siege.power()) == before


def test_logins_that_are_alike_are() -> None:
    """Who is left out has the roles of one who is not."""
    hired = {**OFFICE, **ACME, **BOTH}
    assert all(set(hired[one].split(", ")) == set(hired[other].split(", ")) for one, other in ALIKE.items())
