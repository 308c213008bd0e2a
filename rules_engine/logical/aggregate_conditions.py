"""What conditions on aggregates say: of no rows, of ones and zeros, of the rows that a CASE chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE, aggregates, default, holds, opposite, rejects_null
from rules_engine.logical.query_tree import NotUnderstoodError
from rules_engine.logical.rewrites import OPPOSITE, decimal, truth_of_any, when


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
        raise NotUnderstoodError("several conditions on aggregates that are true of no row")
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
        if isinstance(bare.this, exp.Sum | exp.Min | exp.Max | exp.Avg | exp.ArgMax | exp.ArgMin):
            return False
        if isinstance(bare.this, exp.Count) and _whole(bare.expression) is not None:
            return holds(bare, Decimal(0))
    raise NotUnderstoodError("an aggregate held against what is no number")


def _above(condition: exp.Expr) -> exp.Expr:
    """``count(…) <> 0`` as ``count(…) > 0``."""
    if isinstance(condition, exp.NEQ) and isinstance(condition.this, exp.Count) and _whole(condition.expression) == 0:
        return exp.GT(this=condition.this.copy(), expression=condition.expression.copy())
    return condition


def as_count(condition: exp.Expr, *, of_none: bool = False) -> exp.Expr:
    """What a condition says of ones and zeros, as a count; a sum ``of_none``, of what may be no row, is NULL."""
    bare, none = condition.unnest(), exp.Literal.number(0)
    if (any_of := truth_of_any(bare)) is not None:
        return exp.GT(this=_count(any_of), expression=none)
    value = _without_zero(bare.this)
    cased = _cased(value.this) if isinstance(value, exp.Sum | exp.Max) else None
    if cased is None or _whole(cased[0].args["true"]) != 1 or (cased[1] is not None and _whole(cased[1]) != 0):
        return condition
    ones, number = _count(cased[0].this), decimal(bare.expression) if type(bare) in COMPARE else None
    if isinstance(value, exp.Sum):
        if of_none and (number is None or holds(bare, Decimal(0))):
            return condition
        found = bare.copy()
        found.set("this", ones)
        return found if cased[1] is not None and (number is not None or isinstance(bare, exp.Between)) else condition
    if number is not None and holds(bare, Decimal(1)) and not holds(bare, Decimal(0)):
        return exp.GT(this=ones, expression=none)
    is_null = isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null) and value is bare.this
    return exp.EQ(this=ones, expression=none) if is_null and cased[1] is None else condition


def _without_zero(value: exp.Expr) -> exp.Expr:
    """``x`` of ``coalesce(x, 0)``."""
    zero = isinstance(value, exp.Coalesce) and [_whole(each) for each in value.expressions] == [0]
    return value.this if zero else value


def _count(condition: exp.Expr) -> exp.Expr:
    return exp.Count(this=when(condition, exp.Literal.number(1)))


def _cased(value: exp.Expr | None) -> tuple[exp.Expr, exp.Expr | None] | None:
    """The one WHEN of a CASE, and its ELSE unless that is NULL."""
    if not isinstance(value, exp.Case) or value.this is not None or len(value.args["ifs"]) != 1:
        return None
    otherwise = value.args.get("default")
    return value.args["ifs"][0], None if isinstance(otherwise, exp.Null) else otherwise


def passes_over_null(condition: exp.Expr, frames: Mapping[str, str]) -> bool:
    """Whether aggregates come to the same of no row and of one that is NULL in every column of these relations."""
    calls = [*condition.find_all(exp.AggFunc)]
    told = bool(calls) and not any(isinstance(call, exp.AnonymousAggFunc) for call in calls)
    return told and all(_strict(call.this, frames) for call in calls)


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
    cased = _cased(inner.expressions[0] if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1 else inner)
    if bare is None or cased is None or aggregates(bare.expression):  # the other side's rows are not to meet it
        return [], [*having]
    (then, otherwise), number = cased, decimal(bare.expression)
    zero = isinstance(value, exp.Sum) and otherwise is not None and _whole(otherwise) == 0
    of_nothing = (zero or isinstance(value, exp.Count)) and (number is None or holds(bare, Decimal(0)))
    if of_nothing or (otherwise is not None and not zero):
        return [], [*having]
    found = bare.copy()
    plain = then.args["true"].copy()
    if isinstance(inner, exp.Distinct):
        plain = exp.Distinct(expressions=[plain])
    elif isinstance(value, exp.Count) and _whole(plain) is not None:
        plain = exp.Star()
    found.this.set("this", plain)
    return [then.this.copy()], [found]
