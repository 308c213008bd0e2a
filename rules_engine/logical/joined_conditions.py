"""Joins as conditions of the row that they are joined to: what rows come to beside it, and that it is among some."""

from __future__ import annotations

from sqlglot import exp

from rules_engine.logical.aggregate_conditions import passes_over_null
from rules_engine.logical.comparisons import aggregates, says_more, tables
from rules_engine.logical.join_reader import Named
from rules_engine.logical.query_tree import is_stand_in
from rules_engine.model.schemas import Schema

_GROUPED = {"expressions", "from_", "joins", "where", "group", "having", "distinct"}
_JOINED = {"expressions", "from_", "joins", "where", "distinct", "order"}
_JOIN = {"this", "on", "side", "kind"}


def beside(query: exp.Select, schema: Schema) -> exp.Select | None:
    """
    A query that groups the subject's rows of LEFT JOINs by the subject, as one whose WHERE asks what those come to.

    None for another. Each aggregate passes over NULL, so it comes to the same of no row and of the row that a LEFT JOIN
    makes where there is none.
    """
    joins, having = query.args.get("joins") or [], query.args.get("having")
    nested = query.find(exp.Window) or any(each is not query for each in query.find_all(exp.Query))
    if not joins or not having or says_more(query, _GROUPED) or nested:
        return None
    items = [query.args["from_"].this, *(join.this for join in joins)]
    columns = [column for column in query.find_all(exp.Column) if not is_stand_in(column)]
    plain = all(isinstance(item, exp.Table) and not says_more(item, {"this", "alias"}) for item in items)
    if not plain or not all(column.table for column in columns) or items[0].name.lower() != schema.subject.lower():
        return None
    own, rows = items[0].alias_or_name, {item.alias_or_name: item.name for item in items[1:]}
    told = all((join.args.get("side") or "").upper() == "LEFT" and not says_more(join, _JOIN) for join in joins)
    if not told or not all(join.args.get("on") for join in joins) or not by_subject(query, own, schema):
        return None
    outside = [*query.expressions, *([query.args["where"].this] if query.args.get("where") else [])]
    if any(tables(each) - {own} for each in outside) or any(own in tables(join.args["on"]) for join in joins[1:]):
        return None
    found, calls = query.copy(), aggregates(having)
    if any(own in tables(call) or not passes_over_null(call, rows) for call in calls):
        return None
    of_rows = exp.Select(
        from_=exp.From(this=items[1].copy()),
        joins=[join.copy() for join in joins[1:]],
        where=exp.Where(this=joins[0].args["on"].copy()),
    )
    for call in aggregates(found.args["having"]):
        value = of_rows.copy()
        value.set("expressions", [call.copy()])
        call.replace(exp.Subquery(this=value))
    where = [found.args[name].this for name in ("where", "having") if found.args.get(name)]
    for name in ("joins", "group", "having"):
        found.set(name, None)
    found.set("where", exp.Where(this=exp.and_(*(exp.Paren(this=each) for each in where))))
    return found


def by_subject(query: exp.Select, own: str, schema: Schema) -> bool:
    """Whether rows are grouped by columns of the subject's own row, its key among them, and by no other."""
    group = query.args.get("group")
    keys = group.expressions if group and not says_more(group, {"expressions"}) else []
    named = {key.name.lower() for key in keys if isinstance(key, exp.Column) and key.table == own}
    return len(named) == len(keys) and schema.subject_key.lower() in named


def among_joined(query: exp.Select, named: Named) -> exp.Select | None:
    """A query with a join to one column of a derived table, or WITH query, as one that asks to be among its values."""
    evidence = [call for each in query.expressions for call in each.find_all(exp.AggFunc, exp.Window)]
    if says_more(query, _JOINED) or evidence:
        return None
    for join in query.args.get("joins") or []:
        if (asked := _one_of(join, query, named)) is not None:
            found = query.copy()
            found.set("joins", [each.copy() for each in query.args["joins"] if each is not join])
            where = [exp.Paren(this=found.args["where"].this)] if found.args.get("where") else []
            found.set("where", exp.Where(this=exp.and_(*where, asked)))
            return found
    return None


def _one_of(join: exp.Expr, query: exp.Select, named: Named) -> exp.In | None:
    """That a column is among the one column of what is joined; None where more is asked of that."""
    item, on, name = join.this, join.args.get("on"), join.this.alias_or_name.lower()
    inner = named[item.name.lower()].this if isinstance(item, exp.Table) and item.name.lower() in named else item
    rows = inner.this if isinstance(inner, exp.Subquery) else inner
    tie = on.unnest() if on is not None else None
    ends = [end for end in (tie.this, tie.expression) if isinstance(end, exp.Column)] if isinstance(tie, exp.EQ) else []
    own, other = ([end for end in ends if end.table and (end.table.lower() == name) is of] for of in (True, False))
    plain = not says_more(join, {"this", "on", "kind"}) and (join.args.get("kind") or "").upper() in {"", "INNER"}
    renamed = item.args.get("alias") and item.args["alias"].columns
    if not plain or not name or renamed or not isinstance(rows, exp.Select) or len(own) != 1 or len(other) != 1:
        return None
    returned = rows.selects[0] if len(rows.selects) == 1 else exp.Star()
    within = {id(column) for column in item.find_all(exp.Column)}
    around = [column for column in query.find_all(exp.Column) if id(column) not in within and not is_stand_in(column)]
    asked_once = sum(column.table.lower() == name for column in around) == 1 and all(each.table for each in around)
    if returned.is_star or returned.alias_or_name.lower() != own[0].name.lower() or not asked_once:
        return None
    if isinstance(item, exp.Subquery):
        some = rows.copy()
    else:
        some = exp.Select(expressions=[exp.column(own[0].name)], from_=exp.From(this=exp.to_table(item.name)))
    if not says_more(some, _JOINED):  # LIMIT counts different values
        some.set("distinct", None)
    return exp.In(this=other[0].copy(), query=exp.Subquery(this=some))
