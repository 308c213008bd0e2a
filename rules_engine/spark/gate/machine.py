"""
What of an analysed rule would answer differently on another Spark or another Java, though each is sure of its answer.

Where a setting gives all of them one answer it is pinned (:data:`rules_engine.spark.session.PINNED`); what is
found here has no such setting. ``tests/data/functions.tsv`` holds every allowed function against all Sparks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.spark.gate.parsed_plan import Parsed
from rules_engine.spark.gate.plan_tree import Node, walk
from rules_engine.spark.gate.spark_trees import expressions
from rules_engine.sql.allow_list import refuse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CAST, MAP, WINDOW = "expressions.Cast", "expressions.CreateMap", "expressions.WindowSpecDefinition"
FORMATTED = "expressions.DateFormatClass"
FLOATING = ("double", "float")


def machine_faults(spark: SparkSession, plan: Any, root: Node, found: Parsed) -> Iterator[Fault]:
    """What of a plan, whose tree ``root`` is, depends on the machine; Spark says the types that are not in it."""
    nodes = [node for node, _ in walk(root)]
    moments = any("imestamp" in f"{node.name} {node.fields.get('dataType')}" for node in nodes)
    typed = (_may_write_floating, _to_wide, *((_to_decimal,) if moments else ()))
    if any(node.name == MAP or any(may_be(node) for may_be in typed) for node in nodes):
        yield from _typed_faults(spark, plan, is_plan=root.name.startswith("plans."))
    if any(node.name == WINDOW and _days_by_interval(node) for node in nodes):
        hint = "Write a whole number: RANGE BETWEEN 30 PRECEDING AND CURRENT ROW counts days over a day."
        yield refuse("SQL-324", name="a RANGE of INTERVAL days over days", hint=hint)
    written = any(node.name == FORMATTED for node in nodes)
    if written and "to_char" in found.functions and "date_format" not in found.functions:
        yield refuse("SQL-324", name="to_char() of a day or moment", hint="Write date_format(…, 'yyyy-MM-dd').")


def _may_write_floating(node: Node) -> bool:
    """Whether a node writes a text of what may be a floating number: of most casts the tree says what they are of."""
    if node.name != CAST or "string" not in str(node.fields["dataType"]):
        return False
    type_ = node.children[0].fields.get("dataType")
    return type_ is None or any(name in str(type_) for name in FLOATING)


def _to_wide(node: Node) -> bool:
    """Whether a node makes a decimal of so many digits of what may be a floating number that Java chooses them."""
    if node.name != CAST or _digits_before_point(node.fields["dataType"]) <= _SAME_DIGITS:
        return False
    return node.children[0].fields.get("dataType") in {None, *FLOATING}


def _digits_before_point(type_: Any) -> int:
    """Of a decimal's type; 0 of others."""
    found = re.fullmatch(r"decimal\((\d+),(-?\d+)\)", str(type_))
    return int(found[1]) - int(found[2]) if found else 0


_SAME_DIGITS = 21
"""Digits before the point up to which Java 17 and 21 write the same of a double: they differ above 10 to the 21st."""


def _to_decimal(node: Node) -> bool:
    """Whether a node makes a decimal of what may be a moment."""
    type_ = node.children[0].fields.get("dataType", "timestamp") if node.name == CAST else ""
    return str(type_).startswith("timestamp") and str(node.fields["dataType"]).startswith("decimal")


def _days_by_interval(window: Node) -> bool:
    """Whether a window of ranges counts days or hours over something that is not surely a moment."""
    frame = next((child for child in window.children if child.fields.get("frameType")), None)
    if frame is None or "RangeFrame" not in str(frame.fields["frameType"]):
        return False
    types = {str(node.fields.get("dataType", "")) for node, _ in walk(frame)}
    if not any(type_.startswith("interval") and type_ not in _MONTHS for type_ in types):
        return False
    orders = (child.children[0] for child in window.children if child.name == "expressions.SortOrder")
    return any(not str(order.fields.get("dataType", "")).startswith("timestamp") for order in orders)


_MONTHS = {"interval year", "interval month", "interval year to month"}


def _typed_faults(spark: SparkSession, plan: Any, *, is_plan: bool) -> Iterator[Fault]:
    """Texts of floating numbers, maps that have such keys, and decimals of moments, by the types that Spark gave."""
    for short, get in expressions(spark, plan, is_plan=is_plan):
        if (name := f"expressions.{short}") not in {CAST, MAP}:
            continue
        node = get()
        if name == CAST and _type(node).startswith("decimal") and _type(node.child()).startswith("timestamp"):
            hint = "Write unix_micros(x), or unix_seconds(x): a whole number."
            yield refuse("SQL-324", name="a moment as a decimal (Spark 3.5 loses its microseconds)", hint=hint)
        if name == CAST and _digits_before_point(_type(node)) > _SAME_DIGITS and _type(node.child()) in FLOATING:
            of = _type(node.child())
            said = f"a {of} as a decimal of more than {_SAME_DIGITS} digits before the point (Java 17 and 21 differ)"
            yield refuse("SQL-324", name=said, hint="Leave fewer: CAST(x AS DECIMAL(38, 17)).")
        if name == CAST and "string" in _type(node) and any(of in _type(node.child()) for of in FLOATING):
            hint = "Make it a decimal first: CAST(CAST(x AS DECIMAL(20, 2)) AS STRING)."
            yield refuse(
                "SQL-324", name=f"a {_type(node.child())} as text (Java 17 and 21 write other digits)", hint=hint
            )
        if name == MAP and node.keys().size() and any(of in _type(node.keys().apply(0)) for of in FLOATING):
            hint = "Take a whole number, a decimal or a text for a key."
            yield refuse("SQL-324", name="a map with floating keys (-0.0 is 0.0 to some)", hint=hint)


def _type(expression: Any) -> str:
    return str(expression.dataType().simpleString())
