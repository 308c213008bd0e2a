"""`rules doctor --aws` on an account in which everything is wrong: each fault by its name, with what to do, all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from rules_engine.publication.dynamodb_items import chain_definition, definition
from tests.functional.rules_command import RulesCommand
from tests.spec.table import Row, cases

REGION = "eu-west-1"
HERE, ELSEWHERE = "123456789012", "210987654321"
TABLE = "prod_acme_memberships_history"
LONG = "a secret that nobody is to see, of more than thirty-two characters"

WRONG = f"""
    what                        | found                                                  | remedy                     | because
    ----------------------------+--------------------------------------------------------+----------------------------+------------------------------
    Variables                   | rules_tenannt: the workflow knows none                 | Did you mean 'rules_tenant | a Variable is misspelt
    Accounts                    | rules_guard_role: it is of account {ELSEWHERE}         | set AWS_PROFILE            | signed in to another account
    Bucket gone                 | there is none of that name                             | infra/storage.yaml         | a bucket is missing
    Versions of plain           | what is overwritten or deleted in it is gone           | put-bucket-versioning      | no earlier versions are kept
    Encryption of plain         | it does not encrypt                                    | put-bucket-encryption      | nothing is encrypted
    Public access of plain      | it could be made public: BlockPublicAcls               | put-public-access-block    | nothing blocks the public
    Public access of half       | it could be made public: RestrictPublicBuckets is not  | put-public-access-block    | one of four is off
    Table {TABLE}               | it has no stream of new images                         | --stream-specification     | the register starves
    Table {TABLE}               | it can be deleted                                      | --deletion-protection      | a slip of the hand loses it
    Table {TABLE}_chain         | it has other keys                                      | take another tenant        | somebody else's table
    Table prod_acme_memberships_register | it is not there                               | infra/register.yaml        | the register has no rows
    Backups of {TABLE}          | it cannot be brought back                              | update-continuous-backups  | no restoring to a moment
    Secret rules/garbled        | it is neither a postgresql:// URL nor                  | Store one of them          | a secret of something else
    Secret rules/empty          | it is empty                                            | put-secret-value           | a secret without a value
    Role of loader              | there is no such role                                  | infra/roles.yaml           | a role is missing
    Role of evaluator           | it does not let itself be taken by arn:aws:iam::{HERE}:role/nodes | InstanceProfileRoleArn | a role trusts another
    Role of publisher           | it does not let itself be taken by                     | InstanceProfileRoleArn     | a role denies the nodes
    Service role                | it does not let itself be taken by elasticmapreduce    | infra/emr.yaml             | EMR cannot take its own role
    Application                 | there is none of that id                               | infra/emr.yaml             | EMR Serverless is not there
    Cluster                     | there is none of that id                               | rules_cluster_id           | a shared cluster is gone
    Security configuration      | it lets no step have a role of its own                 | infra/emr.yaml             | steps would share a role
    Topic                       | there is none                                          | infra/watching.yaml        | nobody would be told
"""


def role(name: str, *statements: dict[str, Any]) -> str:
    said = [{"Action": "sts:AssumeRole", "Effect": "Allow"} | each for each in statements]
    iam = boto3.client("iam", region_name=REGION)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": said}))
    return f"arn:aws:iam::{HERE}:role/{name}"


def roles() -> dict[str, str]:
    ec2, nodes = {"Service": "ec2.amazonaws.com"}, {"AWS": f"arn:aws:iam::{HERE}:role/nodes"}
    role("nodes", {"Principal": ec2})
    iam = boto3.client("iam", region_name=REGION)
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")
    return {
        "rules_instance_profile": "nodes",
        "rules_service_role": role("service", {"Principal": ec2}),
        "rules_loader_role": f"arn:aws:iam::{HERE}:role/none",
        "rules_evaluator_role": role("evaluator", {"Principal": {"AWS": f"arn:aws:iam::{HERE}:role/other"}}),
        "rules_guard_role": f"arn:aws:iam::{ELSEWHERE}:role/guard",
        "rules_publisher_role": role("publisher", {"Principal": nodes}, {"Principal": nodes, "Effect": "Deny"}),
        "rules_lander_role": role("lander", {"Principal": {"AWS": f"arn:aws:iam::{HERE}:root"}}),
    }


def buckets() -> dict[str, str]:
    s3 = boto3.client("s3", region_name=REGION)
    for name in ("plain", "half"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    three = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True}
    s3.put_public_access_block(Bucket="half", PublicAccessBlockConfiguration=three | {"RestrictPublicBuckets": False})
    places = {"artefacts": "plain/1", "rule_sets": "plain/r", "runs": "half/runs", "logs": "gone/l", "lake": "plain/l"}
    return {f"rules_{name}_uri": f"s3://{place}" for name, place in places.items()}


def tables() -> None:
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    unguarded = {"DeletionProtectionEnabled": False}
    dynamodb.create_table(TableName=TABLE, **definition("N", stream=False) | unguarded)
    other = chain_definition() | {"KeySchema": [{"AttributeName": "chain", "KeyType": "HASH"}]}
    other["AttributeDefinitions"] = other["AttributeDefinitions"][:1]
    dynamodb.create_table(TableName=f"{TABLE}_chain", **other)


def secrets() -> None:
    manager = boto3.client("secretsmanager", region_name=REGION)
    manager.create_secret(Name="rules/empty")
    manager.create_secret(Name="rules/garbled", SecretString=LONG)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the command says of that account, as a program reads it."""
    home = tmp_path_factory.mktemp("account")
    told = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with mock_aws(), pytest.MonkeyPatch.context() as patch:  # put back in turn: moto sets keys of its own
        patch.delenv("AWS_PROFILE", raising=False)
        for name, value in told.items():
            patch.setenv(name, value)
        tables()
        secrets()
        emr = boto3.client("emr", region_name=REGION)
        emr.create_security_configuration(Name="shared", SecurityConfiguration="{}")
        variables = buckets() | roles()
        variables |= {"rules_environment": "prod", "rules_tenant": "acme", "rules_subnet_id": "subnet-1"}
        variables |= {"rules_database_secret": "rules/garbled", "rules_token_secret": "rules/empty"}
        variables |= {"rules_serverless_application": "00f1", "rules_cluster_id": "j-1", "rules_tenannt": "acme"}
        variables |= {"rules_topic_arn": f"arn:aws:sns:{REGION}:{HERE}:none", "rules_security_configuration": "shared"}
        manager = boto3.client("secretsmanager", region_name=REGION)
        for name, value in variables.items():
            manager.create_secret(Name=f"airflow/variables/{name}", SecretString=value)
        done = RulesCommand(home, told)("doctor", "--aws", "--json")
        assert done.exit_code == 5
        assert LONG not in done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        return found


@pytest.mark.parametrize("row", cases(WRONG))
def test_each_fault_is_named_with_its_remedy(row: Row, findings: list[dict[str, Any]]) -> None:
    """By the Variables of Secrets Manager, which are read where no file is named."""
    found = next(each for each in findings if each["what"] == row["what"] and row["found"] in each["found"])
    assert row["remedy"] in found["remedy"]
    assert found["verdict"] == "missing"


def test_what_is_as_it_must_be_is_said_to_be_so(findings: list[dict[str, Any]]) -> None:
    """A role that leaves it to the policies of its account, and the release, are no faults."""
    fine = {each["what"] for each in findings if each["verdict"] == "ok"}
    assert {"Region", "Identity", "Bucket plain", "Release", "Role of lander"} <= fine


REGIONS = """
    region     | found                        | because
    -----------+------------------------------+------------------------
               | none is named                | nobody said which
    eu-west-9  | EMR is in none of that name  | there is no such region
"""


@pytest.mark.parametrize("row", cases(REGIONS))
def test_without_a_region_nothing_more_is_asked(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request would wait for an answer that cannot come."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    done = RulesCommand(tmp_path, {"AWS_REGION": row["region"]})("doctor", "--aws", "--json")
    (finding,) = json.loads(done.stdout)["findings"]
    assert (done.exit_code, row["found"] in finding["found"], "AWS_REGION" in finding["remedy"]) == (5, True, True)


SECRETS_READ = """
    text                                    | what                   | found                    | because
    ----------------------------------------+------------------------+--------------------------+---------------------------------
    postgresql://rules_loader@nowhere..aws/rules | Host of rules/database | no address is found      | the database was moved
    postgresql:///rules                     | Secret rules/database  | its URL names no host    | a URL of a socket
"""


@pytest.mark.parametrize("row", cases(SECRETS_READ))
def test_the_host_of_the_database_is_looked_up(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL of the secret is not told, its host is."""
    told = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "told.json").write_text('{"rules_database_secret": "rules/database"}')
    with mock_aws():
        manager = boto3.client("secretsmanager", region_name=REGION)
        manager.create_secret(Name="rules/database", SecretString=row["text"])
        done = RulesCommand(tmp_path, told)("doctor", "--aws", "--cluster", tmp_path / "told.json", "--json")
    found = {each["what"]: each["found"] for each in json.loads(done.stdout)["findings"]}
    assert row["found"] in found[row["what"]]
    assert "rules_loader" not in done.stdout
