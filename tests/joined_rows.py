"""
How many rows joins make of how many, by Spark's own count: a judge of products that knows nothing of the gates.

Every frame has as many rows as values in each of its columns, so an equality of two columns finds each row one
partner. A join by which nearly all rows meet nearly all rows is a product, and so is one that Spark runs as a loop.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rules_engine.model.rules import Form
from rules_engine.model.schemas import Schema
from rules_engine.spark.sandbox import active
from rules_engine.spark.session import pin
from tests.filled_rows import interpreted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 40
SEVERAL, MOST = 6, 0.3
"""Rows of a side from which on it counts, and the share of all pairs from which on a join is a product."""
LOOPS = ("BroadcastNestedLoopJoinExec", "CartesianProductExec")


class JoinedRows:
    """One schema over rows that differ in every column; opened once for many rules."""

    def __init__(self, spark: SparkSession, schema: Schema) -> None:
        self.session, self.schema = interpreted(pin(spark)), schema
        for frame, columns in schema.columns.items():
            rows = [tuple(_value(type_, at) for type_ in columns.values()) for at in range(ROWS)]
            types = ", ".join(f"`{name}` {type_}" for name, type_ in columns.items())
            self.session.createDataFrame(rows, types).coalesce(1).createOrReplaceTempView(frame)

    def products(self, form: Form, sql: str, frame: str = "") -> list[str]:
        """The joins of a rule that are products; empty for one that cannot be run."""
        key = self.schema.subject_key_of(frame) if frame else ""
        query = sql if form is Form.STATEMENT else f"SELECT `{key}` FROM `{frame}` WHERE {sql}"
        try:
            with active(self.session):
                rows = self.session.sql(query)
                rows._jdf.queryExecution().toRdd().count()
                return [said for join in _joins(rows._jdf.queryExecution().executedPlan()) for said in _product(join)]
        except Exception:
            return []


def _value(type_: str, at: int) -> Any:
    match type_.split("(", maxsplit=1)[0].split("<", maxsplit=1)[0].lower():
        case "string" | "char" | "varchar":
            return f"{chr(97 + at % 26)}{at}"
        case "date":
            return datetime.date(2004, 1, 1) + datetime.timedelta(days=37 * at)
        case "timestamp" | "timestamp_ntz":
            return datetime.datetime(2004, 1, 1, 12) + datetime.timedelta(hours=37 * at)
        case "boolean":
            return at % 2 == 0
        case "double" | "float":
            return at + 0.5
        case "decimal":
            return Decimal(at)
        case "array" | "map" | "struct":
            return None
    return at


def _joins(plan: Any) -> Iterator[Any]:
    """The joins of what was run, those of sub-queries too."""
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if "Join" in _name(node) or _name(node) in LOOPS:
            yield node
        waiting += [*_each(node.children()), *_each(node.subqueries())]


def _product(join: Any) -> Iterator[str]:
    below = [_rows(side) for side in _each(join.children())]
    if min(below) < SEVERAL:
        return
    if _name(join) in LOOPS:
        yield f"a loop of {' × '.join(map(str, below))} rows"
    elif (rows := _rows(join)) > MOST * below[0] * below[1]:
        yield f"{rows} rows of {' × '.join(map(str, below))}"


def _rows(node: Any) -> int:
    """The rows that a node gave; those of the nearest one below, where it does not count."""
    while True:
        counted = node.metrics().get("numOutputRows")
        if counted.isDefined():
            return int(counted.get().value())
        below = _each(node.children())
        if len(below) != 1:
            return 0
        node = below[0]


def _name(node: Any) -> str:
    return str(node.getClass().getSimpleName())


def _each(found: Any) -> list[Any]:
    return [found.apply(at) for at in range(found.size())]
