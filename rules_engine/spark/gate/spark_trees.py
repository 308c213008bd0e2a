"""What Spark holds of a plan and does not print: its own objects, asked one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rules_engine.spark.gate.plan_tree import CATALYST, VIEW
from rules_engine.spark.sandbox import handles

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL_RELATION = f"{CATALYST}plans.logical.LocalRelation"
QUERIES = {"Exists", "LateralSubquery", "ListQuery", "ScalarSubquery"}
_WITH_A_PLAN = {f"{CATALYST}expressions.{name}" for name in QUERIES}


def every(plan: Any) -> Iterator[Any]:
    """Every node and expression of a plan or an expression in Spark's own form, sub-queries too, views left out."""
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        yield node
        name = node.getClass().getName()
        if name == f"{CATALYST}{VIEW}":
            continue
        waiting += each(node.children())
        if name.startswith(f"{CATALYST}plans.logical."):
            waiting += each(node.expressions())
        elif name in _WITH_A_PLAN:
            waiting.append(node.plan())


def expressions(spark: SparkSession, tree: Any, *, is_plan: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """
    The expressions of a plan, or one and all below it, sub-queries too: each one's class, short, and how to get it.

    The JVM walks and names them in a few calls of it; :func:`every` takes five for each node. It walks under the views,
    too: no frame casts anything there, and yet its columns are found.
    """
    known, waiting = handles(spark), [(tree, is_plan)]
    while waiting:
        top, is_plan = waiting.pop()
        held = top.flatMap(known.expressions).iterator().flatMap(known.below) if is_plan else known.below.apply(top)
        found = held.toVector()
        names = str(found.iterator().map(known.class_name).mkString(",")).split(",")
        for at, name in enumerate(names):
            yield name, partial(found.apply, at)
            if name in QUERIES:
                waiting.append((found.apply(at).plan(), True))


def each(found: Any) -> Iterator[Any]:
    """The entries of a sequence of Scala's."""
    return (found.apply(at) for at in range(found.size()))


@dataclass(frozen=True, slots=True)
class Written:
    """A column of VALUES: the most characters and elements of a cell, the most rows with one value, and all rows."""

    characters: int
    elements: int
    repeats: int
    rows: int
    table: int


def written_columns(plan: Any) -> Mapping[int, Written]:
    """The columns of VALUES by their numbers: Spark works their cells out while it analyses."""
    found = dict[int, Written]()
    for node in every(plan):
        if node.getClass().getName() == LOCAL_RELATION:
            columns = [int(column.exprId().id()) for column in each(node.output())]
            found.update(zip(columns, _columns(str(node.data().mkString("\n")), columns), strict=True))
    return found


def _columns(printed: str, columns: list[int]) -> list[Written]:
    """Of rows printed as ``[a,b]``: by column where commas tell them apart, or else as if each cell were a row."""
    rows = printed.split("\n")
    cells = [row[1:-1].split(",") for row in rows]
    longest, commas = max(map(len, rows)), max(row.count(",") for row in rows)
    if any(len(row) != len(columns) for row in cells):
        return [Written(longest, commas + 1, len(rows), len(rows), columns[0])] * len(columns)
    return [
        Written(max(map(len, column)), 1, max(Counter(column).values()), len(rows), columns[0])
        for column in zip(*cells, strict=True)
    ]
