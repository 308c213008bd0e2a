"""Note the head of the audit's chain where whoever rules the database does not: in a file, or a locked S3 object."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs import aws
from rules_engine.errors import Fault, RunRefused
from rules_repo.audit_anchors import Anchor, read


def note(target: str, anchor: Anchor, until: datetime, client: Any = None) -> None:
    """
    Add an anchor: a line to a file, or a version to an object that nobody can remove before ``until``.

    Raises:
        RunRefused: If it cannot be written, or the bucket has no Object Lock.
    """
    where = urlsplit(target)
    if where.scheme in ("s3", "s3a"):
        with aws.told(f"Anchor {target}"):
            (client or aws.client("s3")).put_object(
                Bucket=where.netloc,
                Key=where.path.lstrip("/"),
                Body=f"{anchor}\n".encode(),
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=until,
            )
        return
    path = _path(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{anchor}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        what = f"it cannot be written: {problem.strerror}."
        raise RunRefused(Fault(f"Anchor {target}", what, "Choose another target.")) from problem


def noted(target: str, client: Any = None) -> tuple[Anchor, ...]:
    """
    All anchors of a file, or of every version of an object: a newer one does not hide an older.

    Raises:
        RunRefused: If there is none, or it cannot be read.
    """
    where = urlsplit(target)
    if where.scheme in ("s3", "s3a"):
        with aws.told(f"Anchor {target}"):
            return read(target, _versions(client or aws.client("s3"), where.netloc, where.path.lstrip("/")))
    try:
        return read(target, _path(target).read_text(encoding="utf-8").splitlines())
    except OSError as problem:
        what = f"it cannot be read: {problem.strerror}."
        raise RunRefused(Fault(f"Anchor {target}", what, "Note one: rules audit anchor --to …")) from problem


def retained(now: datetime, days: int) -> datetime:
    """Until when an object is locked that is written now."""
    return now + timedelta(days=days)


def _path(target: str) -> Path:
    where = urlsplit(target)
    return Path(where.path if where.scheme == "file" else target)


def _versions(client: Any, bucket: str, key: str) -> list[str]:
    lines: list[str] = []
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for version in page.get("Versions", ()):
            if version["Key"] == key:
                body = client.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])["Body"]
                lines += body.read().decode().splitlines()
    return lines
