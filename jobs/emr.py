"""
How a run gets onto EMR: steps, a transient cluster, a running one, Serverless (R-OPS-1, R-OPS-3).

The requests are plain dictionaries made by pure functions, so that a golden
file can show them; only :func:`submit` speaks to AWS. The three steps are
apart because their rights are: freezing reads the database, evaluating runs
rule SQL and reaches only the lake, publishing writes the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.aws import told
from rules_engine.evaluation import session

Request = dict[str, Any]
"""A request of the AWS API, or a part of one."""

RELEASE = "emr-spark-8.1.0"
PYTHON = "/usr/bin/python3.11"
"""Named, because it is not what every release starts by itself."""
SERVERLESS_PYTHON = [
    f"--conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON={PYTHON}",
    f"--conf spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON={PYTHON}",
    f"--conf spark.executorEnv.PYSPARK_PYTHON={PYTHON}",
]
ENGLISH = [
    word for jvm in ("driver", "executor") for word in ("--conf", f"spark.{jvm}.extraJavaOptions={session.LANGUAGE}")
]
"""The one language in which letters change their case, in every JVM of a job."""

IDLE_SECONDS = 3600
ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
DONE_OR_DOING = ("PENDING", "RUNNING", "COMPLETED")


@dataclass(frozen=True, slots=True)
class Job:
    """
    One run as EMR executes it. All addresses are URIs that the cluster reads.

    ``created_at`` is the run's logical time as ISO text; ``artefacts`` is the
    folder that :func:`jobs.package.stage` filled.
    """

    run_id: str
    created_at: str
    artefacts: str
    rule_set: str
    lake: str
    runs: str
    environment: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a transient cluster is made of; ``security`` names the security configuration that allows runtime roles."""

    logs: str
    subnet: str
    service_role: str
    instance_profile: str
    instance_type: str = "m7i.2xlarge"
    core_nodes: int = 2
    security: str | None = None


def freeze_step(job: Job, as_of: str, secret: str) -> Request:
    """Freezes the rule set of a day; ``secret`` names the database URL in Secrets Manager, it never holds it."""
    words = ["--as-of", as_of, "--known-at", job.created_at, "--database-secret", secret, "--target", job.rule_set]
    words += ["--tenant", job.tenant]
    return _step(f"freeze {job.run_id}", ["--deploy-mode", "client", *_program(job, "freeze_step.py")], words)


def evaluate_step(job: Job) -> Request:
    """Evaluates and stages a run; it is told of no database and no history."""
    return _step(
        f"evaluate {job.run_id}", ["--deploy-mode", "cluster", *_program(job, "evaluate_step.py")], _words(job)
    )


def publish_step(job: Job) -> Request:
    """Inserts a staged run into the history of its environment and tenant."""
    words = ["--runs", job.runs, "--run-id", job.run_id, "--at", job.created_at, *_place(job)]
    return _step(f"publish {job.run_id}", ["--deploy-mode", "cluster", *_program(job, "publish_step.py")], words)


def serverless_job(job: Job, application: str, role: str, logs: str) -> Request:
    """The request of EMR Serverless to evaluate a run; the token makes a second one the same job."""
    return {
        "applicationId": application,
        "clientToken": job.run_id,
        "executionRoleArn": role,
        "name": f"evaluate {job.run_id}",
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{job.artefacts}/evaluate_step.py",
                "entryPointArguments": _words(job),
                "sparkSubmitParameters": " ".join(
                    ["--py-files", f"{job.artefacts}/rules.zip", *SERVERLESS_PYTHON, *ENGLISH]
                ),
            }
        },
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": logs}}},
    }


def job_flow(name: str, cluster: Cluster, steps: Sequence[Request] = (), libraries_from: str | None = None) -> Request:
    """
    The request for a transient cluster, which ends itself: after its last step, on a failed one, or left idle.

    With no steps it lives as long as starting takes; add them at once.
    ``libraries_from`` is the folder of artefacts whose wheels are installed;
    evaluating alone needs none.
    """
    bootstrap = [_bootstrap(libraries_from)] if libraries_from else []
    extra = {"SecurityConfiguration": cluster.security} if cluster.security else {}
    return {
        "Name": name,
        "ReleaseLabel": RELEASE,
        "Applications": [{"Name": "Spark"}],
        "LogUri": cluster.logs,
        "ServiceRole": cluster.service_role,
        "JobFlowRole": cluster.instance_profile,
        "VisibleToAllUsers": True,
        "StepConcurrencyLevel": 1,
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_SECONDS},
        "BootstrapActions": bootstrap,
        "Instances": {
            "Ec2SubnetId": cluster.subnet,
            "KeepJobFlowAliveWhenNoSteps": False,
            "TerminationProtected": False,
            "InstanceGroups": [
                _nodes("MASTER", cluster.instance_type, 1),
                _nodes("CORE", cluster.instance_type, cluster.core_nodes),
            ],
        },
        "Steps": list(steps),
        **extra,
    }


def submit_run(client: Any, job: Job, *, cluster: Cluster | str, publish: bool = False) -> tuple[str, tuple[str, ...]]:
    """
    Put a run on a transient cluster, or on the running one whose id is given; publish it too if asked to.

    Returns the cluster's id and those of the steps, the same ones if the run is there already.

    Raises:
        RunRefused: If AWS refuses the request or no credentials are found.
        RunInterrupted: If AWS cannot be reached.
    """
    steps = [evaluate_step(job)] + ([publish_step(job)] if publish else [])
    if isinstance(cluster, str):
        return submit(client, steps, cluster)
    name = f"rules {job.run_id}"
    with told(f"Run {job.run_id}"):
        running = _cluster_named(client, name)
        request = job_flow(name, cluster, steps, job.artefacts if publish else None)
        running = running or client.run_job_flow(**request)["JobFlowId"]
    return submit(client, steps, running, "TERMINATE_CLUSTER")


def submit(
    client: Any, steps: Sequence[Request], cluster_id: str, on_failure: str = "CONTINUE"
) -> tuple[str, tuple[str, ...]]:
    """
    Add to a cluster the steps that it neither did nor has before it; a step is known by its name.

    A failed step is added again. On a cluster that others use a failure ends nothing but the step:
    a later step of the run finds nothing to work on and refuses.
    """
    with told(f"Cluster {cluster_id}"):
        known = _steps_of(client, cluster_id)
        missing = [step | {"ActionOnFailure": on_failure} for step in steps if step["Name"] not in known]
        if missing:
            added = client.add_job_flow_steps(JobFlowId=cluster_id, Steps=missing)["StepIds"]
            known |= dict(zip((step["Name"] for step in missing), added, strict=True))
    return cluster_id, tuple(known[step["Name"]] for step in steps)


def _steps_of(client: Any, cluster_id: str) -> dict[str, str]:
    """Name to id of the steps a cluster did, does or will do."""
    pages = client.get_paginator("list_steps").paginate(ClusterId=cluster_id)
    steps = [step for page in pages for step in page["Steps"]]
    return {step["Name"]: step["Id"] for step in steps if step["Status"]["State"] in DONE_OR_DOING}


def _cluster_named(client: Any, name: str) -> str | None:
    pages = client.get_paginator("list_clusters").paginate(ClusterStates=list(ALIVE))
    return next((c["Id"] for page in pages for c in page["Clusters"] if c["Name"] == name), None)


def _program(job: Job, entry: str) -> list[str]:
    return [
        "--py-files",
        f"{job.artefacts}/rules.zip",
        "--conf",
        f"spark.pyspark.python={PYTHON}",
        *ENGLISH,
        f"{job.artefacts}/{entry}",
    ]


def _words(job: Job) -> list[str]:
    words: Mapping[str, str] = {
        "--rule-set": job.rule_set,
        "--lake": job.lake,
        "--runs": job.runs,
        "--run-id": job.run_id,
        "--created-at": job.created_at,
    }
    return [word for pair in words.items() for word in pair] + _place(job)


def _place(job: Job) -> list[str]:
    return ["--environment", job.environment, "--tenant", job.tenant]


def _step(name: str, spark: Sequence[str], words: Sequence[str]) -> Request:
    return {
        "Name": name,
        "ActionOnFailure": "TERMINATE_CLUSTER",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", *spark, *words]},
    }


def _bootstrap(artefacts: str) -> Request:
    script = {"Path": f"{artefacts}/bootstrap.sh", "Args": [f"{artefacts}/wheels"]}
    return {"Name": "Install what a zip cannot carry", "ScriptBootstrapAction": script}


def _nodes(role: str, instance_type: str, count: int) -> Request:
    return {
        "Name": role.lower(),
        "InstanceRole": role,
        "InstanceType": instance_type,
        "InstanceCount": count,
        "Market": "ON_DEMAND",
    }
