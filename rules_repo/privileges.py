"""What a database administrator gave that the rules need not have: owners, logins, and what everybody may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from rules_engine.errors import Fault
from rules_repo.connection import connected, snapshot

OWNERS = "('rules_owner', 'rules_views')"
ROLES = "('rules_analyst', 'rules_approver', 'rules_engine', 'rules_auditor', 'rules_admin')"

STATEMENTS = "pg_monitor", "pg_read_all_stats"
"""Whose members see in pg_stat_activity what any login of the server writes."""

_OWNERS = f"""
    SELECT c.relname AS named, pg_get_userbyid(c.relowner) AS owner FROM pg_class AS c
    WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind IN ('r', 'v')
        AND pg_get_userbyid(c.relowner) NOT IN {OWNERS}
    UNION ALL SELECT 'schema', pg_get_userbyid(nspowner) FROM pg_namespace
    WHERE nspname = 'rules' AND pg_get_userbyid(nspowner) <> 'rules_owner'
    ORDER BY 1
"""

_MEMBERS = f"""
    SELECT DISTINCT m.rolname AS login, o.rolname AS owner FROM pg_roles AS o, pg_roles AS m
    WHERE o.rolname IN {OWNERS} AND m.oid <> o.oid AND NOT m.rolsuper AND pg_has_role(m.oid, o.oid, 'USAGE')
    ORDER BY 1, 2
"""

_EVERYBODY = """
    SELECT a.privilege_type AS privilege, current_database() AS place FROM pg_database AS d,
        aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE') ORDER BY 1
"""

_SENT = "SELECT DISTINCT pubname FROM pg_publication_tables WHERE schemaname = 'rules' ORDER BY 1"

_SHOWN = f"""
    SELECT DISTINCT c.oid::regclass::text AS named, c.relkind::text AS kind, o.rolname AS owner FROM pg_depend AS d
    JOIN pg_class AS t ON t.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_rewrite AS w ON w.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class AS c ON c.oid = w.ev_class JOIN pg_roles AS o ON o.oid = c.relowner
    WHERE t.relnamespace = 'rules'::regnamespace AND c.relnamespace <> t.relnamespace
        AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
        AND (o.rolsuper OR o.rolbypassrls OR o.rolname IN {OWNERS}) ORDER BY 1
"""

_PREPARES = "SELECT setting FROM pg_settings WHERE name = 'max_prepared_transactions' AND setting <> '0'"

_PREPARED = """
    SELECT gid, owner, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS since FROM pg_prepared_xacts
    WHERE database = current_database() ORDER BY prepared, gid
"""

_LOGINS = f"""
    SELECT r.rolname AS login, r.rolsuper AS super, r.rolcreaterole AS createrole, r.rolbypassrls AS bypassrls,
        r.rolreplication AS replication,
        ARRAY(SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
            FROM pg_parameter_acl AS a, aclexplode(a.paracl) AS g
            WHERE a.parname = 'session_replication_role' AND g.privilege_type = 'SET' AND NOT r.rolsuper
                AND (g.grantee = 0 OR pg_has_role(r.oid, g.grantee, 'MEMBER')) ORDER BY 1)::text[] AS setters,
        (SELECT pg_has_role(r.oid, d.datdba, 'USAGE') FROM pg_database AS d
            WHERE d.datname = current_database()) AS owns,
        has_database_privilege(r.oid, current_database(), 'TEMPORARY') AS temporary,
        has_database_privilege(r.oid, current_database(), 'CREATE') AS creates,
        ARRAY(SELECT p.rolname FROM pg_roles AS p WHERE p.rolname IN ('pg_write_all_data', 'pg_read_all_data',
            'pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files', 'pg_signal_backend',
            'pg_maintain', 'pg_monitor', 'pg_read_all_stats', 'pg_create_subscription')
            AND (p.rolname <> 'pg_read_all_stats' OR NOT pg_has_role(r.oid, 'pg_monitor', 'MEMBER'))
            AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER') ORDER BY 1)::text[] AS groups,
        ARRAY(SELECT g.rolname FROM pg_roles AS g WHERE g.rolname IN {ROLES}
            AND pg_has_role(r.oid, g.oid, 'MEMBER WITH ADMIN OPTION') ORDER BY 1)::text[] AS hands_on
    FROM pg_roles AS r WHERE r.rolcanlogin AND EXISTS (
        SELECT FROM pg_roles AS g JOIN pg_auth_members AS m ON m.roleid = g.oid
        WHERE g.rolname IN {ROLES} AND m.member = r.oid AND (r.rolsuper OR pg_has_role(r.oid, g.oid, 'USAGE')))
    ORDER BY 1
"""


def excesses(url: str) -> tuple[Fault, ...]:
    """
    What the database, its owner or its logins have too much of, with the statement that takes it away.

    Raises:
        RunRefused: If the database cannot be reached.
    """
    with snapshot(connected(url)) as connection:
        found = (_of_server(connection), _of_owners(connection), _of_everybody(connection), _of_logins(connection))
        return tuple(fault for of_one in found for fault in of_one)


def _rows(connection: Connection, query: str) -> list[Any]:
    return list(connection.execute(text(query)))


def _of_server(connection: Connection) -> Iterator[Fault]:
    for row in _rows(connection, _PREPARES):
        what = (
            f"max_prepared_transactions is {row.setting}: any login may prepare a transaction, which holds the locks of"
            " a change against everybody until somebody ends it."
        )
        cure = "Where no program needs it: ALTER SYSTEM SET max_prepared_transactions = 0, and start the server anew."
        yield Fault("Server", what, cure)
    for row in _rows(connection, _PREPARED):
        which = f"Prepared transaction {row.gid}"
        what = f"{row.owner} left it open at {row.since} UTC, and it holds its locks."
        yield Fault(which, what, f"ROLLBACK PREPARED {_quoted(row.gid)}.")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _of_owners(connection: Connection) -> Iterator[Fault]:
    for row in _rows(connection, _OWNERS):
        which, kind = f"rules.{row.named}", "SCHEMA rules" if row.named == "schema" else f"TABLE rules.{row.named}"
        yield Fault(which, f"it belongs to {row.owner}.", f"As a superuser: ALTER {kind} OWNER TO rules_owner.")
    for row in _rows(connection, _MEMBERS):
        remedy = f"REVOKE {row.owner} FROM {row.login}."
        yield Fault(f"Login {row.login}", f"it is the owner of the rules, as a member of {row.owner}.", remedy)


def _of_everybody(connection: Connection) -> Iterator[Fault]:
    for row in _rows(connection, _EVERYBODY):
        what = "make temporary tables" if row.privilege == "TEMPORARY" else "make schemas"
        remedy = f"As its owner: REVOKE {row.privilege} ON DATABASE {row.place} FROM PUBLIC."
        yield Fault(f"Database {row.place}", f"everybody may {what} in it.", remedy)
    for row in _rows(connection, _SHOWN):
        kind = "MATERIALIZED VIEW" if row.kind == "m" else "VIEW"
        what = f"it shows rules of every tenant with the rights of {row.owner}, to whoever may read it."
        cure = (
            f"ALTER VIEW {row.named} SET (security_invoker = true)" if row.kind == "v" else f"DROP {kind} {row.named}"
        )
        yield Fault(f"{kind.capitalize()} {row.named}", what, f"{cure}.")
    for row in _rows(connection, _SENT):
        what = "it sends the rows of every tenant's rules to whoever subscribes to it."
        yield Fault(f"Publication {row.pubname}", what, f"DROP PUBLICATION {row.pubname}.")


def _of_logins(connection: Connection) -> Iterator[Fault]:
    modern = int((connection.dialect.server_version_info or (0,))[0]) >= 16
    for row in _rows(connection, _LOGINS):
        which = f"Login {row.login}"
        if row.super:
            yield Fault(
                which, "it is a superuser: nothing in the database binds it.", "Give its rules role to another login."
            )
            continue
        if row.createrole:
            can = (
                "it can make other logins and be two people" if modern else "it can make itself the owner of the rules"
            )
            yield Fault(which, f"{can} (CREATEROLE).", f"ALTER ROLE {row.login} NOCREATEROLE.")
        if row.bypassrls:
            yield Fault(which, "it sees every tenant (BYPASSRLS).", f"ALTER ROLE {row.login} NOBYPASSRLS.")
        if row.replication:
            yield Fault(
                which,
                "it reads every tenant's rows as they are sent (REPLICATION).",
                f"ALTER ROLE {row.login} NOREPLICATION.",
            )
        for grantee in row.setters:
            remedy = f"REVOKE SET ON PARAMETER session_replication_role FROM {grantee}."
            yield Fault(which, "it may set session_replication_role, by which references are not checked.", remedy)
        for group in row.groups:
            why = ": it reads the statements of others while they run" if group in STATEMENTS else ""
            yield Fault(which, f"it has {group}{why}.", f"REVOKE {group} FROM {row.login}.")
        for group in row.hands_on:
            remedy = f"REVOKE ADMIN OPTION FOR {group} FROM {row.login} CASCADE."
            yield Fault(which, f"it may make any login one of {group} (ADMIN OPTION).", remedy)
        yield from _of_the_database(which, row, f"DATABASE {connection.engine.url.database}")


def _of_the_database(which: str, row: Any, place: str) -> Iterator[Fault]:
    if row.owns:
        what = "it owns the database: it may drop it, and set what every session begins with."
        yield Fault(which, what, f"ALTER {place} OWNER TO CURRENT_USER.")
        return
    for has, right in ((row.temporary, "TEMPORARY"), (row.creates, "CREATE")):
        if has:
            yield Fault(which, f"it has {right} on the database.", f"REVOKE {right} ON {place} FROM {row.login}.")
