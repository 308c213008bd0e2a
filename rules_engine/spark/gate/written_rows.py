"""Rows that a rule itself holds: there are as many as somebody wrote, whatever the data."""

from __future__ import annotations

from rules_engine.spark.gate.lossless import ATTRIBUTE, written
from rules_engine.spark.gate.plan_tree import Node, held

LOGICAL = "plans.logical."


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


def is_written_out(plan: Node) -> bool:
    """Whether a query has all the rows that VALUES lists."""
    while plan.name.endswith((".Project", ".SubqueryAlias")):
        plan = plan.children[0]
    return plan.name.endswith(".LocalRelation")
