"""
A query without its wording: relations joined by AND, what is asked of other rows, and how its rows are grouped.

WITH queries and derived tables are put where they are named; joins that look for a row, or for none, and sub-queries
are what is asked of other rows. What is not understood is refused, so that nothing is read as something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, tables, ties
from rules_engine.logical.query_tree import NotUnderstoodError, QueryTree
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import Category, allowed

_OF_A_ROW = {*Category} - {Category.GENERATOR, Category.AGGREGATE, Category.WINDOW}
"""Functions that make one value of the values of a row."""


NOT_IN = "NOT IN of what may be NULL; NOT EXISTS, or IS NOT NULL beside it, would be"
OTHER_SUBJECTS = "rows of the subject's frame beside the subject's own"
NO_KEY = "what is returned, or grouped by, is no frame's key of the subject"


@dataclass(frozen=True)
class Asked:
    """Rows of a sub-query that are there, or not; or aggregates of them held against literals."""

    block: Block
    negated: bool = False
    comparison: tuple[exp.Expr, ...] = ()
    given: bool = False
    """Whether it is so only where what it returns is NULL in no row: NOT IN is true of nobody else."""
    not_in: bool = False
    """Whether it is NOT IN of a value that may be NULL, and is then not among others either."""


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
    by: list[exp.Expr] = field(default_factory=list)
    """Where it groups by more than the key, by what else."""
    left: dict[str, list[exp.Expr]] = field(default_factory=dict)
    """Relations that may be missing beside what is counted, and what ties each."""
    having: list[exp.Expr] = field(default_factory=list)
    distinct: bool = False
    """Whether it returns what repeats once."""
    lost: bool = False
    """Whether repeated rows were lost before it joins them: they are not to be counted."""
    before: dict[str, list[exp.Expr]] = field(default_factory=dict)
    """Of a relation with windows, the conditions on its rows that come before them."""
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a relation that is a frame's groups by columns, as windows, these columns."""
    missing: dict[str, bool] = field(default_factory=dict)
    """Relations in which a row is to have none that it is tied to; whether by NOT IN."""

    def says(self, conditions: Iterable[exp.Expr]) -> None:
        """Take conditions, on its rows or on aggregates of them."""
        for each in conditions:
            (self.having if aggregates(each) else self.where).append(each)


def refuse_totals(block: Block, tree: QueryTree) -> None:
    """Refuse one row of all rows: an aggregate that nothing groups, or a call that may be one."""
    functions = allowed().functions
    for value in block.columns.values():
        called = [functions.get(tree.called(call)) for call in value.find_all(exp.Anonymous)]
        of_a_row = all(of is not None and of.category in _OF_A_ROW for of in called)
        if not of_a_row or (block.key is None and aggregates(value)):
            raise NotUnderstoodError("one row of all rows")


def looks_up(block: Block, schema: Schema) -> str | None:
    """The relation of a sub-query that looks up, in one frame that is nobody's, one value of a row; None for others."""
    more = (block.having, block.asked, block.before, block.groups, block.left, block.by, block.missing)
    if len(block.frames) != 1 or block.key is not None or any(more):
        return None
    ((alias, frame),) = block.frames.items()
    ties = [each for each in block.where if tables(each) != {alias}]
    return alias if len(ties) == 1 and not schema.subject_key_of(frame) else None


def asked_of_rows(block: Block) -> tuple[dict[str, str], list[exp.Expr]]:
    """The relations of sub-queries in which each row that is grouped is to have a row, and the conditions there."""
    frames, where = dict[str, str](), list[exp.Expr]()
    for asked in block.asked:
        inner = asked.block
        more = inner.key or inner.having or inner.asked or inner.before or inner.groups or inner.left or inner.lost
        if asked.negated or asked.comparison or asked.given or more:
            raise NotUnderstoodError("groups of rows that ask others")
        frames |= inner.frames
        where += inner.where
    return frames, where


def as_one(block: Block, one: tuple[str, str], other: tuple[str, str]) -> Block:
    """With two relations that are held equal by a key as one; the key is then given."""
    tie = next((condition for condition in block.where if ties(condition, one, other)), None)
    if tie is None:
        raise NotUnderstoodError("two rows of one frame that no equality of a key or a group ties")
    given = exp.Not(this=exp.Is(this=exp.column(one[1], one[0]), expression=exp.Null()))
    grouped = other[0] in block.groups
    block.where = [given if c is tie else c for c in block.where if c is not tie or grouped]
    del block.frames[other[0]]
    if grouped:
        del block.groups[other[0]], block.before[other[0]]
        block.before.setdefault(one[0], [])
    nodes = [*block.where, *block.columns.values(), *block.having, *([block.key] if block.key else []), *block.by]
    nodes += chain(*block.left.values())
    for asked in block.asked:
        nodes += [*asked.block.where, *asked.block.having]
    for node in nodes:
        for column in node.find_all(exp.Column):
            if column.table == other[0]:
                column.set("table", exp.to_identifier(one[0]))
    return block
