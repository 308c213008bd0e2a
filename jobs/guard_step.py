"""
Judge one staged run by the guard rails, as `rules run` does: beyond one of them it is held, and not published.

The limits and releases are those that the freeze step found in the database; this step reaches none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from jobs import limits, metrics, step_log, verdicts
from jobs.entry import Summary, finish, knows_nothing_of, words
from jobs.hadoop_files import HadoopFiles
from rules_engine.errors import Fault, RunHeld, RunRefused
from rules_engine.publication.names import runs_root
from rules_engine.publication.staging import FolderRunStore
from rules_engine.settings import HistoryKind

NOT_TO_KNOW = ("RULES_DATABASE_URL", "RULES_HISTORY_ENDPOINT", "PGPASSWORD")

ARGUMENTS = words(
    __doc__,
    rule_set=(str, "URI of the frozen rule set; the limits lie beside it"),
    runs=(str, "URI under which runs are staged"),
    run_id=(str, "id of the run"),
    environment=(str, "environment, part of the name of the folder of runs"),
    tenant=(str, "tenant, likewise"),
)


def step(argv: Sequence[str]) -> Summary:
    """Judge a run: exit 7 where it is held, until somebody releases it."""
    told = ARGUMENTS.parse_args(argv)
    knows_nothing_of(NOT_TO_KNOW, os.environ)
    spark = SparkSession.builder.appName(f"guard {told.run_id}").getOrCreate()
    try:
        files = HadoopFiles(spark)
        root = runs_root(told.runs, told.environment, told.tenant, HistoryKind.DYNAMODB)
        store = FolderRunStore(root, files, digests=files.digests)
        manifest = store.manifest(told.run_id)
        if manifest is None:
            what, remedy = f"{root} holds no manifest of it.", "Evaluate it to its end first."
            raise RunRefused(Fault(f"Run {told.run_id}", what, remedy))
        step_log.about(day=manifest.as_of)
        said = _limits(files, limits.beside(told.rule_set))
        of = (manifest, metrics.Place(told.environment, told.tenant), datetime.now(UTC))
        try:
            verdicts.judge(store, manifest, said)
        except RunHeld:
            metrics.put(metrics.judged(*of, held=True))
            raise
        metrics.put(metrics.judged(*of, held=False))
        verdicts.keep(store, manifest)
        return {"run_id": told.run_id, "passed": True, "limits": sorted(said)}
    finally:
        spark.stop()


def _limits(files: HadoopFiles, where: str) -> limits.Limits:
    try:
        return limits.limits_from(files.read(where), where)
    except FileNotFoundError as problem:
        what, remedy = "there is no such file.", "Freeze the rule set again: the step writes it beside."
        raise RunRefused(Fault(f"Limits {where}", what, remedy)) from problem


if __name__ == "__main__":
    finish(step)
