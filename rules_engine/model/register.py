"""
The register: who is a member now, folded from history records, whatever order they come in (R-HIST-7).

One row a subject and membership type, told by the newest record that is no correction. A row that is revoked
stays. A pair that was never granted makes no row: whoever was never a member has no membership number. Should a
record say so of a pair that has a row (runs that overlapped, before publications were a chain), the row is revoked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.history import HistoryRecord, Subject, Unreadable, created_from

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter is taken for a digit."""

NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
"""What a master's membership number may look like."""

LENGTH = 12
"""Of an issued membership number: 60 bits, so that ten million subjects rarely share one."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    How one subject stands with one membership type; grain number × membership type.

    ``since`` is the day of the first grant. ``sort_key``, ``as_of`` and ``run_id`` are those of the record that says
    so. ``number`` is empty until a register gives it.
    """

    subject: Subject
    membership_type: str
    granted: bool
    event: str
    since: date | None
    as_of: date
    sort_key: str
    run_id: str
    number: str = ""

    @property
    def created_at(self) -> datetime:
        """When the record was made that says so."""
        return created_from(self.sort_key.partition("#")[0])

    def content(self) -> dict[str, Any]:
        """The row as JSON-ready values."""
        return {
            "number": self.number,
            "membership_type": self.membership_type,
            "subject": self.subject,
            "granted": self.granted,
            "event": self.event,
            "since": self.since.isoformat() if self.since else None,
            "as_of": self.as_of.isoformat(),
            "created_at": self.sort_key.partition("#")[0],
            "sort_key": self.sort_key,
            "run_id": self.run_id,
        }


def row_from(content: Mapping[str, Any]) -> Row:
    """The row that :meth:`Row.content` described."""
    return Row(
        subject=content["subject"],
        membership_type=content["membership_type"],
        granted=bool(content["granted"]),
        event=content["event"],
        since=date.fromisoformat(content["since"]) if content["since"] else None,
        as_of=date.fromisoformat(content["as_of"]),
        sort_key=content["sort_key"],
        run_id=content["run_id"],
        number=content["number"],
    )


def applied(row: Row | None, record: HistoryRecord) -> Row | None:
    """The row of the record's pair after it: only a newer record that is no correction changes anything."""
    if record.correction or (row and record.sort_key <= row.sort_key):
        return row
    if _never(record) and row is None:
        return None
    told = _told(record)
    return replace(told, since=record.first_granted or (row.since if row else None), number=row.number if row else "")


@dataclass(frozen=True, slots=True)
class Changes:
    """
    What some records, taken together, ask of a register: at most one of each for a pair.

    A row of ``made`` is made or, where it is newer, changes the one that is there. One of ``changed`` says that its
    pair was never granted: it makes none, and where there is an older row its first grant stays.
    """

    made: tuple[Row, ...]
    changed: tuple[Row, ...]


def changes(records: Iterable[HistoryRecord]) -> Changes:
    """What these records, in any order and with repetitions, come to."""
    made: dict[tuple[Subject, str], Row] = {}
    never: dict[tuple[Subject, str], Row] = {}
    for record in sorted(records, key=lambda r: r.sort_key):
        pair = (record.subject, record.membership_type)
        if row := applied(made.get(pair), record):
            made[pair] = row
        elif not record.correction:
            never[pair] = _told(record)
    return Changes(tuple(made.values()), tuple(row for pair, row in never.items() if pair not in made))


def changed(row: Row | None, given: Row, *, makes: bool) -> Row | None:
    """What becomes of a row when one of :class:`Changes` is given: the guard that every register keeps."""
    if row is None:
        return given if makes else None
    if given.sort_key <= row.sort_key:
        return row
    return replace(given, number=row.number, since=given.since or row.since)


def expected(records: Iterable[HistoryRecord | Unreadable]) -> Iterator[tuple[Row, ...]]:
    """Subject by subject the rows that a register must hold; a subject's records come together, the oldest first."""
    readable = (record for record in records if isinstance(record, HistoryRecord))
    for _, own in groupby(readable, key=lambda record: record.subject):
        if rows := changes(own).made:
            yield rows


def number_of(subject: Subject, attempt: int = 0) -> str:
    """
    The membership number that a subject is offered, from its key alone; another one at each further attempt.

    Derived and not counted, so that a register whose look-up was lost is rebuilt with the same numbers and no two
    writers wait for each other. It is no secret: whoever knows a key can work out its number.

    >>> number_of(1), number_of("1"), number_of(1, attempt=1)
    ('K7F9FYGA7PGW', 'G6C0Z59SQJ4H', '4TKH7Q25JQHH')
    """
    said = f"{type(subject).__name__}:{subject}:{attempt}"
    value = int.from_bytes(hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    return "".join(DIGITS[(value >> (5 * place)) % 32] for place in range(LENGTH))


def check_numbers(numbers: Mapping[Subject, str]) -> None:
    """
    Refuse what no register takes as a membership number.

    Raises:
        RunRefused: Naming the first of those that are empty, too long, or of other signs than a number has.
    """
    wrong = [(subject, number) for subject, number in numbers.items() if not NUMBER.fullmatch(number)]
    what, remedy = "{!r} is no membership number.", "Letters, digits, '.', '_', '/' and '-' make one, at most 100."
    raise_all(RunRefused, [Fault(f"Subject {subject}", what.format(number), remedy) for subject, number in wrong[:20]])


def _never(record: HistoryRecord) -> bool:
    """Whether the record says that its pair was never granted."""
    return record.first_granted is None and not record.granted


def _told(record: HistoryRecord) -> Row:
    return Row(
        subject=record.subject,
        membership_type=record.membership_type,
        granted=record.granted,
        event=record.event.value,
        since=record.first_granted,
        as_of=record.as_of,
        sort_key=record.sort_key,
        run_id=record.run_id,
    )
