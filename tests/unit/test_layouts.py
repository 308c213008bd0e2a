"""Folders that say a day: found as they are usually laid out, and never counted where they would not be found."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rules_engine.lake.declaration import SMALL, is_small
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.layouts import Layout
from tests.spec.table import Row, cases

LAYOUTS = """
    path                                      | folders                                              | finds                                                | because
    ------------------------------------------+------------------------------------------------------+------------------------------------------------------+-----------------------------------
    c/{day}                                   | c/2026-06-04 c/2026-06-05                            | 2026-06-04=c/2026-06-04 2026-06-05=c/2026-06-05      | a folder a day
    c/{day}                                   | c/20260605                                           | 2026-06-05=c/20260605                                | without hyphens
    c/dt={day}                                | c/dt=2026-06-05 c/dt=20260604 c/2026-06-03           | 2026-06-04=c/dt=20260604 2026-06-05=c/dt=2026-06-05  | as Hive names partitions
    c/{yyyy}/{mm}/{dd}                        | c/2026/06/05 c/2026/6/4 c/2026/06/31                 | 2026-06-04=c/2026/6/4 2026-06-05=c/2026/06/05        | a folder a year, month and day
    c/year={yyyy}/month={mm}/day={dd}         | c/year=2026/month=6/day=5 c/year=2026/month=x/day=5  | 2026-06-05=c/year=2026/month=6/day=5                 | as Spark writes partitions
    c/{day}/full                              | c/2026-06-05                                         | 2026-06-05=c/2026-06-05/full                         | a folder below the day
    c/{day}.parquet                           | c/2026-06-05.parquet c/2026-06-05.csv                | 2026-06-05=c/2026-06-05.parquet                      | a file a day
    c/{day}                                   | c/2026-6-5 c/2026W231 c/2026-06-05T00 c/20260631     |                                                      | no days as they are written
    c/{day}                                   | c/2026-06-05 c/20260605                              | 2026-06-05=c/2026-06-05,c/20260605                   | one day landed twice
"""


@pytest.mark.parametrize("row", cases(LAYOUTS))
def test_days_are_found_as_folders_say_them(row: Row) -> None:
    """Every day that is found comes with the folder that says it."""
    there = row["folders"].split()

    def names(folder: str) -> list[str]:
        return sorted({path[len(folder) + 1 :].split("/")[0] for path in there if path.startswith(f"{folder}/")})

    found = Layout(row["path"]).landed(names)
    wanted = dict(each.split("=", 1) for each in row["finds"].split())
    assert {day.isoformat(): ",".join(folders) for day, folders in found.items()} == wanted


def test_what_is_understood_can_be_said() -> None:
    """Both ways of a day, or the one of a year, month and day."""
    day = date(2026, 6, 5)
    assert Layout("c/dt={day}").understood(day) == "dt=2026-06-05 or dt=20260605"
    assert Layout("c/year={yyyy}/month={mm}/day={dd}").understood(day) == "year=2026/month=06/day=05"


@pytest.mark.parametrize("path", ["c/{day}", "c/dt={day}", "c/year={yyyy}/month={mm}/day={dd}"])
def test_a_large_lake_is_none_that_is_small(tmp_path: Path, path: str) -> None:
    """However its days are said: the JVM would compile quickly rather than well for it."""
    (tmp_path / "c").mkdir()
    with (tmp_path / "c" / "part").open("wb") as file:
        file.truncate(SMALL)
    assert not is_small(Lake("c", (Frame("c", f"{tmp_path}/{path}", subject_key="id"),)))
