"""Rules that take too long: stopped, named, and held or not; what cannot be stopped stops the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind
from rules_engine.spark import timeouts
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.failure.messages import too_long
from rules_engine.spark.timeouts import TookTooLong, settled, within
from tests.faults import faulty_lake
from tests.small_lake import rule, rule_set

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NO_LIMIT = Limits(0, 0)
LIKE_BOMB = "note LIKE '%a%a%ab'"
"""One customer's note is 1,000 times an a: Spark tries every way to split it."""


def unions(levels: int, scan: str = "SELECT customer_id FROM holdings") -> str:
    """Short to write, and a plan of two to the power of ``levels`` scans, each a task or more."""
    doubled = (
        f"c{i} AS (SELECT customer_id FROM c{i - 1} UNION ALL SELECT customer_id FROM c{i - 1})"
        for i in range(1, levels + 1)
    )
    return f"WITH c0 AS ({scan}), {', '.join(doubled)} SELECT customer_id FROM c{levels}"


PLAN_BOMB = unions(8)
TASK_BOMB = unions(5, f"SELECT customer_id FROM customers WHERE {LIKE_BOMB}")
"""32 tasks, each of a second or more where every note is 250 times an a; between two of them Spark listens."""


@pytest.fixture(scope="module")
def evaluator(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkEvaluator:
    lake = faulty_lake.write(tmp_path_factory.mktemp("limits"))
    return SparkEvaluator(spark, lake, NO_LIMIT)


def run(evaluator: SparkEvaluator, rules: RuleSet, folder: Path) -> Evaluation:
    return evaluator.evaluate(rules, HitMatrix.of(rules), str(folder), None)


@pytest.mark.parametrize("kind", Kind)
def test_a_condition_that_does_not_end_in_time_is_named(evaluator: SparkEvaluator, tmp_path: Path, kind: Kind) -> None:
    """A pattern that backtracks is given up after its limit, although its task does not listen."""
    rules = rule_set(rule("BOMB", LIKE_BOMB, kind=kind))
    evaluator.limits, evaluator.on_failure = NO_LIMIT, OnFailure.ABORT
    evaluator.check(rules)
    evaluator.limits = Limits(0, 0.05)
    with pytest.raises(InvalidRule) as refused:
        run(evaluator, rules, tmp_path)
    (fault,) = refused.value.faults
    assert (fault.which, fault.code) == ("Rule BOMB", "RUN-102")
    assert "longer to be run than the 0.05 seconds of RULES_RULE_SECONDS" in fault.what
    assert not (tmp_path / "decisions").exists()


def test_a_query_that_does_not_end_in_time_holds_its_type(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jobs are cancelled, its type is held, and the other type is decided in the same run."""
    monkeypatch.setattr(timeouts, "HEARS", 60)  # a task is as slow as the machine
    evaluator = SparkEvaluator(
        spark, faulty_lake.write(tmp_path / "lake", notes=["a" * 250] * len(faulty_lake.IDS)), NO_LIMIT
    )
    rules = rule_set(rule("BOMB", TASK_BOMB, membership_type="SILVER"), rule("GB", "country = 'GB'"))
    evaluator.on_failure = OnFailure.HOLD
    evaluator.check(rules)
    evaluator.limits = Limits(0, 2)
    evaluation = run(evaluator, rules, tmp_path)
    (held,) = evaluation.held
    assert [(f.rule, f.membership_type, f.code) for f in held.failures] == [("BOMB/1", "SILVER", "RUN-102")]
    assert evaluation.hits_per_rule == {"GB/1": 6}
    assert {t.membership_type: t.decided for t in evaluation.types} == {"GOLD": 6, "SILVER": 0}


def test_rules_that_take_too_long_together_are_told_of_the_limit_of_one() -> None:
    """What one rule may take, and how many there are: never their product, which no setting has."""
    late = TookTooLong(6, ["A/1", "B/1", "C/1"], planning=False, left_behind=False)
    said = too_long(late)
    assert said.what == "it takes longer to be run than the 2 seconds of RULES_RULE_SECONDS, for each of 3 rules."


def test_a_plan_that_is_not_ready_in_time_is_refused_at_the_gate(spark: SparkSession, tmp_path: Path) -> None:
    """Before the data is read: the gates run every rule over a row or none, which is all planning."""
    evaluator, rules = (
        SparkEvaluator(spark, faulty_lake.write(tmp_path), Limits(0.2, 0)),
        rule_set(rule("BOMB", PLAN_BOMB)),
    )
    with pytest.raises(InvalidRule, match=r"Rule BOMB: it takes longer to be planned than the 0\.2 seconds"):
        evaluator.check(rules)


def test_a_plan_that_cannot_be_stopped_stops_the_run(evaluator: SparkEvaluator, tmp_path: Path) -> None:
    """Whatever the policy: its thread goes on, so the run ends with it named instead of working beside it."""
    rules = rule_set(rule("BOMB", PLAN_BOMB, membership_type="SILVER"))
    evaluator.limits, evaluator.on_failure = NO_LIMIT, OnFailure.HOLD
    evaluator.check(rules)
    evaluator.limits = Limits(0.2, 0)
    with pytest.raises(InvalidRule) as refused:
        run(evaluator, rules, tmp_path)
    assert "Rule BOMB: it takes longer to be planned" in str(refused.value)
    assert "It could not be stopped" in str(refused.value)


def test_work_within_its_limits_is_left_alone(spark: SparkSession) -> None:
    """What it returns and what it raises come through; cancelled work leaves no task behind."""
    assert within(spark, lambda: spark.range(10).count(), Limits(60, 60), ["A/1"]) == 10
    with pytest.raises(ZeroDivisionError):
        within(spark, lambda: 1 // 0, Limits(60, 60), ["A/1"])
    with pytest.raises(TookTooLong) as late:
        within(spark, lambda: spark.range(10**12).selectExpr("max(id % 7)").collect(), Limits(0, 1), ["A/1", "B/1"])
    assert (late.value.seconds, late.value.rules, late.value.left_behind) == (2, ("A/1", "B/1"), False)
    assert settled(spark)
