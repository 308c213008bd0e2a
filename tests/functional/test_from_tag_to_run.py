"""docs/production.md followed step by step, against local stand-ins of AWS, from a package to a run that is submitted."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws

from jobs.wheels import pinned
from tests.functional.rules_command import RulesCommand
from tests.wheelhouse import wheelhouse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text("utf-8")
REGION = "eu-west-1"
APART = {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}
PUT_OUT = {
    "emr": {
        "ServiceRole": "arn:aws:iam::123456789012:role/emr-service",
        "InstanceProfile": "nodes",
        "InstanceProfileRoleArn": "arn:aws:iam::123456789012:role/nodes",
        "SecurityConfiguration": "rules-prod-acme",
        "ServerlessApplication": "00f1abcd",
        "ServerlessApplicationArn": "arn:aws:emr-serverless:eu-west-1:123456789012:/applications/00f1abcd",
        "ServerlessGroup": "sg-0a1b2c3d",
    },
    "database": {
        "SecretName": "rules/prod/acme/database",
        "SecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rules/prod/acme/database-x1",
        "LoginArn": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-x/rules_loader",
        "ClusterId": "rules",
    },
}
"""What stacks put out that the stand-in cannot make: EMR Serverless, Aurora."""


def commands() -> list[list[str]]:
    """The words of each command of the page's blocks that are to be followed."""
    blocks = re.findall(r"```sh cloud\n(.*?)```", PAGE, flags=re.S)
    return [shlex.split(line) for block in blocks for line in block.strip().splitlines()]


def follow(command: str) -> None:
    """Do what a command of the AWS command line does, by the same request."""
    program, service, operation, *words = shlex.split(command)
    client = boto3.client({"s3api": "s3"}.get(service, service), region_name=REGION)
    name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    shapes = client.meta.service_model.operation_model(name).input_shape.members
    by_option = {f"--{xform_name(member, '-')}": member for member in shapes}
    request: dict[str, Any] = {}
    for option, value in zip(words, [*words[1:], "--"], strict=True):
        if option.startswith("--"):
            member = by_option[option]
            kind = shapes[member].type_name
            request[member] = value if kind == "string" else True if kind == "boolean" else _structure(value)
    assert program == "aws"
    getattr(client, operation.replace("-", "_"))(**request)


def _structure(text: str) -> Any:
    """JSON, or the short form: Name=value,Name=value."""
    if text.startswith("{"):
        return json.loads(text)
    pairs = (pair.split("=") for pair in text.split(","))
    return {name: {"true": True, "false": False}.get(value, value) for name, value in pairs}


class Account:
    """An account of the stand-in: stacks are made of the repository's templates where it can, else of their outputs."""

    def __init__(self) -> None:
        self.cloudformation = boto3.client("cloudformation", region_name=REGION)
        self.put_out: dict[str, str] = {}
        iam = boto3.client("iam", region_name=REGION)
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName="nodes", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        iam.create_instance_profile(InstanceProfileName="nodes")
        iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")
        logs = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::acme-rules-prod-logs/*"}
        iam.put_role_policy(
            RoleName="nodes",
            PolicyName="nodes",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [logs]}),
        )
        taken = json.dumps(trust | {"Principal": {"Service": "elasticmapreduce.amazonaws.com"}})
        iam.create_role(RoleName="emr-service", AssumeRolePolicyDocument=f'{{"Statement": [{taken}]}}')
        boto3.client("emr", region_name=REGION).create_security_configuration(
            Name="rules-prod-acme", SecurityConfiguration=json.dumps({"AuthorizationConfiguration": APART})
        )
        boto3.client("secretsmanager", region_name=REGION).create_secret(
            Name="rules/prod/acme/database", SecretString="postgresql://rules_loader@localhost/rules"
        )

    def make(self, stack: dict[str, Any]) -> None:
        word = Path(stack["template"]).stem
        if word in ("register", "metrics", "airflow"):  # nothing of theirs is looked at
            return
        told = stack["parameters"] | {key: self.put_out[output] for key, output in stack["outputs"].items()}
        text = (ROOT / "infra" / stack["template"]).read_text("utf-8")
        if word in PUT_OUT:
            outputs = {key: {"Value": value} for key, value in PUT_OUT[word].items()}
            text = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs})
            told = {}
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in told.items()]
        able = ["CAPABILITY_IAM"]
        self.cloudformation.create_stack(
            StackName=stack["stack"], TemplateBody=text, Parameters=given, Capabilities=able
        )
        self._mend()
        (made,) = self.cloudformation.describe_stacks(StackName=stack["stack"])["Stacks"]
        self.put_out |= {f"{word}.{each['OutputKey']}": each["OutputValue"] for each in made.get("Outputs", [])}

    def _mend(self) -> None:
        """The stand-in keeps a role's policies as Python would print them, AWS as JSON."""
        iam = boto3.client("iam", region_name=REGION)
        for role in (each["RoleName"] for each in iam.list_roles()["Roles"]):
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                said = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                if isinstance(said, str):
                    document = ast.literal_eval(said)
                    document["Statement"] = [each for each in document["Statement"] if each]
                    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCommand]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    told = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "airflow" / "dags").mkdir(parents=True)
    (tmp_path / "production.toml").write_text((ROOT / "infra" / "example.toml").read_text("utf-8"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse(tmp_path / "index", pinned())))
    with mock_aws():
        yield RulesCommand(tmp_path / "home", told | {"RULES_ENV": "prod", "RULES_TENANT": "acme"})


def test_the_page_leads_from_a_tag_to_a_run(rules: RulesCommand, tmp_path: Path) -> None:
    """Each command of the page, in order, does what the page says; the last one has put a run on a cluster."""
    account, said = Account(), {}
    for program, *words in commands():
        assert program == "rules"
        word = " ".join(words[:2])
        if word == "emr upload":  # the frames come after the package, by hand
            said[word] = rules.json(*words)
            s3 = boto3.client("s3", region_name=REGION)
            s3.put_object(Bucket="acme-rules-prod-data", Key="lake/frames.toml", Body=b"")
            continue
        said[f"{word}{' --dry-run' if '--dry-run' in words else ''}"] = rules.json(*words)
        if word == "infra render":
            for stack in said[word]:
                account.make(stack)
        if word == "infra variables":
            (tmp_path / "variables.json").write_text(json.dumps(said[word]["variables"]))
    assert sorted(said["emr upload"]["uploaded"]) == said["emr package"]["files"]
    assert said["infra diff"]["differences"].keys().isdisjoint({"rules-prod-acme-storage", "rules-prod-acme-roles"})
    findings = {each["what"]: each for each in said["doctor --cluster"]["findings"]}
    assert {each["verdict"] for each in findings.values()} == {"ok"}
    assert {"Variables", "Package", "Secret", "Tables", "Topic", "Role of guard", "Reach of evaluate"} <= {*findings}
    _nobody_may_write_logs_elsewhere(rules, said["infra variables"]["variables"], tmp_path)
    _what_was_made_is_kept_as_it_must_be(rules, said["infra variables"]["variables"], tmp_path)
    assert said["emr submit --dry-run"]["run_id"] == said["emr submit"]["run_id"]
    (cluster,) = boto3.client("emr", region_name=REGION).list_clusters()["Clusters"]
    assert cluster["Name"] == f"rules prod_acme {said['emr submit']['run_id']}"


def _nobody_may_write_logs_elsewhere(rules: RulesCommand, variables: dict[str, str], folder: Path) -> None:
    """Under another prefix than that of the stacks a failed step would leave no log: of all who write some it is said."""
    elsewhere = {"rules_logs_uri": "s3://acme-rules-prod-data/elsewhere/"}
    (folder / "elsewhere.json").write_text(json.dumps(variables | elsewhere))
    findings = json.loads(rules("doctor", "--cluster", "elsewhere.json", "--json").stdout)["findings"]
    missing = {each["what"]: each["found"] for each in findings if each["verdict"] == "missing"}
    assert {*missing} == {
        f"Reach of {who}" for who in ("the nodes", "freeze", "evaluate", "guard", "publish", "register")
    }
    assert all("may not s3:PutObject s3://acme-rules-prod-data/elsewhere/" in found for found in missing.values())


def _what_was_made_is_kept_as_it_must_be(rules: RulesCommand, variables: dict[str, str], folder: Path) -> None:
    """
    `rules doctor --aws` after the page: what it still misses its own commands mend, followed to the letter.

    The stand-in's CloudFormation makes buckets and tables without versions, blocks and backups, and no application.
    """
    told = {name: value for name, value in variables.items() if name != "rules_serverless_application"}
    (folder / "account.json").write_text(json.dumps(told | {"rules_register": "no"}))
    words = ("doctor", "--aws", "--cluster", "account.json", "--json")
    first = {each["what"]: each for each in json.loads(rules(*words).stdout)["findings"]}
    table, bucket = "prod_acme_memberships_history", "acme-rules-prod-data"
    missing = {name: each for name, each in first.items() if each["verdict"] == "missing"}
    assert {f"Versions of {bucket}", f"Public access of {bucket}", f"Backups of {table}"} <= {*missing}
    assert {"Identity", f"Encryption of {bucket}", f"Table {table}", "Service role", "Role of guard"} <= {*first} - {
        *missing
    }
    for each in missing.values():
        follow(each["remedy"])
    assert {each["verdict"] for each in rules.json(*words[:-1])["findings"]} == {"ok"}


def test_the_readme_leads_to_a_package_on_s3(rules: RulesCommand) -> None:
    """The commands of its section `On AWS` do what they say, and the pages it goes on with are there."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## On AWS\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, flags=re.S)
    package, upload = (shlex.split(line) for line in block.replace("BUCKET", "acme-data").strip().splitlines())
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="acme-data", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert [package[0], upload[0]] == [".venv/bin/rules"] * 2
    made, done = (rules.json(*words) for _, *words in (package, upload))
    there = [each["Key"] for each in s3.list_objects_v2(Bucket="acme-data", Prefix="artefacts/0.1.0/")["Contents"]]
    assert sorted(done["uploaded"]) == made["files"] == [key.removeprefix("artefacts/0.1.0/") for key in there]
    assert {"rules.zip", "evaluate_step.py", "evaluate-x86_64.zip", "Dockerfile", "sbom.cdx.json"} < {*made["files"]}
    assert all((ROOT / page).is_file() for page in re.findall(r"\]\(([^)#]+)", section))


def test_all_that_an_environment_lacks_is_said_at_once(rules: RulesCommand, tmp_path: Path) -> None:
    """Nothing of it is there: each thing is named, with what to do, and the exit code is the operator's."""
    told = {"rules_" + name: f"s3://b/{name}" for name in ("artefacts_uri", "rule_sets_uri", "runs_uri")}
    told |= {"rules_lake_uri": "s3://bkt/lake/frames.toml", "rules_logs_uri": "s3://bkt/logs/"}
    told |= {"rules_environment": "prod", "rules_tenant": "acme", "rules_database_secret": "none"}
    told |= {"rules_topic_arn": "arn:aws:sns:eu-west-1:123456789012:none", "rules_subnet_id": "subnet-1"}
    told |= {"rules_service_role": "x", "rules_evaluator_role": "arn:aws:iam::123456789012:role/none"}
    (tmp_path / "told.json").write_text(json.dumps(told | {"rules_tenannt": "x", "rules_lake_uri": "lake"}))
    done = rules("doctor", "--cluster", tmp_path / "told.json", "--json")
    (finding,) = json.loads(done.stdout)["findings"]
    assert done.exit_code == 5
    for name in ("rules_instance_profile: it is missing", "rules_tenannt: the workflow knows none", "'lake' has not"):
        assert name in finding["found"]
    whole = told | {"rules_instance_profile": "nodes", "rules_artefacts_uri": "s3://bkt/1"}
    whole |= {"rules_rule_sets_uri": "s3://bkt/r", "rules_runs_uri": "s3://bkt/runs"}
    (tmp_path / "told.json").write_text(json.dumps(whole))
    done = rules("doctor", "--cluster", tmp_path / "told.json", "--json")
    missing = {each["what"] for each in json.loads(done.stdout)["findings"] if each["verdict"] == "missing"}
    assert done.exit_code == 5
    assert {"Package", "Lake", "Secret", "Tables", "Topic", "Role of evaluate"} <= missing
    assert {"Bucket bkt", "Service role", "Reach of the nodes"} <= missing
