"""
Every allowed function over values that machines might read differently: the lines of ``tests/data/functions.tsv``.

A line is a function, an expression over the columns of :data:`SCHEMA` (or a whole query), and what becomes of it: the
values, one for each combination of the values of the columns that it names, or that it is refused.
``python -m tests.function_table`` prints the file anew with the values of the Spark at hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules_engine.model.rules import Form
from rules_engine.model.schemas import Schema
from rules_engine.sql.tokens import Kind, tokens
from tests.gate import LAYERS, Line, judge, local_spark, spark_layers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REFUSED = "refused"
FILE = Path(__file__).parent / "data" / "functions.tsv"

# fmt: off
COLUMNS: dict[str, tuple[str, list[str]]] = {
    "t": ("string", ["NULL", "''", "'a'", "'Straße'", "'IĞDIR ıi'", "'İzmir'", "'ﬁn ﬂy ﬀ'", "'ΌΣΟΣ ς'", "' x  y '", "'a,b;c'", "'-12.5'",
                     "'O😀e\u0301'", "'ǆ ŉ'", "'1e3'", "'true'"]),
    "s": ("string", ["NULL", "'a'", "','", "'ß'"]),
    "q": ("string", ["NULL", "'12'", "' -3 '", "'007'"]),
    "l": ("string", ["NULL", "'2024-02-29'", "'1582-10-04'", "'1900-01-01'", "'0001-01-01'"]),
    "i": ("int", ["NULL", "0", "1", "-3", "7", "2147483640"]),
    "j": ("int", ["NULL", "1", "2", "12"]),
    "n": ("bigint", ["NULL", "0", "65", "200", "321", "9223372036854775807"]),
    "d": ("decimal(12,2)", ["NULL", "0.00", "-0.05", "2.50", "1234.50", "9999999999.99"]),
    "f": ("double", ["NULL", "'0.0'", "'-0.0'", "'1.5'", "'-2.75'", "'NaN'", "'Infinity'", "'1E23'", "'2E-3'", "'123456789.125'", "'2E23'",
                     "'1.1E-5'", "'8.41E21'"]),
    "x": ("double", ["NULL", "'0.5'", "'0.125'", "'0.75'"]),
    "y": ("date", ["NULL", "'0001-01-01'", "'1582-10-04'", "'1582-10-15'", "'1899-12-31'", "'1970-01-01'", "'2020-12-31'", "'2024-02-29'",
                   "'2024-06-01'", "'9998-12-31'"]),
    "z": ("date", ["NULL", "'2023-02-28'", "'2024-02-29'"]),
    "m": ("timestamp", ["NULL", "'0001-01-01 00:00:00'", "'1582-10-04 23:59:59.999999'", "'1900-01-01 12:00:00'", "'1969-12-31 23:59:59.5'",
                        "'2024-03-31 02:30:00'", "'2024-10-27 01:30:00.000001'", "'9998-12-31 23:59:59'"]),
    "b": ("boolean", ["NULL", "true", "false"]),
    "a": ("array<string>", ["NULL", "array()", "array('b', NULL, 'a', 'a')", "array('ß', 'ss', 'é')"]),
    "k": ("array<int>", ["NULL", "array()", "array(3, NULL, -1)"]),
    "p": ("map<string,int>", ["NULL", "map()", "map('x', 1, 'a', NULL)"]),
    "h": ("array<struct<city:string,since:date>>", ["NULL", "array(named_struct('city', 'Brno', 'since', DATE'2020-01-01'))"]),
}
# fmt: on

SCHEMA = Schema(
    "v", "key", {"v": {"key": "bigint"} | {name: type_ for name, (type_, _) in COLUMNS.items()}}, {"v": "key"}
)


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the file."""

    function: str
    expression: str
    outcome: str = ""

    @property
    def is_query(self) -> bool:
        return self.expression.startswith("select ")

    @property
    def line(self) -> Line:
        """As a rule, so that the gates can be asked: a condition over ``v``, or one that asks for the query's rows."""
        sql = f"exists ({self.expression})" if self.is_query else f"({self.expression}) is null"
        return Line(self.function, Form.PREDICATE, "accept", sql, "v")

    @property
    def columns(self) -> list[str]:
        words = tokens(self.expression)
        return [name for name in COLUMNS if any(t.word == name and t.kind is Kind.WORD for t in words)]


def cases(path: Path = FILE) -> list[Case]:
    """The lines of the file, in order."""
    return [Case(*line.split("\t")) for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]


def values(spark: SparkSession, case: Case) -> list[Any]:
    """What an expression comes to, for each combination of its columns' values; ``!`` where it raises an error."""
    rows = [*product(*(COLUMNS[name][1] for name in case.columns))]
    try:
        return _asked(spark, case, rows)
    except Exception:
        if case.is_query:
            return ["!"]
        return [value for row in rows for value in _alone(spark, case, row)]


def _alone(spark: SparkSession, case: Case, row: tuple[str, ...]) -> list[Any]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return _asked(spark, case, [row])
    except (PySparkException, Py4JError):
        return ["!"]


def _asked(spark: SparkSession, case: Case, rows: list[tuple[str, ...]]) -> list[Any]:
    names = case.columns
    listed = ", ".join(
        f"({number}, {', '.join(_typed(n, v) for n, v in zip(names, row, strict=True))})"
        for number, row in enumerate(rows)
    )
    source = f"(SELECT * FROM VALUES {listed} AS v(nr, {', '.join(names)}))" if names else "(SELECT 0 AS nr)"
    if case.is_query:
        with_v = spark.sql(f"WITH v AS {source} {case.expression}")
        return sorted((_plain(tuple(row)) for row in with_v.selectExpr(*_written(with_v)).collect()), key=str)
    found = spark.sql(f"SELECT {case.expression} AS r FROM {source} AS v")
    return [_plain(row[0]) for row in found.selectExpr(*_written(found)).collect()]


def _typed(name: str, value: str) -> str:
    return f"CAST({value} AS {COLUMNS[name][0]})"


def _written(found: Any) -> list[str]:
    """Days and moments as numbers: Python knows fewer of them, and shows moments by its own clock."""
    numbers = {"timestamp": "unix_micros(`{}`)", "date": "unix_date(`{}`)"}
    types = (field.dataType.simpleString() for field in found.schema.fields)
    return [numbers.get(type_, "`{}`").format(name) for name, type_ in zip(found.columns, types, strict=True)]


def _plain(value: Any) -> Any:
    """A value as JSON knows it, the same on every machine."""
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return repr(value)
        case dict():
            return sorted([_plain(key), _plain(each)] for key, each in value.items())
        case list() | tuple():
            return [_plain(each) for each in value]
    return str(value)


def judged(spark: SparkSession, found: list[Case]) -> Iterator[Case]:
    """The cases with what becomes of them on this Spark."""
    layers = LAYERS | spark_layers(spark, SCHEMA)
    for case in found:
        verdict = judge(case.line, layers, SCHEMA)
        if verdict.accepted:
            yield Case(case.function, case.expression, json.dumps(values(spark, case), ensure_ascii=False))
        else:
            yield Case(case.function, case.expression, REFUSED)


def main(path: Path = FILE) -> None:
    """Print the file anew; what it says of itself first is kept."""
    kept = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    with local_spark() as spark:
        told = [f"{case.function}\t{case.expression}\t{case.outcome}" for case in judged(spark, cases(path))]
    sys.stdout.write("\n".join([*kept, *told]) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
