"""The nightly workflow under a real Airflow: what it imports, its order, a good night and a bad one."""

import ast
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import ROLES

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "airflow" / "dags" / "rules_nightly.py"
NIGHT = datetime(2024, 6, 1, 4, tzinfo=UTC)
RUN_ID = "2024-06-01T040000Z"
STEPS = ["ingest", "master", "freeze", "curate", "evaluate", "guard", "publish", "register"]
FAILING, RESUMED = (STEPS, STEPS) if "EVERY_CASE" in os.environ else (["evaluate"], ["guard"])
"""A night in which a step fails takes half a minute; with ``EVERY_CASE`` set, each step fails in turn."""


def golden(name: str) -> Any:
    """What `jobs/emr.py` makes for the same settings; only the run's id is another."""
    text = (ROOT / "tests" / "golden" / name).read_text()
    return json.loads(text.replace("2024-06-01-a1b2c3d4e5f6", RUN_ID))


def states(run: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def test_the_dag_imports_airflow_and_nothing_of_ours() -> None:
    """R-OPS-2: the scheduler needs neither our code nor our libraries."""
    tree = ast.parse(FILE.read_text())
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {"__future__", "airflow", "datetime", "json", "pathlib", "typing"}
    assert {name.split(".")[0] for name in named} == ours


def test_the_dag_parses_where_our_packages_are_out_of_reach() -> None:
    """
    A fresh interpreter away from the project and without a network loads the file, none of our modules with it.

    Beside Airflow and its provider, which a scheduler has loaded, that takes less than a second of a processor.
    """
    program = (
        "import runpy, socket, sys, time\n"
        "import airflow.providers.amazon.aws.operators.emr, airflow.providers.amazon.aws.sensors.emr\n"
        "socket.socket.connect = None\n"
        "began = time.process_time()\n"
        f"runpy.run_path({str(FILE)!r})\n"
        "assert time.process_time() - began < 1, time.process_time() - began\n"
        "print(sorted({'rules_engine', 'rules_repo', 'jobs', 'console', 'demo'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_projects_airflow_folder_does_not_hide_airflow() -> None:
    """From the project's root `import airflow` is the installed one: the folder holds no __init__.py."""
    program = "import airflow.configuration; print(airflow.__file__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "site-packages" in done.stdout.splitlines()[-1]


def test_the_order_is_that_of_the_steps_and_then_notify(dag: Any) -> None:
    """Steps are added before any is waited for, since a transient cluster without steps ends itself."""
    order = ["create_cluster", *(f"add_{step}" for step in STEPS), *STEPS, "notify"]
    for before, after in pairwise(order):
        assert after in dag.get_task(before).downstream_task_ids
    assert {task.task_id for task in dag.tasks} == {*order, "notify_failure", "terminate_cluster"}


def test_the_cluster_is_torn_down_not_merely_ended_last(dag: Any) -> None:
    """A last task that runs whatever happened would report success for it; a tear-down does not count."""
    terminate = dag.get_task("terminate_cluster")
    assert terminate.is_teardown
    assert not terminate.on_failure_fail_dagrun
    assert dag.get_task("create_cluster").is_setup
    assert terminate.downstream_task_ids == set()


def test_what_is_executed_is_an_operators_own(dags: Any) -> None:
    """Airflow 2 executes with a word that only what operators define takes: of a class beside them no step would run."""
    for task in (task for dag in dags.values() for task in dag.tasks):
        owner = next(each for each in type(task).__mro__ if "execute" in vars(each))
        assert hasattr(owner, "template_fields"), task


def test_one_run_at_a_time(dag: Any) -> None:
    """A run reads the decisions published before it."""
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_a_good_night(dag: Any, aws: Any) -> None:
    """Cluster, eight steps in order, message; the cluster is gone and the requests are those of the golden files."""
    run = dag.test(logical_date=NIGHT)
    assert str(run.state) == "success"
    assert states(run) == dict.fromkeys((t.task_id for t in dag.tasks), "success") | {"notify_failure": "skipped"}
    assert aws.cluster()["Status"]["State"] == "TERMINATED"
    ((subject, message),) = aws.told()
    assert subject == f"Rules published: {RUN_ID}"
    assert "as of 2024-06-01" in message
    assert "1,200 subjects, 3 rule versions.\nGOLD: 45 members, 7 gained, 2 lost." in message
    assert "/staged/prod_acme_dynamodb/2024-06-01T040000Z/manifest.json" in message
    assert aws.asked("RunJobFlow") == [golden("emr_job_flow.json")]
    assert [step for request in aws.asked("AddJobFlowSteps") for step in request["Steps"]] == golden("emr_steps.json")


def test_a_step_with_nothing_configured_is_left_out(dag: Any, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No extracts, masters or register are told of: their tasks are skipped, the others go on, and it is a good night."""
    for name in ("EXTRACTS_URI", "LANDED_URI", "MASTER_URI", "TOKENS_URI", "TOKEN_SECRET"):
        monkeypatch.delenv(f"AIRFLOW_VAR_RULES_{name}")
    monkeypatch.setenv("AIRFLOW_VAR_RULES_REGISTER", "no")
    run = dag.test(logical_date=NIGHT.replace(day=25))
    assert str(run.state) == "success"
    skipped = {task for task, state in states(run).items() if state == "skipped"}
    left = ("ingest", "master", "curate", "register")
    assert skipped == {*left, *(f"add_{step}" for step in left), "notify_failure"}
    added = [step["Name"].split()[0] for request in aws.asked("AddJobFlowSteps") for step in request["Steps"]]
    assert added == ["freeze", "evaluate", "guard", "publish"]


@pytest.mark.parametrize("failing", FAILING)
def test_a_bad_night_is_reported_and_leaves_no_cluster(dag: Any, aws: Any, failing: str) -> None:
    """Whichever step fails: the run has failed, the cluster is gone, people are told, nothing says it was published."""
    aws.failing = {failing}
    run = dag.test(logical_date=NIGHT.replace(day=10 + STEPS.index(failing)))
    assert str(run.state) == "failed"
    ended = states(run)
    assert (ended[failing], ended["notify"], ended["terminate_cluster"]) == ("failed", "upstream_failed", "success")
    assert aws.cluster()["Status"]["State"] == "TERMINATED"
    ((subject, _),) = aws.told()
    assert subject.startswith("Rules not published:")


def test_a_night_that_cannot_start_is_told_too(dag: Any, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Variable is missing, so there is no cluster at all: the run has failed and people are told."""
    monkeypatch.delenv("AIRFLOW_VAR_RULES_SUBNET_ID")
    run = dag.test(logical_date=NIGHT.replace(day=20))
    assert str(run.state) == "failed"
    assert states(run)["create_cluster"] == "failed"
    assert aws.emr.list_clusters()["Clusters"] == []
    ((subject, _),) = aws.told()
    assert subject.startswith("Rules not published:")


def test_a_run_by_hand_may_name_its_day_and_roles_are_used(dag: Any, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a logical date, for another business day, each step under the role that has its rights and no more."""
    for name in ROLES:
        monkeypatch.setenv(f"AIRFLOW_VAR_RULES_{name.upper()}_ROLE", f"arn:aws:iam::123456789012:role/{name}")
    run = dag.test(logical_date=None, run_after=NIGHT.replace(day=21), run_conf={"as_of": "2024-05-31"})
    assert str(run.state) == "success"
    added = aws.asked("AddJobFlowSteps")
    words = added[2]["Steps"][0]["HadoopJarStep"]["Args"]
    assert words[words.index("--as-of") + 1] == "2024-05-31"
    assert words[words.index("--known-at") + 1] == "2024-06-21T04:00:00+00:00"
    assert [request["ExecutionRoleArn"].split("/")[1] for request in added] == ROLES


@pytest.mark.parametrize("failing", RESUMED)
def test_a_failed_night_goes_on_where_it_stopped(dag: Any, aws: Any, failing: str) -> None:
    """A held run is a failed one; started again, the night has the same run id: what was done is not done twice."""
    aws.failing, night = {failing}, NIGHT.replace(month=7, day=1 + STEPS.index(failing))
    run = dag.test(logical_date=night)
    assert str(run.state) == "failed"
    assert [states(run)[task] for task in (failing, "notify", "terminate_cluster")] == [
        *("failed", "upstream_failed", "success")
    ]
    aws.failing = set()
    assert str(dag.test(logical_date=night).state) == "success"
    names = [step["Name"] for request in aws.asked("AddJobFlowSteps") for step in request["Steps"]]
    assert names[:8] == names[8:]
    assert [subject.split(":")[0] for subject, _ in aws.told()] == ["Rules not published", "Rules published"]


def test_what_is_told_by_hand_reaches_the_steps(dag: Any, aws: Any) -> None:
    """A dry run of a correction in another environment: each step is told what it is about, and the message says so."""
    told = {"as_of": "2024-05-30", "environment": "test", "dry_run": True, "correction": True}
    assert str(dag.test(logical_date=NIGHT.replace(day=22), run_conf=told).state) == "success"
    steps = {s["Name"].split()[0]: s["HadoopJarStep"]["Args"] for r in aws.asked("AddJobFlowSteps") for s in r["Steps"]}
    said = {step: dict(pairwise(words)) for step, words in steps.items()}
    assert (said["evaluate"]["--correction"], said["publish"]["--dry-run"]) == ("yes", "yes")
    assert {each.get("--environment") for each in said.values()} == {"test"}
    assert {each.get("--run-id") for each in said.values()} == {"2024-06-22T040000Z"}
    ((subject, _),) = aws.told()
    assert subject.startswith("Rules looked at:")


@pytest.mark.parametrize("intervals", ["True", "False"])
def test_the_business_day_is_the_same_under_both_settings_for_intervals(intervals: str) -> None:
    """What runs on the morning of the 2nd is about the 2nd, whether Airflow thinks in data intervals or in triggers."""
    program = (
        "import runpy, pendulum\n"
        "from airflow.timetables.base import TimeRestriction\n"
        f"dag = runpy.run_path({str(FILE)!r})['rules_nightly']\n"
        "since = TimeRestriction(pendulum.datetime(2024, 6, 1, 5), None, True)\n"
        "found = dag.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=since)\n"
        "print(found.logical_date.isoformat(), found.run_after.isoformat())\n"
    )
    told = os.environ | {"AIRFLOW__SCHEDULER__CREATE_CRON_DATA_INTERVALS": intervals}
    done = subprocess.run([sys.executable, "-c", program], env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["2024-06-02T04:00:00+00:00"] * 2


def test_on_a_shared_cluster_a_step_waits_for_the_one_before(
    dags: Any, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step is added once the one before is done; a failed one ends no cluster that others use."""
    request = golden("emr_job_flow.json") | {"Name": "shared"}
    monkeypatch.setenv("AIRFLOW_VAR_RULES_CLUSTER_ID", aws.emr.run_job_flow(**request)["JobFlowId"])
    assert str(dags["rules_nightly_shared"].test(logical_date=NIGHT).state) == "success"
    (steps,) = zip(*(request["Steps"] for request in aws.asked("AddJobFlowSteps")), strict=True)
    assert [step["Name"].split()[0] for step in steps] == STEPS
    assert {step["ActionOnFailure"] for step in steps} == {"CONTINUE"}


def test_on_serverless_the_same_sequence_as_jobs(dags: Any, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is a job under its role with the request that `rules emr submit --serverless` makes, its token apart."""
    made = aws.serverless.create_application(name="rules", releaseLabel="emr-7.13.0", type="SPARK")["applicationId"]
    monkeypatch.setenv("AIRFLOW_VAR_RULES_SERVERLESS_APPLICATION", made)
    for name in ROLES:
        monkeypatch.setenv(f"AIRFLOW_VAR_RULES_{name.upper()}_ROLE", f"arn:aws:iam::123456789012:role/rules-{name}")
    assert str(dags["rules_nightly_serverless"].test(logical_date=NIGHT).state) == "success"
    wanted = golden("emr_serverless.json")
    asked = json.loads(json.dumps(aws.started_jobs()).replace(made, "00f1abcdexample"))
    same = ("executionRoleArn", "name", "jobDriver", "configurationOverrides", "tags", "retryPolicy")
    assert [[each[key] for key in same] for each in asked] == [[each[key] for key in same] for each in wanted]
    assert "executionIamPolicy" in asked[STEPS.index("evaluate")]
    assert [each["clientToken"] for each in asked] == [f"prod_acme-{step}-2024-06-01T040000Z-1" for step in STEPS]


def test_setting_up_is_a_workflow_of_its_own(dags: Any, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step on a cluster that is torn down; a failed one is a failed run. Nothing starts it but somebody."""
    monkeypatch.setenv("AIRFLOW_VAR_RULES_SETUP_SECRET", "rules/setup")
    dag = dags["rules_setup"]
    assert str(dag.test(logical_date=NIGHT).state) == "success"
    (step,) = aws.asked("AddJobFlowSteps")[0]["Steps"]
    assert step["Name"] == f"setup prod_acme {RUN_ID}"
    words = step["HadoopJarStep"]["Args"]
    assert words[words.index("--database-secret") + 1] == "rules/setup"
    assert aws.cluster()["Status"]["State"] == "TERMINATED"
    aws.failing = {"setup"}
    assert str(dag.test(logical_date=NIGHT.replace(day=2)).state) == "failed"
