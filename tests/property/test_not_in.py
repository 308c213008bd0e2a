"""NOT IN of a sub-query over keys that are never NULL, and over keys of which one is: each is what Spark says alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import plan
from rules_engine.spark import dimension_lists, evaluator
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.asked_together import alone, hits_of, query_of, rule_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = "SELECT h.customer_id FROM holdings h"
SHARED = [
    f"SELECT c.customer_id FROM customers c WHERE c.customer_id NOT IN ({ROWS} WHERE h.balance > 3)",
    f"SELECT c.customer_id FROM customers c WHERE c.spend > 3 OR c.customer_id NOT IN ({ROWS} WHERE h.role = 'PRIMARY')",
    f"SELECT c.customer_id FROM customers c WHERE NOT (c.spend > 3 OR c.customer_id IN ({ROWS} WHERE h.balance > 3))",
    f"SELECT c.customer_id FROM customers c WHERE NOT c.customer_id NOT IN ({ROWS} WHERE h.balance > 3)",
    f"SELECT customer_id FROM customers EXCEPT SELECT customer_id FROM customers WHERE customer_id NOT IN ({ROWS})",
    f"SELECT customer_id FROM customers WHERE customer_id NOT IN ({ROWS} LEFT JOIN products p ON p.product = h.product"
    " WHERE p.type = 'bond')",
    f"{ROWS} WHERE h.customer_id NOT IN (SELECT k.customer_id FROM holdings k WHERE k.balance > 3)",
    "WITH x AS (SELECT customer_id FROM holdings WHERE balance > 3) "
    "SELECT customer_id FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM x)",
]
OTHERS = [
    "SELECT customer_id FROM customers WHERE customer_id NOT IN "
    "(SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(*) > 1)",
    f"SELECT c.customer_id FROM customers c WHERE c.customer_id NOT IN ({ROWS} WHERE h.balance > c.spend)",
    f"SELECT customer_id FROM customers WHERE spend NOT IN ({ROWS})",
]


def given(folder: Path, customers: int = 60) -> Lake:
    """The small lake without the holdings that are nobody's."""
    lake, file = WITH_NULL(folder, customers), folder / "holdings" / "part-0.parquet"
    rows = pq.read_table(file)
    pq.write_table(rows.filter(pc.is_valid(rows["customer_id"])), file)
    return lake


WITH_NULL = small_lake.write


@pytest.mark.parametrize("keys", ["given", "null"])
def test_not_in_is_what_it_is_alone(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    """Those that share a pass where every key is given are queries of their own where one is NULL, true of nobody new."""
    if keys == "given":
        monkeypatch.setattr(small_lake, "write", given)
    wordings = [*SHARED, *OTHERS]
    assert hits_of(spark, tmp_path / "together", wordings) == alone(spark, tmp_path / "alone", wordings)
    own = _own(spark, tmp_path / "plan", wordings)
    assert [sql for sql in SHARED if sql in own] == [] if keys == "given" else len(own) > len(OTHERS)


def test_a_null_that_nobody_looks_for_is_noticed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every key taken for given the answers differ where one is NULL."""
    monkeypatch.setattr(dimension_lists, "_given", lambda *asked: [()] * len(asked[-1]))
    monkeypatch.setattr(evaluator, "values", dimension_lists.values)
    assert hits_of(spark, tmp_path / "together", SHARED) != alone(spark, tmp_path / "alone", SHARED)


def _own(spark: SparkSession, folder: Path, wordings: list[str]) -> set[str]:
    of = SparkEvaluator(spark, small_lake.write(folder))
    rules = small_lake.rule_set(*(rule_of(n, query_of(sql)) for n, sql in enumerate(wordings)))
    matrix, schema = HitMatrix.of(rules), of.schema(small_lake.AS_OF)
    bound = bound_rules(matrix, schema, small_lake.AS_OF)
    planned = plan(matrix, bound, schema, dimension_lists.values(of.spark, values_wanted(bound)))
    return {version.sql for version, _ in planned.alone}
