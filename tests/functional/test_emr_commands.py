"""`rules emr submit | status | logs | cancel` as somebody types them, against a stand-in of AWS."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends

from jobs import cluster_checks, emr_runs, emr_serverless
from jobs.sequence import Before
from rules_engine.errors import RunInterrupted
from tests.functional import test_emr
from tests.functional.rules_command import RulesCommand
from tests.functional.test_emr import APPLICATION, REGION
from tests.spec.table import Row, cases
from tests.unit.house import MONDAY, House

PLACES = {"--artefacts": "s3://art/1", "--rule-set": "s3://rules-runs/rule-sets/", "--lake": "s3://lake/f.toml"}
PLACES |= {"--runs": "s3://rules-runs/runs", "--as-of": "2024-06-01"}
OWN = {"--logs": "s3://rules-logs/emr/", "--subnet": "subnet-1", "--service-role": "emr", "--instance-profile": "nodes"}
WHOLE = replace(test_emr.WHOLE, before=Before())
FROZEN = {"--rule-set": "s3://rules-runs/frozen.json"}
SECRET = {"--database-secret": "rules/database"}
STEPS = ("freeze", "evaluate", "guard", "publish", "register")
PACKAGE = {"SHA256SUMS": b"", "rules.zip": b""} | {f"{step}-x86_64.zip": b"" for step in STEPS}
PACKAGE |= {f"{step}_step.py": b"made by `rules emr package` for Python 3.11." for step in STEPS}


def words(*told: dict[str, str], **other: str) -> list[str]:
    said = {key: value for each in told for key, value in each.items()} | {f"--{k}": v for k, v in other.items()}
    return [word for pair in said.items() for word in pair]


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCommand]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    told = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        for bucket in ("rules-runs", "rules-logs", "art", "lake"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        far = {"LocationConstraint": "us-west-2"}
        boto3.client("s3", region_name="us-west-2").create_bucket(Bucket="rules-far", CreateBucketConfiguration=far)
        for name, body in PACKAGE.items():
            s3.put_object(Bucket="art", Key=f"1/{name}", Body=body)
        s3.put_object(Bucket="lake", Key="f.toml", Body=b"")
        s3.put_object(Bucket="rules-runs", Key="frozen.json", Body=b"{}")
        yield RulesCommand(tmp_path, told | {"RULES_ENV": "prod", "RULES_TENANT": "acme"})


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


NOT_READY = """
    words                      | taken away       | says                                          | because
    ---------------------------+------------------+-----------------------------------------------+------------------------------
    -                          | art/1/SHA256SUMS | it is not there, or not whole                 | an upload was interrupted
    -                          | art/1/guard-x86_64.zip | it lacks guard-x86_64.zip               | packaged by an earlier version
    --instance-type=m7g.xlarge | -                | --architecture arm64 --python 3.11            | other nodes, other libraries
    --python=3.12              | -                | it is for Python 3.11, and the nodes are to   | packaged for another Python
    --artefacts=s3://art/2     | -                | it is not there, or not whole                 | a version nobody uploaded
    --lake=s3://lake/g.toml    | -                | Lake declaration s3://lake/g.toml: there is   | the address is wrong
    --database-secret=         | -                | Frozen rule set s3://rules-runs/rule-sets/    | nobody froze it
    --loader-role=arn:aws:iam::123456789012:role/none --security-configuration=x | - | there is no such role | nobody made it
    --logs=s3://rules-lost/emr/ | -               | Bucket rules-lost: there is none of that name | nobody would read why it failed
    --runs=s3://rules-far/runs | -                | it is in us-west-2, which nodes in eu-west-1 do not reach. Name one of eu-west-1 | a bucket of another region
"""


@pytest.mark.parametrize("row", cases(NOT_READY))
def test_what_would_not_start_is_not_started(rules: RulesCommand, row: Row) -> None:
    """A missing artefact, the wrong Python or processor, a role that is none: before any cluster is."""
    if row["taken away"] != "-":
        bucket, _, key = row["taken away"].partition("/")
        boto3.client("s3", region_name=REGION).delete_object(Bucket=bucket, Key=key)
    wrong = {} if row["words"] == "-" else dict(word.split("=", 1) for word in row["words"].split())
    said = {key: value for key, value in (PLACES | OWN | SECRET | wrong).items() if value}
    code, faults = rules.refused("emr", "submit", *words(said))
    told = [f"{fault['which']}: {fault['what']} {fault['remedy']}" for fault in faults]
    assert (code, len(told)) == (5, 1)
    assert row["says"] in told[0]
    assert boto3.client("emr", region_name=REGION).list_clusters()["Clusters"] == []


UNASKED = """
    settings                                  | code | says                              | because
    ------------------------------------------+------+-----------------------------------+--------------------------------
    AWS_SECRET_ACCESS_KEY=                    | 5    | Sign in, or set AWS_PROFILE       | a key without its secret
    AWS_PROFILE=nobody                        | 5    | profile (nobody) could not be     | a profile that nobody configured
    AWS_REGION=eu_west_1                      | 5    | set AWS_PROFILE and AWS_REGION    | a region that can be none
    HTTPS_PROXY=http://ann:geheim@127.0.0.1:9 | 6    | Look at HTTPS_PROXY and NO_PROXY  | a proxy that refuses
"""


@pytest.mark.parametrize("row", cases(UNASKED))
def test_who_cannot_ask_aws_is_told_so_once(tmp_path: Path, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault, not one for each thing that would have been looked at; no password is repeated. There is no stand-in."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it may have read another test's credentials
    told = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_MAX_ATTEMPTS": "1"}
    told |= {"AWS_EC2_METADATA_DISABLED": "true"} | dict([row["settings"].split("=", 1)])
    for name in (name for name, value in told.items() if not value):
        monkeypatch.delenv(name, raising=False)
    rules = RulesCommand(tmp_path, {name: value for name, value in told.items() if value})
    done = rules("emr", "submit", *words(PLACES, OWN, SECRET), "--json")
    (fault,) = json.loads(done.stdout)["faults"]
    assert (done.exit_code, row["says"] in f"{fault['what']} {fault['remedy']}") == (int(row["code"]), True)
    assert "geheim" not in done.stdout + done.stderr


def test_what_nobody_may_look_at_is_said_and_stops_nothing(
    rules: RulesCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bucket of logs that denies whoever submits, it is said that it was not looked at."""
    denied = ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")
    look = cluster_checks.bucket_faults

    def deny(s3: Any, bucket: str) -> Any:
        if bucket == "rules-logs":
            raise denied
        return look(s3, bucket)

    monkeypatch.setattr("jobs.cluster_checks.bucket_faults", deny)
    done = rules("emr", "submit", *words(PLACES, OWN, SECRET))
    assert (done.exit_code, "Bucket rules-logs: not looked at: 403." in done.stderr) == (0, True)


def test_a_cluster_that_fails_at_once_says_why(rules: RulesCommand) -> None:
    """No step of it ever ran; what AWS says of the cluster is told by status and by waiting, exit 6."""
    told = rules.json("emr", "submit", *words(PLACES, OWN, FROZEN))
    end(told["cluster"], **dict.fromkeys(STEPS, "CANCELLED"))
    cluster, why = emr_backends["123456789012"][REGION].clusters[told["cluster"]], "The subnet has no free address."
    cluster.state, cluster.last_state_change_reason = "TERMINATED_WITH_ERRORS", why
    assert rules.json("emr", "status", told["run_id"])["why"] == why
    code, (fault,) = rules.refused("emr", "status", told["run_id"], "--wait")
    assert (code, f"TERMINATED_WITH_ERRORS: {why[:-1]})." in fault["what"]) == (6, True)


def test_a_full_queue_says_to_wait(rules: RulesCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster takes 256 steps that are yet to do; the stand-in takes any number."""
    full = {"Code": "ValidationException", "Message": "Maximum number of active steps for cluster exceeded."}

    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": full}, "AddJobFlowSteps")

    monkeypatch.setattr("moto.emr.responses.ElasticMapReduceResponse.add_job_flow_steps", refuse)
    request = test_emr.golden("emr_job_flow.json") | {"Name": "shared"}
    shared = boto3.client("emr", region_name=REGION).run_job_flow(**request)["JobFlowId"]
    code, (fault,) = rules.refused("emr", "submit", *words(PLACES, FROZEN, {"--cluster": shared}))
    assert (code, "Wait until others are done" in fault["remedy"]) == (5, True)


def test_a_role_that_cannot_be_taken_and_a_region_without_the_release_are_said(rules: RulesCommand) -> None:
    """The role trusts somebody else than the nodes; both are told together."""
    iam = boto3.client("iam", region_name=REGION)
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:AssumeRole"}]
    }
    for name in ("nodes", "evaluator"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")
    role = {"--evaluator-role": "arn:aws:iam::123456789012:role/evaluator", "--security-configuration": "x"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.cluster_checks.RELEASE", "emr-spark-99.0.0")
        code, faults = rules.refused("emr", "submit", *words(PLACES, OWN, SECRET, role))
    assert (code, [fault["which"].split()[0] for fault in faults]) == (5, ["Release", "Role"])
    assert "the region eu-west-1 does not have it" in faults[0]["what"]
    assert faults[1]["what"] == "it does not let itself be taken by arn:aws:iam::123456789012:role/nodes."


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
    who = {"Effect": "Allow", "Principal": {"Service": "emr-serverless.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for name in ("evaluator", "guard", "publisher", "checker"):
        trust = json.dumps({"Statement": [who]})
        boto3.client("iam", region_name=REGION).create_role(RoleName=name, AssumeRolePolicyDocument=trust)
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


WRONG = """
    words                                      | which                                       | because
    -------------------------------------------+---------------------------------------------+-------------------------------------------
    --logs=                                    | --logs                                      | a cluster of its own keeps logs
    --subnet= --service-role=                  | --subnet --service-role                     | both are said at once
    --loader-role=arn:aws:iam::1:role/x        | --security-configuration --loader-role      | not an account, and what allows roles
    --loader-role=arn:aws:iam::123456789012:user/x | --security-configuration --loader-role  | a user is no role
    --as-of=2024-06-31                         | --as-of                                     | no such day
    --as-of=                                   | --run-id                                    | nothing names the run
    --as-of= --run-id=r --database-secret=s    | --as-of                                     | a rule set is frozen of a day
    --run-id=../x                              | --run-id                                    | it would be another folder
    --run-id=*                                 | --run-id                                    | a policy would reach every run
    --lake=/lake/f.toml                        | --lake                                      | a cluster reads no folder of this machine
    --lake=s3://b --runs=s3:/x/y --artefacts=x | --artefacts --lake --runs                   | each that is no place on S3
    --rule-set=s3://rules-runs/rule-sets       | --rule-set                                  | a file or a folder
    --python=3.10                              | --python                                    | older than any release has
    --python=3.11.9                            | --python                                    | a patch version is in no path
    --instance-type=t3.micro                   | Instance                                    | no executor fits
    --instance-type=m7i.bigger                 | Instance                                    | no such size
    --cluster=mycluster                        | --cluster                                   | a name is no id
    --serverless=00F1-X                        | --serverless                                | nor here
    --serverless=00f1 --cluster=j-1            | --serverless                                | one place, not two
"""


@pytest.mark.parametrize("row", cases(WRONG))
def test_what_is_wrong_is_refused_all_at_once(tmp_path: Path, row: Row) -> None:
    """Each missing or wrong word of a submission, before anything is asked of AWS: here there is none (R-OPS-6)."""
    rules = RulesCommand(tmp_path)
    wrong = dict(word.split("=", 1) for word in row["words"].split())
    said = {key: value for key, value in (PLACES | OWN | wrong).items() if value}
    code, faults = rules.refused("emr", "submit", *words(said))
    assert (code, {fault["which"].split()[0] for fault in faults}) == (5, set(row["which"].split()))
    assert all(fault["what"] and fault["remedy"] for fault in faults)
