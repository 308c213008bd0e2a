"""
LEFT JOINs that other words say, or that are asked for more than what was joined.

One that is asked for what is true where nothing was joined, too, is a join, or a join of nothing. A sub-query that
takes one value of a row with a key is the look-up that a LEFT JOIN is.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE, conditions_of, default, holds, is_literal, says_more
from rules_engine.logical.join_reader import Named
from rules_engine.logical.separate_joins import LEFT, Relations, renames
from rules_engine.model.schemas import Schema


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


def with_look_ups(query: exp.Select, named: Named, schema: Schema) -> tuple[exp.Select, Named] | None:
    """
    A query whose conditions look values up by a frame's declared key, in sub-queries, with LEFT JOINs instead.

    None where there are none. No more than one row has a key, so that nothing is repeated, and MAX of it is its value.
    """
    if not query.args.get("where") or query.args.get("group") or query.args.get("having"):
        return None
    made, joins = query.copy(), list[exp.Expr]()
    for each in [*made.args["where"].find_all(exp.Subquery)]:
        if each.parent_select is made and not isinstance(each.parent, exp.In):
            alias = f"look_up_{len(joins)}_"
            if (found := _look_up(each.this, named, schema, alias)) is not None:
                joins.append(found[0])
                each.replace(found[1])
    made.set("joins", [*(made.args.get("joins") or ()), *joins])
    return (made, named) if joins else None


def _look_up(query: exp.Expr, named: Named, schema: Schema, alias: str) -> tuple[exp.Join, exp.Column] | None:
    """The join under an alias of ours, and the value of it; None for another sub-query."""
    if not isinstance(query, exp.Select) or says_more(query, {"expressions", "from_", "where"}):
        return None
    if not query.args.get("from_") or not query.args.get("where"):
        return None
    item, tie = query.args["from_"].this, query.args["where"].this.unnest()
    value, *others = [each.unalias() for each in query.expressions]
    value, own = value.this if isinstance(value, exp.Max | exp.Min) else value, item.alias_or_name.lower()
    plain = isinstance(item, exp.Table) and item.name.lower() not in named and not says_more(item, {"this", "alias"})
    key = schema.key_of(item.name) if plain and not renames(item) else ()
    ends = [tie.this, tie.expression] if isinstance(tie, exp.EQ) else []
    if others or len(key) != 1 or not all(isinstance(each, exp.Column) and each.table for each in ends):
        return None
    inner = [each for each in ends if each.table.lower() == own and each.name.lower() == key[0].lower()]
    outer = [each for each in ends if each.table.lower() != own]
    known = isinstance(value, exp.Column) and value.table.lower() in {own, ""}
    if not known or len(inner) != 1 or len(outer) != 1 or value.name.lower() not in schema.types_of(item.name):
        return None
    joined = exp.Table(this=item.this.copy(), alias=exp.TableAlias(this=exp.to_identifier(alias)))
    on = exp.EQ(this=exp.column(key[0].lower(), alias), expression=outer[0].copy())
    return exp.Join(this=joined, side="LEFT", on=on), exp.column(value.name.lower(), alias)


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
