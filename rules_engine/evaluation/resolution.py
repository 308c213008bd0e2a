"""Whether Spark itself can resolve a rule: names, types and shape, on the analysed plan, before any row is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import sqlglot

from rules_engine.errors import Fault
from rules_engine.lake.reading import joinable
from rules_engine.language.lexical import bind
from rules_engine.model.frames import Schema
from rules_engine.model.rules import Form, RuleSet, RuleVersion

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def resolve(spark: SparkSession, schema: Schema, rule_set: RuleSet) -> Iterator[Fault]:
    """What Spark's analyser finds wrong with each rule; commands have been refused before (``language``)."""
    for version in rule_set.versions:
        yield from _resolve(spark, schema, version, rule_set.as_of)


def _resolve(spark: SparkSession, schema: Schema, version: RuleVersion, as_of: date) -> Iterator[Fault]:
    from pyspark.errors import PySparkException

    try:
        if version.form is Form.STATEMENT:
            yield from _statement_shape(statement(spark, version, as_of), schema, version)
        else:
            yield from _predicate_shape(spark, schema, version, as_of)
    except PySparkException as problem:
        yield Fault(f"Rule {version.key}", in_words(problem), "Mend the SQL.", "SPARK-RESOLVE")


def statement(spark: SparkSession, version: RuleVersion, as_of: date) -> DataFrame:
    """A statement as a DataFrame of one column, its subjects, perhaps with repeats."""
    return spark.sql(bind(version.sql, version.parameters, as_of))


def _statement_shape(found: DataFrame, schema: Schema, version: RuleVersion) -> Iterator[Fault]:
    if len(found.schema.fields) != 1:
        what = f"it returns {len(found.schema.fields)} columns; a statement returns the subject's key and nothing else."
        yield Fault(f"Rule {version.key}", what, f"Select the {schema.subject_key} alone.", "SPARK-SHAPE")
        return
    field = found.schema.fields[0]
    if not joinable(field.dataType.simpleString(), schema.subject_type):
        own = field.dataType.simpleString()
        what = f"it returns '{field.name}' of type {own}; the subject's key is {schema.subject_type}."
        yield Fault(f"Rule {version.key}", what, f"Return the {schema.subject_key}.", "SPARK-SHAPE")


def _predicate_shape(spark: SparkSession, schema: Schema, version: RuleVersion, as_of: date) -> Iterator[Fault]:
    from pyspark.sql import functions as F  # noqa: N812

    if not schema.subject_key_of(version.frame):
        what = f"its frame '{version.frame}' has no subject key, so its rows concern nobody."
        yield Fault(f"Rule {version.key}", what, "Write a SELECT that joins it to a frame that has one.", "SPARK-SHAPE")
        return
    condition = F.expr(bind(version.sql, version.parameters, as_of))
    rows = spark.table(version.frame)
    rows.where(condition)  # sub-queries are resolved here, and a type that is not boolean is refused
    if not asks_other_rows(version.sql):
        found = rows.select(condition).schema.fields[0].dataType.simpleString()
        if found != "boolean":
            what = f"its condition is of type {found}, not boolean."
            yield Fault(f"Rule {version.key}", what, "Compare it with something.", "SPARK-TYPE")


def asks_other_rows(sql: str) -> bool:
    """Whether a condition holds a sub-query, which Spark runs in a filter only."""
    return sqlglot.parse_one(sql, dialect="spark").find(sqlglot.exp.Query) is not None


def in_words(problem: Exception) -> str:
    """Spark's message without its plan, class prefix and position block."""
    text = str(problem).split("\n== SQL")[0].split(";\n")[0].split("\n\n")[0]
    text = re.sub(r"\s*SQLSTATE: \w+", "", re.sub(r"^\[[A-Z_.0-9]+\]\s*", "", text))
    return " ".join(text.split())[:500]
