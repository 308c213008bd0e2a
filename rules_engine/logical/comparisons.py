"""What single conditions of a query say: between which ANDs they stand, what they tie, what they count."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence, Set

from sqlglot import exp

from rules_engine.logical.query_tree import is_stand_in


class NotUnderstoodError(Exception):
    """A construct that this reading does not know."""


_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
}
_OPPOSITE: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.GTE, exp.LTE: exp.GT, exp.EQ: exp.NEQ}
_COMPARE: dict[type[exp.Expr], Callable[[int, int], bool]] = {
    exp.GT: operator.gt, exp.GTE: operator.ge, exp.LT: operator.lt, exp.LTE: operator.le, exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
}  # fmt: skip
_HOLE = "__value__"


def only(node: exp.Expr, known: Set[str]) -> None:
    """Refuse a node that says more than is known."""
    if any(value for name, value in node.args.items() if name not in known):
        raise NotUnderstoodError


def conditions_of(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions between the top-level ANDs."""
    bare = condition.unnest()
    if isinstance(bare, exp.And):
        yield from conditions_of(bare.left)
        yield from conditions_of(bare.right)
    elif isinstance(bare, exp.Not) and isinstance(bare.this.unnest(), exp.Not):
        yield from conditions_of(bare.this.unnest().this)
    else:
        yield condition


def scalar(condition: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """A sub-query held against a literal, and the comparison with a hole in its place on the left."""
    if type(condition) not in _MIRRORED:
        return None
    left, right = condition.this.unnest(), condition.expression.unnest()
    for query, literal, kind in (
        (left, right, type(condition)),
        (right, left, _MIRRORED[type(condition)]),
    ):
        if isinstance(query, exp.Select | exp.Subquery) and _is_literal(literal):
            return query, kind(this=exp.column(_HOLE), expression=literal.copy())
    return None


def put(comparison: exp.Expr, value: exp.Expr) -> exp.Expr:
    """A comparison with a value in its hole."""
    found = comparison.copy()
    found.set("this", value.copy())
    return found


def _is_literal(node: exp.Expr) -> bool:
    inner = node.this if isinstance(node, exp.Neg) else node
    return isinstance(inner, exp.Literal) or (isinstance(inner, exp.Column) and not inner.table and is_stand_in(inner))


def is_given(value: exp.Expr, where: Sequence[exp.Expr]) -> bool:
    """Whether a condition says that a value is not NULL."""
    for condition in where:
        bare = condition.unnest()
        inner = bare.this.unnest() if isinstance(bare, exp.Not) else None
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null) and inner.this.sql() == value.sql():
            return True
    return False


def ties(condition: exp.Expr, one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether a condition holds two columns equal."""
    bare = condition.unnest()
    if not isinstance(bare, exp.EQ) or not all(isinstance(side, exp.Column) for side in (bare.this, bare.expression)):
        return False
    named = {(side.table, side.name.lower()) for side in (bare.this, bare.expression)}
    return named == {(alias, column.lower()) for alias, column in (one, other)}


def _whole(node: exp.Expr) -> int | None:
    return int(node.name) if isinstance(node, exp.Literal) and node.name.isdigit() else None


def counted(comparison: exp.Expr) -> tuple[exp.Expr, bool]:
    """
    A comparison that is true of no subject without rows, and whether it is to be negated.

    A count of nothing is 0; any other aggregate of nothing is NULL, and no comparison with it true.
    """
    if not isinstance(comparison.this, exp.Count):
        if not isinstance(comparison.this, exp.Sum | exp.Min | exp.Max):
            raise NotUnderstoodError
        return comparison, False
    number = _whole(comparison.expression)
    if number is None:
        raise NotUnderstoodError
    if not _COMPARE[type(comparison)](0, number):
        return comparison, False
    if type(comparison) not in _OPPOSITE:
        raise NotUnderstoodError
    return _OPPOSITE[type(comparison)](this=comparison.this, expression=comparison.expression), True


def filtered(having: list[exp.Expr]) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """
    Conditions on rows, and those on their aggregates.

    ``count(CASE WHEN c THEN 1 END) >= 2``, and a sum of ones and zeros, count the rows that meet ``c``.
    """
    if len(having) != 1 or type(having[0].unnest()) not in {exp.GT, exp.GTE}:
        return [], having
    comparison = having[0].unnest()
    number, counted = _whole(comparison.expression), _case(comparison.this)
    if counted is None or number is None or number < (1 if isinstance(comparison, exp.GTE) else 0):
        return [], having
    return [counted], [type(comparison)(this=exp.Count(this=exp.Star()), expression=comparison.expression.copy())]


def _case(value: exp.Expr) -> exp.Expr | None:
    """The one condition that a count of a CASE, a sum of ones and zeros, or a FILTER counts the rows of."""
    if isinstance(value, exp.Filter) and isinstance(value.this, exp.Count) and isinstance(value.this.this, exp.Star):
        asked: exp.Expr = value.expression.this
        return asked.copy()
    case = value.this if isinstance(value, exp.Count | exp.Sum) else None
    if not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return None
    then, otherwise = case.args["ifs"][0], case.args.get("default")
    if isinstance(value, exp.Count):
        fits = _whole(then.args["true"]) is not None and (otherwise is None or isinstance(otherwise, exp.Null))
    else:
        fits = _whole(then.args["true"]) == 1 and otherwise is not None and _whole(otherwise) == 0
    found: exp.Expr = then.this.copy()
    return found if fits else None
