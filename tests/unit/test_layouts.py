"""Folders that say a day: found as they are usually laid out, and never counted where they would not be found."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rules_engine.lake.declaration import SMALL, is_small
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.layouts import Layout, Names
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
    found = Layout(row["path"]).landed(_names(row["folders"].split()))
    wanted = dict(each.split("=", 1) for each in row["finds"].split())
    assert {day.isoformat(): ",".join(folders) for day, folders in found.items()} == wanted


ODD = """
    path                            | beside the day before                                                           | because
    --------------------------------+---------------------------------------------------------------------------------+-----------------------------------------
    {day}                           | 2026_06_05 2026.6.5 05.06.2026 05062026 2026-06_05 2026–06–05                   | other signs, another order
    {day}                           | 5-Jun-2026 June␣5,␣2026 2026Jun05 05june2026                                    | the month in words
    {day}                           | 2026-06-05T23 2026-06-05_v2 2026-06-05_retry 2026-06-05(2) 202606052330         | a day and more
    {day}                           | 2026-06-05␣ ␣2026-06-05 2026␣-␣06␣-␣05 2026-06-05.csv 2026-02-30                | a blank, a file in its place, no day
    dt={day}                        | 2026-06-05 DT=2026-06-05 day=2026-06-05 dt=2026-06-05_2                         | another column, or none
    dt={day}                        | dt=␣2026-06-05 dt␣="2026-06-05" dt=%222026-06-05%22                             | a blank or quotes about a day
    {day}.csv                       | 2026-06-05.csv.gz 2026-06-05.CSV 2026-06-05.txt 2026-06-05                      | a file that ends otherwise
    {day}.csv                       | 2026-06-05(1).csv 20260605_v2.csv                                               | a second delivery
    crm_{day}_full.csv.gz           | CRM_2026-06-05_full.csv.gz crm-20260605-full.csv crm_2026-06-05_full_2.csv      | other signs and capitals about a day
    {yyyy}/{mm}/{dd}                | 2026/06/05_v2 2026/06/05T2330 2026/06/05␣ 2026/06/005 2026/06/05.csv            | a day of a month and more
    {yyyy}/{mm}/{dd}                | 2026/Jun/05 2026/June/05 2026/06-June/05 2026/006/05 2026_v2/06/05              | a month or a year and more
    {yyyy}/{mm}/{dd}                | 2026/06/day=05 2026/month=06/05 year=2026/06/05                                 | columns, where the path has none
    {yyyy}/{mm}/{dd}                | 2026-06-05 20260605 2026-06/05 202606/05 2026/06/31                             | another layout, no day
    year={yyyy}/month={mm}/day={dd} | year=2026/month=06/Day=05 year=2026/Month=06/day=05 Year=2026/month=06/day=05   | other capitals
    year={yyyy}/month={mm}/day={dd} | year=2026/month=06/day=05_2 year=2026/month=06/05 year=2026/month=06/day=005    | a column's day and more, or no column
    year={yyyy}/month={mm}/day={dd} | 2026/06/05 year=2026/06/05 year=2026/month=Jun/day=05 year=2026/month=06/d=05   | another layout in part
    {yyyy}/{mm}/{dd}.csv            | 2026/06/05.csv.gz 2026/06/05.CSV 2026/06/05                                     | a file of a month that ends otherwise
"""


@pytest.mark.parametrize("row", cases(ODD))
def test_what_looks_like_a_day_and_is_read_as_none_is_told(row: Row) -> None:
    """Whichever of its folders is named otherwise: else an older day would be read in its place."""
    before = row["path"].format(day="2026-06-04", yyyy="2026", mm="06", dd="04")
    for odd in _split(row["beside the day before"]):
        (told,) = Layout(f"c/{row['path']}").misspelt(_names([f"c/{before}", f"c/{odd}"]))
        assert odd.startswith(told), odd


OTHERS = """
    path                            | beside days                                                                     | because
    --------------------------------+---------------------------------------------------------------------------------+-----------------------------------------
    {day}                           | 2026-06-04 20260603                                                             | two days
    {day}                           | _SUCCESS .2026-06-06 _2026-06-06 README README.md archive latest 202405 v2      | marks, hidden names, and what is no day
    {day}                           | 2026-06-06.old 2026-06-06_old 2026-06-06␣bak 20260606.backup 2026-06-06.tmp     | what was put aside, or is not whole yet
    {day}                           | 2026-06-05.md5 2026-06-05.done                                                  | what stands beside a day that is read
    {day}.csv                       | 2026-06-05.csv.md5 2026-06-05.parquet 2026-06-05 orders_2026-06-06.csv          | other files of the day
    {day}_crm.csv                   | 2026-06-06_orders.csv 2026-06-06.csv                                            | files of other frames
    {yyyy}/{mm}/{dd}                | 2026/05/31 2025/12/31 2026/6/3                                                  | several days
    {yyyy}/{mm}/{dd}                | _SUCCESS 2026/_SUCCESS 2026/06/_SUCCESS archive/x 2026/README 2025_archive/x    | marks, and what was put aside
    {yyyy}/{mm}/{dd}                | 2026/06/05.done 2026/market/x master/x                                          | what only begins as a month does
    year={yyyy}/month={mm}/day={dd} | year=2026/month=5/day=31 _SUCCESS year=2026/_temporary year=2026/month=06/.x    | days as Spark writes them, and marks
"""


@pytest.mark.parametrize("row", cases(OTHERS))
def test_what_is_plainly_something_else_stops_nothing(row: Row) -> None:
    """Days that are sound, and names that nobody takes for one."""
    day = row["path"].format(day="2026-06-05", yyyy="2026", mm="06", dd="05")
    there = [f"c/{each}" for each in (day, *_split(row["beside days"]))]
    assert Layout(f"c/{row['path']}").misspelt(_names(there)) == []


def _names(there: list[str]) -> Names:
    """What lies in a folder, by the paths of all that is there."""
    return lambda folder: sorted({p[len(folder) + 1 :].split("/")[0] for p in there if p.startswith(f"{folder}/")})


def _split(said: str) -> list[str]:
    """The names of a cell, in which a sign stands for a blank."""
    return [each.replace("␣", " ") for each in said.split()]


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
