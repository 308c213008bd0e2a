"""
A real Airflow with its own home, and a stand-in of AWS that ends steps as EMR would.

This folder runs in the environment that has Airflow and nothing of ours. It
has no ``__init__.py``: as a package it would be ``tests.airflow``.
"""

import base64
import json
import os
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Airflow reads all this when it is first imported.
HOME = tempfile.mkdtemp(prefix="airflow-")
REGION = "us-east-1"
ROOT = Path(__file__).resolve().parents[2]
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow" / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
    "AIRFLOW_CONN_EMR_DEFAULT": "emr://",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "MOTO_RECORDER_FILEPATH": f"{HOME}/requests",
}
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
    "rules_extracts_uri": "s3://rules-extracts/{frame}/{day}",
    "rules_landed_uri": "s3://rules-landed/frames.toml",
    "rules_tokens_uri": "s3://rules-tokens/table",
    "rules_token_secret": "rules/tokens",
    "rules_lineage_url": "https://lineage.example",
    "rules_master_uri": "s3://rules-master/master.toml",
    "rules_topic_arn": "arn:aws:sns:us-east-1:123456789012:rules",
}
os.environ |= {f"AIRFLOW_VAR_{name.upper()}": value for name, value in VARIABLES.items()}

ROLES = ["lander", "linker", "loader", "curator", "evaluator", "guard", "publisher", "checker"]
TYPE = {"membership_type": "GOLD", "members_before": 40, "members_after": 45, "events": {"GRANTED": 7, "REVOKED": 2}}
STAGED = {
    "manifest.json": json.dumps({"versions": 3, "evaluation": {"subjects": 1200, "types": [TYPE]}}),
    "held.json": json.dumps(["rule GOLD-014: it hits 3 subjects."]),
}
"""What the evaluating step leaves of the first night, as far as the summary reads it."""

import boto3  # noqa: E402
import botocore.loaders  # noqa: E402
import pytest  # noqa: E402
from moto.emr.models import emr_backends  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

botocore.loaders.JSONFileLoader.load_file = staticmethod(  # a session for every task reads the same models anew
    lru_cache(maxsize=None)(botocore.loaders.JSONFileLoader().load_file)
)


class Aws:
    """AWS on this machine: its own EMR never ends a step, so a thread does, in order, failing those named so."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.failing: set[str] = set()
        self.emr, sns, self.sqs, s3 = (boto3.client(s, endpoint_url=endpoint) for s in ("emr", "sns", "sqs", "s3"))
        s3.create_bucket(Bucket="rules-runs")
        for key, text in STAGED.items():
            s3.put_object(Bucket="rules-runs", Key=f"staged/prod_acme_dynamodb/2024-06-01T040000Z/{key}", Body=text)
        self.serverless = boto3.client("emr-serverless", endpoint_url=endpoint)
        topic = sns.create_topic(Name="rules")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="told")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:told")

    def work(self, stop: threading.Event) -> None:
        while not stop.wait(0.1):
            for cluster in list(emr_backends["123456789012"][REGION].clusters.values()):
                self._work_on(cluster.steps)

    def _work_on(self, steps: list[Any]) -> None:
        broken = False
        for step in list(steps):
            fails = step.name.split()[0] in self.failing
            step.state = "CANCELLED" if broken else "FAILED" if fails else "COMPLETED"
            broken = broken or fails

    def cluster(self) -> dict[str, Any]:
        """The one cluster that there is."""
        (found,) = self.emr.list_clusters()["Clusters"]
        return self.emr.describe_cluster(ClusterId=found["Id"])["Cluster"]

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """The requests of an EMR operation, in order, as they came over the wire."""
        wanted = [r for r in self._recorded() if r["headers"].get("X-Amz-Target", "").endswith(f".{operation}")]
        return [_body(request) for request in wanted]

    def started_jobs(self) -> list[dict[str, Any]]:
        """The requests of EMR Serverless to start a job."""
        return [_body(r) for r in self._recorded() if r["method"] == "POST" and r["url"].endswith("/jobruns")]

    def _recorded(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.endpoint}/moto-api/recorder/download-recording") as reply:
            return [json.loads(line) for line in reply.read().decode().splitlines()]

    def told(self) -> list[tuple[str, str]]:
        """Subject and message of what the topic's subscribers got."""
        messages = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in messages]
        return [(body["Subject"], body["Message"]) for body in bodies]


def _body(request: dict[str, Any]) -> dict[str, Any]:
    return json.loads(base64.b64decode(request["body"]) if request["body_encoded"] else request["body"])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    # What an earlier server of this process was told is still there.
    for order in ("reset", "recorder/reset-recording", "recorder/start-recording"):
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/{order}", method="POST")).close()
    found, stop = Aws(endpoint), threading.Event()
    worker = threading.Thread(target=found.work, args=(stop,), daemon=True)
    worker.start()
    yield found
    stop.set()
    worker.join()
    server.stop()


@pytest.fixture(scope="session")
def dags() -> Any:
    """The workflows as Airflow loads them from their folder, with a database to run in."""
    from airflow.utils.db import initdb

    initdb()
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert bag.import_errors == {}
    _ready(bag)
    for task in (task for dag in bag.dags.values() for task in dag.tasks):
        if hasattr(task, "poke_interval"):
            task.poke_interval = 0.2
            task.timeout = 120
        if hasattr(task, "waiter_delay"):
            task.waiter_delay = 1
    return bag.dags


def _ready(bag: Any) -> None:
    """To be played as on the newest: Airflow 3.0 plays only what its database knows, and 2 has another word for when."""
    if find_spec("airflow.sdk") is None:
        bag.sync_to_db()
        for dag in bag.dags.values():
            dag.test = partial(_played_by_2, dag.test)
    elif hasattr(bag, "sync_to_db"):
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        DagBundlesManager().sync_bundles_to_db()
        bag.sync_to_db("dags-folder", None)


def _played_by_2(play: Any, logical_date: Any, run_after: Any = None, run_conf: Any = None) -> Any:
    return play(execution_date=logical_date or run_after, run_conf=run_conf)


@pytest.fixture(scope="session")
def dag(dags: Any) -> Any:
    """The one on a cluster of its own."""
    return dags["rules_nightly"]
