"""
What an accepted rule really does, asked of Spark without any code of the gates.

A session with every function that Spark has, in which the frames lie beside a
table that no rule may read, analyses the text. What comes out is searched as
text, with no tree walked: every class must be one that Spark's own registry
names for a listed function, or one of the few below that stand for syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyspark.sql import SparkSession

from rules_engine.model.rules import Form
from rules_engine.model.schemas import Schema
from rules_engine.sql.allow_list import allowed

PACKAGE = "org.apache.spark.sql.catalyst."
SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.runSQLOnFiles": "true",
    "spark.sql.crossJoin.enabled": "true",
}

PLANS = frozenset(
    """
    Aggregate CTERelationDef CTERelationRef Distinct Except Expand Filter Generate Intersect Join LocalRelation OneRowRelation
    Project Sort SubqueryAlias Union View Window WithCTE
    """.split()
)
SYNTAX = frozenset(
    """
    Add Alias And AttributeReference Between BitwiseAnd BitwiseNot BitwiseXor CaseWhen Cast CommonExpressionDef
    CommonExpressionRef Concat CurrentRow$ Divide EqualNullSafe EqualTo Exists Extract GetArrayItem GetArrayStructFields
    GetStructField GreaterThan GreaterThanOrEqual ILike In InSubquery IntegralDivide IsNotNull IsNull LambdaFunction LessThan
    LessThanOrEqual Like LikeAll LikeAny ListQuery Literal Multiply NamedLambdaVariable Not NotLikeAll NotLikeAny Or
    OuterReference Overlay Remainder ScalarSubquery SortOrder SpecifiedWindowFrame StringLocate StringTrim StringTrimLeft
    StringTrimRight Substring Subtract TimestampAdd TimestampDiff UnaryMinus UnaryPositive UnboundedFollowing$
    UnboundedPreceding$ WindowExpression WindowSpecDefinition With
    """.split()
)
"""Expressions that stand for operators, for special forms and for what Spark puts around them; none of them calls anything."""

ARITHMETIC = frozenset(
    """
    DateAddInterval DateAddYMInterval DatetimeSub DivideDTInterval DivideInterval DivideYMInterval
    ExtractANSIIntervalDays ExtractANSIIntervalHours ExtractANSIIntervalMinutes ExtractANSIIntervalMonths
    ExtractANSIIntervalSeconds ExtractANSIIntervalYears MultiplyDTInterval MultiplyInterval MultiplyYMInterval SecondWithFraction
    SubtractDates SubtractTimestamps TimeAdd TimestampAddInterval TimestampAddYMInterval MapContainsKey ArrayContains YearOfWeek
    """.split()
)
"""What + - * / and extract() become over dates and intervals."""

BUILT = frozenset(
    """
    Ceil Contains EndsWith Explode Floor Hour Inline MakeTimestamp Mask Minute PercentileCont PercentileDisc PosExplode Second
    StartsWith StringLPad StringRPad ToCharacter
    """.split()
)
"""What listed functions become that the registry knows by the name of a builder."""

LEFT_BEHIND = "analysis.TempResolvedColumn"
"""A column that BETWEEN in HAVING was written of: kept beside what runs, and not run."""

_CLASS = re.compile(r'"class":"([\w.$]+)"')
_TABLE = re.compile(r'"product-class":"org\.apache\.spark\.sql\.catalyst\.TableIdentifier","table":"([^"]*)"([^}]*)\}')
_CALL = re.compile(
    r'UnresolvedFunction","num-children":\d+,"nameParts":"\[([^\]]*)\]"|"funcName":"([^"]*)"([^}]*)\}', re.IGNORECASE
)
_AS_OF = re.compile(r":as_of\b", re.IGNORECASE)


class Oracle:
    """One schema in a session of its own; opened once for many rules."""

    def __init__(self, spark: SparkSession, schema: Schema) -> None:
        self.schema, self.session = schema, spark.newSession()
        for key, value in SETTINGS.items():
            self.session.conf.set(key, value)
        jvm: Any = self.session._jvm
        types, nothing = getattr(jvm, "org.apache.spark.sql.types.StructType"), getattr(jvm, "java.util.ArrayList")()
        for frame, columns in {**schema.columns, "payroll": {"secret": "string"}}.items():
            row = types.fromDDL(", ".join(f"`{name}` {type_}" for name, type_ in columns.items()))
            self.session._jsparkSession.createDataFrame(nothing, row).createTempView(frame)
        self._state = self.session._jsparkSession.sessionState()
        self._parser = self._state.sqlParser()
        self._rows = {f: self.session.table(f)._jdf.logicalPlan() for f in schema.columns}
        self._filter = getattr(jvm, "org.apache.spark.sql.catalyst.plans.logical.Filter")
        self._skip = getattr(jvm, "org.apache.spark.sql.execution.CommandExecutionMode").SKIP()
        self._classes = self._listed_classes(jvm)
        name = (
            "org.apache.spark.sql.SparkSession" if spark.version < "4" else "org.apache.spark.sql.classic.SparkSession"
        )
        self._sessions = getattr(jvm, name)

    def _listed_classes(self, jvm: Any) -> frozenset[str]:
        registry, identifier = self._state.functionRegistry(), getattr(jvm, f"{PACKAGE}FunctionIdentifier")
        found = set[str]()
        for name in allowed().functions:
            about = registry.lookupFunction(identifier(name))
            if about.isDefined():
                found.add(str(about.get().getClassName()))
        return frozenset(found)

    def leaks(self, form: Form, sql: str, frame: str) -> list[str]:
        """Whatever the rule's plan holds that no rule may hold; empty if it is clean."""
        self._sessions.setActiveSession(self.session._jsparkSession)
        try:
            text = _AS_OF.sub("DATE '2024-06-01'", sql)
            plan = self._parser.parsePlan(text) if form is Form.STATEMENT else self._parser.parseExpression(text)
            said = set(self._calls(plan.toJSON()))
            if form is Form.PREDICATE:
                plan = self._filter(plan, self._rows[frame])
            analysed = self._state.executePlan(plan, self._skip).analyzed().toJSON()
        except Exception as problem:
            return [f"the oracle cannot analyse it: {str(problem)[:300]}"]
        return sorted({*said, *self._strange_classes(analysed), *self._tables(analysed)})

    def _calls(self, printed: str) -> Iterator[str]:
        for parts, name, rest in _CALL.findall(printed):
            called = (parts or name).lower()
            if called not in allowed().functions and called not in {"between"}:
                yield f"function {called}"
            if not parts and '"database"' in rest:
                yield f"qualified function {called}"

    def _strange_classes(self, printed: str) -> Iterator[str]:
        for name in set(_CLASS.findall(printed)):
            package, _, short = name.rpartition(".")
            inside = package.removeprefix(PACKAGE)
            fine = (inside == "plans.logical" and short in PLANS) or (
                inside.startswith("expressions") and short in SYNTAX | ARITHMETIC | BUILT
            )
            fine |= f"{inside}.{short}" == LEFT_BEHIND
            if not fine and short != "AggregateExpression" and name not in self._classes:
                yield f"class {name}"

    def _tables(self, printed: str) -> Iterator[str]:
        frames = {f.lower() for f in self.schema.columns}
        found = _TABLE.findall(printed)
        views = sum(name == f"{PACKAGE}plans.logical.View" for name in _CLASS.findall(printed))
        if len(found) < views:
            yield "a view without a name"
        for name, rest in found:
            if name.lower() not in frames or '"database"' in rest or '"catalog"' in rest:
                yield f"table {name}"
