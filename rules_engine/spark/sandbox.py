"""
The session in which rules are looked at and never run: empty views of the frames, and no function but the listed ones.

It is not the session that evaluates: the engine's own plans need functions that no rule may call.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from rules_engine.model.schemas import Schema
from rules_engine.spark.session import pin
from rules_engine.sql.spark_allow_list import catalyst

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


CATALYST = "org.apache.spark.sql.catalyst."
CLASSIC_SESSION = "org.apache.spark.sql.classic.SparkSession"


def rule_session(spark: SparkSession, schema: Schema) -> SparkSession:
    """A session of its own on the same Spark; opened once for many rules, for that takes about a second."""
    hush()
    own = pin(spark)
    for frame, columns in schema.columns.items():
        _empty_view(own, frame, ", ".join(f"`{name}` {type_}" for name, type_ in columns.items()))
    _cut(own)
    return own


def registered(spark: SparkSession) -> tuple[frozenset[str], frozenset[str]]:
    """The functions, and the table functions, that a session's SQL can call."""
    return _names(_state(spark).functionRegistry()), _names(_state(spark).tableFunctionRegistry())


@dataclass(frozen=True, slots=True, eq=False)
class Handles:
    """What the gates ask of a session's JVM for every rule, looked up once: each look-up is a call of it."""

    sessions: Any
    state: Any
    parser: Any
    filter: Any
    skip: Any
    print: Any
    """A method handle: of a plan or an expression, what ``toJSON`` prints, as a ``StringBuilder``."""
    expressions: Any
    """A function of Scala's: of a plan, the expressions that it holds itself."""
    below: Any
    """A function of Scala's: of an expression, itself and all below it."""
    class_name: Any
    """A function of Scala's: of anything, the short name of its class."""
    rows: dict[str, Any] = field(default_factory=dict)
    """The plan of a frame's view, by the frame's name."""


_HANDLES: WeakKeyDictionary[SparkSession, Handles] = WeakKeyDictionary()


def handles(spark: SparkSession) -> Handles:
    """The session's handles."""
    if spark not in _HANDLES:
        state = _state(spark)
        _HANDLES[spark] = Handles(
            java(spark, "org.apache.spark.sql.SparkSession" if spark.version < "4" else CLASSIC_SESSION),
            state,
            state.sqlParser(),
            java(spark, "org.apache.spark.sql.catalyst.plans.logical.Filter"),
            java(spark, "org.apache.spark.sql.execution.CommandExecutionMode").SKIP(),
            _printing(spark),
            *_functions(spark),
        )
    return _HANDLES[spark]


def rows_of(spark: SparkSession, frame: str) -> Any:
    """The plan of a frame's empty view."""
    rows = handles(spark).rows
    if frame not in rows:
        rows[frame] = spark.table(frame)._jdf.logicalPlan()
    return rows[frame]


def printed(spark: SparkSession, tree: Any) -> str:
    """
    What ``TreeNode.toJSON`` prints, asked for in parts.

    The JVM sends what is longer than its buffer of 8,192 bytes in several writes, and the second waits 40 ms for the
    delayed acknowledgement of the first (Nagle's algorithm); of a SELECT's plan that was most of the gate's time.
    """
    text = handles(spark).print.invokeWithArguments(java(spark, "java.util.Collections").singletonList(tree))
    length = text.length()
    if length <= _PART or text.codePointCount(0, length) < length:  # a part must not end within a pair of surrogates
        return str(text.toString())
    return "".join(text.substring(at, min(at + _PART, length)) for at in range(0, length, _PART))


_PART = 4_000
"""Characters: with what py4j escapes among them, less than the buffer holds."""


def _printing(spark: SparkSession) -> Any:
    """``tree => new StringBuilder(tree.toJSON)``, composed in the JVM: py4j would hand a String to Python at once."""
    of, lookup = java(spark, "java.lang.Class").forName, java(spark, "java.lang.invoke.MethodHandles").publicLookup()
    none, one = (spark._sc._gateway.new_array(java(spark, "java.lang.Class"), size) for size in (0, 1))
    one[0] = of("java.lang.String")
    text = lookup.unreflect(of("org.apache.spark.sql.catalyst.trees.TreeNode").getMethod("toJSON", none))
    builder = lookup.unreflectConstructor(of("java.lang.StringBuilder").getConstructor(one))
    return java(spark, "java.lang.invoke.MethodHandles").filterReturnValue(text, builder)


def _functions(spark: SparkSession) -> Iterator[Any]:
    """Those of :class:`Handles`, composed in the JVM: asked of each node from here, each question would be a call."""
    of, handles_ = java(spark, "java.lang.Class").forName, java(spark, "java.lang.invoke.MethodHandles")
    none, one = (spark._sc._gateway.new_array(java(spark, "java.lang.Class"), size) for size in (0, 1))
    itself = spark._sc._gateway.new_array(java(spark, "java.lang.Object"), 1)
    function = one[0] = of("scala.Function1")
    anything, look_up = of("java.lang.Object"), handles_.publicLookup().unreflect
    made = java(spark, "java.lang.invoke.MethodHandleProxies").asInterfaceInstance
    itself[0] = made(function, handles_.identity(anything))
    yield made(function, look_up(of(f"{CATALYST}plans.QueryPlan").getMethod("expressions", none)))
    yield made(
        function, handles_.insertArguments(look_up(of(f"{CATALYST}trees.TreeNode").getMethod("map", one)), 1, itself)
    )
    class_name = look_up(of("java.lang.Class").getMethod("getSimpleName", none))
    yield made(function, handles_.filterReturnValue(look_up(anything.getMethod("getClass", none)), class_name))


@contextmanager
def active(spark: SparkSession) -> Iterator[Any]:
    """
    The session's state in the JVM, with its settings in force for this thread.

    Spark's parser reads the settings of the thread's active session, whichever session it was taken from.
    """
    sessions = handles(spark).sessions
    before = sessions.getActiveSession()
    sessions.setActiveSession(spark._jsparkSession)
    try:
        yield handles(spark).state
    finally:
        if before.isDefined():
            sessions.setActiveSession(before.get())
        else:
            sessions.clearActiveSession()


def java(spark: SparkSession, name: str) -> Any:
    """A class of the JVM by its full name, in one call of it; step by step would take a call for each part."""
    return getattr(spark._jvm, name)


def dataset(spark: SparkSession, plan: Any) -> DataFrame:
    """Rows of an analysed plan, of whichever session, under this session's settings."""
    from pyspark.sql import DataFrame

    package = "org.apache.spark.sql" if spark.version < "4" else "org.apache.spark.sql.classic"
    return DataFrame(java(spark, f"{package}.Dataset").ofRows(spark._jsparkSession, plan), spark)


def returns_rows(found: DataFrame) -> bool:
    """
    Whether a query returns any row, asked of its plan as it stands.

    ``head`` plans it again under a limit and serves what it finds by a socket: of 259 statements over one row that
    took 10 CPU seconds instead of 6.
    """
    return len(found._jdf.queryExecution().executedPlan().executeTake(1)) > 0


def unscaled(spark: SparkSession, column: Column) -> Column:
    """
    A decimal of at most 18 digits as the whole number of its last place (bigint); NULL stays NULL.

    Spark keeps it so and has the expression for its own sums, but no name for it in SQL.
    """
    whole = java(spark, "org.apache.spark.sql.catalyst.expressions.UnscaledValue")
    if spark.version < "4":
        return type(column)(java(spark, "org.apache.spark.sql.Column")(whole(column._jc.expr())))
    between = java(spark, "org.apache.spark.sql.classic.ExpressionUtils")
    return type(column)(between.column(whole(between.expression(column._jc))))


def hush() -> None:
    """Spark 4 logs every refused text with its stack; what is wrong with it is told as a fault."""
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:
        return
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)


def _state(spark: SparkSession) -> Any:
    return spark._jsparkSession.sessionState()


def _empty_view(spark: SparkSession, name: str, columns: str) -> None:
    schema = java(spark, "org.apache.spark.sql.types.StructType").fromDDL(columns)
    spark._jsparkSession.createDataFrame(java(spark, "java.util.ArrayList")(), schema).createTempView(name)


def _cut(spark: SparkSession) -> None:
    """Forget every function that is not listed; table functions stand in no rule at all."""
    allowed = catalyst(spark.version).registered
    functions, of_tables = registered(spark)
    identifier = java(spark, "org.apache.spark.sql.catalyst.FunctionIdentifier")
    for registry, dropped in (
        (_state(spark).functionRegistry(), functions - allowed),
        (_state(spark).tableFunctionRegistry(), of_tables),
    ):
        for name in dropped:
            registry.dropFunction(identifier(name))


def _names(registry: Any) -> frozenset[str]:
    return frozenset(name.strip("`").lower() for name in registry.listFunction().mkString("\n").split("\n") if name)
