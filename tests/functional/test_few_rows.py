"""Queries over small frames run in a session of their own: one part each, the same answers, nothing left in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rules_engine.index.words import RuleBit
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.spark import small_frames as few_rows
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.standalone_queries import rows_of_batch
from tests import small_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RICHEST = """WITH totals AS (SELECT h.customer_id, sum(h.balance) AS total FROM `Holdings` h
                    JOIN PRODUCTS p ON p.product = h.product WHERE p.type <> 'credit' GROUP BY h.customer_id)
    SELECT c.customer_id FROM customers c JOIN totals t ON t.customer_id = c.customer_id
    WHERE t.total >= (SELECT avg(total) FROM totals)
"""
NO_GOLD = "country = 'GB' AND customer_id NOT IN (SELECT customer_id FROM holdings WHERE customer_id IS NOT NULL)"
LISTED = "SELECT c.customer_id FROM customers c WHERE c.country IN (SELECT value FROM list_countries)"
COUNTRIES = ReferenceList("list_countries", {"value": "string"}, ({"value": "GB"}, {"value": "DE"}))


@pytest.fixture(scope="module")
def evaluator(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkEvaluator:
    """Over the small lake, its frames opened and one list."""
    found = SparkEvaluator(spark, small_lake.write(tmp_path_factory.mktemp("lake")))
    found.schema(small_lake.AS_OF, [COUNTRIES])
    return found


def placed(sql: str) -> RuleBit:
    """A statement, or a condition over customers, with the bit that it sets."""
    return HitMatrix.of(small_lake.rule_set(small_lake.rule("R", sql))).cells[0]


@pytest.mark.parametrize("sql", [RICHEST, NO_GOLD, LISTED], ids=["join", "sub-query", "list"])
def test_a_query_over_few_rows_stays_in_one_part_and_says_the_same(evaluator: SparkEvaluator, sql: str) -> None:
    """No plan of many parts, nothing generated whole or planned anew; the subjects are those that the plain plan finds."""
    rule = placed(sql)
    as_it_stands = rows_of_batch(evaluator.spark, [rule], evaluator.lake, small_lake.AS_OF)
    with few_rows.few_rows(evaluator.spark, evaluator.schema(small_lake.AS_OF, [COUNTRIES]), [rule]) as session_of:
        assert session_of([rule]) is not evaluator.spark
        rows = rows_of_batch(session_of([rule]), [rule], evaluator.lake, small_lake.AS_OF)
        plan = str(rows._jdf.queryExecution().executedPlan())
        found = {*map(tuple, rows.collect())}
    assert found
    assert found == {*map(tuple, as_it_stands.collect())}
    assert not re.search(r"AdaptiveSparkPlan|\*\(|partitioning\(.*, (?!1\))\d+\)", plan), plan


def test_a_rule_that_names_a_large_frame_stays_where_it_is(
    evaluator: SparkEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One frame above the bound is enough; rules of one batch go together."""
    rows = {name: few_rows.stored(evaluator.spark.table(name)) for name in ("customers", "holdings", "products")}
    monkeypatch.setattr(few_rows, "SMALL", max(rows["customers"], rows["products"]))
    assert rows["holdings"] > few_rows.SMALL
    of_holdings, of_customers = placed(RICHEST), placed("country IN (SELECT type FROM products)")
    rules = [of_holdings, of_customers]
    with few_rows.few_rows(evaluator.spark, evaluator.schema(small_lake.AS_OF), rules) as session_of:
        assert session_of([of_holdings]) is evaluator.spark
        assert session_of([of_customers]) is not evaluator.spark
        assert session_of([of_customers, of_holdings]) is evaluator.spark


def test_what_was_held_in_memory_is_let_go(evaluator: SparkEvaluator) -> None:
    """The frames are held for that session alone, and no longer than the queries take."""
    rule = placed(RICHEST)
    with few_rows.few_rows(evaluator.spark, evaluator.schema(small_lake.AS_OF), [rule]) as session_of:
        own = session_of([rule])
        assert own.table("holdings").storageLevel.useMemory
        assert not evaluator.spark.table("holdings").storageLevel.useMemory
    assert not own.table("holdings").storageLevel.useMemory


def test_the_frames_are_the_declared_ones(evaluator: SparkEvaluator) -> None:
    """Columns and types of every view are those that the gates saw."""
    schema, rules = evaluator.schema(small_lake.AS_OF, [COUNTRIES]), [placed(LISTED), placed(RICHEST)]
    with few_rows.few_rows(evaluator.spark, schema, rules) as session_of:
        own = session_of(rules)
        for name, columns in schema.columns.items():
            assert dict(own.table(name).dtypes) == columns


def test_without_a_small_frame_nothing_is_opened(evaluator: SparkEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where no rule is a query of its own."""
    schema = evaluator.schema(small_lake.AS_OF)
    with few_rows.few_rows(evaluator.spark, schema, []) as session_of:
        assert session_of([]) is evaluator.spark
    monkeypatch.setattr(few_rows, "SMALL", 0)
    with few_rows.few_rows(evaluator.spark, schema, [placed(RICHEST)]) as session_of:
        assert session_of([placed(RICHEST)]) is evaluator.spark
