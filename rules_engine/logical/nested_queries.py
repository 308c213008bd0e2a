"""One query as a query of another: windows over the rows of groups, and LIMIT as a condition on a row's number."""

from __future__ import annotations

from sqlglot import exp


def windows_of_groups(select: exp.Select) -> None:
    """``rank() OVER (ORDER BY sum(x)) … GROUP BY k`` as windows over the rows of a query that groups."""
    group = select.args.get("group")
    if (
        not group
        or not any(item.find(exp.Window) for item in select.expressions)
        or any(value for name, value in group.args.items() if name != "expressions")
    ):
        return
    parts, items = list[exp.Expr](), exp.Tuple(expressions=[each.copy() for each in select.expressions])
    returned = {each.alias.lower() for each in select.expressions if each.alias}
    asked = select.args["having"].find_all(exp.Column) if select.args.get("having") else ()
    if items.find(exp.Query) or any(not each.table and each.name.lower() in returned for each in asked):
        return  # HAVING may name what is returned
    _take_out(items, group.expressions, parts)
    select.set("expressions", items.expressions)
    given = [exp.alias_(part, f"of_group_{n}") for n, part in enumerate(parts)]
    inner = exp.Select(expressions=given)
    for name in ("from_", "joins", "where", "group", "having"):
        inner.set(name, select.args.get(name))
        select.set(name, None)
    select.set(
        "from_", exp.From(this=exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("of_groups"))))
    )


def limits_by_place(root: exp.Expr) -> exp.Expr:
    """The tree, changed: ``ORDER BY … LIMIT n`` as the rows whose number in that order is not greater."""
    for select in [*root.find_all(exp.Select)]:
        order, most = select.args.get("order"), _number(select.args.get("limit"))
        first, known = _number(select.args.get("offset")), [each.alias_or_name for each in select.expressions]
        if order is None or most is None or select.args.get("distinct") or not all(known):
            continue
        if _orders_by_what_it_hides(select):
            continue
        by = [_ordered(each, select) for each in order.expressions]
        numbered, placed = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=by)), exp.column("placed_")
        inner = select.copy()
        for name in ("order", "limit", "offset", "with_"):
            inner.set(name, None)
        inner.set("expressions", [*inner.expressions, exp.alias_(numbered, "placed_")])
        windows_of_groups(inner)
        for name in ("order", "limit", "offset", "joins", "where", "group", "having"):
            select.set(name, None)
        end = exp.Literal.number((first or 0) + most)
        kept: list[exp.Expr] = [exp.LTE(this=placed, expression=end)]
        kept += [exp.GT(this=placed.copy(), expression=exp.Literal.number(first))] if first else []
        alias = exp.TableAlias(this=exp.to_identifier("limited_"))
        select.set("from_", exp.From(this=exp.Subquery(this=inner, alias=alias)))
        select.set("where", exp.Where(this=exp.and_(*kept)))
        select.set("expressions", [exp.column(name) for name in known])
    return root


def _number(clause: exp.Expr | None) -> int | None:
    value = clause.expression if clause is not None else None
    return int(value.name) if isinstance(value, exp.Literal) and value.name.isdigit() else None


def _orders_by_what_it_hides(select: exp.Select) -> bool:
    """Whether an aggregate that a query orders by names a column as something else is returned."""
    named = {each.alias.lower() for each in select.expressions if each.alias and each.this.name != each.alias}
    called = [call for each in select.args["order"].expressions for call in each.find_all(exp.AggFunc)]
    return any(not of.table and of.name.lower() in named for call in called for of in call.find_all(exp.Column))


def _ordered(node: exp.Expr, select: exp.Select) -> exp.Expr:
    """What a query orders by, in the words of its rows: a name, or a number, of what it returns stands for that."""
    found = node.copy() if isinstance(node, exp.Ordered) else exp.Ordered(this=node.copy())
    value = found.this
    if isinstance(value, exp.Literal) and value.name.isdigit() and 0 < int(value.name) <= len(select.expressions):
        value.replace(select.expressions[int(value.name) - 1].unalias().copy())
        return found
    named = {each.alias.lower(): each.unalias() for each in select.expressions if each.alias}
    for column in [*value.find_all(exp.Column)]:
        told = None if column.table else named.get(column.name.lower())
        if told is not None and told != column:
            column.replace(told.copy() if column is value else exp.Paren(this=told.copy()))
    return found


def _take_out(node: exp.Expr, keys: list[exp.Expr], parts: list[exp.Expr]) -> None:
    """Put a name in the place of each key of a group, and of each aggregate of it, and note what it stands for."""
    for child in [*node.iter_expressions()]:
        of_window = isinstance(node, exp.Window) and child is node.this
        if child not in keys and (not isinstance(child, exp.AggFunc) or of_window):
            _take_out(child, keys, parts)
            continue
        if child not in parts:
            parts.append(child.copy())
        name = exp.column(f"of_group_{parts.index(child)}")
        kept = exp.alias_(name, child.name) if isinstance(node, exp.Tuple) else name
        child.replace(kept)
