"""
Buckets of one expression's values, and which rules live in each.

The literals of all tests of an expression cut its values: below, at and above
each literal, and one bucket for NULL. Within a bucket every test is constant,
so it is worked out once per bucket and not once per row. Values are compared
as Spark compares them: whole numbers, decimals, days and instants exactly,
doubles with NaN above all, texts by their UTF-8 bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import ge, gt, le, lt, ne
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.index.value_types import ComparisonType, NotIndexed, Scalar
from rules_engine.logical.condition import AllOf, AnyOf, ComputedTest, Not, Test, Tree

Bits: TypeAlias = "NDArray[np.int64]"
Flags: TypeAlias = "NDArray[np.bool_]"

DENSE = 1 << 16
"""Distance between the first and last literal up to which every whole number between them has an entry."""
REMEMBERED = 200_000
"""Texts whose bucket a worker remembers."""


_COMPARED: Mapping[str, Callable[[Any, int], Any]] = {"<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a test is true and where it is false, per bucket; elsewhere it is unknown."""

    true: Flags
    false: Flags


@dataclass(frozen=True)
class Breakpoints:
    """
    Sorted distinct literals: bucket ``2i`` lies below the i-th, ``2i + 1`` is equal to it.

    The last bucket, :attr:`null`, is that of NULL.
    """

    of: ComparisonType
    literals: Sequence[Scalar]
    _remembered: dict[bytes, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def by(cls, of: ComparisonType, trees: Iterable[Tree]) -> Breakpoints:
        """
        The cuts that these tests make.

        Raises:
            NotIndexed: If a literal is not exactly a value of the type.
        """
        return cls(of, sorted({scalar for tree in trees for scalar in _literals(of, tree)}))

    @property
    def null(self) -> int:
        return 2 * len(self.literals) + 1

    def outcome(self, tree: Tree) -> Outcome:
        """A test in every bucket, in three-valued logic."""
        match tree:
            case Not(of=inner):
                denied = self.outcome(inner)
                return Outcome(denied.false, denied.true)
            case AllOf(of=several):
                found = [self.outcome(each) for each in several]
                return Outcome(_and(o.true for o in found), _or(o.false for o in found))
            case AnyOf(of=several):
                found = [self.outcome(each) for each in several]
                return Outcome(_or(o.true for o in found), _and(o.false for o in found))
            case Test():
                return self._tested(tree)
            case ComputedTest():
                raise NotIndexed("a test of several expressions")

    def _tested(self, test: Test) -> Outcome:
        known: Flags = np.ones(self.null + 1, dtype=bool)
        known[self.null] = False
        if test.operator == "null":
            return Outcome(~known, known)
        true = self._true(test) & known
        return Outcome(true, ~true) if test.operator == "<=>" else Outcome(true, ~true & known)

    def _true(self, test: Test) -> Flags:
        places = np.arange(self.null + 1)
        at = [2 * bisect_left(self.literals, scalar) + 1 for scalar in _literals(self.of, test)]
        if test.operator == "prefix":  # from it, to the first text after all that start so
            return (places >= at[0]) & (places < at[1])
        compared = _COMPARED.get(test.operator)
        return np.isin(places, at) if compared is None else compared(places, at[0])

    def buckets(self, column: pa.Array) -> NDArray[np.intp]:
        """The bucket of each value of a column."""
        if self.of.array is None:
            return self._of_texts(column)
        found = self._of_numbers(self.of.array(column))
        if column.null_count:
            found[column.is_null().to_numpy(zero_copy_only=False)] = self.null
        return found

    def _of_numbers(self, values: NDArray[Any]) -> NDArray[np.intp]:
        if self._dense is None:
            return self._searched(values)
        lowest, found = self._dense
        return found.take(np.clip(values, lowest, lowest + len(found) - 1) - lowest)

    @cached_property
    def _dense(self) -> tuple[int, NDArray[np.intp]] | None:
        """Whole numbers from just below the first literal to just above the last, and their buckets."""
        if not self.literals:
            return None
        first, last = self.literals[0], self.literals[-1]
        if not isinstance(first, int) or not isinstance(last, int) or last - first > DENSE:
            return None
        return first - 1, self._searched(np.arange(first - 1, last + 2, dtype=np.int64))

    def _searched(self, values: NDArray[Any]) -> NDArray[np.intp]:
        cuts = np.asarray(self.literals, dtype=values.dtype)
        return cuts.searchsorted(values, "left") + cuts.searchsorted(values, "right")

    def _of_texts(self, column: pa.Array) -> NDArray[np.intp]:
        encoded = column.view(pa.binary()).dictionary_encode()  # a text need not be UTF-8 to be compared
        texts = encoded.dictionary.to_pylist()
        if len(self._remembered) + len(texts) > REMEMBERED:
            self._remembered.clear()
        found = list(map(self._remembered.get, texts))
        if None in found:
            self._remembered.update((text, self._of_text(text)) for text in texts if text not in self._remembered)
            found = list(map(self._remembered.get, texts))
        places = encoded.indices.fill_null(len(found)).to_numpy()
        return np.array([*found, self.null], dtype=np.intp).take(places)

    def _of_text(self, text: bytes) -> int:
        literals: Any = self.literals
        place = bisect_left(literals, text)
        return 2 * place + (place < len(literals) and literals[place] == text)


@dataclass(frozen=True, slots=True)
class BucketBitmaps:
    """One word per bucket: the rules that an expression leaves true, and those it does not make false."""

    true: Bits
    not_false: Bits | None
    """None where the two are the same in every bucket."""


class Tested(NamedTuple):
    """A test of one rule: its bit, and whether NULL drops the row as in a WHERE, so that it is no outcome."""

    word: int
    mask: int
    tree: Tree
    filters: bool


def tables(cuts: Breakpoints, tests: Iterable[Tested]) -> Mapping[int, BucketBitmaps]:
    """Word to table over tests; the bits of rules that do not ask are 1 everywhere."""
    true: dict[int, Bits] = {}
    not_false: dict[int, Bits] = {}
    for word, mask, tree, filters in tests:
        outcome = cuts.outcome(tree)
        for of, kept in ((true, outcome.true), (not_false, outcome.true if filters else ~outcome.false)):
            bits = of.setdefault(word, np.full(cuts.null + 1, -1, dtype=np.int64))
            bits[~kept] &= ~np.int64(mask)
    return {
        word: BucketBitmaps(bits, None if np.array_equal(bits, not_false[word]) else not_false[word])
        for word, bits in true.items()
    }


def _literals(of: ComparisonType, tree: Tree) -> Sequence[Scalar]:
    match tree:
        case Not(of=inner):
            return _literals(of, inner)
        case AllOf(of=several) | AnyOf(of=several):
            return [scalar for each in several for scalar in _literals(of, each)]
        case Test(operator="true"):
            return [1]
        case Test(operator="prefix", values=(str() as start,)):
            return [start.encode(), _successor(start.encode())]
        case Test(values=values):
            return [of.scalar(value) for value in values]
    return []


def _successor(start: bytes) -> bytes:
    """The first bytes after all that start so: no byte of UTF-8 is 255, so the last one has a next."""
    return start[:-1] + bytes([start[-1] + 1])


def _and(flags: Iterable[Flags]) -> Flags:
    return reduce(lambda a, b: a & b, flags)


def _or(flags: Iterable[Flags]) -> Flags:
    return reduce(lambda a, b: a | b, flags)
