"""Spark's plans as trees of named nodes, read from the JSON that Spark itself prints of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.spark.failure.messages import text_of

CATALYST = "org.apache.spark.sql.catalyst."
VIEW = "plans.logical.View"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """
    A plan or an expression; ``name`` is its class without :data:`CATALYST`.

    ``beside`` are trees that are held in fields and are no children: sub-queries, CTEs, rows of VALUES.
    ``unseen`` are fields whose value Spark does not print, as ``Class.field``.
    """

    name: str
    fields: Mapping[str, Any]
    children: tuple[Node, ...]
    beside: tuple[Node, ...]
    unseen: frozenset[str]


def tree(text: str) -> Node:
    """The tree that ``TreeNode.toJSON`` printed."""
    return _tree(json.loads(text))


def walk(root: Node) -> Iterator[tuple[Node, Node | None]]:
    """Every node with the one above it; what lies under a view is the engine's own and left out."""
    waiting: list[tuple[Node, Node | None]] = [(root, None)]
    while waiting:
        node, above = waiting.pop()
        yield node, above
        if node.name != VIEW:
            waiting += [(child, node) for child in (*node.children, *node.beside)]


def view_name(node: Node) -> str:
    """The name under which a view was registered; empty where it is not a temporary view of one name."""
    identifier = (node.fields.get("desc") or {}).get("identifier") or {}
    parts = {key for key in identifier if key != "product-class"}
    return str(identifier["table"]).lower() if node.fields.get("isTempView") and parts == {"table"} else ""


def in_words(problem: Exception) -> str:
    """Spark's message without its plan, class prefix and position block."""
    text = text_of(problem).split("\n== SQL")[0].split(";\n")[0].split("\n\n")[0]
    text = re.sub(r"\s*SQLSTATE: \w+", "", re.sub(r"^\[[A-Z_.0-9]+\]\s*", "", text))
    text = re.sub(r'\s*If necessary set "?spark[\w.]+"? to "?false"? to bypass this error\.', "", text)
    text = re.sub(r', or use "any_value[^,]*$', ".", text)  # a rule may not: any row could be meant
    return " ".join(text.split())[:500]


def _tree(flat: list[dict[str, Any]]) -> Node:
    """Spark prints nodes parent first, each with the number of its children."""
    done: list[Node] = []
    for entry in reversed(flat):
        name = entry["class"].removeprefix(CATALYST)
        beside, unseen = list[Node](), set[str]()
        for field, value in entry.items():
            if f"{name}.{field}" in _TWICE:
                continue
            if value is None:
                unseen.add(f"{name}.{field}")
            elif value and type(value) in _NESTED:
                _look_into(value, f"{name}.{field}", beside, unseen)
        children = tuple(done.pop() for _ in range(entry["num-children"]))
        done.append(Node(name, entry, children, tuple(beside), frozenset(unseen)))
    (root,) = done
    return root


_NESTED = (list, dict)
_TWICE = {
    "analysis.UnresolvedFunction.filter",
    "expressions.CaseWhen.branches",
    "expressions.CaseWhen.elseValue",
}
"""Fields that print their trees whole, although these are children of the node as well."""


def _look_into(value: Any, path: str, beside: list[Node], unseen: set[str]) -> None:
    """Collect the trees and the nulls of a field, however deep they lie in it."""
    if type(value) is list and all(type(entry) is dict and "class" in entry for entry in value):
        beside.append(_tree(value))
        return
    for part in value.values() if type(value) is dict else value:
        if part is None:
            unseen.add(path)
        elif part and type(part) in _NESTED:
            _look_into(part, path, beside, unseen)


def held(node: Node, field: str) -> list[Node]:
    """The trees that a field holds: of ``projectList`` each expression, of ``condition`` the one."""
    value = node.fields.get(field)
    if type(value) is not list or not value:
        return []
    if type(value[0]) is dict:
        return [_tree(value)] if "class" in value[0] else []
    return [_tree(part) for part in value if type(part) is list and part]


def number(node: Node) -> int | None:
    """The number by which an attribute or an alias is known in its plan."""
    found = node.fields.get("exprId")
    return int(found["id"]) if type(found) is dict and "id" in found else None


def asks_outside(node: Node) -> bool:
    """Whether a value is of the row outside: in a sub-query it is the same for all rows."""
    return node.name == "expressions.OuterReference" or any(map(asks_outside, node.children))


def rows_of(view: Node) -> Node:
    """What lies under a frame's view."""
    return view.children[0] if view.children else view


def join_type(plan: Node) -> str:
    """``Inner``, ``LeftOuter`` and so on."""
    said = plan.fields.get("joinType") or {}
    return str(said.get("object", said.get("product-class", ""))).rpartition(".")[2].strip("$")
