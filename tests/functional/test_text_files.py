"""Text files are read whole before they are believed: no value that would not come back as it was written (R-LAKE-1)."""

from __future__ import annotations

import atexit
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import cells, declaration
from rules_engine.lake.text_values import value_of
from rules_engine.model.frames import Frame
from rules_engine.spark.evaluator import SparkEvaluator
from rules_lake.landing.landing import land
from rules_lake.landing.options import unjudged
from rules_lake.landing.place import Place
from rules_lake.landing.records import Records
from tests.extracts import NOW
from tests.spec.table import Row, cases, rows

AS_OF = date(2026, 6, 5)

CSV = r"""
    columns                            | options                            | records                                    | says                                                                                     | because
    -----------------------------------+------------------------------------+--------------------------------------------+------------------------------------------------------------------------------------------+--------------------------------------------
    id bigint; premium decimal(12,2)   | sep=; | 1;1600,50 / 2;900,00                        | 'premium' has 2 values that are no decimal(12,2) as written, such as '9999,99' in b.csv, line 2 (digits shown as 9, letters as x). Say how numbers are written: options = { decimal = "," }. [LAKE-110] | a comma before the fraction
    id bigint; premium decimal(12,2)   | sep=; | 1;1.600,50                                  | options = { decimal = ",", grouping = "." }                                              | German thousands
    id bigint; premium decimal(12,2)   | sep=; | 1;1,600.50                                  | options = { decimal = ".", grouping = "," }                                              | English thousands
    id bigint; premium decimal(12,2)   | sep=; | 1;1 600,50                                  | options = { decimal = ",", grouping = " " }                                              | French thousands
    id bigint; premium decimal(12,2)   | sep=; decimal=, | 1;16.005                          | no decimal(12,2) as written                                                              | a point where a comma was said
    id bigint; premium decimal(12,2)   |       | 1,16.005                                    | Declare as many digits as it has, such as decimal(38,3)                                  | more digits than the scale has
    id bigint; premium decimal(4,2)    |       | 1,160.05                                    | no decimal(4,2) as written                                                               | more digits than there are
    id bigint; premium double          |       | 1,1600;50                                   | no double as written                                                                     | a double that is none
    id bigint; premium double          |       | 1,9007199254740993                          | no double as written                                                                     | a number that no double keeps
    id bigint; premium double          |       | 1,1e999                                     | no double as written                                                                     | a number beyond a double
    id bigint; n int                   |       | 1,007                                       | Declare it as string, or say options = { leadingZeros = true }                           | zeros that would be lost
    id bigint; n int                   |       | 1,3.0                                       | Declare it as a decimal.                                                                 | a whole number with a fraction
    id bigint; n tinyint               |       | 1,300                                       | no tinyint as written                                                                    | beyond its type
    id bigint; n int                   |       | 1, 3                                        | ignoreLeadingWhiteSpace = true                                                           | a space before a number
    id bigint; born date               |       | 1,05.06.1990                                | options = { dateFormat = "dd.MM.yyyy" }                                                  | a day as Germans write it
    id bigint; born date               |       | 1,06/15/1990                                | options = { dateFormat = "MM/dd/yyyy" }                                                  | a day as Americans write it
    id bigint; born date               | dateFormat=dd/MM/yyyy | 1,06/15/1990                | no date as written                                                                       | another order than was said
    id bigint; born date               |       | 1,1990-02-30                                | Mend the source: there is no such day or time. [LAKE-110] | a day that there is not
    id bigint; born date               |       | 1,05.06.49                                  | Land it with years of four digits, or declare it as string: 49 may be 1949 or 2049.     | a year without its century
    id bigint                          |       | 1 /  / 2                                    | a line is empty (b.csv, line 3): to one reader it is a record without a value            | NULL as PostgreSQL writes it
    id bigint; born date               |       | 1,1990-06                                   | no date as written                                                                       | half a day
    id bigint; born date               |       | 1,1990-06-05 12:30:00                       | Declare it as timestamp: hours would be lost.                                            | hours that would be lost
    id bigint; at timestamp            |       | 1,1990-06-05                                | Declare it as date                                                                       | a day where a moment is declared
    id bigint; at timestamp            |       | 1,1990-06-05 10:00:00.123456789             | Land it with at most six digits of a second                                              | nanoseconds
    id bigint; ok boolean              |       | 1,yes                                       | Written are true and false                                                               | a truth value that is none
    id bigint; country string; premium int |   | 1,FR,5 / 2,FR                               | a record has 2 cells instead of 3 (b.csv, line 3): it was cut off                        | the last record is cut off
    id bigint; country string          |       | 1,FR,5                                      | a record has 3 cells instead of 2 (b.csv, line 2)                                        | a separator that is not quoted
    id bigint; country string          |       | 1,"F" R                                     | its records cannot be parted into cells (b.csv, line 2): a quote is out of place         | a quote out of place
    id bigint; country string          |       | 1,FR / 2,"F                                 | its records cannot be parted into cells (b.csv, line 3): a quote is out of place         | cut off within quotes
    id bigint; country string          |       | 1,FR / 2,"Dear\x0a                          | its records cannot be parted into cells (b.csv, line 4): a quote is out of place         | and after an empty line
    id bigint; country string          |       | 1,FR / 2,"Dear / Mr, X                      | a quote is out of place                                                                  | and where the last line looks like a record
    id bigint; country string          | comment=# | 1,FR / 2,"x / #                         | a quote is out of place                                                                  | and where it looks like a comment
    id bigint; country string          | multiLine=false | 1,"FR / 2,DE                     | its records cannot be parted into cells (b.csv, line 2): a quote is out of place         | in any line, where each is a record
    id bigint; country string          | encoding=UTF-16 | 1,FR / 2,"Dear                    | a quote is out of place                                                                  | in letters of two bytes
    id bigint; country string          | header=false | 1,"F\x0d / R" / 2,DE                 | a value has CR LF or CR within quotes                                                    | Spark takes the first end of a line for that of the records
    id bigint; country string          | sep=\t multiLine=false | 1\x09FR / \x09 / 2\x09DE   | a line is empty (b.csv, line 3)                                                          | a record of blanks, which Spark leaves out
    id bigint; premium double          |       | 1,9007199254740993.0                        | no double as written                                                                     | and where it has a point
    id bigint; premium double          |       | 1,9.007199254740993e15                      | no double as written                                                                     | and an exponent
    id bigint; country string          |       | 1,"G \"Le Bon\", L"                         | say options = { escape = "\\" } where it is \"                                           | quotes with a backslash
    id bigint; country string          | multiLine=false | 1,"F / R"                         | a record goes over several lines, and is said to be one line (b.csv, line 3)                                       | a record over two lines, told to be one
    id bigint; country string          |       | 1,\xe9                                      | its file b.csv has letters that are no UTF-8 (line 2). Say how it is written             | another encoding
    id bigint; country string          |       | 1,FR\x0d / 2,DE                             | its lines end in different ways (b.csv, line 2): some with CR LF                         | ends of lines of two systems
    id bigint; country string          | header=false | 1,"F\x0d / R"\x0d / 2,DE\x0d       | a value has CR LF or CR within quotes, as its records end (b.csv, line 2)                | it would be read as LF
    id bigint; country string          |       | 1,FR / 2,DE\x0d / 3,GB                      | its lines end in different ways (b.csv, line 3)                                          | and where only a later one is other
    id bigint; n int                   |       | 1,2 / id,n / 3,4                            | its header stands again among its records (b.csv, line 3)                                | files put one after the other
    id bigint; country string          |       | 1,FR / \xef\xbb\xbfid,country / 2,DE             | its header stands again among its records (b.csv, line 3)                                | and with a mark before it
    id bigint; country string          |       | 1,FR / \xef\xbb\xbf"id",country / 2,DE           | its header stands again among its records (b.csv, line 3)                                | and with quotes
    id bigint; born date               | dateFormat=yyyyMMdd | 1,20260230                    | Mend the source: there is no such day or time.                                           | nor in the form that is said
    id bigint; born date               | dateFormat=dd.MM.yyyy | 1,2026-02-03                | Leave the option dateFormat out.                                                         | a day as it stands where no form is said
    id bigint; n int                   |       | 1,NULL                                      | Where it stands for no value, say options = { nullValue = 'NULL' }.                      | a word for no value
    id bigint; n int                   |       | 1,1e400                                     | (digits shown as 9, letters as x). Mend the source                                       | an exponent parts no thousands
    id bigint; country string          | encoding=ascii | 1,\xe9                             | letters that are no ascii (line 2)                                                       | another encoding than was said
"""

READ = r"""
    columns                            | options                                   | records                      | values                               | because
    -----------------------------------+-------------------------------------------+------------------------------+--------------------------------------+---------------------------------------
    id bigint; premium decimal(12,2)   | sep=; decimal=, grouping=.                | 1;1.600,50 / 2;900           | 1600.50 / 900.00                      | numbers as Germans write them
    id bigint; premium double          | sep=; decimal=, grouping=\u00a0           | 1;1\u00a0600,5 / 2;-9e1      | 1600.5 / -90.0                        | a hard space between thousands
    id bigint; premium decimal(12,2)   |                                           | 1,+.5 / 2,16.500 / 3,        | 0.50 / 16.50 / None                    | the same number in other ways
    id bigint; n int                   | leadingZeros=true                         | 1,007                        | 7                                    | zeros that are no part of it
    id bigint; born date               | dateFormat=dd.MM.yyyy                     | 1,05.06.1990                 | 1990-06-05                           | a day by its format
    id bigint; at timestamp            |                                           | 1,1990-06-05T10:00:00+02:00  | 1990-06-05 08:00:00                  | a moment with its zone
    id bigint; country string          |                                           | 1,"G ""Le Bon"", L" / 2,12" p | G "Le Bon", L / 12" p                | quotes as RFC 4180 has them
    id bigint; country string          |                                           | 1,"F / R"                    | F\nR                                 | a record over two lines
    id bigint; country string          | escape=\                                  | 1,"G \"Le Bon\", L"          | G "Le Bon", L                        | quotes with a backslash that is said
    id bigint; country string          | encoding=windows-1252                     | 1,\x80\xe9                   | €é                                   | letters of Windows, on every Spark
    id bigint; country string          | encoding=cp1250                           | 1,\x8eofie                   | Žofie                                | letters of another country
    id bigint; country string          | header=false                              | 1,FR                         | FR                                   | no header
    id bigint; country string          |                                           | 1,"F\x0d" / 2,"F / R\x0d"    | F\r / F\nR\r                         | ends of lines within quotes
    id bigint; country string          | multiLine=false                           | 1,FR\x0d / 2,DE              | FR / DE                              | ends of two systems, a record a line
    id bigint; country string          |                                           | 1,"" / 2, / 3,FR             | None / None / FR                     | nothing is no value
    id bigint; country string          | nullValue=NA                              | 1,"" / 2, / 3,NA / 4,"G "","" L" | (empty) / None / None / G "," L | quotes about nothing are an empty text
    id bigint; country string          | emptyValue=NIL                            | 1,NIL / 2, / 3,NILS          | (empty) / None / NILS                | a word for an empty text
"""

JSON = r"""
    columns                            | options        | records                                                  | says                                                                       | because
    -----------------------------------+----------------+----------------------------------------------------------+----------------------------------------------------------------------------+-------------------------------------
    id bigint; country string          |                | {"id":1,"Country":"XA"}                                  | its file b.json has a column 'Country', and 'country' is declared. Did you mean 'Country'? | a key in other capitals
    id bigint; country string          |                | {"id":1,"contry":"XA"}                                   | its file b.json has no column 'country', which is declared. Did you mean 'contry'? | a key is renamed
    id bigint; country string          |                | {"id":1}                                                 | say options = { missing = "null" }                                         | a file without a key
    id bigint; country string          |                | {"id":1,"country":"FR","age":5}                          | its file b.json has a column 'age', which is not declared. Declare it      | a key that nobody declared
    id bigint; premium decimal(12,2)   |                | {"id":1,"premium":"1600,50"}                             | 'premium' has numbers in quotes, 1 of them, one in b.json, line 1          | a number in quotes
    id bigint; premium decimal(12,2)   |                | {"id":1,"premium":16.005}                                | no decimal(12,2) as written, such as '99.999' in b.json, line 1            | more digits than the scale has
    id bigint; premium decimal(12,2)   | numbers=texts  | {"id":"1","premium":"1600,50"}                           | options = { decimal = "," }                                                | a comma in a number that is a text
    id bigint; n int                   |                | {"id":1,"n":3.0}                                         | no int as written                                                          | a whole number with a fraction
    id bigint; country string          |                | {"id":1,"country":7.10}                                  | 'country' has numbers, 1 of them, one in b.json, line 1                    | a number where a text is declared
    id bigint; country string          |                | {"id":1,"country":"FR"} / {"id":2,"cou                   | 1 lines are no JSON objects, one in b.json, line 2: cut off                | the last record is cut off
    id bigint; country string          |                | {"id":1,"country":"FR","country":"DE"}                   | its key 'country' stands twice in a record (b.json, line 1)                | a key stands twice
    id bigint; country string          |                | {"id":1,"country":"\xe9"}                                | its file b.json has letters that are no UTF-8 (line 1)                     | another encoding
    id bigint; born date               |                | {"id":1,"born":"2026-02-30"}                             | no date as written                                                         | a day that there is not
    id bigint; born date               |                | {"id":1,"born":20260203}                                 | 'born' has numbers, 1 of them, one in b.json, line 1; it is declared as date. Declare it as a number, or land it in quotes | a number where a day is declared
    id bigint; born date               | dateFormat=dd.MM.yyyy | {"id":1,"born":"2026-02-03"}                      | no date as written                                                         | another form than was said
    id bigint; at timestamp            |                | {"id":1,"at":"2026-02-03"}                               | Declare it as date                                                         | a day where a moment is declared
    id bigint; country string          |                | {"id":1,"country":"\ud83d"}                             | 'country' has a value that is no string as written                         | half of a letter
    id bigint; country string          | multiLine=true | {"id":1,"country":"FR"} / {"id":2,"country":"DE"}        | 1 lines are no JSON objects, one in b.json                                 | a file of two texts, of which Spark reads one
    id bigint; n bigint                |                | {"id":1,"n":12345678901234567890}                        | declare a type that holds it                                               | a number beyond its type, of which a text would be refused too
    id bigint; n int                   | numbers=texts  | {"id":"1","n":5}                                         | Land all of them in quotes, or leave out the option numbers                | a number where all are said to be texts
    id bigint; country string          |                | {"id":1,"country":["FR"]}                                | no string as written, one in b.json, line 1. Declare the type that its records have | a list where a text is declared
    id bigint; a struct<x:int>         |                | {"id":1,"a":{"x":5,"x":6}}                               | its key 'a.x' stands twice in a record (b.json, line 1)                    | a key within a value stands twice
    id bigint; a map<string,int>       |                | {"id":1,"a":{"x":5,"x":6}}                               | its key 'a.x' stands twice                                                 | and where keys are any
    id bigint; a array<struct<x:int>>  |                | {"id":1,"a":[{"x":5},{"x":5,"x":6}]}                     | its key 'a.x' stands twice                                                 | and within a list
    id bigint; tags array<int>         |                | {"id":1,"tags":[1,"x"]}                                  | 'tags' has a value that is no array<int> as written                        | a text within a list of numbers
"""


@pytest.mark.parametrize("row", cases(CSV))
def test_csv_that_would_be_read_as_something_else_is_refused(spark: SparkSession, row: Row) -> None:
    """Naming column, file, line or example, and the option that reads it; the example shows no value."""
    assert row["says"] in _said(spark, "csv", CSV)[_frame(CSV, row)]


@pytest.mark.parametrize("row", cases(JSON))
def test_json_that_would_be_read_as_something_else_is_refused(spark: SparkSession, row: Row) -> None:
    """Token by token: Spark's reader rounds decimals, takes texts for numbers, and leaves out keys it does not know."""
    assert row["says"] in _said(spark, "json", JSON)[_frame(JSON, row)]


@pytest.mark.parametrize(("format_", "table"), [("csv", CSV), ("json", JSON)])
def test_landing_refuses_what_the_lake_refuses_in_the_same_words(spark: SparkSession, format_: str, table: str) -> None:
    """One reader for both; what landing leaves to the lake it names, and lists of values are no text to it."""
    said, frames = _said(spark, format_, table), _evaluator(spark, format_, table).lake.frames
    landed = {frame.name: _landed(frame) for frame in frames}
    same = [name for name in landed if landed[name] == said[name].replace(f"{frames[0].path[:-2]}{name}", "PATH")]
    nested = [_frame(table, row) for row in rows(table) if "<" in row["columns"]]
    of_csv = [
        "comment",
        "multiLine",
        "",
        "multiLine",
        "multiLine",
        "",
    ]  # ends of lines within quotes are read as they are
    read = [f"unjudged {option}".strip() for option in (of_csv if format_ == "csv" else ["multiLine"])]
    assert [landed[name] for name in landed if name not in (*same, *nested)] == read
    assert all("of many values" in landed[name] for name in nested)


def _landed(frame: Frame) -> str:
    with TemporaryDirectory() as folder:
        dated = replace(frame, path=f"{folder}/{{day}}")
        try:
            return " ".join(("unjudged", *land(frame.path, dated, AS_OF, NOW).manifest.unjudged))
        except RunRefused as refused:
            return "".join(f"{fault}\n" for fault in refused.faults).replace(dated.path, "PATH")


CELLS = r"""
    text                        | is none of                                          | because
    ----------------------------+-----------------------------------------------------+----------------------------------------
    7                           | boolean date timestamp timestamp_ntz                | a whole number is a number of any type
    +7                          | boolean date timestamp timestamp_ntz                | with its sign
    007                         | smallint bigint boolean date timestamp timestamp_ntz | zeros that a whole number would lose
    40000                       | smallint decimal(6,2) boolean date timestamp timestamp_ntz varchar(4) | beyond two types
    .5                          | smallint bigint decimal(38,0) boolean date timestamp timestamp_ntz | a half is not rounded to a whole
    16.500                      | smallint bigint decimal(38,0) boolean date timestamp timestamp_ntz varchar(4) | zeros at its end say nothing
    16.005                      | smallint bigint decimal(6,2) decimal(38,0) boolean date timestamp timestamp_ntz varchar(4) | none is rounded
    1e3                         | smallint bigint decimal(6,2) decimal(38,0) boolean date timestamp timestamp_ntz | an exponent is for what floats
    0E-18                       | smallint bigint boolean date timestamp timestamp_ntz varchar(4) | nothing, as Spark writes it
    1e999                       | smallint bigint decimal(6,2) decimal(38,0) double boolean date timestamp timestamp_ntz varchar(4) | beyond a double
    9007199254740993            | smallint decimal(6,2) double boolean date timestamp timestamp_ntz varchar(4) | no double keeps it
    1234567890123456789012345678901234567.5 | smallint bigint decimal(6,2) decimal(38,0) boolean date timestamp timestamp_ntz varchar(4) | long, and a half
    NaN                         | smallint bigint decimal(6,2) decimal(38,0) boolean date timestamp timestamp_ntz | a double has it
    TRUE                        | smallint bigint decimal(6,2) decimal(38,0) double date timestamp timestamp_ntz | true in capitals
    2024-02-29                  | smallint bigint decimal(6,2) decimal(38,0) double boolean timestamp timestamp_ntz varchar(4) | a leap day
    2026-02-29                  | smallint bigint decimal(6,2) decimal(38,0) double boolean date timestamp timestamp_ntz varchar(4) | a day that there is not
    2026-06-05 10:00            | smallint bigint decimal(6,2) decimal(38,0) double boolean date varchar(4) | a moment to the minute
    2026-06-05 10:00Z           | smallint bigint decimal(6,2) decimal(38,0) double boolean date timestamp timestamp_ntz varchar(4) | Spark reads no zone after minutes
    2026-06-05T10:00:00.5+02:00 | smallint bigint decimal(6,2) decimal(38,0) double boolean date timestamp_ntz varchar(4) | a zone
    2026-06-05 10:00:00+19:00   | smallint bigint decimal(6,2) decimal(38,0) double boolean date timestamp timestamp_ntz varchar(4) | no zone is so far
    2026-06-05 24:00:00         | smallint bigint decimal(6,2) decimal(38,0) double boolean date timestamp timestamp_ntz varchar(4) | no such hour
"""
CELL_TYPES = (
    "smallint", "bigint", "decimal(6,2)", "decimal(38,0)", "double", "boolean", "date", "timestamp", "timestamp_ntz",
    "varchar(4)",
)  # fmt: skip


@pytest.mark.parametrize("row", cases(CELLS))
def test_a_cell_is_a_value_of_the_types_that_it_is_written_in(spark: SparkSession, row: Row) -> None:
    """And then Spark's value of the text, by which rules are run, is the one that landing and curating read."""
    readers = {type_: cells.reader(type_, {}) for type_ in CELL_TYPES}
    found = {type_: _value(read, row["text"]) for type_, read in readers.items() if read}
    assert [type_ for type_, values in found.items() if not values] == row["is none of"].split()
    shown = {
        type_: f"unix_micros(CAST({sql} AS TIMESTAMP))" if type_.startswith("timestamp") else sql
        for type_ in found
        if (sql := value_of(f"'{row['text']}'", type_, {}))
    }
    of_spark = spark.range(1).selectExpr(*(shown[type_] for type_, values in found.items() if values)).first()
    assert of_spark is not None
    assert list(map(str, of_spark)) == [str(_in_micros(values[0])) for values in found.values() if values]


def _value(read: cells.Read, text: str) -> list[Any]:
    try:
        return [read(text)]
    except cells.NoValueError:
        return []


def _in_micros(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return (value.replace(tzinfo=value.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize("row", cases(READ))
def test_csv_is_read_as_it_is_written(spark: SparkSession, row: Row) -> None:
    """By its options, the same on every Spark, and by landing where it judges values."""
    assert _said(spark, "csv", READ) == {}
    evaluator, name = _evaluator(spark, "csv", READ), _frame(READ, row)
    found = [_shown(each[1]) for each in evaluator.spark.table(name).orderBy("id").collect()]
    assert found == row["values"].replace("\\n", "\n").replace("\\r", "\r").split(" / ")
    frame = evaluator.lake.frame(name)
    batches = [] if unjudged(frame) else list(Records(Place(frame.path), "b.csv", frame).batches())
    landed = [_shown(value) for batch in batches for value in batch.column(1).to_pylist()]
    assert landed == found or unjudged(frame) in {("escape",), ("multiLine",)}


def _shown(value: Any) -> str:
    return str(value.replace(tzinfo=None) if isinstance(value, datetime) else value) if value != "" else "(empty)"


@cache
def _said(spark: SparkSession, format_: str, table: str) -> dict[str, str]:
    """What is said of each frame of a lake: the rows of a table are its frames, for all faults are told at once."""
    try:
        _evaluator(spark, format_, table).check_lake(AS_OF)
    except RunRefused as refused:
        said: dict[str, str] = {}
        for fault in refused.faults:
            frame = fault.which.removeprefix("Frame '").rstrip("'")
            said[frame] = f"{said.get(frame, '')}{fault}\n"
        return said
    return {}


@cache
def _evaluator(spark: SparkSession, format_: str, table: str) -> SparkEvaluator:
    folder = Path(mkdtemp(prefix="rules-texts-"))
    atexit.register(rmtree, folder)
    text = "".join(_written(folder, _frame(table, row), row, format_) for row in rows(table))
    return SparkEvaluator(spark, declaration.parse(f'subject = "f0"\n{text}', str(folder)))


def _frame(table: str, row: Row) -> str:
    return f"f{rows(table).index(row)}"


def _written(folder: Path, name: str, row: Row, format_: str) -> str:
    """Write one file, and give its frame's declaration; `\\xe9` is a byte of the number, ` / ` ends a record."""
    columns = [column.split(" ", 1) for column in row["columns"].split("; ")]
    said = [each.split("=", 1) for each in row["options"].replace("\\u00a0", "\u00a0").split(" ") if each]
    separator = dict(said).get("sep", ",").replace("\\t", "\t")
    header = separator.join(column for column, _ in columns) + "\n" if format_ == "csv" else ""
    header = "" if ["header", "false"] in said else header
    text = (header + row["records"].replace(" / ", "\n") + "\n").replace("\\u00a0", "\u00a0").encode()
    for byte in ("\\xe9", "\\x80", "\\x8e", "\\x0d", "\\x0a", "\\x09", "\\xef", "\\xbb", "\\xbf"):
        text = text.replace(byte.encode(), bytes.fromhex(byte[2:]))
    text = text.decode().encode("UTF-16") if ["encoding", "UTF-16"] in said else text
    (folder / name).mkdir()
    (folder / name / f"b.{format_}").write_bytes(text)
    typed = ", ".join(f'{column} = "{type_}"' for column, type_ in columns)
    options = ", ".join(f"{option} = '{value}'" for option, value in said)
    return f"""
        [frames.{name}]
        path = "{name}"
        format = "{format_}"
        subject_key = "id"
        columns = {{ {typed} }}
        options = {{ {options} }}
    """
