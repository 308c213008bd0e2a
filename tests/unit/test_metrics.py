"""What runs count as metrics: lines that CloudWatch reads, and alarms and a dashboard that name just these (R-OPS-6)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from jobs import metrics, metrics_feed
from rules_engine.model.failing import HeldType
from rules_engine.model.manifest import Manifest
from tests.unit.house import MONDAY, House
from tests.unit.test_roles import Tags

INFRA = Path(__file__).parents[2] / "infra"
AT = datetime(2024, 6, 1, 5, tzinfo=UTC)
PLACE = metrics.Place("prod", "acme")
REGION = "eu-west-1"
FOLDER = "runs/prod_acme_dynamodb/r1"


@pytest.fixture
def manifest() -> Manifest:
    """A run of two subjects, of whom one gained a membership, with a phase that took a while and a held type."""
    house = House()
    made = house.store.manifest(house.evaluate(MONDAY))
    assert made
    held = (HeldType("PLUS", 1, ()),)
    evaluation = replace(made.evaluation, seconds={"evaluate rules": 12.5}, held=held)
    return replace(made, run_id="r1", evaluation=evaluation)


def all_lines(manifest: Manifest) -> list[dict[str, Any]]:
    of = (manifest, PLACE, AT)
    said = [*metrics.evaluated(*of), *metrics.judged(*of, held=True), *metrics.published(*of)]
    return [json.loads(line) for line in said]


def named(line: dict[str, Any]) -> list[str]:
    (said,) = line["_aws"]["CloudWatchMetrics"]
    return [each["Name"] for each in said["Metrics"]]


def test_every_line_is_one_that_cloudwatch_reads(manifest: Manifest) -> None:
    """Each dimension and metric that its head names is a member of it, the former a text, the latter a number."""
    for line in all_lines(manifest):
        (said,) = line["_aws"]["CloudWatchMetrics"]
        assert (said["Namespace"], line["_aws"]["Timestamp"]) == ("Rules", 1717218000000)
        assert all(isinstance(line[name], str) for names in said["Dimensions"] for name in names)
        assert all(isinstance(line[name], (int, float)) for name in named(line))
        assert said["Dimensions"][0] == ["Environment", "Tenant"]
        assert {each["Unit"] for each in said["Metrics"]} == {metrics.METRICS[name] for name in named(line)}


def test_the_numbers_are_those_of_the_manifest(manifest: Manifest) -> None:
    """Of everybody, of a type, of a phase; gained and lost make the members that there are."""
    lines = all_lines(manifest)
    found = manifest.evaluation
    assert lines[0]["Subjects"] == found.subjects
    assert lines[0]["UnknownShare"] == 100 * sum(found.unknown_per_rule.values()) / found.evaluated_pairs
    by_type = {line["MembershipType"]: line for line in lines if "MembershipType" in line}
    assert {*by_type} == {counts.membership_type for counts in found.types}
    for counts in found.types:
        line = by_type[counts.membership_type]
        assert counts.members_before + line["MembersGained"] - line["MembersLost"] == line["Members"]
        assert (line["Decided"], line["TypeHeld"]) == (counts.decided, int(counts.membership_type == "PLUS"))
    assert [line["PhaseSeconds"] for line in lines if "Phase" in line] == [12.5]
    assert (lines[-2]["RunHeld"], lines[-1]["RecordsWritten"]) == (1, manifest.written)


def test_alarms_and_dashboard_name_what_is_emitted_and_nothing_else(manifest: Manifest) -> None:
    """A metric that nobody looks at, or an alarm on one that there is not, is a mistake."""
    emitted = {name for line in all_lines(manifest) for name in named(line)}
    assert {*_named_in_templates()} == emitted == {*metrics.METRICS}


def _named_in_templates() -> Iterator[str]:
    for path in INFRA.glob("*.yaml"):
        template = yaml.load(path.read_text("utf-8"), Tags)
        for resource in template["Resources"].values():
            said = resource.get("Properties", {})
            if resource["Type"] == "AWS::CloudWatch::Alarm" and said["Namespace"] == metrics.NAMESPACE:
                yield said["MetricName"]
    watching = (INFRA / "watching.yaml").read_text("utf-8")
    yield from re.findall(rf'\["{metrics.NAMESPACE}", "(\w+)", "Environment"', watching)


WRITTEN = {
    "manifest.json": {"Subjects", "UnknownShare", "PhaseSeconds", "Decided", "Members", "TypeHeld"},
    "judged.json": {"RunHeld"},
    "held.json": {"RunHeld"},
    "published.json": {"RecordsWritten"},
    "opened.json": set(),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_of_a_run_is_told(
    name: str, manifest: Manifest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function reads the manifest beside the file that was written; other tenants' runs are none of its own."""
    told = {"RULES_ENV": "prod", "RULES_TENANT": "acme", "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
        for folder in (FOLDER, FOLDER.replace("acme", "other")):
            s3.put_object(Bucket="data", Key=f"{folder}/held.json", Body=b'["Members lost: 40 %"]')
            s3.put_object(Bucket="data", Key=f"{folder}/manifest.json", Body=json.dumps(manifest.content()).encode())
            event = {"detail": {"bucket": {"name": "data"}, "object": {"key": f"{folder}/{name}"}}}
            metrics_feed.handle(event, client=s3)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert WRITTEN[name] <= {each for line in lines for each in named(line)}
    assert {line["Tenant"] for line in lines} == ({"acme"} if WRITTEN[name] else set())
    if name in ("held.json", "judged.json"):
        assert [line["RunHeld"] for line in lines] == [int(name == "held.json")]
