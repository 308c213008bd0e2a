"""
Connections to PostgreSQL, and its errors in our words: no password ever shows.

SQLAlchemy is loaded where it is used. That takes a third of a second, for which a list of rules need not wait.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import psycopg2

from rules_engine.errors import ChangeRefused, Fault, RulesError, RunRefused

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection
    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from sqlalchemy import URL, Connection, Engine

OLDEST = 15
"""The oldest major version of PostgreSQL that the schema runs on."""

DRIVERS = {"postgresql", "postgres", "postgresql+psycopg2"}
REFUSED = "RR001"
"""The SQLSTATE with which the database refuses a change in words (migrations)."""

BUSY = "55P03"
NO_VALUE = {"22P02", "22007", "22008"}
"""SQLSTATEs of a text that is no value of its type."""

DISK_FULL = "53100"
FULL = ("its disk is full", "Make room there, and do the same again: nothing was changed.")
MISSING = {"3F000", "42P01", "42883"}
"""SQLSTATEs of a schema, table or function that is not there."""


def parsed(url: str) -> URL:
    """
    The URL as SQLAlchemy reads it.

    Raises:
        RunRefused: If it names no PostgreSQL database.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        read = None
    if read is None or read.drivername not in DRIVERS or not read.database:
        given = shown(url) if read else "something that is no URL"
        raise RunRefused(
            Fault("Rules database", f"its address is {given}.", "Give one: postgresql://user@host:5432/database.")
        )
    return read.set(drivername="postgresql+psycopg2")


def shown(url: str | URL) -> str:
    """The URL with its password hidden, wherever it stands."""
    from sqlalchemy import make_url

    read = make_url(url)
    hidden = {name: "***" if "password" in name.lower() else value for name, value in read.query.items()}
    return read.set(query=hidden, drivername="postgresql").render_as_string(hide_password=True).replace("%2A", "*")


def connected(url: str) -> Engine:
    """An engine that keeps no connection between uses and shows no parameters in its errors."""
    from sqlalchemy import NullPool, create_engine

    read = parsed(url)
    options = {} if "connect_timeout" in read.query else {"connect_timeout": 10}
    return create_engine(read, poolclass=NullPool, connect_args=options, hide_parameters=True)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """
    Turn the database's errors into ours.

    Raises:
        RunRefused: If the database cannot be reached, or the schema is not there.
        ChangeRefused: If the database refused a change.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        which = f"Rules database {shown(engine.url)}"
        raise _in_our_words(error.orig, error.connection_invalidated, which) from error


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction that sees one state of the database."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with translated(engine), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def bare(url: str) -> Iterator[Bare]:
    """
    A connection of the driver itself, and its errors in our words; who writes commits.

    Raises:
        RunRefused: If the database cannot be reached, or the schema is not there.
    """
    if not re.match(r"postgresql://[^/?]*/[^/?]", url):
        parsed(url)
    timeout = "" if "connect_timeout" in url else f"{'&' if '?' in url else '?'}connect_timeout=10"
    try:
        with closing(psycopg2.connect(url + timeout)) as connection:
            yield connection
    except psycopg2.Error as error:
        raise _in_our_words(error, False, f"Rules database {shown(parsed(url))}") from error


@contextmanager
def bare_snapshot(url: str) -> Iterator[Bare]:
    """What :func:`snapshot` sees, on a connection of the driver itself."""
    with bare(url) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        yield connection


ONLY = "main"
"""The tenant of a database that was never parted among several: it is whoever's the database is."""


def of_tenant(url: str, tenant: str) -> str:
    """
    The URL whose sessions work on a tenant's rules; a database without a schema yet is left as it is.

    So is one that was never parted. A login that may ask for no tenant reads a history alone, by a role of that tenant.

    Raises:
        RunRefused: If the login does not belong to the tenant, or the database cannot be reached.
    """
    with bare(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('rules.tenants()')::oid, session_user")
        function, login = cursor.fetchone() or (None, "")
        cursor.execute("SELECT has_function_privilege(%s, 'EXECUTE')", (function,))
        if cursor.fetchone() != (True,):
            return url
        cursor.execute("SELECT rules.tenants()")
        (known,) = cursor.fetchone() or ([],)
        if tenant not in known and known == [ONLY] and _is_never_parted(cursor, tenant):
            return url
    if tenant in known:
        option = quote(f"-c rules.tenant={tenant}")
        place, _, words = url.partition("?")
        kept = [word for word in words.split("&") if word and not word.startswith("options=")]
        given = [unquote(word.removeprefix("options=")) for word in words.split("&") if word.startswith("options=")]
        return f"{place}?{'&'.join([*kept, f'options={quote(given[0]) + quote(chr(32)) if given else str()}{option}'])}"
    of = f"it belongs to {', '.join(known)}" if known else "it belongs to no tenant"
    remedy = "Set RULES_TENANT to one of them." if known else "An admin lets it in: INSERT INTO rules.tenant_login."
    raise RunRefused(Fault(f"Tenant {tenant}", f"the login {login} does not belong to it; {of}.", remedy))


def _is_never_parted(cursor: Cursor, tenant: str) -> bool:
    """Whether the database takes a session of a tenant by any name for that of the only one there is."""
    cursor.execute("SELECT set_config('rules.tenant', %s, false)", (tenant,))
    try:
        cursor.execute("SELECT rules.tenant()")
    except psycopg2.Error as refused:
        if refused.pgcode == REFUSED:
            return False
        raise
    return True


def _in_our_words(error: BaseException | None, invalidated: bool, which: str) -> RulesError:
    state = getattr(error, "pgcode", None)
    diagnosis = getattr(error, "diag", None)
    said = (diagnosis and diagnosis.message_primary) or str(error).strip()
    if state == REFUSED:
        return ChangeRefused(*(_fault(line) for line in said.splitlines()))
    if state == BUSY:
        return ChangeRefused(Fault(which, "somebody else is changing rules in an open transaction.", "Try again soon."))
    if state in MISSING:
        return RunRefused(Fault(which, f"the schema is not there or not complete ({said}).", "Run `rules db upgrade`."))
    if state == "42501":
        return RunRefused(Fault(which, f"the login lacks a right: {said}.", _who_may(said)))
    if state is None or isinstance(error, psycopg2.OperationalError) or invalidated:
        one_line = " ".join(said.split())
        full = state == DISK_FULL or os.strerror(errno.ENOSPC) in one_line
        what, remedy = FULL if full else ("it cannot be reached", "Is it up? `rules doctor` looks for it.")
        return RunRefused(Fault(which, f"{what}: {one_line.rstrip('.')}.", remedy))
    other = Fault(which, f"it refused the statement: {said}.", "Nothing was changed.")
    return ChangeRefused(_no_value(said) if state in NO_VALUE else other)


def _who_may(said: str) -> str:
    """The role to ask for, by what PostgreSQL says is denied."""
    if re.search(r"\baudit_", said):
        return "Auditors may: ask an administrator for rules_auditor."
    if said.endswith("schema rules"):
        return "Ask an administrator for rules_analyst, rules_approver or rules_auditor, by what you are to do."
    if found := re.search(r"for (?:view|function) (\w+)$", said):
        return next((remedy for names, remedy in MAY.items() if found[1] in names.split()), ROLES)
    return ROLES


ROLES = "docs/security.md has what each role may do: ask an administrator for the one that may."
MAY = {
    "rule": "Analysts, approvers and auditors read it; analysts insert and update (rules_analyst); nobody deletes a"
    " rule or changes its key or version. Retire it: UPDATE rules.rule SET effective_to = …; take a draft back:"
    " DELETE FROM rules.draft WHERE ….",
    "membership_type parameter reference_list": "Analysts insert and update (rules_analyst); nobody deletes one or"
    " changes its key: past decisions name it.",
    "draft": "Analysts amend and take back drafts (rules_analyst).",
    "approve reject": "Approvers may: ask an administrator for rules_approver.",
    "begin_change work_on submit": "Analysts may: ask an administrator for rules_analyst.",
}
"""By the names of views and functions: who may, and what nobody may."""


def _no_value(said: str) -> Fault:
    """What PostgreSQL refuses before the rules are asked: a text that is no value of a column's type."""
    text, kind = re.search(r'"(.*)"', said), re.search(r"syntax for type ([a-z]+)", said)
    what, remedy = KINDS.get(kind[1] if kind else "date", ("what its column holds", "Look at the column's type."))
    return Fault(f"Value '{text[1]}'" if text else "A value", f"it is not {what}.", f"{remedy} Nothing was changed.")


KINDS = {
    "date": ("a day", "Write it as '2024-06-01'."),
    "timestamp": ("a moment", "Write it as '2024-06-01T08:00:00Z'."),
    "numeric": ("a number", "Write its digits, such as 20 or 2.50."),
    "bigint": ("a whole number", "Write its digits, such as 20."),
    "integer": ("a whole number", "Write its digits, such as 20."),
    "boolean": ("true or false", "Write one of the two."),
    "json": ("JSON", """Write it as '{"years": 10}'."""),
}
"""By PostgreSQL's type: what a value is to be, and how it is written."""


def _fault(line: str) -> Fault:
    which, _, what = line.partition(": ")
    return Fault(which, what)
