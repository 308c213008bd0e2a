"""
Many predicates over the rows of one frame, by an index over what they ask.

A row costs its expressions and the words their rules stand in, not its rules.
Spark reads the rows and computes the expressions; a worker finds each value's
bucket (:mod:`rules_engine.index.bitmap_index`), takes the bucket's words and
ANDs them. What the index does not hold is computed by Spark as a condition of
its own, once per distinct text, and enters as an expression with three values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rules_engine.index.bitmap_index import Breakpoints, BucketBitmaps
from rules_engine.index.words import hit_word, unknown_word
from rules_engine.logical.condition import Tree
from rules_engine.model.hitmatrix import Cell

if TYPE_CHECKING:
    pass


FALSE, TRUE, UNKNOWN = 0, 1, 2
"""The values of a condition that Spark computes."""


PACKED = 31
"""How many of them are in one number, so that it is never negative."""


class BoundPredicate(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class IndexExplanation:
    """What became of one condition: the expressions that look it up, the conditions that Spark computes, and why."""

    cell: Cell
    expressions: tuple[str, ...]
    computed: tuple[str, ...]
    whole: str = ""
    """Why the condition stays whole; empty where it was taken apart."""


@dataclass(frozen=True)
class IndexedExpression:
    """An expression that Spark hands to a worker, and the words that its values stand for."""

    name: str
    sql: str
    cuts: Breakpoints
    of: Mapping[int, BucketBitmaps]


@dataclass(frozen=True)
class SparkPredicate:
    """A condition that Spark works out, and the words that its three values stand for."""

    sql: str
    of: Mapping[int, BucketBitmaps]


@dataclass(frozen=True)
class MultiColumnPredicate:
    """A part about several expressions, each of them looked up: its tests are put together row by row."""

    tree: Tree
    word: int
    mask: int
    filters: bool


@dataclass(frozen=True)
class PredicateIndex:
    """The index over one source's predicates; ``words`` holds for each word the bits of all its rules here."""

    source: Source
    lookups: tuple[IndexedExpression, ...]
    computed: tuple[SparkPredicate, ...]
    mixed: tuple[MultiColumnPredicate, ...]
    words: Mapping[int, int]
    explanations: tuple[IndexExplanation, ...]

    @property
    def can_be_unknown(self) -> tuple[int, ...]:
        """The words in which a condition can be unknown."""
        several = [*(lookup.of for lookup in self.lookups), *(computed.of for computed in self.computed)]
        found = {word for of in several for word, table in of.items() if table.not_false is not None}
        return tuple(sorted(found | {part.word for part in self.mixed if not part.filters}))

    @property
    def columns(self) -> tuple[str, ...]:
        """What Spark is asked for, after the key: the expressions, then the conditions, 31 to a number."""
        conditions = [each.sql for each in self.computed]
        packs = [conditions[first : first + PACKED] for first in range(0, len(conditions), PACKED)]
        return (*(each.sql for each in self.lookups), *map(_packed, packs))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The words of a row, by the names of their columns: of each word what is true, then what can be unknown."""
        unknown = {*self.can_be_unknown}
        both = ((hit_word(word), *([unknown_word(word)] if word in unknown else [])) for word in self.words)
        return tuple(name for names in both for name in names)


def _packed(conditions: Sequence[str]) -> str:
    """Conditions as one number, two bits each: false, true or unknown."""
    if len(conditions) > 1:
        middle = len(conditions) // 2
        return f"({_packed(conditions[:middle])} | shiftleft({_packed(conditions[middle:])}, {2 * middle}))"
    return f"CAST(coalesce(CAST(({conditions[0]}) AS INT), {UNKNOWN}) AS BIGINT)"
