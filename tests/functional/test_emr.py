"""How a run gets onto EMR: the requests as golden files, and submission against a stand-in of AWS."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.validate import ParamValidator
from jinja2 import Environment
from moto import mock_aws
from moto.emr.models import emr_backends

from jobs import emr, emr_cluster, emr_runs, emr_serverless, emr_template
from jobs.sequence import WHOSE, Before
from rules_engine.errors import RunInterrupted, RunRefused

GOLDEN = Path(__file__).parents[1] / "golden"
BESIDE_THE_DAG = Path(__file__).parents[2] / "airflow" / "dags" / "rules_requests.json"
REGION = "eu-west-1"
ARNS = {name: f"arn:aws:iam::123456789012:role/rules-{name}" for name in emr.Roles.__slots__}

JOB = emr.Job(
    run_id="2024-06-01-a1b2c3d4e5f6",
    created_at="2024-06-01T04:00:00+00:00",
    artefacts="s3://rules-artefacts/0.1.0",
    rule_set="s3://rules-runs/rule-sets/2024-06-01-a1b2c3d4e5f6.json",
    lake="s3://rules-lake/frames.toml",
    runs="s3://rules-runs/staged",
    environment="prod",
    tenant="acme",
)
BEFORE = Before(
    extracts="s3://rules-extracts/{frame}/{day}",
    landed="s3://rules-landed/frames.toml",
    tokens="s3://rules-tokens/table",
    token_secret="rules/tokens",
    master="s3://rules-master/master.toml",
)
WHOLE = replace(JOB, as_of="2024-06-01", secret="rules/database", roles=emr.Roles(**ARNS), before=BEFORE)
WHOLE = replace(WHOLE, lineage="https://lineage.example")
CLUSTER = emr_cluster.Cluster(
    logs="s3://rules-logs/emr/",
    subnet="subnet-0a1b2c3d",
    service_role="rules-emr-service",
    instance_profile="rules-emr-nodes",
)
APPLICATION = "00f1abcdexample"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


class Aws:
    """The stand-in's clients, and what EMR does by itself and its stand-in never does: end a step."""

    def __init__(self) -> None:
        self.emr = boto3.client("emr", region_name=REGION)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.s3.create_bucket(Bucket="rules-runs", CreateBucketConfiguration={"LocationConstraint": REGION})

    def submit(self, job: emr.Job = JOB, place: emr_cluster.Cluster | str = CLUSTER) -> emr_runs.RunState:
        return emr_runs.submit_run(self.emr, self.s3, job, place, publish=True, sleep=lambda _: None)

    def shared(self) -> str:
        """A cluster that others use, too."""
        request = emr_cluster.job_flow(JOB, CLUSTER) | {"Name": "shared"}
        request["Instances"]["KeepJobFlowAliveWhenNoSteps"] = True
        return str(self.emr.run_job_flow(**request)["JobFlowId"])

    def end(self, cluster: str, **states: str) -> None:
        backend = emr_backends["123456789012"][REGION].clusters[cluster]
        for step in backend.steps:
            step.state = states.get(step.name.split()[0], step.state)

    def finish(self, cluster: str) -> None:
        """Every step done and the cluster gone, as EMR leaves a run."""
        self.end(cluster, evaluate="COMPLETED", guard="COMPLETED", publish="COMPLETED", register="COMPLETED")
        self.emr.terminate_job_flows(JobFlowIds=[cluster])

    def clusters(self) -> list[str]:
        return [each["Name"] for each in self.emr.list_clusters()["Clusters"]]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield Aws()


@pytest.fixture
def client(aws: Aws) -> Any:
    return aws.emr


def test_the_steps_are_those_of_the_golden_file() -> None:
    """All eight as EMR is told, in order; only freezing and curating know the name of a secret."""
    assert [step.request for step in emr.steps_of(WHOLE, publish=True)] == golden("emr_steps.json")


def test_a_write_policy_goes_to_the_evaluator_alone() -> None:
    """It stands in the manifest that the publisher reads."""
    steps = emr.steps_of(replace(WHOLE, write_policy="changes"), publish=True)
    told = {step.what: step.request["HadoopJarStep"]["Args"] for step in steps}
    assert {what: "changes" in words for what, words in told.items()} == dict.fromkeys(told, False) | {"evaluate": True}


@pytest.mark.parametrize("step", ["evaluate", "guard"])
def test_whoever_runs_or_judges_rules_is_told_of_no_database_and_no_history(step: str) -> None:
    """The evaluator runs rule SQL, so it must hold nothing worth stealing (security.md, separate roles)."""
    (found,) = (each for each in emr.steps_of(WHOLE, publish=True) if each.what == step)
    words = " ".join(found.request["HadoopJarStep"]["Args"])
    for word in ("secret", "database", "postgresql", "dynamodb", "table", "endpoint"):
        assert word not in words


def test_the_cluster_is_that_of_the_golden_file() -> None:
    """
    A transient cluster: ends after the last step, on a failed one and left idle; logs in S3, tags.

    The nodes that hold drivers are on demand, those that come to help are Spot.
    """
    assert emr_cluster.job_flow(JOB, CLUSTER) == golden("emr_job_flow.json")


def test_the_serverless_requests_are_those_of_the_golden_file() -> None:
    """The same artefacts and arguments on EMR Serverless, each step under its role, the evaluating one narrowed."""
    calls = emr_serverless.calls_of(WHOLE, APPLICATION, CLUSTER.logs, publish=True)
    assert [call.request for call in calls] == golden("emr_serverless.json")


def test_what_airflow_fills_in_is_what_is_submitted() -> None:
    """The file beside the DAG is generated: `rules emr requests` writes it anew where this fails."""
    assert json.loads(BESIDE_THE_DAG.read_text()) == emr_template.requests("m7i.2xlarge", 2, 2, "3.11")
    assert emr_template.MARK not in BESIDE_THE_DAG.read_text()


VARIABLES = {
    "rules_artefacts_uri": "s3://rules-artefacts/0.1.0",
    "rules_lake_uri": "s3://rules-lake/frames.toml",
    "rules_rule_sets_uri": "s3://rules-runs/rule-sets",
    "rules_runs_uri": "s3://rules-runs/staged",
    "rules_logs_uri": "s3://rules-logs/emr/",
    "rules_subnet_id": "subnet-0a1b2c3d",
    "rules_service_role": "rules-emr-service",
    "rules_instance_profile": "rules-emr-nodes",
    "rules_database_secret": "rules/database",
    "rules_environment": "prod",
    "rules_tenant": "acme",
    "rules_serverless_application": APPLICATION,
    "rules_extracts_uri": BEFORE.extracts,
    "rules_landed_uri": BEFORE.landed,
    "rules_tokens_uri": BEFORE.tokens,
    "rules_lineage_url": "https://lineage.example",
    "rules_token_secret": BEFORE.token_secret,
    "rules_master_uri": BEFORE.master,
    **{f"rules_{name}_role": arn for name, arn in ARNS.items()},
}


def rendered(body: Any) -> Any:
    """The file beside the DAG as Airflow fills it in for the night of the golden files, value by value."""
    if isinstance(body, dict):
        return {key: rendered(value) for key, value in body.items()}
    if isinstance(body, list):
        return [rendered(value) for value in body]
    night = SimpleNamespace(logical_date=datetime(2024, 6, 1, 4, tzinfo=UTC))
    told = {"params": dict.fromkeys(("as_of", "environment", "dry_run", "correction")), "ti": {"try_number": 1}}
    return (
        Environment().from_string(body).render(var={"value": VARIABLES}, dag_run=night, **told)
        if (isinstance(body, str))
        else body
    )


def test_airflow_asks_for_what_a_submission_does() -> None:
    """Filled in for one night, the requests are those of the golden files; the id of the run, and a token, apart."""
    made = rendered(json.loads(BESIDE_THE_DAG.read_text()))
    wanted = {name: golden(f"emr_{name}.json") for name in ("job_flow", "steps", "serverless")}
    wanted = json.loads(json.dumps(wanted).replace(JOB.run_id, "2024-06-01T040000Z"))
    assert made["cluster"] == wanted["job_flow"]
    assert list(made["steps"].values()) == wanted["steps"]
    tokens = [each["clientToken"] for each in made["serverless"].values()]
    assert tokens == [f"prod_acme-{step}-2024-06-01T040000Z-1" for step in made["steps"]]
    assert [_without_token(each) for each in made["serverless"].values()] == [
        _without_token(each) for each in wanted["serverless"]
    ]


def _without_token(request: Any) -> Any:
    """A job's request; places that are one bucket stand in a policy once or twice, which is the same to AWS."""
    told = {key: value for key, value in request.items() if key != "clientToken"}
    if "executionIamPolicy" in told:
        said = json.loads(told["executionIamPolicy"]["policy"])["Statement"]
        on = [[each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"] for each in said]
        told["executionIamPolicy"] = [each | {"Resource": {*where}} for each, where in zip(said, on, strict=True)]
    return told


def every_call() -> Iterator[emr_runs.Call]:
    """Every request that the program makes of EMR to put a run there."""
    for place in (CLUSTER, "j-1ABC"):
        for job in (JOB, WHOLE):
            yield from emr_runs.calls_of(job, place, publish=True)
    yield from emr_serverless.calls_of(WHOLE, APPLICATION, CLUSTER.logs, publish=True)


def test_every_request_has_the_form_aws_asks_for() -> None:
    """botocore's own models accept them: names, types and lengths."""
    for call in every_call():
        service = boto3.client(call.service, region_name=REGION).meta.service_model
        form = service.operation_model(call.operation).input_shape
        found = ParamValidator().validate(call.request, form)
        assert not found.has_errors(), found.generate_report()


def test_a_transient_cluster_gets_the_run_and_ends_itself(aws: Aws) -> None:
    """All steps are part of the request that starts the cluster, so no broken connection leaves it without them."""
    found = aws.submit()
    cluster = aws.emr.describe_cluster(ClusterId=found.cluster)["Cluster"]
    assert (cluster["AutoTerminate"], cluster["ReleaseLabel"]) == (True, "emr-spark-8.1.0")
    assert [step.what for step in found.steps] == ["evaluate", "guard", "publish", "register"]
    for step in found.steps:
        about = aws.emr.describe_step(ClusterId=found.cluster, StepId=step.id)["Step"]
        assert about["ActionOnFailure"] == "TERMINATE_CLUSTER"


def test_each_step_has_the_role_that_is_named_for_it(aws: Aws) -> None:
    """A call names one role for all its steps: they are added one by one, to a cluster that starts without any."""
    made: list[tuple[str, str]] = []
    aws.emr.meta.events.register(
        "provide-client-params.emr.AddJobFlowSteps",
        lambda params, **_: made.append((params["Steps"][0]["Name"].split()[0], params["ExecutionRoleArn"])),
    )
    aws.submit(WHOLE)
    assert made == [(step, ARNS[role]) for step, role in WHOSE.items()]


def test_a_run_that_goes_on_is_not_started_again(aws: Aws) -> None:
    """R-OPS-3, the first state: whoever submits it again, elsewhere too, is told where it is."""
    first = aws.submit()
    assert aws.submit() == first
    assert aws.submit(place=aws.shared()) == first
    assert sorted(aws.clusters()) == [f"rules {JOB.name}", "shared"]


def test_a_run_that_is_done_is_not_started_again_though_its_cluster_is_gone(aws: Aws) -> None:
    """R-OPS-3, the second state; also where nobody kept where it went."""
    first = aws.submit()
    aws.finish(first.cluster)
    again = aws.submit()
    assert (again.cluster, again.done, again.alive) == (first.cluster, True, False)
    aws.s3.delete_object(Bucket="rules-runs", Key="staged/submitted/prod_acme/2024-06-01-a1b2c3d4e5f6.json")
    assert aws.submit() == again
    assert len(aws.clusters()) == 1


def test_of_two_that_submit_at_once_one_does(aws: Aws) -> None:
    """R-OPS-3, the third state: both are told of the one cluster that was started."""
    both = threading.Barrier(2)
    found: list[str] = []

    def submit() -> None:
        clients = boto3.client("emr", region_name=REGION), boto3.client("s3", region_name=REGION)
        both.wait()
        pause = threading.Event().wait
        found.append(emr_runs.submit_run(*clients, JOB, CLUSTER, sleep=lambda _: pause(0.02) and None).cluster)

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == len(aws.clusters()) == 1


def test_one_who_vanished_while_submitting_holds_nobody_up_for_good(aws: Aws) -> None:
    """A claim that was never given back counts for a time, and after that no more."""
    where = {"Bucket": "rules-runs", "Key": "staged/submitted/prod_acme/2024-06-01-a1b2c3d4e5f6.json"}
    aws.s3.put_object(**where, Body=json.dumps({"where": None, "until": 9e9, "by": "gone"}).encode())
    with pytest.raises(RunInterrupted, match="others are submitting this run"):
        aws.submit()
    aws.s3.put_object(**where, Body=json.dumps({"where": None, "until": 1.0, "by": "gone"}).encode())
    assert aws.submit().own


def test_a_run_whose_cluster_failed_is_started_again(aws: Aws) -> None:
    """What failed was not done; a cluster that is gone takes no steps."""
    first = aws.submit()
    aws.end(first.cluster, evaluate="FAILED", guard="CANCELLED", publish="CANCELLED", register="CANCELLED")
    aws.emr.terminate_job_flows(JobFlowIds=[first.cluster])
    again = aws.submit()
    assert again.cluster != first.cluster
    assert [step.state for step in again.steps] == ["RUNNING", "PENDING", "PENDING", "PENDING"]


def test_the_same_run_twice_on_a_running_cluster_is_one_run(aws: Aws) -> None:
    """R-OPS-3: the step is found by its name, and its id is the answer to both."""
    running = aws.shared()
    first = aws.submit(place=running)
    assert aws.submit(place=running) == first
    assert len(first.steps) == len(aws.emr.list_steps(ClusterId=running)["Steps"]) == 4


def test_the_same_id_of_another_tenant_is_another_run(aws: Aws) -> None:
    """Only environment, tenant and run id together are the same run."""
    running = aws.shared()
    first = aws.submit(place=running)
    other = aws.submit(replace(JOB, tenant="other"), running)
    assert {step.id for step in first.steps}.isdisjoint(step.id for step in other.steps)


def test_a_failed_step_is_added_again(aws: Aws) -> None:
    """What failed was not done: submitting the run again is how it is tried again; what was done stays done."""
    running = aws.shared()
    first = aws.submit(place=running)
    aws.end(running, evaluate="COMPLETED", guard="COMPLETED", publish="FAILED", register="CANCELLED")
    again = aws.submit(place=running)
    assert [a.id == b.id for a, b in zip(first.steps, again.steps, strict=True)] == [True, True, False, False]


def test_a_run_ends_no_cluster_that_others_use(aws: Aws) -> None:
    """On a running cluster a failing step ends itself alone."""
    running = aws.shared()
    for step in aws.submit(place=running).steps:
        about = aws.emr.describe_step(ClusterId=running, StepId=step.id)["Step"]
        assert about["ActionOnFailure"] == "CONTINUE"


def test_absent_credentials_are_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody signed in: the refusal says how to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fresh = boto3.Session(region_name=REGION)  # the default one may have read another test's
    clients = fresh.client("emr"), fresh.client("s3")
    with pytest.raises(RunRefused, match=r"credentials.* Sign in, or set AWS_PROFILE"):
        emr_runs.submit_run(*clients, JOB, "j-1")


def test_an_unreachable_aws_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is another kind of error than a refusal: the same run may be submitted again."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    deaf = [
        boto3.client(
            name, region_name=REGION, endpoint_url="http://127.0.0.1:9", config=Config(retries={"max_attempts": 0})
        )
        for name in ("emr", "s3")
    ]
    with pytest.raises(RunInterrupted, match="AWS did not answer"):
        emr_runs.submit_run(*deaf, JOB, "j-1")
