"""Whether Spark itself accepts a rule: gates 2a and 2b in a rule session, before any row is read."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule
from rules_engine.evaluation.agreement import differences
from rules_engine.evaluation.analysed import analysed_faults
from rules_engine.evaluation.parsed import Parsed, named, parsed_faults, read
from rules_engine.evaluation.plans import in_words
from rules_engine.evaluation.rule_session import active
from rules_engine.language import gate
from rules_engine.language.catalyst import catalyst
from rules_engine.language.lexical import Kind, bind, tokens
from rules_engine.model.frames import Schema
from rules_engine.model.rules import RuleVersion

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["asks_other_rows", "disagreements", "in_words", "spark_faults", "statement"]


def spark_faults(session: SparkSession, version: RuleVersion, schema: Schema, as_of: date) -> tuple[Fault, ...]:
    """
    What Spark finds wrong with one rule in a rule session: gate 2a, then gate 2b if that finds nothing.

    Between the two, what Spark saw is held against what gate 1 saw.
    """
    try:
        with active(session):
            found = read(session, version, as_of)
            if faults := parsed_faults(session, found, version, schema):
                return faults
            return _disagreements(session, found, version, schema) or analysed_faults(session, found, version, schema)
    except InvalidRule as refused:
        return named(version, refused.faults)


def disagreements(session: SparkSession, version: RuleVersion, schema: Schema, as_of: date) -> tuple[Fault, ...]:
    """Where gate 1 and Spark read a rule differently; what only one of them can read counts."""
    try:
        with active(session):
            return _disagreements(session, read(session, version, as_of), version, schema)
    except InvalidRule as refused:
        return named(version, refused.faults)


def _disagreements(session: SparkSession, found: Parsed, version: RuleVersion, schema: Schema) -> tuple[Fault, ...]:
    reading = gate.examine(version, schema)
    return named(version, [*differences(reading, found, version, catalyst(session.version))])


def statement(spark: SparkSession, version: RuleVersion, as_of: date) -> DataFrame:
    """A statement as a DataFrame of one column, its subjects, perhaps with repeats."""
    return spark.sql(bind(version.sql, version.parameters, as_of))


def asks_other_rows(sql: str) -> bool:
    """Whether a condition holds a sub-query, which Spark runs in a filter only."""
    return any(token.kind is Kind.WORD and token.word == "select" for token in tokens(sql))
