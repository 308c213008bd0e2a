"""
Whether what a rule computes of a few rows is little, whatever stands in them: told by what it is made of.

The rule is made of comparisons, arithmetic and functions whose values are no larger than what they are given, and
reads few frames. So no text, list or product of rows grows, and a try over rows that hold values can find nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

FEW_FRAMES = 4
"""Frames joined, of three rows each: 81 rows."""
FEW_NODES = 2_000
FEW_WILDCARDS = 2
"""In the pattern of a LIKE: a text is looked at as often from each of its characters."""

_SYNTAX: tuple[type[exp.Expr], ...] = (
    exp.Alias, exp.And, exp.Between, exp.Boolean, exp.Case, exp.Cast, exp.Column, exp.DataType, exp.DataTypeParam,
    exp.Distinct, exp.EQ, exp.Exists, exp.From, exp.GT, exp.GTE, exp.Group, exp.Having, exp.Identifier, exp.If, exp.In,
    exp.Is, exp.Join, exp.LT, exp.LTE, exp.Literal, exp.NEQ, exp.Neg, exp.Not, exp.Null, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Or, exp.Order, exp.Ordered, exp.Paren, exp.Placeholder, exp.Parameter, exp.Select, exp.Star,
    exp.Subquery, exp.Table, exp.TableAlias, exp.Var, exp.Where, exp.Window, exp.Add, exp.Sub, exp.Mul, exp.Div,
)  # fmt: skip
_FUNCTIONS: tuple[type[exp.Expr], ...] = (
    exp.Abs, exp.AddMonths, exp.Avg, exp.Ceil, exp.Coalesce, exp.Count, exp.DateAdd, exp.DateDiff, exp.DateSub,
    exp.Day, exp.DayOfMonth, exp.Floor, exp.Greatest, exp.Lag, exp.LastDay, exp.Lead, exp.Least, exp.Length, exp.Lower,
    exp.Max, exp.Min, exp.Month, exp.MonthsBetween, exp.Nullif, exp.Quarter, exp.Round, exp.RowNumber, exp.Sum,
    exp.Trim, exp.TsOrDsAdd, exp.TsOrDsDiff, exp.TsOrDsToDate, exp.Upper, exp.Year,
)  # fmt: skip
_KNOWN = frozenset(_SYNTAX + _FUNCTIONS)


def costs_little(nodes: Iterable[exp.Expr], frames: int) -> bool:
    """Whether a tree that reads so many frames is made of nothing whose cost depends on the values it is given."""
    nodes = tuple(nodes)
    return (
        frames <= FEW_FRAMES
        and len(nodes) <= FEW_NODES
        and all(type(node) in _KNOWN or _short_pattern(node) for node in nodes)
    )


def _short_pattern(node: exp.Expr) -> bool:
    """A LIKE with a pattern that is written out, and looks for little."""
    pattern = node.expression if isinstance(node, exp.Like) else None
    return isinstance(pattern, exp.Literal) and pattern.name.count("%") <= FEW_WILDCARDS
