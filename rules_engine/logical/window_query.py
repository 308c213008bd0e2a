"""What workers are asked about a row's place among the rows of its subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

MOST_BACK = 1_000
"""How many rows back, or on, ``lag`` and ``lead`` look."""


class SortKey(NamedTuple):
    """A column that rows are ordered by."""

    column: str
    descending: bool
    nulls_first: bool

    def __str__(self) -> str:
        nulls = "" if self.nulls_first != self.descending else f" nulls {'first' if self.nulls_first else 'last'}"
        return f"{self.column}{' desc' if self.descending else ''}{nulls}"


class Window(NamedTuple):
    """What a row comes to among its subject's rows: ``row_number``, or the ``column`` of ``offset`` rows before it."""

    order: tuple[SortKey, ...]
    column: str = ""
    offset: int = 0
    """Rows back; below zero, rows on; 0 for ``row_number``."""

    def __str__(self) -> str:
        function = "lag" if self.offset > 0 else "lead"
        called = f"{function}({self.column}, {abs(self.offset)})" if self.column else "row_number()"
        return f"{called} by {', '.join(map(str, self.order))}"


class Days(NamedTuple):
    """The days from one value to another, each a column or what a window comes to."""

    until: str | Window
    since: str | Window

    def __str__(self) -> str:
        return f"datediff({self.until}, {self.since})"


class Term(NamedTuple):
    """A column, or what a window comes to, of so many decimal places; and how many times."""

    value: str | Window | Days
    places: int
    times: Decimal

    def __str__(self) -> str:
        return str(self.value) if self.times == 1 else f"{self.times} * {self.value}"


class Sum(NamedTuple):
    """Terms and a number, added up."""

    terms: tuple[Term, ...]
    number: Decimal

    def __str__(self) -> str:
        return " + ".join(map(str, (*self.terms, *([self.number] if self.number or not self.terms else []))))


class Comparison(NamedTuple):
    """Sums held against each other as whole numbers of the last of so many decimal places: true, false or unknown."""

    left: Sum
    sign: str
    right: Sum
    places: int

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


RowValue = Window | Days | Comparison


def type_of(value: RowValue | str, columns: Mapping[str, str]) -> str:
    """Spark's type of a value, the types of columns given; empty for a column that is not there."""
    if isinstance(value, Comparison):
        return "boolean"
    name = value.column if isinstance(value, Window) else value if isinstance(value, str) else ""
    return columns.get(name, "") if name else "int"


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """
    What is asked of a row of a frame, and of its place among its subject's rows that meet ``before``.

    ``where`` is asked of the row besides, whatever its place.
    ``pieces`` is the text of a condition around the ``values``, one more of them.
    """

    frame: str
    before: str
    where: str
    pieces: tuple[str, ...]
    values: tuple[RowValue, ...]
