"""Patterns as Spark's analysed plan holds them: whatever name a rule calls them by, they are judged here once more."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.errors import Fault
from rules_engine.spark.gate.plan_tree import Node, walk
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.texts import of_literal
from rules_engine.sql.patterns import expression_faults, like_faults


def pattern_faults(root: Node) -> Iterator[Fault]:
    """What is wrong with the patterns of LIKE and RLIKE; which sign escapes in those of LIKE, Spark does not print."""
    for node, _ in walk(root):
        if short(node) == "RLike":
            yield from expression_faults(_written(node.children[1]))
        elif short(node) in {"Like", "ILike"}:
            yield from like_faults(_written(node.children[1]), sign="")


def _written(node: Node) -> str | None:
    """The text of a pattern that is put together from texts alone."""
    if short(node) == "Concat":
        parts = [_written(part) for part in node.children]
        return None if None in parts else "".join(filter(None, parts))
    return of_literal(node)
