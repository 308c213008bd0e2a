"""Every file of a frame is looked at: what is unlike the declaration, or unlike the others, is named with its file."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from random import Random

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
    "moment": pa.array([1], pa.timestamp("us", "UTC")),
    "view": pa.array(["FR"], pa.string_view()),
    "split": pa.array([1.5]),
    "brotli": pa.array(["FR"]),
    "uuid": pa.array([b"0123456789abcdef"], pa.uuid()),
}

FILES = """
    format  | files                     | and one                   | says                                                                     | because
    --------+---------------------------+---------------------------+--------------------------------------------------------------------------+-----------------------------------
    parquet | id bigint, country string | id bigint                 | its file odd has no column 'country', which is declared. [LAKE-104]      | Parquet: a column is missing
    parquet | id bigint, country string | id bigint, contry string  | odd has no column 'country', which is declared. Did you mean 'contry'?   | Parquet: a column is renamed
    parquet | id bigint, country string | id bigint, Country string | its file odd has a column 'Country', and 'country' is declared. Did you  | Parquet: a column in other capitals
    parquet | id bigint, country string | id int, country string    | its column 'id' is int in odd and declared as bigint.                    | Parquet: a column of another type
    parquet | id bigint, country string | id bigint, country nanos  | 'country' is a timestamp in nanoseconds in odd, which Spark does not     | Parquet: nanoseconds
    parquet | id bigint, country string | id bigint, country split  | 'country' is encoded as BYTE_STREAM_SPLIT in odd, which Spark does not   | Parquet: an encoding that Spark lacks
    parquet | id bigint, country string | id bigint, country brotli | 'country' is packed by BROTLI in odd, which Spark does not read. Write   | Parquet: a packing that Spark lacks
    parquet | id bigint, country string | id bigint, country uuid   | its column 'country' is a UUID of 16 bytes in odd, which Spark does not  | Parquet: a type of more bytes than words
    parquet | id bigint, country string | id int, country view      | its column 'id' is int in odd and declared as bigint. Mend the declarat  | Parquet: and a text of another kind of Arrow's is one
    orc     | id bigint, country string | id bigint, country moment | 'country' is a timestamp with local time zone in odd, which Spark does   | ORC: a moment with a zone
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
    """Declared ones first, and checked; the others as the files have them, in a folder of any name."""
    _put(tmp_path / "a[1]*" / "customers" / "m.parquet", "n int, country string, id bigint")
    schema = _evaluator(spark, tmp_path / "a[1]*", "parquet").schema(AS_OF)
    assert list(schema.columns["customers"].items()) == [("id", "bigint"), ("country", "string"), ("n", "int")]


GZIP = gzip.compress(b"id,country\n" + b"".join(b"%d,%d\n" % (at, at * 7919) for at in range(2000)))
TEXT = b"id,country\n1,FR\n"
PLACES: Mapping[str, tuple[str, bytes, str]] = {
    "a folder that says nothing": ("sub/z.csv", TEXT, "its file sub/z.csv would not be read, for being in a folder"),
    "a name that hides it": ("_part-1.csv.gz", GZIP, "'_part-1.csv.gz' at"),
    "a folder that hides it": (".n=1/z.csv", TEXT, "would not be read, for a name that begins with '_' or '.'."),
    "a table of Hudi": (".hoodie/hoodie.properties", b"x", "there is a table of hudi at"),
    "a folder as a URL has it": ("country=C%C3%B4te/z.csv", b"id\n1\n", "is written as a URL is"),
    "a folder without a value": ("country=/z.csv", b"id\n1\n", "its folder country= says no value"),
    "a folder with no such day": ("day=2026-02-30/z.csv", TEXT, "its folder day=2026-02-30 says no date"),
    "a header that ends with a separator": ("z.csv", b"id,country,\n1,FR,\n", "has a column without a name"),
    "the same column twice": ("z.csv", b"id,id\n1,1\n", "its file z.csv has more than one column 'id'"),
    "a header again": ("z.csv", TEXT + TEXT, "its header stands again among its records (z.csv, line 3)"),
    "a form in another language": ("z.csv", TEXT, "its option dateFormat = 'jj.MM.aaaa' is no form of a day."),
    "years of two digits": ("z.csv", TEXT, "has years of two digits, and not of which century. Land it with years"),
    "hours to twelve": ("z.csv", TEXT, "has hours to twelve, and not of which half of the day"),
    "years of any number of digits": ("z.csv", TEXT, "has years of any number of digits: 24 would be the year 24"),
    "names of zones": ("z.csv", TEXT, "has names of zones: IST is the time of India"),
    "a zone of a day": ("z.csv", TEXT, "has a zone, which a day and a timestamp_ntz have not."),
    "hours of no day": ("z.csv", TEXT, "says not of which year, month and day."),
    "an archive that was cut off": ("z.csv.gz", GZIP[:-300], "z.csv.gz cannot be unpacked to its end"),
    "an archive that is not called so": ("z.csv", GZIP, "its file z.csv is packed by gzip and is not called .gz."),
    "a text that is called an archive": ("z.csv.gz", TEXT, "z.csv.gz is called .gz and is not packed by gzip."),
    "another archive that is not called so": (
        "z.csv",
        bz2.compress(TEXT),
        "is packed by bzip2 and is not called .bz2.",
    ),
    "a text that is called another archive": ("z.csv.zst", TEXT, "z.csv.zst is called .zst and is not packed by zstd."),
    "an archive without a byte": (
        "z.csv.gz",
        gzip.compress(b""),
        "cut off, altered, or of another format (there is no",
    ),
    "an archive of another kind": (
        "z.csv.xz",
        lzma.compress(TEXT),
        "has the bytes of xz, and not of csv. Land what is",
    ),
    "an archive of files": (
        "z.csv",
        b"PK\x03\x04\x14\0\0\0\x80",
        "its file z.csv has the bytes of zip, and not of csv. Land what",
    ),
    "a file of Parquet": (
        "z.csv",
        b"PAR1\x15\x04\x80",
        'has the bytes of parquet, and not of csv. Say format = "parquet"',
    ),
    "letters of two bytes": ("z.csv", TEXT.decode().encode("UTF-16"), 'options = { encoding = "UTF-16" }'),
    "letters of two bytes without a mark": ("z.csv", TEXT.decode().encode("UTF-16LE"), 'encoding = "UTF-16LE" }'),
    "a header that is said to be none": (
        "z.csv",
        TEXT,
        "a header stands among its records (z.csv, line 1), and options",
    ),
    "no header": ("z.csv", b"1,FR\n2,DE\n", "none of the declared columns in the first line"),
    "another separator": ("z.csv", b"id;country\n1;FR\n", "parted by ';'. Say options = { sep = \";\" }."),
    "a line for Excel": ("z.csv", b"sep=;\nid;country\n1;FR\n", "a first line for Excel alone (sep=)"),
    "a name with a space": ("m y%20é.csv", b"id,country\nx,FR\n", "such as 'x' in m y%20é.csv, line 2"),
    "the same name in two folders": ("n=2/z.csv", b"id,country\nx,FR\n", "such as 'x' in n=2/z.csv, line 2"),
}
JSON = b'{"id": 1, "country": "FR"}\n'
JSON_PLACES: Mapping[str, tuple[str, bytes, str]] = {
    "a line that only looks blank": (
        "z.json",
        JSON + "\u00a0\n".encode(),
        "1 lines are no JSON objects, one in z.json, line 2",
    ),
    "an archive that was cut off": (
        "z.json.gz",
        gzip.compress(JSON * 2000)[:-30],
        "z.json.gz cannot be unpacked to its end",
    ),
    "an archive that is not called so": (
        "z.json",
        gzip.compress(JSON),
        "its file z.json is packed by gzip and is not called",
    ),
    "a text that is called an archive": ("z.json.gz", JSON, "z.json.gz is called .gz and is not packed by gzip."),
    "a file of Parquet": ("z.json", b"PAR1\x15\x04\x80", "its file z.json has the bytes of parquet, and not of json."),
    "letters of two bytes": (
        "z.json",
        JSON.decode().encode("UTF-16"),
        "no UTF-8. Land it in UTF-8, as JSON's standard has it.",
    ),
    "letters of two bytes without a mark": (
        "z.json",
        JSON.decode().encode("UTF-16LE"),
        "has letters that are no UTF-8.",
    ),
    "keys that are no texts": ("z.json", JSON, "is declared as map<int,int>, and keys of JSON are texts."),
    "a name with a space": ("m y%20é.json", JSON.replace(b"1", b"1.5"), "such as '9.9' in m y%20é.json, line 1"),
    "the same name in two folders": ("n=2/z.json", JSON.replace(b"1", b"1.5"), "such as '9.9' in n=2/z.json, line 1"),
}
SAID = {
    "a form in another language": "dateFormat = 'jj.MM.aaaa'",
    "years of two digits": "dateFormat = 'dd.MM.yy'",
    "hours to twelve": "dateFormat = 'dd.MM.yyyy hh:mm'",
    "years of any number of digits": "dateFormat = 'd.M.y'",
    "names of zones": "timestampFormat = 'yyyy-MM-dd HH:mm z'",
    "a zone of a day": "dateFormat = 'yyyy-MM-dd XXX'",
    "hours of no day": "timestampFormat = 'HH:mm'",
    "a header that is said to be none": "header = false",
}


@pytest.mark.parametrize("name", PLACES)
def test_a_text_file_that_is_not_where_or_what_its_name_says(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """Each of these was read as something else, in part or with a word that did not help."""
    file, content, says = PLACES[name]
    (tmp_path / "customers" / file).parent.mkdir(parents=True)
    (tmp_path / "customers" / file).write_bytes(content)
    options = f"options = {{ {SAID[name]} }}" if name in SAID else ""
    _beside(tmp_path, file, TEXT)
    more = ', day = "date"' if "day=" in file else ', n = "int"' if "n=" in file else ""
    key = "string" if name.startswith("a header") else "bigint"
    evaluator = _evaluator(spark, tmp_path, "csv", more, options, key)
    with pytest.raises(RunRefused) as refused:
        evaluator.check_lake(AS_OF)
    assert says in str(refused.value)


@pytest.mark.parametrize("name", JSON_PLACES)
def test_a_file_of_json_that_is_not_what_its_name_says(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """Told of the file alone, by its first bytes."""
    file, content, says = JSON_PLACES[name]
    (tmp_path / "customers" / file).parent.mkdir(parents=True)
    (tmp_path / "customers" / file).write_bytes(content)
    _beside(tmp_path, file, JSON)
    more = ', n = "int"' if "n=" in file else ', m = "map<int,int>"' if "keys" in name else ""
    with pytest.raises(RunRefused) as refused:
        _evaluator(spark, tmp_path, "json", more).check_lake(AS_OF)
    assert [says in str(fault) for fault in refused.value.faults] == [True]


def _beside(folder: Path, file: str, content: bytes) -> None:
    """A sound file of the same name in another folder."""
    if "n=" in file:
        (folder / "customers/n=1").mkdir()
        (folder / "customers/n=1" / Path(file).name).write_bytes(content)


ASIDE = ("_SUCCESS", "_old/z.csv", ".trash/z.csv", "._z.csv", ".z.csv.crc", "_metadata.txt", "_empty.csv")


def test_what_is_put_aside_is_no_data(spark: SparkSession, tmp_path: Path) -> None:
    """Marks of writers, what a Mac leaves, and folders that were hidden on purpose stop nothing."""
    for name in ("z.csv", *ASIDE):
        (tmp_path / "customers" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "customers" / name).write_bytes(TEXT if name != "_empty.csv" else b"")
    evaluator = _evaluator(spark, tmp_path, "csv")
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.table("customers").count() == 1


def test_a_file_that_a_stream_did_not_log_is_named(spark: SparkSession, tmp_path: Path) -> None:
    """Spark reads what a stream's log names, and no file that somebody else put beside."""
    rows = tmp_path / "customers"
    _put(rows / "a.parquet", "id bigint, country string")
    _put(rows / "b.parquet", "id bigint, country string")
    _log(rows, "a.parquet")
    with pytest.raises(RunRefused, match=r"its file b\.parquet would not be read: a log that a stream of Spark keeps"):
        _evaluator(spark, tmp_path, "parquet").snapshots(AS_OF)
    _log(rows, "a.parquet", "b.parquet")
    assert _evaluator(spark, tmp_path, "parquet").snapshots(AS_OF)


def _log(folder: Path, *names: str) -> None:
    """What a stream of Spark keeps beside the files that it wrote."""
    said = {"isDir": False, "modificationTime": 1, "blockReplication": 1, "blockSize": 1, "action": "add"}
    files = [{"path": (folder / name).as_uri(), "size": (folder / name).stat().st_size, **said} for name in names]
    (folder / "_spark_metadata").mkdir(exist_ok=True)
    (folder / "_spark_metadata/0").write_text("\n".join(["v1", *map(json.dumps, files)]))


PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}


@pytest.mark.parametrize("end", PACKINGS)
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_a_packed_text_is_read(spark: SparkSession, tmp_path: Path, format_: str, end: str) -> None:
    """By the driver as by Spark; a Spark without a library for zstd says so, and not that the file is broken."""
    (tmp_path / "customers").mkdir()
    (tmp_path / f"customers/z.{format_}{end}").write_bytes(PACKINGS[end](TEXT if format_ == "csv" else JSON))
    evaluator = _evaluator(spark, tmp_path, format_)
    if end == ".zst" and not spark.version.startswith("4.1"):
        with pytest.raises(RunRefused, match=r"is packed by zstd, for which this Spark \(.*\) has no library"):
            evaluator.check_lake(AS_OF)
        return
    evaluator.check_lake(AS_OF)
    assert [tuple(each) for each in evaluator.spark.table("customers").collect()] == [(1, "FR")]


CUT = """
    format | options                        | because
    -------+--------------------------------+--------------------------------------------------------
    csv    | header = "false", lineSep = "LF" | it was read as far as that, without a word
    csv    | multiLine = "false"            | as it was here, and then the command itself broke off
    csv    |                                | likewise
    json   |                                | of which a record is cut as well
"""


@pytest.mark.parametrize("row", cases(CUT))
def test_a_file_that_is_cut_off_after_a_whole_block_of_bzip2(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """Hadoop ends at what is left of the next block, and says nothing: half of the subjects would be absent."""
    chance = Random(1)
    names = ["".join(chance.choices("abcdefghij", k=20)) for _ in range(9_000)]
    lines = [
        f'{{"id": {at}, "country": "{name}"}}\n' if row["format"] == "json" else f"{at},{name}\n"
        for at, name in enumerate(names)
    ]
    head = "id,country\n" if row["format"] == "csv" and "header" not in row["options"] else ""
    packed = bz2.compress((head + "".join(lines)).encode(), 1)
    bits = f"{int.from_bytes(packed, 'big'):b}"
    second = len(packed) - len(bits[bits.index(BLOCK, 48) :]) // 8
    (tmp_path / "customers").mkdir()
    (tmp_path / f"customers/z.{row['format']}.bz2").write_bytes(packed[: second + 2])
    options = f"options = {{ {row['options']} }}".replace("LF", "\\n")
    with pytest.raises(RunRefused, match=r"z\.(csv|json)\.bz2 cannot be unpacked to its end: it was cut off"):
        _evaluator(spark, tmp_path, row["format"], options=options).check_lake(AS_OF)


BLOCK = f"{0x314159265359:048b}"
"""With what a block of bzip2 begins, at any bit."""


OPTIONS = """
    options                                                         | content                       | because
    ----------------------------------------------------------------+-------------------------------+--------------------------------------
    ignoreLeadingWhiteSpace = true, ignoreTrailingWhiteSpace = true | id, country / 1 , FR          | blanks about names are left out, too
    comment = "#"                                                   | # 1 row / id,country / 1,FR   | a comment is no header
    quote = ""                                                      | id,country / 1,FR             | no quote means anything
"""


@pytest.mark.parametrize("row", cases(OPTIONS))
def test_a_header_is_read_as_options_say(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """By the look at heads as by Spark, which found the header and had been refused it."""
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers/z.csv").write_text(row["content"].replace(" / ", "\n") + "\n")
    evaluator = _evaluator(spark, tmp_path, "csv", options=f"options = {{ {row['options']} }}")
    evaluator.check_lake(AS_OF)
    assert [tuple(each) for each in evaluator.spark.table("customers").collect()] == [(1, "FR")]


@pytest.mark.parametrize("said", ["sep = ''", "sep = '||'", "quote = '||'", "escape = '||'", "comment = '//'"])
def test_a_sign_is_one_character(spark: SparkSession, tmp_path: Path, said: str) -> None:
    """Refused where it is declared, before a reader of CSV trips over it."""
    with pytest.raises(RunRefused, match=rf"its option {re.escape(said)} is not one character"):
        _evaluator(spark, tmp_path, "csv", options=f"options = {{ {said} }}")


def _refusal(spark: SparkSession, folder: Path, format_: str, row: Row, name: str) -> str:
    _put(folder / "customers" / f"m.{format_}", row["files"])
    _put(folder / "customers" / f"{name}.{format_}", row["and one"])
    with pytest.raises(RunRefused) as refused:
        _evaluator(spark, folder, format_).snapshots(AS_OF)
    return str(refused.value)


def _put(path: Path, said: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [each.strip().split(" ", 1) for each in said.split(", ")]
    table = pa.Table.from_arrays([TYPES[type_] for _, type_ in columns], [name for name, _ in columns])
    if path.suffix == ".parquet":
        split, brotli = [[name for name, type_ in columns if type_ == each] for each in ("split", "brotli")]
        encodings, packing = dict.fromkeys(split, "BYTE_STREAM_SPLIT"), dict.fromkeys(brotli, "brotli")
        pq.write_table(
            table, path, compression=packing or "snappy", use_dictionary=not split, column_encoding=encodings or None
        )
    elif path.suffix == ".orc":
        orc.write_table(table, path)
    else:
        csv.write_csv(table, path)


def _evaluator(
    spark: SparkSession, folder: Path, format_: str, more: str = "", options: str = "", key: str = "bigint"
) -> SparkEvaluator:
    text = f"""
        subject = "customers"
        [frames.customers]
        path = "customers"
        format = "{format_}"
        subject_key = "id"
        columns = {{ id = "{key}", country = "string"{more} }}
        {options}
    """
    return SparkEvaluator(spark, declaration.parse(text, str(folder)))
