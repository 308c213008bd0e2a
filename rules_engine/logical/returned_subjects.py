"""What a statement returns beside its subjects is evidence for its reader: which rows there are, it does not change."""

from __future__ import annotations

from sqlglot import exp

from rules_engine.logical.comparisons import aggregates, says_more
from rules_engine.model.schemas import Schema

_KNOWN = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", "order"}


def columns_by_place(root: exp.Expr) -> bool:
    """Whether columns of a relation, or of a side of UNION, may be told by their places in ``SELECT *`` of a join."""
    joined = any(select.args.get("joins") and _has_star(select) for select in root.find_all(exp.Select))
    sides = (side for each in root.find_all(exp.SetOperation) for side in (each.this, each.args["expression"]))
    return joined and (
        any(alias.columns for alias in root.find_all(exp.TableAlias)) or any(_has_star(side.unnest()) for side in sides)
    )


def _has_star(query: exp.Expr) -> bool:
    return isinstance(query, exp.Select) and any(item.is_star for item in query.expressions)


def returning_subjects(root: exp.Query, schema: Schema) -> exp.Query:
    """
    A statement that returns its subjects alone, in no order, and groups only where it asks something of the groups.

    As it is where HAVING may name what it returns, or where a row is made of all rows.
    """
    if not isinstance(root, exp.Select) or says_more(root, _KNOWN):
        return root
    place = schema.key_among([each.alias_or_name for each in root.expressions])
    group, having = root.args.get("group"), root.args.get("having")
    if place is None or aggregates(root.expressions[place]) or root.expressions[place].find(exp.Window, exp.Query):
        return root
    if not group and any(map(aggregates, root.expressions)):
        return root
    others = {each.alias.lower() for at, each in enumerate(root.expressions) if at != place and each.alias}
    if having and any(column.name.lower() in others for column in having.find_all(exp.Column)):
        return root
    found = root.copy()
    found.set("expressions", [found.expressions[place]])
    found.set("order", None)
    if group and not having and not says_more(group, {"expressions"}):
        found.set("group", None)
    return found


def is_once(query: exp.Expr, schema: Schema) -> bool:
    """Whether a query returns no subject twice: EXCEPT ALL takes one row away for each, then."""
    bare = query.unnest()
    if not isinstance(bare, exp.Select) or not bare.args.get("from_") or bare.args.get("joins"):
        return False
    group, item = bare.args.get("group"), bare.args["from_"].this
    if group:
        return not says_more(group, {"expressions"}) and [*group.expressions] == [bare.selects[0].unalias()]
    own = isinstance(item, exp.Table) and item.name.lower() == schema.subject.lower()
    return bool(bare.args.get("distinct")) or own


def is_of_one(query: exp.Expr) -> bool:
    """Whether a query returns one column: then it is the subject."""
    return isinstance(query, exp.Query) and len(query.selects) == 1 and not query.selects[0].is_star
