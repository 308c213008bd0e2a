"""Rules look values up in the reference lists of their rule set, wherever the rule set came from (R-REPO-2, R-ENG-1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rules_engine.errors import InvalidRule
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet, freeze, thaw
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import rule, rule_set, write

NEAR = ReferenceList("near", {"code": "string"}, ({"code": "FR"}, {"code": "DE"}, {"code": "D'E\\"}))
LIMITS = ReferenceList(
    "least",
    {"country": "string", "since": "date", "amount": "decimal(12,2)", "counts": "boolean", "number": "bigint"},
    (
        {"country": "GB", "since": "2014-06-01", "amount": "10.01", "counts": True, "number": 2**53 + 1},
        {"country": "GB", "since": "2014-06-01", "amount": None, "counts": None, "number": None},
    ),
)
RULES = (
    rule("IN-001", "country IN (SELECT code FROM near)"),
    rule("SAME-001", "country = 'FR' OR country = 'DE'"),
    rule(
        "JOIN-001",
        "SELECT c.customer_id FROM customers c JOIN least l ON c.country = l.country"
        " WHERE c.joined >= l.since AND c.spend >= l.amount AND l.counts AND l.number = 9007199254740993",
    ),
    rule("SAME-002", "country = 'GB' AND joined >= date '2014-06-01' AND spend >= 10.01"),
)


def hits(evaluator: SparkEvaluator, rules: RuleSet, folder: Path) -> dict[str, int]:
    found = evaluator.evaluate(rules, HitMatrix.of(rules), str(folder), None).hits_per_rule
    return {version.partition("/")[0]: count for version, count in found.items()}


def test_a_rule_asks_a_list_as_a_frame(spark: SparkSession, tmp_path: Path) -> None:
    """What is looked up hits whom the values written out hit; a frozen rule set does the same; other rows hit others."""
    evaluator = SparkEvaluator(spark, write(tmp_path))
    rules = replace(rule_set(*RULES), reference_lists=(NEAR, LIMITS))
    found = hits(evaluator, rules, tmp_path / "one")
    assert found["IN-001"] == found["SAME-001"] > 0
    assert found["JOIN-001"] == found["SAME-002"] > 0
    assert hits(evaluator, thaw(freeze(rules)), tmp_path / "two") == found
    fewer = replace(rules, reference_lists=(replace(NEAR, rows=({"code": "FR"},)), LIMITS))
    assert 0 < hits(evaluator, fewer, tmp_path / "three")["IN-001"] < found["IN-001"]


def test_a_list_that_is_not_there_or_takes_a_frames_name_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """Before any data is read: a rule set without its list, and a list that hides a frame."""
    evaluator = SparkEvaluator(spark, write(tmp_path))
    rules = rule_set(RULES[0])
    evaluator.check(replace(rules, reference_lists=(NEAR,)))
    with pytest.raises(InvalidRule, match="near"):
        evaluator.check(rules)
    with pytest.raises(InvalidRule, match="a frame of the lake has its name"):
        evaluator.check(replace(rules, reference_lists=(NEAR, replace(NEAR, name="products"))))
