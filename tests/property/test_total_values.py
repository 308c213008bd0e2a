"""What is said to raise of no row is worked out on the greatest and least values that a column can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

from rules_engine.logical.query_tree import query_tree
from rules_engine.logical.total_values import COUNT, TotalReader
from rules_engine.spark.session import pin
from tests.filled_rows import interpreted
from tests.spec.table import Row, cases, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = {
    "i": ("int", "2147483647", "-2147483648", "0"),
    "b": ("bigint", "9223372036854775807", "-9223372036854775808", "0"),
    "d": ("decimal(12,2)", "9999999999.99", "-9999999999.99", "0.00"),
    "w": ("decimal(38,2)", f"{'9' * 36}.99", f"-{'9' * 36}.99", "0.01"),
    "r": ("double", "'NaN'", "1.7976931348623157E308", "0D"),
    "day": ("date", "'9999-12-31'", "'0001-01-01'", "'1970-01-01'"),
    "t": ("string", "'x'", "''", "'12'"),
    "yes": ("boolean", "true", "false", "true"),
    "n": (COUNT, "999999999999999", "0", "1"),
}
CONDITIONS = """
    condition                                            | total | because
    -----------------------------------------------------+-------+------------------------------------------
    d > 5                                                | yes   | a comparison
    d + d > 5.5                                          | yes   | a decimal has room for a sum
    d * d * d > 5                                        | yes   | and for a product of 38 digits
    d * d * d * d > 5                                    | no    | but not for one of 50
    w + 1 > 5                                            | no    | nor for a sum of 38 digits and more
    w > 5                                                | yes   | which are compared
    w > r                                                | yes   | with a double as well
    i + 1 > 5                                            | no    | a whole number has no room
    -i > 5                                               | no    | the least has no opposite
    b + i > 5                                            | no    | nor has a long one
    n + 1 > 5                                            | yes   | a count has
    n * 100 > 5                                          | yes   | and thousands of it
    n * 10000 > 5                                        | no    | but not ten thousands
    n - n >= 1                                           | yes   | two counts
    i * 2.0 > 5                                          | yes   | a decimal is made of a whole number
    r * r > 5                                            | yes   | doubles end in infinity
    i / nullif(i, 0) > 2                                 | yes   | whole numbers are divided as doubles
    i / i > 2                                            | no    | zero divides nothing
    d / nullif(d, 0) > 0.4                               | yes   | NULL does
    d / nullif(d, 0.00) > 0.4                            | yes   | however zero is written
    d / nullif(d, 1) > 0.4                               | no    | zero is left
    d / 3 > 0.4                                          | yes   | a number that is written out
    w / nullif(d, 0) > 0.4                               | no    | no room before the point
    coalesce(d, 0) - coalesce(d, 1.5) < 0                | yes   | a value for NULL
    coalesce(w, n) > 0                                   | yes   | a count, as a decimal, has fewer digits
    coalesce(d, t) = 1                                   | no    | a text is cast
    t > 5                                                | no    | where it is compared, too
    t = 'x' AND t <> ''                                  | yes   | texts are compared as they are
    lower(t) = 'x'                                       | yes   | a call that raises of none
    t BETWEEN 'a' AND 'z' OR t IN ('x', '12')            | yes   | ends, and lists
    substring(t, 1, 2) = 'x'                             | no    | a call that is not known
    datediff(day, DATE '2024-01-01') > 30                | yes   | days between
    year(day) * 2 > 4000                                 | yes   | a year has few digits
    day > '2024-01-01'                                   | yes   | a text that says a day
    day > '2024-1-1'                                     | no    | another text where a day is
    day BETWEEN '2024-01-01' AND '2024-02-30'            | no    | a text that says no day
    yes AND NOT (d > 5) IS NOT TRUE                      | yes   | truths
    d                                                    | no    | a number is none
    CASE WHEN d > 5 THEN d ELSE 0 END + 1 > 5            | yes   | a choice
    CASE WHEN i / i > 1 THEN d END > 5                   | no    | by what raises
    (day IS NULL OR d IS NOT NULL) AND d <=> 1           | yes   | NULL
"""


def reader(sql: str) -> tuple[TotalReader, exp.Expr]:
    tree = query_tree(f"SELECT k FROM t WHERE {sql}")
    return TotalReader(tree, lambda node: COLUMNS[node.name][0]), tree.root.args["where"].this


@pytest.mark.parametrize("case", cases(CONDITIONS))
def test_whether_a_condition_raises_of_no_row(case: Row) -> None:
    """The table is the manual."""
    found, condition = reader(case["condition"])
    assert found.is_total(condition) == (case["total"] == "yes")


def test_none_raises_of_the_greatest_and_least(spark: SparkSession) -> None:
    """Every pair of values of two columns, and NULL; of those that are not said to, some do."""
    from pyspark.errors import PySparkException

    session, told = interpreted(pin(spark)), {case["condition"]: case["total"] for case in rows(CONDITIONS)}
    raised = set[str]()
    for sql in told:
        columns = sqlglot.parse_one(sql, dialect="spark").find_all(exp.Column)
        named = sorted({column.name for column in columns} & {*COLUMNS})
        pairs = (f"(VALUES {', '.join(_values(name))}) AS v{at} ({name})" for at, name in enumerate(named))
        try:
            session.sql(f"SELECT count_if({sql}) FROM {' CROSS JOIN '.join(pairs)}").collect()
        except PySparkException:
            raised.add(sql)
    assert {sql for sql in raised if told[sql] == "yes"} == set()
    assert len(raised) >= 8


def _values(name: str) -> list[str]:
    type_ = "bigint" if COLUMNS[name][0] == COUNT else COLUMNS[name][0]
    return [f"(CAST({value} AS {type_}))" for value in (*COLUMNS[name][1:], "NULL")]
