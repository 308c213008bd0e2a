"""Nights on Spark in which subjects are missing from the snapshot, and days that are corrected (R-RUN-2, R-RUN-3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.frames import Absent, Lake, Naming
from rules_engine.model.manifest import Manifest
from rules_engine.model.rules import Kind
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import Outcome, run
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.in_memory import InMemoryHistory, InMemoryRules

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULES = (
    small_lake.rule("IN", "spend >= 0"),
    small_lake.rule("OUT", "country = 'FR'", weight=50, kind=Kind.EXCLUSION),
)


class Nights:
    """Runs of June 2024 over one lake whose customers change from night to night."""

    def __init__(self, spark: SparkSession, folder: Path, absent: Absent) -> None:
        self.spark, self.folder, self.absent = spark, folder, absent
        self.store, self.history = FolderRunStore(str(folder / "runs")), InMemoryHistory()
        types = small_lake.rule_set(*RULES).membership_types
        self.rules = InMemoryRules(types, RULES)

    def run(self, day: int, customers: int, *, hour: int = 8, correction: bool = False) -> Outcome:
        lake: Lake = replace(
            small_lake.write(self.folder / "lake", customers), absent=self.absent, snapshots=Naming.CONTENTS
        )
        evaluator = SparkEvaluator(self.spark, lake)
        at = datetime(2024, 6, day, hour, tzinfo=UTC)
        ports = (self.rules, evaluator, self.store, self.history)
        return run(*ports, date(2024, 6, day), at, evaluator.settings, correction=correction)

    def events(self, run_id: str) -> Counter[str]:
        return Counter(r.event.value for r in self.history.table.values() if r.run_id == run_id)


def gold(manifest: Manifest) -> tuple[int, int, int]:
    (counts,) = (t for t in manifest.evaluation.types if t.membership_type == "GOLD")
    return counts.members_before, counts.absent, counts.members_after


def test_a_lost_partition_revokes_nobody(spark: SparkSession, tmp_path: Path) -> None:
    """Half of the customers are missing for a night: none is decided, all stand, and are there again the night after."""
    nights = Nights(spark, tmp_path, Absent.KEEP)
    first, lost, again = nights.run(3, 60).manifest, nights.run(4, 30).manifest, nights.run(5, 60).manifest
    members = gold(first)[2]
    assert members > 20
    assert gold(lost)[0] == members
    assert gold(lost)[1] > 5
    assert all(r.subject <= 30 for r in nights.history.table.values() if r.run_id == lost.run_id)
    assert not nights.events(again.run_id) & Counter({"GRANTED": 1, "REINSTATED": 1, "REVOKED_ABSENT": 1})
    assert gold(again)[2] == members


def test_absence_ends_memberships_where_the_lake_says_so(spark: SparkSession, tmp_path: Path) -> None:
    """By an event of its own; who comes back is reinstated, with the day of the first grant."""
    nights = Nights(spark, tmp_path, Absent.END)
    first, lost, again = nights.run(3, 60).manifest, nights.run(4, 30).manifest, nights.run(5, 60).manifest
    ended = nights.events(lost.run_id)["REVOKED_ABSENT"]
    assert ended > 5
    assert gold(lost)[1] == 0
    assert nights.events(again.run_id)["REINSTATED"] == ended
    back = next(r for r in nights.history.table.values() if r.event == "REINSTATED")
    assert back.first_granted == date(2024, 6, 3)
    assert first.evaluation.subjects == 60


@pytest.mark.parametrize("absent", Absent)
def test_a_correction_decides_what_its_day_decided(spark: SparkSession, tmp_path: Path, absent: Absent) -> None:
    """Against what stood before the day; every pair of the day is answered, and who is a member now stays."""
    nights = Nights(spark, tmp_path, absent)
    first = nights.run(3, 60).manifest
    second = nights.run(4, 60).manifest
    nights.run(5, 60)
    members = sorted(nights.history.members("GOLD"))  # type: ignore[type-var]
    nights.rules.versions = (RULES[1],)
    corrected = nights.run(4, 60, hour=20, correction=True).manifest
    records = [r for r in nights.history.table.values() if r.run_id == corrected.run_id]
    assert corrected.previous_run == first.run_id
    assert all(r.correction and r.as_of == date(2024, 6, 4) for r in records)
    assert {r.subject for r in records} >= {
        r.subject for r in nights.history.table.values() if r.run_id == second.run_id
    }
    assert not any(r.granted for r in records)
    assert sorted(nights.history.members("GOLD")) == members  # type: ignore[type-var]
