"""
What Spark prints of a rule that holds long lists of values.

``toJSON`` looks for each value of an IN among all before it: 8,000 values took seconds, and 19,000 minutes. Where a
list is long it is printed as if it had been written in parts, ``x IN (…) OR x IN (…)``, which asks the same and leaves
out no value. What is analysed, and what runs, is the list as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rules_engine.spark.gate.plan_tree import CATALYST
from rules_engine.spark.gate.spark_trees import QUERIES, each
from rules_engine.spark.sandbox import handles, java, printed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PART = 200
"""Values of which Spark prints a list at once."""
PYTHON = "org.apache.spark.api.python.PythonUtils"
_ONCE = QUERIES | {"AggregateExpression", "UnresolvedFunction", "WindowExpression"}
"""Calls and queries that other gates count: of a value that holds one the parts of a list repeat none."""


def shown(spark: SparkSession, tree: Any, text: str) -> str:
    """What ``toJSON`` prints of a plan or an expression of a rule's text, its long lists in parts."""
    return printed(spark, _Parting(spark).tree(tree) if text.count(",") >= PART else tree)


class _Parting:
    """Parts the long lists of one plan or expression."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark, self.handles = spark, handles(spark)
        self._plans = java(spark, "java.lang.Class").forName(f"{CATALYST}plans.QueryPlan")

    def tree(self, tree: Any) -> Any:
        """A plan or an expression with its long lists in parts; itself where it has none."""
        if not self._plans.isInstance(tree):
            return self._replaced(tree.transformDown, tree, dict(self._parted(self.handles.below.apply(tree))))
        tree = self._replaced(tree.transformDown, tree, dict(self._defined(tree)))
        held = tree.flatMap(self.handles.expressions).iterator().flatMap(self.handles.below).toVector()
        return self._replaced(tree.transformAllExpressions, tree, dict(self._parted(held)))

    def _replaced(self, transform: Any, tree: Any, others: dict[Any, Any]) -> Any:
        if not others:
            return tree
        map_ = java(self.spark, "java.util.HashMap")()
        for one, other in others.items():
            map_.put(one, other)
        return transform(java(self.spark, PYTHON).toScalaMap(map_))

    def _parted(self, found: Any) -> Iterator[tuple[Any, Any]]:
        """Of expressions those that change, with what they become."""
        for at, name in enumerate(self._names(found)):
            if name == "In" and (one := found.apply(at)).list().size() > PART:
                yield one, self._in_parts(one)
            elif name in QUERIES:
                plan = (one := found.apply(at)).plan()
                if (parted := self.tree(plan)) is not plan:
                    yield one, one.withNewPlan(parted)

    def _in_parts(self, one: Any) -> Any:
        """Of the parts of a list an OR of two, of these likewise; what is counted stands in the first alone."""
        once = bool(_ONCE & set(self._names(self.handles.below.apply(one.value()))))
        in_, or_ = (java(self.spark, f"{CATALYST}expressions.{name}") for name in ("In", "Or"))
        parts = [*each(one.list().grouped(PART).toVector())]
        terms = [in_(part.head() if once and at else one.value(), part) for at, part in enumerate(parts)]
        while len(terms) > 1:
            terms = [or_(*terms[at : at + 2]) if at + 1 < len(terms) else terms[at] for at in range(0, len(terms), 2)]
        return terms[0]

    def _names(self, found: Any) -> list[str]:
        return str(found.iterator().map(self.handles.class_name).mkString(",")).split(",")

    def _defined(self, plan: Any) -> Iterator[tuple[Any, Any]]:
        """WITH as the parser reads it, which holds its queries aside."""
        nodes = self.handles.below.apply(plan)
        for at, name in enumerate(self._names(nodes)):
            if name == "UnresolvedWith":
                with_ = nodes.apply(at)
                queries = [[*_fields(query)] for query in each(with_.cteRelations())]
                parted = [self.tree(query[1]) for query in queries]
                if any(one is not other[1] for one, other in zip(parted, queries, strict=True)):
                    yield with_, self._with(with_, parted)

    def _with(self, with_: Any, parted: Sequence[Any]) -> Any:
        known = java(self.spark, "java.util.ArrayList")()
        for query, one in zip(each(with_.cteRelations()), parted, strict=True):
            name, _, *more = _fields(query)
            known.add(query.copy(name, one, *more))
        child, _, *more = _fields(with_)
        return with_.copy(child, java(self.spark, PYTHON).toSeq(known), *more)


def _fields(product: Any) -> Iterator[Any]:
    return (product.productElement(at) for at in range(product.productArity()))
