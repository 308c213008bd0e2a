"""How a run gets onto EMR: the requests as golden files, and submission against a stand-in of AWS."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.validate import ParamValidator
from moto import mock_aws
from moto.emr.models import emr_backends

from jobs import emr, freeze_step
from rules_engine.errors import RunInterrupted, RunRefused

GOLDEN = Path(__file__).parents[1] / "golden"
REGION = "eu-west-1"

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
CLUSTER = emr.Cluster(
    logs="s3://rules-logs/emr/",
    subnet="subnet-0a1b2c3d",
    service_role="rules-emr-service",
    instance_profile="rules-emr-nodes",
)


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield boto3.client("emr", region_name=REGION)


def test_a_write_policy_goes_to_the_evaluator_alone() -> None:
    """It stands in the manifest that the publisher reads."""
    changes = emr.evaluate_step(replace(JOB, write_policy="changes"))["HadoopJarStep"]["Args"]
    assert changes[changes.index("--write-policy") + 1] == "changes"
    assert "--write-policy" not in emr.publish_step(replace(JOB, write_policy="changes"))["HadoopJarStep"]["Args"]


def states(client: Any, cluster_id: str) -> dict[str, str]:
    steps = client.list_steps(ClusterId=cluster_id)["Steps"]
    return {step["Name"]: step["Status"]["State"] for step in steps}


def running_cluster(client: Any) -> str:
    request = emr.job_flow("shared", CLUSTER)
    request["Instances"]["KeepJobFlowAliveWhenNoSteps"] = True
    return str(client.run_job_flow(**request)["JobFlowId"])


def fail(cluster_id: str, name: str) -> None:
    """What EMR does by itself and its stand-in never does: end a step."""
    backend = emr_backends["123456789012"][REGION]
    next(step for step in backend.clusters[cluster_id].steps if step.name == name).state = "FAILED"


def test_the_steps_are_those_of_the_golden_file() -> None:
    """Freeze, evaluate and publish as EMR is told; only the freezing one knows the name of a secret."""
    steps = [
        emr.freeze_step(JOB, "2024-06-01", "rules/database"),
        emr.evaluate_step(JOB),
        emr.publish_step(JOB),
    ]
    assert steps == golden("emr_steps.json")


def test_the_evaluate_step_is_told_of_no_database_and_no_history() -> None:
    """It runs rule SQL, so it must hold nothing worth stealing (security.md, separate roles)."""
    words = " ".join(emr.evaluate_step(JOB)["HadoopJarStep"]["Args"])
    for word in ("secret", "database", "postgresql", "dynamodb", "table", "endpoint"):
        assert word not in words


def test_the_cluster_is_that_of_the_golden_file() -> None:
    """A transient cluster: ends after the last step, on a failed one and left idle, logs in S3."""
    assert emr.job_flow(f"rules {JOB.run_id}", CLUSTER) == golden("emr_job_flow.json")


def test_the_serverless_request_is_that_of_the_golden_file() -> None:
    """The same artefact and arguments on EMR Serverless."""
    role = "arn:aws:iam::123456789012:role/rules-evaluator"
    assert emr.serverless_job(JOB, "00f1abcdexample", role, CLUSTER.logs) == golden("emr_serverless.json")


def test_the_serverless_request_has_the_form_aws_asks_for() -> None:
    """botocore's own model of the request accepts it: names, types and lengths."""
    service = boto3.client("emr-serverless", region_name=REGION).meta.service_model
    form = service.operation_model("StartJobRun").input_shape
    assert not ParamValidator().validate(golden("emr_serverless.json"), form).has_errors()


def test_a_transient_cluster_gets_the_run_and_ends_itself(client: Any) -> None:
    """Both steps are part of the request that starts the cluster, so no broken connection leaves it without them."""
    cluster_id, step_ids = emr.submit_run(client, JOB, cluster=CLUSTER, publish=True)
    cluster = client.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert (cluster["AutoTerminate"], cluster["ReleaseLabel"]) == (True, "emr-spark-8.1.0")
    assert set(states(client, cluster_id)) == {f"evaluate {JOB.run_id}", f"publish {JOB.run_id}"}
    for step_id in step_ids:
        step = client.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]
        assert step["ActionOnFailure"] == "TERMINATE_CLUSTER"


def test_each_step_has_the_role_that_is_named_for_it(client: Any) -> None:
    """A call names one role for all its steps: they are added one by one, to a cluster that starts without any."""
    arns = [f"arn:aws:iam::123456789012:role/{name}" for name in ("evaluator", "publisher")]
    made: list[tuple[str, str]] = []
    client.meta.events.register(
        "provide-client-params.emr.AddJobFlowSteps",
        lambda params, **_: made.append((params["Steps"][0]["Name"].split()[0], params["ExecutionRoleArn"])),
    )
    emr.submit_run(client, replace(JOB, evaluator_role=arns[0], publisher_role=arns[1]), cluster=CLUSTER, publish=True)
    assert made == [("evaluate", arns[0]), ("publish", arns[1])]


def test_the_same_run_does_not_start_a_second_cluster(client: Any) -> None:
    """R-OPS-3: a transient cluster that runs this run is found by its name."""
    first = emr.submit_run(client, JOB, cluster=CLUSTER, publish=True)
    assert emr.submit_run(client, JOB, cluster=CLUSTER, publish=True) == first
    assert len(client.list_clusters()["Clusters"]) == 1


def test_the_same_run_twice_on_a_running_cluster_is_one_run(client: Any) -> None:
    """R-OPS-3: the step is found by its name, and its id is the answer to both."""
    running = running_cluster(client)
    first = emr.submit_run(client, JOB, cluster=running, publish=True)
    assert emr.submit_run(client, JOB, cluster=running, publish=True) == first
    assert len(states(client, running)) == 2


def test_another_run_on_a_running_cluster_is_added(client: Any) -> None:
    """Only the same run id is the same run."""
    running = running_cluster(client)
    emr.submit_run(client, JOB, cluster=running)
    emr.submit_run(client, replace(JOB, run_id="2024-06-02-0f0f0f0f0f0f"), cluster=running)
    assert set(states(client, running)) == {"evaluate 2024-06-01-a1b2c3d4e5f6", "evaluate 2024-06-02-0f0f0f0f0f0f"}


def test_a_failed_step_is_added_again(client: Any) -> None:
    """What failed was not done: submitting the run again is how it is tried again."""
    running = running_cluster(client)
    _, (evaluated, published) = emr.submit_run(client, JOB, cluster=running, publish=True)
    fail(running, f"publish {JOB.run_id}")
    _, again = emr.submit_run(client, JOB, cluster=running, publish=True)
    assert again[0] == evaluated
    assert again[1] != published


def test_a_run_ends_no_cluster_that_others_use(client: Any) -> None:
    """On a running cluster a failing step ends itself alone."""
    running = running_cluster(client)
    _, (step_id,) = emr.submit_run(client, JOB, cluster=running)
    assert client.describe_step(ClusterId=running, StepId=step_id)["Step"]["ActionOnFailure"] == "CONTINUE"


def test_absent_credentials_are_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody signed in: the refusal says how to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RunRefused, match=r"credentials.* Sign in, or set AWS_PROFILE"):
        emr.submit_run(boto3.client("emr", region_name=REGION), JOB, cluster="j-1")


def test_an_unreachable_aws_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is another kind of error than a refusal: the same run may be submitted again."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    deaf = boto3.client(
        "emr", region_name=REGION, endpoint_url="http://127.0.0.1:9", config=Config(retries={"max_attempts": 0})
    )
    with pytest.raises(RunInterrupted, match="AWS did not answer"):
        emr.submit_run(deaf, JOB, cluster="j-1")


SECRETS = [
    ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
    (
        '{"username": "loader", "password": "a/b@c", "host": "db.local", "port": 5433, "dbname": "rules"}',
        "postgresql://loader:a%2Fb%40c@db.local:5433/rules",
    ),
    ('{"username": "loader", "password": "x", "host": "db", "dbname": "r"}', "postgresql://loader:x@db:5432/r"),
]


@pytest.mark.parametrize(("secret", "url"), SECRETS)
def test_the_database_url_comes_out_of_a_secret(client: Any, secret: str, url: str) -> None:
    """The URL itself, or what RDS keeps; a password with signs in it stays one password."""
    manager = boto3.client("secretsmanager", region_name=REGION)
    manager.create_secret(Name="rules/database", SecretString=secret)
    assert freeze_step.secret_url("rules/database", manager) == url


def test_a_refused_secret_is_never_repeated(client: Any) -> None:
    """What is neither a URL nor RDS's JSON is refused by the secret's name, without its text."""
    manager = boto3.client("secretsmanager", region_name=REGION)
    manager.create_secret(Name="rules/database", SecretString="hunter2")
    with pytest.raises(RunRefused, match=r"Secret rules/database: .* Store one of them\.") as refused:
        freeze_step.secret_url("rules/database", manager)
    assert "hunter2" not in str(refused.value)


def test_a_missing_secret_is_named(client: Any) -> None:
    """A name that Secrets Manager does not have."""
    with pytest.raises(RunRefused, match="Secret rules/none: AWS refuses: ResourceNotFoundException"):
        freeze_step.secret_url("rules/none", boto3.client("secretsmanager", region_name=REGION))


def test_a_frozen_rule_set_goes_to_s3(client: Any) -> None:
    """The object holds the text, letters beyond ASCII included."""
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="rules-runs", CreateBucketConfiguration={"LocationConstraint": REGION})
    freeze_step.put("s3://rules-runs/rule-sets/a.json", "{“é”}", s3)
    assert s3.get_object(Bucket="rules-runs", Key="rule-sets/a.json")["Body"].read().decode() == "{“é”}"


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_frozen_rule_set_goes_to_a_folder(tmp_path: Path, form: str) -> None:
    """A path or a file URI, in a folder that is made for it; nothing half-written stays beside it."""
    target = tmp_path / "new" / "rule_set.json"
    freeze_step.put(form.format(target), "first")
    freeze_step.put(form.format(target), "second")
    assert [(p.name, p.read_text()) for p in target.parent.iterdir()] == [("rule_set.json", "second")]


def test_no_database_in_the_environment_is_said_in_words() -> None:
    """Neither a secret nor the variable: both ways are named."""
    with pytest.raises(RunRefused, match=r"RULES_DATABASE_URL: it is not set.* --database-secret"):
        freeze_step.environment_url({})
