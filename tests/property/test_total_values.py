"""What is said to raise of no row is worked out on the greatest and least values that a column can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

from rules_engine.logical.query_tree import query_tree
from rules_engine.logical.total_values import TotalReader
from rules_engine.logical.typed_values import COUNT
from rules_engine.spark.session import pin
from tests.filled_rows import interpreted
from tests.spec.table import Row, cases, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = {
    "i": ("int", "2147483647", "-2147483648", "0"),
    "s": ("smallint", "32767", "-32768", "0"),
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
    cast(i as double) / 3 > 5                            | yes   | a number as a double
    cast(n as double) / nullif(n, 0) > 0.5               | yes   | a count, too
    cast(n as decimal(20,2)) > 5                         | yes   | a decimal with room for a count
    cast(n as decimal(10,2)) > 5                         | no    | or without
    cast(d as int) > 5                                   | no    | an int has no room for ten digits
    cast(d as bigint) > 5                                | yes   | a long one has
    cast(d as decimal(13,1)) > 5                         | yes   | rounded up to one more digit
    cast(d as decimal(11,1)) > 5                         | no    | for which there is no room
    cast(b as int) > 5                                   | no    | a long one as a short
    cast(r as int) > 5                                   | no    | infinity is no int
    cast(t as int) > 5                                   | no    | a text may be none
    cast(yes as int) = 1                                 | yes   | a truth is 1 or 0
    cast(d as string) = '0.00'                           | yes   | all are texts
    cast(day as timestamp) > cast('2024-01-01' as date)  | no    | a text that is cast to a day
    (d > 5) = (day is not null)                          | yes   | two truths
    date'2024-06-01' - day > interval '500' day          | yes   | days between days
    day + interval '6' month <= date'2024-06-01'         | yes   | months later
    date'2024-06-01' - day > interval '5' month          | no    | days are no months
    substring(t, 1, 1) = 'F'                             | yes   | a part of a text
    left(t, 2) = concat(t, 'x')                          | yes   | a part of one beside two together
    startswith(t, 'x')                                   | yes   | a call that tells a truth
    t rlike '^x'                                         | yes   | an expression that is written out
    t rlike t                                            | no    | one that is made of the row
    replace(t, 'x', 'y') = 'y'                           | yes   | a text with another in its place
    instr(t, 'x') > 0                                    | yes   | where a text stands in another
    floor(d) > 5 or ceil(d) > 5                          | yes   | the whole number below or above a decimal
    floor(r) > 5                                         | no    | of a double that is not told
    round(d, 1) > 5                                      | yes   | a decimal that is rounded
    round(w, 2) > 5                                      | no    | where a digit more has no room
    date_format(day, 'yyyy') = '2024'                    | yes   | a day as a text
    datediff(MONTH, day, date'2024-06-01') > 30            | yes   | with a unit
    datediff(month, day, t) > 30                         | no    | or not, where one is a text that is cast
    extract(year from day) >= 2014                       | yes   | a part of a day
    extract(day from date'2024-06-01' - day) > 30        | no    | of days between that is not told
    s + s > 5                                            | no    | a short number has no room for two
    -s > 5 or abs(s) > 5                                 | no    | nor for its least with another sign
    cast(yes as tinyint) + cast(yes as tinyint) > 1      | yes   | two truths as numbers
    cast(s as int) + cast(s as int) > 5                  | yes   | short numbers in a longer type
    CASE WHEN d > 5 THEN NULL END IS NULL                | no    | a choice of nothing
    n % 2 = 1                                            | yes   | what is left of a count
    i % 7 > 5                                            | yes   | of a whole number by one written out
    i % i > 5                                            | no    | nor is anything left of it
    d % 2 > 1                                            | no    | a decimal is not told
    abs(d) > 5                                           | yes   | a decimal has an opposite
    abs(i) > 5                                           | no    | the least whole number has none
    greatest(d, 2) > least(d, w)                         | yes   | one of several numbers
    greatest(d, t) > 2                                   | no    | or not, where one is a text
    nvl2(t, d, 0) > 2                                    | yes   | one of two
    months_between(day, day) > 6                         | yes   | of days
    add_months(day, 12) > day                            | yes   | months that are added
    last_day(day) > day                                  | yes   | the last day of a month
    dayofweek(day) = 1                                   | yes   | the number of a day
    length(t) > 3                                        | yes   | characters of a text
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
    soundex(t) = 'x'                                     | no    | a call that is not known
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
