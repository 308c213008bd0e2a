"""Statements that share a pass, a frame's rows or what these come to say what Spark says of each as a query of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import plan
from rules_engine.spark.dimension_lists import values
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.filled_rows import interpreted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OF_C = "SELECT c.customer_id FROM customers c WHERE"
OF_JOIN = "SELECT h.customer_id FROM holdings h JOIN customers c ON c.customer_id = h.customer_id WHERE"
OF_PRODUCTS = "SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE"
OF_H = "FROM holdings h WHERE h.customer_id = c.customer_id"
STATEMENTS = [
    "SELECT customer_id FROM holdings WHERE balance <> 0 GROUP BY customer_id "
    "HAVING sum(100 / balance) > 1 AND max(100 / balance) < 9000",
    "SELECT customer_id FROM holdings WHERE balance <> 0 AND 10 / balance > 0 GROUP BY customer_id HAVING min(100 / balance) > 5",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(balance) = 0 OR sum(balance) > 20",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(*) IN (2) AND (max(product) LIKE 'B%')",
    "SELECT customer_id FROM holdings WHERE balance > 3 GROUP BY customer_id HAVING count(DISTINCT role) >= 1 AND sum(balance) < 40",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(DISTINCT balance) <> 2 OR NOT min(balance) <= 3",
    "SELECT h.customer_id FROM holdings h WHERE h.role IS NOT NULL GROUP BY h.customer_id HAVING max(h.balance) = 12 OR count(h.balance) > 1",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) IS NULL OR count(DISTINCT product) BETWEEN 2 AND 3",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING CASE WHEN count(*) > 1 THEN max(balance) > 5 ELSE false END",
    f"{OF_C} EXISTS (SELECT max(h.balance) {OF_H} AND h.balance > 99)",
    f"{OF_C} EXISTS (SELECT 1 FROM holdings h WHERE h.balance > 3 AND c.customer_id = h.customer_id) AND c.spend > 3",
    f"{OF_C} NOT NOT EXISTS (SELECT 1 {OF_H} AND h.role = 'PRIMARY')",
    f"{OF_C} NOT EXISTS (SELECT 1 {OF_H} AND country = 'GB' AND h.role = 'PRIMARY')",
    f"{OF_C} (SELECT count(*) {OF_H} AND h.balance > 3) = 0",
    f"{OF_C} (SELECT count(*) {OF_H} AND h.balance > 3) < 1",
    f"{OF_C} (SELECT count(*) {OF_H} AND h.balance > 3) <= 1 AND c.country IN ('GB', 'FR')",
    f"{OF_C} (SELECT count(*) {OF_H}) > 1",
    "SELECT DISTINCT `customer_id` AS id FROM `holdings` WHERE balance BETWEEN 1 AND 12",
    "SELECT x.customer_id FROM customers AS x WHERE x.country IS NULL OR x.spend / 2 > 3",
    f"{OF_JOIN} h.balance <> 0 AND 100 / h.balance > 3",
    f"{OF_JOIN} h.balance > 0 AND 100 / h.balance > 3",
    f"{OF_JOIN} h.balance > 3 AND c.country IN ('GB', 'FR')",
    f"{OF_PRODUCTS} p.type = 'bond' AND h.balance >= 3",
    f"{OF_PRODUCTS} p.type IS NULL",
    f"{OF_PRODUCTS} p.type = 'nothing'",
    f"{OF_PRODUCTS} p.type <> 'bond' AND p.product LIKE 'F%' AND h.role = 'PRIMARY'",
    "SELECT c.customer_id FROM customers c JOIN holdings h ON h.customer_id = c.customer_id "
    "JOIN products p ON p.product = h.product WHERE p.type IN ('bond', 'fund') AND c.spend > 3 AND h.balance > 1",
    *(
        f"SELECT t.customer_id FROM (SELECT customer_id, role, balance, {window} OVER (PARTITION BY customer_id "
        f"ORDER BY {order}, holding_id) AS w FROM holdings) t WHERE {asked}"
        for window in ("row_number()", "lag(balance)", "lead(balance, 2)")
        for order in ("balance", "balance DESC", "balance DESC NULLS FIRST", "balance ASC NULLS LAST")
        for asked in ("t.w = 2", "t.w >= 3 AND t.role = 'PRIMARY'", "t.w IS NULL OR t.w < 2")
    ),
    *(
        f"SELECT t.customer_id FROM (SELECT customer_id, role, balance, {window} OVER (PARTITION BY customer_id "
        f"ORDER BY {order}) AS w FROM holdings{rows}) t WHERE {asked}"
        for window in ("lag(balance)", "lead(balance, 2)")
        for order, rows in (
            ("holding_id", ""),
            ("balance DESC, holding_id", " WHERE role = 'PRIMARY'"),
            ("role, holding_id DESC", " WHERE balance > 0 OR product IS NOT NULL"),
        )
        for asked in (
            "t.balance > t.w",
            "t.balance >= t.w * 2.5 AND t.role = 'PRIMARY'",
            "NOT t.balance - t.w < 9.99",
            "t.w IS NULL OR -5 * t.w <> t.balance + 0.001",
            "(t.balance <= t.w) IS NULL AND t.balance IS NOT NULL",
        )
    ),
    "SELECT customer_id FROM (SELECT customer_id, holding_id, lag(holding_id) OVER (PARTITION BY customer_id ORDER BY "
    "holding_id) AS w FROM holdings) t WHERE holding_id - w > 60 OR w = holding_id",
    *(
        f"WITH sums AS (SELECT {of}customer_id, {call} AS total, count(*) AS n FROM {source} GROUP BY {of}customer_id) "
        f"SELECT c.customer_id FROM customers c JOIN sums s ON s.customer_id = c.customer_id WHERE s.total {sign} "
        f"{against} AND s.n >= 1 AND c.country IS NOT NULL"
        for of, source, call in (
            ("", "holdings", "sum(balance)"),
            ("", "holdings WHERE role = 'PRIMARY'", "max(balance)"),
            ("h.", "holdings h JOIN products p ON p.product = h.product WHERE p.type = 'bond'", "sum(h.balance)"),
        )
        for sign, against in ((">", "c.spend"), ("<=", "2.5 * c.spend / 4"), ("<>", "c.spend - 0.01"), (">", "3"))
    ),
]
"""Statements that share a pass, an aggregation or a frame's rows, with guards and empty groups."""


@pytest.mark.parametrize("together", [2, len(STATEMENTS)], ids=["guarded groups alone", "all"])
def test_statements_that_share_work_say_what_they_say_alone(spark: SparkSession, tmp_path: Path, together: int) -> None:
    """
    Each returns the subjects that it returns as a query of its own.

    Spark takes out what aggregates have in common only where they are few, so the guarded ones are asked apart too.
    """
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path))
    rules = small_lake.rule_set(*(small_lake.rule(f"R-{n:02}", sql) for n, sql in enumerate(STATEMENTS[:together])))
    matrix = HitMatrix.of(rules)
    made = evaluator.matrix(rules, matrix, str(tmp_path / "work"))
    made.write(str(tmp_path / "hits"))
    rows = evaluator.spark.read.parquet(str(tmp_path / "hits")).collect()
    assert sorted(rows) == sorted(made.rows().collect())
    session = interpreted(evaluator.spark)
    subjects = {row.customer_id for row in session.sql("SELECT customer_id FROM customers").collect()}
    for version, cell in matrix.cells:
        found = {row.subject for row in rows if row[f"h{cell.word}"] & cell.mask}
        assert found == {row[0] for row in session.sql(version.sql).collect()} & subjects, version.sql


def test_joins_places_and_totals_are_no_queries_of_their_own(spark: SparkSession, tmp_path: Path) -> None:
    """Most of the statements are answered together: what is compared is not Spark with itself."""
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path))
    rules = small_lake.rule_set(*(small_lake.rule(f"R-{n:02}", sql) for n, sql in enumerate(STATEMENTS)))
    matrix, schema = HitMatrix.of(rules), evaluator.schema(small_lake.AS_OF)
    bound = bound_rules(matrix, schema, small_lake.AS_OF)
    known = values(evaluator.spark, values_wanted(bound))
    found = plan(matrix, bound, schema, known)
    assert len(found.alone) < 0.1 * len(STATEMENTS)
    why = [*found.why.values()]
    for beginning, least in (("asks", 6), ("ranks", 40), ("counts or adds up", 10)):
        assert sum(text == f"{beginning} the rows of holdings" for text in why) >= least


GUARDED = [
    "spend <> 0 AND 100 / spend > 5",
    "spend <> 0 AND 100 / spend < 50 AND 100 / spend > 1",
    "spend <> 0 AND 100 / spend BETWEEN 1 AND 9",
    "spend = 0 OR spend IS NULL OR 100 / spend < 50",
    "CASE WHEN spend <> 0 THEN 100 / spend > 5 ELSE false END",
    "if(spend <> 0, CAST(100 / spend AS INT) < 50, false)",
    "country = 'GB' AND country <> '7' AND length(country) = 1 AND CAST(country AS INT) > 15",
    "country = 'FR' AND length(country) = 1 AND CAST(country AS INT) <= 15",
    *(
        "SELECT c.customer_id FROM customers c WHERE EXISTS (SELECT 1 FROM holdings h "
        f"WHERE h.customer_id = c.customer_id AND h.balance <> 0 AND 100 / h.balance > {n})"
        for n in (3, 4)
    ),
    *(f"SELECT customer_id FROM holdings WHERE balance <> 0 AND 100 / balance < {n}" for n in (2, 3)),
    *(
        "SELECT customer_id FROM (SELECT customer_id, balance, row_number() OVER (PARTITION BY role ORDER BY holding_id) "
        f"AS n FROM holdings) t WHERE balance <> 0 AND 100 / balance > {n} AND n > 2"
        for n in (3, 4)
    ),
]
"""Each keeps a division or a cast away from rows on which it raises, and shares it with others."""


def test_guards_hold_whatever_shares_what_they_guard(spark: SparkSession, tmp_path: Path) -> None:
    """Together no rule raises that does not by itself, and each hits whom it hits without its guard but with try_."""
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path))
    rules = small_lake.rule_set(*(small_lake.rule(f"R-{n:02}", sql) for n, sql in enumerate(GUARDED)))
    matrix = HitMatrix.of(rules)
    rows = evaluator.matrix(rules, matrix, str(tmp_path / "work")).rows().collect()
    session = interpreted(evaluator.spark)
    subjects = {row.customer_id for row in session.sql("SELECT customer_id FROM customers").collect()}
    for version, cell in matrix.cells:
        tried = re.sub(r"100 / ([a-z.]+)", r"try_divide(100, \1)", version.sql).replace(
            "CAST(country", "try_cast(country"
        )
        query = tried if tried.startswith("SELECT") else f"SELECT customer_id FROM customers WHERE {tried}"
        found = {row.subject for row in rows if row[f"h{cell.word}"] & cell.mask}
        assert found == {row[0] for row in session.sql(query).collect()} & subjects, version.sql
