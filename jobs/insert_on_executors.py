"""
Staged decisions into DynamoDB from where they are: each task inserts the partition that it reads (R-HIST-6).

Inserts are insert-only and compared where a key is taken, so that a task that is tried again, on this executor or
another, leaves what it would have left at once. Memory does not grow with customers: a task holds a batch of rows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from jobs.telling import Telling
from rules_engine import errors
from rules_engine.errors import Fault, RulesError
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.ports import Inserted, Progress
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.pace import Pace
from rules_engine.publication.records import SubjectType
from rules_engine.publication.staged_records import Records
from rules_engine.publication.staging import DECISIONS, FolderRunStore
from rules_engine.spark.work_counts import WorkCounts
from rules_engine.worker.work_counts import Count, uncounted

DONE = "done"
"""What tasks count: records that are in the history."""

EVERY = 5.0
"""Seconds between two looks at what tasks counted; a task tells at its end."""


@dataclass(frozen=True)
class Place:
    """The history's table, and how it is reached; ``rate`` is of all tasks together, in writes a second."""

    table: str
    subject_type: SubjectType
    endpoint: str | None = None
    region: str | None = None
    rate: float | None = None

    def history(self, pace: Pace | None = None) -> DynamoDBHistory:
        return DynamoDBHistory(self.table, self.subject_type, connect(self.endpoint, self.region), pace)


@dataclass(frozen=True)
class InsertPart:
    """Staged rows of a partition into the history: one row with what became of them, or with what went wrong."""

    records: Records
    place: Place
    rate: float | None
    counts: Count = uncounted

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in batch.to_pylist())
        try:
            done, wrong = self.place.history(Pace(rate=self.rate)).insert(self.records(rows)), ""
            self.counts(DONE, 0, done.inserted + done.already_there)
        except RulesError as error:
            done = Inserted(0, 0)
            wrong = json.dumps([type(error).__name__, [asdict(fault) for fault in error.faults]])
        columns = [pa.array([done.inserted]), pa.array([done.already_there]), pa.array([wrong])]
        yield pa.RecordBatch.from_arrays(columns, ["inserted", "already_there", "wrong"])


def insert(
    spark: SparkSession,
    store: FolderRunStore,
    history: DynamoDBHistory,
    place: Place,
    progress: Progress,
    run_id: str,
) -> Inserted:
    """
    Insert a run's staged decisions, a task for each partition of them, under one rate.

    Raises:
        RulesError: What the first partition that failed said, as the history raises it; the others were inserted.
    """
    staged = spark.read.parquet(f"{store.folder(run_id)}/{DECISIONS}")
    records = store.records_of(run_id, HitMatrix.of(store.rule_set(run_id)))
    at_once = max(1, min(spark.sparkContext.defaultParallelism, staged.rdd.getNumPartitions()))
    counts = WorkCounts.of(spark)
    part = InsertPart(records, place, place.rate / at_once if place.rate else None, counts)
    with _told(counts, Telling(progress, records.manifest.written, every=0)):
        told = staged.mapInArrow(part, "inserted bigint, already_there bigint, wrong string").collect()
    for row in told:
        if row["wrong"]:
            raise _error(*json.loads(row["wrong"]))
    done = Inserted(sum(row["inserted"] for row in told), sum(row["already_there"] for row in told))
    history.saw(run_id, done.inserted + done.already_there)
    return done


@contextmanager
def _told(counts: WorkCounts, telling: Telling) -> Iterator[None]:
    """Tell of the partitions that are done while the block runs, and of all of them at its end."""
    over = threading.Event()

    def look() -> None:
        if more := counts.totals().get((DONE, 0), 0) - telling.done:
            telling(more)

    def watch() -> None:
        while not over.wait(EVERY):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    look()


def _error(kind: str, faults: list[dict[str, Any]]) -> RulesError:
    made: RulesError = getattr(errors, kind)(*(Fault(**fault) for fault in faults))
    return made
