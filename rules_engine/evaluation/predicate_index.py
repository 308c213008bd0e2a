"""
Many predicates over the rows of one frame, by an index over what they ask.

A row costs its expressions and the words their rules stand in, not its rules.
Spark reads the rows and computes the expressions; a worker finds each value's
bucket (:mod:`rules_engine.evaluation.buckets`), takes the bucket's words and
ANDs them. What the index does not hold is computed by Spark as a condition of
its own, once per distinct text, and enters as an expression with three values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.evaluation.buckets import Bits, Cuts, Flags, Outcome, Table
from rules_engine.evaluation.words import SUBJECT, hit_word, unknown_word
from rules_engine.language.condition import All, Not, Test, Tree, tests_of
from rules_engine.language.condition import Any as AnyOf
from rules_engine.model.hitmatrix import Cell

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Bound(NamedTuple):
    """A condition with its parameters bound (empty: always true), and the bit that it sets."""

    sql: str
    cell: Cell
    filters: bool = False
    """Whether it drops rows, as a WHERE does: then NULL is false, and no outcome of a rule."""


@dataclass(frozen=True, slots=True)
class Source:
    """What rows are read from: the text after FROM, and the column with the subject's key."""

    sql: str
    key: str
    frame: str = ""
    """Its name where it is a declared frame."""
    given: str = ""
    """The WITH clause that stands before it."""


FALSE, TRUE, UNKNOWN = 0, 1, 2
"""The values of a condition that Spark computes."""
PACKED = 31
"""How many of them are in one number, so that it is never negative."""


@dataclass(frozen=True, slots=True)
class TakenApart:
    """What became of one condition: the expressions that look it up, the conditions that Spark computes, and why."""

    cell: Cell
    expressions: tuple[str, ...]
    computed: tuple[str, ...]
    whole: str = ""
    """Why the condition stays whole; empty where it was taken apart."""


@dataclass(frozen=True)
class Lookup:
    """An expression that Spark hands to a worker, and the words that its values stand for."""

    name: str
    sql: str
    cuts: Cuts
    of: Mapping[int, Table]


@dataclass(frozen=True)
class Computed:
    """A condition that Spark works out, and the words that its three values stand for."""

    sql: str
    of: Mapping[int, Table]


@dataclass(frozen=True)
class Mixed:
    """A part about several expressions, each of them looked up: its tests are put together row by row."""

    tree: Tree
    word: int
    mask: int
    filters: bool


@dataclass(frozen=True)
class PredicateIndex:
    """The index over one source's predicates; ``words`` holds for each word the bits of all its rules here."""

    source: Source
    lookups: tuple[Lookup, ...]
    computed: tuple[Computed, ...]
    mixed: tuple[Mixed, ...]
    words: Mapping[int, int]
    taken_apart: tuple[TakenApart, ...]

    @property
    def can_be_unknown(self) -> tuple[int, ...]:
        """The words in which a condition can be unknown."""
        several = [*(lookup.of for lookup in self.lookups), *(computed.of for computed in self.computed)]
        found = {word for of in several for word, table in of.items() if table.not_false is not None}
        return tuple(sorted(found | {part.word for part in self.mixed if not part.filters}))

    @property
    def columns(self) -> tuple[str, ...]:
        """What Spark is asked for, after the key: the expressions, then the conditions, :data:`PACKED` to a number."""
        conditions = [each.sql for each in self.computed]
        packs = [conditions[first : first + PACKED] for first in range(0, len(conditions), PACKED)]
        return (*(each.sql for each in self.lookups), *map(_packed, packs))

    def rows(self, spark: SparkSession, *, every: bool) -> DataFrame:
        """
        The index put to the rows of its source.

        Columns: ``subject``, ``h<word>`` of conditions that are true and
        ``u<word>`` of those that are NULL (bigint). Unless ``every`` row is
        asked for, those without a bit are left out and those of one subject
        that follow each other are one.
        """
        given = select(spark, self.source, [f"{self.source.key} AS {SUBJECT}", *numbered(self.columns)])
        type_ = given.schema[SUBJECT].dataType.simpleString()
        outputs = [*(hit_word(w) for w in self.words), *(unknown_word(w) for w in self.can_be_unknown)]
        schema = ", ".join([f"{SUBJECT} {type_}", *(f"{name} bigint" for name in outputs)])
        return given.mapInArrow(Worker(self, every), schema)


@dataclass(frozen=True)
class Worker:
    """What runs beside Spark's executors: record batches of :attr:`PredicateIndex.columns` to batches of words."""

    index: PredicateIndex
    every: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        unknown, outcomes = self.index.can_be_unknown, self._outcomes()
        for batch in batches:
            if batch.num_rows:
                yield self._found(batch, unknown, outcomes)

    def _outcomes(self) -> Mapping[Test, Outcome]:
        """What the tests of mixed parts come to in each bucket, worked out once for all batches."""
        cuts = {lookup.name: lookup.cuts for lookup in self.index.lookups}
        tests = (test for part in self.index.mixed for test in tests_of(part.tree) if isinstance(test, Test))
        return {test: cuts[test.of.name].outcome(test) for test in tests}

    def _found(self, batch: pa.RecordBatch, unknown: Sequence[int], outcomes: Mapping[Test, Outcome]) -> pa.RecordBatch:
        found = _Words(self.index.words, unknown, batch.num_rows)
        buckets = {}
        for place, lookup in enumerate(self.index.lookups, start=1):
            at = buckets[lookup.name] = lookup.cuts.buckets(batch.column(place))
            found.narrow(lookup.of, at)
        first = len(self.index.lookups) + 1
        for number, computed in enumerate(self.index.computed):
            pack, place = divmod(number, PACKED)
            values = batch.column(first + pack).to_numpy()
            found.narrow(computed.of, (values >> (2 * place)) & 3)
        for part in self.index.mixed:
            found.keep(part, *self._put_together(part.tree, buckets, outcomes))
        return self._batch(batch.column(0), found, unknown)

    def _put_together(
        self, tree: Tree, buckets: Mapping[str, Any], outcomes: Mapping[Test, Outcome]
    ) -> tuple[Flags, Flags]:
        """Where a part is true and where it is false, row by row."""
        if isinstance(tree, Test):
            outcome, at = outcomes[tree], buckets[tree.of.name]
            return outcome.true.take(at), outcome.false.take(at)
        if isinstance(tree, Not):
            return self._put_together(tree.of, buckets, outcomes)[::-1]
        assert isinstance(tree, All | AnyOf)
        several = [self._put_together(each, buckets, outcomes) for each in tree.of]
        both, either = (np.logical_and, np.logical_or) if isinstance(tree, All) else (np.logical_or, np.logical_and)
        return reduce(both, (true for true, _ in several)), reduce(either, (false for _, false in several))

    def _batch(self, subjects: pa.Array, found: _Words, unknown: Sequence[int]) -> pa.RecordBatch:
        words: Sequence[Bits] = [*found.true.values(), *(found.not_false[word] & ~found.true[word] for word in unknown)]
        if not self.every:
            subjects, words = _merged(*_with_bits(subjects, words))
        names = [SUBJECT, *map(hit_word, found.true), *map(unknown_word, unknown)]
        return pa.RecordBatch.from_arrays([subjects, *map(pa.array, words)], names=names)


class _Words:
    """The words of a batch while tests clear their bits: of what is true so far, and of what is not yet false."""

    def __init__(self, words: Mapping[int, int], unknown: Sequence[int], rows: int) -> None:
        self.true: dict[int, Bits] = {word: np.full(rows, bits, dtype=np.int64) for word, bits in words.items()}
        self.not_false: dict[int, Bits] = {word: self.true[word].copy() for word in unknown}

    def narrow(self, of: Mapping[int, Table], at: Any) -> None:
        """Keep the bits that a bucket leaves."""
        for word, table in of.items():
            found = table.true.take(at)
            self.true[word] &= found
            if word in self.not_false:
                self.not_false[word] &= found if table.not_false is None else table.not_false.take(at)

    def keep(self, part: Mixed, true: Flags, false: Flags) -> None:
        """Keep one rule's bit where its part is true, or not false."""
        cleared = ~np.int64(part.mask)
        self.true[part.word] &= np.where(true, -1, cleared)
        if part.word in self.not_false:
            self.not_false[part.word] &= np.where(true if part.filters else ~false, -1, cleared)


def _with_bits(subjects: pa.Array, words: Sequence[Bits]) -> tuple[pa.Array, Sequence[Bits]]:
    rows = np.flatnonzero(reduce(np.bitwise_or, words))
    if len(rows) == len(subjects):
        return subjects, words
    return subjects.take(pa.array(rows)), [word.take(rows) for word in words]


def _merged(subjects: pa.Array, words: Sequence[Bits]) -> tuple[pa.Array, Sequence[Bits]]:
    """Rows of one subject that follow each other as one: less for Spark to bring together."""
    if len(subjects) < 2:
        return subjects, words
    changed = pc.fill_null(pc.not_equal(subjects[1:], subjects[:-1]), True)
    starts = np.flatnonzero(np.append(True, changed.to_numpy(zero_copy_only=False)))
    if len(starts) == len(subjects):
        return subjects, words
    return subjects.take(pa.array(starts)), [np.bitwise_or.reduceat(word, starts) for word in words]


def select(spark: SparkSession, source: Source, columns: Iterable[str]) -> DataFrame:
    """Columns, as SQL, of a source's rows."""
    return spark.sql(f"{source.given} SELECT {', '.join(columns)} FROM {source.sql}")


def numbered(texts: Iterable[str]) -> Iterator[str]:
    """Expressions with the names ``c0``, ``c1``, …"""
    return (f"{sql} AS c{number}" for number, sql in enumerate(texts))


def _packed(conditions: Sequence[str]) -> str:
    """Conditions as one number, two bits each: :data:`FALSE`, :data:`TRUE` or :data:`UNKNOWN`."""
    if len(conditions) > 1:
        middle = len(conditions) // 2
        return f"({_packed(conditions[:middle])} | shiftleft({_packed(conditions[middle:])}, {2 * middle}))"
    return f"CAST(coalesce(CAST(({conditions[0]}) AS INT), {UNKNOWN}) AS BIGINT)"
