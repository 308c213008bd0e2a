"""From the outcomes of all passes to one row of packed words per subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.evaluation import encoding
from rules_engine.evaluation.buckets import Bits, Flags
from rules_engine.evaluation.narrowing import Worker, first_rows, of_words, subject_of_rows, unpacked, with_bits
from rules_engine.evaluation.planning import Plan
from rules_engine.evaluation.predicate_index import PredicateIndex, schema_of_words
from rules_engine.evaluation.words import SUBJECT, Placed, hit_word, unknown_word
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import WhenUnknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FACT = -1
"""The source of a row that says one bit."""


class Packed(NamedTuple):
    """Rows ``subject, packed``: the words of a subject side by side, in the order of their names."""

    rows: DataFrame
    words: tuple[str, ...]


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

    def rows(self, subjects: pa.Array, words: Mapping[str, Bits]) -> Iterator[pa.RecordBatch]:
        """The settled words of the subjects that have any bit, a row or more."""
        subjects, left = with_bits(subjects, self.settled(words))
        if len(subjects):
            yield of_words(subjects, left)

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

    def rows(self) -> DataFrame:
        """The matrix, computed anew wherever it is read."""
        words = self.worker.settling.words
        return self.given.mapInArrow(self.worker, schema_of_words(self.given, words, packed=False))

    def write(self, path: str) -> None:
        """The matrix as Parquet, in place of what is at ``path``."""
        from pyspark.sql.pandas.types import to_arrow_type

        subject = pa.field(SUBJECT, to_arrow_type(self.given.schema[SUBJECT].dataType))
        words = (pa.field(name, pa.int64(), nullable=False) for name in self.worker.settling.words)
        encoding.write(self.given, self.worker, pa.schema([subject, *words]), path)


def alone(spark: SparkSession, matrix: HitMatrix, of_subjects: PredicateIndex) -> Made:
    """The hit matrix where the subjects' own rows say everything."""
    settling = Settling.of(matrix, None, of_subjects.outputs)
    return Made(of_subjects.given(spark), Settler(settling, Worker(of_subjects, every=True)))


def gather(matrix: HitMatrix, plan: Plan, sources: Sequence[Packed], facts: Sequence[DataFrame]) -> Made:
    """
    The hit matrix from what several passes say.

    The first of ``sources`` has a row for each subject of the subject frame;
    others are dropped. ``facts`` are rows ``subject, word, mask, unknown``.
    """
    said = {name for source in sources for name in source.words}
    if facts:
        for when in (WhenUnknown.HOLD, WhenUnknown.HIT):
            said |= {*map(unknown_word, counts_when_unknown(matrix.cells, when))}
    settling = Settling.of(matrix, plan, said)
    parts = [
        source.rows.selectExpr(SUBJECT, f"{number} AS source", "packed", "0 AS word", "0L AS mask", "false AS unknown")
        for number, source in enumerate(sources)
    ]
    parts += [
        rows.selectExpr(SUBJECT, f"{FACT} AS source", "CAST(NULL AS BINARY) AS packed", "word", "mask", "unknown")
        for rows in facts
    ]
    together = reduce(lambda a, b: a.unionAll(b), parts).repartition(SUBJECT).sortWithinPartitions(SUBJECT)
    return Made(together, Gatherer(settling, tuple(source.words for source in sources)))


@dataclass(frozen=True)
class Settler:
    """Rows of the subject frame to a row of words for each subject that has any bit."""

    settling: Settling
    worker: Worker

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                said, nothing = self.worker.words(batch), np.zeros(batch.num_rows, dtype=np.int64)
                words = {name: said.get(name, nothing) for name in self.settling.names}
                yield from self.settling.rows(batch.column(0), words)


@dataclass(frozen=True)
class Gatherer:
    """Rows of all sources, those of a subject behind each other, to one row of words a subject."""

    settling: Settling
    sources: Sequence[tuple[str, ...]]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        waiting: _Gathered | None = None
        for batch in batches:
            if not batch.num_rows:
                continue
            found = self._gathered(batch)
            found = found if waiting is None else waiting.then(found)
            yield from self._settled(found.slice(0, len(found.subjects) - 1))
            waiting = found.slice(len(found.subjects) - 1, 1)  # its rows may go on in the next batch
        if waiting is not None:
            yield from self._settled(waiting)

    def _gathered(self, batch: pa.RecordBatch) -> _Gathered:
        subjects, sources, packed, words, masks, unknown = batch.columns
        starts = first_rows(subjects)
        of = subject_of_rows(starts, batch.num_rows)
        places = {name: place for place, name in enumerate(self.settling.names)}
        found = _Gathered(
            subjects.take(pa.array(starts)),
            np.zeros((len(starts), len(places)), dtype=np.int64),
            np.zeros(len(starts), dtype=bool),
        )
        source = sources.to_numpy()
        for number, names in enumerate(self.sources):
            rows = np.flatnonzero(source == number)
            if len(rows):
                side_by_side = unpacked(packed.take(pa.array(rows)), len(names))
                found.add(of[rows], side_by_side, np.array([places[name] for name in names], dtype=np.intp))
                found.present[of[rows]] |= number == 0
        rows = np.flatnonzero(source == FACT)
        if len(rows):
            hits, outcomes = (
                np.array([places.get(named(word), -1) for word in range(2 * self.settling.second)])
                for named in (hit_word, unknown_word)
            )
            word = words.to_numpy()[rows]
            place = np.where(unknown.to_numpy(zero_copy_only=False)[rows], outcomes[word], hits[word])
            np.bitwise_or.at(found.words, (of[rows], place), masks.to_numpy()[rows])
        return found

    def _settled(self, found: _Gathered) -> Iterator[pa.RecordBatch]:
        """The words of subjects that the subject frame has."""
        here = np.flatnonzero(found.present)
        if not len(here):
            return
        words = {name: found.words[here, place] for place, name in enumerate(self.settling.names)}
        yield from self.settling.rows(found.subjects.take(pa.array(here)), words)


@dataclass(frozen=True)
class _Gathered:
    """Subjects, their words side by side, and whether the subject frame has them."""

    subjects: pa.Array
    words: NDArray[np.int64]
    present: Flags

    def add(self, subjects: Bits, words: NDArray[np.int64], places: Bits) -> None:
        """OR rows of words, in the order of their subjects, into those of ``places``."""
        first = np.flatnonzero(np.append(True, subjects[1:] != subjects[:-1]))
        if len(first) < len(subjects):
            subjects, words = subjects[first], np.bitwise_or.reduceat(words, first, axis=0)
        self.words[subjects[:, None], places] |= words

    def slice(self, first: int, length: int) -> _Gathered:
        after = first + length
        return _Gathered(self.subjects.slice(first, length), self.words[first:after], self.present[first:after])

    def then(self, after: _Gathered) -> _Gathered:
        """One subject, and those that come after it, the first of which may be the same."""
        (one,), other = self.subjects.to_pylist(), after.subjects[0].as_py()
        if one is not None and one == other:
            after.words[0] |= self.words[0]
            after.present[0] |= self.present[0]
            return after
        subjects = pa.concat_arrays([self.subjects, after.subjects])
        words = np.concatenate([self.words, after.words])
        return _Gathered(subjects, words, np.concatenate([self.present, after.present]))


def counts_when_unknown(placed: Iterable[Placed], when: WhenUnknown) -> dict[int, int]:
    """Word to mask over the versions whose unknown outcome means ``when``."""
    masks: dict[int, int] = {}
    for version, cell in placed:
        if version.when_unknown is when:
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
    return masks
