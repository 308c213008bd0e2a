"""Progress of Spark's work, read from its status tracker: in local mode Spark itself reports none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rules_engine.ports import Progress, silent

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
