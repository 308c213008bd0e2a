"""
The audit: what its newest entries say, and the proof of it.

Proved are the chain of the entries, that nothing but the functions of the schema can have written them, the tables
against them, and the schema itself. Whoever rewrites all of it is found only against a head that was noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from rules_engine.errors import Fault, RunRefused
from rules_repo import audit_anchors, audit_catalogue, audit_contents, audit_reach, audit_rows, schema
from rules_repo.audit_anchors import Anchor
from rules_repo.audit_chain import Links, parsed
from rules_repo.audit_faults import Findings
from rules_repo.audit_replay import Replay
from rules_repo.audit_tables import AUDIT, SETTLING, VERSION, WATCHED
from rules_repo.connection import bare, connected, shown, snapshot

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

PINNED = {
    "search_path": "pg_catalog, pg_temp",
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
}
"""What a session that verifies is set to, so that no default of a role or a database has a say."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change to one row: who, when, why, before and after; ``before`` and ``after`` are JSON or None."""

    position: int
    at: datetime
    login: str
    relation: str
    operation: str
    row_key: Mapping[str, Any]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    How long the chain is, its newest hash to be kept elsewhere, and what is wrong.

    ``total`` counts all faults, of which ``faults`` tells some of each kind; of ``withheld`` entries, which are of
    other tenants, only the links were proved.
    """

    entries: int
    head: str
    faults: tuple[Fault, ...]
    total: int
    withheld: int


def verify(url: str, anchors: Collection[Anchor] = (), most: int = 5) -> Verdict:
    """
    Prove the audit, and that every anchor is in the chain; of each kind of fault at most ``most`` are told.

    Raises:
        RunRefused: If the database cannot be reached, has no audit, or is not at this program's revision.
    """
    findings = Findings(most)
    with bare(url) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        _pin(connection)
        tables = WATCHED[schema.HEAD]
        odd = audit_rows.shapes(connection, [AUDIT, SETTLING, VERSION, *tables.values()])
        _check_readable(connection, odd, url)
        links = Links(frozenset(anchor.position for anchor in anchors))
        whole = _sees_all(connection)
        replay = Replay(findings, _stored(connection), whole)
        replay.play(links.read(connection, findings, whole))
        if replay.revision != schema.HEAD:
            findings.add("The chain", "The chain", f"it has no entry of the migration to {schema.HEAD}.")
        for name, what in odd.items():
            findings.add(f"rules.{name}", f"rules.{name}", what)
        known = {key: row for key, row in replay.rows.items() if key[0] not in odd}
        sound = [table for table in tables.values() if table.name not in odd]
        audit_rows.compare(connection, sound, known, _stored(connection), findings)
        if whole and SETTLING.name not in odd:
            audit_rows.judge_clock(connection, replay.last, replay.newest, findings)
        if not audit_contents.NEEDED & odd.keys():
            audit_contents.judge(connection, findings)
        audit_catalogue.judge(connection, replay.catalogue, findings)
        audit_reach.judge(connection, findings)
    audit_anchors.compare(anchors, links.met, links.entries, findings)
    return Verdict(links.entries, links.head, tuple(findings.told()), findings.total, links.withheld)


def _check_readable(connection: Bare, odd: Mapping[str, str], url: str) -> None:
    """Refuse a database that has no audit, one whose audit must not be read, and one at another revision."""
    faults = [Fault(f"rules.{name}", odd[name]) for name in (VERSION.name, AUDIT.name) if name in odd]
    if faults:
        remedy = Fault(
            f"Rules database {shown(url)}", "it cannot be verified.", "Run `rules db upgrade`, or restore it."
        )
        raise RunRefused(*faults, remedy)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(v.version_num) FROM ONLY rules.schema_version AS v")
        schema.check_newest((cursor.fetchone() or (None,))[0], url)


def _pin(connection: Bare) -> None:
    with connection.cursor() as cursor:
        for name, value in PINNED.items():
            cursor.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))


def _sees_all(connection: Bare) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOT row_security_active('rules.audit_entry')")
        return bool((cursor.fetchone() or (False,))[0])


def _stored(connection: Bare) -> Callable[[int], dict[str, Any] | None]:
    """What an entry says that a row became, by the entry's position."""

    def asked(position: int) -> dict[str, Any] | None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT after::text FROM rules.audit_entry AS e WHERE e.position = %s", (position,))
            found = cursor.fetchone()
        return parsed(found[0]) if found and found[0] is not None else None

    return asked


def head(url: str, at: str) -> Anchor:
    """
    The newest entry as it is stored, to be noted elsewhere; ``at`` is when.

    Raises:
        RunRefused: If the database cannot be reached or has no audit, or no entry.
    """
    with bare(url) as connection:
        _pin(connection)
        newest = "rules.audit_entry" if _sees_all(connection) else "rules.audit_chain(0)"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT e.position, e.hash FROM {newest} AS e ORDER BY e.position DESC LIMIT 1")
            found = cursor.fetchone()
    if found is None:
        raise RunRefused(Fault("The audit", "it has no entry.", "Run `rules db upgrade`."))
    return Anchor(found[0], found[1], at)


def log(url: str, key: str | None = None, last: int = 50) -> tuple[Entry, ...]:
    """The newest entries, newest last; those that speak of one rule, if its key is given."""
    with snapshot(connected(url)) as connection:
        found = connection.execute(text(_LOG), {"key": key, "last": last}).mappings()
        return tuple(Entry(**row) for row in reversed(found.all()))


_LOG = """
    SELECT position, at, login, relation, operation, row_key, before, after, reason FROM rules.audit_entry
    WHERE CAST(:key AS text) IS NULL OR coalesce(after, before) ->> 'rule_id' IN (
            SELECT id::text FROM rules.rule_identity WHERE key = :key)
        OR relation IN ('rule_identity', 'membership_type_identity') AND coalesce(after, before) ->> 'key' = :key
        OR coalesce(after, before) ->> 'change_id' IN (SELECT d.change_id::text FROM rules.draft_rule AS d
            JOIN rules.rule_identity AS i ON i.id = d.rule_id WHERE i.key = :key)
    ORDER BY position DESC LIMIT :last
"""
