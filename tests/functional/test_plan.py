"""R-PLAN on Spark: the plan of a change is two whole evaluations, and only what changed is evaluated for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from rules_engine.errors import InvalidRule, RunRefused
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, WhenUnknown
from rules_engine.review import expected
from rules_engine.review.expected import NEW, OLD, found_by, held_against, reckoned_from
from rules_engine.review.page import page, steps
from rules_engine.review.plan import Plan, plan
from rules_engine.review.segments import by_segment
from rules_engine.review.staged import local_tables
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.for_review import SparkReviewing
from tests import small_lake
from tests.property.review_model import World
from tests.small_runs import RULES, Runs, counted, counts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def drafted() -> RuleSet:
    """A rule reworded, one whose unknown means something else, one retired, one new, and another margin."""
    by_key = {v.key: v for v in RULES.versions}
    versions = (
        replace(by_key["IN"], sql="spend >= 1", version=2),
        replace(by_key["OLD"], when_unknown=WhenUnknown.MISS, version=2),
        by_key["OUT"],
        by_key["MAY"],
        small_lake.rule("NEW", "country = 'GB'", weight=4, kind=Kind.EXCLUSION),
    )
    types = tuple(replace(m, margin=3) if m.key == "GOLD" else m for m in RULES.membership_types)
    return replace(RULES, versions=versions, membership_types=types)


@pytest.fixture(scope="module")
def runs(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(spark, tmp_path_factory.mktemp("plan"))


def planned(runs: Runs, folder: Path, after: RuleSet) -> Plan:
    evaluator = SparkReviewing(SparkEvaluator(runs.spark, runs.lake))
    segments = {"country": "country"}
    return plan(RULES, after, RULES.as_of, evaluator, runs.store, local_tables, str(folder), segments)


def test_a_plan_on_a_run_s_snapshots_evaluates_only_what_changed(runs: Runs, tmp_path: Path) -> None:
    """Reworded and new rules, and one whose unknown was staged as a hit; the rest is taken of the run, and it is said."""
    found = planned(runs, tmp_path, drafted())
    assert found.reused == found.against == runs.last
    assert found.evaluated == ("IN", "NEW", "OLD")
    assert counts(found.effect) == counted(runs.manifest(runs.run(drafted(), 3, published=False)))
    assert all(t.adds_up for t in found.effect.types)
    assert len(found.effect.flips) == sum(t.gained + t.lost for t in found.effect.types) > 0
    gold = [each for each in found.segments if each.membership_type == "GOLD"]
    (of_gold,) = (t for t in found.effect.types if t.membership_type == "GOLD")
    assert sum(each.before for each in gold) == of_gold.before
    assert (sum(each.gained for each in gold), sum(each.lost for each in gold)) == (of_gold.gained, of_gold.lost)
    told = {(a.membership_type, a.cause, a.gained): sum(n for _, n in a.groups) for a in found.among}
    counted_so = {(t.membership_type, c.words, way): n for t in found.effect.types for c in t.causes
                  for way, n in ((True, c.gained), (False, c.lost)) if n}  # fmt: skip
    assert told == counted_so, "whoever flips is of some group"


def test_the_first_run_on_a_plan_does_what_it_says(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type by type and cause by cause, as it is kept; of a run by the same rules there is nothing to say (R-PLAN)."""
    said = reckoned_from(planned(runs, tmp_path / "plan", drafted()).content())
    evaluator = SparkReviewing(SparkEvaluator(runs.spark, runs.lake))
    manifest = runs.manifest(runs.run(drafted(), 3, published=False))
    found = found_by(manifest, runs.store, lambda: evaluator, local_tables, str(tmp_path / "run"))
    run = found.reckoned
    assert said is not None
    assert run is not None
    assert reckoned_from(run.content()) == run
    lines = held_against(said, run)
    assert {line.what for line in lines} >= {OLD, NEW, "wording of IN"}
    assert [line for line in lines if line.because] == []
    for of_type in run.types:
        members = next(t for t in manifest.evaluation.types if t.membership_type == of_type.membership_type)
        assert of_type.after == members.members_after
    alike = replace(manifest, rule_set_digest=run.before_digest)
    again = found_by(alike, runs.store, lambda: evaluator, local_tables, str(tmp_path / "again"))
    assert again.reckoned is None
    assert again.shadows == found.shadows
    assert [shadow.key for shadow in found.shadows] == ["MAY"]
    with monkeypatch.context() as few:
        few.setattr(expected, "MOST_EDITS", 1)
        many = found_by(manifest, runs.store, lambda: evaluator, local_tables, str(tmp_path / "many"))
    assert (many.reckoned, many.shadows) == (None, found.shadows)
    assert many.why.endswith("edits since the run before: causes are told of up to 1.")
    (first, *_) = (runs.manifest(each.run_id) for each in runs.store.runs())
    begun = found_by(first, runs.store, lambda: evaluator, local_tables, str(tmp_path / "first")).reckoned
    assert begun is not None
    assert {t.before for t in begun.types} == {0}


def test_a_plan_on_a_new_snapshot_evaluates_all_and_leaves_the_absent_as_they_stand(runs: Runs, tmp_path: Path) -> None:
    """A third of the members is not in the new snapshot: nothing is decided of them, before or after."""
    runs.lake = small_lake.write(tmp_path / "lake", 200)
    found = planned(runs, tmp_path, drafted())
    assert found.reused is None
    assert {*found.evaluated} == {v.key for v in (*RULES.versions, *drafted().versions)}
    assert any(t.absent for t in found.effect.types)
    assert counts(found.effect) == counted(runs.manifest(runs.run(drafted(), 4, published=False)))
    for of_type in found.effect.types:
        assert of_type.adds_up


def test_a_draft_that_the_gates_refuse_has_no_plan(runs: Runs, tmp_path: Path) -> None:
    """The refusal names the rule, as that of a run does."""
    wrong = replace(RULES, versions=(*RULES.versions, small_lake.rule("BAD", "no_such_column = 1")))
    with pytest.raises(InvalidRule, match="BAD"):
        planned(runs, tmp_path, wrong)


def test_a_day_before_the_newest_published_one_has_no_plan(runs: Runs, tmp_path: Path) -> None:
    """A plan is of what comes next."""
    earlier = replace(RULES, as_of=RULES.as_of.replace(day=1, month=5))
    evaluator = SparkReviewing(SparkEvaluator(runs.spark, runs.lake))
    with pytest.raises(RunRefused, match="newest published day"):
        plan(earlier, earlier, earlier.as_of, evaluator, runs.store, local_tables, str(tmp_path), {})


def test_the_page_draws_what_adds_up_and_names_no_other_place(runs: Runs, tmp_path: Path) -> None:
    """Each bar begins where the one before ends, from members before to members after; nothing is loaded."""
    found = planned(runs, tmp_path, drafted())
    for of_type in found.effect.types:
        first, *between, last = steps(of_type)
        level = first[2]
        for _, start, end, _ in between:
            assert start == level
            level = end
        assert (first[2], level, last[2]) == (of_type.before, of_type.after, of_type.after)
    written = page("change 7 · <b>less</b>", found)
    assert "<svg" in written
    assert "&lt;b&gt;less" in written
    assert not any(word in written for word in ("http", "src=", "@import", "<script"))


def test_a_group_that_loses_out_of_proportion_is_named() -> None:
    """Of two groups alike in number one loses all that are lost: it alone is named."""
    inclusion = small_lake.rule("R-1", "country = 'GB'")
    before = small_lake.rule_set(inclusion)
    after = small_lake.rule_set(replace(inclusion, sql="country = 'FR'"))
    keeps, loses = (
        {"country = 'GB'": "true", "country = 'FR'": "true"},
        {"country = 'GB'": "true", "country = 'FR'": "miss"},
    )
    outcomes = {s: {(sql, (), ""): said for sql, said in (loses if s <= 40 else keeps).items()} for s in range(1, 401)}
    population = World(before, after, outcomes, {}).population()
    groups = pa.table(
        {"subject": [*range(1, 401)], "region": ["south" if s <= 200 else "north" for s in range(1, 401)]}
    )
    found = by_segment(before, after, population, groups, ["region"])
    assert {(each.group, each.lost, each.named) for each in found} == {("south", 40, True), ("north", 0, False)}
