"""infra/: what the templates may never come to allow, and what `rules infra` makes of them (R-HIST-9)."""

from __future__ import annotations

import copy
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from jobs import infra
from rules_engine.errors import RunRefused
from rules_engine.publication import dynamodb_items
from tests.functional.rules_command import RulesCommand
from tests.spec.table import Row, cases
from tests.unit.test_roles import Tags

INFRA = Path(__file__).parents[2] / "infra"
TEMPLATES = {path.stem: yaml.load(path.read_text("utf-8"), Tags) for path in sorted(INFRA.glob("*.yaml"))}
Template = Mapping[str, Any]


def test_cloudformation_would_take_every_template() -> None:
    """cfn-lint, offline, finds nothing."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), *(str(path) for path in sorted(INFRA.glob("*.yaml")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


WHOLE = {"logs:DescribeLogGroups", "cloudwatch:PutMetricData", "s3:GetAccountPublicAccessBlock"}
"""Actions that know of no resource: AWS takes them on everything or not at all."""

CHANGES = {
    f"dynamodb:{verb}" for verb in ("DeleteItem", "DeleteTable", "BatchWriteItem", "PartiQLDelete", "PartiQLUpdate")
}


def statements(template: Template) -> Iterator[Mapping[str, Any]]:
    """Every statement of every policy of a template, wherever it stands."""
    waiting = [template["Resources"]]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.values()
            if found.get("Effect") in ("Allow", "Deny"):
                yield found
        elif isinstance(found, list):
            waiting += found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def too_much(template: Template) -> Iterator[str]:
    """What a template allows that none may."""
    for said in statements(template):
        if said["Effect"] != "Allow":
            continue
        actions, resources = listed(said.get("Action", "NotAction")), listed(said.get("Resource", []))
        yield from (f"wild action {action}" for action in actions if "*" in action or action == "NotAction")
        yield from (f"changes the history: {action}" for action in actions if action in CHANGES)
        yield from ("anybody" for who in listed(said.get("Principal", [])) if who == "*" or who == {"AWS": "*"})
        if "*" in resources and not WHOLE.issuperset(actions):
            yield f"everything: {actions}"
    for name, resource in template["Resources"].items():
        yield from (f"{name}: {what}" for what in _open(resource["Type"], resource.get("Properties", {})))


def _open(kind: str, said: Mapping[str, Any]) -> Iterator[str]:
    """How a resource could be reached from outside, read in the clear, or lost."""
    if kind == "AWS::S3::Bucket":
        closed = said.get("PublicAccessBlockConfiguration", {})
        parts = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        yield from (f"public, {part}" for part in parts if closed.get(part) is not True)
        yield from (f"no {part}" for part in ("BucketEncryption", "LifecycleConfiguration") if part not in said)
        if said.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield "no versions"
    if kind == "AWS::RDS::DBCluster":
        wanted = (
            "StorageEncrypted",
            "DeletionProtection",
            "EnableIAMDatabaseAuthentication",
            "ManageMasterUserPassword",
        )
        yield from (f"no {part}" for part in wanted if said.get(part) is not True)
    if kind == "AWS::RDS::DBClusterParameterGroup" and said["Parameters"].get("rds.force_ssl") != "1":
        yield "in the clear"
    if said.get("PubliclyAccessible", False) or said.get("WebserverAccessMode", "PRIVATE_ONLY") != "PRIVATE_ONLY":
        yield "public"
    if kind == "AWS::DynamoDB::Table" and said.get("DeletionProtectionEnabled") is not True:
        yield "may be deleted"
    for rule in [*said.get("SecurityGroupIngress", []), *([said] if kind == "AWS::EC2::SecurityGroupIngress" else [])]:
        yield from (f"open to {rule[key]}" for key in ("CidrIp", "CidrIpv6") if key in rule)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_allows_too_much(name: str) -> None:
    """No wild action, nobody at all, no change of the history, nothing public, nothing in the clear."""
    assert [*too_much(TEMPLATES[name])] == []


def _resource(template: Any, kind: str) -> Any:
    return next(r["Properties"] for r in template["Resources"].values() if r["Type"] == kind)


def _statement(template: Any) -> Any:
    return next(said for said in statements(template) if said["Effect"] == "Allow" and "Resource" in said)


FAULTS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "wild action s3:*": ("roles", lambda t: _statement(t).update(Action="s3:*")),
    "wild action dynamodb:Get*": ("airflow", lambda t: _statement(t).update(Action=["sns:Publish", "dynamodb:Get*"])),
    "wild action NotAction": ("emr", lambda t: _statement(t).update(NotAction=_statement(t).pop("Action"))),
    "changes the history: dynamodb:DeleteItem": ("roles", lambda t: _statement(t).update(Action="dynamodb:DeleteItem")),
    "everything: ['s3:GetObject']": ("roles", lambda t: _statement(t).update(Action="s3:GetObject", Resource="*")),
    "anybody": ("storage", lambda t: _statement(t).update(Principal="*")),
    "Data: public, BlockPublicAcls": (
        "storage",
        lambda t: _resource(t, "AWS::S3::Bucket")["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False),
    ),
    "Data: no versions": ("storage", lambda t: _resource(t, "AWS::S3::Bucket").pop("VersioningConfiguration")),
    "Data: no BucketEncryption": ("storage", lambda t: _resource(t, "AWS::S3::Bucket").pop("BucketEncryption")),
    "History: may be deleted": (
        "history",
        lambda t: _resource(t, "AWS::DynamoDB::Table").pop("DeletionProtectionEnabled"),
    ),
    "Writer: public": ("database", lambda t: _resource(t, "AWS::RDS::DBInstance").update(PubliclyAccessible=True)),
    "Settings: in the clear": (
        "database",
        lambda t: _resource(t, "AWS::RDS::DBClusterParameterGroup")["Parameters"].pop("rds.force_ssl"),
    ),
    "Door: open to 0.0.0.0/0": (
        "database",
        lambda t: _resource(t, "AWS::EC2::SecurityGroup")["SecurityGroupIngress"].append({"CidrIp": "0.0.0.0/0"}),
    ),
    "Workflow: public": (
        "airflow",
        lambda t: _resource(t, "AWS::MWAA::Environment").update(WebserverAccessMode="PUBLIC_ONLY"),
    ),
}


@pytest.mark.parametrize("found", FAULTS)
def test_what_creeps_in_is_noticed(found: str) -> None:
    """Each kind of it, put in on purpose."""
    name, put_in = FAULTS[found]
    template = copy.deepcopy(TEMPLATES[name])
    put_in(template)
    assert found in {*too_much(template)}


def test_the_history_is_the_one_that_the_program_makes() -> None:
    """Keys, index, stream; and, whatever role is given what, nothing in it is written over, changed or deleted."""
    made = {"History": dynamodb_items.definition("N", stream=True), "Chain": dynamodb_items.chain_definition()}
    for name, wanted in made.items():
        said = TEMPLATES["history"]["Resources"][name]["Properties"]
        there = yaml.safe_load(str(said).replace("{'Ref': 'SubjectType'}", "'N'"))
        for part in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "DeletionProtectionEnabled"):
            assert there.get(part) == wanted.get(part)
        assert TEMPLATES["history"]["Resources"][name]["DeletionPolicy"] == "Retain"
        (denied,) = said["ResourcePolicy"]["PolicyDocument"]["Statement"]
        assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
        never = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete"}
        assert {action.partition(":")[2] for action in denied["Action"]} == never
    assert made["History"]["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"


def test_each_version_of_airflow_has_its_requirements() -> None:
    """The environment reads them by its version, with the constraints of just that one."""
    allowed = TEMPLATES["airflow"]["Parameters"]["AirflowVersion"]["AllowedValues"]
    there = {path.name: path.read_text("utf-8") for path in INFRA.parent.glob("airflow/requirements-*.txt")}
    assert there.keys() == {f"requirements-{version}.txt" for version in allowed}
    assert all(f"/constraints-{version}/" in there[f"requirements-{version}.txt"] for version in allowed)


def test_what_a_stack_is_told_of_another_is_there_by_then() -> None:
    """Each output that is named is one of an earlier stack, and goes into a parameter that there is."""
    order = tomllib.loads((INFRA / "stacks.toml").read_text("utf-8"))
    assert {*order} == {*TEMPLATES}
    before: set[str] = set()
    for word, outputs in order.items():
        assert before.issuperset(outputs.values())
        assert {*TEMPLATES[word]["Parameters"]}.issuperset(outputs)
        before |= {f"{word}.{output}" for output in TEMPLATES[word].get("Outputs", {})}


WRONG = """
    setting                  | which          | because
    -------------------------+----------------+------------------------------------------------
    Tenant =                 | Tenant         | part of every name
    Tenant = "Acme"          | Tenant         | no part of a table's name
    SubjectType = "int"      | SubjectType    | DynamoDB knows N and S
    VpcId = "my network"     | VpcId          | a name is no id
    PrivateSubnets = ["a"]   | PrivateSubnets | nor here
    LogDays = "some"         | LogDays        | no number
    LogDays = 3              | LogDays        | fewer than S3 may be told here
    MaximumCpu = "-64 vCPU"  | MaximumCpu     | a negative size
    ReleaseLabel = "emr-sprk-8.1.0" | ReleaseLabel | a release with a slip of the finger
    RunsPrefix = "*"         | RunsPrefix     | every role would reach everything
    LakePrefix = "lake/"     | LakePrefix     | nothing is at lake//frames.toml
    KeyArn = "*"             | KeyArn         | every key of the account
    Tennant = "acme"         | Tennant        | misspelt
"""


@pytest.mark.parametrize("row", cases(WRONG))
def test_a_wrong_setting_is_named(row: Row, tmp_path: Path) -> None:
    """With what it is about, before anything is made."""
    name, _, value = row["setting"].partition(" =")
    lines = [
        line for line in (INFRA / "example.toml").read_text("utf-8").splitlines() if not line.startswith(f"{name} ")
    ]
    (tmp_path / "told.toml").write_text("\n".join([*lines, row["setting"]] if value else lines))
    with pytest.raises(RunRefused) as refused:
        infra.stacks(tmp_path / "told.toml")
    assert [fault.which for fault in refused.value.faults] == [f"Setting {row['which']}"]


NAMES = {"Environment": "a-very-long-environment-of-prod", "Tenant": "a-very-long-tenant-of-characters"[:31]}


def test_names_that_would_be_too_long_are_named_at_once(tmp_path: Path) -> None:
    """Each part is short enough, and what is made of them is not: AWS would say so one stack after the other."""
    told = tomllib.loads((INFRA / "example.toml").read_text("utf-8")) | NAMES | {"BucketPrefix": "b" * 41}
    (tmp_path / "told.toml").write_text("\n".join(f"{name} = {value!r}" for name, value in told.items()))
    with pytest.raises(RunRefused) as refused:
        infra.stacks(tmp_path / "told.toml")
    faults = [(fault.which, fault.what.split()[2]) for fault in refused.value.faults]
    both = "Settings Environment and Tenant"
    assert faults == [
        *[("Settings BucketPrefix and Environment", "78")] * 2,
        *((both, length) for length in ("69", "71", "77")),
    ]


@pytest.mark.parametrize("held", [b"Tenant = 'caf\xe9'", b"Tenant = 'acme", b"[Tenant]\nx = 1"])
def test_a_file_that_holds_no_settings_is_refused_in_words(held: bytes, tmp_path: Path) -> None:
    """Of another encoding, broken off, or a table in place of a value."""
    (tmp_path / "told.toml").write_bytes(held)
    with pytest.raises(RunRefused) as refused:
        infra.stacks(tmp_path / "told.toml")
    assert any(fault.which in (f"File {tmp_path / 'told.toml'}", "Setting Tenant") for fault in refused.value.faults)


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """Of an empty file."""
    (tmp_path / "told.toml").write_text("")
    with pytest.raises(RunRefused) as refused:
        infra.stacks(tmp_path / "told.toml")
    names = {"Environment", "Tenant", "BucketPrefix", "SubjectType", "VpcId", "PrivateSubnets"}
    assert {fault.which for fault in refused.value.faults} == {f"Setting {name}" for name in names}


def test_the_commands_come_in_order_and_say_everything(tmp_path: Path) -> None:
    """Every parameter without a default is given or asked of an earlier stack."""
    said = RulesCommand(tmp_path).json("infra", "render", INFRA / "example.toml")
    assert [each["stack"] for each in said] == [f"rules-prod-acme-{word}" for word in infra_order()]
    for each in said:
        about = TEMPLATES[Path(each["template"]).stem]["Parameters"]
        needed = {name for name, parameter in about.items() if "Default" not in parameter}
        assert needed <= {*each["parameters"], *each["outputs"]}
        assert all(f"{name}=" in each["command"] for name in needed)


def infra_order() -> list[str]:
    return [*tomllib.loads((INFRA / "stacks.toml").read_text("utf-8"))]


def test_what_is_otherwise_on_aws_is_shown(tmp_path: Path) -> None:
    """A stack that is not there, one that is as here, and one whose template and values are others."""
    (tmp_path / "stacks.toml").write_text('[one]\n[two]\nName = "one.Made"\n')
    text = "Parameters: {PARAMETER: {Type: String}, Tenant: {Type: String}}\nResources:\n  Topic: {Type: AWS::SNS::Topic}\nOutputs:\n"
    one = text.replace("PARAMETER", "Environment") + "  Made: {Value: !Ref Topic}\n"
    (tmp_path / "one.yaml").write_text(one)
    (tmp_path / "two.yaml").write_text(text.replace("PARAMETER", "Name") + "  Two: {Value: x}\n")
    (tmp_path / "told.toml").write_text('Environment = "prod"\nTenant = "acme"\n')
    with mock_aws():
        client = boto3.client("cloudformation", region_name="eu-west-1")
        wanted = infra.stacks(tmp_path / "told.toml", tmp_path)
        assert infra.differences(client, wanted)["rules-prod-acme-one"] == ["+ the whole stack: it is not there"]
        tenant = {"ParameterKey": "Tenant", "ParameterValue": "acme"}
        given = [{"ParameterKey": "Environment", "ParameterValue": "prod"}, tenant]
        client.create_stack(StackName="rules-prod-acme-one", TemplateBody=one, Parameters=given)
        (made,) = client.describe_stacks(StackName="rules-prod-acme-one")["Stacks"]
        named = [{"ParameterKey": "Name", "ParameterValue": made["Outputs"][0]["OutputValue"]}, tenant]
        two = (tmp_path / "two.yaml").read_text()
        client.create_stack(StackName="rules-prod-acme-two", TemplateBody=two, Parameters=named)
        assert infra.differences(client, wanted) == {"rules-prod-acme-one": [], "rules-prod-acme-two": []}
        (tmp_path / "one.yaml").write_text(one.replace("Topic", "News"))
        lines = infra.differences(client, [wanted[0]])["rules-prod-acme-one"]
        assert "-  Topic: {Type: AWS::SNS::Topic}" in lines
        assert "+  News: {Type: AWS::SNS::News}" in lines
