"""A CASE that a row is kept by, as the conditions that it chooses by: true where it is, else false or unknown."""

from __future__ import annotations

from decimal import Decimal

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE
from rules_engine.logical.query_tree import is_stand_in


def chosen(condition: exp.Expr) -> exp.Expr:
    """The condition; where it is a CASE, or one held equal to a literal, without it if that can be told."""
    bare = condition.unnest()
    case, value = bare, None
    if isinstance(bare, exp.EQ):
        case, value = bare.this.unnest(), bare.expression.unnest()
    if not isinstance(case, exp.Case) or case.this is not None or (value is not None and not _is_literal(value)):
        return condition
    terms, before = list[exp.Expr](), list[exp.Expr]()
    for each in case.args["ifs"]:
        told = _outcome(each.args["true"], value)
        terms += [exp.and_(*(of.copy() for of in (*before, each.this, *told)))] if told is not None else []
        unmet = is_not_true(each.this)
        if unmet is None:
            return condition
        before.append(unmet)
    told = _outcome(case.args.get("default") or exp.Null(), value)
    terms += [exp.and_(*(of.copy() for of in (*before, *told)))] if told is not None else []
    return exp.or_(*terms) if terms else condition


def _outcome(result: exp.Expr, value: exp.Expr | None) -> list[exp.Expr] | None:
    """What is to be true for a result to be the value, or to be true; None where it is not."""
    result = result.unnest()
    if isinstance(result, exp.Null) or (isinstance(result, exp.Boolean) and value is None and not result.this):
        return None
    if value is None:
        return [] if isinstance(result, exp.Boolean) else [result]
    if type(result) is type(value) and _is_literal(result):
        return [] if _same(result, value) else None
    return [exp.EQ(this=result.copy(), expression=value.copy())]


def _same(one: exp.Expr, other: exp.Expr) -> bool:
    """Whether two literals of a kind are equal, however they are written: 1.0 is 1."""
    if isinstance(one, exp.Literal) and not one.is_string and not other.is_string:
        return Decimal(one.name) == Decimal(other.name)
    return one == other


def is_not_true(condition: exp.Expr) -> exp.Expr | None:
    """What is true where a condition is false or unknown, and false where it is true; None where that is not told."""
    bare = condition.unnest()
    if isinstance(bare, exp.And | exp.Or):
        sides = [is_not_true(side) for side in (bare.left, bare.right)]
        joined = exp.or_ if isinstance(bare, exp.And) else exp.and_
        return None if None in sides else exp.Paren(this=joined(*(side for side in sides if side is not None)))
    inner = bare.this.unnest() if isinstance(bare, exp.Not) else bare
    if isinstance(inner, exp.Exists) or (isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)):
        return inner.copy() if inner is not bare else exp.Not(this=inner.copy())
    if type(bare) not in COMPARE:
        return None
    ends = [end.unnest() for end in (bare.this, bare.expression)]
    held = [end for end in ends if not _is_literal(end)]
    denied = exp.Not(this=exp.Paren(this=bare.copy()))
    if len(held) == 1 and isinstance(held[0], exp.Column):
        return exp.Paren(this=exp.Or(this=denied, expression=exp.Is(this=held[0].copy(), expression=exp.Null())))
    return denied if len(held) == 1 and _is_count(held[0]) else None


def _is_count(value: exp.Expr) -> bool:
    """Whether it is a sub-query that counts, of nothing 0."""
    query = value.unnest()
    while isinstance(query, exp.Subquery):
        query = query.this
    plain = isinstance(query, exp.Select) and not query.args.get("group") and not query.args.get("having")
    return plain and len(query.expressions) == 1 and isinstance(query.expressions[0].unalias(), exp.Count)


def _is_literal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal | exp.Boolean) or (
        isinstance(node, exp.Column) and not node.table and is_stand_in(node)
    )
