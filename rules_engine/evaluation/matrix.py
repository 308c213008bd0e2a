"""From the outcomes of all passes to one row of packed words per subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rules_engine.evaluation import encoding
from rules_engine.evaluation.adding_up import AddingUp
from rules_engine.evaluation.buckets import Bits
from rules_engine.evaluation.narrowing import Worker, named, of_words, with_bits
from rules_engine.evaluation.parcels import Parts, Sent, apart, ascending, brought_together, opened
from rules_engine.evaluation.planning import Plan
from rules_engine.evaluation.predicate_index import PredicateIndex
from rules_engine.evaluation.words import SUBJECT, Placed, hit_word, unknown_word
from rules_engine.evaluation.work_counts import BARE, MERGED, READ, RECEIVED, Count, WorkCounts, uncounted
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import WhenUnknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BLOCK = 1 << 15
"""Subjects whose words are settled at a time."""


@dataclass(frozen=True)
class Settling:
    """What the words of all sources come to, once they are together."""

    hits: tuple[str, ...]
    unknown: tuple[str, ...]
    asks: Mapping[int, int]
    """Word to mask over the rules that ask another frame: true, or unknown, only where a second bit says so too."""
    denies: Mapping[int, int]
    means_hit: Mapping[int, int]
    """Word to mask over the rules whose unknown outcome is a hit (R-EVAL-6)."""
    second: int
    """How many words after its first bit a rule has its second."""

    @classmethod
    def of(cls, matrix: HitMatrix, plan: Plan | None, said: Iterable[str]) -> Settling:
        """``said`` are the names of words of which a source speaks."""
        hits = tuple(map(hit_word, range(matrix.words)))
        known = {*said}
        unknown = tuple(u for u in map(unknown_word, range(matrix.words)) if u in known)
        asks, denies = (plan.asks, plan.denies) if plan else ({}, {})
        return cls(hits, unknown, asks, denies, counts_when_unknown(matrix.cells, WhenUnknown.HIT), matrix.words)

    @property
    def names(self) -> tuple[str, ...]:
        """All words, the second ones too."""
        return (*self.hits, *(hit_word(self.second + word) for word in self.asks), *self.unknown)

    @property
    def words(self) -> tuple[str, ...]:
        """The columns of :meth:`rows` after the subject."""
        return (*self.hits, *self.unknown)

    def rows(self, subjects: pa.Array, words: Mapping[str, Bits]) -> tuple[int, list[pa.RecordBatch]]:
        """How many subjects have no bit, and the settled words of those that have any, if there are any."""
        found, left = with_bits(subjects, self.settled(words))
        return len(subjects) - len(found), [of_words(found, left)] if len(found) else []

    def settled(self, words: Mapping[str, Bits]) -> dict[str, Bits]:
        """Unknown only where no row was true; where a rule says so, unknown is a hit."""
        found = {name: self._answered(name, words) for name in self.words}
        for name in self.unknown:
            hit, means_hit = hit_word(int(name[1:])), self.means_hit.get(int(name[1:]), 0)
            found[hit] = found[hit] | (found[name] & means_hit)
            found[name] = found[name] & ~found[hit]
        return found

    def _answered(self, name: str, words: Mapping[str, Bits]) -> Bits:
        word = int(name[1:])
        asks = self.asks.get(word, 0)
        if not asks:
            return words[name]
        return words[name] & ((words[hit_word(self.second + word)] ^ self.denies.get(word, 0)) | ~asks)


class Made(NamedTuple):
    """
    A hit matrix as workers make it of the rows they are given: one row of words per subject that has any bit.

    Columns: ``subject``, ``h<word>`` for every word and ``u<word>`` where an
    outcome can be unknown (bigint).
    """

    given: DataFrame
    worker: Settler | Gatherer
    subject_type: str
    """``bigint`` or ``string``."""
    counts: WorkCounts
    frames: tuple[str, ...]
    """Of each source the frame of which it gives every row; empty where it is a query."""

    def rows(self) -> DataFrame:
        """The matrix, computed anew wherever it is read."""
        words = (f"{name} bigint NOT NULL" for name in self.worker.settling.words)
        return self.given.mapInArrow(self.worker, ", ".join([f"{SUBJECT} {self.subject_type}", *words]))

    def write(self, path: str) -> None:
        """The matrix as Parquet, in place of what is at ``path``."""
        subject = pa.field(SUBJECT, pa.int64() if self.subject_type == "bigint" else pa.string())
        words = (pa.field(name, pa.int64(), nullable=False) for name in self.worker.settling.words)
        encoding.write(self.given, self.worker, pa.schema([subject, *words]), path)


def alone(spark: SparkSession, matrix: HitMatrix, of_subjects: PredicateIndex, subject_type: str) -> Made:
    """The hit matrix where the subjects' own rows say everything."""
    settling = Settling.of(matrix, None, of_subjects.outputs)
    given = of_subjects.given(spark)
    as_sent, counts = given.withColumn(SUBJECT, given[SUBJECT].cast(subject_type)), WorkCounts.of(spark)
    settler = Settler(settling, Worker(of_subjects), counts)
    return Made(as_sent, settler, subject_type, counts, (of_subjects.source.frame,))


def gather(matrix: HitMatrix, plan: Plan, sent: Sequence[Sent], parts: Parts) -> Made:
    """
    The hit matrix from what several sources say.

    The first has a row for each subject of the subject frame; what others say of anybody else is dropped.
    """
    settling = Settling.of(matrix, plan, {name for source in sent for name in source.words})
    arrived = tuple(Arrived(source.schema, source.words, source.adding_up) for source in sent)
    counts = WorkCounts.of(sent[0].given.sparkSession)
    gatherer = Gatherer(settling, arrived, plan.carried, counts)
    frames = tuple(source.frame for source in sent)
    return Made(brought_together(sent, parts, counts), gatherer, parts.subject_type, counts, frames)


@dataclass(frozen=True)
class Settler:
    """Rows of the subject frame to a row of words for each subject that has any bit."""

    settling: Settling
    worker: Worker
    count: Count = uncounted

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        read = merged = bare = 0
        for batch in batches:
            if batch.num_rows:
                read += batch.num_rows
                said = named(self.worker.index.outputs, self.worker.words(batch))
                nothing = np.zeros(batch.num_rows, dtype=np.int64)
                words = {name: said.get(name, nothing) for name in self.settling.names}
                without, rows = self.settling.rows(batch.column(0), words)
                merged, bare = merged + batch.num_rows, bare + without
                yield from rows
        _counted(self.count, {(READ, 0): read, (MERGED, 0): merged, (BARE, 0): bare})


@dataclass(frozen=True)
class Arrived:
    """Rows of a source that have arrived where their subjects are: the subject, words side by side, columns."""

    schema: pa.Schema
    words: tuple[str, ...]
    adding_up: AddingUp | None

    def by_subject(
        self, rows: pa.RecordBatch, subjects: pa.Array, own: Mapping[str, pa.Array]
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """
        The places, among ``subjects``, of those that the source speaks of, and a row of words for each.

        ``own`` are numbers of the subjects' own rows, by their expressions.
        """
        places = pc.index_in(rows.column(0), value_set=subjects).fill_null(-1).to_numpy()
        order = ascending(places + 1)
        order = order[np.count_nonzero(places < 0) :]
        places = places[order]
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        words = apart(rows.column(1))[order]
        if self.adding_up is not None:
            columns = [column.take(pa.array(order)) for column in rows.columns[2:]]
            of_these = {name: column.take(pa.array(places[starts])) for name, column in own.items()}
            words = self.adding_up.words(words, columns, starts, of_these)
        elif len(starts) < len(places):
            words = np.bitwise_or.reduceat(words, starts, axis=0)
        return places[starts], words


@dataclass(frozen=True)
class Gatherer:
    """Parcels with everything of some subjects to a row of words for each that has any bit, in the subjects' order."""

    settling: Settling
    sources: Sequence[Arrived]
    carried: Sequence[str] = ()
    """Expressions over the subjects' own rows, whose values come with these."""
    count: Count = uncounted

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        arrived = opened(batches, [source.schema for source in self.sources])
        own = arrived[0].take(pc.sort_indices(arrived[0].column(0)))
        numbers = dict(zip(self.carried, own.columns[2:], strict=True))
        subjects, places = own.column(0), {name: place for place, name in enumerate(self.settling.names)}
        found: NDArray[np.int64] = np.zeros((len(subjects), len(places)), dtype=np.int64)
        found[:, [places[name] for name in self.sources[0].words]] = apart(own.column(1))
        for source, rows in zip(self.sources[1:], arrived[1:], strict=True):
            at, words = source.by_subject(rows, subjects, numbers)
            for place, name in enumerate(source.words):
                found[at, places[name]] |= words[:, place]
        bare = 0
        for first in range(0, len(subjects), BLOCK):
            block = named(self.settling.names, found[first : first + BLOCK])
            without, rows = self.settling.rows(subjects.slice(first, BLOCK), block)
            bare += without
            yield from rows
        received = {(RECEIVED, source): each.num_rows for source, each in enumerate(arrived)}
        merged = pc.count_distinct(subjects).as_py()
        _counted(self.count, {**received, (MERGED, 0): merged, (BARE, 0): bare})


def _counted(count: Count, numbers: Mapping[tuple[str, int], int]) -> None:
    for (kind, source), number in numbers.items():
        count(kind, source, number)


def counts_when_unknown(placed: Iterable[Placed], when: WhenUnknown) -> dict[int, int]:
    """Word to mask over the versions whose unknown outcome means ``when``."""
    masks: dict[int, int] = {}
    for version, cell in placed:
        if version.when_unknown is when:
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
    return masks
