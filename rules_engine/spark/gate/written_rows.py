"""Rows and truths that a rule itself holds: they are as somebody wrote them, whatever the data."""

from __future__ import annotations

from collections.abc import Set

from rules_engine.spark.gate.lossless import ATTRIBUTE, written
from rules_engine.spark.gate.plan_tree import VIEW, Node, held, walk

LOGICAL = "plans.logical."
LITERAL = "expressions.Literal"
_COMPARED = {"EqualTo", "EqualNullSafe", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"}
_ASKED = _COMPARED | {"In", "IsNull", "IsNotNull", "Like", "RLike", "StartsWith", "EndsWith", "Contains"}


def is_list(plan: Node) -> bool:
    """Whether a UNION puts rows together that are written out one by one, as VALUES does."""
    while plan.name in {f"{LOGICAL}SubqueryAlias", f"{LOGICAL}Distinct"}:
        plan = plan.children[0]
    if plan.name == f"{LOGICAL}Union":
        return all(map(is_list, plan.children))
    cells = [cell.children[0] if cell.name == "expressions.Alias" else cell for cell in held(plan, "projectList")]
    below = [child.name for child in plan.children]
    if below == [f"{LOGICAL}Project"]:  # casts to the type that all rows have
        return all(cell.name in {ATTRIBUTE, "expressions.Cast"} for cell in cells) and is_list(plan.children[0])
    return below == [f"{LOGICAL}OneRowRelation"] and all(written(cell) is not None for cell in cells)


def is_written_out(plan: Node, queries: Set[int]) -> bool:
    """Whether a query reads no frame, nor a WITH query but of such ``queries``: it has the same rows on every night."""
    named = {int(node.fields["cteId"]) for node, _ in walk(plan) if node.name == f"{LOGICAL}CTERelationRef"}
    return named <= queries and all(node.name != VIEW for node, _ in walk(plan))


def is_settled(condition: Node) -> bool:
    """
    Whether a condition, or a part of it, holds NULL or a truth, or asks about no column.

    Spark works such parts out when it plans, and may find that the whole is never true.
    """
    return all(node.name != ATTRIBUTE for node, _ in walk(condition)) or any(
        _is_written_truth(node, above) for node, above in walk(condition)
    )


def _is_written_truth(node: Node, above: Node | None) -> bool:
    if node.name == LITERAL:
        truth = node.fields.get("dataType") == "boolean" and (above is None or _word(above) not in _COMPARED)
        return truth or node.fields.get("value") is None
    return _word(node) in _ASKED and all(part.name != ATTRIBUTE for part, _ in walk(node))


def _word(node: Node) -> str:
    return node.name.removeprefix("expressions.")
