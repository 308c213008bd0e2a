"""IN (SELECT …) as a value, of which Spark takes the unknown for false, and where only its being true counts."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from tests.gate import Line, judge, spark_layers
from tests.spec.table import Row, cases, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.gate import Layer

ASKED = "country IN (SELECT country FROM customer WHERE spend > 10)"

VALUES = """
    query                                                                            | said    | because
    ---------------------------------------------------------------------------------+---------+-----------------------------------------------
    SELECT customer_id FROM (SELECT customer_id, {in} AS v FROM customer) WHERE v IS NULL | SQL-350 | unknown is asked for
    SELECT customer_id, {in} AS v FROM customer                                      | SQL-350 | the value is shown
    SELECT customer_id FROM customer WHERE ({in}) IS NULL                            | SQL-350 | unknown is asked for at once
    SELECT customer_id FROM customer WHERE ({in}) IS FALSE                           | SQL-350 | false is asked for
    SELECT customer_id FROM customer WHERE ({in}) = (spend > 2)                      | SQL-350 | what is unknown is never equal
    SELECT customer_id FROM customer WHERE coalesce({in}, spend > 2)                 | SQL-350 | something else where it is unknown
    SELECT customer_id FROM customer WHERE NOT CASE WHEN spend > 2 THEN {in} ELSE spend < 1 END | SQL-350 | NOT stops at CASE
    SELECT customer_id FROM orders GROUP BY customer_id HAVING count(customer_id IN (SELECT customer_id FROM customer)) > 1 | SQL-350 | what is not NULL is counted
    SELECT customer_id FROM customer c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id AND (o.amount IN (SELECT spend FROM customer)) IS NULL) | SQL-350 | within another query
    SELECT customer_id FROM (SELECT customer_id, CASE WHEN {in} THEN true ELSE false END AS v FROM customer) WHERE NOT v |  | the cure
    SELECT c.customer_id FROM customer c JOIN orders o ON c.customer_id = o.customer_id AND o.amount IN (SELECT spend FROM customer) | | a join's condition
"""

TRUE_ALONE = """
    condition                                     | because
    ----------------------------------------------+------------------------------
    {in}                                          | by itself
    NOT ({in} AND spend > 2)                      | NOT is brought down
    NOT (spend > 2 OR {in})                       | NOT is brought down to both
    NOT (NOT ({in}))                              | twice
    {in} OR spend > 2                             | beside OR
    ({in}) IS TRUE                                | asked for being true
    ({in}) IS NOT TRUE                            | asked for not being true
    coalesce({in}, false)                         | unknown is false
    CASE WHEN {in} THEN 1 ELSE 0 END = 0          | CASE goes by being true
    CASE WHEN spend > 2 THEN {in} ELSE spend < 1 END | a case that is true
    NOT CASE WHEN {in} THEN true ELSE false END   | the cure under NOT
"""


@pytest.fixture(scope="module")
def layers(spark: SparkSession) -> dict[str, Layer]:
    """Gate 2b alone."""
    return {"gate 2b": spark_layers(spark)["gate 2b"]}


def said(layers: dict[str, Layer], sql: str, form: Form = Form.STATEMENT) -> str:
    """The codes of the refusal."""
    return ", ".join(fault.code for fault in judge(Line("x", form, "accept", sql), layers).faults)


@pytest.mark.parametrize("row", cases(VALUES))
def test_as_a_value_it_is_refused(layers: dict[str, Layer], row: Row) -> None:
    """Refused where being unknown and being false could be told apart."""
    assert said(layers, row["query"].replace("{in}", ASKED)) == row["said"]


def test_a_condition_of_its_own_is_written_out_or_refused(layers: dict[str, Layer]) -> None:
    """What is written out may be asked for NULL; of several columns nothing is written out."""
    several = "(country, spend) IN (SELECT country, spend FROM customer)"
    assert said(layers, f"({ASKED}) IS NULL", Form.PREDICATE) == ""
    assert said(layers, several, Form.PREDICATE) == ""
    assert said(layers, f"({several}) IS NULL", Form.PREDICATE) == "SQL-350"


def test_where_its_being_true_counts_it_is_accepted_and_exact(spark: SparkSession, layers: dict[str, Layer]) -> None:
    """Spark answers as SQL's three truths demand, told by SQLite, of values and queries with and without NULL."""
    queries = ("SELECT t.country FROM t", "SELECT t.country FROM t WHERE t.country > 'A'", "SELECT t.country FROM t WHERE t.n < c.spend")  # fmt: skip
    outside = [(1, "GB", 1), (2, "FR", 5), (3, None, 1), (4, "DE", None), (5, "US", 7), (6, None, None)]
    inside = [("GB", 1), ("FR", 2), (None, 4)]
    conditions = [row["condition"] for row in rows(TRUE_ALONE)]
    for condition in conditions:
        judged = said(layers, f"SELECT customer_id FROM customer WHERE {condition.replace('{in}', ASKED)}")
        assert judged in {"", "SQL-333"}, condition  # exact, but slow under NOT; wrong beside its own negation
    written = [c.replace("{in}", f"c.country IN ({query})") for c in conditions for query in queries]
    asked = " UNION ALL ".join(f"SELECT {at} AS place, c.id FROM c WHERE {w}" for at, w in enumerate(written))
    own = spark.newSession()
    own.createDataFrame(outside, "id int, country string, spend int").createOrReplaceTempView("c")
    own.createDataFrame(inside, "country string, n int").createOrReplaceTempView("t")
    exact = sqlite3.connect(":memory:")
    exact.execute("CREATE TABLE c (id, country, spend)")
    exact.execute("CREATE TABLE t (country, n)")
    exact.executemany("INSERT INTO c VALUES (?, ?, ?)", outside)
    exact.executemany("INSERT INTO t VALUES (?, ?)", inside)
    assert sorted(map(tuple, own.sql(asked).collect())) == sorted(exact.execute(asked).fetchall())
