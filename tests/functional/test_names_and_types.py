"""Columns and fields of any name and any number are read as they are declared, and as their files have them (R-LAKE-1)."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.spark.evaluator import SparkEvaluator
from rules_lake.landing.landing import land
from rules_lake.landing.place import Place
from rules_lake.landing.records import Records
from tests.spec.table import Row, cases

AS_OF = date(2026, 6, 5)
MANY = {f"f{at}": at for at in range(30)}
MANY_BIGINTS = f"struct<{','.join(f'{name}:bigint' for name in MANY)}>"
NAMES: dict[str, tuple[str, str, Any, str]] = {
    "more fields than Spark shows": ("held", MANY_BIGINTS, MANY, "held.f29"),
    "a field that SQL reads in quotes": ("held", "struct<`a-b`:bigint>", {"a-b": 29}, "held.`a-b`"),
    "and one within a list": ("held", "array<struct<`a b`:bigint>>", [{"a b": 29}], "held[0].`a b`"),
    "and one with a quote of SQL": ("held", "struct<`a``b`:bigint>", {"a`b": 29}, "held.`a``b`"),
    "a column with a quote of SQL": ("a`b", "bigint", 29, "`a``b`"),
    "a column with a point": ("a.b", "bigint", 29, "`a.b`"),
}


@pytest.mark.parametrize("folder", ["", "n=1/"], ids=["", "in a folder"])
@pytest.mark.parametrize(
    ("name", "format_"),
    [(name, each) for name in NAMES for each in ("parquet", "orc", "json") if each != "orc" or "of SQL" not in name],
)
def test_a_name_is_read_whatever_it_is(
    spark: SparkSession, tmp_path: Path, name: str, format_: str, folder: str
) -> None:
    """Declared as the files have it: a struct was cut off at 25 fields, and a quote of SQL ended a name."""
    column, type_, value, asked = NAMES[name]
    path = tmp_path / f"customers/{folder}a.{format_}"
    path.parent.mkdir(parents=True)
    _write(path, {"id": 1, column: value})
    more = ', n = "int"' if folder else ""
    evaluator = _evaluator(spark, tmp_path, format_, f"{json.dumps(column)} = {json.dumps(type_)}{more}")
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.sql(f"SELECT {asked} FROM customers").collect() == [(29,)]
    assert evaluator.schema(AS_OF).columns["customers"][column] == type_


CUT = {
    "a`b": (29, "bigint", "named with a back-tick (`)"),
    "held": ({"a`b": 29}, "struct<`a``b`:bigint>", "named with a back-tick (`)"),
    "": (29, "bigint", "without a name"),
}


@pytest.mark.parametrize("column", CUT)
def test_a_name_that_spark_does_not_read_in_orc_is_named(spark: SparkSession, tmp_path: Path, column: str) -> None:
    """Of a column or of a field: where the file is sound, landing it again helps nobody."""
    (tmp_path / "customers").mkdir()
    value, type_, what = CUT[column]
    _write(tmp_path / "customers/a.orc", {"id": 1, column: value})
    says = f"its column '{column}' is {what} in a.orc, which Spark does not read. Write it by "
    with pytest.raises(RunRefused, match=re.escape(says)):
        _evaluator(spark, tmp_path, "orc", f'"{column}" = "{type_}"').check_lake(AS_OF)


def test_what_is_expected_of_a_column_is_asked_whatever_its_name(spark: SparkSession, tmp_path: Path) -> None:
    """Nulls, values and keys, of a subject's key and of orphans too."""
    for frame in ("customers", "held"):
        (tmp_path / frame).mkdir()
        pq.write_table(pa.table({"a`b": ["x", "y"]}), tmp_path / frame / "a.parquet")
    text = """
        subject = "customers"
        [frames.customers]
        path = "customers"
        subject_key = "a`b"
        columns = { "a`b" = "string" }
        [frames.held]
        path = "held"
        subject_key = "a`b"
        key = ["a`b"]
        orphans = 0.0
        columns = { "a`b" = { type = "string", nulls = 0.0, unique = true, values = ["x", "y"] } }
    """
    assert SparkEvaluator(spark, declaration.parse(text, str(tmp_path))).check_lake(AS_OF).subjects == 2


@pytest.mark.parametrize(
    ("written", "type_"),
    [
        ("required binary held (ENUM);", "string"),
        ("required group held { required binary x (ENUM); }", "struct<x:string>"),
    ],
    ids=["a column", "a field"],
)
def test_a_word_of_a_list_in_parquet_is_a_text(spark: SparkSession, tmp_path: Path, written: str, type_: str) -> None:
    """As writers of Avro have an ENUM: Spark reads a text, and Arrow bytes."""
    (tmp_path / "customers").mkdir()
    _write_words(spark, tmp_path / "customers/a.parquet", f"message m {{ required int64 id; {written} }}")
    evaluator = _evaluator(spark, tmp_path, "parquet", f'held = "{type_}"')
    evaluator.check_lake(AS_OF)
    field = "held.x" if "<" in type_ else "held"
    assert evaluator.spark.sql(f"SELECT {field} FROM customers").collect() == [("GOLD",)]


READ = """
    written                                      | declared | said                                     | because
    ---------------------------------------------+----------+------------------------------------------+------------------------------------
    required binary held (ENUM)                  | string   |                                          | a word of a list is a text
    required binary held (ENUM)                  | binary   | is string, and declared as binary        | and no bytes
    required binary held (JSON)                  | string   |                                          | an object is a text
    required binary held (BSON)                  | binary   |                                          | one that is packed is bytes
    required binary held                         | string   | is binary, and declared as string        | nothing says that these are letters
    required int32 held (UINT_8)                 | smallint |                                          | a number without sign is a wider one
    required int32 held (UINT_8)                 | uint8    | is smallint, and declared as uint8       | Spark has no such type
    required fixed_len_byte_array(16) held (UUID) | binary  | is a UUID of 16 bytes, which Spark does  | Arrow reads it as bytes
    required fixed_len_byte_array(12) held (INTERVAL) | binary | is an interval of 12 bytes, which      | Arrow reads it as no value
"""


@pytest.mark.parametrize("row", cases(READ))
def test_what_lands_of_parquet_is_what_a_run_reads(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """A column whose bytes are annotated is of one type to both, or refused by both."""
    (tmp_path / "customers").mkdir()
    schema = f"message m {{ required int64 id; {row['written']}; }}"
    _write_words(spark, tmp_path / "customers/a.parquet", schema, 7 if "int32" in schema else "GOLDGOLDGOLDGOLD")
    evaluator = _evaluator(spark, tmp_path, "parquet", f'held = "{row["declared"]}"')
    frame = replace(evaluator.lake.frame("customers"), path=f"{tmp_path}/landed/{{day}}")
    with pytest.raises(RunRefused, match=row["said"]) if row["said"] else nullcontext():
        land(str(tmp_path / "customers"), frame, AS_OF, datetime(2026, 6, 5, tzinfo=UTC))
    with pytest.raises(RunRefused) if row["said"] else nullcontext():
        evaluator.check_lake(AS_OF)
    if not row["said"]:
        (batch,) = Records(Place(f"{tmp_path}/landed/{AS_OF}"), "a.parquet", frame).batches()
        assert batch.to_pylist()[0]["held"] == evaluator.spark.sql("SELECT held FROM customers").first()[0]


def _write_words(spark: SparkSession, path: Path, schema: str, value: object = "GOLD") -> None:
    """A row of an ENUM or the like, which no Python writes."""
    jvm: Any = spark._jvm
    type_ = jvm.org.apache.parquet.schema.MessageTypeParser.parseMessageType(schema)
    row = jvm.org.apache.parquet.example.data.simple.SimpleGroup(type_)
    row.add("id", 2**40)  # a long of Java
    if "fixed_len" in schema:
        bytes_ = str(value).encode()[: int(re.findall(r"array\((\d+)", schema)[0])]
        value = getattr(jvm, "org.apache.parquet.io.api.Binary").fromConstantByteArray(bytearray(bytes_))
    (row.addGroup("held") if "group" in schema else row).add("x" if "group" in schema else "held", value)
    to = getattr(jvm, "org.apache.hadoop.fs.Path")(str(path))
    writer = jvm.org.apache.parquet.hadoop.example.ExampleParquetWriter.builder(to).withType(type_).build()
    writer.write(row)
    writer.close()


def _write(path: Path, row: dict[str, Any]) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(row))
    elif path.suffix == ".orc":
        orc.write_table(pa.Table.from_pylist([row]), path)
    else:
        pq.write_table(pa.Table.from_pylist([row]), path)


def _evaluator(spark: SparkSession, folder: Path, format_: str, columns: str) -> SparkEvaluator:
    text = f"""
        subject = "customers"
        [frames.customers]
        path = "customers"
        format = "{format_}"
        subject_key = "id"
        columns = {{ id = "bigint", {columns} }}
    """
    return SparkEvaluator(spark, declaration.parse(text, str(folder)))
