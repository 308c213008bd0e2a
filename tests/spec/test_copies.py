"""How often Spark writes what stands within a call where it shows a plan: never more often than the first gate counts."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

from rules_engine.sql.gate.copies import parts
from tests.function_table import COLUMNS, REFUSED, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPERATORS = (
    "i between 1 and 5", "i between j and 5", "case when i > 1 then j else n end", "case i when 1 then j when 2 then 3 when 3 then n end",
    "decode(i, 1, 2)", "decode(i, 1, 2, 3, 4, 5, 6, 7)", "decode(n, i, j, 3, 4)", "nullif(i, j)", "nvl2(t, i, j)", "left(t, i)",
    "m - interval 1 hour", "m - interval 1 hour - interval 2 hours - interval 3 hours", "m - (m - timestamp '2024-01-01 00:00:00')",
    "y - interval 1 day", "m + interval 1 hour", "i - j - n", "trim(both 'x' from t)", "t ilike 'a%'", "i <=> j", "b is not true",
    "nullif(nullif(nullif(i, 1), 2), 3)", "decode(decode(i, 1, 2, 3, 4), 5, 6, 7, 8)", "case when i > 1 then case when j > 1 then n end end",
    "extract(day from make_date(2024, 1, extract(month from y)))", "cast(i between 1 and 5 as int) between 0 and 1",
)  # fmt: skip


@pytest.fixture(scope="module")
def table(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    place = str(tmp_path_factory.mktemp("values") / "v")
    spark.createDataFrame(
        [], "key bigint, " + ", ".join(f"{n} {type_}" for n, (type_, _) in COLUMNS.items())
    ).write.parquet(place)
    session = spark.newSession()
    session.read.parquet(place).createOrReplaceTempView("v")
    return session


def counted(expression: str) -> Counter[str]:
    """Of each column how often the first gate takes Spark to write it."""
    tree = sqlglot.parse_one(f"select {expression} as e from v", read="spark")
    found = Counter[str]()
    for node, _, times in parts(tree):
        found[node.name] += times if isinstance(node, exp.Column) else 0
    return found


def written(session: SparkSession, expression: str) -> dict[str, int]:
    """Of each column how often Spark writes it in the analysed plan, beside once as a column of ``v`` at each of its ends."""
    shown = session.sql(f"select {expression} as e from v")._jdf.queryExecution().analyzed().toJSON()
    named = re.findall(r'"name":"([a-z])"', shown)
    return {name: max(named.count(name) - 2, 0) for name in COLUMNS}


EXPRESSIONS = [case.expression for case in cases() if not case.is_query and case.outcome != REFUSED]


def test_no_allowed_call_is_written_more_often_than_it_is_counted(table: SparkSession) -> None:
    for expression in (*EXPRESSIONS, *OPERATORS):
        found, allowed = written(table, expression), counted(expression)
        assert not {name for name in COLUMNS if found[name] > allowed[name]}, expression
