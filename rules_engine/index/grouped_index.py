"""The index over a source's rows and over what they come to per subject: what is sent, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from rules_engine.index.aggregate_predicates import Groups, Named, PlacedRows, of_aggregates, of_values, read
from rules_engine.index.bit_layout import BitRemap, in_order, packed, remaps
from rules_engine.index.builder import assembled
from rules_engine.index.predicate_index import BoundPredicate, IndexExplanation, PredicateIndex, Source
from rules_engine.index.words import hit_word
from rules_engine.model.hitmatrix import BITS, Cell

Rows = TypeVar("Rows")


@dataclass(frozen=True)
class GroupedIndex:
    """
    The index over one source's rows, and those over what they come to per subject.

    The bits of :attr:`of_rows` are packed, and those of the filters of rows behind them, from word ``own`` on.
    """

    of_rows: PredicateIndex
    of_groups: Mapping[int | None, PredicateIndex]
    """Of each filter, by its number: what is asked of what the rows that meet it come to."""
    of_ranks: Mapping[PlacedRows, PredicateIndex]
    """What is asked of the place of rows among others."""
    groups: Groups
    own: int
    conditions: tuple[BoundPredicate, ...]
    """On rows, with the bits that they set of a subject."""

    @property
    def source(self) -> Source:
        return self.of_rows.source

    @property
    def explanations(self) -> tuple[IndexExplanation, ...]:
        """Of conditions on rows and on groups."""
        cells = dict(zip((bound.cell for bound in packed(self.conditions)), self._in_order, strict=True))
        of_rows = (
            replace(part, cell=cells[part.cell]) for part in self.of_rows.explanations if part.cell.word < self.own
        )
        named = (
            replace(part, expressions=tuple(map(self.groups.said, part.expressions)))
            for index in (*self.of_groups.values(), *self.of_ranks.values())
            for part in index.explanations
        )
        return (*of_rows, *named)

    @property
    def _in_order(self) -> list[Cell]:
        return [bound.cell for bound in in_order(self.conditions)]

    @cached_property
    def remaps(self) -> tuple[BitRemap, ...]:
        """Where the bits of rows go."""
        return remaps(self.conditions, self.of_rows.outputs)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The words of a subject."""
        found = {move.target for move in self.remaps}
        found |= {name for index in (*self.of_groups.values(), *self.of_ranks.values()) for name in index.outputs}
        return tuple(sorted(found))

    @property
    def filters(self) -> tuple[tuple[int, int], ...]:
        """Of each filter the place of its word among those of :attr:`of_rows`, and which bit it is."""
        places = {name: place for place, name in enumerate(self.of_rows.outputs)}
        numbers = range(len(self.groups.filters))
        return tuple((places[hit_word(self.own + number // BITS)], number % BITS) for number in numbers)


def of_index(of_rows: PredicateIndex, conditions: Sequence[BoundPredicate], groups: Groups, own: int) -> GroupedIndex:
    """With an index over dense conditions on rows, and the filters behind them, those over groups."""
    source = of_rows.source
    of_groups, of_ranks = index_of_groups(source, groups), index_of_ranks(source, groups)
    return GroupedIndex(of_rows, of_groups, of_ranks, groups, own, tuple(conditions))


def filters(groups: Groups, own: int) -> Iterator[BoundPredicate]:
    """The filters of rows as conditions, their bits in words from ``own`` on."""
    for number, sql in enumerate(groups.filters):
        yield BoundPredicate(sql, Cell(own + number // BITS, 1 << number % BITS), filters=True)


def index_of_groups(source: Source, groups: Groups) -> dict[int | None, PredicateIndex]:
    """The indexes over conditions on aggregates, by their filter."""
    return _by_rows(source, groups.conditions, of_aggregates(groups.aggregates, groups.against))


def index_of_ranks(source: Source, groups: Groups) -> dict[PlacedRows, PredicateIndex]:
    """The indexes over conditions on what rows come to among others, by these rows."""
    return _by_rows(source, groups.ranked, of_values(groups.values, groups.types))


def _by_rows(source: Source, asked: Iterable[tuple[BoundPredicate, Rows]], named: Named) -> dict[Rows, PredicateIndex]:
    several: dict[Rows, list[BoundPredicate]] = {}
    for bound, rows in asked:
        several.setdefault(rows, []).append(bound)
    return {rows: _index(source, conditions, named) for rows, conditions in several.items()}


def _index(source: Source, conditions: Sequence[BoundPredicate], named: Named) -> PredicateIndex:
    found = [(bound, part) for bound in conditions for part in read(bound.sql, named) or ()]
    return assembled(source, conditions, found, {}, named.domains)
