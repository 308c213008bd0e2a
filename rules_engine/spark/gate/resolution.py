"""Whether Spark itself accepts a rule: gates 2a and 2b in a rule session, before any row is read."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate.agreement import differences
from rules_engine.spark.gate.analysed_plan import analysed_faults
from rules_engine.spark.gate.parsed_plan import Parsed, named, parsed_faults, read
from rules_engine.spark.sandbox import active
from rules_engine.sql.gate import gate
from rules_engine.sql.spark_allow_list import catalyst

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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


def _disagreements(session: SparkSession, found: Parsed, version: RuleVersion, schema: Schema) -> tuple[Fault, ...]:
    reading = gate.examine(version, schema)
    return named(version, [*differences(reading, found, version, catalyst(session.version))])
