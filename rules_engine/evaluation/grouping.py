"""
What a subject's rows come to, and conditions about that, in one pass with the conditions on these rows.

Spark reads the rows and computes their expressions. A worker looks up which filters a row meets; another, to which
all rows of a subject are sent, adds up what they come to and looks that up in turn.
Sums are whole numbers of the last decimal place, in two halves of 32 bits, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rules_engine.evaluation.adding_up import AddingUp
from rules_engine.evaluation.domains import Domain, digits, domain, is_whole, scaled
from rules_engine.evaluation.indexing import assembled, index, is_looked_up
from rules_engine.evaluation.narrowing import SendWords, Worker
from rules_engine.evaluation.parcels import Parts, Sent, sent_schema
from rules_engine.evaluation.predicate_index import Bound, PredicateIndex, Source, TakenApart, handed
from rules_engine.evaluation.words import hit_word, unknown_word
from rules_engine.language.condition import Constants, Opaque, Part
from rules_engine.language.condition_reader import parts
from rules_engine.language.lexical import Kind, tokens
from rules_engine.model.hitmatrix import BITS, Cell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WHOLE = {"tinyint": 3, "smallint": 5, "int": 10}
"""Types of whole numbers of which no sum of rows overflows, with their digits."""
MORE = 10
"""Digits that Spark's sum of decimals has before those of its argument."""
ORDERED = {"tinyint", "smallint", "int", "bigint", "date"}
"""Types of which the least and the greatest is told, beside decimals."""
TOLD_APART = {"tinyint", "smallint", "int", "bigint", "date", "string", "boolean"}
"""Types whose different values are counted, beside decimals."""


class Aggregate(NamedTuple):
    """What the rows of a subject that meet a filter come to: ``count``, ``distinct``, ``sum``, ``min`` or ``max``."""

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
        if self.function in {"min", "max"}:
            return self.type
        if self.function == "sum" and self.type not in WHOLE:
            precision, scale = digits(self.type)
            return f"decimal({precision + MORE},{scale})"
        return "bigint"

    @property
    def domain(self) -> Domain:
        """How the value is compared: as the whole number that it is added up, or compared, as."""
        if self.function == "sum" and self.type not in WHOLE:
            return scaled(digits(self.type)[1])
        return Domain(domain(self.comes_to).scalar, scaled(0).array)

    @property
    def most(self) -> int:
        """No value of the column, as a whole number, is as large."""
        return int(10 ** (WHOLE.get(self.type) or digits(self.type)[0]))

    def __str__(self) -> str:
        argument = f"DISTINCT {self.column}" if self.function == "distinct" else self.column or "*"
        return f"{'count' if self.function == 'distinct' else self.function}({argument})"


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
        return f"{each}{filtered}"


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
        carried = self.groups.columns
        given = handed(spark, self.source, [*self.of_rows.columns, *(f"`{column}`" for column in carried)], parts)
        every = any(each.filter is None for each in self.groups.aggregates)
        first = len(self.of_rows.columns)
        names = [f"c{first + place}" for place in range(len(carried))]
        work = SendWords(Worker(self.of_rows), every, len(carried))
        return Sent(given, work, sent_schema(given, self.of_rows.outputs, names), self.outputs, AddingUp(self))


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


def _aggregate(call: str, number: int | None, columns: Mapping[str, str]) -> Aggregate | None:
    """A call of an aggregate function, filtered; None for one that workers do not work out exactly."""
    function, _, argument = call[:-1].partition("(")
    function, words = function.strip().lower(), tokens(argument)
    if function == "count" and argument.strip() in {"*", "1"}:
        return Aggregate("count", "", number, "")
    if function == "count" and words and words[0].word == "distinct":
        function, words = "distinct", words[1:]
    if len(words) != 1 or words[0].kind not in {Kind.WORD, Kind.QUOTED} or words[0].word not in columns:
        return None
    type_ = columns[words[0].word]
    decimal = is_whole(type_)
    fits = {
        "count": True,
        "distinct": decimal or type_ in TOLD_APART,
        "sum": decimal or type_ in WHOLE,
        "min": decimal or type_ in ORDERED,
        "max": decimal or type_ in ORDERED,
    }
    return Aggregate(function, words[0].word, number, type_) if fits.get(function) else None


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
