"""
Every night: freeze the rule set, evaluate it, publish the decisions, tell people.

Sequence only. What each step does is in the artefact that it names; the
requests are the ones `jobs/emr.py` makes, held equal by the same golden files.

The cluster lives for one run and ends in four ways, whichever comes first:
after its last step, on a failed step, left idle, and by the tear-down task
here. The tear-down is no part of the outcome: a failed step is a failed run.

Airflow Variables, all needed unless a default is given:

    rules_artefacts_uri     folder that holds what `rules emr package` made
    rules_lake_uri          the lake's declaration, s3://…/frames.toml
    rules_rule_sets_uri     folder for frozen rule sets
    rules_runs_uri          folder for staged runs
    rules_logs_uri          folder for the cluster's logs, with a '/' at its end
    rules_subnet_id         subnet of the cluster
    rules_service_role      EMR's own role
    rules_instance_profile  the nodes' role
    rules_database_secret   name in Secrets Manager of the database's URL
    rules_environment       environment, such as prod: part of every table's name
    rules_tenant            tenant, likewise
    rules_write_policy      results, or changes: which decisions become records          (default: results)
    rules_topic_arn         SNS topic that is told how it ended
    rules_loader_role       role that may read the secret and write frozen rule sets     (default: the nodes')
    rules_evaluator_role    role that may read the lake and write staged runs            (default: the nodes')
    rules_publisher_role    role that may read staged runs and insert into the history   (default: the nodes')

The three roles need an EMR security configuration that allows runtime roles;
name it in the connection `emr_default`: {"SecurityConfiguration": "…"}.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor
from airflow.sdk import DAG, Param, chain

# A run started by hand has no logical date.
MOMENT = "(dag_run.logical_date or dag_run.run_after)"
CREATED_AT = f"{{{{ {MOMENT}.isoformat() }}}}"
RUN_ID = f"{{{{ {MOMENT}.strftime('%Y-%m-%dT%H%M%SZ') }}}}"
AS_OF = f"{{{{ params.as_of or {MOMENT}.strftime('%Y-%m-%d') }}}}"

ARTEFACTS = "{{ var.value.rules_artefacts_uri }}"
RUNS = "{{ var.value.rules_runs_uri }}"
# Airflow takes a text that ends in .json for a file to load, so this one ends in braces.
RULE_SET = f"{{{{ var.value.rules_rule_sets_uri ~ '/' ~ {MOMENT}.strftime('%Y-%m-%dT%H%M%SZ') ~ '.json' }}}}"
PYTHON = "/usr/bin/python3.11"
INSTANCE_TYPE = "m7i.2xlarge"
CORE_NODES = 2
ARCHITECTURE = "x86_64"
# What fills two such nodes: two executors on each, beside the driver.
SIZES = {
    "spark.executor.cores": "4",
    "spark.executor.memory": "5g",
    "spark.executor.memoryOverhead": "4g",
    "spark.sql.shuffle.partitions": "32",
}


def nodes(role: str, count: int) -> dict[str, Any]:
    return {
        "Name": role.lower(),
        "InstanceRole": role,
        "InstanceType": INSTANCE_TYPE,
        "InstanceCount": count,
        "Market": "ON_DEMAND",
    }


CLUSTER = {
    "Name": f"rules {RUN_ID}",
    "ReleaseLabel": "emr-spark-8.1.0",
    "Applications": [{"Name": "Spark"}],
    "LogUri": "{{ var.value.rules_logs_uri }}",
    "ServiceRole": "{{ var.value.rules_service_role }}",
    "JobFlowRole": "{{ var.value.rules_instance_profile }}",
    "VisibleToAllUsers": True,
    "StepConcurrencyLevel": 1,
    "AutoTerminationPolicy": {"IdleTimeout": 3600},
    "Instances": {
        "Ec2SubnetId": "{{ var.value.rules_subnet_id }}",
        "KeepJobFlowAliveWhenNoSteps": False,
        "TerminationProtected": False,
        "InstanceGroups": [nodes("MASTER", 1), nodes("CORE", CORE_NODES)],
    },
    "Steps": [],
}


def step(name: str, spark: list[str], *words: str) -> dict[str, Any]:
    """A spark-submit of one entry file; a failure ends the cluster."""
    return {
        "Name": f"{name} {RUN_ID}",
        "ActionOnFailure": "TERMINATE_CLUSTER",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": ["spark-submit", *spark, f"{ARTEFACTS}/{name}_step.py", *words],
        },
    }


def settings(said: dict[str, str]) -> list[str]:
    return [word for key, value in said.items() for word in ("--conf", f"{key}={value}")]


ENGLISH = {f"spark.{jvm}.extraJavaOptions": "-Duser.language=en" for jvm in ("driver", "executor")}


def on_primary_node(name: str) -> list[str]:
    """A step that starts no Spark; its libraries come with the job zip."""
    files = ["--py-files", f"{ARTEFACTS}/rules.zip,{ARTEFACTS}/{name}-{ARCHITECTURE}.zip"]
    return ["--deploy-mode", "client", *files, *settings({"spark.pyspark.python": PYTHON} | ENGLISH)]


def on_cluster(name: str) -> list[str]:
    """A step whose libraries Spark unpacks where its driver and executors work."""
    libraries = f"{ARTEFACTS}/{name}-{ARCHITECTURE}.zip#libraries"
    driver = {"spark.pyspark.python": PYTHON, "spark.driver.memory": "4g"}
    path = {f"spark.{who}Env.PYTHONPATH": "libraries" for who in ("yarn.appMaster", "executor")}
    files = ["--py-files", f"{ARTEFACTS}/rules.zip", "--archives", libraries]
    return ["--deploy-mode", "cluster", *files, *settings(driver | path | ENGLISH | SIZES)]


PLACE = ("--environment", "{{ var.value.rules_environment }}", "--tenant", "{{ var.value.rules_tenant }}")

FREEZE = step(
    "freeze",
    on_primary_node("freeze"),
    *("--as-of", AS_OF, "--known-at", CREATED_AT),
    *("--database-secret", "{{ var.value.rules_database_secret }}", "--target", RULE_SET),
    *PLACE[2:],
)
EVALUATE = step(
    "evaluate",
    on_cluster("evaluate"),
    *("--rule-set", RULE_SET, "--lake", "{{ var.value.rules_lake_uri }}"),
    *("--runs", RUNS, "--run-id", RUN_ID, "--created-at", CREATED_AT),
    *("--write-policy", "{{ var.value.get('rules_write_policy', 'results') }}"),
    *PLACE,
)
PUBLISH = step(
    "publish",
    on_cluster("publish"),
    *("--runs", RUNS, "--run-id", RUN_ID, "--at", CREATED_AT),
    *PLACE,
)

with DAG(
    "rules_workflow",
    description="Freeze the rule set, evaluate it, publish the decisions, tell people",
    schedule="0 4 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    # A run reads the decisions published before it.
    max_active_runs=1,
    params={"as_of": Param(None, type=["null", "string"], format="date", description="Business day, else the run's")},
    doc_md=__doc__,
    tags=["rules"],
) as dag:
    create = EmrCreateJobFlowOperator(task_id="create_cluster", job_flow_overrides=CLUSTER)
    cluster_id = "{{ ti.xcom_pull(task_ids='create_cluster') }}"

    def add(name: str, request: dict[str, Any], role: str) -> EmrAddStepsOperator:
        """Each step is added by itself because a call names one role for all its steps."""
        return EmrAddStepsOperator(
            task_id=f"add_{name}",
            job_flow_id=cluster_id,
            steps=[request],
            execution_role_arn=f"{{{{ var.value.get('{role}', '') }}}}",
        )

    def ended(name: str, hours: int) -> EmrStepSensor:
        return EmrStepSensor(
            task_id=name,
            job_flow_id=cluster_id,
            step_id=f"{{{{ ti.xcom_pull(task_ids='add_{name}')[0] }}}}",
            mode="reschedule",
            poke_interval=60,
            timeout=timedelta(hours=hours).total_seconds(),
        )

    def tell(task_id: str, subject: str, message: str, **when: Any) -> SnsPublishOperator:
        return SnsPublishOperator(
            task_id=task_id,
            target_arn="{{ var.value.rules_topic_arn }}",
            subject=f"{subject} {RUN_ID}",
            message=message,
            **when,
        )

    adds = [
        add("freeze", FREEZE, "rules_loader_role"),
        add("evaluate", EVALUATE, "rules_evaluator_role"),
        add("publish", PUBLISH, "rules_publisher_role"),
    ]
    waits = [ended("freeze", 1), ended("evaluate", 6), ended("publish", 6)]
    terminate = EmrTerminateJobFlowOperator(task_id="terminate_cluster", job_flow_id=cluster_id)
    notify = tell(
        "notify", "Rules published:", f"Run {RUN_ID} as of {AS_OF} is in the history. Staged at {RUNS}/{RUN_ID}."
    )
    notify_failure = tell(
        "notify_failure",
        "Rules not published:",
        f"Run {RUN_ID} as of {AS_OF} did not end. Logs: {{{{ var.value.rules_logs_uri }}}}{cluster_id}/. "
        "Clear its failed tasks or run it again: what was done is not done twice.",
        trigger_rule="one_failed",
    )

    # All steps are added at once: a cluster of this kind ends itself when it has none left.
    chain(create, *adds, *waits, notify)
    [*adds, *waits] >> notify_failure
    waits[-1] >> terminate.as_teardown(setups=create)
