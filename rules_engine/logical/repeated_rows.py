"""Whether a query may repeat what it joins, so that rows must not be counted."""

from __future__ import annotations

from sqlglot import exp

from rules_engine.logical.join_reader import Named


def joins_groups(root: exp.Expr, named: Named) -> bool:
    """Whether rows may be joined with groups: they are grouped within, and another query joins, or asks others."""
    grouped, asking, seen = list[exp.Expr](), list[exp.Expr](), set[str]()
    named = {**named, **{each.alias.lower(): each for each in root.find_all(exp.CTE)}}

    def visit(node: exp.Expr, *, within: bool) -> None:
        if isinstance(node, exp.Select) and (node.args.get("group") or _has_windows(node)):
            grouped.append(node)
            within = within or node is not root
        elif isinstance(node, exp.Select) and _asks_others(node) and not within:
            asking.append(node)
        for child in node.iter_expressions():
            if not isinstance(child, exp.With):
                visit(child, within=within)
        if isinstance(node, exp.Table) and node.name.lower() in named and node.name.lower() not in seen:
            seen.add(node.name.lower())
            visit(named[node.name.lower()], within=within)

    visit(root, within=False)
    return any(query is not root for query in grouped) and (len(grouped) > 1 or bool(asking))


def _has_windows(query: exp.Select) -> bool:
    """Whether a query returns what windows come to: those over a subject's rows are read as groups."""
    return any(item.find(exp.Window) for item in query.expressions)


def _asks_others(query: exp.Select) -> bool:
    where = query.args.get("where")
    return bool(query.args.get("joins") or (where and where.find(exp.Query)))
