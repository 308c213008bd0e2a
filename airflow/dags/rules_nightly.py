"""
Every night: land, build masters, freeze the rules, curate, evaluate, judge, publish, look at the register, tell people.

Sequence only. What each step does is in the artefact that it names; the requests are in `rules_requests.json` beside
this file, which `rules emr requests` writes: the very ones that `rules emr submit` makes.

Three DAGs of one sequence; turn on the one you want:

    rules_nightly               on a cluster that lives for one run
    rules_nightly_shared        on a running cluster, rules_cluster_id
    rules_nightly_serverless    on EMR Serverless, rules_serverless_application

The cluster of a run ends in four ways, whichever comes first: after its last step, on a failed one, left idle, and by
the tear-down task here. The tear-down is no part of the outcome: a failed step is a failed run.

A step that has nothing configured is skipped, and says so: without rules_extracts_uri nothing lands, without
rules_landed_uri nothing is curated, without rules_master_uri no masters are built; rules_register=no leaves the
register alone.

What it may be told when it is started by hand: `as_of`, another business day; `environment`, another one than the
Variable says; `dry_run`, which does all but insert; `correction`, of an earlier day than the newest published. A run
that failed goes on by clearing its failed tasks, or by being started again: what was done is not done twice, and a day
out of order is refused by the step itself.

Airflow Variables, all needed unless a default is given:

    rules_artefacts_uri     folder that holds what `rules emr package` made
    rules_lake_uri          the lake's declaration, s3://…/frames.toml
    rules_rule_sets_uri     folder for frozen rule sets
    rules_runs_uri          folder for staged runs
    rules_logs_uri          folder for the logs, with a '/' at its end
    rules_database_secret   name in Secrets Manager of the database's URL
    rules_environment       environment, such as prod: part of every table's name
    rules_tenant            tenant, likewise
    rules_topic_arn         SNS topic that is told how it ended
    rules_write_policy      results, or changes: which decisions become records          (default: results)
    rules_extracts_uri      where sources leave extracts, s3://…/{frame}/{day}           (default: nothing lands)
    rules_landed_uri        the declaration of what lands, s3://…/frames.toml            (default: nothing is curated)
    rules_tokens_uri        folder of the reverse table of tokens; needed to curate
    rules_token_secret      name in Secrets Manager of the secret of tokens              (default: no tokens)
    rules_master_uri        settings of master customers, s3://…/master.toml             (default: none are built)
    rules_register          no: nobody looks whether the register caught up              (default: yes)
    rules_lineage_url       server that is told in OpenLineage what steps read and write (default: nobody)
    rules_lander_role       role that may read extracts and land them                    (default: the nodes')
    rules_linker_role       role that may read what landed and write masters             (default: the nodes')
    rules_curator_role      role that may read what landed and write the lake            (default: the nodes')
    rules_checker_role      role that may read history and register                      (default: the nodes')
    rules_loader_role       role that may read the secret and write frozen rule sets     (default: the nodes')
    rules_evaluator_role    role that may read the lake and write staged runs            (default: the nodes')
    rules_guard_role        role that may read staged runs and say that one may pass     (default: the nodes')
    rules_publisher_role    role that may read staged runs and insert into the history   (default: the nodes')

A cluster of its own needs rules_subnet_id, rules_service_role and rules_instance_profile, too, and for the roles an EMR
security configuration that allows runtime roles; name that in the connection `emr_default`: {"SecurityConfiguration":
"…"}. EMR Serverless needs the role of each step. Waiting takes no worker where `operators.default_deferrable` is on.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrServerlessStartJobOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor
from airflow.timetables.trigger import CronTriggerTimetable

try:
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowSkipException

try:
    from airflow.sdk import DAG, Asset, Param, chain
except ImportError:  # Airflow 2
    from airflow.datasets import Dataset as Asset
    from airflow.models.baseoperator import chain
    from airflow.models.param import Param

    from airflow import DAG

REQUESTS = json.loads(Path(__file__).with_name("rules_requests.json").read_text(encoding="utf-8"))
STEPS: dict[str, Any] = REQUESTS["steps"]
HOURS: dict[str, int] = REQUESTS["hours"]
NEEDS: dict[str, str] = REQUESTS["needs"]

# A run started by hand may have no logical date.
MOMENT = "(dag_run.logical_date or dag_run.run_after)"
RUN_ID = f"{{{{ {MOMENT}.strftime('%Y-%m-%dT%H%M%SZ') }}}}"
AS_OF = f"{{{{ params.as_of or {MOMENT}.strftime('%Y-%m-%d') }}}}"
ENVIRONMENT = "{{ params.environment or var.value.rules_environment }}"
FOLDER = f"{{{{ var.value.rules_runs_uri }}}}/{ENVIRONMENT}_{{{{ var.value.rules_tenant }}}}_dynamodb/{RUN_ID}"
PARAMS = {
    "as_of": Param(None, type=["null", "string"], format="date", description="Business day, else the run's own"),
    "environment": Param(
        None, type=["null", "string"], pattern="^[a-z][a-z0-9-]{0,30}$", description="Else the Variable"
    ),
    "dry_run": Param(False, type="boolean", description="Evaluate and judge, and insert nothing"),
    "correction": Param(False, type="boolean", description="Correct an earlier day than the newest published"),
}
HISTORY = Asset("rules://history")


class Needing:
    """
    An operator that does nothing where the night is not told what it needs.

    It is asked before it is executed: Airflow 2 executes only what operators themselves define.
    """

    needs = "yes"

    def pre_execute(self, context: Any) -> None:
        if not self.needs:  # that is no failure
            raise AirflowSkipException("Nothing is configured for it: the DAG's text says which Variable would be.")
        super().pre_execute(context)  # type: ignore[misc]


class Add(Needing, EmrAddStepsOperator):
    template_fields = (*EmrAddStepsOperator.template_fields, "needs")


class Ended(Needing, EmrStepSensor):
    template_fields = (*EmrStepSensor.template_fields, "needs")


class Started(Needing, EmrServerlessStartJobOperator):
    template_fields = (*EmrServerlessStartJobOperator.template_fields, "needs")


class Tell(SnsPublishOperator):
    """Tells the topic's subscribers how a run ended, with what it counted where it came to that."""

    template_fields = (*SnsPublishOperator.template_fields, "folder")

    def __init__(self, *, folder: str, **told: Any) -> None:
        super().__init__(**told)
        self.folder = folder

    def execute(self, context: Any) -> Any:
        self.message = f"{self.message}\n\n{self._counts()}\n\nThe run: {self.folder}/manifest.json"
        return super().execute(context)

    def _counts(self) -> str:
        counted = self._read("manifest.json")
        if counted is None:
            return "It was not evaluated to its end."
        told = [f"{counted['evaluation']['subjects']:,} subjects, {counted['versions']} rule versions."]
        for each in counted["evaluation"]["types"]:
            gained = sum(each["events"].get(event, 0) for event in ("GRANTED", "REINSTATED"))
            lost = each["members_before"] + gained - each["members_after"]
            told.append(
                f"{each['membership_type']}: {each['members_after']:,} members, {gained:,} gained, {lost:,} lost."
            )
        return "\n".join([*told, *(f"Held: {why}" for why in self._read("held.json") or ())])

    def _read(self, name: str) -> Any:
        bucket, _, key = f"{self.folder}/{name}".removeprefix("s3://").partition("/")
        hook = S3Hook(aws_conn_id=self.aws_conn_id)
        return json.loads(hook.read_key(key, bucket)) if hook.check_for_key(key, bucket) else None


def tell(task_id: str, subject: str, message: str, **when: Any) -> Tell:
    return Tell(
        task_id=task_id,
        target_arn="{{ var.value.rules_topic_arn }}",
        subject=f"{subject} {RUN_ID}",
        message=message,
        folder=FOLDER,
        retries=2,
        **when,
    )


def add(name: str, cluster_id: str, on_failure: str) -> Add:
    """A step by itself, because a call names one role for all its steps; it is not tried again, which could add two."""
    task = Add(
        task_id=f"add_{name}",
        job_flow_id=cluster_id,
        steps=[STEPS[name] | {"ActionOnFailure": on_failure}],
        execution_role_arn=REQUESTS["roles"][name],
        # What follows a set-up has to follow its success.
        trigger_rule="all_success" if name == next(iter(STEPS)) else "none_failed",
        retries=0,
    )
    task.needs = NEEDS.get(name, "yes")
    return task


def ended(name: str, cluster_id: str) -> Ended:
    """The sensor that waits, without a worker's slot, until a step has ended, and fails where it failed."""
    task = Ended(
        task_id=name,
        job_flow_id=cluster_id,
        step_id=f"{{{{ (ti.xcom_pull(task_ids='add_{name}') or [''])[0] }}}}",
        trigger_rule="none_failed",
        mode="reschedule",
        poke_interval=60,
        max_attempts=60 * HOURS[name],
        timeout=timedelta(hours=HOURS[name]).total_seconds(),
        outlets=[HISTORY] if name == "publish" else [],
    )
    task.needs = NEEDS.get(name, "yes")
    return task


def started(name: str) -> Started:
    """A job of EMR Serverless, waited for; its token is in the request, which goes before the operator's own."""
    request = dict(REQUESTS["serverless"][name])
    task = Started(
        task_id=name,
        application_id=request.pop("applicationId"),
        execution_role_arn=request.pop("executionRoleArn"),
        job_driver=request.pop("jobDriver"),
        configuration_overrides=request.pop("configurationOverrides"),
        name=request.pop("name"),
        config=request,
        trigger_rule="none_failed",
        waiter_delay=60,
        waiter_max_attempts=60 * HOURS[name],
        retries=0,
        outlets=[HISTORY] if name == "publish" else [],
    )
    task.needs = NEEDS.get(name, "yes")
    return task


def on_own_cluster() -> list[Any]:
    """All steps are added at once: a cluster of this kind ends itself when it has none left."""
    create = EmrCreateJobFlowOperator(task_id="create_cluster", job_flow_overrides=REQUESTS["cluster"], retries=0)
    cluster_id = "{{ ti.xcom_pull(task_ids='create_cluster') }}"
    adds = [add(name, cluster_id, "TERMINATE_CLUSTER") for name in STEPS]
    waits = [ended(name, cluster_id) for name in STEPS]
    chain(create, *adds, *waits)
    terminate = EmrTerminateJobFlowOperator(task_id="terminate_cluster", job_flow_id=cluster_id, retries=2)
    waits[-1] >> terminate.as_teardown(setups=create)
    return [*adds, *waits]


def on_shared_cluster() -> list[Any]:
    cluster_id = "{{ var.value.rules_cluster_id }}"
    tasks = [task for name in STEPS for task in (add(name, cluster_id, "CONTINUE"), ended(name, cluster_id))]
    chain(*tasks)
    return tasks


def on_serverless() -> list[Any]:
    tasks = [started(name) for name in STEPS]
    chain(*tasks)
    return tasks


PLACES = {
    "rules_nightly": on_own_cluster,
    "rules_nightly_shared": on_shared_cluster,
    "rules_nightly_serverless": on_serverless,
}

for dag_id, sequence in PLACES.items():
    with DAG(
        dag_id,
        description="Land, build masters, freeze, curate, evaluate, judge, publish, look at the register, tell people",
        # Named, because a bare cron line means the day before or the day itself by a setting of Airflow's.
        schedule=CronTriggerTimetable("0 4 * * *", timezone="UTC"),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        # A run reads the decisions published before it.
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=20),
        params=PARAMS,
        doc_md=__doc__,
        tags=["rules"],
    ) as dag:
        tasks = sequence()
        notify = tell(
            "notify",
            "Rules {{ 'looked at' if params.dry_run else 'published' }}:",
            f"Run {RUN_ID} as of {AS_OF} {{{{ 'would go' if params.dry_run else 'is' }}}} in the history.",
            trigger_rule="none_failed",
        )
        notify_failure = tell(
            "notify_failure",
            "Rules not published:",
            f"Run {RUN_ID} as of {AS_OF} did not end. Logs: {{{{ var.value.rules_logs_uri }}}}. Look with "
            f"`rules emr logs {RUN_ID} STEP`. Clear its failed tasks or run it again: what was done is not done twice.",
            trigger_rule="one_failed",
        )
        # `notify` is the watcher: it is skipped by no failure before it, so a run with a failed step has failed.
        tasks[-1] >> notify
        tasks >> notify_failure
    globals()[dag_id] = dag
