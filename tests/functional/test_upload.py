"""A package on S3: whole or refused, and never over another one."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from jobs.upload import upload
from rules_engine.errors import RunRefused
from tests.functional.rules_command import RulesCommand

PLACE = "s3://rules/artefacts/0.1.0"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="rules")
        yield client


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Two files and the checksums of them."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "rules.zip").write_bytes(b"zip")
    (folder / "evaluate_step.py").write_bytes(b"step")
    lines = [f"{sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in ("evaluate_step.py", "rules.zip")]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket="rules").get("Contents", [])]


def test_a_package_is_uploaded_once(s3: Any, package: Path, tmp_path: Path) -> None:
    """The command puts every file there, the checksums last; said again it finds them all and writes nothing."""
    command = RulesCommand(tmp_path / "home")
    assert command.json("emr", "upload", package, PLACE)["uploaded"] == ["evaluate_step.py", "rules.zip", "SHA256SUMS"]
    assert keys(s3) == [f"artefacts/0.1.0/{name}" for name in ("SHA256SUMS", "evaluate_step.py", "rules.zip")]
    assert command.json("emr", "upload", package, PLACE + "/")["uploaded"] == []


def test_what_was_interrupted_is_completed(s3: Any, package: Path) -> None:
    """One file is there already: the others follow."""
    upload(s3, package, PLACE)
    s3.delete_object(Bucket="rules", Key="artefacts/0.1.0/SHA256SUMS")
    assert upload(s3, package, PLACE) == ("SHA256SUMS",)


def test_nothing_is_overwritten(s3: Any, package: Path) -> None:
    """Files of the same names and other bytes are all named, whoever put them there, and stay; no file is added."""
    for name in ("rules.zip", "evaluate_step.py"):
        s3.put_object(Bucket="rules", Key=f"artefacts/0.1.0/{name}", Body=b"theirs")
    with pytest.raises(RunRefused) as refused:
        upload(s3, package, PLACE)
    assert [f.which for f in refused.value.faults] == [f"{PLACE}/evaluate_step.py", f"{PLACE}/rules.zip"]
    assert len(keys(s3)) == 2
    assert s3.get_object(Bucket="rules", Key="artefacts/0.1.0/rules.zip")["Body"].read() == b"theirs"


def test_one_who_was_faster_is_not_overwritten(s3: Any, package: Path) -> None:
    """Between the look and the writing somebody else has put a file there: the store itself refuses."""

    class Racing:
        """The client, at whose look the other uploads."""

        def head_object(self, **words: Any) -> Any:
            try:
                return s3.head_object(**words)
            finally:
                s3.put_object(Bucket="rules", Key=words["Key"], Body=b"theirs")

        def put_object(self, **words: Any) -> Any:
            return s3.put_object(**words)

    with pytest.raises(RunRefused, match="PreconditionFailed"):
        upload(Racing(), package, PLACE)
    assert s3.get_object(Bucket="rules", Key="artefacts/0.1.0/rules.zip")["Body"].read() == b"theirs"


def test_a_package_that_was_changed_is_refused(s3: Any, package: Path) -> None:
    """Each file that is not what the checksums say, or is gone."""
    (package / "rules.zip").write_bytes(b"other")
    (package / "evaluate_step.py").unlink()
    with pytest.raises(RunRefused) as refused:
        upload(s3, package, PLACE)
    assert len(refused.value.faults) == 2
    assert keys(s3) == []


@pytest.mark.parametrize("target", ["rules/artefacts", "s3://rules", "s3:///artefacts", "https://rules/artefacts"])
def test_a_place_that_is_no_folder_on_s3_is_refused(s3: Any, package: Path, target: str) -> None:
    """With the form that is meant."""
    with pytest.raises(RunRefused, match=r"it is no folder on S3\. Write it as s3://bucket"):
        upload(s3, package, target)


def test_a_folder_without_a_package_is_refused(s3: Any, tmp_path: Path) -> None:
    """It says how to make one."""
    with pytest.raises(RunRefused, match=r"it holds no package\. Make one: rules emr package"):
        upload(s3, tmp_path, PLACE)
