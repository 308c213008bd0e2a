"""Hits and subjects staged apart from a run, for whoever asks what a draft would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_engine.index.words import SUBJECT
from rules_engine.model.failing import OnFailure
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.spark.failure.isolation import ActiveRules, FaultIsolation, retry_without_failing
from rules_engine.spark.timeouts import within
from rules_engine.worker.decision_rows import HITS

if TYPE_CHECKING:
    from datetime import date

    from rules_engine.spark.evaluator import SparkEvaluator


def stage_hits(evaluator: SparkEvaluator, rule_set: RuleSet, folder: str) -> None:
    """
    Evaluate rules that were checked, and stage their hits under ``folder`` as a run does; nothing is decided.

    Raises:
        InvalidRule: If rules fail while they run; each is named.
    """
    schema = evaluator.schema(rule_set.as_of, rule_set.reference_lists)
    apart = FaultIsolation(evaluator.spark, evaluator.lake, schema, rule_set.as_of, evaluator.limits)

    def attempt(live: ActiveRules) -> None:
        ids = [version.id for version in rule_set.versions]

        def stage() -> None:
            evaluator.matrix(live.rule_set, live.matrix, f"{folder}/work", apart=live.apart).write(f"{folder}/{HITS}")

        within(evaluator.spark, stage, evaluator.limits, ids)

    retry_without_failing(attempt, ActiveRules(rule_set, HitMatrix.of(rule_set)), apart, OnFailure.ABORT)


def stage_subjects(evaluator: SparkEvaluator, as_of: date, segments: Mapping[str, str], folder: str) -> None:
    """
    Stage every subject of the snapshot, with the texts that expressions over its own row give; NULL is no text.

    Raises:
        RunRefused: If an expression cannot be read.
    """
    from pyspark.errors import PySparkException

    evaluator.check_lake(as_of)
    frame = evaluator.spark.table(evaluator.lake.subject_frame.name)
    key = f"CAST(`{evaluator.lake.subject_key}` AS {evaluator.subject_type(as_of)}) AS {SUBJECT}"
    said = [f"CAST(({sql}) AS STRING) AS `{name}`" for name, sql in segments.items()]
    try:
        rows = frame.selectExpr(key, *said)
    except PySparkException as problem:
        what = f"its segments cannot be read: {str(problem).splitlines()[0]}"
        raise RunRefused(
            Fault("Lake declaration", what, "Name columns of the subject frame, or expressions over them.")
        ) from problem
    rows.write.mode("overwrite").parquet(folder)


class SparkReviewing:
    """An evaluator as a plan needs it; see :class:`rules_engine.review.plan.Evaluating`."""

    def __init__(self, evaluator: SparkEvaluator) -> None:
        self._evaluator = evaluator

    @property
    def settings(self) -> Mapping[str, str]:
        return self._evaluator.settings

    def check(self, rule_set: RuleSet) -> None:
        self._evaluator.gate(self._evaluator.schema(rule_set.as_of, rule_set.reference_lists)).check(rule_set)

    def snapshots(self, as_of: date) -> Mapping[str, str]:
        return self._evaluator.snapshots(as_of)

    def stage_hits(self, rule_set: RuleSet, folder: str) -> None:
        stage_hits(self._evaluator, rule_set, folder)

    def stage_subjects(self, as_of: date, segments: Mapping[str, str], folder: str) -> None:
        stage_subjects(self._evaluator, as_of, segments, folder)
