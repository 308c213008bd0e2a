"""Files that one reader leaves out, or takes for others, are refused: by their names, and where they lead."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.spark.evaluator import SparkEvaluator
from tests.spec.table import Row, cases

AS_OF = date(2026, 6, 5)
TEXTS = {"csv": b"id,country\n1,FR\n", "json": b'{"id": 1, "country": "FR"}\n'}

PACKINGS = """
    format | end          | content | because
    -------+--------------+---------+---------------------------------------------
    csv    | .lz4         | text    | no row would be found in it
    csv    | .snappy      | text    | nor in another of Hadoop's own
    csv    | .LZO         | text    | whatever the capitals
    csv    | .deflate     | packed  | told of letters that are no UTF-8
    json   | .lz4         | text    | JSON: no row would be found in it
    json   | .deflate     | packed  | JSON: what Spark alone would read
"""


@pytest.mark.parametrize("row", cases(PACKINGS))
def test_a_text_that_hadoop_alone_unpacks_is_refused(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """By its name, as Hadoop goes by it, before a byte of it is read."""
    content = TEXTS[row["format"]]
    name = f"b.{row['format']}{row['end']}"
    _sound(tmp_path, row["format"])
    (tmp_path / "customers" / name).write_bytes(content if row["content"] == "text" else zlib.compress(content))
    says = rf"its file {name} is called {row['end'].lower()}.* Land it packed by gzip, or as it is\. \[LAKE-102\]"
    with pytest.raises(RunRefused, match=says):
        _evaluator(spark, tmp_path, row["format"]).check_lake(AS_OF)


def a_link_to_nothing(folder: Path) -> None:
    (folder / "b.csv").symlink_to("/nonexistent")


def a_link_within_a_link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.csv").symlink_to("/nonexistent")
    (folder / "n=1").symlink_to(elsewhere)


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "b.csv")


ASTRAY: list[tuple[Callable[[Path], None], str]] = [
    (a_link_to_nothing, r"'b\.csv' at .*customers is no file, or leads to none\. .* \[LAKE-101\]"),
    (a_link_within_a_link, r"'n=1/b\.csv' at .*customers is no file, or leads to none"),
    (a_pipe, r"'b\.csv' at .*customers is no file, or leads to none"),
]


@pytest.mark.parametrize(("made", "says"), ASTRAY)
def test_what_is_no_file_is_refused(
    spark: SparkSession, tmp_path: Path, made: Callable[[Path], None], says: str
) -> None:
    """As landing has it: Hadoop leaves a link that leads nowhere out, and its rows with it."""
    made(_sound(tmp_path, "csv"))
    with pytest.raises(RunRefused, match=says):
        _evaluator(spark, tmp_path, "csv").snapshots(AS_OF)


def test_links_that_lead_somewhere_are_read(spark: SparkSession, tmp_path: Path) -> None:
    """And one that an editor keeps beside a file that is open is nobody's."""
    folder = _sound(tmp_path, "csv")
    (folder / "a.csv").rename(tmp_path / "a.csv")
    (folder / "a.csv").symlink_to(tmp_path / "a.csv")
    (folder / ".#a.csv").symlink_to("ann@desk.4711")
    evaluator = _evaluator(spark, tmp_path, "csv")
    evaluator.check_lake(AS_OF)
    assert evaluator.spark.table("customers").count() == 1


@pytest.mark.parametrize("path", ["customers/{day}", "customers/{day}.csv"])
def test_a_day_that_leads_nowhere_is_not_the_day_before(spark: SparkSession, tmp_path: Path, path: str) -> None:
    """A folder or a file of a day that is a link to what was moved."""
    name = path.removeprefix("customers/")
    sound = _sound(tmp_path, "csv")
    (sound / name.format(day="2026-06-04")).symlink_to(sound / "a.csv")
    (sound / name.format(day="2026-06-05")).symlink_to("/nonexistent")
    with pytest.raises(RunRefused, match=r"there is no file at .*2026-06-05"):
        _evaluator(spark, tmp_path, "csv", path).snapshots(AS_OF)


def _sound(folder: Path, format_: str) -> Path:
    """The folder of a frame, with one sound file."""
    (folder / "customers").mkdir()
    (folder / f"customers/a.{format_}").write_bytes(TEXTS[format_])
    return folder / "customers"


def _evaluator(spark: SparkSession, folder: Path, format_: str, path: str = "customers") -> SparkEvaluator:
    text = f"""
        subject = "customers"
        [frames.customers]
        path = "{path}"
        format = "{format_}"
        subject_key = "id"
        columns = {{ id = "bigint", country = "string" }}
    """
    return SparkEvaluator(spark, declaration.parse(text, str(folder)))
