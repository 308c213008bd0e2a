"""Too many of what is costly, whatever it is given: counted on Spark's analysed plan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rules_engine.errors import Fault
from rules_engine.spark.gate.plan_tree import VIEW, Node, walk
from rules_engine.spark.gate.reliance import Shape, shape, short
from rules_engine.sql.allow_list import allowed, refuse

AGGREGATE, WINDOW = "plans.logical.Aggregate", "plans.logical.Window"
CALL, SKETCHED, USUAL_ERROR = "analysis.UnresolvedFunction", "approx_count_distinct", 0.05
COLLECTED = frozenset({"CollectList", "CollectSet"})
KEPT = COLLECTED | {"Percentile", "Median", "PercentileCont", "PercentileDisc"}

_FEWER = "Ask for fewer of them, or make several rules of it."
_FLAT = "In a query, take the arrays apart with LATERAL VIEW explode instead."


def excess_faults(root: Node) -> Iterator[Fault]:
    """The first of each kind in a plan or a condition."""
    limits, nodes = allowed().growth, [node for node, _ in walk(root)]
    windows = [node for node in nodes if node.name == WINDOW]
    distinct = [len(_distinct(node)) for node in nodes if node.name == AGGREGATE]
    counted = (
        ("functions of elements within each other", _lambdas(root), limits.lambdas, _FLAT),
        ("different arguments of DISTINCT in one SELECT", max(distinct, default=0), limits.distinct, _FEWER),
        ("different arguments of DISTINCT", sum(distinct), limits.all_distinct, _FEWER),
        ("percentiles, medians and collected lists", _count(nodes, KEPT), limits.kept, _FEWER),
        ("windows", len(windows), limits.windows, _FEWER),
        ("different orders of windows", len({_order(node) for node in windows}), limits.orders, _FEWER),
    )
    for name, found, limit, hint in counted:
        if found > limit:
            yield refuse("SQL-345", name=name, found=found, limit=limit, hint=hint)
    for node in nodes:
        if short(node) == "WindowExpression" and any(short(each) in COLLECTED for each, _ in walk(node.children[0])):
            yield refuse("SQL-346", name="a list collected over a window")
            return


def sketch_faults(nodes: Sequence[Node]) -> Iterator[Fault]:
    """Too many counters of approx_count_distinct as Spark parsed it: it is slow to resolve them."""
    asked = [node.children[1:] for node in nodes if node.name == CALL and SKETCHED in _name(node)]
    counters = sum(2 ** math.ceil(2 * math.log2(1.106 / (_error(more) or USUAL_ERROR))) for more in asked)
    limits = allowed().growth
    if len(asked) > limits.approximate:
        yield refuse("SQL-345", name=f"calls of {SKETCHED}", found=len(asked), limit=limits.approximate, hint=_FEWER)
    elif counters > limits.counters:
        hint = f"Leave the error out, or write a larger one: {SKETCHED}(x, 0.05)."
        yield refuse(
            "SQL-345", name=f"counters of {SKETCHED}", found=f"{counters:,}", limit=f"{limits.counters:,}", hint=hint
        )


def _name(call: Node) -> str:
    return str(call.fields.get("nameParts", "")).lower()


def _error(arguments: Sequence[Node]) -> float | None:
    value = str(arguments[0].fields.get("value")) if arguments else ""
    return float(value) if value.replace(".", "", 1).isdigit() else None


def _count(nodes: list[Node], names: set[str] | frozenset[str]) -> int:
    return sum(short(node) in names for node in nodes)


def _distinct(aggregate: Node) -> set[tuple[Shape, ...]]:
    """The arguments of the aggregates with DISTINCT of one SELECT: for each, Spark reads the rows once more."""
    found = set[tuple[Shape, ...]]()
    for item in aggregate.beside:
        for node, _ in walk(item):
            if node.fields.get("isDistinct") is True:
                found.add(tuple(map(shape, node.children[0].children)))
    return found


def _order(window: Node) -> tuple[Shape, ...]:
    """By what a window is parted and ordered, by names: the numbers of a column differ from query to query."""
    return tuple(_named(part) for part in window.beside if short(part) != "Alias")


def _named(node: Node) -> Shape:
    name = node.fields.get("name") if short(node) == "AttributeReference" else None
    described = (short(node), str(name), str(node.fields.get("value", "")), str(node.fields.get("direction", "")))
    return (*described, *map(_named, node.children))


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
