"""History records into PostgreSQL, quickly: lines of COPY, and chunks of lines."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from psycopg2 import errors

from rules_engine.model.history import HistoryRecord, Subject, Unreadable, created_text, read, record_from
from rules_engine.model.rules import Policy
from rules_engine.publication.records import SubjectType, collided, subject_checked, survivor_checked

AT_ONCE = 1 << 20
"""Bytes that COPY is given at once: between two portions the writer waits for its turn in Python."""

COLUMNS = (
    "subject, sort_key, created_at, membership_type, granted, event, reason, inclusion_sum, exclusion_sum, hits, "
    "first_granted, rule_set_digest, snapshots, as_of, run_id, engine_version, format, policy, correction, "
    "content_hash, merged_into"
)
"""The table's columns in the order in which lines and statements give them, whatever order the table has."""

INSERT = f'INSERT INTO history."{{table}}" ({COLUMNS}) SELECT {COLUMNS} FROM incoming ON CONFLICT DO NOTHING'
COLLIDING = """
SELECT to_jsonb(held), to_jsonb(given)
FROM incoming given, LATERAL (
    SELECT * FROM history."{table}" WHERE subject = given.subject AND sort_key = given.sort_key LIMIT 1
) held
WHERE held.content_hash IS DISTINCT FROM given.content_hash ORDER BY given.subject, given.sort_key
"""
"""Row by row through the primary key: as a join it reads the whole history for each chunk until that is analysed."""

NONE = r"\N"
ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


# A run repeats its words from record to record: remembering them makes a line three times as fast to write.
@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return value.translate(ESCAPED)


@lru_cache(maxsize=256)
def _policy(policy: Policy | None) -> str:
    return _text(json.dumps(policy.content())) if policy else r"\N"


@lru_cache(maxsize=256)
def _of_run(
    rule_set_digest: str, snapshots: tuple[tuple[str, str], ...], as_of: date, run_id: str, engine_version: str
) -> str:
    texts = rule_set_digest, json.dumps(dict(snapshots)), as_of.isoformat(), run_id, engine_version
    return "\t".join(map(_text, texts))


@lru_cache(maxsize=256)
def _keys(created_at: datetime, membership_type: str) -> str:
    created = created_text(created_at)
    return "\t".join([_text(f"{created}#{membership_type}"), created, _text(membership_type)])


def escaped(subject: Subject) -> Subject:
    """A subject as COPY reads it."""
    return subject.translate(ESCAPED) if isinstance(subject, str) else subject


def of_run(record: HistoryRecord) -> tuple[str, str, str]:
    """What the lines of a record's run and type have in common: its keys, what is said of the run, its policy."""
    snapshots = tuple(record.snapshots.items())
    run = _of_run(record.rule_set_digest, snapshots, record.as_of, record.run_id, record.engine_version)
    keys = _keys(record.created_at, record.membership_type)
    return keys, run, f"{record.format}\t{_policy(record.policy)}\t{record.correction:d}"


def line(record: HistoryRecord, subject_type: SubjectType) -> str:
    """The record as a line of COPY's text format, in the order of the table's columns."""
    key = escaped(subject_checked(record.subject, subject_type))
    decided = f"{record.granted:d}\t{record.event.value}\t{record.reason.value}"
    own = f"{decided}\t{record.inclusion_sum}\t{record.exclusion_sum}"
    first = record.first_granted.isoformat() if record.first_granted else None
    into = survivor_checked(record.merged_into, subject_type)
    return line_of(key, own, record.hits_text, first, of_run(record), record.content_hash, into)


def line_of(
    key: Subject,
    own: str,
    hits: str,
    first: str | None,
    run: tuple[str, str, str],
    content_hash: str,
    merged_into: Subject | None,
) -> str:
    """A line, of an escaped subject, of what was decided of it, and of what :func:`of_run` says."""
    keys, of_run, policy = run
    into = NONE if merged_into is None else escaped(merged_into)
    hits = hits.replace("\\", r"\\")  # of what COPY takes for signs of its own, JSON has this one alone
    return f"{key}\t{keys}\t{own}\t{hits}\t{first or NONE}\t{of_run}\t{policy}\t{content_hash}\t{into}\n"


@dataclass
class Chunks:
    """
    Chunks of records on their way into one history, in one transaction.

    As long as no key is taken they are copied where they belong; from the first
    that is, they are copied aside and compared with what is there.
    """

    cursor: Any
    table: str
    aside: bool = False

    def insert(self, lines: bytes, size: int) -> int:
        """How many of the records were new."""
        if not self.aside:
            self.cursor.execute("SAVEPOINT before_chunk")
            try:
                self._copy(f'history."{self.table}"', lines)
            except errors.UniqueViolation:
                self.cursor.execute("ROLLBACK TO SAVEPOINT before_chunk")
                self.aside = True
            else:
                self.cursor.execute("RELEASE SAVEPOINT before_chunk")
                return size
        self._copy("incoming", lines)
        self.cursor.execute(INSERT.format(table=self.table))
        inserted: int = self.cursor.rowcount
        if inserted < size:
            self.cursor.execute(COLLIDING.format(table=self.table))
            if colliding := self.cursor.fetchall():
                raise collided((record_of(held), record_of(given)) for held, given in colliding)
        self.cursor.execute("TRUNCATE incoming")
        return inserted

    def _copy(self, table: str, lines: bytes) -> None:
        self.cursor.copy_expert(f"COPY {table} ({COLUMNS}) FROM STDIN", io.BytesIO(lines), AT_ONCE)


def record_of(row: Mapping[str, Any]) -> HistoryRecord:
    """The record of a row that PostgreSQL turned into JSON."""
    return record_from({**row, "created_at": created_text(datetime.fromisoformat(row["created_at"]))})


def read_row(row: Mapping[str, Any]) -> HistoryRecord | Unreadable:
    """The record of such a row, or why it is none."""
    content = {**row, "created_at": created_text(datetime.fromisoformat(row["created_at"]))}
    return read(f"Record ({row['subject']}, {row['sort_key']})", content, row.get("content_hash"))
