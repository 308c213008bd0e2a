"""What reaches into the schema from beside it, of which its own lines (:mod:`audit_catalogue`) say nothing.

A table that inherits from one of the schema adds rows to it, a function in PostgreSQL's own schema is asked in place of
its namesake, a right with a grant option is handed on, and a setting of a database, or what runs at a login, lets
references go unchecked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rules_repo.audit_built_in import OWN
from rules_repo.audit_faults import Findings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

HEIRS = """
    SELECT h.inhrelid::regclass::text, h.inhparent::regclass::text, c.relnamespace = 'rules'::regnamespace
    FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid JOIN pg_class AS p ON p.oid = h.inhparent
    WHERE 'rules'::regnamespace IN (c.relnamespace, p.relnamespace) ORDER BY 1, 2
"""
HANDED_ON = """
    SELECT g.kind || g.named, g.holder, g.privilege_type FROM (
        SELECT 'TABLE rules.' AS kind, quote_ident(c.relname) AS named, c.relowner AS owner, a.* FROM pg_class AS c,
            aclexplode(c.relacl) AS a WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind IN ('r', 'v')
        UNION ALL SELECT 'SEQUENCE rules.', quote_ident(c.relname), c.relowner, a.* FROM pg_class AS c,
            aclexplode(c.relacl) AS a WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'S'
        UNION ALL SELECT format('(%I) ON TABLE rules.', t.attname), quote_ident(c.relname), c.relowner, a.*
            FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS a
            WHERE c.relnamespace = 'rules'::regnamespace AND NOT t.attisdropped
        UNION ALL SELECT 'FUNCTION ', p.oid::regprocedure::text, p.proowner, a.* FROM pg_proc AS p,
            aclexplode(p.proacl) AS a WHERE p.pronamespace = 'rules'::regnamespace
        UNION ALL SELECT 'SCHEMA ', n.nspname, n.nspowner, a.* FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
            WHERE n.nspname = 'rules'
    ) AS o, LATERAL (SELECT o.kind, o.named, pg_get_userbyid(o.grantee) AS holder, o.privilege_type) AS g
    WHERE o.is_grantable AND o.grantee <> o.owner ORDER BY 1, 2, 3
"""
NAMESAKES = f"""
    SELECT 'ROUTINE pg_catalog.' || p.oid::regprocedure FROM pg_proc AS p
    WHERE p.oid >= {OWN} AND p.pronamespace = 'pg_catalog'::regnamespace
        AND EXISTS (SELECT FROM pg_proc AS o WHERE o.proname = p.proname AND o.oid < {OWN})
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT format('OPERATOR pg_catalog.%s (%s, %s)', p.oprname, nullif(p.oprleft, 0)::regtype,
        p.oprright::regtype) FROM pg_operator AS p
    WHERE p.oid >= {OWN} AND p.oprnamespace = 'pg_catalog'::regnamespace
        AND EXISTS (SELECT FROM pg_operator AS o WHERE o.oprname = p.oprname AND o.oid < {OWN})
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1
"""
BESIDE = f"""
    SELECT format('Cast from %s to %s', c.castsource::regtype, c.casttarget::regtype),
        'PostgreSQL has none such, and values are read by it',
        format('DROP CAST (%s AS %s);', c.castsource::regtype, c.casttarget::regtype) FROM pg_cast AS c
    WHERE c.oid >= {OWN} AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid IN (c.castsource, c.casttarget)
            AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'rules'::regnamespace))
    UNION ALL SELECT format('Event trigger %I', e.evtname),
        format('at each %s it runs %s, which may switch checks off', e.evtevent, e.evtfoid::regprocedure),
        format('DROP EVENT TRIGGER %I;', e.evtname) FROM pg_event_trigger AS e WHERE e.evtenabled <> 'D'
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = e.oid AND d.deptype = 'e')
    UNION ALL SELECT 'Function ' || p.oid::regprocedure, 'its costs are not those that the migrations give it',
        format('ALTER FUNCTION %s COST 100%s PARALLEL UNSAFE;', p.oid::regprocedure,
            CASE WHEN p.proretset THEN ' ROWS 1000' ELSE '' END)
    FROM pg_proc AS p WHERE p.pronamespace = 'rules'::regnamespace AND (p.proparallel <> 'u' OR p.procost <> 100
        OR p.prorows <> CASE WHEN p.proretset THEN 1000 ELSE 0 END)
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT 'Sequence ' || s.seqrelid::regclass, 'it does not count one by one from 1',
        format('ALTER SEQUENCE %s START 1 INCREMENT 1 NO MINVALUE NO MAXVALUE CACHE 1 NO CYCLE;', s.seqrelid::regclass)
    FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid WHERE c.relnamespace = 'rules'::regnamespace
        AND (s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
            <> (1, 1, 1, 9223372036854775807, 1, false)
    UNION ALL SELECT format('Column %s.%s', c.relname, a.attname), 'its texts are not compared byte by byte',
        format('ALTER TABLE rules.%I ALTER COLUMN %I TYPE text COLLATE "default";', c.relname, a.attname)
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        AND a.attcollation <> t.typcollation
    UNION ALL SELECT format('Statistics %I', s.stxname), 'the planner keeps samples by it of rules.' || c.relname,
        format('DROP STATISTICS %s.%I;', s.stxnamespace::regnamespace, s.stxname)
    FROM pg_statistic_ext AS s JOIN pg_class AS c ON c.oid = s.stxrelid WHERE c.relnamespace = 'rules'::regnamespace
    UNION ALL SELECT format('Role %I', o.name), format('what it will make in the schema is open to %s', o.whom),
        format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA rules REVOKE ALL ON %s FROM %s;', o.name, o.kind, o.whom)
    FROM (SELECT pg_get_userbyid(d.defaclrole) AS name, CASE a.grantee WHEN 0 THEN 'PUBLIC'
            ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS whom, CASE d.defaclobjtype WHEN 'r' THEN 'TABLES'
            WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END AS kind
        FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS a WHERE d.defaclnamespace = 'rules'::regnamespace
            AND a.grantee <> d.defaclrole) AS o WHERE o.name NOT IN ('rules_owner', 'rules_views')
    ORDER BY 1, 2, 3
"""
USED_UP = 2**62
"""From here on somebody set a sequence, so that it will give no number any more."""
NUMBERED = """
    SELECT s.seqrelid::regclass::text, t.oid::regclass::text, a.attname,
        CASE WHEN has_sequence_privilege(s.seqrelid, 'SELECT') THEN coalesce(pg_sequence_last_value(s.seqrelid), 0) END
    FROM pg_sequence AS s JOIN pg_depend AS d ON d.objid = s.seqrelid AND d.deptype = 'i'
    JOIN pg_class AS t ON t.oid = d.refobjid JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE t.relnamespace = 'rules'::regnamespace ORDER BY 1
"""
OTHERS = """
    SELECT replace(o.type, ' object', ''), o.identity
    FROM pg_depend AS d, pg_identify_object(d.classid, d.objid, 0) AS o
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'rules'::regnamespace AND d.classid NOT IN
        ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_default_acl'::regclass) ORDER BY 1, 2
"""
UNCHECKED = """
    SELECT CASE s.setrole WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(s.setrole)::text END, o.setting,
        CASE WHEN s.setrole = 0 THEN format('ALTER DATABASE %I', d.datname) WHEN s.setdatabase = 0
            THEN format('ALTER ROLE %I', pg_get_userbyid(s.setrole))
            ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), d.datname) END
    FROM pg_db_role_setting AS s LEFT JOIN pg_database AS d ON d.oid = s.setdatabase, unnest(s.setconfig) AS o (setting)
    WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND o.setting ~ '^session_replication_role=(?!origin)'
    UNION ALL SELECT 'the whole server', name || '=' || reset_val, 'ALTER SYSTEM' FROM pg_settings
    WHERE name = 'session_replication_role' AND reset_val <> 'origin'
        AND source IN ('configuration file', 'command line')
    ORDER BY 1
"""
SAMPLED = """
    SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r' AND NOT a.attisdropped AND a.attname <> 'tenant'
        AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype) AND coalesce(a.attstattarget, -1) > 0 ORDER BY 1, 2
"""
OFF = """
    SELECT 'Index ' || x.indexrelid::regclass, 'it is not kept, or checked too late' FROM pg_index AS x
    JOIN pg_class AS c ON c.oid = x.indrelid WHERE c.relnamespace = 'rules'::regnamespace
        AND NOT (x.indisready AND x.indislive AND (x.indimmediate
            OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.condeferrable)))
    UNION ALL SELECT 'Function ' || p.oid::regprocedure, 'it does something else than its text says' FROM pg_proc AS p
    WHERE p.pronamespace = 'rules'::regnamespace AND (p.prosqlbody IS NOT NULL OR p.prosupport <> 0)
    UNION ALL SELECT format('Trigger %s.%s', c.relname, t.tgname), 'it is hidden, and no migration made it'
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE c.relnamespace = 'rules'::regnamespace AND t.tgisinternal
        AND (t.tgconstraint = 0 OR p.pronamespace <> 'pg_catalog'::regnamespace)
    UNION ALL SELECT format('Constraint %s.%s', c.relname, k.conname), 'it is not checked any more'
    FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid WHERE k.contype = 'f'
        AND c.relnamespace = 'rules'::regnamespace AND 4 > (SELECT count(*) FROM pg_trigger WHERE tgconstraint = k.oid)
    UNION ALL SELECT 'Relation rules.' || c.relname, 'its triggers, checks, rules or indexes are off' FROM pg_class AS c
    WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind IN ('r', 'v')
        AND (NOT c.relhastriggers AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid)
            OR NOT c.relhasindex AND EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid)
            OR NOT c.relhasrules AND EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid)
            OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_enabled <> 'O')
            OR c.relchecks <> (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c'))
    ORDER BY 1
"""
BY_HAND = (
    "Somebody edited PostgreSQL's own catalogue: restore a backup, or its rows into a database that is upgraded anew."
)
NESTED = """
    SELECT pg_get_userbyid(m.roleid), pg_get_userbyid(m.member) FROM pg_auth_members AS m
    WHERE pg_get_userbyid(m.member) IN ('rules_analyst', 'rules_approver', 'rules_engine', 'rules_auditor',
        'rules_admin', 'rules_owner', 'rules_views') ORDER BY 1, 2
"""


def judge(connection: Bare, findings: Findings) -> None:
    """Find what was put beside the schema and has a say in it."""
    about = "The schema (beside it)"
    for heir, parent, inside in _rows(connection, HEIRS):
        what = f"its rows show in {parent}, " + (
            "beside the walls between tenants." if inside else "and nobody audits them."
        )
        findings.add(about, f"Table {heir}", what, f"ALTER TABLE {heir} NO INHERIT {parent};")
    for thing, holder, right in _rows(connection, HANDED_ON):
        column, _, table = thing.rpartition(" ON ")
        revoke = f"REVOKE GRANT OPTION FOR {right}{' ' + column if column else ''} ON {table} FROM {holder} CASCADE;"
        findings.add(about, f"Role {holder}", f"it may hand {right} on {table} on to others.", revoke)
    for (thing,) in _rows(connection, NAMESAKES):
        what = "PostgreSQL has none such, and it is asked in place of its namesake."
        findings.add(about, f"PostgreSQL's own schema: {thing}", what, f"DROP {thing};")
    _judge_more(connection, findings, about)
    for kind, thing in _rows(connection, OTHERS):
        findings.add(about, f"Schema rules: {kind} {thing}", "no migration made it.", f"DROP {kind.upper()} {thing};")
    for whose, setting, alter in _rows(connection, UNCHECKED):
        what = f"{setting} is set for {whose}, by which references are not checked."
        findings.add(about, "The database", what, f"{alter} RESET session_replication_role;")
    for table, column in _rows(connection, SAMPLED):
        what = "the planner keeps samples of it, which whoever reads all catalogues reads of every tenant."
        cure = f"ALTER TABLE rules.{table} ALTER COLUMN {column} SET STATISTICS 0; ANALYZE rules.{table};"
        findings.add(about, f"Column {table}.{column}", what, cure)
    for thing, what in _rows(connection, OFF):
        findings.add(about, thing, f"{what}.", BY_HAND)
    for role, member in _rows(connection, NESTED):
        what = f"all of it can do what {role} can."
        findings.add(about, f"Role {member}", what, f"REVOKE {role} FROM {member};")


def _judge_more(connection: Bare, findings: Findings, about: str) -> None:
    """What a query says in full; and sequences that stand below a number that is given, or are used up."""
    for thing, what, cure in _rows(connection, BESIDE):
        findings.add(about, thing, f"{what}.", cure)
    for sequence, table, column, last in _rows(connection, NUMBERED):
        ((given,),) = _rows(connection, f"SELECT coalesce(max({column}), 0) FROM ONLY {table}")
        if last is not None and not given <= last < USED_UP:
            cure = f"SELECT setval('{sequence}', {given});"
            findings.add(about, f"Sequence {sequence}", f"it stands at {last}, and {given} is given already.", cure)


def _rows(connection: Bare, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor)
