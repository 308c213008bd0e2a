"""Extracts that would land many times, or not whole, and snapshots of another day (R-LAKE-3)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_lake.landing.landing import land, left, verify
from tests.extracts import DAY, NOW, declared, written
from tests.spec.table import Row, cases


def days_in_folders(source: Path) -> None:
    for day in ("2024-06-01", "2024-06-02"):
        written(source / day)


def a_link_round(source: Path) -> None:
    (written(source) / "loop").symlink_to(source)


def a_link_to_nothing(source: Path) -> None:
    (written(source) / "more.csv").symlink_to(source / "gone.csv")


def a_hidden_file(source: Path) -> None:
    written(source, name="_more.csv")


def a_table(source: Path) -> None:
    (written(source) / "_delta_log").mkdir()
    (source / "_delta_log/00000000000000000000.json").write_text("{}")


def a_stream(source: Path) -> None:
    (written(source) / "_spark_metadata").mkdir()
    (source / "_spark_metadata/0").write_text("v1")


def a_pipe(source: Path) -> None:
    os.mkfifo(written(source) / "more.csv")


STRAYS: list[tuple[Callable[[Path], None], str]] = [
    (days_in_folders, r"its file 2024-06-01/people.csv lies in a folder of a day.*extract/2024-06-01\."),
    (a_link_round, "its file loop/people.csv is people.csv again, by a link"),
    (a_link_to_nothing, "its more.csv is no file, or leads to none"),
    (a_hidden_file, "its file _more.csv would not be read, for a name that begins with '_' or '.'"),
    (a_table, "it is a table of delta: files of old versions lie beside those of now, and would count"),
    (a_stream, "a stream of Spark writes there, and files that its log"),
    (a_pipe, "its more.csv is no file, or leads to none"),
]


@pytest.mark.parametrize(("made", "said"), STRAYS)
def test_what_would_land_many_times_or_not_at_all(tmp_path: Path, made: Callable[[Path], None], said: str) -> None:
    """Two days in one, a folder that holds itself, files that are none: nothing lands."""
    made(tmp_path / "extract")
    with pytest.raises(RunRefused, match=said):
        land(str(tmp_path / "extract"), declared(tmp_path / "landed").frame("customers"), DAY, NOW)
    assert not (tmp_path / "landed/customers").exists()


def test_what_a_landing_left_is_told(tmp_path: Path) -> None:
    """A process that was killed leaves what it copied, which nobody else would find."""
    frame = declared(tmp_path / "landed").frame("customers")
    (tmp_path / "landed/customers/.landing-0123").mkdir(parents=True)
    assert left(frame) == [f"{tmp_path}/landed/customers/.landing-0123"]
    land(str(written(tmp_path / "extract")), frame, DAY, NOW)
    assert len(left(frame)) == 1


OTHERWISE = """
    path             | there    | because
    -----------------+----------+----------------------------
    {day}            | 20240601 | a day without hyphens
    {yyyy}/{mm}/{dd} | 2024/6/1 | a month and a day of one digit
"""


@pytest.mark.parametrize("row", cases(OTHERWISE))
def test_a_day_that_lies_there_by_another_name_is_refused(tmp_path: Path, row: Row) -> None:
    """Of two folders that say a day neither could be read; one that came otherwise is told by --verify."""
    declared(tmp_path / "landed")
    text = (tmp_path / "landed/frames.toml").read_text().replace("{day}", row["path"])
    frame = declaration.parse(text, str(tmp_path / "landed")).frame("customers")
    there = written(tmp_path / "landed/customers" / row["there"])
    says = rf"2024-06-01 lies in {there}, and it lands as .*Move it away: mv {there} ELSEWHERE"
    with pytest.raises(RunRefused, match=says):
        land(str(written(tmp_path / "extract")), frame, DAY, NOW)
    assert [path.name for path in (tmp_path / "landed").rglob("*.csv")] == ["people.csv"]
    ((_, _, (fault,)),) = verify(frame)
    assert f"2024-06-01 lies in {there}" in fault.what
    there.rename(tmp_path / "elsewhere")
    assert land(str(tmp_path / "extract"), frame, DAY, NOW).manifest.rows == 3
    ((_, manifest, _),) = verify(frame)
    assert manifest


def test_a_snapshot_is_of_the_day_that_it_landed_for(tmp_path: Path) -> None:
    """One that was moved is not news, and a manifest that is no text is one that was altered."""
    frame = declared(tmp_path / "landed").frame("customers")
    landed = Path(land(str(written(tmp_path / "extract")), frame, DAY, NOW).place)
    moved = landed.rename(landed.with_name("2024-06-09"))
    ((_, _, (fault,)),) = verify(frame)
    assert fault.what.startswith("it landed for 2024-06-01")
    (moved / "_manifest.json").chmod(0o644)
    (moved / "_manifest.json").write_bytes(b"\xff\xfe")
    ((_, _, (fault,)),) = verify(frame)
    assert fault.what == "its manifest does not read as one."
