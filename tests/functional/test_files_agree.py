"""Every file of a frame is looked at: what is unlike the declaration, or unlike the others, is named with its file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv, orc
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.spark.evaluator import SparkEvaluator
from tests.spec.table import Row, cases

AS_OF = date(2026, 6, 5)

TYPES = {
    "bigint": pa.array([1], pa.int64()),
    "int": pa.array([1], pa.int32()),
    "string": pa.array(["FR"]),
    "date": pa.array([date(2026, 6, 5)], pa.date32()),
    "nanos": pa.array([1], pa.timestamp("ns", "UTC")),
    "time": pa.array([1], pa.time64("us")),
}

FILES = """
    format  | files                     | and one                   | says                                                                     | because
    --------+---------------------------+---------------------------+--------------------------------------------------------------------------+-----------------------------------
    parquet | id bigint, country string | id bigint                 | its file odd has no column 'country', which is declared. [LAKE-104]      | Parquet: a column is missing
    parquet | id bigint, country string | id bigint, contry string  | odd has no column 'country', which is declared. Did you mean 'contry'?   | Parquet: a column is renamed
    parquet | id bigint, country string | id bigint, Country string | its file odd has a column 'Country', and 'country' is declared. Did you  | Parquet: a column in other capitals
    parquet | id bigint, country string | id int, country string    | its column 'id' is int in odd and declared as bigint.                    | Parquet: a column of another type
    parquet | id bigint, country string | id bigint, country nanos  | 'country' is a timestamp in nanoseconds in odd, which Spark does not     | Parquet: nanoseconds
    orc     | id bigint, country string | id bigint                 | its file odd has no column 'country', which is declared.                 | ORC: a column is missing
    orc     | id bigint, country string | id bigint, Country string | its file odd has a column 'Country', and 'country' is declared. Did you  | ORC: a column in other capitals
    orc     | id bigint, country string | id bigint, country date   | its column 'country' is date in odd and declared as string.              | ORC: a column of another type
    csv     | id bigint, country string | id bigint                 | its file odd has no column 'country', which is declared.                 | CSV: a column is missing
    csv     | id bigint, country string | id bigint, contry string  | odd has no column 'country', which is declared. Did you mean 'contry'?   | CSV: a column is renamed
    csv     | id bigint, country string | id bigint, Country string | its file odd has a column 'Country', and 'country' is declared. Did you  | CSV: a column in other capitals
    csv     | id bigint, country string | id bigint, country string, n int | its file odd has a column 'n', which is not declared. Declare it  | CSV: a column more
    csv     | id bigint, country string | country string, id bigint | its file odd has the columns in another order: country, id.              | CSV: columns in other places
"""

UNDECLARED = """
    files                                 | and one                               | says                                                                     | because
    --------------------------------------+---------------------------------------+--------------------------------------------------------------------------+-----------------------------
    id bigint, country string             | id bigint, country string, at nanos   | 'at' is a timestamp in nanoseconds in odd, which Spark does not read. Write timestamps in microseconds. [LAKE-106] | nanoseconds in any column
    id bigint, country string, at time    | id bigint, country string, at time    | 'at' is a time of day in m.parquet and odd, which Spark does not read    | all files have it
    id bigint, country string, n int      | id bigint, country string             | its file odd has no column 'n', which m.parquet has.                     | a column is missing
    id bigint, country string             | id bigint, country string, n int      | its file odd has a column 'n', which m.parquet has not.                  | a column is more
    id bigint, country string, n int      | id bigint, country string, n string   | its column 'n' is string in odd and int in m.parquet.                    | a column has two types
    id bigint, country string, ID bigint  | id bigint, country string             | its file m.parquet has more than one column 'ID', whatever the capitals. | SQL does not tell them apart
"""


@pytest.mark.parametrize("name", ["a", "z"], ids=["the odd file first", "the odd file last"])
@pytest.mark.parametrize("row", cases(FILES))
def test_a_file_that_is_unlike_the_declaration_is_named(
    spark: SparkSession, tmp_path: Path, row: Row, name: str
) -> None:
    """Whichever file is first; nothing of the frame is read."""
    assert row["says"].replace("odd", f"{name}.{row['format']}") in _refusal(spark, tmp_path, row["format"], row, name)


@pytest.mark.parametrize("row", cases(UNDECLARED))
def test_a_file_that_is_unlike_the_others_is_named(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """Rules see every column of a Parquet frame, so all files must have those too that nobody declared."""
    assert row["says"].replace("odd", "z.parquet") in _refusal(spark, tmp_path, "parquet", row, "z")


def test_columns_that_are_not_declared_are_seen(spark: SparkSession, tmp_path: Path) -> None:
    """Declared ones first, and checked; the others as the files have them."""
    _put(tmp_path / "customers" / "m.parquet", "n int, country string, id bigint")
    schema = _evaluator(spark, tmp_path, "parquet").schema(AS_OF)
    assert list(schema.columns["customers"].items()) == [("id", "bigint"), ("country", "string"), ("n", "int")]


def _refusal(spark: SparkSession, folder: Path, format_: str, row: Row, name: str) -> str:
    _put(folder / "customers" / f"m.{format_}", row["files"])
    _put(folder / "customers" / f"{name}.{format_}", row["and one"])
    with pytest.raises(RunRefused) as refused:
        _evaluator(spark, folder, format_).snapshots(AS_OF)
    return str(refused.value)


def _put(path: Path, said: str) -> None:
    path.parent.mkdir(exist_ok=True)
    columns = [each.strip().split(" ", 1) for each in said.split(", ")]
    table = pa.Table.from_arrays([TYPES[type_] for _, type_ in columns], [name for name, _ in columns])
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".orc":
        orc.write_table(table, path)
    else:
        csv.write_csv(table, path)


def _evaluator(spark: SparkSession, folder: Path, format_: str) -> SparkEvaluator:
    text = f"""
        subject = "customers"
        [frames.customers]
        path = "customers"
        format = "{format_}"
        subject_key = "id"
        columns = {{ id = "bigint", country = "string" }}
    """
    return SparkEvaluator(spark, declaration.parse(text, str(folder)))
