"""
Texts that become days or moments, and texts that are cast without being asked, in Spark's analysed plan.

Spark reads its clock in a text: ``'today'`` as a day where the text is known before the rows are read, ``'12:30'`` as
a time of today wherever it stands. So a text becomes a day or a moment in three ways only: written out in full, through
a pattern that asks for its year, or, to a day, by a cast that the rule asks for, of a text that comes with the rows:
such a cast knows neither reading on any Spark.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.spark.gate.parsed_plan import Parsed
from rules_engine.spark.gate.plan_tree import CATALYST, Node, walk
from rules_engine.spark.gate.spark_trees import every, expressions
from rules_engine.spark.gate.texts import is_text, may_hold_text, of_literal
from rules_engine.spark.sandbox import java
from rules_engine.sql.allow_list import Category, allowed, refuse
from rules_engine.sql.literals import is_value
from rules_engine.sql.moments import fixes_a_year, is_moment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CAST, LITERAL, CALL = "expressions.Cast", "expressions.Literal", "analysis.UnresolvedFunction"
INLINE_TABLE = "analysis.UnresolvedInlineTable"
READ_BY_PATTERN = {
    f"expressions.{name}" for name in ("ParseToDate", "ParseToTimestamp", "ToUnixTimestamp", "UnixTimestamp")
}
MOMENTS = {"timestamp", "timestamp_ntz"}
_CASTING = {"int": "integer", "bigint": "long", "smallint": "short", "tinyint": "byte"}
"""Functions that cast, by names other than their type's own in JSON."""


@dataclass(frozen=True, slots=True)
class _Cast:
    """A cast: the types in Spark's JSON, whether the rule asks for it, and what is cast: a constant, or of a row."""

    source: Any
    target: Any
    asked: bool
    constant: bool
    of_rows: bool
    shown: str


def clock_faults(spark: SparkSession, found: Parsed, plan: Any, root: Node) -> Iterator[Fault]:
    """What of a plan, or of a condition, makes days, moments, numbers or truths of texts in another way."""
    nodes = [node for node, _ in walk(root)]
    yield from _pattern_faults(nodes)
    failing = [*_value_faults(nodes)]
    yield from () if failing and _tries(plan) else failing
    yield from (fault for node in found.nodes if node.name == INLINE_TABLE for fault in _table_faults(node))
    casts = [node for node in nodes if node.name == CAST and not _keeps_text(node.fields["dataType"])]
    asked = [node for node in casts if may_hold_text(node.children[0])]
    if all(node.children[0].name == LITERAL for node in asked):
        yield from (fault for node in asked for fault in _literal_faults(node))
        return
    named = Counter(_CASTING.get(name, name) for node in found.nodes for name in _called(node))
    for cast in _casts(spark, plan, is_plan=root.name.startswith("plans.")):
        yield from _cast_faults(cast, named)


def _value_faults(nodes: list[Node]) -> Iterator[Fault]:
    """Texts that are written out, and become numbers or truths that they are not."""
    for cast in (node for node in nodes if node.name == CAST):
        text, target = of_literal(cast.children[0]), cast.fields["dataType"]
        if text is not None and not is_value(text, str(target)):
            found, hint = ("true or false", _TRUTH) if target == "boolean" else ("a number", _NUMBER)
            yield refuse("SQL-354", name=f"'{text[:40]}'", found=found, hint=hint if text.strip() else _EMPTY)


def _tries(plan: Any) -> bool:
    """Whether something of a plan is NULL where it fails, as TRY_CAST and try_divide are; Spark does not print it."""
    return any("Try" in (name := node.getClass().getSimpleName()) or _is_tried(node, name) for node in every(plan))


def _is_tried(node: Any, name: str) -> bool:
    return name == "Cast" and "TRY" in str(node.evalMode().toString())


def _pattern_faults(nodes: list[Node]) -> Iterator[Fault]:
    """``to_date`` and its kin: without a pattern they cast, and with one without a year they make one up."""
    for node in nodes:
        if node.name not in READ_BY_PATTERN or not may_hold_text(node.children[0]):
            continue
        value, *pattern = node.children
        if pattern and not (pattern[0].name == LITERAL and fixes_a_year(of_literal(pattern[0]) or "")):
            yield refuse("SQL-342", name=of_literal(pattern[0]) or "a computed one")
        elif not pattern and not (value.name == LITERAL and is_moment(of_literal(value) or "")):
            yield refuse("SQL-341", name=_shown(value), hint=_CURES["timestamp"])


def _keeps_text(target: Any) -> bool:
    return target == "binary" or is_text(target)


def _literal_faults(cast: Node) -> Iterator[Fault]:
    text, target = of_literal(cast.children[0]), cast.fields["dataType"]
    if text is not None and not _is_written_out(text, target):
        yield refuse("SQL-341", name=f"'{text[:40]}'", hint=_CURES[target] if text.strip() else _EMPTY)


_EMPTY = "Write IS NULL: an empty text is no value."
_NUMBER = "Write a number without quotes and separators, with a point before decimals: 1000.50."
_TRUTH = "Say each comparison whole: country = 'FR' OR country = 'BE', or country IN ('FR', 'BE')."


def _is_written_out(text: str, target: Any) -> bool:
    return is_moment(text) if target == "date" or target in MOMENTS else isinstance(target, str)


_CURES = {
    "date": "Write a day as DATE '2024-06-01', :as_of for today, and of a column to_date(x, 'yyyy-MM-dd').",
    "timestamp": "Write a moment as TIMESTAMP '2024-06-01 12:00:00', of a column to_timestamp(x, 'yyyy-MM-dd HH:mm').",
}
_CURES["timestamp_ntz"] = _CURES["timestamp"]


def _table_faults(table: Node) -> Iterator[Fault]:
    """Spark works out what stands in VALUES while it analyses, and leaves no trace of it in the analysed plan."""
    for cell in table.beside:
        nodes = [node for node, _ in walk(cell)]
        texts = filter(None, (of_literal(node) for node in nodes if node.name == LITERAL))
        if not all(map(is_moment, texts)) and any(map(_is_about_days, nodes)):
            yield refuse("SQL-341", name="a value of VALUES", hint=_CURES["date"])


def _is_about_days(node: Node) -> bool:
    called = allowed().functions.get("".join(_called(node)))
    typed = node.fields.get("dataType") in {"date", *MOMENTS}
    return typed or (called is not None and called.category is Category.DATE)


def _called(node: Node) -> tuple[str, ...]:
    """The name of a function as Spark's parser saw it called."""
    parts = str(node.fields.get("nameParts", "")) if node.name == CALL else ""
    return (parts.strip("[]").lower(),) if parts else ()


def _cast_faults(cast: _Cast, called: Counter[str]) -> Iterator[Fault]:
    """What is wrong with one cast; it is asked for by CAST, or by a function of its type, which leaves no trace."""
    became = {
        target for source, target in _parts(cast.source, cast.target) if is_text(source) and not _keeps_text(target)
    }
    if not became:
        return
    if moments := became & MOMENTS:
        yield refuse("SQL-341", name=cast.shown, hint=_CURES[min(moments)])
        return
    asked = cast.asked
    if not asked and isinstance(cast.target, str) and called[cast.target] > 0:
        called[cast.target] -= 1
        asked = True
    if "date" in became and not (asked and cast.of_rows and cast.target == "date"):
        yield refuse("SQL-341", name=cast.shown, hint=_CURES["date"])
    elif not asked and not cast.constant:
        target = cast.target if isinstance(cast.target, str) else "value of another type"
        yield refuse("SQL-343", name=cast.shown, hint=_SQL_NAMES.get(target, target))


_SQL_NAMES = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint"}


def _parts(source: Any, target: Any) -> Iterator[tuple[Any, Any]]:
    """The simple types that become each other when a type is cast to another, by their places."""
    if not (isinstance(source, dict) and isinstance(target, dict)):
        yield source, target if isinstance(target, str) else "value"
        return
    for field in ("elementType", "keyType", "valueType"):
        if field in source and field in target:
            yield from _parts(source[field], target[field])
    for one, other in zip(source.get("fields", ()), target.get("fields", ()), strict=False):
        yield from _parts(one["type"], other["type"])


def _casts(spark: SparkSession, plan: Any, *, is_plan: bool) -> Iterator[_Cast]:
    """The casts of texts, but for those written out in full; Spark does not print who asked for a cast."""
    tag = java(spark, f"{CATALYST}{CAST}").USER_SPECIFIED_CAST()
    for name, get in expressions(spark, plan, is_plan=is_plan):
        if name != "Cast":
            continue
        child = (node := get()).child()
        source, target = (json.loads(each.dataType().json()) for each in (child, node))
        literal = child.getClass().getName() == f"{CATALYST}{LITERAL}" and is_text(source)
        if literal and (child.value() is None or _is_written_out(str(child.value()), target)):
            continue
        asked, constant, of_rows = node.getTagValue(tag).isDefined(), child.foldable(), _is_of_rows(child)
        yield _Cast(source, target, asked, constant, of_rows, str(child.sql())[:60])


def _is_of_rows(expression: Any) -> bool:
    """
    Whether a value is known only once a row is read.

    Of left('todayx', 5) and the like Spark says that it is no constant, and yet replaces it before it looks for its
    clock.
    """
    return any(node.getClass().getSimpleName() in _OF_ROWS for node in every(expression))


_OF_ROWS = {"AttributeReference", "NamedLambdaVariable"}


def _shown(node: Node) -> str:
    """A value in a few words."""
    text = of_literal(node)
    if text is not None:
        return f"'{text[:40]}'"
    return str(node.fields["name"]) if node.name == "expressions.AttributeReference" else "a computed text"
