"""A stand-in of an account that runs can be put on, and the words that put one there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from tests.functional.rules_command import RulesCommand
from tests.functional.test_emr import REGION

PLACES = {"--artefacts": "s3://art/1", "--rule-set": "s3://rules-runs/rule-sets/", "--lake": "s3://lake/f.toml"}
PLACES |= {"--runs": "s3://rules-runs/runs", "--as-of": "2024-06-01"}
OWN = {"--logs": "s3://rules-logs/emr/", "--subnet": "subnet-1", "--service-role": "emr", "--instance-profile": "nodes"}
FROZEN = {"--rule-set": "s3://rules-runs/frozen.json"}
SECRET = {"--database-secret": "rules/database"}
STEPS = ("freeze", "evaluate", "guard", "publish", "register")
PACKAGE = {"SHA256SUMS": b"", "rules.zip": b""} | {f"{step}-x86_64.zip": b"" for step in STEPS}
PACKAGE |= {f"{step}_step.py": b"made by `rules emr package` for Python 3.11." for step in STEPS}

APART = {"AuthorizationConfiguration": {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}}


def words(*told: dict[str, str], **other: str) -> list[str]:
    said = {key: value for each in told for key, value in each.items()} | {f"--{k}": v for k, v in other.items()}
    return [word for pair in said.items() for word in pair]


@contextmanager
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCommand]:
    """Buckets, a package, a lake and a frozen rule set, the roles of a cluster; the command, that asks there."""
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
        _make_roles()
        boto3.client("emr", region_name=REGION).create_security_configuration(
            Name="roles", SecurityConfiguration=json.dumps(APART)
        )
        yield RulesCommand(tmp_path, told | {"RULES_ENV": "prod", "RULES_TENANT": "acme"})


def _make_roles() -> None:
    """Of EMR itself and of the nodes, and a profile that gives the nodes theirs."""
    for name, service in (("emr", "elasticmapreduce"), ("nodes", "ec2")):
        make_role(name, {"Service": f"{service}.amazonaws.com"})
    iam = boto3.client("iam", region_name=REGION)
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")


def make_role(name: str, by: dict[str, str]) -> None:
    """A role that lets itself be taken by somebody."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": by, "Action": "sts:AssumeRole"}]}
    boto3.client("iam", region_name=REGION).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
