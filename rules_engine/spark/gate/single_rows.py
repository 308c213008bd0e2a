"""Plans that have one row, whatever the data: all of it, or one for each row outside that a sub-query is asked for."""

from __future__ import annotations

from collections.abc import Set

from rules_engine.spark.gate.conditions import conjuncts
from rules_engine.spark.gate.plan_tree import Node, asks_outside, held, number
from rules_engine.spark.gate.spread import ATTRIBUTE, LOGICAL
from rules_engine.spark.gate.spread_names import EXPRESSIONS

SAME_ROWS = {f"{LOGICAL}{name}" for name in ("SubqueryAlias", "Filter", "Sort", "Project", "Distinct", "Window")}


def is_one_each(plan: Node, known: Set[int]) -> bool:
    """
    Whether a query has one row for each row outside: it groups by nothing but columns that are held equal to that.

    Of what is made of such columns, is held by ``<=>`` or is DISTINCT Spark does not know it, and joins row by row.
    """
    plan, distinct = _core(plan)
    if not plan.name.endswith(".Aggregate"):
        return is_single(plan, known)
    keys, tied = held(plan, "groupingExpressions"), _held_outside(plan.children[0])
    return not keys or (not distinct and all(key.name == ATTRIBUTE and number(key) in tied for key in keys))


def is_single(plan: Node, known: Set[int]) -> bool:
    """Whether a plan has one row or none, whatever the data; the WITH queries that are ``known``, by number, have."""
    while plan.name in SAME_ROWS or plan.name.endswith((".WithCTE", ".LocalLimit")):
        plan = plan.children[-1]
    name = plan.name.removeprefix(LOGICAL)
    if name == "Aggregate":
        keys = held(plan, "groupingExpressions")
        return not keys or is_single(plan.children[0], known)
    if name == "Join":
        return all(is_single(child, known) for child in plan.children)
    if name == "GlobalLimit":
        return [part.fields.get("value") for part in held(plan, "limitExpr")] == ["1"]
    return name == "OneRowRelation" or (name == "CTERelationRef" and int(plan.fields["cteId"]) in known)


def why_several(plan: Node) -> str:
    """Why a query that asks about the row outside may have several rows for it."""
    if _core(plan)[0].name.endswith(".Aggregate"):
        return "groups by more than columns that are held equal (=) to the row outside, or is DISTINCT over groups"
    return "asks about the row outside without ending in an aggregate"


def _core(plan: Node) -> tuple[Node, bool]:
    """What makes the rows of a query, and whether equal ones of them are one afterwards."""
    distinct = False
    while plan.name in SAME_ROWS or plan.name.endswith(".WithCTE"):
        distinct = distinct or plan.name.endswith(".Distinct")
        plan = plan.children[-1]
    return plan, distinct


def _held_outside(plan: Node) -> set[int]:
    """The columns of a plan that its conditions hold equal to a value of the row outside."""
    terms = conjuncts(held(plan, "condition"))
    equal = (sorted(term.children, key=asks_outside) for term in terms if term.name == f"{EXPRESSIONS}EqualTo")
    own = {number(side) or 0 for side, other in equal if side.name == ATTRIBUTE and asks_outside(other)}
    return own.union(*map(_held_outside, plan.children)) if plan.name != f"{LOGICAL}View" else own
