"""`rules emr` on EMR Serverless as somebody types it, against a stand-in of AWS."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.emrserverless.models import emrserverless_backends

from jobs import emr_serverless
from jobs.sequence import Before
from rules_engine.errors import RunInterrupted
from tests.functional import test_emr
from tests.functional.emr_account import FROZEN, PLACES, account, make_role, words
from tests.functional.rules_command import RulesCommand
from tests.functional.test_emr import APPLICATION, REGION
from tests.unit.house import MONDAY, House

WHOLE = replace(test_emr.WHOLE, before=Before())


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCommand]:
    with account(tmp_path, monkeypatch) as command:
        yield command


@pytest.fixture
def application(rules: RulesCommand, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "RUNNING")
    client = boto3.client("emr-serverless", region_name=REGION)
    made = str(client.create_application(name="rules", releaseLabel="emr-7.13.0", type="SPARK")["applicationId"])
    emrserverless_backends["123456789012"][REGION].job_runs[made] = []  # moto knows of no application without jobs
    return made


def ended(application: str, state: str) -> None:
    """The job of a step that goes on ends so: moto ends none by itself."""
    for job in emrserverless_backends["123456789012"][REGION].job_runs[application]:
        if job.state not in ("SUCCESS", "FAILED"):
            job.state = state


def test_serverless_does_one_step_after_the_other_and_none_twice(rules: RulesCommand, application: str) -> None:
    """Submitted again while a step goes on it attaches; once that is done the next one starts; a failed one again."""
    client = boto3.client("emr-serverless", region_name=REGION)

    def submit() -> list[str]:
        found = emr_serverless.submit(client, WHOLE, application, "s3://rules-logs/emr", publish=True)
        return [f"{step.what} {step.state}" for step in found.steps]

    assert submit() == submit() == ["freeze RUNNING"]
    assert len(client.list_job_runs(applicationId=application)["jobRuns"]) == 1
    ended(application, "SUCCESS")
    assert submit() == ["freeze COMPLETED", "evaluate RUNNING"]
    ended(application, "FAILED")
    assert submit() == ["freeze COMPLETED", "evaluate RUNNING"]
    assert len(client.list_job_runs(applicationId=application)["jobRuns"]) == 3


def test_a_try_after_a_failed_one_has_another_token() -> None:
    """With the same one AWS would answer the failed job; two who submit at once have the same."""
    step = emr_serverless.calls_of(WHOLE, APPLICATION, "s3://rules-logs/emr", publish=True)[0].request
    again = emr_serverless.calls_of(WHOLE, APPLICATION, "s3://rules-logs/emr", publish=True)[0].request
    assert step["clientToken"] == again["clientToken"]
    from jobs.emr import steps_of

    retried = emr_serverless.job_run(
        WHOLE, steps_of(WHOLE, publish=True)[0], APPLICATION, "s3://rules-logs/emr", failed=1
    )
    assert retried["clientToken"] != step["clientToken"]


def test_serverless_to_its_end(rules: RulesCommand, application: str) -> None:
    """With --wait each step is started as the one before is done; one that fails ends it, with its name."""
    client = boto3.client("emr-serverless", region_name=REGION)
    told = (client, WHOLE, application, "s3://rules-logs/emr")
    done = emr_serverless.submitted_to_its_end(*told, publish=True, sleep=lambda _: ended(application, "SUCCESS"))
    assert done.done
    other = (client, WHOLE.__class__(**{**_fields(WHOLE), "run_id": "r2"}), *told[2:])
    with pytest.raises(RunInterrupted, match="Step freeze prod_acme r2: it ended as FAILED"):
        emr_serverless.submitted_to_its_end(*other, publish=True, sleep=lambda _: ended(application, "FAILED"))


def _fields(job: Any) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__slots__}


def test_serverless_from_the_command_line(rules: RulesCommand, application: str) -> None:
    """Submit, look, read the log, stop."""
    roles = {
        f"--{name}-role": f"arn:aws:iam::123456789012:role/{name}"
        for name in ("evaluator", "guard", "publisher", "checker")
    }
    on = {"--serverless": application}
    for name in ("evaluator", "guard", "publisher", "checker"):
        make_role(name, {"Service": "emr-serverless.amazonaws.com"})
    told = rules.json("emr", "submit", *words(PLACES, FROZEN, roles, on, logs="s3://rules-logs/emr"))
    assert rules.json("emr", "status", told["run_id"], *words(on))["steps"][0]["step"] == "evaluate"
    key = f"emr/applications/{application}/jobs/{told['steps'][0]}/SPARK_DRIVER/stdout.gz"
    boto3.client("s3", region_name=REGION).put_object(Bucket="rules-logs", Key=key, Body=gzip.compress(b"said"))
    log = rules.json("emr", "logs", told["run_id"], "evaluate", *words(on, logs="s3://rules-logs/emr"))
    assert log[0]["text"] == "said"
    assert rules.json("emr", "cancel", told["run_id"], *words(on))["steps"][0]["state"] in (
        "CANCELLED",
        "CANCEL_PENDING",
    )
    code, faults = rules.refused("emr", "submit", *words(PLACES, FROZEN, on, logs="s3://rules-logs/emr"))
    assert (code, [fault["which"] for fault in faults]) == (5, [*roles])


def test_a_report_of_serverless_says_what_is_billed(rules: RulesCommand, application: str) -> None:
    """Of each step all jobs, one that failed and the one after it; phases by the manifest; a cost by prices alone."""
    client, hours = boto3.client("emr-serverless", region_name=REGION), ("vCPUHour", "memoryGBHour", "storageGBHour")
    jobs = emrserverless_backends["123456789012"][REGION].job_runs[application]
    for state, seconds, vcpu in (("FAILED", 60, 0.5), ("SUCCESS", 120, 1.5), ("SUCCESS", 600, 4.0)):
        emr_serverless.submit(client, WHOLE, application, "s3://rules-logs/emr", publish=True)
        jobs[-1].state, jobs[-1].total_execution_duration_seconds = state, seconds
        jobs[-1].billed_resource_utilization = dict(zip(hours, (vcpu, 4 * vcpu, 0.0), strict=True))
    ask = ("emr", "report", WHOLE.run_id, *words({"--serverless": application, "--runs": WHOLE.runs}))
    said = rules.json(*ask)
    assert (said["steps"], said["phases"], said["cost"]) == ({"freeze": 180, "evaluate": 600}, {}, None)
    assert said["billed_hours"] == {"vcpu": 6.0, "memory": 24.0, "storage": 0.0}
    assert "No estimate: set RULES_VCPU_PRICE" in rules.fine(*ask)

    house = House()
    manifest = house.store.manifest(house.evaluate(MONDAY))
    assert manifest
    key, body = f"staged/prod_acme_dynamodb/{WHOLE.run_id}/manifest.json", json.dumps(manifest.content())
    boto3.client("s3", region_name=REGION).put_object(Bucket="rules-runs", Key=key, Body=body.encode())
    prices = {"RULES_VCPU_PRICE": "0.05 EUR: our contract", "RULES_GB_PRICE": "0.01 EUR: our contract"}
    priced = replace(rules, settings=rules.settings | prices).json(*ask)
    assert (priced["cost"]["amount"], priced["cost"]["currency"]) == (0.54, "EUR")
    assert priced["phases"] == dict(manifest.evaluation.seconds)
    for wrong in (("emr", "report", "another", *ask[3:]), (*ask[:4], "00none", *ask[5:])):
        code, (fault,) = rules.refused(*wrong)
        assert (code, fault["which"]) == (5, f"Run prod_acme {wrong[2]}")
