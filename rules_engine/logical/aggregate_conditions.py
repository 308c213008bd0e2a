"""What conditions on aggregates say: of no rows, of ones and zeros, of the rows that a CASE chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE, NotUnderstoodError, default, holds, opposite, rejects_null
from rules_engine.logical.rewrites import OPPOSITE, decimal


def _whole(node: exp.Expr) -> int | None:
    return int(node.name) if isinstance(node, exp.Literal) and node.name.isdigit() else None


def counted(conditions: Sequence[exp.Expr]) -> tuple[tuple[exp.Expr, ...], bool]:
    """
    Conditions that are not true of a subject without rows, and whether they are to be negated.

    A count of nothing is 0; any other aggregate of nothing is NULL, and no comparison with it true.
    """
    if any(_of_nothing(each) is False for each in conditions):
        return tuple(_above(each) for each in conditions), False
    if len(conditions) != 1:
        raise NotUnderstoodError
    (condition,) = conditions
    if isinstance(condition, exp.Is | exp.Between):
        return (exp.Not(this=condition.copy()),), True
    if default(condition) is not None:
        return (opposite(condition),), True
    return (
        _above(OPPOSITE[type(condition)](this=condition.this.copy(), expression=condition.expression.copy())),
    ), True


def _of_nothing(condition: exp.Expr) -> bool:
    """Whether a condition on an aggregate is true where there are no rows."""
    denied = isinstance(condition, exp.Not)
    bare = condition.this.unnest() if denied else condition.unnest()
    if isinstance(bare, exp.Is):
        if not isinstance(bare.this, exp.Sum | exp.Min | exp.Max) or not isinstance(bare.expression, exp.Null):
            raise NotUnderstoodError
        return not denied
    if denied:
        raise NotUnderstoodError
    if (number := default(bare)) is not None and isinstance(bare.this.this, exp.Sum | exp.Min | exp.Max):
        return holds(bare, number)
    if isinstance(bare, exp.Between) and isinstance(bare.this, exp.Count):
        ends = decimal(bare.args["low"]), decimal(bare.args["high"])
        if None in ends:
            raise NotUnderstoodError
        return ends[0] <= 0 <= ends[1]  # type: ignore[operator]
    if isinstance(bare, exp.Between) or type(bare) in COMPARE:
        if isinstance(bare.this, exp.Sum | exp.Min | exp.Max | exp.Avg):
            return False
        if isinstance(bare.this, exp.Count) and _whole(bare.expression) is not None:
            return holds(bare, Decimal(0))
    raise NotUnderstoodError


def _above(condition: exp.Expr) -> exp.Expr:
    """``count(…) <> 0`` as ``count(…) > 0``."""
    if isinstance(condition, exp.NEQ) and isinstance(condition.this, exp.Count) and _whole(condition.expression) == 0:
        return exp.GT(this=condition.this.copy(), expression=condition.expression.copy())
    return condition


def as_count(condition: exp.Expr) -> exp.Expr:
    """What a condition on a group that has a row says of ones and zeros, as a count."""
    bare = condition.unnest()
    if isinstance(bare, exp.LogicalOr):
        return exp.GT(this=_count(bare.this), expression=exp.Literal.number(0))
    value = bare.this
    if isinstance(value, exp.Coalesce) and len(value.expressions) == 1 and _whole(value.expressions[0]) == 0:
        value = value.this
    case = _ones(value)
    if case is None or not (isinstance(bare, exp.Is | exp.Between) or type(bare) in COMPARE):
        return condition
    if isinstance(value, exp.Sum) and case.args.get("default") is not None:
        found = bare.copy()
        found.set("this", _count(case.args["ifs"][0].this))
        return found
    if isinstance(value, exp.Max) and type(bare) in COMPARE:
        number = decimal(bare.expression)
        if number is not None and holds(bare, Decimal(1)) and not holds(bare, Decimal(0)):
            return exp.GT(this=_count(case.args["ifs"][0].this), expression=exp.Literal.number(0))
    if (
        isinstance(value, exp.Max)
        and value is bare.this
        and isinstance(bare.expression, exp.Null)
        and case.args.get("default") is None
    ):
        return exp.EQ(this=_count(case.args["ifs"][0].this), expression=exp.Literal.number(0))
    return condition


def _count(condition: exp.Expr) -> exp.Expr:
    one = exp.If(this=condition.copy(), true=exp.Literal.number(1))
    return exp.Count(this=exp.Case(ifs=[one]))


def _ones(value: exp.Expr) -> exp.Case | None:
    """The CASE of an aggregate that is 1 where one condition is met, and else 0 or NULL."""
    case = value.this if isinstance(value, exp.Sum | exp.Max) else None
    if not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return None
    otherwise = case.args.get("default")
    fits = otherwise is None or _whole(otherwise) == 0
    return case if fits and _whole(case.args["ifs"][0].args["true"]) == 1 else None


def passes_over_null(condition: exp.Expr, frames: Mapping[str, str]) -> bool:
    """Whether aggregates come to the same of no row and of one that is NULL in every column of these relations."""
    calls = [*condition.find_all(exp.AggFunc)]
    return bool(calls) and all(_strict(call.this, frames) for call in calls)


def _strict(value: exp.Expr, frames: Mapping[str, str]) -> bool:
    if isinstance(value, exp.Distinct):
        return len(value.expressions) == 1 and _strict(value.expressions[0], frames)
    if isinstance(value, exp.Column):
        return value.table in frames
    if not isinstance(value, exp.Case) or value.this is not None or value.args.get("default") is not None:
        return False
    columns = [column for column in value.find_all(exp.Column) if column.table]
    values = {column.sql() for column in columns}
    met = all(rejects_null(each.this, values) for each in value.args["ifs"])
    return met and {column.table for column in columns} <= {*frames}


def filtered(having: Sequence[exp.Expr]) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """
    Conditions on rows, and those on their aggregates.

    ``count(CASE WHEN c THEN 1 END) >= 2`` counts the rows that meet ``c``, and ``sum(CASE WHEN c THEN x END) > 5`` adds
    them up; where nothing meets it, neither is true.
    """
    bare = having[0].unnest() if len(having) == 1 else None
    value = bare.this if bare is not None and type(bare) in COMPARE else None
    inner = value.this if isinstance(value, exp.Count | exp.Sum | exp.Min | exp.Max) else None
    case = inner.expressions[0] if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1 else inner
    if bare is None or not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return [], [*having]
    then, otherwise = case.args["ifs"][0], case.args.get("default")
    zero = isinstance(value, exp.Sum) and otherwise is not None and _whole(otherwise) == 0
    number = decimal(bare.expression)
    if number is not None and (zero or isinstance(value, exp.Count)) and holds(bare, Decimal(0)):
        return [], [*having]
    if number is None and (zero or isinstance(value, exp.Count)):
        return [], [*having]
    if otherwise is not None and not zero and not isinstance(otherwise, exp.Null):
        return [], [*having]
    found = bare.copy()
    plain = then.args["true"].copy()
    if isinstance(inner, exp.Distinct):
        plain = exp.Distinct(expressions=[plain])
    elif isinstance(value, exp.Count) and _whole(plain) is not None:
        plain = exp.Star()
    found.this.set("this", plain)
    return [then.this.copy()], [found]
