"""Which values of a plan may hold text, as far as what Spark prints of the plan tells."""

from __future__ import annotations

import json
from typing import Any

from rules_engine.spark.gate.plan_tree import Node

_TYPED = {"Literal", "AttributeReference", "NamedLambdaVariable", "Cast"}
"""Expressions whose type Spark prints."""

OF_NO_TEXT = frozenset(
    """
    Abs Acos Add AddMonths And ArrayContains ArrayExists ArrayForAll ArrayPosition ArraySize ArraysOverlap Ascii
    Asin Atan Atan2 Average BRound Between BitAndAgg BitLength BitOrAgg BitXorAgg BitwiseAnd BitwiseCount
    BitwiseGet BitwiseNot BitwiseXor BoolAnd BoolOr Cbrt Ceil Contains Corr Cos Count CountIf CovPopulation
    CovSample Crc32 CumeDist DateAdd DateAddInterval DateAddYMInterval DateDiff DateFromUnixDate DateSub
    DatetimeSub DayOfMonth DayOfWeek DayOfYear DenseRank Divide DivideDTInterval DivideInterval DivideYMInterval
    EndsWith EqualNull EqualNullSafe EqualTo EulerNumber Exists Exp Expm1 ExtractANSIIntervalDays
    ExtractANSIIntervalHours ExtractANSIIntervalMinutes ExtractANSIIntervalMonths ExtractANSIIntervalSeconds
    ExtractANSIIntervalYears Factorial FindInSet Floor FromUTCTimestamp GreaterThan GreaterThanOrEqual Hour
    HyperLogLogPlusPlus Hypot ILike In InSubquery IntegralDivide IsNaN IsNotNull IsNull Kurtosis LastDay Length
    LessThan LessThanOrEqual Levenshtein Like LikeAll LikeAny Log Log10 Log1p Log2 Logarithm MakeDate MakeInterval
    MakeTimestamp MapContainsKey MicrosToTimestamp MillisToTimestamp Minute Month MonthsBetween Multiply
    MultiplyDTInterval MultiplyInterval MultiplyYMInterval Murmur3Hash NTile NaNvl NextDay Not NotLikeAll
    NotLikeAny OctetLength Or ParseToDate ParseToTimestamp PercentRank Pi Pmod Pow Quarter RLike Rank Remainder Rint
    Round RowNumber Second SecondWithFraction SecondsToTimestamp ShiftLeft ShiftRight Signum Sin Size Skewness
    Sqrt StartsWith StddevPop StddevSamp StringInstr StringLocate Subtract SubtractDates SubtractTimestamps Sum
    Tan TimeAdd TimestampAdd TimestampAddInterval TimestampAddYMInterval TimestampDiff ToDegrees ToNumber
    ToRadians ToUTCTimestamp ToUnixTimestamp TruncDate TruncTimestamp TryAdd TryDivide TryMultiply TrySubtract
    UnaryMinus UnaryPositive UnixDate UnixMicros UnixMillis UnixSeconds UnixTimestamp VariancePop VarianceSamp
    WeekDay WeekOfYear WidthBucket XxHash64 Year YearOfWeek
    """.split()
)
"""Expressions whose value is a number, a truth, a day, a moment or an interval."""

_OF_THEIR_CHILDREN = set(
    """
    AggregateExpression Alias ArrayDistinct ArrayMax ArrayMin CaseWhen Coalesce CollectList CollectSet CreateArray
    First Greatest If Lag Last Lead Least Max MaxBy Median Min MinBy NthValue NullIf Nvl Nvl2 Percentile SortArray
    WindowExpression
    """.split()
)
"""Expressions that hold no text unless one of their children does."""


def is_text(printed: Any) -> bool:
    """Whether a type, as Spark prints it, is a text's."""
    return printed == "string" or (isinstance(printed, str) and printed.startswith(("char(", "varchar(", "string ")))


def of_literal(node: Node) -> str | None:
    """The text of a literal; None of NULL, and of other types."""
    value = node.fields.get("value")
    return str(value) if value is not None and is_text(node.fields.get("dataType")) else None


def may_hold_text(node: Node) -> bool:
    """Whether a value may be a text, or an array, a map or a struct with one in it; False is certain."""
    package, _, name = node.name.rpartition(".")
    if not package.startswith("expressions"):
        return True
    if name in _TYPED:
        return "string" in (printed := json.dumps(node.fields["dataType"])) or "char" in printed
    if name in OF_NO_TEXT:
        return False
    if name == "ScalarSubquery":
        return _answers_with_text(node)
    return name not in _OF_THEIR_CHILDREN or any(map(may_hold_text, node.children))


def _answers_with_text(query: Node) -> bool:
    plan = next((tree for tree in query.beside if tree.name.startswith("plans.")), None)
    while plan is not None and plan.name in {"plans.logical.Filter", "plans.logical.Sort", "plans.logical.Distinct"}:
        plan = plan.children[0]
    if plan is None or plan.name not in {"plans.logical.Project", "plans.logical.Aggregate"}:
        return True
    field = "projectList" if plan.name.endswith("Project") else "aggregateExpressions"
    first = len(plan.fields.get("groupingExpressions") or ())
    return len(plan.fields.get(field) or ()) != 1 or may_hold_text(plan.beside[first])
