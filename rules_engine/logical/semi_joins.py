"""Subjects for whom a sub-query has a row, or none, as the sub-query itself."""

from __future__ import annotations

from sqlglot import exp

from rules_engine.logical.comparisons import conditions_of, says_more
from rules_engine.logical.separate_joins import Relations


def among(query: exp.Expr, found: Relations) -> exp.Expr | None:
    """
    Of the subjects for whom a sub-query has a row, and nothing else is asked, the sub-query as one of them.

    After NOT where it is to have none; of NOT IN where what it returns says that it is not NULL.
    """
    where = query.args.get("where")
    bare = where.this.unnest() if where else None
    denied = bare.this.unnest() if isinstance(bare, exp.Not) else None
    given = isinstance(denied, exp.In) and denied.args.get("query") and _returns_no_null(denied.args["query"])
    if bare is not None and (isinstance(denied, exp.Exists) or given):
        inverted = query.copy()
        inverted.set("where", exp.Where(this=bare.this.unnest().copy()))
        asked = among(inverted, found)
        return None if asked is None else exp.Not(this=asked)
    if query.args.get("joins") or not isinstance(bare, exp.In | exp.Exists):
        return None
    if isinstance(bare, exp.In):
        return bare.args.get("query") if bare.this.unnest() == found.key else None
    inner = bare.this.unnest()
    if not isinstance(inner, exp.Select) or says_more(inner, {"expressions", "from_", "joins", "where", "distinct"}):
        return None
    conditions = [*conditions_of(inner.args["where"].this)] if inner.args.get("where") else []
    tie = next((each for each in conditions if _other_end(each, found.key) is not None), None)
    left = [each.copy() for each in conditions if each is not tie]
    own = any(each.alias_or_name.lower() == found.own for each in inner.find_all(exp.Table, exp.Subquery))
    if tie is None or own or _aggregates(inner) or any(_names(each, found.own) for each in (*left, *_joins(inner))):
        return None  # where a relation within has the name of the subject's own row, it hides that
    rows = inner.copy()
    rows.set("expressions", [_other_end(tie, found.key)])
    rows.set("where", exp.Where(this=exp.and_(*left)) if left else None)
    return rows


def _returns_no_null(query: exp.Expr) -> bool:
    """Whether a query of one column, or the derived table that it takes it from, asks that it be not NULL."""
    bare = query.unnest()
    if not isinstance(bare, exp.Select) or len(bare.expressions) != 1 or not bare.args.get("from_"):
        return False
    column, item = bare.expressions[0].unalias(), bare.args["from_"].this
    if (
        not isinstance(column, exp.Column)
        or column.is_star
        or says_more(bare, {"expressions", "from_", "where", "distinct"})
    ):
        return False
    known = exp.Not(this=exp.Is(this=column.copy(), expression=exp.Null()))
    if bare.args.get("where") and any(each.unnest() == known for each in conditions_of(bare.args["where"].this)):
        return True
    inner = item.this.copy() if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Select) else None
    if inner is None or says_more(item, {"this", "alias"}) or item.args["alias"].columns:
        return False
    inner.set("expressions", [each for each in inner.expressions if each.alias_or_name.lower() == column.name.lower()])
    return _returns_no_null(inner)


def _other_end(condition: exp.Expr, key: exp.Column) -> exp.Column | None:
    """What a condition holds equal to a key."""
    bare = condition.unnest()
    if not isinstance(bare, exp.EQ):
        return None
    for one, other in ((bare.this, bare.expression), (bare.expression, bare.this)):
        if one == key and isinstance(other, exp.Column):
            return other.copy()
    return None


def _aggregates(query: exp.Select) -> bool:
    """Whether a query returns one row of all, or what a window comes to."""
    return any(item.find(exp.AggFunc, exp.Window, exp.Anonymous) for item in query.expressions)


def _joins(query: exp.Select) -> list[exp.Expr]:
    return query.args.get("joins") or []


def _names(node: exp.Expr, relation: str) -> bool:
    return any(column.table.lower() == relation for column in node.find_all(exp.Column))
