"""A package to where clusters read it: whole, and never over another one (R-OPS-1)."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.aws import told
from jobs.package import CHECKSUMS
from rules_engine.errors import Fault, RunRefused, collected, raise_all


def upload(client: Any, folder: Path, target: str) -> tuple[str, ...]:
    """
    Put a package's files below ``target`` on S3, and return the names of those that were not there.

    The checksums come last: where they are, everything is. Whoever was interrupted does the same again.

    Raises:
        RunRefused: If the folder holds no whole package, or the target another file of one of the names: then nothing
            is written. Or if AWS refuses.
    """
    where = urlsplit(target)
    faults = [*_target_faults(target)]
    sums = collected(lambda: _sums(folder), faults) or {}
    raise_all(RunRefused, faults)
    keys = {name: f"{where.path.strip('/')}/{name}" for name in sums}
    with told(f"Package {target}"):
        there = {name: _digest(client, where.netloc, key) for name, key in keys.items()}
        raise_all(RunRefused, _other_faults(target, sums, there))
        missing = sorted((name for name in sums if there[name] is None), key=lambda name: (name == CHECKSUMS, name))
        for name in missing:
            _put(client, where.netloc, keys[name], folder / name)
    return tuple(missing)


def _put(client: Any, bucket: str, key: str, path: Path) -> None:
    """A new object; of two that upload at once the second is refused by the store."""
    with path.open("rb") as body:
        client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256", IfNoneMatch="*")


def _digest(client: Any, bucket: str, key: str) -> str | None:
    """The SHA-256 of an object, as S3 has it; empty where it was put there without; None where there is no object."""
    from botocore.exceptions import ClientError

    try:
        found: str = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256", "")
    except ClientError as problem:
        if problem.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise
    return found


def _sums(folder: Path) -> Mapping[str, bytes]:
    """
    Name to SHA-256 of the files of a package, the checksums' own included.

    Raises:
        RunRefused: If there are none, or a file is not what they say.
    """
    if not (folder / CHECKSUMS).is_file():
        remedy = f"Make one: rules emr package {folder}."
        raise RunRefused(Fault(f"Folder {folder}", "it holds no package.", remedy))
    lines = (line.split("  ", 1) for line in (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines())
    said = {name: bytes.fromhex(digest) for digest, name in lines}
    found = {name: _sum(folder / name) if (folder / name).is_file() else b"" for name in (*said, CHECKSUMS)}
    what, remedy = "it is not the one that was packaged.", f"Make the package again: rules emr package {folder}."
    raise_all(RunRefused, [Fault(f"File {folder / name}", what, remedy) for name in said if found[name] != said[name]])
    return found


def _sum(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _target_faults(target: str) -> Iterator[Fault]:
    where = urlsplit(target)
    if where.scheme != "s3" or not where.netloc or not where.path.strip("/"):
        yield Fault(f"Target '{target}'", "it is no folder on S3.", "Write it as s3://bucket/artefacts/0.1.0.")


def _other_faults(target: str, sums: Mapping[str, bytes], there: Mapping[str, str | None]) -> Iterator[Fault]:
    for name, found in there.items():
        if found is not None and found != b64encode(sums[name]).decode():
            what = "it is there with other bytes, and is never overwritten: a run may use it."
            yield Fault(f"{target}/{name}", what, "Name another folder, say for another version.")
