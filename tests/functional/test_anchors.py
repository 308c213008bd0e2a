"""Heads of the audit's chain noted in files and in locked S3 objects, and verified against."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from jobs import anchor_step
from rules_engine.errors import RunRefused
from rules_repo import audit
from rules_repo.audit_anchors import Anchor
from tests.functional.conftest import Sql
from tests.functional.rules_command import RulesCommand

REGION = "eu-central-1"
NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
TARGET = "s3://anchors/rules/audit.jsonl"


def anchor(position: int, digit: str) -> Anchor:
    return Anchor(position, digit * 64, f"2026-06-{position:02}T08:00:00Z")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with Object Lock, and one without."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        place = {"LocationConstraint": REGION}
        client.create_bucket(Bucket="anchors", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
        client.create_bucket(Bucket="plain", CreateBucketConfiguration=place)
        yield client


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_file_gets_a_line_each_time(tmp_path: Path, form: str) -> None:
    """What was noted before stays; all of it is read."""
    target = form.format(tmp_path / "new" / "anchors.jsonl")
    for each in (anchor(1, "a"), anchor(2, "b")):
        anchor_step.note(target, each, NOW)
    assert anchor_step.noted(target) == (anchor(1, "a"), anchor(2, "b"))


def test_an_object_is_locked_and_no_newer_version_hides_an_older(s3: Any) -> None:
    """Nobody removes a version before its time; whoever may write adds versions, and those before them count all the same."""
    for each in (anchor(1, "a"), anchor(2, "b")):
        anchor_step.note(TARGET, each, NOW + timedelta(days=3650), s3)
    anchor_step.note(TARGET + ".other", anchor(9, "c"), NOW + timedelta(days=3650), s3)
    versions = s3.list_object_versions(Bucket="anchors", Prefix="rules/audit.jsonl")["Versions"]
    kept = s3.head_object(Bucket="anchors", Key=versions[0]["Key"], VersionId=versions[0]["VersionId"])
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert kept["ObjectLockRetainUntilDate"] == NOW + timedelta(days=3650)
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="anchors", Key=versions[0]["Key"], VersionId=versions[0]["VersionId"])
    s3.delete_object(Bucket="anchors", Key="rules/audit.jsonl")
    assert set(anchor_step.noted(TARGET, s3)) == {anchor(1, "a"), anchor(2, "b")}


def test_a_bucket_without_a_lock_takes_no_anchor(s3: Any) -> None:
    """An anchor that can be replaced proves nothing."""
    with pytest.raises(RunRefused, match=r"Anchor s3://plain/a: AWS refuses"):
        anchor_step.note("s3://plain/a", anchor(1, "a"), NOW + timedelta(days=1), s3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there are none. Note one: rules audit anchor --to"),
        ('{"position": 1}', "line 1 is no anchor"),
        (f'{anchor(1, "a")}\n{{"at": "x", "hash": "{"g" * 64}", "position": 2}}', "line 2 is no anchor"),
        ("not JSON", "line 1 is no anchor"),
    ],
)
def test_a_file_that_holds_no_anchors_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """A proof against nothing is none."""
    (tmp_path / "a").write_text(text)
    with pytest.raises(RunRefused, match=says):
        anchor_step.noted(str(tmp_path / "a"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The name was misread, or whoever tampered removed it."""
    with pytest.raises(RunRefused, match="it cannot be read: No such file"):
        anchor_step.noted(str(tmp_path / "none"))


def test_the_command_notes_and_proves(sql: Sql, database_url: str, tmp_path: Path) -> None:
    """Note the head, go on, verify; cut the chain behind it with what it told of, and exit 5 says so."""
    rules = RulesCommand(tmp_path, {"RULES_DATABASE_URL": database_url})
    target = tmp_path / "anchors.jsonl"
    sql("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    sql("INSERT INTO rules.tenant (key) VALUES ('acme')")
    noted = rules.json("audit", "anchor", "--to", target)
    assert noted["position"] == audit.verify(database_url).entries
    assert rules.json("audit", "verify", "--anchor", target)["anchors"] == 1
    sql("ALTER TABLE rules.audit_entry DISABLE TRIGGER USER; ALTER TABLE rules.tenant DISABLE TRIGGER USER")
    sql("DELETE FROM rules.audit_entry WHERE relation = 'tenant' AND row_key = '{\"key\": \"acme\"}'")
    sql("DELETE FROM rules.tenant WHERE key = 'acme'")
    newest = "FROM rules.audit_entry ORDER BY position DESC LIMIT 1"
    sql(f"UPDATE rules.settling SET transaction = (SELECT transaction {newest}), moment = (SELECT at {newest})")
    for table in ("audit_entry", "tenant"):
        for (name,) in sql(
            f"SELECT tgname FROM pg_trigger WHERE tgrelid = 'rules.{table}'::regclass AND NOT tgisinternal"
        ):
            sql(f"ALTER TABLE rules.{table} ENABLE ALWAYS TRIGGER {name}")
    assert rules.json("audit", "verify")["entries"] == noted["position"] - 1
    code, faults = rules.refused("audit", "verify", "--anchor", target)
    assert code == 5
    assert "1 faults were found" in faults[0]["what"]
    assert "it was cut" in faults[1]["what"]
