"""What the rows hold over which rules are tried beside empty ones: plausible values, by type."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from rules_engine.spark.gate.plausible import ROWS, columns
from rules_engine.spark.session import pin
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AS_OF = date(2024, 6, 1)
LONG = "Anna Maria Example, 12 Long Street, London; anna.m.example@example.com"

MADE = """
    type                               | first                                 | second                                | third                                 | because
    -----------------------------------+---------------------------------------+---------------------------------------+---------------------------------------+---------------------------
    bigint                             | 1                                     | 2                                     | 3                                     | a whole number, the row's own
    tinyint                            | 1                                     | 2                                     | 3                                     | the smallest of them
    decimal(12,2)                      | 1.00                                  | 25.00                                 | 4000.00                               | a small, a usual and a large amount
    decimal(3,2)                       | 1.00                                  | 0.00                                  | 0.00                                  | what does not fit is zero
    double                             | 1.0                                   | 25.0                                  | 4000.0                                | a floating number
    boolean                            | true                                  | false                                 | true                                  | both truths
    date                               | 2024-05-02                            | 2023-03-29                            | 2022-02-22                            | days before the run's own, over a year apart
    timestamp                          | 2024-05-02 00:00:00                   | 2023-03-29 00:00:00                   | 2022-02-22 00:00:00                   | moments likewise
    string                             | LONG                                  | 2                                     | GB                                    | a long text, a number and a code
    varchar(4)                         | Anna                                  | 2                                     | GB                                    | cut to what the type holds
    array<int>                         | [1, 2, 3]                             | [2, 3, 1]                             | [3, 1, 2]                             | three elements, turned
    map<string,int>                    | {LONG -> 1, 2 -> 2}                   | {LONG -> 1, 2 -> 2}                   | {LONG -> 1, 2 -> 2}                   | two entries with keys that differ
    struct<city:string,since:date>     | {LONG, 2024-05-02}                    | {2, 2023-03-29}                       | {GB, 2022-02-22}                      | each field by its type
    array<struct<n:int>>               | [{1}, {2}, {3}]                       | [{2}, {3}, {1}]                       | [{3}, {1}, {2}]                       | structs in a list
    interval day                       |                                       |                                       |                                       | a type that rules cannot name: nothing
"""


def rows(spark: SparkSession, types: dict[str, str], key: str = "") -> list[tuple[str, ...]]:
    """The three rows of a frame, as texts."""
    own = pin(spark)
    made = ", ".join(columns(own, types, key, AS_OF, "id"))
    shown = ", ".join(f"coalesce(CAST(`{name}` AS STRING), '')" for name in types)
    return [tuple(row) for row in own.sql(f"SELECT {shown} FROM (SELECT {made} FROM range(0, {ROWS}, 1, 1))").collect()]


@pytest.mark.parametrize("row", cases(MADE))
def test_a_column_of_a_type_holds(spark: SparkSession, row: Row) -> None:
    """Three values that differ where the type has so many, without a clock and without chance."""
    found = [value.replace(LONG, "LONG") for (value,) in rows(spark, {"x": row["type"]})]
    assert found == [row["first"], row["second"], row["third"]]


@pytest.mark.parametrize("type_", ["bigint", "int", "string", "decimal(10,0)"])
def test_the_subject_s_key_is_one_two_three_in_every_type(spark: SparkSession, type_: str) -> None:
    """Whatever the key's type and however it is written, the same row of two frames is the same subject."""
    found = rows(spark, {"Person_ID": type_, "x": "string"}, key="person_id")
    assert [key for key, _ in found] == ["1", "2", "3"]


def test_rows_of_two_frames_meet_row_by_row(spark: SparkSession) -> None:
    """Columns of one type have the same values in every frame, so that joins of any of them find their rows."""
    one, other = rows(spark, {"a": "date", "b": "string"}), rows(spark, {"c": "string", "d": "date"})
    assert [(text, day) for day, text in one] == other
