"""
What a run is to EMR: its steps, each with the role it runs under (R-OPS-1).

Plain dictionaries made by pure functions, so that a golden file can show them
and the DAG can take them from a generated one (:mod:`jobs.emr_template`). The
steps (:mod:`jobs.sequence`) are apart because their rights are: freezing reads
the database, evaluating runs rule SQL and reaches only the lake, publishing
writes the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobs import job_zip
from jobs.nodes import Nodes, Sizes
from jobs.sequence import WHOSE, WITHOUT_SPARK, Before, left_out
from rules_engine.model.decisions import WritePolicy
from rules_engine.spark import session

Request = dict[str, Any]
"""A request of the AWS API, or a part of one."""

LIBRARIES = "libraries"
"""What the folder is called into which Spark unpacks a step's archive, below where its driver and executors work."""

ENGLISH = {f"spark.{jvm}.extraJavaOptions": session.LANGUAGE for jvm in ("driver", "executor")}
"""The one language in which letters change their case, in every JVM of a job."""

AGAIN = {"spark.yarn.maxAppAttempts": "2", "spark.task.maxFailures": "8"}
"""How often a driver is begun again, and a task: Spot nodes are taken away, and what a step does twice it does once."""


@dataclass(frozen=True, slots=True)
class Roles:
    """ARNs of the roles of the steps; without one a step has the role of the nodes."""

    loader: str | None = None
    evaluator: str | None = None
    guard: str | None = None
    publisher: str | None = None
    lander: str | None = None
    linker: str | None = None
    curator: str | None = None
    checker: str | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in Roles.__slots__)


@dataclass(frozen=True, slots=True)
class Job:
    """
    One run as EMR executes it. All addresses are URIs that the cluster reads.

    ``created_at`` is the run's logical time as ISO text; ``artefacts`` is the
    folder that :func:`jobs.package.stage` filled, for ``nodes``. With
    ``secret``, which names the database's URL in Secrets Manager and never
    holds it, the run begins by freezing the rule set of ``as_of``.
    """

    run_id: str
    created_at: str
    artefacts: str
    rule_set: str
    lake: str
    runs: str
    environment: str
    tenant: str
    nodes: Nodes = field(default_factory=Nodes)
    sizes: Sizes = field(default_factory=Sizes)
    write_policy: str = WritePolicy.RESULTS
    as_of: str | None = None
    secret: str | None = None
    roles: Roles = field(default_factory=Roles)
    correction: str = "no"
    dry_run: str = "no"
    before: Before = field(default_factory=Before)
    hours: int = 6
    """How long a step may take before it ends itself."""
    lineage: str | None = None
    """Where events of OpenLineage go; nowhere without it."""

    @property
    def python(self) -> str:
        """Named to Spark, because it is not what every release starts by itself."""
        return f"/usr/bin/python{self.nodes.python}"

    @property
    def program(self) -> str:
        return f"{self.artefacts}/{job_zip.ZIP}"

    @property
    def name(self) -> str:
        """What tells the run from all others in an account: tenants may give theirs the same ids."""
        return f"{self.environment}_{self.tenant} {self.run_id}"

    def libraries(self, step: str) -> str:
        return f"{self.artefacts}/{self.nodes.archive(step)}"


class Step(NamedTuple):
    """A step as EMR is told of it, and the role it is given."""

    what: str
    request: Request
    role: str | None


def steps_of(job: Job, *, publish: bool) -> tuple[Step, ...]:
    """The steps of a run, in order; what it is not told of is none of them (:func:`jobs.sequence.left_out`)."""
    without = left_out(job.before, job.secret, publish=publish)
    return tuple(
        Step(step, request_of(job, step), getattr(job.roles, role))
        for step, role in WHOSE.items()
        if step not in without
    )


def request_of(job: Job, step: str) -> Request:
    """One step as EMR is told of it; `setup`, which makes the databases ready, is no part of a run."""
    spark = _on_primary_node(job, step) if step in WITHOUT_SPARK else _on_cluster(job, step)
    command = ["spark-submit", *spark, f"{job.artefacts}/{step}_step.py", *words_of(job, step)]
    return {
        "Name": f"{step} {job.name}",
        "ActionOnFailure": "TERMINATE_CLUSTER",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": command},
    }


def words_of(job: Job, step: str) -> list[str]:
    """The command line of a step, the same wherever it runs; each is told of which run it is."""
    place = {"--environment": job.environment, "--tenant": job.tenant}
    staged = {"--runs": job.runs}
    before = job.before
    declared = {"--declaration": before.landed, "--day": job.as_of}
    told: Mapping[str, Mapping[str, str | None]] = {
        "setup": {"--database-secret": job.secret},
        "ingest": {"--source": before.extracts, **declared},
        "master": {"--settings": before.master, "--day": job.as_of},
        "freeze": {
            "--as-of": job.as_of,
            "--known-at": job.created_at,
            "--database-secret": job.secret,
            "--target": job.rule_set,
        },
        "curate": {
            **declared,
            "--lake": job.lake,
            "--rule-set": job.rule_set,
            "--tokens": before.tokens,
            "--token-secret": before.token_secret,
        },
        "evaluate": {
            "--rule-set": job.rule_set,
            "--lake": job.lake,
            **staged,
            "--created-at": job.created_at,
            "--write-policy": job.write_policy,
            "--correction": job.correction,
        },
        "guard": {"--rule-set": job.rule_set, **staged},
        "publish": {**staged, "--at": job.created_at, "--dry-run": job.dry_run},
        "register": {"--dry-run": job.dry_run},
    }
    said = {**told[step], "--run-id": job.run_id, **place, "--hours": str(job.hours), "--lineage": job.lineage}
    return [word for name, value in said.items() if value is not None for word in (name, value)]


def executors(sizes: Sizes) -> dict[str, str]:
    """What a step asks Spark for."""
    return {
        "spark.executor.cores": str(sizes.cores),
        "spark.executor.memory": f"{sizes.executor}g",
        "spark.executor.memoryOverhead": f"{sizes.beside}g",
        "spark.sql.shuffle.partitions": str(sizes.partitions),
    }


def conf(settings: Mapping[str, str]) -> list[str]:
    """Settings as words of spark-submit."""
    return [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]


def _on_primary_node(job: Job, step: str) -> list[str]:
    """
    A step that starts no Spark, for which a driver on YARN's side would wait.

    Its archive comes to the primary node beside the job zip.
    """
    files = ["--py-files", f"{job.program},{job.libraries(step)}"]
    return ["--deploy-mode", "client", *files, *conf({"spark.pyspark.python": job.python} | ENGLISH)]


def _on_cluster(job: Job, step: str) -> list[str]:
    """A step whose driver and executors are containers of YARN, each with the libraries unpacked in its folder."""
    path = {f"spark.{who}Env.PYTHONPATH": LIBRARIES for who in ("yarn.appMaster", "executor")}
    driver = {"spark.pyspark.python": job.python, "spark.driver.memory": f"{job.sizes.driver}g"}
    files = ["--py-files", job.program, "--archives", f"{job.libraries(step)}#{LIBRARIES}"]
    return ["--deploy-mode", "cluster", *files, *conf(driver | path | ENGLISH | executors(job.sizes) | AGAIN)]
