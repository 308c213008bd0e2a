"""What lands, a run reads, and what does not land, a run refuses: the same bytes, asked both ways."""

from __future__ import annotations

import bz2
from collections.abc import Callable
from datetime import datetime
from functools import partial
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
from tests.extracts import DAY, DECLARATION, HEADER, LINES, NOW, OBJECTS
from tests.spec.table import Row, cases

Files = dict[str, bytes | Callable[[Path], object]]

TEXTS = {
    "csv": "".join((HEADER, *LINES)),
    "json": "".join(OBJECTS),
}


@pytest.mark.parametrize("cut", [0, 1, 4, 10, 11])
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_lost_the_end_of_its_packing_is_refused(spark: SparkSession, tmp_path: Path, kind: str, cut: int) -> None:
    """The last ten bytes of bzip2 are a mark and a checksum: all records are there without them, as far as one knows."""
    packed = bz2.compress(TEXTS[kind].encode())
    files = {f"a.{kind}.bz2": packed[: len(packed) - cut]}
    _agree(spark, tmp_path, kind, files, "to its end" if cut else "")


TYPES = """
    format  | column                   | declared                    | says                     | because
    --------+--------------------------+-----------------------------+--------------------------+------------------------------------------
    parquet | struct                   | struct<a:bigint>            |                          | as it is declared
    parquet | struct                   | STRUCT< `a` LONG NOT NULL > |                          | as SQL may say it, too
    parquet | struct                   | struct<a:string>            | is struct<a:bigint>      | a field of another type
    parquet | struct                   | struct<A:bigint>            | is struct<a:bigint>      | a field in other capitals
    parquet | struct                   | struct<a:bigint,b:int>      | is struct<a:bigint>      | a field that is not there
    parquet | struct                   | array<bigint>               | is struct<a:bigint>      | another way to hold many
    parquet | array                    | array<int>                  |                          | an array as declared
    parquet | array                    | array<bigint>               | is array<int>            | an array of others
    parquet | array, then array of text | array<int>                 | array<string>            | in the second file alone
    parquet | map                      | map<string,int>             |                          | a map as declared
    parquet | map                      | map<string, double>         | is map<string,int>       | a map to others
    parquet | deep                     | array<struct<a:decimal(9,2),m:map<string,array<date>>>> | | deep within, as declared
    parquet | deep                     | array<struct<a:decimal(9,2),m:map<string,array<int>>>> | is array<struct | deep within, another
    orc     | struct                   | struct<a:bigint>            |                          | ORC: as it is declared
    orc     | struct                   | struct<a:int>               | is struct<a:bigint>      | ORC: a field of another type
    parquet | old moment               | timestamp                   |                          | INT96 is a moment in UTC
    parquet | old moment               | timestamp_ntz               | is timestamp             | and so it is no wall time
    parquet | brotli                   | bigint                      | is packed by BROTLI      | Spark does not unpack it
    parquet | split                    | double                      | encoded as BYTE_STREAM_S | and does not read that
    parquet | delta                    | bigint                      |                          | while it reads this
"""
NUMBERS = pa.array([1, 2, 3])
DEEP = pa.list_(pa.struct({"a": pa.decimal128(9, 2), "m": pa.map_(pa.string(), pa.list_(pa.date32()))}))
COLUMNS: dict[str, pa.Array] = {
    "struct": pa.StructArray.from_arrays([NUMBERS], ["a"]),
    "array": pa.array([[1], [2], None], pa.list_(pa.int32())),
    "array of text": pa.array([["1"], None, None]),
    "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32())),
    "deep": pa.array([None, [], None], DEEP),
    "old moment": pa.array([datetime(2024, 6, 1)] * 3, pa.timestamp("us")),
    "brotli": NUMBERS,
    "split": pa.array([1.5, 2.5, 3.5]),
    "delta": NUMBERS,
}
WRITTEN: dict[str, dict[str, Any]] = {
    "old moment": {"use_deprecated_int96_timestamps": True},
    "brotli": {"compression": {"more": "brotli"}},
    "split": {"use_dictionary": False, "column_encoding": {"more": "BYTE_STREAM_SPLIT"}},
    "delta": {"use_dictionary": False, "column_encoding": {"more": "DELTA_BINARY_PACKED"}},
}


@pytest.mark.parametrize("row", cases(TYPES))
def test_a_column_is_of_the_declared_type_as_spark_reads_it(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """Of many values, too; and its pages are such as Spark reads."""

    def put(of: str, first: int, file: Path) -> object:
        ids = pa.array([first, first + 1, first + 2])
        rows = pa.table({"customer_id": ids, "more": COLUMNS[of]})
        return (
            orc.write_table(rows, file) if row["format"] == "orc" else pq.write_table(rows, file, **WRITTEN.get(of, {}))
        )

    named = enumerate(row["column"].split(", then "))
    files: Files = {f"{at}.{row['format']}": partial(put, of, 10 * at) for at, of in named}
    columns = f'customer_id = "bigint"\nmore = "{row["declared"]}"\n'
    _agree(spark, tmp_path, row["format"], files, row["says"], columns)


def _agree(spark: SparkSession, folder: Path, kind: str, files: Files, says: str, columns: str = "") -> None:
    """See that an extract lands and is read, or is refused as both say; ``columns`` are declared in place of others."""
    source = folder / "customers/2024-06-01"
    source.mkdir(parents=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            (source / name).write_bytes(content)
        else:
            content(source / name)
    text = DECLARATION.replace('"FORMAT"', f'"{kind}"')
    head, _, own = text.partition("customers.columns]\n")
    text = f"{head}customers.columns]\n{columns or own}"
    frame = declaration.parse(text, str(folder / "landed")).frames[0]
    evaluator = SparkEvaluator(spark, declaration.parse(text, str(folder)))
    for ask in (lambda: land(str(source), frame, DAY, NOW), lambda: evaluator.check_lake(DAY)):
        if not says:
            ask()
            continue
        with pytest.raises(RunRefused) as refused:
            ask()
        assert says in str(refused.value)
