"""Snapshots that are old, of different days, or not what they were: the run stops (R-LAKE-3)."""

from __future__ import annotations

import gzip
import os
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from jobs.wiring import Installation
from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.lake.freshness import age_faults
from rules_engine.lake.tables import version_of
from rules_engine.lake.used import Used
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.schemas import Schema
from rules_engine.ports import OpenLake
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import evaluate
from rules_engine.spark.evaluator import SparkEvaluator
from tests.faults.checked_lake import RULES, lake_of, sound
from tests.small_lake import KNOWN_AT
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DECLARED = """
{days}
subject = "customers"
[frames.customers]
path = "customers/{{day}}"
subject_key = "id"
{customers}
[frames.held]
path = "held/{{day}}"
subject_key = "id"
{held}
[frames.unused]
path = "unused/{{day}}"
max_age = 0
[frames.list]
path = "list"
"""

AGES = """
    days           | customers   | held         | customers of | held of    | told                                                                                                  | because
    ---------------+-------------+--------------+--------------+------------+-------------------------------------------------------------------------------------------------------+----------------------------------------
                   |             |              | 2023-01-01   | 2024-06-01 |                                                                                                       | nothing is declared, nothing is asked
                   | max_age = 0 |              | 2024-06-01   | 2024-05-01 |                                                                                                       | of the day itself
                   | max_age = 0 |              | 2024-05-31   | 2024-05-31 | Frame 'customers': its newest snapshot is of 2024-05-31, 1 day before 2024-06-01, and 0 may be        | a day too old
                   |             | max_age = 7  | 2024-06-01   | 2024-05-25 |                                                                                                       | as old as may be
                   |             | max_age = 7  | 2024-06-01   | 2024-05-24 | Frame 'held': its newest snapshot is of 2024-05-24, 8 days before 2024-06-01, and 7 may be (max_age). | a stale snapshot
    days = "agree" |             |              | 2024-05-31   | 2024-05-31 |                                                                                                       | the days agree
    days = "agree" |             |              | 2024-06-01   | 2024-05-31 | Frame 'held': its newest day is 2024-05-31, that of 'customers' is 2024-06-01, and frames are to be   | the days differ
    days = "agree" |             | max_age = 7  | 2024-06-01   | 2024-05-31 |                                                                                                       | a frame that may be older by itself
    days = "agree" |             | max_age = 7  | 2024-06-01   | 2024-05-20 | Frame 'held': its newest snapshot is of 2024-05-20, 12 days before 2024-06-01                         | and is older than that
"""  # fmt: skip


@pytest.mark.parametrize("row", cases(AGES))
def test_how_old_snapshots_may_be(row: Row) -> None:
    """By the frame's own age, else by the day of the subjects; a frame that no rule uses is not asked, nor one without a day."""
    text = DECLARED.format(**{name: row[name] for name in ("days", "customers", "held")})
    lake = declaration.parse(text, "/lake")
    snapshots = {"customers": f"{row['customers of']}@1", "held": f"{row['held of']}@2"}
    snapshots |= {"unused": "2020-01-01@3", "list": "4"}
    opened = OpenLake(date(2024, 6, 1), lake, snapshots, {}, {}, Schema("customers", "id", {}, {}))
    found = [str(f) for f in age_faults(opened, Used({"held": frozenset({"A/1"})}))]
    assert [row["told"] in said for said in found] == [True] * bool(row["told"])
    assert all(said.endswith(("[LAKE-208]", "[LAKE-209]")) for said in found)


TABLES = """
    format  | log                                               | told                                              | because
    --------+---------------------------------------------------+---------------------------------------------------+-------------------------------------
    delta   | {"commitInfo": {"timestamp": 1717200000000}}      |                                                   | a commit of the day itself
    delta   | {"commitInfo": {"timestamp": 1716508800000}}      | last written on 2024-05-24 (as it is read), 8 days before | no commit for a week
    delta   | {"commitInfo": {}}                                | does not say when it was written                  | a writer that keeps no moment
    iceberg | {"snapshot-id": 1, "timestamp-ms": 1717200000000} |                                                   | a snapshot of the day itself
    iceberg | {"snapshot-id": 1, "timestamp-ms": 1716508800000} | last written on 2024-05-24 (as it is read), 8 days before | no snapshot for a week
"""  # fmt: skip


@pytest.mark.parametrize("row", cases(TABLES))
def test_how_old_the_version_of_a_table_may_be(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """By the moment that the table's own log says; days of folders it has none."""
    name, text = f"_delta_log/{0:020}.json", row["log"]
    if row["format"] == "iceberg":
        name, text = "metadata/v1.metadata.json", f'{{"current-snapshot-id": 1, "snapshots": [{row["log"]}]}}'
    (tmp_path / "a" / name).parent.mkdir(parents=True)
    (tmp_path / "a" / name).write_text(text)
    said = f'subject = "a"\n[frames.a]\npath = "a"\nformat = "{row["format"]}"\nsubject_key = "k"\nmax_age = 7'
    lake = declaration.parse(said, str(tmp_path))
    version = version_of(spark, lake.frames[0], lake.frames[0].path)
    assert version is not None
    schema, day = Schema("a", "k", {}, {}), date(2024, 6, 1)
    opened = OpenLake(day, lake, {"a": version.snapshot}, {}, {}, schema, written={"a": version.written})
    found = [str(fault) for fault in age_faults(opened, Used({}))]
    assert [row["told"] in each and "[LAKE-208]" in each for each in found] == [True] * bool(row["told"])


NO_LOGS = """
    format  | log                                            | because
    --------+------------------------------------------------+-------------------------------------
    delta   | {"commitInfo": {"timestamp": "2024-06-01"}}    | a moment that is a text
    delta   | {"commitInfo": {"timestamp": 1e30}}            | a moment that no calendar has
    delta   | {"commitInfo": 1}                              | no commit at all
    delta   | {"commitInfo": {"timest                        | a log that is cut off
    iceberg | {"snapshot-id": 1, "timestamp-ms": "x"}        | a moment of Iceberg that is a text
    iceberg | gzip, cut off                                  | metadata whose end is missing
    iceberg | gzip, harmed                                   | metadata that were altered
"""


@pytest.mark.parametrize("row", cases(NO_LOGS))
def test_a_log_that_is_none_is_told_as_that(spark: SparkSession, tmp_path: Path, row: Row) -> None:
    """As a fault of the frame, whatever reading it ended with."""
    name, content = f"_delta_log/{0:020}.json", row["log"].encode()
    if row["format"] == "iceberg":
        name, text = "metadata/v1.metadata.json", f'{{"current-snapshot-id": 1, "snapshots": [{row["log"]}]}}'
        packed = gzip.compress(text.encode())
        harmed = packed[:12] + b"\xff" * 8 + packed[20:]
        content = {"gzip, cut off": packed[:-12], "gzip, harmed": harmed}.get(row["log"], text.encode())
    (tmp_path / "a" / name).parent.mkdir(parents=True)
    (tmp_path / "a" / name).write_bytes(content)
    said = f'subject = "a"\n[frames.a]\npath = "a"\nformat = "{row["format"]}"\nsubject_key = "k"'
    frame = declaration.parse(said, str(tmp_path)).frames[0]
    with pytest.raises(RunRefused, match=rf"the log of its {row['format']} table cannot be read: .*\[LAKE-102\]"):
        version_of(spark, frame, frame.path)


def test_an_age_needs_a_day() -> None:
    """A path that says no day has no age: that is said where it is declared."""
    with pytest.raises(RunRefused, match="it says max_age and its path says no day"):
        declaration.parse('subject = "a"\n[frames.a]\npath = "a"\nsubject_key = "k"\nmax_age = 1', "/lake")


def test_days_agree_with_a_day() -> None:
    """Where the subjects' path says none, nothing would be compared: that is said where it is declared."""
    with pytest.raises(RunRefused, match="the path of 'a' says no day to agree with"):
        declaration.parse('days = "agree"\nsubject = "a"\n[frames.a]\npath = "a"\nsubject_key = "k"', "/lake")


LANDED = """
    landed                            | newest   | because
    ----------------------------------+----------+------------------------------------------------------
    -9, -2                            | -2       | of two the later one
    -2, 1                             | 1        | where the sun is ahead of UTC it is tomorrow
    -2, 2, 400000                     | -2       | a slip of the finger is no day to decide about
    2                                 |          | of days to come alone none is taken
"""


@pytest.mark.parametrize("row", cases(LANDED))
def test_the_newest_day_is_none_to_come(row: Row) -> None:
    """A run of a day to come would be the newest ever after, and every night's refused; days are counted from today."""
    today = datetime.now(UTC).date()
    days = {said: today + timedelta(days=int(said)) for said in row["landed"].split(", ")}
    at: Any = SimpleNamespace(evaluator=SimpleNamespace(landed_days=[*days.values()]))
    assert Installation.newest_day(at) == days.get(row["newest"])


def test_a_stale_snapshot_stops_the_run_beside_all_else(spark: SparkSession, tmp_path: Path) -> None:
    """It is told with what is wrong within the data, and nothing is staged."""
    frames = sound()
    frames["customers"]["country"] = pa.array(["FR", None, None, "FR"])
    lake_of(tmp_path / "lake", {f"{name}/2024-05-20": columns for name, columns in frames.items()})
    text = """
        subject = "customers"
        [frames.customers]
        path = "customers/{day}"
        subject_key = "id"
        max_age = 3
        columns = { id = "bigint", country = { type = "string", nulls = 0.0 } }
        [frames.held]
        path = "held/{day}"
        subject_key = "id"
        [frames.products]
        path = "products/{day}"
    """
    lake = declaration.parse(text, str(tmp_path / "lake"))
    with pytest.raises(RunRefused) as refused:
        SparkEvaluator(spark, lake).evaluate(RULES, HitMatrix.of(RULES), str(tmp_path / "run"), None)
    assert [fault.code for fault in refused.value.faults] == ["LAKE-208", "LAKE-201"]
    assert not (tmp_path / "run").exists()


def test_a_snapshot_that_changed_while_it_was_read_is_not_published(spark: SparkSession, tmp_path: Path) -> None:
    """What was decided is of neither state: there is no manifest, so nothing to publish; the next try is of one state."""
    lake = lake_of(tmp_path / "lake", sound())
    evaluator, store = SparkEvaluator(spark, lake), FolderRunStore(str(tmp_path / "runs"))
    evaluator.snapshots(RULES.as_of)
    os.utime(tmp_path / "lake/products/part-0.parquet", (1, 1))
    with pytest.raises(RunRefused, match=r"Frame 'products': its snapshot \w+ changed while it was read.*LAKE-210"):
        evaluate(RULES, evaluator, store, KNOWN_AT, evaluator.settings, "torn")
    assert store.manifest("torn") is None
    assert evaluate(RULES, evaluator, store, KNOWN_AT, evaluator.settings, "torn").evaluation.subjects == 4


LIMITS = """
    says          | told                                                     | because
    --------------+----------------------------------------------------------+-----------------------------------------
    orphans = 0   |                                                          | none may be
    orphans = true | it says orphans = True, which is no share               | a truth is no share: it would be all
    orphans = "5 %" | it says orphans = 5 %, which is no share               | nor is a text
    orphans = 5   | it says orphans = 5, which is no share                   | nor a count of rows
    max_age = 1.5 | it says max_age = 1.5. Write a number of days, such as 3 | half a day is none
    max_age = "3" | it says max_age = 3. Write a number of days, such as 3   | a text is no number of days
"""


@pytest.mark.parametrize("row", cases(LIMITS))
def test_a_limit_is_a_number(row: Row) -> None:
    """Whatever else is written is refused in words of the declaration."""
    said = f'subject = "a"\n[frames.a]\npath = "a/{{day}}"\nsubject_key = "k"\n{row["says"]}'
    with pytest.raises(RunRefused) if row["told"] else nullcontext() as refused:
        declaration.parse(said, "/lake")
    assert not refused or row["told"] in str(refused.value)
