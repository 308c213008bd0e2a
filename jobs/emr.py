"""
How a run gets onto EMR: steps, a transient cluster, a running one, Serverless (R-OPS-1, R-OPS-3).

The requests are plain dictionaries made by pure functions, so that a golden
file can show them; only :func:`submit` speaks to AWS. The three steps are
apart because their rights are: freezing reads the database, evaluating runs
rule SQL and reaches only the lake, publishing writes the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs import job_zip
from jobs.aws import told
from jobs.nodes import Nodes, Sizes
from jobs.session_policy import session_policy
from rules_engine.model.decisions import WritePolicy
from rules_engine.spark import session

Request = dict[str, Any]
"""A request of the AWS API, or a part of one."""

RELEASE = "emr-spark-8.1.0"
LIBRARIES = "libraries"
"""What the folder is called into which Spark unpacks a step's archive, below where its driver and executors work."""

ENGLISH = {f"spark.{jvm}.extraJavaOptions": session.LANGUAGE for jvm in ("driver", "executor")}
"""The one language in which letters change their case, in every JVM of a job."""

IDLE_SECONDS = 3600
ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
DONE_OR_DOING = ("PENDING", "RUNNING", "COMPLETED")


@dataclass(frozen=True, slots=True)
class Job:
    """
    One run as EMR executes it. All addresses are URIs that the cluster reads.

    ``created_at`` is the run's logical time as ISO text; ``artefacts`` is the
    folder that :func:`jobs.package.stage` filled, for ``nodes``.
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
    evaluator_role: str | None = None
    publisher_role: str | None = None
    """Roles of the steps; without them a step has the role of the nodes."""

    @property
    def python(self) -> str:
        """Named to Spark, because it is not what every release starts by itself."""
        return f"/usr/bin/python{self.nodes.python}"

    @property
    def program(self) -> str:
        return f"{self.artefacts}/{job_zip.ZIP}"

    def libraries(self, step: str) -> str:
        return f"{self.artefacts}/{self.nodes.archive(step)}"


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
    """
    Freezes the rule set of a day; ``secret`` names the database URL in Secrets Manager, it never holds it.

    It starts no Spark, for which a driver on YARN's side would wait: its archive comes to the primary node beside the
    job zip.
    """
    files = ["--py-files", f"{job.program},{job.libraries('freeze')}"]
    spark = ["--deploy-mode", "client", *files, *_settings({"spark.pyspark.python": job.python} | ENGLISH)]
    words = ["--as-of", as_of, "--known-at", job.created_at, "--database-secret", secret, "--target", job.rule_set]
    return _step(job, "freeze", spark, [*words, "--tenant", job.tenant])


def evaluate_step(job: Job) -> Request:
    """Evaluates and stages a run; it is told of no database and no history."""
    return _step(job, "evaluate", _on_cluster(job, "evaluate"), _words(job))


def publish_step(job: Job) -> Request:
    """Inserts a staged run into the history of its environment and tenant."""
    words = ["--runs", job.runs, "--run-id", job.run_id, "--at", job.created_at, *_place(job)]
    return _step(job, "publish", _on_cluster(job, "publish"), words)


def serverless_job(job: Job, application: str, role: str, logs: str) -> Request:
    """
    The request of EMR Serverless to evaluate a run; the token makes a second one the same job.

    Its session policy narrows the role to what this run reads and writes.

    Raises:
        RunRefused: If no policy can be written for it.
    """
    reach = session_policy(
        run_id=job.run_id,
        artefacts=job.artefacts,
        rule_set=job.rule_set,
        lake=job.lake,
        runs=job.runs,
        environment=job.environment,
        tenant=job.tenant,
        logs=f"{logs.rstrip('/')}/applications/{application}",
        partition=role.split(":")[1],
    )
    driver = "spark.emr-serverless.driverEnv"
    python = {f"{driver}.PYSPARK_PYTHON": job.python, f"{driver}.PYSPARK_DRIVER_PYTHON": job.python}
    python |= {"spark.executorEnv.PYSPARK_PYTHON": job.python}
    libraries = {f"{driver}.PYTHONPATH": LIBRARIES, "spark.executorEnv.PYTHONPATH": LIBRARIES}
    settings = _settings(python | libraries | ENGLISH | _executors(job.sizes))
    files = ["--py-files", job.program, "--archives", f"{job.libraries('evaluate')}#{LIBRARIES}"]
    return {
        "applicationId": application,
        "clientToken": job.run_id,
        "executionRoleArn": role,
        "executionIamPolicy": {"policy": reach},
        "name": f"evaluate {job.run_id}",
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{job.artefacts}/evaluate_step.py",
                "entryPointArguments": _words(job),
                "sparkSubmitParameters": " ".join([*files, *settings]),
            }
        },
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": logs}}},
    }


def job_flow(name: str, cluster: Cluster, steps: Sequence[Request] = ()) -> Request:
    """
    The request for a transient cluster, which ends itself: after its last step, on a failed one, or left idle.

    With no steps it lives as long as starting takes; add them at once.
    """
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
    roles = (job.evaluator_role, job.publisher_role)[: len(steps)]
    if isinstance(cluster, str):
        return submit(client, steps, cluster, roles=roles)
    name = f"rules {job.run_id}"
    at_once = [] if any(roles) else steps  # a request that starts a cluster names one role for all its steps
    with told(f"Run {job.run_id}"):
        running = _cluster_named(client, name)
        running = running or client.run_job_flow(**job_flow(name, cluster, at_once))["JobFlowId"]
    return submit(client, steps, running, "TERMINATE_CLUSTER", roles)


def submit(
    client: Any,
    steps: Sequence[Request],
    cluster_id: str,
    on_failure: str = "CONTINUE",
    roles: Sequence[str | None] = (),
) -> tuple[str, tuple[str, ...]]:
    """
    Add to a cluster the steps that it neither did nor has before it, each under its role; its name tells a step.

    A failed step is added again. On a cluster that others use a failure ends nothing but the step:
    a later step of the run finds nothing to work on and refuses.
    """
    with told(f"Cluster {cluster_id}"):
        known = _steps_of(client, cluster_id)
        for step, role in zip(steps, roles or [None] * len(steps), strict=True):
            if step["Name"] not in known:
                under = {"ExecutionRoleArn": role} if role else {}
                given = [step | {"ActionOnFailure": on_failure}]
                (known[step["Name"]],) = client.add_job_flow_steps(JobFlowId=cluster_id, Steps=given, **under)[
                    "StepIds"
                ]
    return cluster_id, tuple(known[step["Name"]] for step in steps)


def _steps_of(client: Any, cluster_id: str) -> dict[str, str]:
    """Name to id of the steps a cluster did, does or will do."""
    pages = client.get_paginator("list_steps").paginate(ClusterId=cluster_id)
    steps = [step for page in pages for step in page["Steps"]]
    return {step["Name"]: step["Id"] for step in steps if step["Status"]["State"] in DONE_OR_DOING}


def _cluster_named(client: Any, name: str) -> str | None:
    pages = client.get_paginator("list_clusters").paginate(ClusterStates=list(ALIVE))
    return next((c["Id"] for page in pages for c in page["Clusters"] if c["Name"] == name), None)


def _on_cluster(job: Job, step: str) -> list[str]:
    """A step whose driver and executors are containers of YARN, each with the libraries unpacked in its folder."""
    path = {f"spark.{who}Env.PYTHONPATH": LIBRARIES for who in ("yarn.appMaster", "executor")}
    driver = {"spark.pyspark.python": job.python, "spark.driver.memory": f"{job.sizes.driver}g"}
    files = ["--py-files", job.program, "--archives", f"{job.libraries(step)}#{LIBRARIES}"]
    return ["--deploy-mode", "cluster", *files, *_settings(driver | path | ENGLISH | _executors(job.sizes))]


def _executors(sizes: Sizes) -> dict[str, str]:
    return {
        "spark.executor.cores": str(sizes.cores),
        "spark.executor.memory": f"{sizes.executor}g",
        "spark.executor.memoryOverhead": f"{sizes.beside}g",
        "spark.sql.shuffle.partitions": str(sizes.partitions),
    }


def _settings(settings: Mapping[str, str]) -> list[str]:
    return [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]


def _words(job: Job) -> list[str]:
    words: Mapping[str, str] = {
        "--rule-set": job.rule_set,
        "--lake": job.lake,
        "--runs": job.runs,
        "--run-id": job.run_id,
        "--created-at": job.created_at,
        "--write-policy": job.write_policy,
    }
    return [word for pair in words.items() for word in pair] + _place(job)


def _place(job: Job) -> list[str]:
    return ["--environment", job.environment, "--tenant", job.tenant]


def _step(job: Job, step: str, spark: Sequence[str], words: Sequence[str]) -> Request:
    command = ["spark-submit", *spark, f"{job.artefacts}/{step}_step.py", *words]
    return {
        "Name": f"{step} {job.run_id}",
        "ActionOnFailure": "TERMINATE_CLUSTER",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": command},
    }


def _nodes(role: str, instance_type: str, count: int) -> Request:
    return {
        "Name": role.lower(),
        "InstanceRole": role,
        "InstanceType": instance_type,
        "InstanceCount": count,
        "Market": "ON_DEMAND",
    }
