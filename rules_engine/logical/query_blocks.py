"""
A query without its wording: relations joined by AND, what is asked of other rows, and how its rows are grouped.

WITH queries and derived tables are put where they are named; joins that look for a row, or for none, and sub-queries
are what is asked of other rows. What is not understood is refused, so that nothing is read as something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates
from rules_engine.logical.query_tree import NotUnderstoodError


@dataclass(frozen=True)
class Asked:
    """Rows of a sub-query that are there, or not; or aggregates of them held against literals."""

    block: Block
    negated: bool = False
    comparison: tuple[exp.Expr, ...] = ()


@dataclass
class Block:
    """
    A query without its wording: relations joined by AND, under names of ours.

    ``columns`` are what it returns, by name. Where it groups, ``key`` is by what, and ``having`` are conditions on
    aggregates of its rows.
    """

    frames: dict[str, str] = field(default_factory=dict)
    where: list[exp.Expr] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    columns: dict[str, exp.Expr] = field(default_factory=dict)
    key: exp.Expr | None = None
    having: list[exp.Expr] = field(default_factory=list)
    distinct: bool = False
    """Whether it returns what repeats once."""
    lost: bool = False
    """Whether repeated rows were lost before it joins them: they are not to be counted."""
    before: dict[str, list[exp.Expr]] = field(default_factory=dict)
    """Of a relation with windows, the conditions on its rows that come before them."""
    groups: dict[str, str] = field(default_factory=dict)
    """Of a relation that is a frame's groups by a column, as windows, that column."""

    def says(self, conditions: Iterable[exp.Expr]) -> None:
        """Take conditions, on its rows or on aggregates of them."""
        for each in conditions:
            (self.having if aggregates(each) else self.where).append(each)


def refuse_totals(block: Block) -> None:
    """Refuse one row of all rows: an aggregate that nothing groups, or a call that may be one."""
    for value in block.columns.values():
        if value.find(exp.Anonymous) or (block.key is None and aggregates(value)):
            raise NotUnderstoodError("one row of all rows")
