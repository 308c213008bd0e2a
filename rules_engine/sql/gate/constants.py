"""Whether a rule works out values of what it writes out alone: Spark does that while it plans, and may fail at it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

_LONG = 19
"""Digits of a number from which on it may not fit beside a decimal."""

_OF_ROWS = (exp.Column, exp.Star, exp.Query)
_WORKED_OUT = (exp.Func, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg)
_NEVER = (exp.Connector, exp.Predicate)
_DAYS = (exp.AddMonths, exp.DateAdd, exp.DateSub, exp.TsOrDsAdd)
_MOMENTS = {exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ}


def works_out_constants(nodes: Iterable[exp.Expr]) -> bool:
    """Whether a tree holds a value of constants alone that Spark might not be able to work out."""
    return any(_is_long(node) if isinstance(node, exp.Literal) else _is_worked_out(node) for node in nodes)


def _is_long(literal: exp.Literal) -> bool:
    return not literal.is_string and sum(map(str.isdigit, literal.name)) >= _LONG


def _is_worked_out(node: exp.Expr) -> bool:
    if not isinstance(node, _WORKED_OUT) or isinstance(node, _NEVER) or _is_plain(node):
        return False
    return node.find(*_OF_ROWS) is None and node.find(exp.Literal) is not None


def _is_plain(node: exp.Expr) -> bool:
    """A day or moment written out, few of something, and a day so many days or months from another."""
    if isinstance(node, exp.Cast):
        return isinstance(node.this, exp.Literal) and node.this.is_string and node.to.this in _MOMENTS
    if isinstance(node, (*_DAYS, exp.Sub, exp.Add)) and isinstance(node.this, exp.Placeholder | exp.Cast):
        months = isinstance(node.expression, exp.Interval)
        return _is_few(node.expression.this if months else node.expression)
    return _is_few(node)


def _is_few(node: exp.Expr) -> bool:
    if isinstance(node, exp.Neg | exp.Paren):
        return _is_few(node.this)
    if isinstance(node, exp.Mul):
        return _is_few(node.this) and _is_few(node.expression)
    return isinstance(node, exp.Placeholder) or (isinstance(node, exp.Literal) and len(node.name) < 5)
