"""What memory and time cannot hold, on a Spark of its own: the rule is named, or the run says that Spark is gone."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rules_engine.errors import RulesError, RunInterrupted
from rules_engine.java import find_java
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark import session
from rules_engine.spark import timeouts as limits
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.failure.messages import reason_of
from rules_engine.spark.gate.plan_tree import in_words
from rules_engine.spark.progress import told
from rules_engine.spark.timeouts import TookTooLong, settled, within
from tests.faults import faulty_lake
from tests.small_lake import put, rule, rule_set

LONG = 5_000_000
"""Characters of one customer's note: read with ease by a JVM of a gigabyte, which cannot hold it 240 times."""
MEMORY_BOMB = f"length(concat({', '.join(['note'] * 240)})) > 5"

ENDING = {"spark.executor.killOnFatalError.depth": "5"}
"""A setting with which Spark ends its own process where memory runs out, as it does on a cluster's executors."""

Said = list[tuple[str, str, str]]
"""Of each rule that failed: which, its code, and what is said of it."""


def _evaluate(folder: str, more: dict[str, str], divides: bool, said: multiprocessing.SimpleQueue[Said]) -> None:
    """In a process of its own, whose JVM may not survive it: what the run says."""
    place = Path(folder)
    lake = faulty_lake.write(place / "lake")
    notes = pa.array(["a" * (LONG if i == faulty_lake.BAD else 1) for i in faulty_lake.IDS])
    put(place / "lake" / "customers", faulty_lake.customers() | {"note": notes})
    java = find_java(place / "java")
    spark = session.start(java, place, master="local[1]", memory="1g", more=more, quick=True)
    evaluator = SparkEvaluator(spark, lake, Limits(0, 0), OnFailure.HOLD)
    rules = rule_set(
        rule("GB", "country = 'GB'"),
        rule("BOMB", MEMORY_BOMB, membership_type="SILVER"),
        rule("FR", "country = 'FR'", membership_type="SILVER"),
        *([rule("DIVIDES", f"1 / (customer_id - {faulty_lake.IDS[0]}) > 0")] if divides else []),
    )
    evaluator.check(rules)
    try:
        evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(place / "out"), None)
    except RulesError as refused:
        said.put([(fault.which, fault.code, fault.what) for fault in refused.faults])
    else:
        said.put([(failure.rule, failure.code, failure.what) for held in evaluation.held for failure in held.failures])
    finally:
        session.stop(spark)


def _reaped(folder: str, said: multiprocessing.SimpleQueue[tuple[list[str], bool, list[str]]]) -> None:
    """On a small cluster: its executors before a search that nobody can interrupt, whether it ended, and after it."""
    place = Path(folder)
    quickly = {"spark.task.reaper.killTimeout": "2s", "spark.task.reaper.pollingInterval": "1s"}
    java = find_java(place / "java")
    spark = session.start(java, place, master="local-cluster[1,1,1024]", memory="1g", more=quickly, quick=True)
    long = spark.range(1).selectExpr("repeat('a', 20000) AS note").localCheckpoint()

    def executors() -> list[str]:
        tracker = spark.sparkContext._jsc.sc().statusTracker()
        return sorted(f"{found.host()}:{found.port()}" for found in tracker.getExecutorInfos())

    before = executors()
    try:
        within(spark, long.where("note LIKE '%a%a%ab'").count, Limits(0, 5), ["BOMB/1"])
    except TookTooLong:
        ended = settled(spark)
        spark.range(1).count()
        said.put((before, ended, executors()))
    finally:
        session.stop(spark)


def _stuck(folder: str, said: multiprocessing.SimpleQueue[Said]) -> None:
    """On a single core, that a task holds which nobody can interrupt: what the run says."""
    place = Path(folder)
    lake = faulty_lake.write(place / "lake")
    notes = pa.array(["a" * (20_000 if i == faulty_lake.BAD else 1) for i in faulty_lake.IDS])
    put(place / "lake" / "customers", faulty_lake.customers() | {"note": notes})
    evaluator = SparkEvaluator(
        session.start(find_java(place / "java"), place, master="local[1]", memory="1g", quick=True),
        lake, Limits(0, 0), OnFailure.HOLD,
    )  # fmt: skip
    rules = rule_set(rule("GB", "country = 'GB'"), rule("BOMB", "note LIKE '%a%a%ab'", membership_type="SILVER"))
    evaluator.check(rules)
    evaluator.limits, limits.GRACE, limits.SETTLED = Limits(0, 4), 2, 3
    try:
        evaluator.evaluate(rules, HitMatrix.of(rules), str(place / "out"), None)
    except RulesError as refused:
        said.put([(fault.which, fault.code, fault.what) for fault in refused.faults])
    os._exit(0)  # the JVM does not end before its task does


def in_its_own_process(work: Callable[..., None], *arguments: object) -> Any:
    """What the work puts into the queue that is its last argument."""
    context = multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    process = context.Process(target=work, args=(*arguments, said))
    process.start()
    process.join(300)
    assert process.exitcode == 0
    return said.get()


def test_a_rule_for_which_memory_runs_out_is_named(tmp_path: Path) -> None:
    """Its task fails, and Spark goes on: the rule is found, its type is held, and the other is decided."""
    ((which, code, what),) = in_its_own_process(_evaluate, str(tmp_path), {}, False)
    assert (which, code, what) == ("BOMB/1", "RUN-101", "memory ran out.")
    assert (tmp_path / "out" / "decisions").exists()


def test_where_spark_is_gone_the_run_says_so(tmp_path: Path) -> None:
    """Spark ends its process on the first task without memory if it is told to: no rule can be tried any more."""
    ((which, code, what),) = in_its_own_process(_evaluate, str(tmp_path), ENDING, False)
    assert (which, code) == ("The run", "RUN-103")
    assert "Spark did not survive it" in what
    assert not (tmp_path / "out" / "decisions").exists()


def test_where_spark_goes_in_the_search_those_it_went_with_are_named(tmp_path: Path) -> None:
    """A rule that fails on an earlier row ends the run first; the search meets the other, and ends there, whatever the policy."""
    said = in_its_own_process(_evaluate, str(tmp_path), ENDING, True)
    assert {which: code for which, code, _ in said} == {
        "Rule DIVIDES": "RUN-101", "Rule BOMB": "RUN-103", "Rule FR": "RUN-103",
    }  # fmt: skip
    assert not (tmp_path / "out" / "decisions").exists()


def test_what_cannot_be_asked_of_a_spark_that_is_gone_is_its_class() -> None:
    """PySpark asks the JVM for the words of some of its exceptions; it may have ended since."""

    class Unasked(Exception):
        def __str__(self) -> str:
            raise ConnectionRefusedError

    assert reason_of(Unasked()).what == "Spark raised Unasked."
    assert in_words(Unasked()) == "Unasked"


def test_a_run_whose_spark_does_not_answer_says_so() -> None:
    """Wherever that is: what to do is not to mend a connection."""
    with pytest.raises(RunInterrupted, match=r"Spark's process has ended\. .*RULES_SPARK_MEMORY"), told():
        raise ConnectionRefusedError(111, "Connection refused")


def test_where_no_core_comes_free_the_run_stops(tmp_path: Path) -> None:
    """Nothing more is asked of a Spark that cannot answer: the rules that ran are named, whatever the policy."""
    ((which, code, what),) = in_its_own_process(_stuck, str(tmp_path))
    assert ("BOMB" in which, code) == (True, "RUN-102")
    assert "It could not be stopped" in what
    assert not (tmp_path / "out" / "decisions").exists()


def test_on_a_cluster_the_reaper_ends_what_cannot_be_cancelled(tmp_path: Path) -> None:
    """A task deep in a pattern does not hear that its time is over: its executor is killed, and another takes its place."""
    before, ended, after = in_its_own_process(_reaped, str(tmp_path))
    assert ended
    assert before != after
