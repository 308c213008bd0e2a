"""Evidence beside the key (R-ENG-2): which column is the key, and that a run takes the keys alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.frames import key_among
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.standalone_queries import rows_of_batch
from tests import small_lake
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEYS = """
    columns                     | key  | because
    ----------------------------+------+----------------------------------------------------
    person_id                   | 0    | the only column
    whoever                     | 0    | the only column, whatever it is called
    person_id, spend            | 0    | the one called like the subject's key
    spend, PERSON_ID            | 1    | in any order, and in any case
    customer, spend             | 0    | the one called like a frame's column that holds it
    customer, person_id         | 1    | the subject's own name comes first
    spend, country              | none | no key
    person_id, person_id, spend | none | two keys
    customer, payer, spend      | none | two columns of frames that hold it
"""


@pytest.mark.parametrize("row", cases(KEYS))
def test_which_column_is_the_key(row: Row) -> None:
    """One column of several, by its name; where it cannot be told, none."""
    found = key_among(row["columns"].split(", "), "person_id", ["person_id", "customer", "payer"])
    assert ("none" if found is None else str(found)) == row["key"]


EVIDENCE = [
    "SELECT customer_id, country FROM customers WHERE spend > 3",
    "SELECT country AS c, customer_id, spend, spend FROM customers WHERE spend > 3",
    "SELECT DISTINCT customer_id, 100 / nullif(spend, 0) FROM customers WHERE spend > 3",
    "SELECT * FROM customers WHERE spend > 3",
    "SELECT customer_id, spend FROM customers WHERE spend > 3 UNION ALL SELECT customer_id, NULL FROM customers WHERE spend > 3",
    "SELECT customer_id, sum(spend) AS total FROM customers GROUP BY customer_id HAVING sum(spend) > 3",
    "SELECT customer_id, row_number() OVER (ORDER BY spend, customer_id) AS place FROM customers WHERE spend > 3",
]


@pytest.mark.parametrize("sql", EVIDENCE)
def test_a_run_takes_the_keys(spark: SparkSession, tmp_path: Path, sql: str) -> None:
    """Every gate accepts the query, and it hits whom it would hit without the evidence."""
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path))
    plain = "SELECT customer_id FROM customers WHERE spend > 3"
    rules = small_lake.rule_set(small_lake.rule("EVIDENCE", sql), small_lake.rule("PLAIN", plain))
    evaluator.schema(small_lake.AS_OF)
    evaluator.check(rules)
    found: dict[str, set[object]] = {}
    for placed in HitMatrix.of(rules).cells:
        rows = rows_of_batch(evaluator.spark, [placed], evaluator.lake, small_lake.AS_OF)
        found[placed[0].key] = {row["subject"] for row in rows.collect()}
    assert found["PLAIN"]
    assert found["EVIDENCE"] == found["PLAIN"]
