"""
Evaluate one run on a cluster: a frozen rule set over a lake, staged with its manifest.

Started by spark-submit with nothing but the zip of :mod:`jobs.package` on
``--py-files``. It is told of no database and no history, and does not start
where its environment holds one: it runs rule SQL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from jobs import lineage, metrics, step_log
from jobs.entry import Summary, finish, knows_nothing_of, moment, positive, words, yes
from jobs.hadoop_files import HadoopFiles
from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake.declaration import parse
from rules_engine.model.decisions import WritePolicy
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.manifest import Manifest
from rules_engine.model.rule_sets import thaw
from rules_engine.publication.names import runs_root
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import evaluate
from rules_engine.settings import HistoryKind
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator

NOT_TO_KNOW = ("RULES_DATABASE_URL", "RULES_HISTORY_ENDPOINT", "PGPASSWORD", "RULES_TOKEN_SECRET")
"""Where the rules are edited and where decisions are kept, and what tokens are made with."""

ARGUMENTS = words(
    __doc__,
    rule_set=(str, "URI of the frozen rule set"),
    lake=(str, "URI of the lake's declaration"),
    runs=(str, "URI under which runs are staged"),
    environment=(str, "environment, part of the name of every table and of the folder of runs"),
    tenant=(str, "tenant, likewise"),
    run_id=(str, "id of the run"),
    created_at=(moment, "the run's logical time, with its zone"),
)

ARGUMENTS.add_argument("--on-failure", type=OnFailure, default=OnFailure.ABORT, help="abort, or hold the type")
ARGUMENTS.add_argument("--rule-seconds", type=positive, default=Limits().rule_seconds, help="how long one rule may run")
ARGUMENTS.add_argument("--planning-seconds", type=positive, default=Limits().planning_seconds, help="to be planned")
ARGUMENTS.add_argument(
    "--write-policy", type=WritePolicy, default=WritePolicy.RESULTS, help="results, or changes alone"
)
ARGUMENTS.add_argument(
    "--correction", type=yes, nargs="?", const=True, default=False, help="correct an earlier day than the newest"
)


def step(argv: Sequence[str]) -> Summary:
    """Evaluate and stage one run of a frozen rule set; needs neither database nor history."""
    told = ARGUMENTS.parse_args(argv)
    knows_nothing_of(NOT_TO_KNOW, os.environ)
    spark = SparkSession.builder.appName(f"evaluate {told.run_id}").config(map=session.GUARDED).getOrCreate()
    try:
        files = HadoopFiles(spark)
        rule_set, lake = _texts(files, {"Frozen rule set": told.rule_set, "Lake declaration": told.lake})
        limits = Limits(told.planning_seconds, told.rule_seconds)
        evaluator = SparkEvaluator(spark, parse(lake, told.lake.rpartition("/")[0]), limits, told.on_failure)
        root = runs_root(told.runs, told.environment, told.tenant, HistoryKind.DYNAMODB)
        store = FolderRunStore(root, files, digests=files.digests)
        thawed = thaw(rule_set)
        step_log.about(day=thawed.as_of)
        inputs = (thawed, evaluator, store, told.created_at, evaluator.settings, told.run_id, step_log.progress)
        manifest = evaluate(*inputs, told.write_policy, correction=told.correction)
        metrics.put(metrics.evaluated(manifest, metrics.Place(told.environment, told.tenant), datetime.now(UTC)))
        folder = told.lake.rpartition("/")[0]
        lineage.saw([lineage.dataset(f"{folder}/{name}", version) for name, version in manifest.snapshots.items()])
        return _summary(manifest)
    finally:
        session.stop(spark)


def _texts(files: HadoopFiles, wanted: dict[str, str]) -> Iterator[str]:
    """
    The texts at the wanted addresses.

    Raises:
        RunRefused: Naming every one that is not there.
    """
    found, faults = [], []
    for which, uri in wanted.items():
        try:
            found.append(files.read(uri))
        except FileNotFoundError:
            faults.append(Fault(f"{which} {uri}", "there is no such file.", "Put it there, or mend the address."))
    raise_all(RunRefused, faults)
    return iter(found)


def _summary(manifest: Manifest) -> Summary:
    counts = manifest.evaluation
    return {
        "run_id": manifest.run_id,
        "rule_set": manifest.rule_set_digest,
        "subjects": counts.subjects,
        "versions": manifest.versions,
        "decided": manifest.decided,
        "held": {held.membership_type: [f.rule for f in held.failures] for held in counts.held},
        "decisions_digest": counts.decisions_digest,
        "seconds": dict(counts.seconds),
    }


if __name__ == "__main__":
    finish(step)
