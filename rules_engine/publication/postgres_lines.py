"""
A run's records as lines of COPY, in chunks.

Staged decisions of this machine are written out from their columns, without a record of each: a third of the work,
which else takes longer than PostgreSQL takes to store them. Lines and hashes are those of the records; tests compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rules_engine.model.decisions import WritePolicy
from rules_engine.model.history import HistoryRecord, Subject, hash_of, hit_text, hits_text, into_text
from rules_engine.model.hitmatrix import hits_of
from rules_engine.publication.postgres_copy import escaped, line, line_of, of_run
from rules_engine.publication.records import SubjectType, in_chunks, subject_checked, survivor_checked
from rules_engine.publication.staged_records import EVENTS, REASONS, Records, StagedDecisions

Chunk = tuple[bytes, int]
"""Lines, and of how many records."""


def chunks(records: Iterable[HistoryRecord], subject_type: SubjectType, size: int) -> Iterator[Chunk]:
    """The records' lines, in chunks of so many."""
    if isinstance(records, StagedDecisions):
        lines = _staged(records, subject_type)
    else:
        lines = (line(record, subject_type) for record in records)
    for chunk in in_chunks(lines, size):
        yield "".join(chunk).encode(), len(chunk)


def _staged(staged: StagedDecisions, subject_type: SubjectType) -> Iterator[str]:
    of_types: dict[str, Callable[..., str]] = {}
    for each in staged.batches():
        _check_words(each)
        batch = _written(each, staged.records.manifest.writes)
        named = {name: batch.column(name) for name in COLUMNS}
        named["first_granted"] = named["first_granted"].cast("string")
        told = MERGED in batch.schema.names  # else staged before merges were
        columns = [column.to_pylist() for column in named.values()]
        columns.append(batch.column(MERGED).to_pylist() if told else [None] * batch.num_rows)
        for place, key in enumerate(columns[0]):
            if key not in of_types:
                (row,) = batch.slice(place, 1).to_pylist()
                of_types[key] = _OfType.of(staged.records, row, subject_type).line
        yield from (of_types[key](*rest) for key, *rest in zip(*columns, strict=True))


COLUMNS = "membership_type subject granted event reason inclusion_sum exclusion_sum words first_granted".split()
MERGED = "merged_into"


def _written(batch: Any, writes: WritePolicy) -> Any:
    """Those rows of a batch that become records."""
    if writes is WritePolicy.RESULTS:
        return batch
    return batch.filter([writes.writes(EVENTS[event]) for event in batch.column("event").to_pylist()])


def _check_words(batch: Any) -> None:
    """Refuse an event or a reason that there is not, as making a record of it does."""
    for name, known in (("event", EVENTS), ("reason", REASONS)):
        for said in batch.column(name).unique().to_pylist():
            known[said]


@dataclass(frozen=True, slots=True)
class _OfType:
    """What all records of a membership type have in common in a run."""

    subject_type: SubjectType
    membership_type: str
    run_text: str
    run: tuple[str, str, str]
    texts: tuple[dict[int, str], ...]

    @classmethod
    def of(cls, records: Records, row: dict[str, Any], subject_type: SubjectType) -> _OfType:
        """From one of its rows."""
        (record,) = records(iter([row]))
        bits = records.bits.get(record.membership_type, ())
        texts = tuple({mask: hit_text(hit) for mask, hit in word.items()} for word in bits)
        return cls(subject_type, record.membership_type, record.run_text, of_run(record), texts)

    def line(
        self,
        subject: Subject,
        granted: bool,
        event: str,
        reason: str,
        inclusion_sum: int,
        exclusion_sum: int,
        words: list[int] | None,
        first: str | None,
        into: Subject | None,
    ) -> str:
        """The line of COPY of one decision; ``words`` are its hits as packed bits, ``first`` a day as text."""
        hits = hits_text(hits_of(words or (), self.texts))
        decided = f"{granted:d},{event},{reason},{first},{inclusion_sum},{exclusion_sum}{into_text(into)}"
        content_hash = hash_of(subject, self.membership_type, decided, hits, self.run_text)
        key = escaped(subject_checked(subject, self.subject_type))
        own = f"{granted:d}\t{event}\t{reason}\t{inclusion_sum}\t{exclusion_sum}"
        return line_of(key, own, hits, first, self.run, content_hash, survivor_checked(into, self.subject_type))
