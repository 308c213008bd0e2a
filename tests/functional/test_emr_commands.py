"""`rules emr submit | status | logs | cancel` on clusters as somebody types them, against a stand-in of AWS."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from moto.emr.models import emr_backends

from jobs import emr_runs
from tests.functional.emr_account import FROZEN, OWN, PLACES, SECRET, STEPS, account, words
from tests.functional.rules_command import RulesCommand
from tests.functional.test_emr import REGION


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCommand]:
    with account(tmp_path, monkeypatch) as command:
        yield command


def end(cluster: str, **states: str) -> None:
    for step in emr_backends["123456789012"][REGION].clusters[cluster].steps:
        step.state = states.get(step.name.split()[0], step.state)


def test_the_same_words_are_the_same_run(rules: RulesCommand) -> None:
    """The id follows from the day and the words, so submitting it again attaches, and another day is another run."""
    first = rules.json("emr", "submit", *words(PLACES, OWN, SECRET))
    again = rules.json("emr", "submit", *words(PLACES, OWN, SECRET))
    assert first["run_id"].startswith("2024-06-01-")
    assert [first[key] for key in ("run_id", "cluster", "steps")] == [again[k] for k in ("run_id", "cluster", "steps")]
    assert len(first["steps"]) == 5
    assert list(first["left_out"]) == ["ingest", "master", "curate"]
    other = rules.json("emr", "submit", *words(PLACES, OWN, SECRET, {"--as-of": "2024-06-02"}))
    assert other["cluster"] != first["cluster"]


def test_a_dry_run_prints_the_requests_and_makes_none(rules: RulesCommand) -> None:
    """As they would be made, the frozen rule set named after the run."""
    at = {"--created-at": "2024-06-02T04:00:00+00:00"}
    said = rules.json("emr", "submit", *words(PLACES, OWN, SECRET, at), "--dry-run")
    (request,) = said["requests"]
    assert (request["service"], request["operation"]) == ("emr", "RunJobFlow")
    frozen = f"s3://rules-runs/rule-sets/{said['run_id']}.json"
    assert all(frozen in step["HadoopJarStep"]["Args"] for step in request["request"]["Steps"][:3])
    assert json.loads(rules.fine("emr", "submit", *words(PLACES, OWN, SECRET, at), "--dry-run")) == said["requests"]
    assert boto3.client("emr", region_name=REGION).list_clusters()["Clusters"] == []


def test_how_a_run_is_and_stopping_it(rules: RulesCommand) -> None:
    """Its steps in order; a cluster of its own is stopped as a whole, and then there is nothing to stop."""
    told = rules.json("emr", "submit", *words(PLACES, OWN, SECRET))
    end(told["cluster"], freeze="COMPLETED", evaluate="RUNNING")
    said = rules.json("emr", "status", told["run_id"])
    steps = [(step["step"], step["state"]) for step in said["steps"]]
    assert steps[:2] == [("freeze", "COMPLETED"), ("evaluate", "RUNNING")]
    assert [step for step, _ in steps] == [*STEPS]
    assert rules.json("emr", "cancel", told["run_id"])["state"] == "TERMINATED"
    code, faults = rules.refused("emr", "cancel", told["run_id"])
    assert (code, faults[0]["what"]) == (5, f"it has ended on cluster {told['cluster']}.")


def test_a_run_that_nobody_submitted_is_said_to_be_none(rules: RulesCommand) -> None:
    """With what may be behind it."""
    code, (fault,) = rules.refused("emr", "status", "2024-06-01-none")
    assert (code, fault["which"]) == (5, "Run prod_acme 2024-06-01-none")
    assert "--cluster" in fault["remedy"]


def test_waiting_ends_with_the_run_and_a_failed_step_is_named(rules: RulesCommand) -> None:
    """Exit 0 once all steps are done; exit 6 where one failed, with the command that shows its log."""
    told = rules.json("emr", "submit", *words(PLACES, OWN, FROZEN))
    end(told["cluster"], **dict.fromkeys(STEPS, "COMPLETED"))
    assert rules.json("emr", "status", told["run_id"], "--wait")["done"]
    assert rules.json("emr", "submit", *words(PLACES, OWN, FROZEN), "--wait")["done"]
    end(told["cluster"], guard="FAILED", publish="CANCELLED")
    code, (fault,) = rules.refused("emr", "status", told["run_id"], "--wait")
    assert (code, fault["which"]) == (6, f"Step guard prod_acme {told['run_id']}")
    assert f"rules emr logs {told['run_id']} guard" in fault["remedy"]


def test_progress_is_told_while_a_run_goes_on(rules: RulesCommand) -> None:
    """Which step goes on, and what share of them is done; it looks again after a pause."""
    run_id = rules.json("emr", "submit", *words(PLACES, OWN, FROZEN))["run_id"]
    client, said, after = boto3.client("emr", region_name=REGION), [], iter(STEPS[1:])
    look = lambda: emr_runs.state_of(client, f"prod_acme {run_id}")  # noqa: E731
    cluster = look().cluster
    found = emr_runs.waited_for(
        look,
        f"prod_acme {run_id}",
        lambda *told: said.append(told),
        lambda _: end(cluster, **{next(after): "COMPLETED"}),
    )
    assert found.done
    assert [share for _, share in said] == pytest.approx([0, 1 / 4, 2 / 4, 3 / 4])
    assert "evaluate running" in said[0][0]


def test_a_step_of_a_shared_cluster_is_stopped_alone() -> None:
    """The requests as AWS is to get them; moto knows no CancelSteps."""
    client = boto3.client("emr", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="y")
    steps = [
        {"Id": f"s-{n}", "Name": f"{what} prod_acme r1", "Status": {"State": state}}
        for n, (what, state) in enumerate([("publish", "PENDING"), ("guard", "RUNNING"), ("evaluate", "COMPLETED")])
    ]
    about = {"Cluster": {"Id": "j-1", "Name": "shared", "Status": {"State": "RUNNING"}}}
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_response("describe_cluster", about, {"ClusterId": "j-1"})
            stub.add_response("list_steps", {"Steps": steps}, {"ClusterId": "j-1"})
            if _ == 0:
                wanted = {"ClusterId": "j-1", "StepIds": ["s-1", "s-0"], "StepCancellationOption": "TERMINATE_PROCESS"}
                stub.add_response("cancel_steps", {}, wanted)
        assert not emr_runs.cancel(client, "prod_acme r1", "j-1").ended
        stub.assert_no_pending_responses()


def test_the_log_of_a_step_is_that_of_its_driver_too(rules: RulesCommand) -> None:
    """What spark-submit said on the primary node names the application; the driver was the first container of that."""
    told = rules.json("emr", "submit", *words(PLACES, OWN, FROZEN))
    s3, (step, *_) = boto3.client("s3", region_name=REGION), told["steps"]
    application = "application_1717214400000_0001"
    put = {
        f"steps/{step}/stderr.gz": f"Submitted {application}",
        f"containers/{application}/container_1717214400000_0001_01_000001/stdout.gz": "Rule GOLD-014: no such column",
        f"containers/{application}/container_1717214400000_0001_01_000002/stdout.gz": "an executor's",
    }
    code, (fault,) = rules.refused("emr", "logs", told["run_id"], "evaluate")
    assert (code, fault["what"]) == (5, "there are none below s3://rules-logs/emr yet.")
    for key, text in put.items():
        s3.put_object(Bucket="rules-logs", Key=f"emr/{told['cluster']}/{key}", Body=gzip.compress(text.encode()))
    said = rules.json("emr", "logs", told["run_id"], "evaluate")
    assert [log["text"] for log in said] == [f"Submitted {application}", "Rule GOLD-014: no such column"]
    assert (
        rules.refused("emr", "logs", told["run_id"], "land")[1][0]["remedy"]
        == "There are: evaluate, guard, publish, register."
    )


def test_a_report_says_what_a_run_took(rules: RulesCommand) -> None:
    """Steps by EMR's own times; without a price no cost, and without a manifest no phases."""
    run_id = rules.json("emr", "submit", *words(PLACES, OWN, FROZEN))["run_id"]
    said = rules.json("emr", "report", run_id, "--runs", PLACES["--runs"])
    assert (said["run_id"], said["phases"], said["cost"]) == (run_id, {}, None)
    code, (fault,) = rules.refused("emr", "report", "another")
    assert (code, "no cluster of the last two months" in fault["what"]) == (5, True)


def test_a_cluster_that_fails_at_once_says_why(rules: RulesCommand) -> None:
    """No step of it ever ran; what AWS says of the cluster is told by status and by waiting, exit 6."""
    told = rules.json("emr", "submit", *words(PLACES, OWN, FROZEN))
    end(told["cluster"], **dict.fromkeys(STEPS, "CANCELLED"))
    cluster, why = emr_backends["123456789012"][REGION].clusters[told["cluster"]], "The subnet has no free address."
    cluster.state, cluster.last_state_change_reason = "TERMINATED_WITH_ERRORS", why
    assert rules.json("emr", "status", told["run_id"])["why"] == why
    code, (fault,) = rules.refused("emr", "status", told["run_id"], "--wait")
    assert (code, f"TERMINATED_WITH_ERRORS: {why[:-1]})." in fault["what"]) == (6, True)
