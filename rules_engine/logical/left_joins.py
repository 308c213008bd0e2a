"""A LEFT JOIN that is asked for what is true where nothing was joined, too: as a join, or a join of nothing."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE, conditions_of, default, holds, is_literal
from rules_engine.logical.separate_joins import LEFT, Relations


def matched_or_not(query: exp.Select, found: Relations) -> tuple[exp.Select, exp.Select] | None:
    """
    The query of the rows that are joined, and that of the others; None where no LEFT JOIN is asked so.

    Of the others only what does not name the joined relation is left to ask: the rest is true of NULL.
    """
    where = query.args.get("where")
    if where is None or query.args.get("group") or query.args.get("having"):
        return None
    for alias in (alias for alias, kind in found.kinds.items() if kind in LEFT):
        tie = _tied(found, alias)
        about = [alias in found.named_in(each) for each in found.where]
        others = [each for each, of in zip(conditions_of(where.this), about, strict=True) if not of]
        asked = [each for each, of in zip(found.where, about, strict=True) if of]
        if tie is None or not asked or (len(asked) == 1 and _is_null(asked[0].unnest(), tie.__eq__)):
            continue
        if all(_true_of_null(each, alias) for each in asked):
            return _inner(query, alias), _where(query, [*others, exp.Is(this=tie, expression=exp.Null())])
    return None


def _tied(found: Relations, alias: str) -> exp.Column | None:
    """A column that is NULL in no row that is joined."""
    for each in found.beside[alias]:
        bare = each.unnest()
        for end in (bare.this, bare.expression) if isinstance(bare, exp.EQ) else ():
            if isinstance(end, exp.Column) and end.table.lower() == alias:
                return end.copy()
    return None


def _inner(query: exp.Select, alias: str) -> exp.Select:
    made = query.copy()
    join = next(each for each in made.args["joins"] if each.this.alias_or_name.lower() == alias)
    join.set("side", None)
    join.set("kind", None)
    return made


def _where(query: exp.Select, conditions: list[exp.Expr]) -> exp.Select:
    made = query.copy()
    made.set("where", exp.Where(this=exp.and_(*(each.copy() for each in conditions))))
    return made


def _true_of_null(condition: exp.Expr, alias: str) -> bool:
    """Whether a condition is true of every row in which all columns of a relation are NULL; False where not told."""
    bare = condition.unnest()
    if isinstance(bare, exp.And | exp.Or):
        several = all if isinstance(bare, exp.And) else any
        return several(_true_of_null(side, alias) for side in (bare.left, bare.right))
    return _is_null(bare, lambda of: _is_of(of, alias)) or _of_default(bare, alias) or _differs(bare, alias)


def _is_null(bare: exp.Expr, of: Callable[[exp.Expr], bool]) -> bool:
    return isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null) and of(bare.this.unnest())


def _of_default(bare: exp.Expr, alias: str) -> bool:
    """``coalesce(x, 0) < 5``, or ``coalesce(x, 'low') = 'low'``."""
    value = bare.this if type(bare) in COMPARE else None
    if not isinstance(value, exp.Coalesce) or not _is_of(value.this.unnest(), alias) or len(value.expressions) != 1:
        return False
    if (number := default(bare)) is not None:
        return holds(bare, number)
    same = value.expressions[0] == bare.expression and is_literal(bare.expression)
    return same and isinstance(bare, exp.EQ | exp.GTE | exp.LTE)


def _differs(bare: exp.Expr, alias: str) -> bool:
    """``x IS DISTINCT FROM 'high'``."""
    inner = bare.this.unnest() if isinstance(bare, exp.Not) else None
    if not isinstance(inner, exp.NullSafeEQ):
        return False
    ends = [inner.this.unnest(), inner.expression.unnest()]
    return any(_is_of(end, alias) for end in ends) and any(map(is_literal, ends))


def _is_of(value: exp.Expr, alias: str) -> bool:
    return isinstance(value, exp.Column) and value.table.lower() == alias
