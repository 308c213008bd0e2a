"""
What a subject's rows come to, and conditions about that, in one pass with the conditions on these rows.

Spark reads the rows and computes their expressions. A worker looks up which filters a row meets; another, to which
all rows of a subject are sent, adds up what they come to and looks that up in turn.
Sums are whole numbers of the last decimal place, in two halves of 32 bits, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules_engine.index.aggregates import Aggregate, aggregate
from rules_engine.index.builder import is_looked_up
from rules_engine.index.predicate_index import BoundPredicate
from rules_engine.index.value_types import MOST_DIGITS, ComparisonType, comparison_type, scaled
from rules_engine.index.window_values import columns_of, is_ordered
from rules_engine.logical.arithmetic import Against, Numeric, of_type
from rules_engine.logical.condition import Conjunct, Constants
from rules_engine.logical.condition_reader import parts
from rules_engine.logical.values import NotIndexable
from rules_engine.logical.window_query import RowValue, WindowQuery, type_of


class FilteredPredicate(NamedTuple):
    """A condition on rows that meet a filter, by its number; None for all rows."""

    bound: BoundPredicate
    filter: int | None


class PlacedRows(NamedTuple):
    """Rows that meet a filter, by its number, and those of their subject that they are placed among, by another."""

    among: int | None
    filter: int | None


class PlacedPredicate(NamedTuple):
    """A condition on what a row comes to among others."""

    bound: BoundPredicate
    rows: PlacedRows


class PlacedValue(NamedTuple):
    """What a row comes to among the rows of its subject that meet a filter, by its number; None for all rows."""

    value: RowValue
    among: int | None


class AggregateComparison(NamedTuple):
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
    conditions: tuple[FilteredPredicate, ...]
    """A question is asked of the rows that meet one filter, and true of no subject without any."""
    values: tuple[PlacedValue, ...] = ()
    """What rows come to among the rows of their subject: ``w0``, ``w1``, … in :attr:`ranked`."""
    ranked: tuple[PlacedPredicate, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    """Of the frame's columns."""
    against: tuple[AggregateComparison, ...] = ()
    """What goes by ``v0``, ``v1``, … in conditions: true, false or unknown."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are added up, counted, ordered by or looked for in other rows."""
        added = {each.column for each in self.aggregates if each.column}
        return tuple(sorted(added.union(*(columns_of(each.value) for each in self.values))))

    @property
    def every(self) -> bool:
        """Whether something is asked of all rows, whatever is in them."""
        return any(each.among is None for each in self.values) or any(each.filter is None for each in self.aggregates)

    def said(self, name: str) -> str:
        """What goes by a name in conditions, in words."""
        if name.startswith("v"):
            held = self.against[int(name[1:])]
            return f"{self.said(f'a{held.aggregate}')} {held.sign} {held.expression}"
        if name.startswith("w"):
            placed = self.values[int(name[1:])]
            return f"{placed.value}{self.where(' (among rows where {})', placed.among)}"
        each = self.aggregates[int(name[1:])]
        return f"{each}{self.where(' of rows where {}', each.filter)}"

    def where(self, said: str, number: int | None) -> str:
        """Which rows are meant, with their filter's words in the place of ``{}``; nothing where all are."""
        return "" if number is None else said.format(self.filters[number])


@dataclass
class AggregatePushDown:
    """Collects questions about the groups of a frame, as far as workers can answer them."""

    columns: Mapping[str, str]
    """The frame's, in small letters, with Spark's types."""
    _filters: dict[str, int] = field(default_factory=dict)
    _aggregates: dict[Aggregate, int] = field(default_factory=dict)
    _conditions: list[FilteredPredicate] = field(default_factory=list)
    _values: dict[PlacedValue, int] = field(default_factory=dict)
    _ranked: list[PlacedPredicate] = field(default_factory=list)
    _against: dict[AggregateComparison, int] = field(default_factory=dict)

    def takes_ranked(self, asked: WindowQuery, bound: BoundPredicate) -> bool:
        """Take a question about a row's place among its subject's rows, if all of it can be answered."""
        if not all(is_ordered(self.columns[column]) for of in asked.values for column in columns_of(of)):
            return False
        filters, values = dict(self._filters), dict(self._values)
        among = filters.setdefault(asked.before, len(filters)) if asked.before else None
        own = (f"w{values.setdefault(PlacedValue(of, among), len(values))}" for of in asked.values)
        placed = "".join(text for pair in zip(asked.pieces, (*own, ""), strict=True) for text in pair)
        if read(placed, of_values(values, self.columns)) is None:
            return False
        where = " AND ".join(filter(None, (asked.before, asked.where)))
        number = filters.setdefault(where, len(filters)) if where else None
        self._filters, self._values = filters, values
        self._ranked.append(PlacedPredicate(bound._replace(sql=placed), PlacedRows(among, number)))
        return True

    def takes(
        self,
        where: str,
        pieces: Sequence[str],
        calls: Sequence[str],
        bound: BoundPredicate,
        against: Sequence[Against] = (),
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
            condition += (
                f" AND v{held.setdefault(AggregateComparison(at, each.sign, each.expression, places), len(held))}"
            )
        if read(condition, of_aggregates(aggregates, held)) is None:
            return False
        self._filters, self._aggregates, self._against = filters, aggregates, held
        self._conditions.append(FilteredPredicate(bound._replace(sql=condition), number))
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


NO_GROUPS = Groups((), (), ())


class Named(NamedTuple):
    """Values that conditions are about, by name: Spark's types, and how they are compared."""

    types: Mapping[str, str]
    domains: Mapping[str, ComparisonType]


def of_aggregates(aggregates: Iterable[Aggregate], against: Iterable[AggregateComparison]) -> Named:
    """Aggregates by ``a0``, ``a1``, …, and those held against the subject's numbers by ``v0``, ``v1``, …"""
    named = {f"a{number}": each for number, each in enumerate(aggregates)}
    held = [f"v{number}" for number, _ in enumerate(against)]
    return Named(
        {**{name: each.comes_to for name, each in named.items()}, **dict.fromkeys(held, "boolean")},
        {**{name: each.domain for name, each in named.items()}, **dict.fromkeys(held, comparison_type("boolean"))},
    )


def _places(of: Aggregate, number: Numeric) -> int | None:
    """How many more decimal places a number has than an aggregate; None where they are not held against each other."""
    own = of_type(of.comes_to)
    if own is None or own.double or number.precision > MOST_DIGITS or own.scale > number.scale:
        return None
    try:
        own.wider(number)
    except NotIndexable:
        return None
    return number.scale - own.scale


def of_values(values: Iterable[PlacedValue], columns: Mapping[str, str]) -> Named:
    """Places of rows by ``w0``, ``w1``, …; ``columns`` are the types of the frame's."""
    types = {f"w{number}": type_of(each.value, columns) for number, each in enumerate(values)}
    return Named(types, {name: _as_worked_out(type_) for name, type_ in types.items()})


def _as_worked_out(type_: str) -> ComparisonType:
    """How values of a type are compared that come as the whole numbers that they are looked up as."""
    of = comparison_type(type_)
    return of if type_ == "boolean" else ComparisonType(of.scalar, scaled(0).array)


def read(condition: str, named: Named) -> tuple[Conjunct, ...] | None:
    """A condition about named values taken apart; None where any of it cannot be looked up."""
    constants = Constants({}, set())
    try:
        found = parts(condition, named.types, constants)
    except NotIndexable:
        return None
    return found if not constants.wanted and all(is_looked_up(part, named.domains) for part in found) else None
