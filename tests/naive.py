"""
The naive reading of a rule set, kept as the reference: one query per rule, union, sums, decide().

Slow and plain on purpose: whatever plan the engine makes must give the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rules_engine.model.decisions import Decision, Hit, Standing, Tally, decide
from rules_engine.model.frames import Lake
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, RuleVersion, WhenUnknown
from rules_engine.sql.lexer import bind

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Pair = tuple[object, str]


Outcomes = tuple[frozenset[object], frozenset[object]]


def outcomes(
    spark: SparkSession, lake: Lake, version: RuleVersion, rule_set: RuleSet, asked: dict[object, Outcomes]
) -> Outcomes:
    """The subjects for which a rule is true, and those for which it is unknown; ``asked`` remembers equal queries."""
    text = bind(version.sql, version.parameters, rule_set.as_of)
    if (version.frame, text) not in asked:
        asked[version.frame, text] = _outcomes(spark, lake, version, text)
    return asked[version.frame, text]


def _outcomes(spark: SparkSession, lake: Lake, version: RuleVersion, text: str) -> Outcomes:
    known = _subjects(spark, f"SELECT `{lake.subject_key}` FROM `{lake.subject}`")
    if version.form is Form.STATEMENT:
        place = lake.key_among(spark.sql(text).columns)
        return _subjects(spark, text, place) & known, frozenset()
    key = lake.frame(version.frame).subject_key
    true = _subjects(spark, f"SELECT `{key}` FROM `{version.frame}` WHERE (({text}))") & known
    unknown = _subjects(spark, _unknown(version.frame, key, text)) & known
    return true, unknown - true


def _unknown(frame: str, key: str, text: str) -> str:
    """The rows of which a condition is unknown: of one that asks other rows, those that neither it nor its opposite keeps."""
    if "select" not in text.lower():
        return f"SELECT `{key}` FROM `{frame}` WHERE ({text}) IS NULL"
    told = (f"SELECT * FROM `{frame}` WHERE {condition}" for condition in (f"({text})", f"NOT ({text})"))
    return f"SELECT `{key}` FROM (SELECT * FROM `{frame}` EXCEPT ALL {' EXCEPT ALL '.join(told)})"


def decisions(
    spark: SparkSession, lake: Lake, rule_set: RuleSet, before: Mapping[Pair, Standing], asked: dict[object, Outcomes]
) -> dict[Pair, tuple[Tally, Decision]]:
    """Tally and decision of every pair that has a hit that counts, is held, or was once a member."""
    hits: dict[Pair, list[Hit]] = {}
    held: set[Pair] = set()
    for version in rule_set.versions:
        true, unknown = outcomes(spark, lake, version, rule_set, asked)
        if version.shadow:
            continue
        if version.when_unknown is WhenUnknown.HIT:
            true = true | unknown
        if version.when_unknown is WhenUnknown.HOLD:
            held |= {(subject, version.membership_type) for subject in unknown}
        for subject in true:
            hit = Hit(version.key, version.version, version.kind, version.weight)
            hits.setdefault((subject, version.membership_type), []).append(hit)
    decided = {}
    for pair in {*hits, *held, *(p for p, standing in before.items() if standing is not Standing.NEVER)}:
        tally = Tally.of(hits.get(pair, []), held=pair in held)
        policy = rule_set.membership_type(pair[1])
        decided[pair] = (tally, decide(tally, policy, before.get(pair, Standing.NEVER)))
    return decided


def _subjects(spark: SparkSession, sql: str, place: int | None = 0) -> frozenset[object]:
    assert place is not None, "a statement without the subject's key"
    return frozenset(row[place] for row in spark.sql(sql).collect() if row[place] is not None)
