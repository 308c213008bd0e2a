"""Which clauses and which names of relations a text holds, counted, so that two readers of it can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlglot import exp

_CLAUSES: dict[type[exp.Expr], str] = {
    exp.Having: "HAVING",
    exp.Join: "JOIN",
    exp.Lateral: "LATERAL VIEW",
    exp.Union: "UNION",
    exp.Intersect: "INTERSECT",
    exp.Except: "EXCEPT",
}


def named(name: str) -> str:
    """How the name of a relation is counted."""
    return f"the name '{name.lower()}'"


def clauses(nodes: Iterable[exp.Expr]) -> Counter[str]:
    """What sqlglot sees, in the words of SQL."""
    return Counter(said for node in nodes for said in _said(node))


def _said(node: exp.Expr) -> Iterator[str]:
    if clause := _CLAUSES.get(type(node)):
        yield clause
    elif isinstance(node, exp.Where) and not isinstance(node.parent, exp.Filter):
        yield "WHERE"
    elif isinstance(node, exp.Order) and isinstance(node.parent, exp.Query):
        yield "ORDER BY"
    elif isinstance(node, exp.Select) and node.args.get("windows"):
        yield "WINDOW"
    elif isinstance(node, exp.TableAlias) and node.name and not isinstance(node.parent, exp.Lateral):
        yield named(node.name)
