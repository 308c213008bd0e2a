"""Extracts that are taken into the lake, and those that are not (R-LAKE-3)."""

from __future__ import annotations

import errno
import gzip
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import SparkSession

from jobs.ingest_step import step
from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.model.frames import Frame
from rules_lake.landing.landing import land, verify
from rules_lake.landing.manifest import checked
from rules_lake.landing.place import Place, shown, told
from rules_lake.landing.records import Records
from tests.extracts import DAY, DECLARATION, HEADER, LINES, NOW, OBJECTS, declared, table, written
from tests.spec.table import Row, cases


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_an_extract_lands_with_all_that_is_known_of_it(tmp_path: Path, kind: str) -> None:
    """Rows, types, checksums, source and moment; its bytes are the source's own, and the rows the declared values."""
    frame = declared(tmp_path / "landed", kind).frame("customers")
    source = written(tmp_path / "extract", kind)
    done = land(str(source), frame, DAY, NOW)
    place = Place(done.place)
    found = checked(place)
    assert (found.rows, found.day, found.source, found.landed_at) == (3, DAY, str(source), NOW)
    assert list(found.columns) == ["customer_id", "country", "premium", "joined"]
    file = found.files[0].name
    assert (tmp_path / f"landed/customers/2024-06-01/{file}").read_bytes() == (source / file).read_bytes()
    assert pa.Table.from_batches(Records(place, file, frame).batches()).to_pydict() == table().to_pydict()


def test_the_same_extract_lands_once_and_another_never_in_its_place(tmp_path: Path) -> None:
    """The same bytes again are no news, whatever the file is called; others of the day are refused, and nothing moves."""
    frame = declared(tmp_path / "landed").frame("customers")
    land(str(written(tmp_path / "a")), frame, DAY, NOW)
    assert land(str(written(tmp_path / "b", name="again.csv")), frame, DAY, NOW + timedelta(days=1)).before
    other = written(tmp_path / "c", lines=(HEADER, LINES[0]))
    with pytest.raises(RunRefused, match=r"another extract landed for 2024-06-01.*--day"):
        land(str(other), frame, DAY, NOW)
    assert not land(str(other), frame, DAY + timedelta(days=1), NOW).before
    assert [path.name for path in sorted((tmp_path / "landed/customers").iterdir())] == ["2024-06-01", "2024-06-02"]


HALF = """
    kind    | what is done to it            | said                          | because
    --------+-------------------------------+-------------------------------+------------------------------------------
    csv     | temporary                     | its writer has not ended      | a job is still writing beside it
    csv     | unfinished manifest           | has not said _SUCCESS         | a writer with a manifest says when it ends
    csv     | manifest of two               | names gone.csv                | one of its files never arrived
    csv     | manifest of another           | not as its manifest says      | a file was cut on its way
    csv     | half a name                   | called neither .csv           | a copy gets its name when it is whole
    csv     | nothing                       | there is nothing              | the address is wrong
    csv     | no file                       | no file of data               | the folder is there before the files
    csv     | cut after a comma             | a record has 2 cells instead  | the last line has two of four cells
    csv     | cut within the last cell      | last line does not end        | the year is the month of another day
    csv     | a quote is open               | out of place or never closed  | what follows would be one cell
    csv     | a quote within                | out of place or never closed  | a quote within a cell is doubled
    csv     | comma for a point             | a record has 5 cells instead  | 10,50 is two cells
    csv     | a name for a number           | 'customer_id' has a value that is no bigint | the columns are shifted
    csv     | other header                  | the columns in another order  | two columns changed places
    csv     | latin                         | letters that are no UTF-8     | its letters would be others
    csv     | no rows                       | the extract has no rows       | a night without customers is a mistake
    csv     | gzip cut                      | cannot be read to its end     | half an archive
    csv     | one file twice                | is b.csv again, byte by byte | its rows would count twice
    csv     | one file packed beside        | is people.csv, packed         | a copy that was compressed and not removed
    json    | a value for a key             | a key 'xxxx xxxxx'            | whose the record is stands where a name would
    json    | cut object                    | 1 lines are no JSON objects   | the writer was stopped within the last line
    json    | unknown name                  | 'contry', which is not        | the source renamed a column
    json    | a text for a day              | 'joined' has a value that is no date | another locale's day
    parquet | no footer                     | cannot be read to its end     | Parquet without its end is no Parquet
    parquet | a bit                         | cannot be read to its end     | the page's checksum tells
    parquet | renamed                       | column 'country' is missing   | the other name is near
    parquet | retyped                       | is double, and declared as    | a premium that is no decimal any more
    parquet | a column of a folder          | stands in it, and in the names of its folders | which of the two is meant nobody knows
    csv     | a column of a folder          | stands in its files, and in the names of its folders | of texts, too
    json    | a column of a folder          | stands in its files, and in the names of its folders | and of JSON
    parquet | another second file           | are not those of              | the second file has a column more
"""

Done = Callable[[Path], object]
HARM: dict[str, Done] = {
    "temporary": lambda f: written(f / "_temporary/0", name="people.csv"),
    "unfinished manifest": lambda f: (f / "_committed_7").write_text(""),
    "manifest of two": lambda f: _listed(f, '{"name": "people.csv"}, {"name": "gone.csv"}'),
    "manifest of another": lambda f: _listed(f, '{"name": "people.csv", "bytes": 7}'),
    "half a name": lambda f: (f / "people.csv").rename(f / "people.csv.filepart"),
    "nothing": lambda f: _emptied(f).rmdir(),
    "no file": lambda f: _emptied(f),
    "cut after a comma": lambda f: written(f, lines=(HEADER, *LINES[:2], "3,GB\n")),
    "cut within the last cell": lambda f: written(f, lines=(HEADER, *LINES[:2], "3,GB,7.00,2021-12-0")),
    "a quote is open": lambda f: written(f, lines=(HEADER, '1,"FR,10.50,2020-01-31\n', *LINES[1:])),
    "a quote within": lambda f: written(f, lines=(HEADER, '1,"F"R",10.50,2020-01-31\n')),
    "comma for a point": lambda f: written(f, lines=(HEADER, "1,FR,10,50,2020-01-31\n")),
    "a name for a number": lambda f: written(f, lines=(HEADER, "FR,1,10.50,2020-01-31\n")),
    "other header": lambda f: written(f, lines=("country,customer_id,premium,joined\n", *LINES)),
    "latin": lambda f: (f / "people.csv").write_bytes((HEADER + "1,Orléans,1.00,\n").encode("latin-1")),
    "no rows": lambda f: written(f, lines=(HEADER,)),
    "gzip cut": lambda f: (_emptied(f) / "people.csv.gz").write_bytes(gzip.compress((HEADER + LINES[0]).encode())[:-9]),
    "one file twice": lambda f: (f / "b.csv").write_bytes((f / "people.csv").read_bytes()),
    "one file packed beside": lambda f: (f / "people.csv.gz").write_bytes(
        gzip.compress((f / "people.csv").read_bytes())
    ),
    "a value for a key": lambda f: written(f, "json", ('{"Anna Petit": {"customer_id": 1}}\n',)),
    "cut object": lambda f: written(f, "json", (*OBJECTS[:2], OBJECTS[2][:40] + "\n")),
    "unknown name": lambda f: written(f, "json", ('{"customer_id": 1, "contry": "FR"}\n',)),
    "a text for a day": lambda f: written(f, "json", ('{"customer_id": 1, "joined": "31.01.2020"}\n',)),
    "no footer": lambda f: _bytes(f, lambda content: content[:-20]),
    "a bit": lambda f: _bytes(f, lambda content: content.replace(b"DE, west", b"DE, wEst")),
    "renamed": lambda f: _put(f, table(("customer_id", "contry", "premium", "joined"))),
    "retyped": lambda f: _put(f, table().set_column(2, "premium", pa.array([1.0, 2.0, 3.0]))),
    "a column of a folder": lambda f: _below(f, "country=GB"),
    "another second file": lambda f: _put(f, table().append_column("more", pa.array([1, 2, 3])), "part-1.parquet"),
}


@pytest.mark.parametrize("row", cases(HALF))
def test_what_is_half_written_or_not_as_declared_does_not_land(row: Row, tmp_path: Path) -> None:
    """Refused in words that name it, without a value of it, and the lake is as it was."""
    frame = declared(tmp_path / "landed", row["kind"]).frame("customers")
    source = written(tmp_path / "extract", row["kind"])
    if row["kind"] == "parquet":
        _put(source, table())
    HARM[row["what is done to it"]](source)
    with pytest.raises(RunRefused) as refused:
        land(str(source), frame, DAY, NOW)
    assert row["said"] in str(refused.value)
    assert not {"FR", "west", "31.01", "Petit"} & set(str(refused.value).replace("'", " ").split())
    assert [path.name for path in (tmp_path / "landed").rglob("*")] in (["frames.toml"], ["customers", "frames.toml"])


def test_a_moment_of_nanoseconds_is_told_as_that(tmp_path: Path) -> None:
    """By its column, and not as a broken file; one whose nanoseconds are none lands."""
    lake = tmp_path / "landed"
    declared(lake)
    text = (
        (lake / "frames.toml").read_text().replace("csv", "parquet").replace('joined = "date"', 'joined = "timestamp"')
    )
    frame = declaration.parse(text, str(lake)).frame("customers")
    for nanoseconds, says in ((1, "its column 'joined' is timestamp[ns, tz=UTC] and has values that"), (1000, "")):
        moments = pa.array([nanoseconds] * 3, pa.timestamp("ns", "UTC"))
        (tmp_path / "extract").mkdir(exist_ok=True)
        _put(tmp_path / "extract", table().set_column(3, "joined", moments))
        with pytest.raises(RunRefused) if says else nullcontext() as refused:
            land(str(tmp_path / "extract"), frame, DAY, NOW)
        assert not refused or says in str(refused.value)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
def test_a_moment_with_a_zone_is_no_wall_time(tmp_path: Path, zone: str) -> None:
    """As ``timestamp_ntz`` it would be read as the hour of another zone."""
    declared(tmp_path / "landed", "parquet")
    text = (tmp_path / "landed/frames.toml").read_text().replace('joined = "date"', 'joined = "timestamp_ntz"')
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    (tmp_path / "extract").mkdir()
    _put(
        tmp_path / "extract",
        table().set_column(3, "joined", pa.array([datetime(2024, 6, 1)] * 3, pa.timestamp("us", zone))),
    )
    with pytest.raises(RunRefused, match="its column 'joined' is timestamp, and declared as timestamp_ntz"):
        land(str(tmp_path / "extract"), frame, DAY, NOW)


OF_SPARK = """
    written                             | declared      | says                                  | because
    ------------------------------------+---------------+---------------------------------------+------------------------------------------
    timestamp_ntz'2024-05-05 10:00:00'  | timestamp_ntz | 2024-05-05 10:00:00                   | a number to ORC, and the column is a moment
    timestamp_ntz'1969-12-31 23:59:59'  | timestamp     | 1969-12-31 23:59:59+00:00             | of UTC, as from Parquet
    timestamp_ntz'2024-05-05 10:00:00'  | bigint        | is timestamp_ntz, and declared as bigint | a run would read no number either
    interval '1' year                   | int           | is interval year, and declared as int | twelve of what, nobody would know
    1L                                  | bigint        | 1                                     | a number is one
"""


@pytest.mark.parametrize("row", cases(OF_SPARK))
def test_what_spark_writes_as_numbers_of_orc_is_what_it_says(spark: SparkSession, row: Row, tmp_path: Path) -> None:
    """ORC has no type for these, and Spark says beside a number which it is: it landed as that number."""
    text = DECLARATION.replace("FORMAT", "orc").replace('joined = "date"', f'joined = "{row["declared"]}"')
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    columns = f"1L customer_id, '' country, cast(1 as decimal(12,2)) premium, {row['written']} joined"
    spark.sql(f"SELECT {columns}").coalesce(1).write.orc(str(tmp_path / "extract"))
    try:
        done = land(str(tmp_path / "extract"), frame, DAY, NOW)
        (batch,) = Records(Place(done.place), done.manifest.files[0].name, frame).batches()
        said = str(batch.column("joined")[0].as_py())
    except RunRefused as refused:
        said = str(refused)
    assert row["says"] in said


@pytest.mark.parametrize("kind", ["orc", "parquet"])
def test_the_end_of_time_lands_or_is_told_as_that(tmp_path: Path, kind: str) -> None:
    """31 December 9999 in the old INT96 is that moment; in ORC it is refused, and not as a broken file."""
    declared(tmp_path / "landed", kind)
    text = (tmp_path / "landed/frames.toml").read_text().replace('joined = "date"', 'joined = "timestamp"')
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    moments = pa.array([datetime(9999, 12, 31)] * 3, pa.timestamp("us"))
    rows = table().set_column(3, "joined", moments)
    (tmp_path / "extract").mkdir()
    if kind == "orc":
        orc.write_table(rows, tmp_path / "extract/a.orc")
        with pytest.raises(RunRefused, match=r"has moments before 1677-09-22 or after 2262-04-11.* as Parquet"):
            land(str(tmp_path / "extract"), frame, DAY, NOW)
        return
    pq.write_table(rows, tmp_path / "extract/a.parquet", use_deprecated_int96_timestamps=True)
    place = Place(land(str(tmp_path / "extract"), frame, DAY, NOW).place)
    (batch,) = Records(place, "a.parquet", frame).batches()
    assert batch.column("joined").cast(pa.timestamp("us")) == moments


@pytest.mark.parametrize("kind", ["orc", "parquet"])
def test_days_that_a_file_counts_by_another_calendar_do_not_land(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    """Spark would read them as they were written; what reads landed files here would read days ten days later."""
    spark.conf.set(LEGACY, "LEGACY")
    try:
        for day in ("1582-10-15", "1500-02-28"):
            rows = spark.sql(f"SELECT 1L customer_id, 'FR' country, 7.00BD premium, DATE '{day}' joined")
            rows = rows.withColumn("premium", rows.premium.cast("decimal(12,2)"))
            rows.coalesce(1).write.format(kind).save(str(tmp_path / day))
    finally:
        spark.conf.unset(LEGACY)
    frame = declared(tmp_path / "landed", kind).frame("customers")
    assert land(str(tmp_path / "1582-10-15"), frame, DAY, NOW).manifest.rows == 1
    with pytest.raises(RunRefused, match="'joined' has days before 15 October 1582"):
        land(str(tmp_path / "1500-02-28"), frame, DAY + timedelta(days=1), NOW)


LEGACY = "spark.sql.parquet.datetimeRebaseModeInWrite"


def test_blank_lines_before_a_header_are_none(tmp_path: Path) -> None:
    """As the lake has it."""
    frame = declared(tmp_path / "landed").frame("customers")
    extract = written(tmp_path / "extract", lines=("\n", HEADER, "\n", *LINES))
    assert land(str(extract), frame, DAY, NOW).manifest.files[0].rows == 3


def test_a_landing_that_broke_off_goes_on(tmp_path: Path) -> None:
    """In S3 files are moved one by one: what is there without a manifest is this extract's, or nobody's."""
    frame = declared(tmp_path / "landed").frame("customers")
    source = written(tmp_path / "extract")
    place = Path(land(str(source), frame, DAY, NOW).place)
    for strange in (False, True):
        (place / "_manifest.json").unlink()
        if strange:
            (place / "other.csv").write_text(HEADER)
            with pytest.raises(RunRefused, match="files that never landed"):
                land(str(source), frame, DAY, NOW)
        else:
            assert not land(str(source), frame, DAY, NOW).before
            assert checked(Place(str(place))).rows == 3


def test_an_extract_that_changes_while_it_is_read_does_not_land(tmp_path: Path) -> None:
    """The source is looked at again once its last byte was copied."""
    frame = declared(tmp_path / "landed").frame("customers")
    source = written(tmp_path / "extract")

    def append(name: str) -> None:
        with (source / name).open("a") as file:
            file.write("4,FR,1.00,\n")

    with pytest.raises(RunRefused, match=r"people.csv changed while it was read"):
        land(str(source), frame, DAY, NOW, tell=append)
    assert not (tmp_path / "landed/customers/2024-06-01").exists()


def test_what_was_altered_after_it_landed_is_named(tmp_path: Path) -> None:
    """A byte, a file more, a file less, the manifest itself: each snapshot is compared with what landed."""
    frame = declared(tmp_path / "landed").frame("customers")
    for number in range(5):
        land(str(written(tmp_path / "extract")), frame, DAY + timedelta(days=number), NOW)
    at = [tmp_path / f"landed/customers/{DAY + timedelta(days=number)}" for number in range(5)]
    for folder in at:
        (folder / "people.csv").chmod(0o644)
    (at[0] / "people.csv").write_text((HEADER + "".join(LINES)).replace("10.50", "90.50"))
    (at[1] / "more.csv").write_text(HEADER)
    (at[2] / "people.csv").unlink()
    (at[3] / "_manifest.json").chmod(0o644)
    (at[3] / "_manifest.json").write_text((at[3] / "_manifest.json").read_text().replace("3", "4", 1))
    said = [" ".join(fault.what for fault in faults) for _, _, faults in verify(frame)]
    assert said[:3] == [
        "its file people.csv was altered since it landed.",
        "its file more.csv is not in the manifest.",
        "its file people.csv is gone.",
    ]
    assert "manifest" in said[3]
    assert said[4] == ""


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "orc"])
def test_a_single_file_lands_like_a_folder_of_it(tmp_path: Path, kind: str) -> None:
    """Of every format, by the file's own address; the same file again is no news."""
    frame = declared(tmp_path / "landed", kind).frame("customers")
    if kind == "orc":
        orc.write_table(table(), tmp_path / "people.orc")
    else:
        written(tmp_path, kind, name=f"people.{kind}")
    done = land(str(tmp_path / f"people.{kind}"), frame, DAY, NOW)
    assert [(file.name, file.rows) for file in done.manifest.files] == [(f"people.{kind}", 3)]
    assert land(str(tmp_path / f"people.{kind}"), frame, DAY, NOW).before


WIDE = """
    written   | says                                                     | because
    ----------+----------------------------------------------------------+-----------------------------------------
    utf-16    | no UTF-8 (line 1). Say how it is written, such as options = { encoding = "UTF-16" } | as its first bytes say
    utf-16-le | no UTF-8 (line 3). Say how it is written, such as options = { encoding = "UTF-16LE" } | as every second byte does
    cp1252    | no UTF-8 (line 3). Say how it is written, such as options = { encoding = "windows-1252" } | as most are
"""


@pytest.mark.parametrize("row", cases(WIDE))
def test_letters_of_another_encoding_are_told_by_how_the_file_begins(row: Row, tmp_path: Path) -> None:
    """UTF-16 was said to be windows-1252, which reads its names as others."""
    frame = declared(tmp_path / "landed").frame("customers")
    (tmp_path / "extract").mkdir()
    text = HEADER + LINES[0] + LINES[1].replace("west", "\xd6st")
    (tmp_path / "extract/people.csv").write_bytes(text.encode(row["written"]))
    with pytest.raises(RunRefused) as refused:
        land(str(tmp_path / "extract"), frame, DAY, NOW)
    assert row["says"] in str(refused.value)


FOLDERS = """
    kind    | type   | folders                   | says                                        | because
    --------+--------+---------------------------+---------------------------------------------+------------------------------------
    csv     | string | at=FR                     | FR                                          | a column of all rows below
    json    | string | at=01                     | 01                                          | a text is as it is written
    parquet | int    | at=01                     | 1                                           | and a number is the number
    orc     | string | at=a%2Fb                  | a/b                                         | Spark writes a stroke in a name so
    csv     | string | at=__HIVE_DEFAULT_PARTITION__ | None                                    | no value
    csv     | date   | at=2020-02-30             | its folder at=2020-02-30 says no date       | there is no such day
    csv     | date   | at=2020-02-29             | datetime.date(2020, 2, 29)                  | a day that is a column is no day of the lake
    csv     | string | day=2020-02-29            | lies in a folder of a day                   | one that is none is
    parquet | string | at=%C3%A9                 | written as a URL is                         | Spark reads other letters
    json    | string | at=                       | its folder at= says no value                | Spark reads none of its files
    orc     | string | at=1/of=2                 | a column 'of' (of=2), which is not declared | it was lost without a word
    json    | string | at=1/at=2                 | its folders say a column 'at' twice (at=/at=) | the last one was taken
    csv     | string |                           | has no column 'at', which is declared       | neither file nor folder says it
    parquet | string |                           | its column 'at' is missing                  | nor here
"""


@pytest.mark.parametrize("row", cases(FOLDERS))
def test_folders_of_an_extract_say_columns_as_those_of_the_lake_do(row: Row, tmp_path: Path) -> None:
    """Declared they are columns of its rows; else they are named: Parquet was said to lack them, or they were lost."""
    text = DECLARATION.replace("FORMAT", row["kind"]).replace("[frames.customers.columns]", COLUMNS + row["type"] + '"')
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    folder = tmp_path / "extract" / row["folders"]
    if row["kind"] == "orc":
        folder.mkdir(parents=True)
        orc.write_table(table(), folder / "people.orc")
    else:
        written(folder, row["kind"])
    try:
        done = land(str(tmp_path / "extract"), frame, DAY, NOW)
        (batch,) = Records(Place(done.place), done.manifest.files[0].name, frame).batches()
        assert list(done.manifest.columns) == [*table().column_names, "at"]
        assert batch.num_rows == 3
        said = str({*batch.column("at").to_pylist()})
    except RunRefused as refused:
        said = str(refused)
    assert row["says"] in said


COLUMNS = '[frames.customers.columns]\nat = "'


def test_files_in_each_others_folders_are_another_extract(tmp_path: Path) -> None:
    """The same bytes below other names of folders are other rows; below other names of files they are the same."""
    text = DECLARATION.replace("FORMAT", "csv").replace("[frames.customers.columns]", COLUMNS + 'string"')
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    for name, (one, other) in {"a": ("FR", "DE"), "b": ("FR", "DE"), "c": ("DE", "FR")}.items():
        written(tmp_path / name / f"at={one}", lines=(HEADER, LINES[0]), name=f"{name}.csv")
        written(tmp_path / name / f"at={other}", lines=(HEADER, LINES[1]), name=f"{name}.csv")
    land(str(tmp_path / "a"), frame, DAY, NOW)
    assert land(str(tmp_path / "b"), frame, DAY, NOW).before
    with pytest.raises(RunRefused, match="another extract landed"):
        land(str(tmp_path / "c"), frame, DAY, NOW)


@pytest.mark.parametrize("scale", [2, 40])
def test_a_decimal_of_more_digits_than_spark_has_is_named(tmp_path: Path, scale: int) -> None:
    """Oracle's NUMBER as some write it: it ended in a traceback."""
    frame = declared(tmp_path / "landed", "parquet").frame("customers")
    wide = pa.array(["1.5"] * 3).cast(pa.decimal128(38, 2)).cast(pa.decimal256(76, scale))
    (tmp_path / "extract").mkdir()
    _put(tmp_path / "extract", table().set_column(2, "premium", wide))
    with pytest.raises(
        RunRefused, match=r"a decimal of 76 digits, which Spark does not read\. Write a decimal of at most"
    ):
        land(str(tmp_path / "extract"), frame, DAY, NOW)


def test_an_empty_text_is_told_from_every_letter(tmp_path: Path) -> None:
    """Where a word stands for no value, `""` is an empty text, and a letter of private use is what it is."""
    declared(tmp_path / "landed")
    text = (tmp_path / "landed/frames.toml").read_text()
    text = text.replace("[frames.customers.columns]", 'options = { nullValue = "-" }\n[frames.customers.columns]')
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    cells = ("\ue000", '"\ue000"', '""', "", "-")
    source = written(tmp_path / "extract", lines=(HEADER, *(f"{at},{cell},-,-\n" for at, cell in enumerate(cells))))
    place = Place(land(str(source), frame, DAY, NOW).place)
    (batch,) = Records(place, "people.csv", frame).batches()
    assert batch.column("country").to_pylist() == ["\ue000", "\ue000", "", None, None]


OPTIONS = """
    kind | option                     | line                  | said               | because
    -----+----------------------------+-----------------------+--------------------+-------------------------------------
    csv  | decimal = ","              | 1,FR,"10,5",          | judged             | 10,5 is a number there
    csv  | grouping = "_"             | 1,FR,1_000.50,        | judged             | as 1_000 is
    csv  | dateFormat = "dd.MM.yyyy"  | 1,FR,1.00,31.01.2020  | judged             | as 31.01.2020 is a day
    csv  | dateFormat = "dd.MM.yyyy"  | 1,FR,1.00,2020-01-31  | no date as written | by that form alone
    csv  | dateFormat = "d MMM yyyy"  | 1,FR,1.00,31 Jan 2020 | unjudged dateFormat | Java alone knows the months' names
    csv  | decimal = ","              | 1,FR,10,5,            | has 5 cells        | cells are still counted
    csv  | comment = "#"              | # a, remark           | unjudged comment   | a remark has no cells
    csv  | escape = "!"               | 1,"F!"R",1.00,        | unjudged escape    | the quote is within the cell
    csv  | quote = ""                 | 1,F"R,1.00,           | unjudged quote     | no quote means anything
    csv  | sep = "\\t"                | 1                     | Say options = { sep = "," } | a tab parts, and here are commas
    csv  | escape = '"'               | 1,"F""R",1.00,        | judged             | as it is without a word
    csv  | multiLine = "true"         | 1,FR,ten,             | no decimal         | as ever, so values are judged
    json | dateFormat = "dd.MM.yyyy"  | {"customer_id": 1, "country": "", "premium": 1, "joined": "31.01.2020"} | judged | a day by its form
    json | multiLine = "true"         | [{"customer_id": 1}]  | unjudged multiLine | a file is one text
"""


@pytest.mark.parametrize("row", cases(OPTIONS))
def test_an_option_that_landing_does_not_know_is_named(row: Row, tmp_path: Path) -> None:
    """The manifest names it, and values are left to whoever reads the lake; what can be checked still is."""
    folder = tmp_path / "landed"
    declared(folder, row["kind"])
    text = (folder / "frames.toml").read_text()
    head, columns, rest = text.partition("[frames.customers.columns]")
    (folder / "frames.toml").write_text(f"{head}options = {{ {row['option']} }}\n{columns}{rest}")
    frame = declaration.load(folder / "frames.toml").frame("customers")
    source = written(
        tmp_path / "extract", row["kind"], ((HEADER if row["kind"] == "csv" else "") + row["line"] + "\n",)
    )
    assert row["said"] in _came_of(source, frame)


def test_values_that_landing_did_not_judge_are_read_by_no_other_rule(tmp_path: Path) -> None:
    """Curating, say, refuses them instead of taking a remark for a record."""
    declared(tmp_path / "landed")
    text = (tmp_path / "landed/frames.toml").read_text()
    text = text.replace("[frames.customers.columns]", 'options = { comment = "#" }\n[frames.customers.columns]')
    (tmp_path / "landed/frames.toml").write_text(text)
    frame = declaration.load(tmp_path / "landed/frames.toml").frame("customers")
    done = land(str(written(tmp_path / "extract")), frame, DAY, NOW)
    with pytest.raises(RunRefused, match="only the lake's own reading knows"):
        list(Records(Place(done.place), "people.csv", frame).batches())


def _came_of(source: Path, frame: Frame) -> str:
    try:
        done = land(str(source), frame, DAY, NOW)
    except RunRefused as refused:
        return str(refused)
    unjudged = checked(Place(done.place)).unjudged
    return " ".join(("unjudged", *unjudged) if unjudged else ("judged",))


ADDRESSES = """
    address                     | shown              | because
    ----------------------------+--------------------+--------------------------------------------------
    s3://key:secret@bucket/a    | s3://bucket/a      | a password is for nobody to see
    s3a://key:se/cr+et@bucket/a | s3a://bucket/a     | a secret may hold a slash
    S3://key:s@cret@bucket/a    | S3://bucket/a      | or an at sign, and a scheme capitals
    s3://key@bucket/a           | s3://bucket/a      | a user alone is one too
    s3://key:se?ret@bucket/a    | s3://bucket/a      | a password may hold any sign
    s3://bucket/a@b/c           | s3://bucket/a@b/c  | a folder may hold an at sign
    /exports/a@b                | /exports/a@b       | and so may one of this machine
"""


@pytest.mark.parametrize("row", cases(ADDRESSES))
def test_an_address_is_shown_without_its_credentials(row: Row) -> None:
    """What manifests, messages and answers name a place by."""
    assert shown(row["address"]) == row["shown"]


def test_a_disk_that_is_full_is_told_as_that() -> None:
    """Not as an address or a right that is wrong."""
    with pytest.raises(RunRefused, match=r"^/lake/a: there is no room left for it\. Make room"), told("/lake/a"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_no_place_says_the_credentials_of_its_address() -> None:
    """Neither what refuses an address that does not read, nor what that was raised from."""
    with pytest.raises(RunRefused) as refused:
        Place("s4://key:hushhush@bucket/a")
    assert "hushhush" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_step_lands_as_the_command_does(tmp_path: Path) -> None:
    """Told by URIs alone; the second time nothing is new."""
    declared(tmp_path / "landed")
    words = ["--source", f"file://{written(tmp_path / 'extract')}", "--frame", "customers", "--day", "2024-06-01"]
    words += ["--declaration", f"file://{tmp_path}/landed/frames.toml"]
    assert [step(words)["before"], step(words)["before"]] == [False, True]


def test_a_step_lands_every_frame_and_names_all_that_is_missing(tmp_path: Path) -> None:
    """Of one address for all, each frame's extract; without a place for the frame in it, or of a day without, refused."""
    declared(tmp_path / "landed")
    written(tmp_path / "extracts" / "customers" / "2024-06-01")
    words = ["--declaration", f"file://{tmp_path}/landed/frames.toml", "--day", "2024-06-01", "--source"]
    (landed,) = step([*words, f"file://{tmp_path}/extracts/{{frame}}/{{day}}"])["landed"]  # type: ignore[misc]
    assert (landed["frame"], landed["before"]) == ("customers", False)
    with pytest.raises(RunRefused, match="not said of which frame it is"):
        step([*words, f"file://{tmp_path}/extracts"])
    with pytest.raises(RunRefused, match="2024-06-02"):
        step([*words, f"file://{tmp_path}/extracts/{{frame}}/{{day}}", "--day", "2024-06-02"])


def _emptied(folder: Path) -> Path:
    for file in folder.iterdir():
        file.unlink()
    return folder


def _listed(folder: Path, files: str) -> None:
    (folder / "_manifest.json").write_text(f'{{"files": [{files}]}}')
    (folder / "_SUCCESS").write_text("")


def _put(folder: Path, rows: pa.Table, name: str = "part-0.parquet") -> None:
    pq.write_table(rows, folder / name, write_page_checksum=True, compression="none")


def _below(folder: Path, name: str) -> None:
    for file in list(folder.iterdir()):
        (folder / name).mkdir(exist_ok=True)
        file.rename(folder / name / file.name)


def _bytes(folder: Path, harm: Callable[[bytes], bytes]) -> None:
    file = folder / "part-0.parquet"
    file.write_bytes(harm(file.read_bytes()))
