"""What is told of files that are not read blames what is wrong, and what is sound is read (R-LAKE-1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.spark.evaluator import SparkEvaluator

AS_OF = date(2026, 6, 5)
CSV, JSON = "id,country\n1,FR\n2,GBé\n", '{"id": 1, "country": "FR"}\n'
ARRAY = '[{"id": 1,\n"country": "FR"}]'
STALE = b"crc\0\0\0\2\0\1\2\3\4"
"""A checksum of other bytes, as Hadoop keeps one beside a file."""

TOLD: Mapping[str, tuple[str, bytes, str, str]] = {
    "UTF-16 without a mark": (
        "z.csv", CSV.encode("UTF-16LE"), 'encoding = "UTF-16"',
        'letters that are no UTF-16. Say how it is written, such as options = { encoding = "UTF-16LE" }',
    ),
    "UTF-16 without a mark or a header": (
        "z.csv", CSV[11:].encode("UTF-16LE"), 'encoding = "UTF-16", header = "false"', 'encoding = "UTF-16LE" }'
    ),
    "UTF-8 that is said to be UTF-16": ("z.csv", CSV.encode(), 'encoding = "UTF-16"', 'options = { encoding = "UTF-8" }'),
    "UTF-16 cut off within a letter": (
        "z.csv", CSV.encode("UTF-16")[:-3], 'encoding = "UTF-16"', "its file z.csv is cut off within a letter (line 3)."
    ),
    "UTF-8 cut off within a letter": ("z.csv", CSV.encode()[:-2], "", "its file z.csv is cut off within a letter (line 3)."),
    "UTF-16 with half of a letter": (
        "z.csv", CSV.encode("UTF-16").replace("é".encode("UTF-16LE"), b"\0\xd8"), 'encoding = "UTF-16"',
        "letters that are no UTF-16 (line 3). Mend the source.",
    ),
    "UTF-16 of one record a line": (
        "z.csv", CSV.encode("UTF-16"), 'encoding = "UTF-16", multiLine = "false"',
        "do not go together: Spark finds no line. Leave multiLine out, or land it in UTF-8.",
    ),
    "a header and another end of records": (
        "z.csv", CSV.replace("\n", "|").encode(), 'lineSep = "|"',
        "its option lineSep = '|' is for records without a header alone",
    ),
    "more digits of a second than Spark keeps": (
        "z.csv", CSV.encode(), 'timestampFormat = "dd.MM.yyyy HH:mm:ss.SSSSSSSSS"', "has more than six digits of a second",
    ),
    "a file that is no array": (
        "z.json", JSON.encode() * 2, 'multiLine = "true"', "again, one object or one array a file. [LAKE-109]",
    ),
    "a key of JSON that folders say": (
        "n=1/z.json", b'{"id": 1, "country": "FR", "n": 1}', "", "its column 'n' stands in its files, and in the names of"
    ),
    "a column of CSV that folders say": (
        "n=1/z.csv", b"id,country,n\n1,FR,1\n", "", "its column 'n' stands in its files, and in the names of"
    ),
    "a column of CSV in capitals that folders say": (
        "n=1/z.csv", b"id,country,N\n1,FR,1\n", "", "its column 'n' stands in its files, and in the names of"
    ),
    "a name of CSV with a colon": ("a:z.csv", CSV.encode(), "", "its file a:z.csv has a colon in its name"),
    "a name of JSON with a colon": ("a:z.json", JSON.encode(), "", "its file a:z.json has a colon in its name"),
    "a name of Parquet with a colon": ("a:z.parquet", b"", "", "its file a:z.parquet has a colon in its name"),
    "a name of ORC with a colon": ("a:z.orc", b"", "", "its file a:z.orc has a colon in its name"),
}  # fmt: skip
"""A file, its bytes, the options that are said, and what is told of it alone."""

READ: Mapping[str, tuple[str, bytes, str]] = {
    "an array with a mark": ("z.json", b"\xef\xbb\xbf" + ARRAY.encode(), 'multiLine = "true"'),
    "a line with a mark": ("z.json", b"\xef\xbb\xbf" + JSON.encode(), ""),
    "UTF-16 with a mark": ("z.csv", CSV[:16].encode("UTF-16"), 'encoding = "UTF-16"'),
    "another end of records": ("z.csv", b"1,FR|", 'lineSep = "|", header = "false"'),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_told_blames_what_is_wrong(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """Once, and with what helps."""
    file, content, options, says = TOLD[name]
    _write(tmp_path / "customers" / file, content)
    with pytest.raises(RunRefused) as refused:
        _evaluator(spark, tmp_path, file, options).check_lake(AS_OF)
    assert [says in str(fault) for fault in refused.value.faults] == [True]


@pytest.mark.parametrize("name", READ)
def test_what_is_sound_is_read(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """Though it was told to be broken."""
    file, content, options = READ[name]
    _write(tmp_path / "customers" / file, content)
    evaluator = _evaluator(spark, tmp_path, file, options)
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.table("customers").collect() == [(1, "FR")]


@pytest.mark.parametrize("said", ["", 'multiLine = "true"', 'multiLine = "false"'])
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_a_checksum_of_other_bytes_is_told_as_that(
    spark: SparkSession, tmp_path: Path, format_: str, said: str
) -> None:
    """As of Parquet: the file was altered since it was written."""
    _write(tmp_path / f"customers/z.{format_}", CSV.encode() if format_ == "csv" else JSON.encode())
    _write(tmp_path / f"customers/.z.{format_}.crc", STALE)
    with pytest.raises(
        RunRefused, match=rf"its file z\.{format_} cannot be read as {format_}: cut off or altered since"
    ):
        _evaluator(spark, tmp_path, f"z.{format_}", said).check_lake(AS_OF)


@pytest.mark.parametrize("name", ["_corrupt_record", "_record"])
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_a_column_is_read_that_is_called_as_spark_calls_broken_records(
    spark: SparkSession, tmp_path: Path, format_: str, name: str
) -> None:
    """In CSV it was told to be cut off, and in JSON it was read as no value."""
    text = (CSV[:16] if format_ == "csv" else JSON).replace("country", name)
    _write(tmp_path / f"customers/z.{format_}", text.encode())
    evaluator = _evaluator(spark, tmp_path, f"z.{format_}", "", column=name)
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.table("customers").collect() == [(1, "FR")]


@pytest.mark.parametrize(("text", "refused"), [('1,"FR', "(value=FR/z.csv, line 2)"), ('1,"FR"', "")])
def test_a_folder_may_say_a_column_that_is_called_as_spark_calls_lines(
    spark: SparkSession, tmp_path: Path, text: str, refused: str
) -> None:
    """Where each line is a record, and is looked at as a line."""
    _write(tmp_path / "customers/value=FR/z.csv", f"id,country\n{text}\n2,DE\n".encode())
    more = 'string", value = "string'
    evaluator = _evaluator(spark, tmp_path, "z.csv", 'multiLine = "false"', type_=more)
    if refused:
        with pytest.raises(RunRefused) as told:
            evaluator.check_lake(AS_OF)
        assert refused in str(told.value)
        return
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.table("customers").collect() == [(1, "FR", "FR"), (2, "DE", "FR")]


def test_and_so_it_may_of_json(spark: SparkSession, tmp_path: Path) -> None:
    """Which is read as lines before it is believed."""
    _write(tmp_path / "customers/value=FR/z.json", JSON.encode())
    evaluator = _evaluator(spark, tmp_path, "z.json", "", type_='string", value = "string')
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.table("customers").collect() == [(1, "FR", "FR")]


@pytest.mark.parametrize("type_", ["varchar(5)", "char(2)", "array<varchar(5)>"])
@pytest.mark.parametrize("file", ["z.csv", "z.json", "z.parquet", "z.orc"])
def test_a_type_that_no_file_keeps_is_refused(spark: SparkSession, tmp_path: Path, file: str, type_: str) -> None:
    """Where it is declared: nobody can land it."""
    _write(tmp_path / "customers" / file, CSV.encode() if file == "z.csv" else JSON.encode())
    with pytest.raises(
        RunRefused, match=r"declared as .*char\(.\).*, and Spark reads .* a string\. Declare it as string\."
    ):
        _evaluator(spark, tmp_path, file, "", type_).check_lake(AS_OF)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pa.table({"id": [1], "country": ["FR"]})
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".orc":
        orc.write_table(rows, str(path))
    else:
        path.write_bytes(content)


def _evaluator(
    spark: SparkSession, folder: Path, file: str, options: str, type_: str = "string", column: str = "country"
) -> SparkEvaluator:
    more = ', n = "int"' if "n=" in file else ""
    text = f"""
        subject = "customers"
        [frames.customers]
        path = "customers"
        format = "{file.rpartition(".")[2]}"
        subject_key = "id"
        columns = {{ id = "bigint", {column} = "{type_}"{more} }}
        options = {{ {options} }}
    """
    return SparkEvaluator(spark, declaration.parse(text, str(folder)))
