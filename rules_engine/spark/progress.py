"""
Phases of Spark's work: how far they are, how long they took, and in words what stopped them.

Progress is read from the status tracker: in local mode Spark itself reports none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RulesError, RunInterrupted
from rules_engine.ports import Progress, silent
from rules_engine.spark.failure.messages import FATAL
from rules_engine.spark.gate.plan_tree import in_words

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVERY = 0.2
"""Seconds between two looks."""


@contextmanager
def watched(spark: SparkSession, name: str, progress: Progress) -> Iterator[None]:
    """Tell ``progress`` how many of the running stages' tasks are done, while the block runs."""
    progress(name, 0.0)
    if progress is silent:
        yield
        return
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(spark, name, progress, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    progress(name, 1.0)


def _watch(spark: SparkSession, name: str, progress: Progress, over: threading.Event) -> None:
    from py4j.protocol import Py4JError

    tracker = spark.sparkContext.statusTracker()
    with suppress(Py4JError, ConnectionError):  # Spark is gone: whoever waits for it is told
        while not over.wait(EVERY):
            stages = [info for stage in tracker.getActiveStageIds() if (info := tracker.getStageInfo(stage))]
            tasks = sum(info.numTasks for info in stages)
            if tasks:
                progress(name, sum(info.numCompletedTasks for info in stages) / tasks)


@contextmanager
def phase(name: str, seconds: dict[str, float], spark: SparkSession, progress: Progress) -> Iterator[None]:
    """Watch a part of a run, and note how long it took."""
    started = time.monotonic()
    with watched(spark, name, progress):
        yield
    seconds[name] = round(time.monotonic() - started, 3)


@contextmanager
def told() -> Iterator[None]:
    """Turn what Spark raises into words: nothing was published, and the run can be tried again."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except RulesError:
        raise
    except ConnectionError as problem:
        what, remedy = "Spark's process has ended.", "Give Spark more memory (RULES_SPARK_MEMORY), and run again."
        raise RunInterrupted(Fault("The run", what, f"Nothing was published. {remedy}", FATAL)) from problem
    except (PySparkException, Py4JError) as problem:
        raise RunInterrupted(
            Fault("The run", f"Spark stopped: {in_words(problem)}", "Nothing was published. Mend it and run again.")
        ) from problem
