"""
What costs much in little text, judged on Spark's analysed plan: too many of what is costly, and lists over windows.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.errors import Fault
from rules_engine.evaluation.plans import VIEW, Node, walk
from rules_engine.evaluation.reliance import short
from rules_engine.language.allowed import refuse

LAMBDAS, DISTINCT, APPROXIMATE, WINDOWS = 2, 16, 20, 200
"""Functions of elements within each other, and of a query: DISTINCT aggregates, approximate counts, windows."""

_FEWER = "Ask for fewer of them, or make several rules of it."


def growth_faults(root: Node) -> Iterator[Fault]:
    """The first of each kind of cost in a plan or a condition."""
    nodes = [node for node, _ in walk(root)]
    if _lambdas(root) > LAMBDAS:
        hint = "In a query, take the arrays apart with LATERAL VIEW explode instead."
        yield refuse("SQL-345", name="functions of elements within each other", limit=LAMBDAS, hint=hint)
    counted = {
        "aggregates with DISTINCT": (DISTINCT, [n for n in nodes if n.fields.get("isDistinct") is True]),
        "calls of approx_count_distinct": (APPROXIMATE, [n for n in nodes if short(n) == "HyperLogLogPlusPlus"]),
        "windows of their own": (WINDOWS, [n for n in nodes if n.name == "plans.logical.Window"]),
    }
    for name, (limit, found) in counted.items():
        if len(found) > limit:
            yield refuse("SQL-345", name=name, limit=limit, hint=_FEWER)
    for node in nodes:
        if short(node) == "WindowExpression" and any(short(each) in _COLLECT for each, _ in walk(node.children[0])):
            yield refuse("SQL-346", name="a list collected over a window")
            return


_COLLECT = {"CollectList", "CollectSet"}


def _lambdas(root: Node) -> int:
    """The most functions of elements that stand within each other."""
    most, waiting = 0, [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        depth += short(node) == "LambdaFunction"
        most = max(most, depth)
        if node.name != VIEW:
            waiting += [(child, depth) for child in (*node.children, *node.beside)]
    return most
