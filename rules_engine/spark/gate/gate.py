"""
All gates of one Spark under one schema, and what they let through.

After the gates that only read, a rule is run over rows that are empty.

A text that was accepted is not asked about again; one that was not does not
run. Acceptance is of a text's digest, by a Spark version, under a schema: the
gate holds the latter two, so another Spark or another schema has a gate of
its own and no memory in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, raise_all
from rules_engine.model.failing import Limits
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate import analysed_plan
from rules_engine.spark.gate.null_input import null_input
from rules_engine.spark.gate.orders import TIES
from rules_engine.spark.gate.resolution import spark_faults
from rules_engine.spark.sandbox import rule_session
from rules_engine.spark.standalone_queries import AT_ONCE
from rules_engine.spark.timeouts import NO_LIMITS
from rules_engine.sql.gate import gate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class RuleGate:
    """Every gate in turn, cheapest first: each sees only what those before it let through."""

    def __init__(self, spark: SparkSession, schema: Schema, limits: Limits = NO_LIMITS) -> None:
        self.spark, self.schema, self.limits = spark, schema, limits
        self._accepted: dict[str, tuple[Fault, ...]] = {}

    @cached_property
    def session(self) -> SparkSession:
        """The rule session, opened once: that takes about a second."""
        return rule_session(self.spark, self.schema)

    def check(self, rule_set: RuleSet) -> None:
        """
        Ask about every text that was not accepted before.

        Raises:
            InvalidRule: With every fault of every rule; the others are accepted all the same.
        """
        asked = self._unknown(rule_set)
        found, said = self._asked_of(asked, rule_set.as_of)
        safe = replace(rule_set, versions=_without(asked, found))
        empty = null_input(self.spark, self.schema, safe, self.limits)
        found += empty.refusals
        for version in _without(asked, found):
            self._accepted[version.text_digest] = (*said[version.key], *empty.of(version))
        raise_all(InvalidRule, found)

    def _asked_of(
        self, versions: tuple[RuleVersion, ...], as_of: date
    ) -> tuple[list[Fault], dict[str, tuple[Fault, ...]]]:
        """
        What gate 1 refuses, then what Spark does, in the order of the rules; and what is said of the others, by key.

        Some rules at once: half of the work is Spark's.
        """
        session = self.session

        def ask(version: RuleVersion) -> tuple[tuple[Fault, ...], tuple[Fault, ...], tuple[Fault, ...]]:
            if read := gate.faults(version, self.schema):
                return read, (), ()
            if analysed := spark_faults(session, version, self.schema, as_of):
                return (), analysed, ()
            return (), (), tuple(self._warnings(version, as_of))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            several = list(zip(versions, pool.map(ask, versions), strict=True))
        found = [fault for _, (read, _, _) in several for fault in read]
        found += [fault for _, (_, analysed, _) in several for fault in analysed]
        return found, {version.key: said for version, (_, _, said) in several}

    def _warnings(self, version: RuleVersion, as_of: date) -> Iterator[Fault]:
        """What gate 1 says of a rule, but for ties: of those Spark's plan tells more."""
        said = gate.examine(version, self.schema).warnings
        yield from (fault for fault in said if fault.code != TIES)
        yield from analysed_plan.warnings(self.session, version, self.schema, as_of)

    def warnings(self, rule_set: RuleSet) -> tuple[Fault, ...]:
        """What was said of accepted rules and refuses none of them."""
        return tuple(
            replace(fault, which=f"Rule {version.key}")
            for version in rule_set.versions
            for fault in self._accepted.get(version.text_digest, ())
        )

    def _unknown(self, rule_set: RuleSet) -> tuple[RuleVersion, ...]:
        return tuple(version for version in rule_set.versions if version.text_digest not in self._accepted)


def _without(versions: tuple[RuleVersion, ...], found: list[Fault]) -> tuple[RuleVersion, ...]:
    refused = {fault.which for fault in found}
    return tuple(version for version in versions if f"Rule {version.key}" not in refused)
