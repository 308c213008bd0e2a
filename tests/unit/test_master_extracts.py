"""R-LAKE-5: a master's sources are read as strictly as what lands; what would be left out is refused by its name."""

from __future__ import annotations

import json
import tomllib
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules_engine.errors import RunRefused
from rules_lake.master import keyed, records
from rules_lake.master.settings import Settings, parse
from rules_lake.master.survivorship import Survivorship
from tests.spec.table import Row, cases

DAY = "2024-06-05"
SOURCE = """
[sources.crm]
path = "PATH"
format = "csv"
key = "id"
[sources.crm.roles]
given_name = "first"
family_name = "last"
"""
GOOD = "id,first,last\n1,Ann,Reed\n"

TEXTS = r"""
    lines                                             | says                                                                     | because
    --------------------------------------------------+--------------------------------------------------------------------------+------------------------------------------
    id,first,last / 1,Ann,Reed / 2,"Bob,Reed / 3,C,D  | its records cannot be parted into cells (crm.csv, line 4)                | a quote that is never closed
    id,first,last / 1,Ann,Reed / 2,Bob,"Reed          | its records cannot be parted into cells (crm.csv, line 3)                | nor at the end of the file
    id,first,last / 1,Ann,"R" eed                     | (crm.csv, line 2): a quote is out of place or never closed.              | a quote out of place
    id,"first,last / 1,Ann,Reed                       | its records cannot be parted into cells (crm.csv, line 1)                | a quote out of place in the header
    id,first,last / 1,Ann / 2,Bob                     | 2 records are not of 3 cells; one has 2 cells instead of 3 (crm.csv, line 2) | records that are cut off
    id,first,last / 1,Ann,Reed\r / 2,Bob,Reed         | its lines end in different ways (crm.csv, line 2)                        | ends of lines of two systems
    \ufeffid,first,last / 1,Ann,Reed / \ufeffid,first,last / 2,Bob,Reed | its header stands again among its records (crm.csv, line 3) | files put one after the other, with marks
    \ufeff"id","first","last" / 1,Ann,Reed / \ufeff"id","first","last"  | its header stands again among its records (crm.csv, line 3) | and with quotes
    id,first,last / 1,Zo\udce9,Reed                   | its file crm.csv has letters that are no utf-8 (line 2). Have it written again | another encoding
    id,first,l\udce9st / 1,Ann,Reed                   | its file crm.csv has letters that are no utf-8.                          | another encoding of the header
                                                      | its file crm.csv has no byte at all: it was cut off.                     | an empty file
    id,first,last,LAST / 1,Ann,Reed,Reed              | its file crm.csv has two columns 'last', whatever the capitals.          | a column that is there twice
    id,frst,last / 1,Ann,Reed                         | it has no column 'first'; it has id, frst, last. Did you mean 'frst'?    | a column of another name
    7,Canary,Reed,1977-05-01 / 8,Ann,Reed,1978-05-01  | its file crm.csv has no column 'id' in the first line, nor any that settings name. Name columns that it has | no header
    7;Canary;Reed / 8;Ann;Reed                        | nor any that settings name. Say by delimiter what parts its cells | no header, and another separator
    id;first;last / 1;Canary;Reed                     | nor any that settings name. Say by delimiter what parts its cells | another separator
"""


def settings(folder: Path, path: str, more: str = "") -> Settings:
    return parse(tomllib.loads(SOURCE.replace("PATH", path) + more), str(folder))


@pytest.mark.parametrize("row", cases(TEXTS))
def test_a_text_is_read_as_landing_reads_it(tmp_path: Path, row: Row) -> None:
    """Refused with file and line, in the words of the lake, and what to do in those of the settings: no cell is shown."""
    text = row["lines"].encode().decode("unicode_escape").replace(" / ", "\n")
    (tmp_path / "crm.csv").write_bytes(f"{text}\n".lstrip("\n").encode(errors="surrogateescape"))
    with pytest.raises(RunRefused) as refused:
        records.read(settings(tmp_path, "crm.csv"), DAY)
    assert row["says"] in str(refused.value)
    assert "Source 'crm'" in str(refused.value)
    assert not any(word in str(refused.value) for word in ("Canary", "1977", "option"))


READ = r"""
    lines                                            | last            | because
    -------------------------------------------------+-----------------+---------------------------------------------
    \ufeffid,first,last / 1,Ann,"Reed ""R"", L"       | Reed "R", L     | quotes as RFC 4180 has them, and a mark
    id,first,last / 1,Ann,"Reed / Lee"               | Reed / Lee      | a record over two lines
    id,first,last /  / 1,Ann,12" Lee                 | 12" Lee         | an empty line, and a quote within a cell
    last,id,,first / Reed,1,x,Ann                    | Reed            | a column without a name
"""


@pytest.mark.parametrize("row", cases(READ))
def test_what_is_well_written_is_read(tmp_path: Path, row: Row) -> None:
    """Strictly is not narrowly: the last line may be without an end, and what landing reads is read."""
    text = row["lines"].encode().decode("unicode_escape").replace(" / ", "\n")
    (tmp_path / "crm.csv").write_text(text, encoding="utf-8")
    found = records.read(settings(tmp_path, "crm.csv"), DAY)
    assert found.raw["family_name"].to_pylist() == [row["last"].replace(" / ", "\n")]
    assert found.keys == [("crm", "1")]


FILES = """
    path          | beside                                    | says                                                                        | because
    --------------+-------------------------------------------+-----------------------------------------------------------------------------+-------------------------------------
    crm/{day}     | crm/2024-06-05/_temporary/0/b.csv         | crm/2024-06-05: its writer has not ended: there is _temporary/0/b.csv.      | a writer is at work
    crm/{day}/*.csv | crm/2024-06-05/_temporary/0/b.csv       | its writer has not ended: there is _temporary.                              | beside what a pattern finds
    crm/{day}     | crm/2024-06-05/_part-2.csv                | its file _part-2.csv would not be read, for a name that begins with '_'     | data that a name hides
    crm/{day}/*.csv | crm/2024-06-05/.part-2.csv              | its file .part-2.csv would not be read, for a name that begins with '_'     | from a pattern, too
    crm/{day}     | crm/2024-06-05/2024-06-04/b.csv           | its file 2024-06-04/b.csv lies in a folder of a day                         | another day within the day
    crm/{day}     | crm/2024-06-05/day=20240604/b.csv         | its file day=20240604/b.csv lies in a folder of a day                       | or as a partition of it
    crm/{day}     | crm/2024-06-05/_committed_17              | its writer keeps _committed_17 and has not said _SUCCESS.                   | a writer that has not said its end
    crm/{day}     | crm/2024-06-05/_delta_log/00.json         | it is a table of delta: files of old versions lie beside those of now       | a table and no files
    crm/{day}     | crm/2024-06-05/b.csv.gz                   | its file b.csv.gz would not be read. Write it as .csv or .parquet           | a file that is packed
"""


@pytest.mark.parametrize("row", cases(FILES))
def test_what_would_be_left_out_or_is_of_another_day(tmp_path: Path, row: Row) -> None:
    """Part of an extract is none: what rules land refuses is refused here, by its name."""
    for name in ("crm/2024-06-05/a.csv", row["beside"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(RunRefused) as refused:
        records.read(settings(tmp_path, row["path"]), DAY)
    assert row["says"] in str(refused.value)
    assert "Source 'crm'" in str(refused.value)


def test_a_link_that_leads_nowhere_is_a_file_that_is_missing(tmp_path: Path) -> None:
    """In a folder, and among what a pattern finds."""
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm" / "a.csv").write_text(GOOD, encoding="utf-8")
    (tmp_path / "crm" / "b.csv").symlink_to(tmp_path / "gone.csv")
    for path in ("crm", "crm/*.csv"):
        with pytest.raises(RunRefused, match=r"its b\.csv is no file, or leads to none"):
            records.read(settings(tmp_path, path), DAY)


def test_all_files_of_a_source_are_told_of(tmp_path: Path) -> None:
    """Two that are broken are mended in one go; and one without a header shows no cell beside one that has one."""
    (tmp_path / "crm").mkdir()
    for name, text in (("a.csv", GOOD), ("b.csv", GOOD + "2,B\n"), ("c.csv", GOOD + '3,"C\n')):
        (tmp_path / "crm" / name).write_text(text, encoding="utf-8")
    with pytest.raises(RunRefused, match=r"\(b\.csv, line 3\)[^\n]*\n[^\n]*\(c\.csv, line 3\)"):
        records.read(settings(tmp_path, "crm"), DAY)
    (tmp_path / "crm" / "d.csv").write_text("7,Canary,Reed\n", encoding="utf-8")
    with pytest.raises(RunRefused, match=r"its file d\.csv has no column 'id' in the first line") as refused:
        records.read(settings(tmp_path, "crm"), DAY)
    assert "Canary" not in str(refused.value)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    """The one of several that was cut off."""
    for name in ("a", "b"):
        pq.write_table(pa.table({"id": [name], "first": ["Ann"], "last": ["Reed"]}), tmp_path / f"{name}.parquet")
    whole = (tmp_path / "b.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[:-9])
    with pytest.raises(RunRefused, match=r"Source 'crm': its file b\.parquet cannot be read"):
        records.read(
            parse(tomllib.loads(SOURCE.replace("PATH", "*.parquet").replace("csv", "parquet")), str(tmp_path)), DAY
        )


def test_frames_under_master_ids_are_read_as_strictly(tmp_path: Path) -> None:
    """Named as the frame that they are, and no cell of a first line that is a record is shown."""
    (tmp_path / "crm.csv").write_text(GOOD, encoding="utf-8")
    said = settings(tmp_path, "crm.csv", '[frames.orders]\npath = "orders.csv"\nsource = "crm"\nkey = "who"\n')
    for text, says in (
        ('who,what\n1,"Tea\n', "(orders.csv, line 2)"),
        ("Canary,Tea\n", "its file orders.csv has no column 'who'"),
    ):
        (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
        with pytest.raises(RunRefused) as refused:
            keyed.read(said, DAY)
        assert "Frame 'orders'" in str(refused.value)
        assert says in str(refused.value)
        assert "Canary" not in str(refused.value)


FAR = pa.array([datetime(9999, 12, 31), None], pa.timestamp("us"))
KEYS = """
    values       | and in the next file | keys                     | says                                                     | because
    -------------+----------------------+--------------------------+----------------------------------------------------------+--------------------------------
    1.0 2.0      |                      | 1 2                      |                                                          | as other libraries write whole ones
    1e10 7.5     |                      | 10000000000 7.5          |                                                          | whatever stands beside it
    1.0 nan      |                      |                          | 1 rows have no id.                                       | NaN is no value
    1 2          | a b                  |                          | its column 'id' is int64 in 0.parquet and string in 1.parquet. | texts beside numbers
    1 2          | 3.0 4.0              |                          | its column 'id' is int64 in 0.parquet and double in 1.parquet. | numbers of two kinds
"""


@pytest.mark.parametrize("row", cases(KEYS))
def test_keys_of_parquet_are_one_text_each(tmp_path: Path, row: Row) -> None:
    """However a number is held; of another type in another file they are refused, by column and file."""
    for at, said in enumerate(filter(None, (row["values"], row["and in the next file"]))):
        (tmp_path / "crm").mkdir(exist_ok=True)
        values = [
            each if each.isalpha() and each != "nan" else json.loads(each.replace("nan", "NaN"))
            for each in said.split()
        ]
        pq.write_table(
            pa.table({"id": values, "first": ["A", "B"], "last": ["C", "D"]}), tmp_path / f"crm/{at}.parquet"
        )
    text = SOURCE.replace("PATH", "crm").replace("csv", "parquet")
    with pytest.raises(RunRefused, match=row["says"]) if row["says"] else nullcontext():
        assert (
            records.read(parse(tomllib.loads(text), str(tmp_path)), DAY).raw["key"].to_pylist() == row["keys"].split()
        )


def test_a_moment_of_parquet_is_not_another_one(tmp_path: Path) -> None:
    """The end of 9999 as INT96 has it, beyond what nanoseconds count to: kept, and written again as it is."""
    rows = pa.table({"id": ["1", "2"], "first": ["A", "B"], "last": ["C", "D"], "ends": FAR})
    pq.write_table(rows, tmp_path / "crm.parquet", use_deprecated_int96_timestamps=True)
    text = SOURCE.replace("PATH", "crm.parquet").replace("csv", "parquet") + '[sources.crm.keep]\nends = "ends"\n'
    text += '[frames.own]\npath = "crm.parquet"\nsource = "crm"\nkey = "id"\n'
    said = parse(tomllib.loads(text), str(tmp_path))
    assert records.read(said, DAY).raw["ends"].to_pylist() == ["9999-12-31 00:00:00.000000", None]
    (own,) = keyed.read(said, DAY)
    assert own.table["ends"].combine_chunks() == FAR


UPDATED = """
    first                | then       | newest | because
    ---------------------+------------+--------+-----------------------------------------------
    20241231             | 20250101   | then   | days as eight digits
    31122024             | 01012025   | then   | or with the year last
    20241231             | 20241399   | then   | a number that is no day makes both numbers
    99991231             | 100000000  | then   | and a ninth digit
    2024-12-31           | 20250101   | then   | days of two forms
    20250101             | 2024-12-31 | first  | whichever is first
"""


@pytest.mark.parametrize("row", cases(UPDATED))
def test_whole_numbers_of_a_column_are_all_days_or_all_numbers(tmp_path: Path, row: Row) -> None:
    """docs/master.md: of a counter some values look like days, and are sorted as numbers as the others are."""
    lines = f"id,first,last,at\n1,first,Reed,{row['first']}\n2,then,Reed,{row['then']}\n"
    (tmp_path / "crm.csv").write_text(lines, encoding="utf-8")
    text = SOURCE.replace("PATH", "crm.csv").replace('key = "id"', 'key = "id"\nupdated = "at"')
    said = parse(tomllib.loads(text + '[survivorship]\ngiven_name = "most_recent"\n'), str(tmp_path))
    assert Survivorship(said, records.read(said, DAY)).of([0, 1])["given_name"].value == row["newest"]


def test_a_number_among_moments_is_refused(tmp_path: Path) -> None:
    """Which of the two is newer nobody can tell."""
    (tmp_path / "crm.csv").write_text("id,first,last,at\n1,A,B,2024-12-31\n2,A,B,17\n", encoding="utf-8")
    text = SOURCE.replace("PATH", "crm.csv").replace('key = "id"', 'key = "id"\nupdated = "at"')
    with pytest.raises(RunRefused, match="its at says no moment in 1 values, as 99"):
        records.read(parse(tomllib.loads(text), str(tmp_path)), DAY)
