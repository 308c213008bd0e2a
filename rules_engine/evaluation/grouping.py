"""
What a subject's rows come to, and conditions about that, in one pass with the conditions on these rows.

Spark reads the rows and computes their expressions. A worker looks up which filters a row meets; another, to which
all rows of a subject are sent, adds up what they come to and looks that up in turn.
Sums are whole numbers of the last decimal place, in two halves of 32 bits, so that they are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rules_engine.evaluation.adding_up import AddingUp
from rules_engine.evaluation.aggregates import Aggregate, aggregate
from rules_engine.evaluation.domains import MOST_DIGITS, Domain, domain, scaled
from rules_engine.evaluation.indexing import assembled, index, is_looked_up
from rules_engine.evaluation.parcels import Parts, Sent
from rules_engine.evaluation.predicate_index import Bound, PredicateIndex, Source, TakenApart
from rules_engine.evaluation.ranking import columns_of, is_ordered, type_of
from rules_engine.evaluation.words import hit_word, unknown_word
from rules_engine.language.arithmetic import Numeric, of_type
from rules_engine.language.condition import Constants, Opaque, Part
from rules_engine.language.condition_reader import parts
from rules_engine.language.totals import Against
from rules_engine.language.windows import Ranked, RowValue
from rules_engine.model.hitmatrix import BITS, Cell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class FilteredBound(NamedTuple):
    """A condition on rows that meet a filter, by its number; None for all rows."""

    bound: Bound
    filter: int | None


class Versus(NamedTuple):
    """An aggregate, by its number, held against a number of the subject's own row, as SQL."""

    aggregate: int
    sign: str
    expression: str
    places: int
    """How many more decimal places the subject's number has."""


@dataclass(frozen=True)
class Groups:
    """
    Conditions about what a frame's rows come to per subject.

    Aggregates go by ``a0``, ``a1``, … in the conditions. A subject without rows is no group: none is true of it.
    """

    filters: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    conditions: tuple[FilteredBound, ...]
    """A question is asked of the rows that meet one filter, and true of no subject without any."""
    values: tuple[RowValue, ...] = ()
    """What rows come to among the rows of their subject: ``w0``, ``w1``, … in :attr:`ranked`."""
    ranked: tuple[FilteredBound, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    """Of the frame's columns."""
    against: tuple[Versus, ...] = ()
    """What goes by ``v0``, ``v1``, … in conditions: true, false or unknown."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are added up, counted, ordered by or looked for in other rows."""
        added = {each.column for each in self.aggregates if each.column}
        return tuple(sorted(added.union(*map(columns_of, self.values))))

    @property
    def every(self) -> bool:
        """Whether something is asked of all rows, whatever is in them."""
        return bool(self.values) or any(each.filter is None for each in self.aggregates)

    def said(self, name: str) -> str:
        """What goes by a name in conditions, in words."""
        if name.startswith("v"):
            held = self.against[int(name[1:])]
            return f"{self.said(f'a{held.aggregate}')} {held.sign} {held.expression}"
        if name.startswith("w"):
            return f"the place of a row: {self.values[int(name[1:])]}"
        each = self.aggregates[int(name[1:])]
        filtered = f" of rows where {self.filters[each.filter]}" if each.filter is not None else ""
        return f"{each}{filtered}"


@dataclass
class Grouping:
    """Collects questions about the groups of a frame, as far as workers can answer them."""

    columns: Mapping[str, str]
    """The frame's, in small letters, with Spark's types."""
    _filters: dict[str, int] = field(default_factory=dict)
    _aggregates: dict[Aggregate, int] = field(default_factory=dict)
    _conditions: list[FilteredBound] = field(default_factory=list)
    _values: dict[RowValue, int] = field(default_factory=dict)
    _ranked: list[FilteredBound] = field(default_factory=list)
    _against: dict[Versus, int] = field(default_factory=dict)

    def takes_ranked(self, asked: Ranked, bound: Bound) -> bool:
        """Take a question about a row's place among its subject's rows, if all of it can be answered."""
        if not all(is_ordered(self.columns[column]) for of in asked.values for column in columns_of(of)):
            return False
        values = dict(self._values)
        numbers = [values.setdefault(of, len(values)) for of in asked.values]
        placed = re.sub(r"\bw(\d+)\b", lambda name: f"w{numbers[int(name[1])]}", asked.placed)
        if _read(placed, _of_values(values, self.columns)) is None:
            return False
        self._values = values
        number = self._filters.setdefault(asked.where, len(self._filters)) if asked.where else None
        self._ranked.append(FilteredBound(bound._replace(sql=placed), number))
        return True

    def takes(
        self, where: str, pieces: Sequence[str], calls: Sequence[str], bound: Bound, against: Sequence[Against] = ()
    ) -> bool:
        """
        Take a question, if all of it can be answered.

        ``where`` filters the rows; ``pieces`` is the text of HAVING around its aggregate ``calls``, one more of them.
        """
        filters, aggregates, held = dict(self._filters), dict(self._aggregates), dict(self._against)
        number = filters.setdefault(where, len(filters)) if where else None
        several = ("count(*)", *calls, *(each.call for each in against))
        wanted = [found for call in several if (found := aggregate(call, number, self.columns))]
        if len(wanted) < len(several):
            return False
        numbers = [aggregates.setdefault(each, len(aggregates)) for each in wanted]
        own = numbers[1 : 1 + len(calls)]
        having = "".join(text for pair in zip(pieces, (*(f"a{n}" for n in own), ""), strict=True) for text in pair)
        condition = f"a{numbers[0]} > 0 AND ({having})" if having.strip() else f"a{numbers[0]} > 0"
        for of, at, each in zip(wanted[1 + len(calls) :], numbers[1 + len(calls) :], against, strict=True):
            places = _places(of, each.number)
            if places is None:
                return False
            condition += f" AND v{held.setdefault(Versus(at, each.sign, each.expression, places), len(held))}"
        if _read(condition, _of_aggregates(aggregates, held)) is None:
            return False
        self._filters, self._aggregates, self._against = filters, aggregates, held
        self._conditions.append(FilteredBound(bound._replace(sql=condition), number))
        return True

    def groups(self) -> Groups | None:
        """What was taken; None for nothing."""
        if not self._conditions and not self._ranked:
            return None
        return Groups(
            tuple(self._filters),
            tuple(self._aggregates),
            tuple(self._conditions),
            tuple(self._values),
            tuple(self._ranked),
            self.columns,
            tuple(self._against),
        )


@dataclass(frozen=True)
class GroupedIndex:
    """
    The index over one frame's rows, and the one over what they come to per subject.

    Filters of rows are conditions of :attr:`of_rows` in words of their own, from ``own`` on.
    """

    of_rows: PredicateIndex
    of_groups: Mapping[int | None, PredicateIndex]
    """Of each filter, by its number: what is asked of what the rows that meet it come to."""
    of_ranks: Mapping[int | None, PredicateIndex]
    """Of each filter: what is asked of the place of a row that meets it."""
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
            for index in (*self.of_groups.values(), *self.of_ranks.values())
            for part in index.taken_apart
        )
        return (*of_rows, *named)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The words of a subject."""
        hits = {word for word in self.of_rows.words if word < self.own}
        hits = hits.union(*(index.words for index in (*self.of_groups.values(), *self.of_ranks.values())))
        return (*map(hit_word, sorted(hits)), *map(unknown_word, self.of_rows.can_be_unknown))

    @property
    def filters(self) -> tuple[tuple[int, int], ...]:
        """Of each filter the place of its word among those of :attr:`of_rows`, and which bit it is."""
        places = {name: place for place, name in enumerate(self.of_rows.outputs)}
        numbers = range(len(self.groups.filters))
        return tuple((places[hit_word(self.own + number // BITS)], number % BITS) for number in numbers)

    def sent(self, spark: SparkSession, parts: Parts) -> Sent:
        """
        The words of the source's rows and the columns that are added up, on their way to their subjects.

        Rows that meet no condition and no filter are left, unless something is asked of all rows.
        """
        columns = [f"`{column}`" for column in self.groups.columns]
        sent = self.of_rows.sent(spark, parts, every=self.groups.every, carried=columns)
        return replace(sent, words=self.outputs, adding_up=AddingUp(self))


def grouped(spark: SparkSession, source: Source, conditions: Sequence[Bound], groups: Groups) -> GroupedIndex:
    """The indexes over conditions on a frame's rows and on their groups."""
    others = (placed.bound for placed in (*groups.conditions, *groups.ranked))
    own = 1 + max(bound.cell.word for bound in (*conditions, *others))
    of_rows = index(spark, source, [*conditions, *filters(groups, own)])
    return GroupedIndex(of_rows, index_of_groups(source, groups), index_of_ranks(source, groups), groups, own)


def filters(groups: Groups, own: int) -> Iterator[Bound]:
    """The filters of rows as conditions, their bits in words from ``own`` on."""
    for number, sql in enumerate(groups.filters):
        yield Bound(sql, Cell(own + number // BITS, 1 << number % BITS), filters=True)


def index_of_groups(source: Source, groups: Groups) -> dict[int | None, PredicateIndex]:
    """The indexes over conditions on aggregates, by their filter."""
    return _by_filter(source, groups.conditions, _of_aggregates(groups.aggregates, groups.against))


def index_of_ranks(source: Source, groups: Groups) -> dict[int | None, PredicateIndex]:
    """The indexes over conditions on what rows come to among others, by their filter."""
    return _by_filter(source, groups.ranked, _of_values(groups.values, groups.types))


def _by_filter(source: Source, placed: Iterable[FilteredBound], named: _Named) -> dict[int | None, PredicateIndex]:
    several: dict[int | None, list[Bound]] = {}
    for each in placed:
        several.setdefault(each.filter, []).append(each.bound)
    return {number: _index(source, conditions, named) for number, conditions in several.items()}


class _Named(NamedTuple):
    """Values that conditions are about, by name: Spark's types, and how they are compared."""

    types: Mapping[str, str]
    domains: Mapping[str, Domain]


def _of_aggregates(aggregates: Iterable[Aggregate], against: Iterable[Versus]) -> _Named:
    named = {f"a{number}": each for number, each in enumerate(aggregates)}
    held = [f"v{number}" for number, _ in enumerate(against)]
    return _Named(
        {**{name: each.comes_to for name, each in named.items()}, **dict.fromkeys(held, "boolean")},
        {**{name: each.domain for name, each in named.items()}, **dict.fromkeys(held, domain("boolean"))},
    )


def _places(of: Aggregate, number: Numeric) -> int | None:
    """How many more decimal places a number has than an aggregate; None where they are not held against each other."""
    own = of_type(of.comes_to)
    if own is None or own.double or number.precision > MOST_DIGITS or own.scale > number.scale:
        return None
    try:
        own.wider(number)
    except Opaque:
        return None
    return number.scale - own.scale


def _of_values(values: Iterable[RowValue], columns: Mapping[str, str]) -> _Named:
    types = {f"w{number}": type_of(value, columns) for number, value in enumerate(values)}
    return _Named(types, {name: Domain(domain(type_).scalar, scaled(0).array) for name, type_ in types.items()})


def _index(source: Source, conditions: Sequence[Bound], named: _Named) -> PredicateIndex:
    found = [(bound, part) for bound in conditions for part in _read(bound.sql, named) or ()]
    return assembled(source, conditions, found, {}, named.domains)


def _read(condition: str, named: _Named) -> tuple[Part, ...] | None:
    """A condition about named values taken apart; None where any of it cannot be looked up."""
    constants = Constants({}, set())
    try:
        found = parts(condition, named.types, constants)
    except Opaque:
        return None
    return found if not constants.wanted and all(is_looked_up(part, named.domains) for part in found) else None
