"""Kinds of bad data that arrive on a day after good ones: each is stopped by its code, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import evaluate, publish
from rules_engine.spark.evaluator import SparkEvaluator
from tests.faults.checked_lake import Frames, sound
from tests.in_memory import InMemoryHistory
from tests.small_lake import put, rule, rule_set
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DECLARED = """
subject = "customers"
[frames.customers]
path = "customers/{day}"
key = ["id"]
subject_key = "id"
max_age = 3
[frames.customers.columns]
id = "bigint"
country = { type = "string", nulls = 0.25 }
[frames.held]
path = "held/{day}"
key = ["number"]
subject_key = "id"
orphans = 0.1
max_age = 3
"""
RULES = (rule("FR", "country = 'FR'"), rule("RICH", "amount > 10", frame="held", membership_type="RICH"))

KINDS = """
    kind             | day        | frame     | code     | because
    -----------------+------------+-----------+----------+------------------------------------------------------
    duplicate ids    | 2024-06-02 | held      | LAKE-205 | a load that ran twice: every holding stands there twice
    doubled subjects | 2024-06-03 | customers | LAKE-205 | two rows of one subject
    burst of orphans | 2024-06-04 | held      | LAKE-207 | half of the customers are lost on the way
    burst of nulls   | 2024-06-05 | customers | LAKE-201 | a join at the source failed: no country any more
    stale snapshot   | 2024-06-20 | held      | LAKE-208 | holdings are landed no more
"""


def _twice(frames: Frames) -> None:
    frames["held"] = {name: pa.concat_arrays([pa.array(rows)] * 2) for name, rows in frames["held"].items()}


def _doubled(frames: Frames) -> None:
    frames["customers"] = {name: pa.concat_arrays([pa.array(rows)] * 2) for name, rows in frames["customers"].items()}


def _halved(frames: Frames) -> None:
    frames["customers"] = {name: pa.array(rows)[:2] for name, rows in frames["customers"].items()}


def _emptied(frames: Frames) -> None:
    frames["customers"]["country"] = pa.array([None] * 4, pa.string())


def _stopped(frames: Frames) -> None:
    del frames["held"]


ARRIVALS: dict[str, Callable[[Frames], None]] = {
    "2024-06-01": lambda _: None,
    "2024-06-02": _twice,
    "2024-06-03": _doubled,
    "2024-06-04": _halved,
    "2024-06-05": _emptied,
    "2024-06-20": _stopped,
}


class Nights:
    """A lake on which one good day is published, and a day of each kind of bad data has landed since."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        for day, arrive in ARRIVALS.items():
            frames = sound()
            arrive(frames)
            for name, columns in frames.items():
                if name != "products":
                    put(folder / "lake" / name / day, columns)
        self.evaluator = SparkEvaluator(spark, declaration.parse(DECLARED, str(folder / "lake")))
        self.store, self.history = FolderRunStore(str(folder / "runs")), InMemoryHistory()
        self.run("2024-06-01")

    def run(self, day: str) -> None:
        as_of, at = date.fromisoformat(day), datetime.fromisoformat(f"{day}T20:00:00").replace(tzinfo=UTC)
        evaluate(rule_set(*RULES, as_of=as_of), self.evaluator, self.store, at, self.evaluator.settings, day)
        publish(day, self.store, self.history, at)


@pytest.fixture(scope="module")
def nights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    return Nights(spark, tmp_path_factory.mktemp("nights"))


@pytest.mark.parametrize("row", cases(KINDS))
def test_a_kind_of_bad_data_is_stopped_and_nothing_is_written(nights: Nights, row: Row) -> None:
    """The frame and the code are told, exit code 5; no manifest, no record, no change of the chain."""
    before = [*nights.history.records()], nights.history.chain()
    with pytest.raises(RunRefused) as refused:
        nights.run(row["day"])
    assert refused.value.exit_code == 5
    assert [fault.code for fault in refused.value.faults] == [row["code"]]
    assert f"'{row['frame']}" in refused.value.faults[0].which
    assert nights.store.manifest(row["day"]) is None
    assert ([*nights.history.records()], nights.history.chain()) == before
