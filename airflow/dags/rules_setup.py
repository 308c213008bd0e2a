"""
Makes ready what the nightly runs need: once, and after each new version of the program.

The schema of the rules database is brought to its newest, and the history's
tables are looked at; buckets, tables and roles are made by CloudFormation. It
runs on a cluster of its own, which ends itself, and doing it again changes
nothing.

Variables as `rules_nightly` has them, and:

    rules_setup_secret      name in Secrets Manager of the URL of a login that may change the schema
    rules_setup_role        role of the step                                             (default: the nodes')
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor

try:
    from airflow.sdk import DAG, Param, chain
except ImportError:  # Airflow 2
    from airflow.models.baseoperator import chain
    from airflow.models.param import Param

    from airflow import DAG

REQUESTS = json.loads(Path(__file__).with_name("rules_requests.json").read_text(encoding="utf-8"))
PARAMS = {
    "environment": Param(None, type=["null", "string"], pattern="^[a-z][a-z0-9-]{0,30}$", description="Another one")
}

with DAG(
    "rules_setup",
    description="Bring the rules database to its newest schema, and look at the history's tables",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    params=PARAMS,
    doc_md=__doc__,
    tags=["rules"],
) as dag:
    create = EmrCreateJobFlowOperator(task_id="create_cluster", job_flow_overrides=REQUESTS["cluster"], retries=0)
    cluster_id = "{{ ti.xcom_pull(task_ids='create_cluster') }}"
    add = EmrAddStepsOperator(
        task_id="add_setup",
        job_flow_id=cluster_id,
        steps=[REQUESTS["setup"]],
        execution_role_arn=REQUESTS["setup_role"],
        retries=0,
    )
    setup = EmrStepSensor(
        task_id="setup",
        job_flow_id=cluster_id,
        step_id="{{ ti.xcom_pull(task_ids='add_setup')[0] }}",
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(hours=1).total_seconds(),
    )
    terminate = EmrTerminateJobFlowOperator(task_id="terminate_cluster", job_flow_id=cluster_id, retries=2)
    chain(create, add, setup)
    setup >> terminate.as_teardown(setups=create)
