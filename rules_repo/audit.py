"""The audit proved: the chain of its entries, computed anew, and the tables against what it says of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from rules_engine.errors import Fault
from rules_repo.connection import connected, snapshot

STREAMED = 5_000
"""How many entries are held at once."""


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
    """How long the chain is, its newest hash to be kept elsewhere, and what is wrong, first things first."""

    entries: int
    head: str
    faults: tuple[Fault, ...]


def verify(url: str, most: int = 20) -> Verdict:
    """
    Prove the audit; of the chain the first fault is told, for all after it hang on it, of the tables at most ``most``.

    Raises:
        RunRefused: If the database cannot be reached or has no audit.
    """
    with snapshot(connected(url)) as connection:
        connection.execute(text("SET LOCAL timezone = 'UTC'"))
        entries, head, broken = _chain(connection)
        faults = [*broken, *_tables(connection, most)]
    return Verdict(entries, head, tuple(faults[:most]))


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

_ENTRIES = """
    SELECT position::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), login, transaction::text,
        tenant, relation, operation, row_key::text, before::text, after::text, reason, previous, hash
    FROM rules.audit_entry AS e ORDER BY e.position
"""


def _chain(connection: Connection) -> tuple[int, str, list[Fault]]:
    """How many links hold, the hash of the last one, and the fault of the first that does not."""
    held, head = 0, ""
    options = {"stream_results": True, "yield_per": STREAMED}
    for *said, stored in connection.execution_options(**options).exec_driver_sql(_ENTRIES.replace("%", "%%")):
        if fault := _broken(said, stored, held + 1, head):
            return held, head, [fault]
        held, head = held + 1, stored
    return held, head, []


def _broken(said: list[str | None], stored: str, expected: int, head: str) -> Fault | None:
    which = f"Audit entry {said[0]}"
    about = f"{said[6]} of {said[5]} {said[7]} by {said[2]} at {said[1]}"
    remedy = "Compare with a backup from before; who had superuser rights since then?"
    if said[0] != str(expected):
        return Fault(f"Audit entry {expected}", f"it is missing: the chain goes on with {said[0]} ({about}).", remedy)
    if said[-1] != head:
        return Fault(which, f"it does not follow the entry before it ({about}).", remedy)
    if hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest() != stored:
        return Fault(which, f"it was altered: its content does not give its hash ({about}).", remedy)
    return None


def _tables(connection: Connection, most: int) -> Iterator[Fault]:
    """Rows that are not what the audit last said of them, table by table."""
    watched = "SELECT DISTINCT relation FROM rules.audit_entry ORDER BY relation"
    for relation in connection.execute(text(watched)).scalars().all():
        yield from _rows(relation, connection.execute(text(_compared(connection, relation)), {"most": most}))
    yield from _wordings(connection)


def _compared(connection: Connection, relation: str) -> str:
    keys = connection.execute(text("SELECT rules.primary_key(CAST(:t AS regclass))"), {"t": f"rules.{relation}"})
    pairs = ", ".join(f"'{name}', t.{name}" for name in keys.scalar_one())
    return f"""
        SELECT coalesce(said.row_key, there.row_key)::text AS row_key, there.content IS NULL AS gone,
            said.row_key IS NULL AS unknown, said.position
        FROM (SELECT DISTINCT ON (row_key) row_key, position, after FROM rules.audit_entry
              WHERE relation = '{relation}' ORDER BY row_key, position DESC) AS said
        FULL JOIN (SELECT jsonb_build_object({pairs}) AS row_key, to_jsonb(t) AS content FROM rules.{relation} AS t)
            AS there USING (row_key)
        WHERE there.content IS DISTINCT FROM said.after AND (said.after IS NULL OR there.content IS NULL
            OR said.after <> (
                SELECT jsonb_object_agg(key, value) FROM jsonb_each(there.content) WHERE said.after ? key))
        ORDER BY 1 LIMIT :most
    """


def _rows(relation: str, found: Iterable[Any]) -> Iterator[Fault]:
    for row in found:
        which = f"rules.{relation} {row.row_key}"
        if row.gone:
            yield Fault(which, f"it is gone, and the audit knows of no removal (entry {row.position}).", "Restore it.")
        elif row.unknown:
            yield Fault(which, "the audit does not know it: it was written past the triggers.", "Find out by whom.")
        else:
            yield Fault(
                which, f"it is not what the audit says of it (entry {row.position}): it was altered.", "Restore it."
            )


def _wordings(connection: Connection) -> Iterator[Fault]:
    found = connection.execute(
        text(
            "SELECT i.key || '/' || v.version AS id FROM rules.rule_version AS v"
            " JOIN rules.rule_identity AS i ON i.id = v.rule_id"
            " WHERE v.content_hash <> encode(sha256(convert_to(rules.wording(v)::text, 'UTF8')), 'hex') ORDER BY 1"
        )
    )
    for row in found:
        yield Fault(f"Version {row.id}", "its wording does not give its content hash: it was altered.", "Restore it.")
