"""Rules look values up in the reference lists of their rule set, wherever the rule set came from (R-REPO-2, R-ENG-1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from rules_engine.errors import InvalidRule
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet, freeze, thaw
from rules_engine.model.rules import WhenUnknown
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import put, rule, rule_set, write
from tests.spec.table import rows as outcomes

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


OUTCOMES = """
    rule                                                                    | true | unknown | because
    ------------------------------------------------------------------------+------+---------+----------------------------------------------
    country IN (SELECT product FROM products)                               | 2    | 3       | as IN ('XA', 'XB') says of a country of which nothing is known
    country NOT IN (SELECT product FROM products)                           | 1    | 3       | nor is it known that it is none of them
    NOT (country IN (SELECT product FROM products))                         | 1    | 3       | however it is written
    country IN (SELECT type FROM products)                                  | 2    | 1 3     | a list with an unknown value may hold any
    country NOT IN (SELECT type FROM products)                              |      | 1 3     | and so nobody is known to be in none of it
    country IN (SELECT product FROM products WHERE type = 'none')           |      |         | nothing is in a list of nothing
    country NOT IN (SELECT product FROM products WHERE type = 'none')       | 1 2 3 |        | and everything is outside
    country NOT IN (SELECT product FROM products) AND customer_id < 3       | 1    |         | false AND unknown is false
    country IN (SELECT product FROM products) OR customer_id = 3            | 2 3  |         | true OR unknown is true
    coalesce(country IN (SELECT product FROM products), true)               | 2 3  |         | unknown is replaced
    (country IN (SELECT product FROM products)) = false                     | 1    | 3       | unknown is not false
    country NOT IN (SELECT product FROM holdings h WHERE h.customer_id = customers.customer_id) | 3 | 2 | a list of each subject's own, one of them empty
"""


def test_who_is_unknown_of_a_list_is_told(spark: SparkSession, tmp_path: Path) -> None:
    """IN and NOT IN of a query are unknown of whom the same values written out are (R-EVAL-6), held or hit."""
    lake = write(tmp_path)
    one = {"country": ["FR", "XA", None], "joined": pa.array([None] * 3, pa.date32())}
    spend = {"spend": pa.array([None] * 3, pa.decimal128(12, 2)), "score": pa.array([None] * 3, pa.float64())}
    put(tmp_path / "customers", {"customer_id": [1, 2, 3], **one, **spend})
    put(tmp_path / "products", {"product": ["XA", "XB"], "type": ["XA", None]})
    held = {"holding_id": [1, 2], "customer_id": [1, 2], "product": ["FR", None]}
    put(tmp_path / "holdings", {**held, "balance": pa.array([None] * 2, pa.decimal128(12, 2)), "role": ["", ""]})
    asked = {f"R-{number}": row for number, row in enumerate(outcomes(OUTCOMES))}
    rules = rule_set(*(rule(key, row["rule"], when_unknown=WhenUnknown.HOLD) for key, row in asked.items()))
    matrix = HitMatrix.of(rules)
    evaluator = SparkEvaluator(spark, lake)
    evaluator.check(rules)
    found = evaluator.matrix(rules, matrix, str(tmp_path / "work")).rows().collect()
    for version, cell in matrix.cells:
        row = asked[version.key]
        for column, said in (("h", row["true"]), ("u", row["unknown"])):
            of = sorted(r.subject for r in found if r[f"{column}{cell.word}"] & cell.mask)
            assert (column, of) == (column, [*map(int, said.split())]), version.sql
