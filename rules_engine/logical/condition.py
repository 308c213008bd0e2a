"""
What a bound condition says: tests of single expressions against literals, joined by AND, OR and NOT.

:mod:`rules_engine.logical.condition_reader` reads a text into this; an index answers it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from rules_engine.logical.values import Value

if TYPE_CHECKING:
    from rules_engine.logical.arithmetic import Numeric


NUMBER, TEXT, DATE, TIMESTAMP, BOOLEAN = "number", "text", "date", "timestamp", "boolean"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Expression:
    """
    A scalar expression that cannot raise: its normal form, its type's family, and text to run.

    ``numeric`` is what it is to arithmetic, None if it is no decimal or not known to be one.
    """

    name: str
    family: str
    sql: str
    numeric: Numeric | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """An expression held against literals: ``operator`` is a comparison, ``in``, ``null``, ``true`` or ``prefix``."""

    of: Expression
    operator: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """What is true where the other is false, and unknown where it is unknown."""

    of: Tree


@dataclass(frozen=True, slots=True)
class AllOf:
    """Tests joined by AND."""

    of: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Tests joined by OR."""

    of: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class ComputedTest:
    """A test that cannot raise and that no index of one expression answers, such as ``LIKE '%x'``."""


Tree = Test | Not | AllOf | AnyOf | ComputedTest


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One side of the top-level ANDs: its own text, and what it says."""

    sql: str
    tree: Tree

    @property
    def of(self) -> Expression | None:
        """The one expression it is about; None where it is about several or is not to be indexed."""
        found = list(tests_of(self.tree))
        one = {test.of.name for test in found if isinstance(test, Test)}
        return found[0].of if len(one) == 1 and all(isinstance(t, Test) for t in found) else None  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Constants:
    """Values of expressions without a column, by their text; ``wanted`` collects those that are not known yet."""

    known: Mapping[str, Value | None]
    wanted: set[str]


def family(type_: str) -> str:
    """The family of a Spark SQL type; empty for one that is not compared here."""
    if type_ in {"tinyint", "smallint", "int", "bigint", "float", "double"} or type_.startswith("decimal("):
        return NUMBER
    return {"string": TEXT, "date": DATE, "timestamp": TIMESTAMP, "boolean": BOOLEAN}.get(type_, "")


def family_of(value: Value) -> str:
    match value:
        case bool():
            return BOOLEAN
        case str():
            return TEXT
        case datetime():
            return TIMESTAMP
        case date():
            return DATE
    return NUMBER


def day_in_text(text: str) -> date | None:
    """The day that a text says to Spark where it is held against one; None for texts of any other form."""
    if not _DAY.fullmatch(text):
        return None
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def tests_of(tree: Tree) -> Iterator[Test | ComputedTest]:
    """The tests at the leaves of a tree."""
    match tree:
        case Not(of=inner):
            yield from tests_of(inner)
        case AllOf(of=several) | AnyOf(of=several):
            for each in several:
                yield from tests_of(each)
        case Test() | ComputedTest():
            yield tree
