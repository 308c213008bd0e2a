"""Spark's plans as trees of named nodes, read from the JSON that Spark itself prints of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CATALYST = "org.apache.spark.sql.catalyst."
VIEW = "plans.logical.View"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A plan or an expression; ``name`` is its class without :data:`CATALYST`."""

    name: str
    fields: Mapping[str, Any]
    children: tuple[Node, ...]

    @property
    def beside(self) -> tuple[Node, ...]:
        """Trees that are held in fields and are no children: sub-queries, CTEs, rows of VALUES."""
        return tuple(tree for value in self.fields.values() for tree in _trees(value))

    @property
    def unseen(self) -> Iterator[str]:
        """Fields whose value Spark does not print, as ``Class.field``."""
        for field, value in self.fields.items():
            yield from _unseen(f"{self.name}.{field}", value)


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
    text = str(problem).split("\n== SQL")[0].split(";\n")[0].split("\n\n")[0]
    text = re.sub(r"\s*SQLSTATE: \w+", "", re.sub(r"^\[[A-Z_.0-9]+\]\s*", "", text))
    return " ".join(text.split())[:500]


def _tree(flat: list[dict[str, Any]]) -> Node:
    """Spark prints nodes parent first, each with the number of its children."""
    done: list[Node] = []
    for entry in reversed(flat):
        fields = {key: value for key, value in entry.items() if key not in {"class", "num-children"}}
        children = tuple(done.pop() for _ in range(entry["num-children"]))
        done.append(Node(entry["class"].removeprefix(CATALYST), fields, children))
    (root,) = done
    return root


def _trees(value: Any) -> Iterator[Node]:
    if isinstance(value, list) and value and all(isinstance(entry, dict) and "class" in entry for entry in value):
        yield _tree(value)
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _trees(part)


def _unseen(path: str, value: Any) -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, list) and not (value and isinstance(value[0], dict) and "class" in value[0]):
        for part in value:
            yield from _unseen(path, part)
    elif isinstance(value, dict) and "class" not in value:
        for part in value.values():
            yield from _unseen(path, part)
