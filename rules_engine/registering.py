"""The register against the history, over ports alone: built again, proved, and fed run by run (R-HIST-7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from rules_engine.errors import Fault
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.register import Row, applied, expected
from rules_engine.ports import History, Progress, Register, silent

AT_ONCE = 5_000
"""Records, or subjects, that are held in memory at a time."""

REMEDY = "Build the register again: `rules register rebuild`."

_T = TypeVar("_T")


@dataclass
class Counted:
    """What was read and found: records, rows they come to, those of them present, faults, the first in words."""

    records: int = 0
    rows: int = 0
    present: int = 0
    changed: int = 0
    removed: int = 0
    unreadable: int = 0
    wrong: int = 0
    limit: int = 20
    named: list[Fault] = field(default_factory=list)

    def wrongly(self, fault: Fault) -> None:
        """Count a fault; name it if it is one of the first."""
        self.wrong += 1
        if len(self.named) < self.limit:
            self.named.append(fault)

    @property
    def faults(self) -> list[Fault]:
        """The faults named, and how many more there are."""
        more = self.wrong - len(self.named)
        return [*self.named, *([Fault("Register", f"{more:,} more faults.", REMEDY)] if more else [])]


def rebuild(history: History, register: Register, progress: Progress = silent) -> Counted:
    """
    Make the register what the history says, from the history alone; memory does not grow with it.

    Records are applied as a stream's are, so that a writer beside it is not undone. What then differs is removed
    and made again from its subject's records, and rows that no record says are removed. Numbers are kept.
    """
    register.create()
    through, counted = published(history), Counted()

    def mend(chunk: list[tuple[Row, ...]]) -> None:
        for wanted, there in _compared(chunk, register):
            counted.present += there is not None
            if there and wanted != there:
                _again(there, history, register)
                counted.removed += 1

    feed = _Feed(register, counted, progress)
    for chunk in _chunks(expected(feed.passing(history.records())), AT_ONCE):
        feed.flush()
        mend(chunk)
        counted.rows += sum(map(len, chunk))
    feed.flush()
    for row in _surplus(history, register, counted.present):
        _again(row, history, register)
        counted.removed += 1
    register.keep_through(through)
    return counted


def verify(history: History, register: Register, limit: int = 20) -> Counted:
    """
    Compare the register with what the history says, row by row; a register that is behind differs, too.

    What cannot be read as a record is a fault as well.
    """
    counted = Counted(limit=limit)
    reading = _Feed(None, counted, silent)
    for chunk in _chunks(expected(reading.passing(history.records())), AT_ONCE):
        for wanted, there in _compared(chunk, register):
            counted.present += there is not None
            if wanted != there:
                counted.wrongly(_differs(wanted, there))
        counted.rows += sum(map(len, chunk))
    for row in _surplus(history, register, counted.present):
        what = "the register has a row that no record of the history says."
        counted.wrongly(Fault(f"Row ({row.number}, {row.membership_type}) of subject {row.subject}", what, REMEDY))
    return counted


def follow(history: History, register: Register, progress: Progress = silent) -> Counted:
    """
    Apply the runs that were published since the last time, one by one; a register that was never built is built.

    For a history that has no stream. A run counts once it is published whole; what is applied again changes nothing.
    """
    register.create()
    through = register.through()
    if through is None:
        return rebuild(history, register, progress)
    counted = Counted()
    for entry in history.chain():
        if entry.number <= through:
            continue
        if not entry.closed:
            break
        if not entry.correction:
            feed = _Feed(register, counted, progress)
            for _ in feed.passing(history.records(entry.run_id)):
                pass
            feed.flush()
        register.keep_through(entry.number)
    return counted


def behind(history: History, register: Register, run_id: str, limit: int = 20) -> Counted:
    """
    Compare the register with what one run published: a record that no row is as new as, or whose row says otherwise.

    A later record of the same pair may be there already. Corrections change no row.
    """
    counted = Counted(limit=limit)
    for chunk in _chunks(_Feed(None, counted, silent).passing(history.records(run_id)), AT_ONCE):
        told = [row for row in (applied(None, each) for each in chunk if isinstance(each, HistoryRecord)) if row]
        there = {(row.subject, row.membership_type): row for row in register.rows([row.subject for row in told])}
        for wanted in told:
            held = there.get((wanted.subject, wanted.membership_type))
            if held is None or held.sort_key < wanted.sort_key or _otherwise(wanted, held):
                counted.wrongly(_differs(wanted, held))
    return counted


def _otherwise(wanted: Row, held: Row) -> bool:
    """Whether the row of the very record says something else."""
    return held.sort_key == wanted.sort_key and (held.granted, held.event) != (wanted.granted, wanted.event)


@dataclass
class _Feed:
    """Applies the records that pass, so many at a time; without a register it only counts."""

    register: Register | None
    counted: Counted
    progress: Progress
    waiting: list[HistoryRecord] = field(default_factory=list)

    def passing(self, records: Iterable[HistoryRecord | Unreadable]) -> Iterator[HistoryRecord | Unreadable]:
        """The records as they come, each counted and on its way to the register; what does not read is set apart."""
        for record in records:
            if isinstance(record, Unreadable):
                self.counted.unreadable += 1
                self.counted.wrongly(Fault(record.which, f"{record.why}.", "Find out who wrote it; it is left out."))
                if self.register:
                    self.register.set_apart(record.which, record, "")
            else:
                self.counted.records += 1
                self.waiting.append(record)
            if len(self.waiting) >= AT_ONCE:
                self.flush()
                self.progress(f"{self.counted.records:,} records read", 0.0)
            yield record

    def flush(self) -> None:
        if self.register and self.waiting:
            self.counted.changed += self.register.apply(self.waiting)
        self.waiting.clear()


def published(history: History) -> int:
    """The number of the last publication before which nothing is unfinished; 0 where there is none."""
    through = 0
    for entry in history.chain():
        if not entry.closed:
            break
        through = entry.number
    return through


def _compared(chunk: list[tuple[Row, ...]], register: Register) -> Iterator[tuple[Row, Row | None]]:
    """Each row that the history says with the register's; their numbers are not compared: the history has none."""
    subjects: list[Subject] = [rows[0].subject for rows in chunk]
    there = {(row.subject, row.membership_type): row for row in register.rows(subjects)}
    for wanted in (row for rows in chunk for row in rows):
        held = there.get((wanted.subject, wanted.membership_type))
        yield replace(wanted, number=held.number if held else ""), held


def _surplus(history: History, register: Register, present: int) -> Iterator[Row]:
    """Rows that no record says: they are looked for if there are more rows than those that the history says."""
    if sum(1 for _ in register.every()) <= present:
        return
    for row in register.every():
        if _told(row, history) is None:
            yield row


def _told(row: Row, history: History) -> Row | None:
    """What the history says of a row's pair."""
    told: Row | None = None
    for record in _pair(row, history):
        told = applied(told, record)
    return told


def _pair(row: Row, history: History) -> list[HistoryRecord]:
    """The records of a row's pair, the oldest first."""
    own = (record for record in history.records(subject=row.subject) if isinstance(record, HistoryRecord))
    return [record for record in own if record.membership_type == row.membership_type]


def _again(row: Row, history: History, register: Register) -> None:
    register.remove(row)
    register.apply(_pair(row, history))


def _differs(wanted: Row, there: Row | None) -> Fault:
    which = f"Subject {wanted.subject}, {wanted.membership_type}"
    if there is None:
        return Fault(which, f"the register has no row; the history says {wanted.event}.", REMEDY)
    said, held = wanted.content(), there.content()
    differs = [f"{name} {held[name]} where the history says {said[name]}" for name in said if said[name] != held[name]]
    behind = there.sort_key < wanted.sort_key
    remedy = "Bring it up to date: `rules register follow --once`." if behind else REMEDY
    return Fault(which, f"its row has {'; '.join(differs)}.", remedy)


def _chunks(given: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(given)
    while chunk := list(islice(rest, size)):
        yield chunk
