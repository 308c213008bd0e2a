"""``python -m bench.reviewing``: a what-if and a plan beside the whole evaluation whose hits they take, and previews."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench import data
from bench.measure import Cost, Meter
from bench.rule_sets import rule_set
from rules_engine.java import find_java
from rules_engine.model.publications import publication_of
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind
from rules_engine.publication.staging import FolderRunStore
from rules_engine.review.plan import plan
from rules_engine.review.preview import preview
from rules_engine.review.scenario import Scenario
from rules_engine.review.staged import local_tables
from rules_engine.review.what_if import review, what_if
from rules_engine.run import evaluate
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.for_review import SparkReviewing

AT = datetime(2024, 6, 1, 20, tzinfo=UTC)
BOUNDS = {"what-if": 0.10, "plan of three rules": 0.25}
"""Of a whole evaluation, warm."""

PREVIEW = 5.0
"""Seconds that a preview may take, warm."""


def main() -> None:
    """Measure, print a line each, and fail where a bound is broken."""
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("--customers", type=int, default=1_000_000)
    reads.add_argument("--rules", default="all-100")
    reads.add_argument("--memory", default="4g")
    reads.add_argument("--work", type=Path, default=Path("build") / "bench")
    reads.add_argument("--previews", action="store_true", help="previews alone, without an evaluation")
    told = reads.parse_args()
    lake = data.lake(data.made(data.Population(told.customers), told.work / "data"))
    spark = session.start(find_java(told.work / "java"), told.work / "spark", "local[2]", told.memory)
    try:
        evaluator = SparkEvaluator(spark, lake)
        previews = dict(previewed(evaluator, rule_set(told.rules)))
        with tempfile.TemporaryDirectory() as folder:
            store = FolderRunStore(f"{folder}/runs")
            seconds = {} if told.previews else measured(evaluator, store, told.rules, folder)
    finally:
        spark.stop()
    for name, took in seconds.items():
        print(f"{name:32} {took:8.2f} s  {took / seconds['whole evaluation']:.3f}")
    for name, cost in previews.items():
        print(f"{name:32} {cost.wall:8.2f} s  {cost.cpu:.2f} CPU s")
    broken = [name for name, cost in previews.items() if cost.wall > PREVIEW]
    broken += [name for name, most in BOUNDS.items() if seconds and seconds[name] > most * seconds["whole evaluation"]]
    raise SystemExit(f"BROKEN {', '.join(broken)}" if broken else 0)


def previewed(evaluator: SparkEvaluator, rules: RuleSet) -> Iterator[tuple[str, Cost]]:
    """What a preview of a rule of each kind costs, the second time that it is asked for."""
    evaluator.check(rules)
    schema = evaluator.schema(rules.as_of)
    kinds = {"customers": "preview over customers", "holdings": "preview over holdings", "": "preview of a statement"}
    for frame, name in kinds.items():
        version = next(v for v in rules.versions if v.frame == frame)
        for _ in "cold", "warm":
            with Meter() as meter:
                preview(evaluator.spark, evaluator.lake, schema, version, rules.as_of)
        yield name, meter.cost


def measured(evaluator: SparkEvaluator, store: FolderRunStore, rules: str, folder: str) -> dict[str, float]:
    """Seconds: of a whole evaluation decided against the one before, and of each review of it."""
    before = rule_set(rules)
    settings = evaluator.settings
    first = evaluate(before, evaluator, store, AT, settings, "first")
    store.keep_chain([replace(publication_of(first, 1), closed=True)])
    seconds = {"whole evaluation": timed(lambda: evaluate(before, evaluator, store, AT, settings, "second"))}
    changed = [v.key for v in before.versions if v.kind is Kind.INCLUSION][:3]
    scenario = Scenario(weights=[f"{key}=77" for key in changed], margins=[f"{before.membership_types[0].key}=10"])
    seconds["what-if"] = timed(lambda: what_if(review(store, "second", local_tables), scenario))
    others = {v.key: v.sql for v in before.versions if v.frame == before.versions[0].frame}
    keys, texts = list(others)[:3], list(others.values())[3:6]
    drafted = {key: f"({sql}) OR ({others[key]})" for key, sql in zip(keys, texts, strict=True)}
    parameters = {k: v for each in before.versions if each.key in others for k, v in each.parameters.items()}
    versions = tuple(
        replace(v, sql=drafted[v.key], version=v.version + 1, parameters=parameters) if v.key in drafted else v
        for v in before.versions
    )
    asked = SparkReviewing(evaluator)
    evaluator.check(
        replace(before, versions=versions)
    )  # the gates are asked once for a text, before a run as before a plan
    seconds["plan of three rules"] = timed(
        lambda: plan(
            before, replace(before, versions=versions), before.as_of, asked, store, local_tables, f"{folder}/plan", {}
        )
    )
    return seconds


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
