"""
Insert one staged run into the history on DynamoDB.

Started by spark-submit; each task inserts the staged decisions that it reads,
all under one rate. It runs no rule SQL and reaches neither the lake nor the
rules repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pyspark.sql import SparkSession

from jobs import lineage, metrics, step_log, verdicts
from jobs.entry import Summary, finish, knows_nothing_of, moment, positive, words, yes
from jobs.hadoop_files import HadoopFiles
from jobs.insert_on_executors import Place, insert
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.publications import found
from rules_engine.publication.names import runs_root, table_name
from rules_engine.publication.records import SubjectType
from rules_engine.publication.staging import DECISIONS, FolderRunStore
from rules_engine.run import publish
from rules_engine.settings import HistoryKind

NOT_TO_KNOW = ("RULES_DATABASE_URL", "PGPASSWORD", "RULES_TOKEN_SECRET")
"""Where the rules are edited."""

ARGUMENTS = words(
    __doc__,
    runs=(str, "URI under which runs are staged"),
    run_id=(str, "id of the run"),
    at=(moment, "when the run counts as published, with its zone"),
    environment=(str, "environment, part of the name of every table and of the folder of runs"),
    tenant=(str, "tenant, likewise"),
)
ARGUMENTS.add_argument("--endpoint", help="http(s)://… of DynamoDB where it is not AWS itself")
ARGUMENTS.add_argument("--write-rate", type=positive, help="writes a second of all tasks; as many as it takes without")
ARGUMENTS.add_argument("--dry-run", type=yes, default=False, help="yes: say what would be inserted, and insert nothing")
ARGUMENTS.add_argument("--region", help="AWS region, where the cluster's own is not meant")


def step(argv: Sequence[str]) -> Summary:
    """Insert a staged run into DynamoDB; runs no rule SQL. A run that no guard rail let pass is refused."""
    told = ARGUMENTS.parse_args(argv)
    knows_nothing_of(NOT_TO_KNOW, os.environ)
    spark = SparkSession.builder.appName(f"publish {told.run_id}").getOrCreate()
    try:
        files = HadoopFiles(spark)
        root = runs_root(told.runs, told.environment, told.tenant, HistoryKind.DYNAMODB)
        store = FolderRunStore(root, files, lambda path: _rows(spark, path), files.digests)
        manifest = store.manifest(told.run_id)
        if manifest is None:
            raise RunRefused(
                Fault(f"Run {told.run_id}", f"{root} holds no manifest of it.", "Evaluate it to its end first.")
            )
        step_log.about(day=manifest.as_of)
        staged = spark.read.parquet(f"{store.folder(told.run_id)}/{DECISIONS}")
        subject: SubjectType = "string" if dict(staged.dtypes)["subject"] == "string" else "bigint"
        table = table_name(told.environment, told.tenant, "memberships", "history")
        place = Place(table, subject, told.endpoint, told.region, told.write_rate)
        history = place.history()
        if found(history.chain(), told.run_id) is None:
            verdicts.require(store, manifest)
        if told.dry_run:
            return {"run_id": told.run_id, "dry_run": True, "would_insert": manifest.written}
        done = publish(
            told.run_id, store, history, told.at, partial(insert, spark, store, history, place, step_log.in_lines)
        )
        staged_run, written = f"{store.folder(told.run_id)}/{DECISIONS}", f"dynamodb://{told.region or 'aws'}/{table}"
        lineage.saw([lineage.dataset(staged_run, manifest.digest)], [lineage.dataset(written)])
        metrics.put(metrics.published(manifest, metrics.Place(told.environment, told.tenant), datetime.now(UTC)))
        return {"run_id": told.run_id, "inserted": done.inserted, "already_there": done.already_there}
    finally:
        spark.stop()


def _rows(spark: SparkSession, path: str) -> Iterator[Mapping[str, Any]]:
    """Staged decisions, one partition in memory at a time."""
    return (row.asDict(recursive=True) for row in spark.read.parquet(path).toLocalIterator())


if __name__ == "__main__":
    finish(step)
