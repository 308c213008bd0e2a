"""
All rows of some subjects, those of a subject behind each other, to what they come to per subject.

Runs beside Spark's executors. Sums are whole numbers of the last decimal place, in two halves of 32 bits, so that
they are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.evaluation.buckets import Bits
from rules_engine.evaluation.domains import domain
from rules_engine.evaluation.narrowing import Worker
from rules_engine.evaluation.ranking import Ranking
from rules_engine.evaluation.words import SUBJECT, hit_word

if TYPE_CHECKING:
    from rules_engine.evaluation.aggregates import Aggregate
    from rules_engine.evaluation.grouping import GroupedIndex, Versus
    from rules_engine.evaluation.predicate_index import PredicateIndex

LOW = 0xFFFFFFFF
FAR = np.int64(1) << np.int64(62)
"""No literal that is looked up is as large."""


@dataclass
class Rows:
    """The rows of some subjects while they are added up; what several aggregates need is worked out once."""

    index: GroupedIndex
    words: NDArray[np.int64]
    """Grain: row × word of :attr:`GroupedIndex.of_rows`."""
    columns: Mapping[str, pa.Array]
    starts: NDArray[np.intp]
    """Where the rows of each subject begin."""
    _chosen: dict[tuple[int | None, str], Bits] = field(default_factory=dict)
    _counted: dict[tuple[int | None, str], Bits] = field(default_factory=dict)
    _values: dict[str, Bits] = field(default_factory=dict)
    _codes: dict[str, pa.DictionaryArray] = field(default_factory=dict)

    def come_to(self, of: Aggregate) -> pa.Array:
        """An aggregate per subject; of no value a sum, a least and a greatest are NULL."""
        which = of.filter, of.column if of.column and self.columns[of.column].null_count else ""
        if which not in self._counted:
            self._chosen[which] = self._ones(*which)
            self._counted[which] = np.add.reduceat(self._chosen[which], self.starts)
        chosen, counted = self._chosen[which], self._counted[which]
        match of.function:
            case "count":
                return pa.array(counted)
            case "distinct":
                return pa.array(self._distinct(of.column, chosen != 0))
            case "sum":
                values = _whole(*self._halves(self._of(of) * chosen, of))
            case _:
                beyond, merged = (FAR, np.minimum) if of.function == "min" else (-FAR, np.maximum)
                values = merged.reduceat(np.where(chosen != 0, self._of(of), beyond), self.starts)
        return pa.array(values, mask=counted == 0)

    def _ones(self, number: int | None, known: str) -> Bits:
        """1 for each row that meets a filter and has a value in a column, else 0."""
        if number is None:
            found: Bits = np.ones(len(self.words), dtype=np.int64)
        else:
            place, bit = self.index.filters[number]
            found = (self.words[:, place] >> bit) & 1
        return found * self.columns[known].is_valid().to_numpy(zero_copy_only=False) if known else found

    def _of(self, of: Aggregate) -> Bits:
        """A column as whole numbers."""
        if of.column not in self._values:
            self._values[of.column] = domain(of.type).array(self.columns[of.column])  # type: ignore[misc]
        return self._values[of.column]

    def _halves(self, values: Bits, of: Aggregate) -> Iterator[Bits]:
        if of.most * len(values) < FAR:
            added = np.add.reduceat(values, self.starts)
            yield from (added >> 32, added & LOW)
        else:
            yield from (np.add.reduceat(half, self.starts) for half in (values >> 32, values & LOW))

    def _distinct(self, column: str, chosen: NDArray[np.bool_]) -> Bits:
        """How many different values each subject's chosen rows have."""
        if column not in self._codes:
            values = self.columns[column]  # a text need not be UTF-8 to be told from another
            texts = pa.types.is_string(values.type)
            self._codes[column] = (values.view(pa.binary()) if texts else values).dictionary_encode()
        encoded = self._codes[column]
        several = max(1, len(encoded.dictionary))
        codes = encoded.indices.fill_null(0).to_numpy().astype(np.int64)
        found = np.unique((self._subject * several + codes)[chosen])
        return np.bincount(found // several, minlength=len(self.starts)).astype(np.int64)

    @cached_property
    def _subject(self) -> Bits:
        """Of each row the number of its subject."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=len(self.words)))


@dataclass(frozen=True)
class AddingUp:
    """Rows of some subjects to a row of words each: what any of their rows sets, and what they come to."""

    index: GroupedIndex
    rows: ClassVar[type[Rows]] = Rows
    ranking: ClassVar[type[Ranking]] = Ranking

    def words(
        self,
        words: NDArray[np.int64],
        columns: Sequence[pa.Array],
        starts: NDArray[np.intp],
        own: Mapping[str, pa.Array],
    ) -> NDArray[np.int64]:
        """
        Grain: subject × word of the index's outputs.

        ``words`` and ``columns`` are of rows, those of a subject behind each other from ``starts`` on; ``own`` are
        numbers of the subjects' own rows, by their expressions.
        """
        found: NDArray[np.int64] = np.zeros((len(starts), len(self.index.outputs)), dtype=np.int64)
        if not len(starts):
            return found
        named = dict(zip(self.index.groups.columns, columns, strict=True))
        said = [(words, self.index.of_rows.outputs)]
        if self.index.groups.ranked:
            said.append((self._of_ranks(words, named, starts), self.index.of_ranks.outputs))
        either = [(np.bitwise_or.reduceat(of_rows, starts, axis=0), names) for of_rows, names in said]
        groups = self._of_groups(self.rows(self.index, words, named, starts), own)
        for of_subjects, names in (*either, (groups, self.index.of_groups.outputs)):
            for place, name in enumerate(names):
                if name in self.index.outputs:
                    found[:, self.index.outputs.index(name)] |= of_subjects[:, place]
        return found

    def _of_groups(self, rows: Rows, own: Mapping[str, pa.Array]) -> NDArray[np.int64]:
        """Grain: subject × word. What conditions on aggregates say."""
        groups = self.index.groups
        values = {f"a{number}": self._come_to(rows, each) for number, each in enumerate(groups.aggregates)}
        for number, held in enumerate(groups.against):
            values[f"v{number}"] = _held_against(held, values[f"a{held.aggregate}"], own[held.expression])
        return self._looked_up(self.index.of_groups, values, len(rows.starts))

    def _of_ranks(
        self, words: NDArray[np.int64], columns: Mapping[str, pa.Array], starts: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """Grain: row × word. What conditions on a row's place say, of rows that meet their filters."""
        of, groups = self.index.of_ranks, self.index.groups
        ranking = self.ranking(columns, groups.types, starts, len(words))
        values = {f"w{number}": ranking.come_to(value) for number, value in enumerate(groups.values)}
        found = self._looked_up(of, values, len(words))
        for bound, number in groups.ranked:
            if number is not None:
                place, bit = self.index.filters[number]
                kept = np.where((words[:, place] >> bit) & 1, np.int64(-1), ~np.int64(bound.cell.mask))
                found[:, of.outputs.index(hit_word(bound.cell.word))] &= kept
        return found

    @staticmethod
    def _looked_up(of: PredicateIndex, values: Mapping[str, pa.Array], rows: int) -> NDArray[np.int64]:
        """What an index says of values, by their names."""
        asked = [values[lookup.name] for lookup in of.lookups]
        numbers = pa.array(np.arange(rows))
        batch = pa.RecordBatch.from_arrays([numbers, *asked], [SUBJECT, *map(str, range(len(asked)))])
        return Worker(of).words(batch)

    def _come_to(self, rows: Rows, of: Aggregate) -> pa.Array:
        return rows.come_to(of)


def _held_against(of: Versus, values: pa.Array, others: pa.Array) -> pa.Array:
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
