"""The schema of the rules database: how it gets there, and which state it is in."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_repo.connection import OLDEST, connected, shown, translated

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCHEMA = "rules"
"""The schema that holds everything."""

HEAD = "0009"
"""The newest migration: what this program reads and writes."""

MIGRATIONS = files("rules_repo") / "migrations"

ONE_AT_A_TIME = f"""DO $$ BEGIN
    IF to_regclass('{SCHEMA}.schema_version') IS NULL THEN
        PERFORM pg_advisory_xact_lock(7310589201);
    ELSE
        LOCK TABLE {SCHEMA}.schema_version IN EXCLUSIVE MODE;
    END IF;
END $$"""
"""One upgrade runs at a time: any login can take an advisory lock, nobody who may only read this lock on a table."""


PATH = "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL standard_conforming_strings = on;"
"""Names in migrations are looked up where nobody else puts any."""

LEAVE = """DO $$
DECLARE
    role name;
BEGIN
    FOR role IN SELECT r.rolname FROM pg_roles AS r JOIN pg_auth_members AS m ON m.roleid = r.oid
        WHERE r.rolname IN ('rules_owner', 'rules_views') AND m.member = current_user::regrole
            AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) LOOP
        EXECUTE format('REVOKE %I FROM CURRENT_USER', role);
    END LOOP;
END $$;"""
"""A migration that is no superuser's belongs to the owner of the schema while it runs, and not afterwards."""


PLAN_DAYS = 30
"""How old the plan of a change may be where a tenant is new, and governance says nothing else."""

NONE_YET = "ADD COLUMN plan_days integer NOT NULL DEFAULT 0"
"""What a tenant that is there begins with; in the administrator's SQL from nothing the one that is there is new."""

EFFECTS_TOO = f"UPDATE {SCHEMA}.tenant SET plan_days = {{}} WHERE key = 'main'"
"""The first tenant of a new database approves effects, as every tenant does that is added to one."""


def upgrade(url: str, plan_days: int = 0) -> str:
    """
    Bring the schema up to :data:`HEAD` in one transaction, and say which it is; again changes nothing.

    Where there was none before, ``plan_days`` is how old the plans may be that the approvals of its first tenant
    need; 0 needs none.

    Raises:
        RunRefused: If the database cannot be reached, or is older than PostgreSQL 15.
    """
    from alembic import command
    from alembic.config import Config

    engine = connected(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with translated(engine), engine.begin() as connection:
        _check_age(connection)
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql(ONE_AT_A_TIME)
        config.attributes["connection"] = connection
        _check_known(before := _revision(connection), shown(url))
        connection.exec_driver_sql(PATH)
        command.upgrade(config, HEAD)
        _check_restored(connection, shown(url))
        if before is None and plan_days:
            connection.exec_driver_sql(EFFECTS_TOO.format(plan_days))
        connection.execution_options(no_parameters=True).exec_driver_sql(LEAVE)
    return HEAD


def offline(since: str | None = None) -> str:
    """
    The upgrade as SQL for a database administrator: from ``since``, or from nothing, up to :data:`HEAD`.

    Raises:
        RunRefused: If there is no such revision.
    """
    from alembic.script import ScriptDirectory

    steps = list(reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())))
    known = [step.revision for step in steps]
    if since is not None and since not in known:
        raise RunRefused(Fault(f"Revision {since}", "there is none.", f"There are: {', '.join(known)}."))
    wanted = steps[known.index(since) + 1 :] if since else steps
    parts = [
        (step.module.SQL / f"{step.revision}_{part}.sql").read_text("utf-8")
        for step in wanted
        for part in step.module.PARTS
    ]
    if not since:
        parts = [part.replace(NONE_YET, f"{NONE_YET[:-1]}{PLAN_DAYS}") for part in parts]
    return "\n".join(["BEGIN;", PATH, *_opening(since), *parts, *_closing(since), LEAVE, "COMMIT;", ""])


def _opening(since: str | None) -> list[str]:
    if since:
        return []
    return [
        f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};",
        f"CREATE TABLE {SCHEMA}.schema_version (",
        "    version_num varchar(32) NOT NULL CONSTRAINT schema_version_pkc PRIMARY KEY",
        ");",
    ]


def _closing(since: str | None) -> list[str]:
    if since:
        return [f"UPDATE {SCHEMA}.schema_version SET version_num = '{HEAD}' WHERE version_num = '{since}';"]
    return [f"INSERT INTO {SCHEMA}.schema_version (version_num) VALUES ('{HEAD}');"]


def current(url: str) -> str | None:
    """The migration the database is at, None if it was never upgraded."""
    engine = connected(url)
    with translated(engine), engine.connect() as connection:
        return _revision(connection)


def check_newest(revision: str | None, url: str) -> None:
    """
    Refuse a database that this program does not read.

    Raises:
        RunRefused: If its schema is older or newer than :data:`HEAD`.
    """
    if revision != HEAD:
        remedy = "Run `rules db upgrade`." if (revision or "") < HEAD else "Update this program."
        what = f"its schema is at {revision}, this program needs {HEAD}."
        raise RunRefused(Fault(f"Rules database {shown(url)}", what, remedy))


def _revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    options = {"version_table": "schema_version", "version_table_schema": SCHEMA}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


ROLES = "rules_owner", "rules_views", "rules_analyst", "rules_approver", "rules_engine", "rules_auditor", "rules_admin"

OWNER = "SELECT r.rolname FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner WHERE n.nspname = 'rules'"


def _check_restored(connection: Connection, which: str) -> None:
    """Refuse a dump that was restored where its roles were not: its owners and grants are lost."""
    query = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
    there = set(connection.exec_driver_sql(query, ([*ROLES],)).scalars())
    owner = connection.exec_driver_sql(OWNER).scalar()
    missing = [name for name in ROLES if name not in there]
    if missing or owner != "rules_owner":
        said = f"the roles {', '.join(missing)} are missing" if missing else f"its schema belongs to {owner}"
        what = f"{said}: a dump was restored where its roles were not, and what they own and may do is lost."
        remedy = "Drop it, make the roles first (pg_dumpall --roles-only), and restore it again: docs/operating.md."
        raise RunRefused(Fault(f"Rules database {which}", what, remedy))


def _check_age(connection: Connection) -> None:
    found = int((connection.dialect.server_version_info or (0,))[0])
    if found < OLDEST:
        raise RunRefused(
            Fault("Rules database", f"it is PostgreSQL {found}.", f"PostgreSQL {OLDEST} or newer is needed.")
        )


def _check_known(revision: str | None, which: str) -> None:
    if revision is not None and revision > HEAD:
        raise RunRefused(
            Fault(f"Rules database {which}", f"its schema is at {revision}, newer than {HEAD}.", "Update this program.")
        )
