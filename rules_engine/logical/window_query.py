"""What workers are asked about a row's place among the rows of its subject."""

from __future__ import annotations

from dataclasses import dataclass
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


RowValue = Window | Days


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """
    What is asked of a row of a frame, and of its place among its subject's rows.

    ``pieces`` is the text of a condition around the ``values``, one more of them.
    """

    frame: str
    where: str
    pieces: tuple[str, ...]
    values: tuple[RowValue, ...]
