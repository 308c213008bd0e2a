"""A query of a derived table, or WITH query, that only filters and renames rows: as one query of what that reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from rules_engine.logical.comparisons import returned_in_having, says_more
from rules_engine.logical.join_reader import Named
from rules_engine.logical.query_tree import is_stand_in

_GROUPED = {"expressions", "from_", "joins", "where", "group", "having"}
_OUTER = {"expressions", "from_", "where", "distinct", "order", "group", "having"}
_INNER = {"expressions", "from_", "joins", "where"}


def flattened(query: exp.Select, named: Named) -> tuple[exp.Select, Named] | None:
    """The one query, and the WITH queries that it may name; None where it is not told to be the same."""
    if says_more(query, _OUTER) or not query.args.get("from_") or returned_in_having(query):
        return None
    item = query.args["from_"].this
    inner, named = _read(item, named)
    columns = _columns(inner) if inner is not None else None
    if inner is None or columns is None:
        return None
    found = query.copy()
    found.set("order", None)
    clauses = [*found.expressions, *filter(None, map(found.args.get, ("where", "group", "having")))]
    if _hides(clauses, inner, item):
        return None
    for clause in clauses:
        made = columns.put(clause, item.alias_or_name.lower())
        if made is None:
            return None
        clause.replace(made)
    found.set("from_", inner.args["from_"].copy())
    found.set("joins", [each.copy() for each in inner.args.get("joins") or ()])
    if inner.args.get("where"):
        where = [of.args["where"].this.copy() for of in (inner, found) if of.args.get("where")]
        found.set("where", exp.Where(this=exp.and_(*where)))
    return found, named


def regrouped(query: exp.Select, named: Named) -> tuple[exp.Select, Named] | None:
    """A query that only filters the groups of a derived table, or WITH query, by HAVING there; None for another."""
    if says_more(query, {"expressions", "from_", "where", "distinct", "order"}) or not query.args.get("where"):
        return None
    item = query.args["from_"].this if query.args.get("from_") else exp.Null()
    inner, named = _read(item, named, grouped=True)
    columns = _columns(inner) if inner is not None else None
    if inner is None or columns is None or not inner.args.get("group") or returned_in_having(inner):
        return None
    if says_more(inner.args["group"], {"expressions"}) or inner.find(exp.Window):
        return None
    asked = columns.put(query.args["where"], item.alias_or_name.lower())
    returned = [columns.put(each, item.alias_or_name.lower()) for each in query.expressions]
    if asked is None or None in returned or asked.find(exp.Query):
        return None
    found = inner.copy()
    found.set("expressions", returned)
    having = [of.copy() for of in (inner.args["having"].this if inner.args.get("having") else None, asked.this) if of]
    found.set("having", exp.Having(this=exp.and_(*having)))
    return None if returned_in_having(found) else (found, named)


def with_left_joins(query: exp.Select, named: Named) -> tuple[exp.Select, Named]:
    """A query that groups rows of a derived table, as one of the LEFT JOINs there; else as it is."""
    found = flattened(query, named)
    joins = (found[0].args.get("joins") or ()) if found else ()
    left = any((join.args.get("side") or "").upper() == "LEFT" for join in joins)
    return found if found and left else (query, named)


def _read(item: exp.Expr, named: Named, *, grouped: bool = False) -> tuple[exp.Select | None, Named]:
    """The query that stands after FROM, where it only filters and renames rows, or groups them."""
    if isinstance(item, exp.Table) and item.name.lower() in named:
        of = [item, named[item.name.lower()]]
        named = {name: each for name, each in named.items() if name != item.name.lower()}
    else:
        of = [item] if isinstance(item, exp.Subquery) else []
    inner = of[-1].this if of else None
    renamed = any(each.args.get("alias") and each.args["alias"].args.get("columns") for each in of)
    if renamed or not item.alias_or_name or any(says_more(each, {"this", "alias"}) for each in of):
        return None, named
    known = _GROUPED if grouped else _INNER
    if not isinstance(inner, exp.Select) or says_more(inner, known) or not inner.args.get("from_"):
        return None, named
    if grouped:
        return inner, named
    made = [call for each in inner.expressions for call in each.find_all(exp.AggFunc, exp.Window)]
    return None if any(call.parent_select is inner for call in made) else inner, named


def _hides(clauses: list[exp.Expr], inner: exp.Select, item: exp.Expr) -> bool:
    """Whether a sub-query has a relation of a name that would then mean another, or reads the WITH query itself."""
    tables = [table for each in clauses for table in each.find_all(exp.Table, exp.Subquery)]
    read = {each.this.alias_or_name.lower() for each in (inner.args["from_"], *(inner.args.get("joins") or ()))}
    read.add(item.alias_or_name.lower())
    return any(each.alias_or_name.lower() in read or each.name.lower() == item.name.lower() for each in tables)


@dataclass(frozen=True)
class _Columns:
    """What each column of a query stands for, by its name in small letters; all others are of the ``rest``."""

    told: Mapping[str, exp.Expr]
    rest: str | None

    def put(self, clause: exp.Expr, alias: str) -> exp.Expr | None:
        """A clause with what the columns of the query, which goes by a name, stand for."""
        holder = exp.Paren(this=clause.copy())
        for column in [*holder.find_all(exp.Column)]:
            nested = column.find_ancestor(exp.Select) is not None
            if (not column.table and is_stand_in(column)) or (
                nested and column.table and column.table.lower() != alias
            ):
                continue
            value = self._value(column.name.lower())
            if column.is_star or value is None or (not column.table and nested):
                return None
            if (column.table and column.table.lower() != alias) or (
                nested and any(map(_bare, value.find_all(exp.Column)))
            ):
                return None
            made = value if isinstance(value, exp.Column) else exp.Paren(this=value)
            column.replace(exp.alias_(made, column.name) if column.parent is holder else made)
        found: exp.Expr = holder.this
        return found

    def _value(self, name: str) -> exp.Expr | None:
        if name in self.told:
            return self.told[name].copy()
        return exp.column(name, self.rest) if self.rest else None


def _bare(column: exp.Column) -> bool:
    return not column.table and not is_stand_in(column)


def _columns(inner: exp.Select) -> _Columns | None:
    told, stars = dict[str, exp.Expr](), list[str]()
    for each in inner.expressions:
        if isinstance(each, exp.Star) or each.is_star:
            if (isinstance(each, exp.Star) and inner.args.get("joins")) or each.args.get("except_"):
                return None
            stars.append(inner.args["from_"].this.alias_or_name if isinstance(each, exp.Star) else each.table)
        elif not each.alias_or_name or each.alias_or_name.lower() in told:
            return None
        else:
            told[each.alias_or_name.lower()] = each.unalias()
    if len(stars) > 1 or (stars and any(isinstance(item, exp.Star) for item in told.values())):
        return None
    return _Columns(told, stars[0] if stars else None)
