"""Which records of a journey answer a question about a day, a moment or a run: selections, nothing else (R-HIST-8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime

from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.publications import Chain


def newest(records: Iterable[HistoryRecord]) -> Mapping[str, HistoryRecord]:
    """Membership type to the record that says how its subject stands now; a correction is nobody's newest record."""
    ordered = sorted((r for r in records if not r.correction), key=lambda r: r.sort_key)
    return {record.membership_type: record for record in ordered}


def answering(
    records: Iterable[HistoryRecord], as_of: date, chain: Chain, known_at: datetime | None = None
) -> Mapping[str, HistoryRecord]:
    """
    Membership type to the record that answers for a day, as known at a moment; now where none is given.

    Among those created until then, about that day or an earlier one, it is that of the latest day, and of these the
    one created last. A correction answers for its day, and for later days until one of them was published: from then
    on everybody stands as they did without it, those who were absent on the later day too.
    """
    published = [e.as_of for e in chain if e.as_of <= as_of and (known_at is None or e.created_at <= known_at)]
    corrected = max(published, default=None)
    known = [r for r in records if r.as_of <= as_of and (known_at is None or r.created_at <= known_at)]
    known = [r for r in known if not r.correction or r.as_of == corrected]
    return {record.membership_type: record for record in sorted(known, key=lambda r: (r.as_of, r.created_at))}


def merges(subject: Subject, journey: Callable[[Subject], Iterable[HistoryRecord]]) -> Iterator[HistoryRecord]:
    """
    A record of the merge that a subject's newest run of records tells, then that of the survivor, step by step.

    Nothing where a subject was not merged, or was decided since. ``journey`` gives a subject's records.
    """
    seen = set[Subject]()
    while subject not in seen:
        seen.add(subject)
        told = [record for record in journey(subject) if not record.correction]
        last = max(told, key=lambda record: (record.created_at, record.merged_into is not None), default=None)
        if last is None or last.merged_into is None:
            return
        yield last
        subject = last.merged_into


def of_run(records: Iterable[HistoryRecord], run_id: str) -> Mapping[str, HistoryRecord]:
    """Membership type to what a run decided."""
    return {record.membership_type: record for record in records if record.run_id == run_id}
