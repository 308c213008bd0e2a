"""A CASE that a row is kept by, as the conditions that it chooses by: true where it is, else false or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE
from rules_engine.logical.query_tree import QueryTree, is_stand_in
from rules_engine.logical.summed_cases import summed

_MOST_DIGITS = 19
"""Of a number, with its point: two of them have one decimal type that holds both."""


def chosen(condition: exp.Expr, tree: QueryTree) -> exp.Expr:
    """The condition; where it is a CASE, or one of literals that is to be one of some, without it if that is told."""
    bare = condition.unnest()
    if bare.find(exp.Query) and (points := summed(bare)) is not None:
        return _of_points(points) or condition
    case, values = bare, list[exp.Expr]()
    if isinstance(bare, exp.EQ):
        case, values = bare.this.unnest(), [bare.expression.unnest()]
    elif isinstance(bare, exp.In) and bare.expressions:
        case, values = bare.this.unnest(), [each.unnest() for each in bare.expressions]
    if not isinstance(case, exp.Case) or case.this is not None:
        return condition
    results = [each.args["true"].unnest() for each in case.args["ifs"]]
    results.append((case.args.get("default") or exp.Null()).unnest())
    if not _are_alike([of for of in results if not isinstance(of, exp.Null)], values, tree):
        return condition
    terms, before = list[exp.Expr](), list[exp.Expr]()
    for when, result in zip([*case.args["ifs"], None], results, strict=True):
        told, met = _outcome(result, values), [when.this] if when is not None else []
        terms += [exp.and_(*(of.copy() for of in (*before, *met, *told)))] if told is not None else []
        unmet = [is_not_true(each) for each in met]
        if None in unmet:
            return condition
        before += [each for each in unmet if each is not None]
    return exp.or_(*terms) if terms else condition


def _of_points(terms: Sequence[Sequence[tuple[exp.Expr, bool]]]) -> exp.Expr | None:
    """An OR of ANDs; None where it is not told what is true where a condition is not met."""
    asked = [[met if is_met else is_not_true(met) for met, is_met in term] for term in terms]
    if not asked or any(not term or None in term for term in asked):
        return None
    return exp.or_(*(exp.and_(*(each.copy() for each in term if each is not None)) for term in asked))


def _are_alike(results: Sequence[exp.Expr], values: Sequence[exp.Expr], tree: QueryTree) -> bool:
    """Whether none of the results of a CASE is cast: all are true or false, or literals of the kind of the values."""
    if not values:
        return all(isinstance(of, exp.Boolean | exp.Predicate | exp.Connector | exp.Not) for of in results)
    return len({_kind(of, tree) for of in (*results, *values)}) == 1 and bool(_kind(values[0], tree))


def _kind(node: exp.Expr, tree: QueryTree) -> str:
    """Whether it is a plain number, text or truth value; empty for what may be equal to another of its kind."""
    if isinstance(node, exp.Boolean):
        return "truth"
    text = (tree.text(node) or "") if _is_literal(node) else ""
    if isinstance(node, exp.Literal):
        return "number" if len(text) < _MOST_DIGITS else ""
    return "text" if text.startswith("'") and "\\" not in text else ""


def _outcome(result: exp.Expr, values: Sequence[exp.Expr]) -> list[exp.Expr] | None:
    """What is to be true for a result to be one of the values, or to be true; None where it is not."""
    if values or isinstance(result, exp.Boolean | exp.Null):
        return [] if any(_same(result, value) for value in values or (exp.true(),)) else None
    return [result]


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
