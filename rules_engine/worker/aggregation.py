"""
All rows of some subjects, those of a subject behind each other, to what they come to per subject.

Runs beside Spark's executors. What is asked of the rows that meet a filter is worked out of these rows alone, for the
subjects that have any. Sums are whole numbers of the last decimal place, in two halves of 32 bits, so that they are
exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.index.bit_layout import remapped
from rules_engine.index.bitmap_index import Bits, Flags
from rules_engine.index.value_types import comparison_type
from rules_engine.index.words import SUBJECT
from rules_engine.worker.index_probe import IndexProbe
from rules_engine.worker.window_functions import Ranking

if TYPE_CHECKING:
    from rules_engine.index.aggregate_predicates import AggregateComparison, PlacedRows
    from rules_engine.index.aggregates import Aggregate
    from rules_engine.index.grouped_index import GroupedIndex
    from rules_engine.index.predicate_index import PredicateIndex

LOW = 0xFFFFFFFF
FAR = np.int64(1) << np.int64(62)
"""No literal that is looked up is as large."""

Words: TypeAlias = "NDArray[np.int64]"
"""Grain: row × word, or subject × word."""


@dataclass
class Rows:
    """The rows of some subjects; what is asked of a column more than once is worked out once."""

    index: GroupedIndex
    words: Words
    """Of :attr:`GroupedIndex.of_rows`."""
    columns: Mapping[str, pa.Array]
    starts: NDArray[np.intp]
    """Where the rows of each subject begin."""
    _values: dict[str, Bits] = field(default_factory=dict)
    _codes: dict[str, pa.DictionaryArray] = field(default_factory=dict)
    _bits: dict[int, Bits] = field(default_factory=dict)

    def meeting(self, number: int | None) -> NDArray[np.intp]:
        """The rows that meet a filter."""
        if number is None:
            return np.arange(len(self.words))
        place, bit = self.index.filters[number]
        if place not in self._bits:
            self._bits[place] = np.ascontiguousarray(self.words[:, place])
        return np.flatnonzero(self._bits[place] & (np.int64(1) << np.int64(bit)))

    def known(self, column: str) -> Flags | None:
        """Which rows have a value in a column; None where all have."""
        of = self.columns[column]
        return of.is_valid().to_numpy(zero_copy_only=False) if of.null_count else None

    def values(self, of: Aggregate) -> Bits:
        """A column as whole numbers, 0 for NULL."""
        if of.column not in self._values:
            self._values[of.column] = comparison_type(of.type).array(self.columns[of.column])  # type: ignore[misc]
        return self._values[of.column]

    def codes(self, column: str) -> pa.DictionaryArray:
        """A column with its different values numbered."""
        if column not in self._codes:
            values = self.columns[column]  # a text need not be UTF-8 to be told from another
            texts = pa.types.is_string(values.type)
            self._codes[column] = (values.view(pa.binary()) if texts else values).dictionary_encode()
        return self._codes[column]

    @cached_property
    def subject(self) -> Bits:
        """Of each row the number of its subject."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=len(self.words)))


@dataclass
class FilteredGroups:
    """Some of the rows, and the subjects that have any of them."""

    rows: Rows
    at: NDArray[np.intp]
    subjects: Bits = field(init=False)
    starts: NDArray[np.intp] = field(init=False)
    """Where the chosen rows of each of these subjects begin."""

    def __post_init__(self) -> None:
        subject = self.rows.subject[self.at]
        self.starts = np.flatnonzero(np.diff(subject, prepend=-1))
        self.subjects = subject[self.starts]

    def aggregate(self, of: Aggregate) -> pa.Array:
        """An aggregate per subject; of no value a sum, a least and a greatest are NULL."""
        known = self._known(of.column) if of.column else None
        counted = (
            self._added(known.astype(np.int64)) if known is not None else np.diff(self.starts, append=len(self.at))
        )
        match of.function:
            case "count":
                return pa.array(counted)
            case "distinct":
                return pa.array(self._distinct(of.column, known))
            case "sum":
                values = _whole(*self._halves(self._values(of), of))
            case _:
                beyond, merged = (FAR, np.minimum) if of.function == "min" else (-FAR, np.maximum)
                all_ = self._values(of)
                values = merged.reduceat(all_ if known is None else np.where(known, all_, beyond), self.starts)
        return pa.array(values, mask=counted == 0)

    @property
    def _rows(self) -> Bits:
        """How many chosen rows each subject has."""
        return np.diff(self.starts, append=len(self.at))

    def _known(self, column: str) -> Flags | None:
        known = self.rows.known(column)
        return known if known is None else known[self.at]

    def _values(self, of: Aggregate) -> Bits:
        return self.rows.values(of)[self.at]

    def _added(self, values: Bits) -> Bits:
        found: Bits = np.add.reduceat(values, self.starts)
        return found

    def _halves(self, values: Bits, of: Aggregate) -> Iterator[Bits]:
        if of.most * len(values) < FAR:
            added = self._added(values)
            yield from (added >> 32, added & LOW)
        else:
            yield from (self._added(half) for half in (values >> 32, values & LOW))

    def _distinct(self, column: str, known: Flags | None) -> Bits:
        """How many different values each subject's chosen rows have."""
        encoded = self.rows.codes(column)
        several = max(1, len(encoded.dictionary))
        codes = encoded.indices.fill_null(0).to_numpy().astype(np.int64)[self.at]
        each = np.repeat(np.arange(len(self.starts)), self._rows) * several + codes
        found = np.unique(each if known is None else each[known])
        return np.bincount(found // several, minlength=len(self.starts)).astype(np.int64)


@dataclass(frozen=True)
class GroupAggregator:
    """Rows of some subjects to a row of words each: what any of their rows sets, and what they come to."""

    index: GroupedIndex
    rows: ClassVar[type[Rows]] = Rows
    chosen: ClassVar[type[FilteredGroups]] = FilteredGroups
    ranking: ClassVar[type[Ranking]] = Ranking

    def words(
        self, words: Words, columns: Sequence[pa.Array], starts: NDArray[np.intp], own: Mapping[str, pa.Array]
    ) -> Words:
        """
        Grain: subject × word of the index's outputs.

        ``words`` and ``columns`` are of rows, those of a subject behind each other from ``starts`` on; ``own`` are
        numbers of the subjects' own rows, by their expressions.
        """
        found: Words = np.zeros((len(starts), len(self.index.outputs)), dtype=np.int64)
        if not len(starts):
            return found
        rows = self.rows(self.index, words, dict(zip(self.index.groups.columns, columns, strict=True)), starts)
        self._keep_rows(found, words, starts)
        for number, worker in self._of_groups.items():
            chosen = self.chosen(rows, rows.meeting(number))
            if len(chosen.subjects):
                self._keep(found, chosen.subjects, self._aggregated(worker, chosen, own), None, worker.index)
        if self._of_ranks:
            self._keep_ranked(found, rows)
        return found

    def _keep_ranked(self, found: Words, rows: Rows) -> None:
        """Set the bits that the place of any row of a subject sets."""
        for among in dict.fromkeys(of.among for of in self._of_ranks):
            ranked = {of: self.chosen(rows, rows.meeting(of.filter)) for of in self._of_ranks if of.among == among}
            placed, values = self._ranked(rows, among, [chosen.subjects for chosen in ranked.values()])
            for of, chosen in ranked.items():
                if len(chosen.subjects):
                    worker, at = self._of_ranks[of], pa.array(np.searchsorted(placed, chosen.at))
                    of_rows = _looked_up(worker, {name: column.take(at) for name, column in values.items()}, len(at))
                    self._keep(found, chosen.subjects, of_rows, chosen.starts, worker.index)

    @cached_property
    def _of_groups(self) -> Mapping[int | None, IndexProbe]:
        return {number: IndexProbe(index) for number, index in self.index.of_groups.items()}

    @cached_property
    def _of_ranks(self) -> Mapping[PlacedRows, IndexProbe]:
        return {rows: IndexProbe(index) for rows, index in self.index.of_ranks.items()}

    def _aggregated(self, worker: IndexProbe, chosen: FilteredGroups, own: Mapping[str, pa.Array]) -> Words:
        """Grain: subject with a chosen row × word. What conditions on aggregates of these rows say."""
        groups, values = self.index.groups, dict[str, pa.Array]()
        for name in (lookup.name for lookup in worker.index.lookups):
            number = int(name[1:])
            if name.startswith("a"):
                values[name] = self._aggregate(chosen, groups.aggregates[number])
            else:
                held = groups.against[number]
                others = own[held.expression].take(pa.array(chosen.subjects))
                values[name] = _held_against(held, self._aggregate(chosen, groups.aggregates[held.aggregate]), others)
        return _looked_up(worker, values, len(chosen.subjects))

    def _aggregate(self, chosen: FilteredGroups, of: Aggregate) -> pa.Array:
        return chosen.aggregate(of)

    def _ranked(
        self, rows: Rows, among: int | None, subjects: Sequence[Bits]
    ) -> tuple[NDArray[np.intp], dict[str, pa.Array]]:
        """
        The rows of some subjects that meet a filter, and what each comes to among them, by name.

        Nothing is asked of the place of others' rows, so that they need not be put in order.
        """
        wanted: Flags = np.zeros(len(rows.starts), dtype=bool)
        for several in subjects:
            wanted[several] = True
        at = rows.meeting(among)
        at = at[wanted[rows.subject[at]]]
        columns = {name: column.take(pa.array(at)) for name, column in rows.columns.items()}
        starts = np.flatnonzero(np.diff(rows.subject[at], prepend=-1))
        ranking = self.ranking(columns, self.index.groups.types, starts, len(at))
        placed = {f"w{number}": each for number, each in enumerate(self.index.groups.values) if each.among == among}
        return at, {name: ranking.aggregate(each.value) for name, each in placed.items()}

    def _keep_rows(self, found: Words, words: Words, starts: NDArray[np.intp]) -> None:
        """Set the bits that any row of a subject sets."""
        said = {name: place for place, name in enumerate(self.index.of_rows.outputs)}
        either = {
            name: np.bitwise_or.reduceat(words[:, said[name]], starts)
            for name in {move.source for move in self.index.remaps}
        }
        places = {name: place for place, name in enumerate(self.index.outputs)}
        for move in self.index.remaps:
            found[:, places[move.target]] |= remapped(either[move.source], move)

    def _keep(
        self, found: Words, subjects: Bits, said: Words, starts: NDArray[np.intp] | None, index: PredicateIndex
    ) -> None:
        """Set the bits that an index says of subjects, or of their rows, those of each from one of ``starts`` on."""
        places = {name: place for place, name in enumerate(self.index.outputs)}
        for place, name in enumerate(index.outputs):
            if name in places:
                bits = said[:, place]
                found[subjects, places[name]] |= bits if starts is None else np.bitwise_or.reduceat(bits, starts)


def _looked_up(worker: IndexProbe, values: Mapping[str, pa.Array], rows: int) -> Words:
    """What an index says of values, by their names."""
    asked = [values[lookup.name] for lookup in worker.index.lookups]
    batch = pa.RecordBatch.from_arrays([pa.nulls(rows), *asked], [SUBJECT, *map(str, range(len(asked)))])
    return worker.words(batch)


def _held_against(of: AggregateComparison, values: pa.Array, others: pa.Array) -> pa.Array:
    """
    Whole numbers of a last decimal place against others that have more places, exactly.

    With ``q`` the others without those places, rounded down, and ``r`` the rest: ``a > q`` says that a is greater,
    ``a = q and r = 0`` that they are equal.
    """
    left, right = (_numbers(column) for column in (values, others))
    whole, rest = np.divmod(right, np.int64(10**of.places))
    greater, equal = left > whole, (left == whole) & (rest == 0)
    less = ~(greater | equal)
    said = {">": greater, ">=": ~less, "<": less, "<=": ~greater, "=": equal, "<>": ~equal}[of.sign]
    null = values.is_null().to_numpy(zero_copy_only=False) | others.is_null().to_numpy(zero_copy_only=False)
    return pa.array(said, mask=null)


def _numbers(column: pa.Array) -> Bits:
    return column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)


def _whole(high: Bits, low: Bits) -> Bits:
    """A sum from its halves; one that is beyond every literal stays beyond it."""
    carried = high + (low >> 32)
    found = (carried << 32) + (low & LOW)
    return np.where(carried >= FAR >> 32, FAR, np.where(carried < -(FAR >> 32), -FAR, found))
