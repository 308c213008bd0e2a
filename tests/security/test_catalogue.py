"""What the catalogue of the database says of the schema: no object that an attack could begin with (R-REPO-6)."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest

from tests.functional.conftest import Sql, runner
from tests.security.attackers import Siege
from tests.security.matrix import MANUAL, definers, parts, printed
from tests.security.privileges import expected, granted
from tests.spec.table import Row, cases

OF_RULES = "relnamespace = 'rules'::regnamespace"
PATH = "search_path=pg_catalog, pg_temp"
WITHOUT_TENANT = {
    "schema_version": "which migration the whole schema is at",
    "settling": "the newest moment given, of all tenants",
    "tenant": "its key is the tenant",
}
"""Tables without a tenant, and why."""
WITHOUT_POLICY = {"schema_version": "everybody may read it", "settling": "nobody has a right on it"}

FAULTS = {
    "a function without a path of its own": f"""
        SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'rules'::regnamespace
            AND NOT coalesce(proconfig, '{{}}') @> ARRAY['{PATH}']""",
    "a function that is everybody's": """
        SELECT oid::regprocedure::text FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE pronamespace = 'rules'::regnamespace AND grantee = 0""",
    "a function in a language that is not PostgreSQL's own": """
        SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
        WHERE pronamespace = 'rules'::regnamespace AND l.lanname NOT IN ('sql', 'plpgsql')""",
    "a function that may pass a barrier": """
        SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'rules'::regnamespace AND proleakproof""",
    "a view without a barrier": f"""
        SELECT relname::text FROM pg_class WHERE {OF_RULES} AND relkind IN ('v', 'm')
            AND NOT coalesce(reloptions, '{{}}') @> '{{security_barrier=true}}'""",
    "a relation of a kind that is not judged here": f"""
        SELECT relname::text FROM pg_class WHERE {OF_RULES} AND relkind NOT IN ('r', 'v', 'i', 'S', 'c')""",
    "an object of somebody else": f"""
        SELECT relname::text FROM pg_class WHERE {OF_RULES} AND relowner::regrole::text <> CASE relkind WHEN 'v' THEN 'rules_views'
            ELSE 'rules_owner' END
        UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'rules'::regnamespace
            AND proowner::regrole::text <> 'rules_owner'
        UNION ALL SELECT nspname::text FROM pg_namespace WHERE nspname = 'rules' AND nspowner::regrole::text <> 'rules_owner'""",
    "a table without a tenant": f"""
        SELECT relname::text FROM pg_class AS c WHERE {OF_RULES} AND relkind = 'r'
            AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant'
                AND (attnotnull OR c.relname = 'audit_entry'))""",
    "a table without a policy": f"""
        SELECT relname::text FROM pg_class AS c WHERE {OF_RULES} AND relkind = 'r' AND NOT (relrowsecurity
            AND (SELECT count(*) = 1 AND bool_and(polpermissive AND polcmd = '*' AND polroles = '{{0}}'
                    AND pg_get_expr(polqual, polrelid) ~ 'rules\\.tenants\\(\\)')
                FROM pg_policy WHERE polrelid = c.oid))""",
    "a reference that does not name the tenant": """
        SELECT conrelid::regclass || ' ' || conname FROM pg_constraint AS k WHERE contype = 'f' AND connamespace = 'rules'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey) AND attname = 'tenant')""",
    "a reference that is not enforced": """
        SELECT conrelid::regclass || ' ' || conname FROM pg_constraint WHERE connamespace = 'rules'::regnamespace AND NOT convalidated""",
    "a key in words that two tenants cannot both have": f"""
        SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE {OF_RULES} AND i.indisunique AND c.relname NOT IN ('schema_version', 'tenant')
            AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum = ANY (i.indkey) AND atttypid = 'text'::regtype)
            AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum = ANY (i.indkey)
                AND attname IN ('tenant', 'change_id'))""",
    "a trigger that can be switched off by a session": f"""
        SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE {OF_RULES} AND relkind = 'r' AND NOT tgisinternal AND tgenabled <> 'A'""",
    "a trigger that runs a function of another schema": f"""
        SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE {OF_RULES} AND NOT tgisinternal AND p.pronamespace <> 'rules'::regnamespace""",
    "a table that is written by hand": f"""
        SELECT relname::text FROM pg_class AS c WHERE {OF_RULES} AND relkind = 'r' AND NOT EXISTS (SELECT FROM pg_trigger
            WHERE tgrelid = c.oid AND tgfoid::regproc::text IN ('rules.only_database', 'rules.only_by_trigger'))""",
    "a table that is not in the audit": f"""
        SELECT relname::text FROM pg_class AS c WHERE {OF_RULES} AND relkind = 'r' AND NOT EXISTS (SELECT FROM pg_trigger
            WHERE tgrelid = c.oid AND tgfoid::regproc::text = 'rules.audited' AND tgdeferrable AND tginitdeferred)""",
    "a rewriting rule": f"""
        SELECT c.relname || ' ' || rulename FROM pg_rewrite AS w JOIN pg_class AS c ON c.oid = w.ev_class
        WHERE {OF_RULES} AND rulename <> '_RETURN'""",
    "default privileges that make what is added everybody's": """
        SELECT role || ' ' || kind::text FROM unnest('{rules_owner,rules_views}'::text[]) AS role, unnest('{f,T}'::"char"[]) AS kind
        WHERE NOT EXISTS (SELECT FROM pg_default_acl WHERE defaclrole = role::regrole AND defaclnamespace = 0
            AND defaclobjtype = kind AND NOT EXISTS (SELECT FROM aclexplode(defaclacl) AS a WHERE a.grantee = 0))
        UNION ALL SELECT defaclrole::regrole::text || ' in ' || defaclnamespace::text FROM pg_default_acl, aclexplode(defaclacl) AS a
        WHERE defaclrole::regrole::text ~ '^rules_' AND a.grantee <> defaclrole""",
    "an owner with rights": """
        SELECT rolname::text FROM pg_roles WHERE rolname IN ('rules_owner', 'rules_views') AND (rolsuper OR rolcanlogin
            OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
            OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid))
        UNION ALL SELECT rolname::text FROM pg_roles WHERE rolname ~ '^rules_' AND rolcanlogin""",
    "an owner that owns something else": """
        SELECT c.oid::regclass::text FROM pg_class AS c WHERE relowner::regrole::text IN ('rules_owner', 'rules_views')
            AND relnamespace <> 'rules'::regnamespace AND relkind NOT IN ('t', 'i')""",
    "a database in which everybody makes objects": """
        SELECT datname || ' ' || privilege_type FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE datname = current_database() AND grantee = 0 AND privilege_type <> 'CONNECT'""",
}
"""Questions whose answers must be empty, or what is excused below."""
EXCUSED = {
    "a table without a tenant": set(WITHOUT_TENANT),
    "a table without a policy": set(WITHOUT_POLICY),
    "a table that is not in the audit": {"schema_version", "settling", "audit_entry"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_schema_has_none(siege: Siege, fault: str) -> None:
    """Every object of the schema is as it must be; what is excused is said with its reason, and is there."""
    assert {str(found) for (found,) in siege("postgres", FAULTS[fault])} == EXCUSED.get(fault, set())


def test_every_function_that_runs_as_the_owner_is_on_the_list(siege: Siege) -> None:
    """A function of SECURITY DEFINER has a line in tests/data/definers.tsv that says why, and each line its function."""
    ask = "SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = 'rules'::regnamespace AND prosecdef"
    assert {name for (name,) in siege("postgres", ask)} == set(definers())
    assert all(len(reason) > 10 for reason in definers().values())


def test_what_is_granted_is_what_is_declared(siege: Siege) -> None:
    """Every grant of the catalogue, on functions, tables, views and columns, is declared, and the other way round."""
    assert granted(lambda ask: siege("postgres", ask)) == expected()


def test_the_manual_prints_the_matrix() -> None:
    """docs/security.md has the tables as `python -m tests.security.matrix` prints them."""
    assert parts(MANUAL.read_text(encoding="utf-8"))[1] == printed()


PLANTED = """
    statement                                                              | fault                                             | because
    -----------------------------------------------------------------------+---------------------------------------------------+-------------------------------
    ALTER FUNCTION rules.history(text) RESET search_path                   | a function without a path of its own              | a path that was forgotten
    ALTER FUNCTION rules.history(text) SET search_path = public, pg_catalog | a function without a path of its own             | a path that others can write to
    CREATE FUNCTION rules.more() RETURNS integer LANGUAGE sql AS 'SELECT 1' | a function without a path of its own             | a function of a later migration
    GRANT EXECUTE ON FUNCTION rules.audited TO PUBLIC                      | a function that is everybody's                    | a trigger function for everybody's tables
    CREATE FUNCTION rules.more() RETURNS integer LANGUAGE sql AS 'SELECT 1' | a function that is everybody's                   | PostgreSQL's default
    ALTER FUNCTION rules.refuse(text[]) LEAKPROOF                          | a function that may pass a barrier                | a function that is asked first
    ALTER VIEW rules.draft RESET (security_barrier)                        | a view without a barrier                          | a barrier that was taken away
    CREATE OR REPLACE VIEW rules.draft WITH (security_barrier = false) AS SELECT * FROM rules.draft | a view without a barrier | or said to be none
    CREATE VIEW rules.more AS SELECT 1 AS one                              | a view without a barrier                          | a view of a later migration
    CREATE MATERIALIZED VIEW rules.more AS SELECT 1 AS one                 | a relation of a kind that is not judged here      | a copy that no policy reaches
    ALTER VIEW rules.rule OWNER TO postgres                                | an object of somebody else                        | a view that reads as a superuser
    ALTER FUNCTION rules.rule_set OWNER TO postgres                        | an object of somebody else                        | a function that does
    CREATE TABLE rules.more (id integer)                                   | a table without a tenant                          | a table of a later migration
    CREATE TABLE rules.more (id integer, tenant text)                      | a table without a tenant                          | a tenant that can be left out
    ALTER TABLE rules.approval DISABLE ROW LEVEL SECURITY                  | a table without a policy                          | a policy that is not asked
    CREATE POLICY more ON rules.approval USING (true)                      | a table without a policy                          | a policy beside the policy
    DROP POLICY by_tenant ON rules.approval; CREATE POLICY by_tenant ON rules.approval USING (true) | a table without a policy | a policy that hides nothing
    ALTER TABLE rules.approval ADD FOREIGN KEY (change_id) REFERENCES rules.change (id) | a reference that does not name the tenant | a change of another tenant
    ALTER TABLE rules.approval ADD FOREIGN KEY (tenant, change_id) REFERENCES rules.change (tenant, id) NOT VALID | a reference that is not enforced | what was there before
    CREATE UNIQUE INDEX more ON rules.category (key)                       | a key in words that two tenants cannot both have  | a clash tells of another tenant's
    ALTER TABLE rules.approval ENABLE TRIGGER never_edited                 | a trigger that can be switched off by a session   | session_replication_role
    ALTER TABLE rules.approval DISABLE TRIGGER never_edited                | a trigger that can be switched off by a session   | switched off already
    CREATE TRIGGER more BEFORE INSERT ON rules.approval FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger() | a trigger that runs a function of another schema | code that nobody judges
    DROP TRIGGER only_database ON rules.approval                           | a table that is written by hand                   | pg_write_all_data
    DROP TRIGGER audited ON rules.approval                                 | a table that is not in the audit                  | evidence that nobody keeps
    CREATE RULE more AS ON INSERT TO rules.approval DO INSTEAD NOTHING     | a rewriting rule                                  | an approval that vanishes
    ALTER DEFAULT PRIVILEGES FOR ROLE rules_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC | default privileges that make what is added everybody's | the next function
    ALTER DEFAULT PRIVILEGES FOR ROLE rules_owner IN SCHEMA rules GRANT SELECT ON TABLES TO rules_engine | default privileges that make what is added everybody's | the next table
    CREATE TABLE public.more (); ALTER TABLE public.more OWNER TO rules_owner | an owner that owns something else               | a table outside
    GRANT TEMPORARY ON DATABASE {} TO PUBLIC                               | a database in which everybody makes objects       | where attacks begin
"""


@pytest.fixture
def planting(siege: Siege) -> Iterator[Sql]:
    """A superuser's transaction, which is undone."""
    connection = siege.office.connection("postgres")
    yield runner(connection)
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("case", cases(PLANTED))
def test_what_is_planted_is_found(planting: Sql, case: Row) -> None:
    """The proof that each question can fail: an object as it must not be, in a transaction that is undone."""
    ((database,),) = planting("SELECT current_database()")
    planting(case["statement"].replace("{}", database))
    found = {str(answer) for (answer,) in planting(FAULTS[case["fault"]])}
    assert found - EXCUSED.get(case["fault"], set())


GRANTED = (
    "GRANT SELECT ON rules.rule TO rules_engine",
    "GRANT UPDATE (weight) ON rules.draft_row TO rules_analyst",
    "GRANT UPDATE ON rules.change TO rules_analyst",
    "GRANT EXECUTE ON FUNCTION rules.write_audit TO rules_admin",
    "GRANT REFERENCES ON rules.change TO rules_analyst",
    "GRANT TRIGGER ON rules.change TO PUBLIC",
    "GRANT CREATE ON SCHEMA rules TO rules_analyst",
    "GRANT SELECT ON rules.tenant_login TO PUBLIC",
    "REVOKE SELECT ON rules.rule FROM rules_approver",
)


@pytest.mark.parametrize("statement", GRANTED)
def test_a_planted_grant_is_found(planting: Sql, statement: str) -> None:
    """One grant more, or one less, than is declared."""
    planting(statement)
    assert granted(planting) != expected()


def test_every_question_is_planted() -> None:
    """No question of this module goes without the proof that it can fail, but where it would take another server."""
    planted = {row.values[0]["fault"] for row in cases(PLANTED)}  # type: ignore[attr-defined]
    assert set(FAULTS) - planted == {"a function in a language that is not PostgreSQL's own", "an owner with rights"}


def test_an_owner_with_rights_is_found(planting: Sql) -> None:
    """Roles are the whole server's: these are undone with the transaction too."""
    for statement in (
        "ALTER ROLE rules_owner LOGIN",
        "GRANT pg_read_all_data TO rules_views",
        "ALTER ROLE rules_views SUPERUSER",
    ):
        planting("SAVEPOINT a")
        planting(statement)
        assert planting(FAULTS["an owner with rights"])
        planting("ROLLBACK TO a")
    with pytest.raises(psycopg2.Error):
        planting("SET ROLE rules_owner; ALTER ROLE rules_owner SUPERUSER")
