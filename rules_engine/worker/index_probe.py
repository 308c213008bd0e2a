"""
What runs beside Spark's executors: batches of values in, batches of packed words out.

Each value's bucket is found, the bucket's words are taken and ANDed into the row's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.index.bitmap_index import Bits, BucketBitmaps, Flags, Outcome
from rules_engine.index.predicate_index import PACKED
from rules_engine.index.words import SUBJECT
from rules_engine.logical.condition import AllOf, AnyOf, Not, Test, Tree, tests_of
from rules_engine.worker.exchange import pack

if TYPE_CHECKING:
    from rules_engine.index.predicate_index import MultiColumnPredicate, PredicateIndex

CACHED = 1 << 15
"""Words that a worker narrows at a time: 256 kB, which a core's own cache holds."""

Words = Mapping[str, Bits]
"""The name of a word's column to its bits, row by row."""


@dataclass(frozen=True)
class IndexProbe:
    """Batches of a key and an index's columns to words, a row each."""

    index: PredicateIndex

    def words(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Grain: row × word of the index's outputs. What is true, and where it can be unknown what is."""
        columns = zip(self.index.lookups, batch.columns[1:], strict=False)
        buckets = {lookup.name: lookup.cuts.buckets(column) for lookup, column in columns}
        values = [*buckets.values(), *self._values(batch)]
        found = self._layout.narrowed(zip(self._tables, values, strict=True), batch.num_rows)
        words = self._layout.columns(found)
        for part in self.index.mixed:
            _keep(words, part, *self._put_together(part.tree, buckets, self._outcomes))
        for word, unknown in words:
            if unknown:
                words[word, True][:] &= ~words[word, False]
        return found

    @cached_property
    def _layout(self) -> _Layout:
        return _Layout.of(self.index)

    @cached_property
    def _tables(self) -> list[_Together | None]:
        """Of each lookup, then of each computed condition."""
        of = [*(lookup.of for lookup in self.index.lookups), *(computed.of for computed in self.index.computed)]
        return [self._layout.together(each) for each in of]

    @cached_property
    def _outcomes(self) -> Mapping[Test, Outcome]:
        """What the tests of mixed parts come to in each bucket."""
        cuts = {lookup.name: lookup.cuts for lookup in self.index.lookups}
        tests = (test for part in self.index.mixed for test in tests_of(part.tree) if isinstance(test, Test))
        return {test: cuts[test.of.name].outcome(test) for test in tests}

    def _values(self, batch: pa.RecordBatch) -> Iterator[NDArray[np.int64]]:
        """Of each computed condition :data:`FALSE`, :data:`TRUE` or :data:`UNKNOWN`, row by row."""
        first = len(self.index.lookups) + 1
        for number in range(len(self.index.computed)):
            pack, place = divmod(number, PACKED)
            yield (batch.column(first + pack).to_numpy() >> (2 * place)) & 3

    def _put_together(
        self, tree: Tree, buckets: Mapping[str, Any], outcomes: Mapping[Test, Outcome]
    ) -> tuple[Flags, Flags]:
        """Where a part is true and where it is false, row by row."""
        if isinstance(tree, Test):
            outcome, at = outcomes[tree], buckets[tree.of.name]
            return outcome.true.take(at), outcome.false.take(at)
        if isinstance(tree, Not):
            return self._put_together(tree.of, buckets, outcomes)[::-1]
        assert isinstance(tree, AllOf | AnyOf)
        several = [self._put_together(each, buckets, outcomes) for each in tree.of]
        both, either = (np.logical_and, np.logical_or) if isinstance(tree, AllOf) else (np.logical_or, np.logical_and)
        return reduce(both, (true for true, _ in several)), reduce(either, (false for _, false in several))


@dataclass(frozen=True)
class SendWords:
    """
    Rows of a source, their part last, to rows that are sent: the subject, its words packed, columns, the part.

    ``carried`` are the places of columns given, after the subject, that go with the words. Unless ``every`` row
    counts, those without a bit are left.
    """

    worker: IndexProbe
    every: bool = False
    carried: tuple[int, ...] = ()

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        words, subjects = self.worker.words(batch), batch.column(0)
        columns = [*(batch.column(1 + place) for place in self.carried), batch.column(batch.num_columns - 1)]
        if not self.every:
            rows = np.flatnonzero(words.any(axis=1))
            if len(rows) < len(subjects):
                words, at = words[rows], pa.array(rows)
                subjects, columns = subjects.take(at), [column.take(at) for column in columns]
        names = [SUBJECT, "words", *map(str, range(len(columns)))]
        return pa.RecordBatch.from_arrays([subjects, pack(words), *columns], names)


def named(names: Sequence[str], words: NDArray[np.int64]) -> Words:
    """Words of rows, packed, by their names."""
    return {name: words[:, place] for place, name in enumerate(names)}


def of_words(subjects: pa.Array, words: Words) -> pa.RecordBatch:
    """Subjects with a column for each word."""
    return pa.RecordBatch.from_arrays([subjects, *map(pa.array, words.values())], names=[SUBJECT, *words])


def with_bits(subjects: pa.Array, words: Words) -> tuple[pa.Array, Words]:
    """The rows with any bit."""
    rows = np.flatnonzero(reduce(np.bitwise_or, words.values()))
    if len(rows) == len(subjects):
        return subjects, words
    return subjects.take(pa.array(rows)), {name: bits.take(rows) for name, bits in words.items()}


def without_bits(words: Words) -> int:
    """How many rows have no bit."""
    return int(np.count_nonzero(reduce(np.bitwise_or, words.values()) == 0))


class _Together(NamedTuple):
    """
    The tables of one expression side by side: a row of words per bucket, for some neighbouring columns.

    They are all columns where that fits the cache: through some columns NumPy starts anew at every row, which takes
    five times as long, through all of them, or one, it goes in one stride.
    """

    first: int
    after: int
    words: NDArray[np.int64]


@dataclass(frozen=True)
class _Layout:
    """
    The words of a row packed: of each word what is true, then, where it can be unknown, what is not false.

    A bucket's words are then taken by one copy, not by one look-up a word.
    """

    places: Mapping[tuple[int, bool], int]
    """Word, and whether it says what is not false, to its column."""

    start: NDArray[np.int64]
    """A row before any test: the bits of all rules."""

    @classmethod
    def of(cls, index: PredicateIndex) -> _Layout:
        unknown = {*index.can_be_unknown}
        order = [(word, side) for word in index.words for side in (False, True) if not side or word in unknown]
        start = np.array([index.words[word] for word, _ in order], dtype=np.int64)
        return cls({place: number for number, place in enumerate(order)}, start)

    def together(self, of: Mapping[int, BucketBitmaps]) -> _Together | None:
        """Tables as one; bits that they do not mention are 1. None for an expression that mixed parts alone ask."""
        if not of:
            return None
        columns = {(word, False): table.true for word, table in of.items()}
        for word, table in of.items():
            if (word, True) in self.places:
                columns[word, True] = table.true if table.not_false is None else table.not_false
        at = [self.places[place] for place in columns]
        first, after, buckets = min(at), max(at) + 1, len(next(iter(columns.values())))
        if after - first > 1 and buckets * len(self.places) <= CACHED:
            first, after = 0, len(self.places)
        words: NDArray[np.int64] = np.full((buckets, after - first), -1, dtype=np.int64)
        for place, bits in columns.items():
            words[:, self.places[place] - first] = bits
        return _Together(first, after, words)

    def narrowed(self, asked: Iterable[tuple[_Together | None, NDArray[Any]]], rows: int) -> NDArray[np.int64]:
        """Grain: row × word; the bits that the buckets of a row leave. Rows are taken as many as the cache holds."""
        tables = [(table, at) for table, at in asked if table is not None]
        found = np.tile(self.start, (rows, 1))
        step = max(1, CACHED // max(1, len(self.start)))
        for first in range(0, rows, step):
            block = found[first : first + step]
            for table, at in tables:
                block[:, table.first : table.after] &= table.words.take(at[first : first + step], axis=0)
        return found

    def columns(self, found: NDArray[np.int64]) -> dict[tuple[int, bool], Bits]:
        """The words of all rows; what is changed in them changes in the rows."""
        return {place: found[:, number] for place, number in self.places.items()}


def _keep(words: Mapping[tuple[int, bool], Bits], part: MultiColumnPredicate, true: Flags, false: Flags) -> None:
    """Keep one rule's bit where its part is true, or not false."""
    cleared = ~np.int64(part.mask)
    words[part.word, False][:] &= np.where(true, -1, cleared)
    if (part.word, True) in words:
        words[part.word, True][:] &= np.where(true if part.filters else ~false, -1, cleared)
