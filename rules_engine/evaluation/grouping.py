"""
Counts and sums of a subject's rows, and conditions about them, in one pass with the conditions on these rows.

Spark reads the rows, computes their expressions and brings the rows of a subject together. A worker
looks up which filters a row meets, adds up what the rows of each subject come to, and looks that up in turn.
Sums are whole numbers of the last decimal place, in two halves of 32 bits, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.evaluation.buckets import Bits
from rules_engine.evaluation.domains import MOST_DIGITS, Domain, domain, scaled
from rules_engine.evaluation.indexing import assembled, index, is_looked_up
from rules_engine.evaluation.narrowing import Words, Worker, first_rows, of_words, with_bits
from rules_engine.evaluation.predicate_index import Bound, PredicateIndex, Source, TakenApart, numbered, select
from rules_engine.evaluation.words import SUBJECT, hit_word, unknown_word
from rules_engine.language.condition import Constants, Opaque, Part
from rules_engine.language.condition_reader import parts
from rules_engine.language.lexical import Kind, tokens
from rules_engine.model.hitmatrix import BITS, Cell

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WHOLE = {"tinyint": 3, "smallint": 5, "int": 10}
"""Types of whole numbers of which no sum of rows overflows, with their digits."""
MORE = 10
"""Digits that Spark's sum of decimals has before those of its argument."""
FAR = np.int64(1) << np.int64(62)
"""No literal that is looked up is as large."""


class Aggregate(NamedTuple):
    """A count or sum over the rows of a subject that meet a filter."""

    function: str
    column: str
    """Empty: rows are counted, whatever is in them."""
    filter: int | None
    """Its number; None for all rows."""
    type: str
    """Spark's type of the column."""

    @property
    def comes_to(self) -> str:
        """Spark's type of the value."""
        if self.function == "sum" and self.type not in WHOLE:
            precision, scale = _digits(self.type)
            return f"decimal({precision + MORE},{scale})"
        return "bigint"

    @property
    def domain(self) -> Domain:
        """How the value is compared: a sum as a whole number of its last place."""
        return scaled(_digits(self.type)[1]) if self.function == "sum" and self.type not in WHOLE else domain("bigint")


@dataclass(frozen=True)
class Groups:
    """
    Conditions about what a frame's rows come to per subject.

    Aggregates go by ``a0``, ``a1``, … in the conditions. A subject without rows is no group: none is true of it.
    """

    filters: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    conditions: tuple[Bound, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are added up or counted."""
        return tuple(sorted({each.column for each in self.aggregates if each.column}))

    def said(self, name: str) -> str:
        """An aggregate in words, by its name."""
        each = self.aggregates[int(name[1:])]
        filtered = f" of rows where {self.filters[each.filter]}" if each.filter is not None else ""
        return f"{each.function}({each.column or '*'}){filtered}"


@dataclass
class Grouping:
    """Collects questions about the groups of a frame, as far as workers can answer them."""

    columns: Mapping[str, str]
    """The frame's, in small letters, with Spark's types."""
    _filters: dict[str, int] = field(default_factory=dict)
    _aggregates: dict[Aggregate, int] = field(default_factory=dict)
    _conditions: list[Bound] = field(default_factory=list)

    def takes(self, where: str, pieces: Sequence[str], calls: Sequence[str], bound: Bound) -> bool:
        """
        Take a question, if all of it can be answered.

        ``where`` filters the rows; ``pieces`` is the text of HAVING around its aggregate ``calls``, one more of them.
        """
        filters, aggregates = dict(self._filters), dict(self._aggregates)
        number = filters.setdefault(where, len(filters)) if where else None
        wanted = [_aggregate(call, number, self.columns) for call in ("count(*)", *calls)]
        if None in wanted:
            return False
        exists, *names = (f"a{aggregates.setdefault(each, len(aggregates))}" for each in wanted if each)
        having = "".join(text for pair in zip(pieces, (*names, ""), strict=True) for text in pair)
        condition = f"{exists} > 0 AND ({having})" if having.strip() else f"{exists} > 0"
        if _parts(condition, [*aggregates]) is None:
            return False
        self._filters, self._aggregates = filters, aggregates
        self._conditions.append(bound._replace(sql=condition))
        return True

    def groups(self) -> Groups | None:
        """What was taken; None for nothing."""
        if not self._conditions:
            return None
        return Groups(tuple(self._filters), tuple(self._aggregates), tuple(self._conditions))


@dataclass(frozen=True)
class GroupedIndex:
    """
    The index over one frame's rows, and the one over what they come to per subject.

    Filters of rows are conditions of :attr:`of_rows` in words of their own, from ``own`` on.
    """

    of_rows: PredicateIndex
    of_groups: PredicateIndex
    groups: Groups
    own: int

    @property
    def source(self) -> Source:
        return self.of_rows.source

    @property
    def taken_apart(self) -> tuple[TakenApart, ...]:
        """Of conditions on rows and on groups."""
        of_rows = (part for part in self.of_rows.taken_apart if part.cell.word < self.own)
        named = (
            replace(part, expressions=tuple(map(self.groups.said, part.expressions)))
            for part in self.of_groups.taken_apart
        )
        return (*of_rows, *named)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The words of a subject."""
        hits = {word for word in self.of_rows.words if word < self.own} | {*self.of_groups.words}
        return (*map(hit_word, sorted(hits)), *map(unknown_word, self.of_rows.can_be_unknown))

    def rows(self, spark: SparkSession, *, every: bool = False) -> DataFrame:
        """
        Both put to the rows of the source; grain: subject with any bit.

        Columns: ``subject``, ``h<word>`` and ``u<word>`` as :meth:`PredicateIndex.rows` has them.
        """
        assert not every, "a subject without rows is not seen here"
        columns = [*self.of_rows.columns, *(f"`{column}`" for column in self.groups.columns)]
        given = select(spark, self.source, [f"{self.source.key} AS {SUBJECT}", *numbered(columns)])
        type_ = given.schema[SUBJECT].dataType.simpleString()
        together = given.repartition(SUBJECT).sortWithinPartitions(SUBJECT)
        schema = ", ".join([f"{SUBJECT} {type_}", *(f"{name} bigint" for name in self.outputs)])
        return together.mapInArrow(GroupWorker(self), schema)


def grouped(spark: SparkSession, source: Source, conditions: Sequence[Bound], groups: Groups) -> GroupedIndex:
    """The indexes over conditions on a frame's rows and on their groups."""
    own = 1 + max(bound.cell.word for bound in (*conditions, *groups.conditions))
    of_rows = index(spark, source, [*conditions, *filters(groups, own)])
    return GroupedIndex(of_rows, index_of_groups(source, groups), groups, own)


def filters(groups: Groups, own: int) -> Iterator[Bound]:
    """The filters of rows as conditions, their bits in words from ``own`` on."""
    for number, sql in enumerate(groups.filters):
        yield Bound(sql, Cell(own + number // BITS, 1 << number % BITS), filters=True)


def index_of_groups(source: Source, groups: Groups) -> PredicateIndex:
    """The index over conditions on aggregates."""
    domains = {f"a{number}": each.domain for number, each in enumerate(groups.aggregates)}
    found = [(bound, part) for bound in groups.conditions for part in _parts(bound.sql, groups.aggregates) or ()]
    return assembled(source, groups.conditions, found, {}, domains)


@dataclass
class Rows:
    """The rows of a batch while they are added up; what several aggregates need is worked out once."""

    index: GroupedIndex
    columns: Mapping[str, pa.Array]
    words: Words
    starts: NDArray[np.intp]
    _chosen: dict[tuple[int | None, str], Bits] = field(default_factory=dict)
    _counted: dict[tuple[int | None, str], Bits] = field(default_factory=dict)
    _values: dict[str, Bits] = field(default_factory=dict)

    def added(self, of: Aggregate) -> Iterator[Bits]:
        """A count, or of a sum how many values it is of and its two halves, per subject."""
        which = of.filter, of.column if of.column and self.columns[of.column].null_count else ""
        if which not in self._counted:
            self._chosen[which] = self._ones(*which)
            self._counted[which] = np.add.reduceat(self._chosen[which], self.starts)
        yield self._counted[which].copy()
        if of.function == "sum":
            if of.column not in self._values:
                self._values[of.column] = domain(of.type).array(self.columns[of.column])  # type: ignore[misc]
            values = self._values[of.column] * self._chosen[which]
            digits = WHOLE.get(of.type) or _digits(of.type)[0]
            if 10**digits * len(values) < FAR:
                added = np.add.reduceat(values, self.starts)
                yield from (added >> 32, added & 0xFFFFFFFF)
            else:
                yield from (np.add.reduceat(half, self.starts) for half in (values >> 32, values & 0xFFFFFFFF))

    def _ones(self, number: int | None, known: str) -> Bits:
        """1 for each row that meets a filter and has a value in a column, else 0."""
        if number is None:
            found: Bits = np.ones(len(next(iter(self.words.values()))), dtype=np.int64)
        else:
            found = (self.words[hit_word(self.index.own + number // BITS)] >> (number % BITS)) & 1
        return found * self.columns[known].is_valid().to_numpy(zero_copy_only=False) if known else found


@dataclass(frozen=True)
class _Subjects:
    """Subjects, the words that any of their rows sets, and what adds up."""

    subjects: pa.Array
    words: Words
    sums: Sequence[Bits]

    def slice(self, first: int, length: int) -> _Subjects:
        after = first + length
        words = {name: bits[first:after] for name, bits in self.words.items()}
        return _Subjects(self.subjects.slice(first, length), words, [added[first:after] for added in self.sums])

    def then(self, after: _Subjects) -> _Subjects:
        """One subject, and those that come after it, the first of which may be the same."""
        (before,), first = self.subjects.to_pylist(), after.subjects[0].as_py()
        if before is None or before != first:
            words = {name: np.concatenate([bits, after.words[name]]) for name, bits in self.words.items()}
            sums = [np.concatenate([added, more]) for added, more in zip(self.sums, after.sums, strict=True)]
            return _Subjects(pa.concat_arrays([self.subjects, after.subjects]), words, sums)
        for name, bits in self.words.items():
            after.words[name][0] |= bits[0]
        for added, more in zip(self.sums, after.sums, strict=True):
            more[0] += added[0]
        return after


@dataclass(frozen=True)
class GroupWorker:
    """Record batches of rows, those of a subject behind each other, to batches of a word row per subject."""

    index: GroupedIndex
    rows: ClassVar[type[Rows]] = Rows

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        of_rows, of_groups = Worker(self.index.of_rows, every=True), Worker(self.index.of_groups, every=True)
        waiting: _Subjects | None = None
        for batch in batches:
            if not batch.num_rows:
                continue
            found = self._subjects(batch, of_rows.words(batch))
            found = found if waiting is None else self._joined(waiting, found)
            yield from self._answered(found.slice(0, len(found.subjects) - 1), of_groups)
            waiting = found.slice(len(found.subjects) - 1, 1)  # its rows may go on in the next batch
        if waiting is not None:
            yield from self._answered(waiting, of_groups)

    def _subjects(self, batch: pa.RecordBatch, words: Words) -> _Subjects:
        """What the rows of each subject come to; the last one's may not be all."""
        starts = first_rows(batch.column(0))
        names = self.index.groups.columns
        columns = dict(zip(names, batch.columns[len(batch.columns) - len(names) :], strict=True))
        rows = self.rows(self.index, columns, words, starts)
        sums = [added for each in self.index.groups.aggregates for added in rows.added(each)]
        own = {hit_word(word) for word in self.index.of_rows.words if word >= self.index.own}
        either = {name: np.bitwise_or.reduceat(bits, starts) for name, bits in words.items() if name not in own}
        return _Subjects(batch.column(0).take(pa.array(starts)), either, sums)

    def _joined(self, before: _Subjects, after: _Subjects) -> _Subjects:
        """One subject, and those that come after it, the first of which may be the same."""
        (one,), other = before.subjects.to_pylist(), after.subjects[0].as_py()
        if one is None or one != other:
            words = {name: np.concatenate([bits, after.words[name]]) for name, bits in before.words.items()}
            sums = [np.concatenate([added, more]) for added, more in zip(before.sums, after.sums, strict=True)]
            return _Subjects(pa.concat_arrays([before.subjects, after.subjects]), words, sums)
        for name, bits in before.words.items():
            after.words[name][0] |= bits[0]
        for added, more in zip(before.sums, after.sums, strict=True):
            more[0] += added[0]
        return after

    def _answered(self, found: _Subjects, of_groups: Worker) -> Iterator[pa.RecordBatch]:
        if not len(found.subjects):
            return
        values = dict(zip(self._names, self._values(found), strict=True))
        asked = [values[lookup.name] for lookup in self.index.of_groups.lookups]
        batch = pa.RecordBatch.from_arrays([found.subjects, *asked], [SUBJECT, *map(str, range(len(asked)))])
        words = of_groups.words(batch)
        nothing: Bits = np.zeros(len(found.subjects), dtype=np.int64)
        both = {n: found.words.get(n, nothing) | words.get(n, nothing) for n in self.index.outputs}
        subjects, both_ = with_bits(found.subjects, both)
        if len(subjects):
            yield of_words(subjects, both_)

    @property
    def _names(self) -> list[str]:
        return [f"a{number}" for number in range(len(self.index.groups.aggregates))]

    def _values(self, found: _Subjects) -> Iterator[pa.Array]:
        """What each aggregate comes to; a sum of nothing is NULL."""
        sums = iter(found.sums)
        for each in self.index.groups.aggregates:
            counted = next(sums)
            if each.function == "count":
                yield pa.array(counted)
            else:
                yield pa.array(_whole(next(sums), next(sums)), mask=counted == 0)


def _whole(high: Bits, low: Bits) -> Bits:
    """A sum from its halves; one that is beyond every literal stays beyond it."""
    carried = high + (low >> 32)
    found = (carried << 32) + (low & 0xFFFFFFFF)
    return np.where(carried >= FAR >> 32, FAR, np.where(carried < -(FAR >> 32), -FAR, found))


def _aggregate(call: str, number: int | None, columns: Mapping[str, str]) -> Aggregate | None:
    """A call of an aggregate function, filtered; None for one that workers do not add up."""
    function, _, argument = call[:-1].partition("(")
    function, words = function.strip().lower(), tokens(argument)
    if function == "count" and argument.strip() in {"*", "1"}:
        return Aggregate("count", "", number, "")
    if len(words) != 1 or words[0].kind not in {Kind.WORD, Kind.QUOTED} or words[0].word not in columns:
        return None
    column, type_ = words[0].word, columns[words[0].word]
    if function == "count":
        return Aggregate("count", column, number, "")
    added = type_ in WHOLE or (type_.startswith("decimal(") and _digits(type_)[0] <= MOST_DIGITS)
    return Aggregate("sum", column, number, type_) if function == "sum" and added else None


def _parts(condition: str, aggregates: Sequence[Aggregate]) -> tuple[Part, ...] | None:
    """A condition about aggregates taken apart; None where any of it cannot be looked up."""
    types = {f"a{number}": each.comes_to for number, each in enumerate(aggregates)}
    domains: dict[str, Domain] = {f"a{number}": each.domain for number, each in enumerate(aggregates)}
    constants = Constants({}, set())
    try:
        found = parts(condition, types, constants)
    except Opaque:
        return None
    return found if not constants.wanted and all(is_looked_up(part, domains) for part in found) else None


def _digits(type_: str) -> tuple[int, int]:
    """Precision and scale of a decimal type."""
    precision, scale = type_.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)
