"""What `rules audit verify` says of a schema that is not as the migrations made it (R-REPO-6)."""

from __future__ import annotations

import pytest

from tests.functional.governed import Office
from tests.functional.tampering import told
from tests.spec.table import Row, cases

SCHEMA = """
    statement                                                                              | says                                                           | because
    ---------------------------------------------------------------------------------------+----------------------------------------------------------------+------------------------------------------
    ALTER TABLE rules.change DISABLE TRIGGER change_moved                                  | Trigger change.change_moved: it is not as the migrations make it: enabled=D instead of A | a trigger is off
    ALTER TABLE rules.change ENABLE TRIGGER change_moved                                   | Trigger change.change_moved: it is not as the migrations make it: enabled=O | a trigger that a session can switch off
    DROP TRIGGER never_edited ON rules.rule_version                                        | Trigger rule_version.never_edited: it is gone                  | a trigger is gone
    CREATE TRIGGER mine BEFORE INSERT ON rules.approval FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger() | Trigger approval.mine: no migration made it | a trigger more
    ALTER TABLE rules.rule_period DISABLE TRIGGER ALL                                      | Foreign key triggers rule_period: no migration made it         | foreign keys are off
    CREATE OR REPLACE FUNCTION rules.valid_approvals(c rules.change) RETURNS text[] LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET transform_null_equals = off AS $$ SELECT '{bob}'::text[] $$ | Function valid_approvals(c rules.change): it is not as the migrations make it: source= | a function was replaced
    ALTER FUNCTION rules.approve RESET search_path                                         | Function approve(change bigint, saw text DEFAULT NULL::text): it is not as the migrations make it: config= | a path was dropped
    ALTER FUNCTION rules.approve SECURITY INVOKER                                          | Function approve(change bigint, saw text DEFAULT NULL::text): it is not as the migrations make it: definer=f | another one's rights
    GRANT EXECUTE ON FUNCTION rules.write_audit TO PUBLIC                                  | acl=PUBLIC instead of                                          | a function for everybody
    ALTER FUNCTION rules.approve OWNER TO postgres                                         | owner=postgres instead of rules_owner                     | a function of a superuser
    CREATE FUNCTION rules.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'                | Function mine(): no migration made it                          | a function more
    CREATE OR REPLACE FUNCTION rules.catalogue() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT ''fine''' | Function catalogue(): it is not as the migrations make it | who describes the schema was replaced
    GRANT UPDATE ON rules.rule_version TO rules_analyst                                    | Relation rule_version: it is not as the migrations make it: acl= | a grant on a table
    GRANT UPDATE (state) ON rules.change TO rules_analyst                                  | Column change.state: it is not as the migrations make it       | a grant on a column
    GRANT SELECT ON rules.draft TO PUBLIC                                                  | Relation draft: it is not as the migrations make it: acl=      | a view for everybody
    REVOKE SELECT ON rules.audit_entry FROM rules_auditor                                  | Relation audit_entry: it is not as the migrations make it: acl= | auditors were shut out
    ALTER TABLE rules.rule_version OWNER TO postgres                                       | Relation rule_version: it is not as the migrations make it: owner=postgres | another owner
    ALTER VIEW rules.rule RESET (security_barrier)                                         | Relation rule: it is not as the migrations make it: options=   | a barrier was dropped
    CREATE OR REPLACE VIEW rules.parameter WITH (security_barrier) AS SELECT name, value, ''::text AS description FROM rules.parameter_history | View parameter: it is not as the migrations make it: its text is another one | a view was replaced
    DROP POLICY by_tenant ON rules.approval                                                | Policy approval.by_tenant: it is gone                          | a wall between tenants is gone
    CREATE POLICY all_of_it ON rules.approval USING (true)                                 | Policy approval.all_of_it: no migration made it                | a gate in it
    ALTER TABLE rules.approval DISABLE ROW LEVEL SECURITY                                  | Relation approval: it is not as the migrations make it: rls=f  | the wall is off
    CREATE TABLE rules.mine (id bigint)                                                    | Relation mine: no migration made it                            | a table more
    CREATE TABLE rules.mine () INHERITS (rules.approval)                                   | Relation mine: no migration made it                            | a table whose rows show in another
    CREATE VIEW rules.mine AS SELECT 1 AS one                                              | Relation mine: no migration made it                            | a view more
    CREATE RULE mine AS ON INSERT TO rules.approval DO INSTEAD NOTHING                     | Rule approval.mine: no migration made it                       | a rule swallows rows
    ALTER TABLE rules.rule_period DROP CONSTRAINT rule_period_no_overlap                   | Constraint rule_period.rule_period_no_overlap: it is gone      | a constraint is gone
    DROP INDEX rules.draft_rule_one_open                                                   | it is gone                                                     | an index that lets one change have a rule
    ALTER TABLE rules.change ALTER COLUMN state SET DEFAULT 'approved'                     | Column change.state: it is not as the migrations make it: default= | another default
    ALTER TABLE rules.approval ADD COLUMN mine text                                        | rules.approval: it has not the columns that the migrations make (mine text) | a column more
    ALTER TABLE rules.approval RENAME TO hidden; CREATE VIEW rules.approval AS SELECT * FROM rules.hidden | rules.approval: it is no plain table any more       | a view that lies in the place of a table
    ALTER DEFAULT PRIVILEGES FOR ROLE rules_owner GRANT SELECT ON TABLES TO PUBLIC         | Default privileges of rules_owner on r: no migration made it   | rights for tables to come
    GRANT CREATE ON SCHEMA rules TO PUBLIC                                                 | Schema: it is not as the migrations make it: acl=              | everybody may add objects
"""


REACHES = """
    statement                                                                              | says                                                                 | cure | because
    ---------------------------------------------------------------------------------------+----------------------------------------------------------------------+------+---
    CREATE TABLE public.mine () INHERITS (rules.rule_version); INSERT INTO public.mine SELECT * FROM rules.rule_version | Table public.mine: its rows show in rules.rule_version, and nobody audits them | ALTER TABLE public.mine NO INHERIT rules.rule_version | versions that nobody published
    CREATE TABLE public.mine (LIKE rules.approval); ALTER TABLE rules.approval INHERIT public.mine | Table rules.approval: its rows show in public.mine, beside the walls between tenants | ALTER TABLE rules.approval NO INHERIT public.mine | a table that shows all tenants
    GRANT SELECT ON rules.rule TO rules_analyst WITH GRANT OPTION                          | Role rules_analyst: it may hand SELECT on TABLE rules.rule on to others | REVOKE GRANT OPTION FOR SELECT ON TABLE rules.rule FROM rules_analyst CASCADE | a right that is handed on
    GRANT UPDATE (title) ON rules.change TO rules_analyst WITH GRANT OPTION                | Role rules_analyst: it may hand UPDATE on TABLE rules.change on to others | REVOKE GRANT OPTION FOR UPDATE (title) ON TABLE rules.change FROM rules_analyst CASCADE | of a column
    GRANT EXECUTE ON FUNCTION rules.resume TO rules_approver WITH GRANT OPTION             | Role rules_approver: it may hand EXECUTE on FUNCTION rules.resume(text,text) on to others | REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION rules.resume(text,text) FROM rules_approver CASCADE | of a function
    GRANT USAGE ON SCHEMA rules TO rules_analyst WITH GRANT OPTION                         | Role rules_analyst: it may hand USAGE on SCHEMA rules on to others   | REVOKE GRANT OPTION FOR USAGE ON SCHEMA rules FROM rules_analyst CASCADE | of the schema
    CREATE FUNCTION pg_catalog.cardinality(text[]) RETURNS integer LANGUAGE sql AS 'SELECT 0' | PostgreSQL's own schema: ROUTINE pg_catalog.cardinality(text[]): PostgreSQL has none such | DROP ROUTINE pg_catalog.cardinality(text[]) | every guard asks it
    CREATE AGGREGATE pg_catalog.array_agg(text) (SFUNC = array_append, STYPE = text[])     | PostgreSQL's own schema: ROUTINE pg_catalog.array_agg(text): PostgreSQL has none such | DROP ROUTINE pg_catalog.array_agg(text) | every view asks it
    CREATE FUNCTION f(text, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR pg_catalog.<> (FUNCTION = f, LEFTARG = text, RIGHTARG = varchar) | PostgreSQL's own schema: OPERATOR pg_catalog.<> (text, character varying): PostgreSQL has none such | DROP OPERATOR pg_catalog.<> (text, character varying) | an operator
    CREATE OPERATOR rules.=== (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)         | Schema rules: operator rules.===(pg_catalog.text,pg_catalog.text): no migration made it    | DROP OPERATOR rules.===(pg_catalog.text,pg_catalog.text) | an operator among the rules
    CREATE TEXT SEARCH CONFIGURATION rules.mine (COPY = pg_catalog.english)                | Schema rules: text search configuration rules.mine: no migration made it | DROP TEXT SEARCH CONFIGURATION rules.mine | anything else among them
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database()); END $$ | session_replication_role=replica is set for everybody, by which references are not checked |  | references are off in every session
    ALTER TABLE rules.rule_version ALTER COLUMN sql SET STATISTICS 100                     | Column rule_version.sql: the planner keeps samples of it             | ALTER TABLE rules.rule_version ALTER COLUMN sql SET STATISTICS 0; ANALYZE rules.rule_version | the catalogue shows what rules say
    CREATE STATISTICS public.mine ON tenant, sql FROM rules.rule_version                   | Statistics mine: the planner keeps samples by it of rules.rule_version | DROP STATISTICS public.mine | likewise, of several columns
    CREATE CAST (text AS date) WITH INOUT AS IMPLICIT                                      | Cast from text to date: PostgreSQL has none such                     | DROP CAST (text AS date) | texts that pass for days
    CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION f() | Event trigger mine: at each ddl_command_end it runs public.f(), which may switch checks off | DROP EVENT TRIGGER mine | what runs beside every session
    ALTER FUNCTION rules.tenants COST 0.001 PARALLEL SAFE                                  | Function rules.tenants(): its costs are not those                    | ALTER FUNCTION rules.tenants() COST 100 PARALLEL UNSAFE | a function that is planned otherwise
    ALTER FUNCTION rules.rule_set(date, timestamptz) ROWS 1                                | Function rules.rule_set(date,timestamp with time zone): its costs are not those | ALTER FUNCTION rules.rule_set(date,timestamp with time zone) COST 100 ROWS 1000 PARALLEL UNSAFE | likewise
    ALTER SEQUENCE rules.change_id_seq INCREMENT 100 CYCLE                                 | Sequence rules.change_id_seq: it does not count one by one from 1    | ALTER SEQUENCE rules.change_id_seq START 1 INCREMENT 1 NO MINVALUE NO MAXVALUE CACHE 1 NO CYCLE | numbers that skip
    SELECT setval('rules.change_id_seq', 1)                                                | Sequence rules.change_id_seq: it stands at 1, and 3 is given already | SELECT setval('rules.change_id_seq', 3) | numbers that come again
    ALTER TABLE rules.tenant_login ALTER COLUMN login TYPE text COLLATE "POSIX"            | Column tenant_login.login: its texts are not compared byte by byte   | ALTER TABLE rules.tenant_login ALTER COLUMN login TYPE text COLLATE "default" | logins that are alike
    ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA rules GRANT SELECT ON TABLES TO PUBLIC | Role postgres: what it will make in the schema is open to PUBLIC | ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA rules REVOKE ALL ON TABLES FROM PUBLIC | tables of later migrations
"""


BY_HAND = """
    statement                                                                              | says                                                       | because
    ---------------------------------------------------------------------------------------+------------------------------------------------------------+---
    UPDATE pg_index SET indisready = false WHERE indexrelid = 'rules.draft_rule_one_open'::regclass | Index rules.draft_rule_one_open: it is not kept      | one change has a rule no longer
    UPDATE pg_index SET indimmediate = false WHERE indexrelid = 'rules.approval_pkey'::regclass | Index rules.approval_pkey: it is not kept, or checked too late | a key that is checked by nobody
    CREATE FUNCTION f(c rules.change) RETURNS text[] LANGUAGE sql STABLE BEGIN ATOMIC SELECT '{zoe}'::text[]; END; UPDATE pg_proc SET prosqlbody = (SELECT prosqlbody FROM pg_proc WHERE proname = 'f') WHERE oid = 'rules.valid_approvals'::regproc | Function rules.valid_approvals(rules.change): it does something else than its text says | a body beside its text
    ALTER FUNCTION rules.published_by SUPPORT array_unnest_support                         | it does something else than its text says                  | a function that plans for it
    CREATE TRIGGER mine BEFORE INSERT ON rules.approval FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'mine' | Trigger approval.mine: it is hidden | a trigger that passes for PostgreSQL's
    DELETE FROM pg_trigger WHERE tgrelid = 'rules.rule_period'::regclass AND tgisinternal  | Constraint rule_period.rule_period_version_fkey: it is not checked | references without triggers
    UPDATE pg_class SET relhastriggers = false WHERE oid = 'rules.approval'::regclass      | Relation rules.approval: its triggers, checks, rules or indexes are off | all triggers at once
    UPDATE pg_class SET relchecks = 0 WHERE oid = 'rules.change'::regclass                 | Relation rules.change: its triggers, checks                | all checks at once
    UPDATE pg_class SET relhasindex = false WHERE oid = 'rules.draft_rule'::regclass       | Relation rules.draft_rule: its triggers, checks            | all keys at once
    UPDATE pg_rewrite SET ev_enabled = 'D' WHERE ev_class = 'rules.rule'::regclass         | Relation rules.rule: its triggers, checks                  | a view without its query
"""


BUILT_IN = """
    statement                                                                              | says       | because
    ---------------------------------------------------------------------------------------+------------+---
    CREATE OR REPLACE FUNCTION pg_catalog.cardinality(anyarray) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT 9' | functions | every guard asks it
    ALTER FUNCTION pg_catalog.textlike(text, text) LEAKPROOF                               | functions  | an error quotes what a barrier hides
    ALTER FUNCTION pg_catalog.clock_timestamp() IMMUTABLE                                  | functions  | a clock that stands still
    UPDATE pg_operator SET oprcode = 'textne'::regproc WHERE oprcode = 'texteq'::regproc AND oprleft = 'text'::regtype | operators | equal is another
    UPDATE pg_cast SET castcontext = 'i' WHERE castsource = 'bigint'::regtype AND casttarget = 'integer'::regtype | casts | numbers cut short
    UPDATE pg_type SET typdefault = 'zoe' WHERE typname = 'text'                            | types      | a value wherever a column is left out
    UPDATE pg_range SET rngcanonical = 0 WHERE rngtypid = 'daterange'::regtype              | ranges     | days that end a day earlier
    UPDATE pg_opclass SET opcdefault = false WHERE opcname = 'text_ops' AND opcmethod = 403 | operator-classes | texts without an order
    UPDATE pg_language SET lanplcallfoid = 'fmgr_sql_validator'::regproc WHERE lanname = 'plpgsql' | languages | who runs every function
    UPDATE pg_language SET lanpltrusted = false WHERE lanname = 'plpgsql'                   | languages  | who may write functions
    UPDATE pg_aggregate SET agginitval = '{zoe}' WHERE aggfnoid = 'array_agg(anynonarray)'::regprocedure | aggregates | an approver more, wherever they are listed
"""


@pytest.mark.parametrize("case", cases(BUILT_IN))
def test_what_postgresql_brings_and_was_replaced_in_place_is_named(lived_in: Office, case: Row) -> None:
    """Functions, operators and casts that the schema asks, edited where they stand."""
    lived_in("postgres", case["statement"])
    assert f"Built-in {case['says']}: they are not those that PostgreSQL brings" in told(lived_in)


@pytest.mark.parametrize("case", cases(BY_HAND))
def test_an_edited_catalogue_is_named(lived_in: Office, case: Row) -> None:
    """What PostgreSQL prints of the schema is as it was, and yet it does something else."""
    lived_in("postgres", f"SET allow_system_table_mods = on; {case['statement']}")
    assert case["says"] in told(lived_in)


@pytest.mark.parametrize("case", cases(REACHES))
def test_what_reaches_into_the_schema_from_beside_it_is_named(lived_in: Office, case: Row) -> None:
    """Tables, routines, rights and settings that lie elsewhere and have a say here; what is advised takes them away."""
    assert told(lived_in) == ""
    lived_in("postgres", f"SET allow_system_table_mods = on; {case['statement']}")
    found = told(lived_in)
    assert case["says"] in found
    assert case["cure"] in found
    if case["cure"]:
        lived_in("postgres", case["cure"])
        assert told(lived_in) == ""


@pytest.mark.parametrize("case", cases(SCHEMA))
def test_an_altered_schema_is_named(lived_in: Office, case: Row) -> None:
    """Owners, rights, functions, triggers, policies, views: each difference to a fresh migration is a fault by its name."""
    lived_in("postgres", case["statement"])
    assert case["says"] in told(lived_in)


ROLES = """
    statement                      | undone                             | says                                             | because
    -------------------------------+------------------------------------+--------------------------------------------------+-----------------------------
    GRANT rules_owner TO ann       | REVOKE rules_owner FROM ann        | Role rules_owner: ann is a member of it          | an owner made of an analyst
    GRANT rules_admin TO rules_analyst | REVOKE rules_admin FROM rules_analyst | Role rules_analyst: all of it can do what rules_admin can | admins made of all analysts
    ALTER ROLE rules_owner LOGIN   | ALTER ROLE rules_owner NOLOGIN     | Role rules_owner: it is not as the migrations make it: login=t | an owner who logs in
    ALTER ROLE rules_views BYPASSRLS | ALTER ROLE rules_views NOBYPASSRLS | Role rules_views: it is not as the migrations make it: bypassrls=t | views that see all tenants
"""


@pytest.mark.parametrize("case", cases(ROLES))
def test_an_altered_role_is_named(lived_in: Office, case: Row) -> None:
    """The roles that own the schema are a part of it, though they are the server's."""
    lived_in("postgres", case["statement"])
    try:
        assert case["says"] in told(lived_in)
    finally:
        lived_in("postgres", case["undone"])
