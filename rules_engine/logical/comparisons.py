"""What single conditions of a query say: between which ANDs they stand, what they tie, what they count."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence, Set
from decimal import Decimal

from sqlglot import exp

from rules_engine.logical.arithmetic import Numeric, of_type
from rules_engine.logical.query_tree import NotUnderstoodError, is_stand_in
from rules_engine.logical.rewrites import MIRRORED, OPPOSITE, decimal

COMPARE: dict[type[exp.Expr], Callable[[Decimal, Decimal], bool]] = {
    exp.GT: operator.gt, exp.GTE: operator.ge, exp.LT: operator.lt, exp.LTE: operator.le, exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
}  # fmt: skip
SIGNS: dict[type[exp.Expr], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.EQ: "=", exp.NEQ: "<>"}
_HOLE = "__value__"


def says_more(node: exp.Expr, known: Set[str]) -> bool:
    """Whether a node says more than what is named."""
    return any(value for name, value in node.args.items() if name not in known)


def only(node: exp.Expr, known: Set[str]) -> None:
    """Refuse a node that says more than is known."""
    if says_more(node, known):
        raise NotUnderstoodError


def aggregates(node: exp.Expr) -> list[exp.Expr]:
    """The aggregates of groups in a node; windows are none."""
    return [each for each in node.find_all(exp.AggFunc) if each.find_ancestor(exp.Window) is None]


def tables(node: exp.Expr) -> set[str]:
    """The relations whose columns a node names."""
    return {column.table for column in node.find_all(exp.Column) if column.table}


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


def returned_in_having(query: exp.Select) -> list[exp.Column]:
    """Columns that HAVING names outside aggregates as the query returns something else than a column of that name."""
    made = [each for each in query.selects if isinstance(each, exp.Alias)]
    names = {each.alias.lower() for each in made if each.this.name.lower() != each.alias.lower()}
    columns = query.args["having"].find_all(exp.Column) if query.args.get("having") else ()
    plain = [each for each in columns if not each.table and each.name.lower() in names]
    return [each for each in plain if each.parent_select is query and each.find_ancestor(exp.AggFunc) is None]


def held_as_it_is(column: exp.Expr, type_: str) -> bool:
    """Whether a column is asked if it is NULL, or one of an exact type is held against numbers that are of it, too."""
    if isinstance(column.parent, exp.Is) and isinstance(column.parent.expression, exp.Null):
        return True
    held, digits = column.parent, of_type(type_)
    if (
        not isinstance(held, exp.Binary | exp.Between)
        or type(held) not in {*COMPARE, exp.Between}
        or digits is None
        or digits.double
    ):
        return False
    ends = [end for end in held.iter_expressions() if end is not column]
    numbers = [decimal(end.this if isinstance(end, exp.Neg) else end) for end in ends]
    if not numbers or type_ in {"tinyint", "smallint"}:
        return False
    return all(number is not None and number < 2**31 and _is_of(number, digits) for number in numbers)


def _is_of(number: Decimal, of: Numeric) -> bool:
    """Whether a number as it is written has no more digits before and after the point than a type."""
    return -int(number.as_tuple().exponent) <= of.scale and number.adjusted() < of.precision - of.scale


def scalar(condition: exp.Expr, resolved: Callable[[exp.Expr], exp.Expr]) -> tuple[exp.Expr, exp.Expr] | None:
    """A sub-query held against a value beside it, and the comparison with a hole in its place on the left."""
    if isinstance(condition, exp.Is | exp.Between) and isinstance(condition.this.unnest(), exp.Select | exp.Subquery):
        held = condition.copy()
        held.set("this", exp.column(_HOLE))
        if held.find(exp.Query):
            return None
        for name, end in ((name, held.args.get(name)) for name in ("low", "high")):
            if end is not None and not is_literal(end):
                held.set(name, resolved(end))
        return condition.this.unnest(), held
    if isinstance(condition, exp.Select | exp.Subquery):
        return condition, exp.column(_HOLE)
    if type(condition) not in MIRRORED:
        return None
    left, right = condition.this.unnest(), condition.expression.unnest()
    for query, other, kind in ((left, right, type(condition)), (right, left, MIRRORED[type(condition)])):
        inner = query
        value: exp.Expr = exp.column(_HOLE)
        if isinstance(query, exp.Coalesce) and len(query.expressions) == 1 and is_literal(query.expressions[0]):
            inner = query.this.unnest()
            value = exp.Coalesce(this=value, expressions=[query.expressions[0].copy()])
        if isinstance(inner, exp.Select | exp.Subquery) and not other.find(exp.Query):
            return inner, kind(this=value, expression=other.copy() if is_literal(other) else resolved(other))
    return None


def put(comparison: exp.Expr, value: exp.Expr) -> exp.Expr:
    """A comparison with a value in its hole."""
    if isinstance(comparison, exp.Column):
        return value.copy()
    found = comparison.copy()
    hole = next(column for column in found.find_all(exp.Column) if column.name == _HOLE)
    hole.replace(value.copy())
    return without_default(found)


def without_default(condition: exp.Expr) -> exp.Expr:
    """``coalesce(x, 0) > 5`` as ``x > 5``, where it is not true of the default; else as it is."""
    number = default(condition)
    if number is None or holds(condition, number) or isinstance(condition.this, exp.Count):
        return condition
    return type(condition)(this=condition.this.this.copy(), expression=condition.expression.copy())


def default(condition: exp.Expr) -> Decimal | None:
    """The number of a comparison with ``coalesce(x, number)``."""
    value = condition.this if type(condition) in COMPARE else None
    others = value.expressions if isinstance(value, exp.Coalesce) else ()
    return decimal(others[0]) if len(others) == 1 and decimal(condition.expression) is not None else None


def holds(condition: exp.Expr, value: Decimal) -> bool:
    number = decimal(condition.expression)
    assert number is not None
    return COMPARE[type(condition)](value, number)


def opposite(condition: exp.Expr) -> exp.Expr:
    """Of a condition that is true of NULL, what is true where it is not."""
    if isinstance(condition, exp.Is) and isinstance(condition.expression, exp.Null):
        return exp.Not(this=condition.copy())
    if default(condition) is not None:
        return OPPOSITE[type(condition)](this=condition.this.this.copy(), expression=condition.expression.copy())
    raise NotUnderstoodError


def rejects_null(condition: exp.Expr, values: Set[str]) -> bool:
    """Whether a condition is never true where these values, by their texts, are NULL."""
    bare = condition.unnest()
    if isinstance(bare, exp.And):
        return rejects_null(bare.left, values) or rejects_null(bare.right, values)
    if isinstance(bare, exp.Or):
        return rejects_null(bare.left, values) and rejects_null(bare.right, values)
    if (number := default(bare)) is not None and bare.this.this.sql() in values:
        return not holds(bare, number)
    denied = isinstance(bare, exp.Not)
    test = bare.this.unnest() if denied else bare
    is_null = isinstance(test, exp.Is) and isinstance(test.expression, exp.Null)
    if isinstance(test, exp.In | exp.Between | exp.Like) or (denied and is_null):
        return _null_with(test.this, values)
    sides = (bare.this, bare.expression) if type(bare) in COMPARE else (bare,)
    return any(_null_with(side, values) for side in sides)


def _null_with(value: exp.Expr, values: Set[str]) -> bool:
    """Whether a value is NULL where these are: one of them, or what is worked out with one."""
    bare = value.unnest()
    if isinstance(bare, exp.Add | exp.Sub | exp.Mul | exp.Div):
        return _null_with(bare.left, values) or _null_with(bare.right, values)
    return _null_with(bare.this, values) if isinstance(bare, exp.Neg) else bare.sql() in values


def is_literal(node: exp.Expr) -> bool:
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
