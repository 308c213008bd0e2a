"""R-REPLAY on Spark: a run evaluated again is equal, or what differs is named; who flipped between two runs, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import RunRefused
from rules_engine.review.between import Between, Why, between
from rules_engine.review.plan import Evaluating
from rules_engine.review.replay import Replayed, replay
from rules_engine.review.staged import local_tables
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.for_review import SparkReviewing
from tests import small_lake
from tests.small_runs import RULES, Runs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def runs(spark: SparkSession, tmp_path: Path) -> Runs:
    return Runs(spark, tmp_path)


def replayed(runs: Runs, folder: Path, **settings: str) -> Replayed:
    evaluator = SparkEvaluator(runs.spark, runs.lake)
    of_run = {**evaluator.settings, **settings}
    return replay(runs.last, runs.store, evaluator, of_run, local_tables, str(folder / "again"))


def kinds(found: Replayed) -> set[str]:
    return {difference.kind for difference in found.differences}


def test_a_run_replayed_is_equal_and_what_was_changed_is_named(runs: Runs, tmp_path: Path) -> None:
    """Equal as it is and under another setting; a byte of data, of the rule set or of what it staged is named."""
    found = replayed(runs, tmp_path)
    assert found.equal
    assert found.again == found.digest
    assert not found.differences

    other = replayed(runs, tmp_path, **{"spark.version": "3.1", "on_failure": "hold"})
    assert other.equal
    assert kinds(other) == {"Spark", "setting"}

    before = Path(runs.store.folder(runs.store.runs()[0].run_id)) / "manifest.json"
    whole = before.read_text(encoding="utf-8")
    before.write_text(whole[:-1], encoding="utf-8")
    assert ["which it was decided against" in each.what for each in replayed(runs, tmp_path).differences] == [True]
    before.write_text(whole, encoding="utf-8")

    told = Path(runs.store.folder(runs.last)) / "manifest.json"
    whole = told.read_text(encoding="utf-8")
    for changed, named in (
        (whole.replace('"versions":5', '"versions":6'), "not the one that was published"),
        (whole[:-1], "cannot be read"),
        (None, "its manifest is gone"),
    ):
        assert changed != whole
        told.write_text(changed, encoding="utf-8") if changed else told.unlink()
        other = replayed(runs, tmp_path)
        assert not other.equal
        assert [named in each.what for each in other.differences if each.kind == "past"] == [True], named
    told.write_text(whole, encoding="utf-8")

    staged = next(Path(runs.store.folder(runs.last)).glob("decisions/*.parquet"))
    staged.write_bytes(staged.read_bytes() + b"\0")
    assert kinds(replayed(runs, tmp_path)) == {"past"}

    customers = Path(runs.lake.subject_frame.path) / "part-0.parquet"
    small_lake.write(customers.parent.parent, 301)
    altered = replayed(runs, tmp_path)
    assert not altered.equal
    assert {"data", "decisions"} <= kinds(altered)
    assert any("frame customers" in difference.what for difference in altered.differences)

    runs_before, runs.last = runs.last, "2024-06-01-nothing"
    with pytest.raises(RunRefused, match="rules runs"):
        replayed(runs, tmp_path)
    runs.last = runs_before

    kept = Path(runs.store.folder(runs.last)) / "rule_set.json"
    kept.write_text(kept.read_text().replace("spend >= 0", "spend >= 1"), encoding="utf-8")
    assert "rules" in kinds(replayed(runs, tmp_path))


def held_up(runs: Runs, folder: Path, one: str, other: str) -> Between:
    def evaluator() -> Evaluating:
        return SparkReviewing(SparkEvaluator(runs.spark, runs.lake))

    return between(one, other, runs.store, evaluator, local_tables, str(folder / "between"))


def test_two_runs_differ_by_their_rules_their_data_or_both(runs: Runs, tmp_path: Path) -> None:
    """
    Of the same data it is the rules, of the same rules the data; members are those that each run counted.

    Rules that one run did not have are evaluated on its data; that it is not there as it was read is said.
    """
    first, declared = runs.store.runs()[0].run_id, runs.lake
    rules = held_up(runs, tmp_path, first, runs.last)
    assert {each.why for each in rules.flips} == {Why.RULES}
    assert not rules.frames
    assert rules.evaluated
    runs.lake = small_lake.write(tmp_path / "other", 250)
    third = runs.run(RULES, 3)
    data = held_up(runs, tmp_path, runs.last, third)
    assert not data.edits
    assert {each.why for each in data.flips} <= {Why.DATA}
    changed = tuple(replace(v, weight=30, version=2) if v.key == "OUT" else v for v in RULES.versions)
    runs.lake = small_lake.write(tmp_path / "third", 280)
    fourth = runs.run(replace(RULES, versions=changed), 4)
    both = held_up(runs, tmp_path, runs.last, fourth)
    assert both.edits == ("weight of OUT: 12 → 30",)
    assert not both.evaluated
    for found, one, other in ((rules, first, runs.last), (data, runs.last, third), (both, runs.last, fourth)):
        counted = [
            {t.membership_type: t.members_after for t in runs.manifest(r).evaluation.types} for r in (one, other)
        ]
        for key, was, becomes in found.members:
            assert (was, becomes) == (counted[0].get(key, 0), counted[1].get(key, 0))
            of_type = [each for each in found.flips if each.membership_type == key]
            assert sum(each.gained - each.lost for each in of_type) == becomes - was
    small_lake.write(tmp_path / "lake", 301)
    runs.lake = replace(runs.lake, frames=declared.frames)
    with pytest.raises(RunRefused, match="its data is not there as it was: customers"):
        held_up(runs, tmp_path, first, runs.last)
