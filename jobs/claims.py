"""
Who puts a run on AWS: of several that submit it at once one does, and the others find what it began (R-OPS-3).

A small object on S3 beside the staged runs, made and replaced under conditions that the store itself holds. It is a
lease while somebody submits, and afterwards says where the run is.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rules_engine.errors import Fault, RunInterrupted

LEASE = 90
"""Seconds after which somebody who began to submit and said no more is taken to be gone."""

PAUSE = 2.0
LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass
class Claim:
    """Where a run is, as said by whoever submitted it last; the holder says it anew."""

    where: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    s3: Any
    bucket: str
    key: str

    def read(self) -> tuple[dict[str, Any], str | None]:
        """What the claim says, and what tells this state of it from any other; nothing where there is none."""
        from botocore.exceptions import ClientError

        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as problem:
            if problem.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return {}, None
            raise
        return json.loads(found["Body"].read()), found["ETag"]

    def replace(self, state: str | None, where: str | None, until: float) -> str | None:
        """Write the claim where it is still in a state; the new one, None where somebody else was faster."""
        from botocore.exceptions import ClientError

        body = json.dumps({"where": where, "until": until, "by": uuid.uuid4().hex})
        condition = {"IfMatch": state} if state else {"IfNoneMatch": "*"}
        try:
            put = self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=body.encode(), **condition)
        except ClientError as problem:
            if problem.response["Error"]["Code"] in LOST:
                return None
            raise
        return str(put["ETag"])


@contextmanager
def claimed(
    s3: Any, address: str, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.time
) -> Iterator[Claim]:
    """
    Hold the claim of a run, an address on S3, once nobody else does; what is said in it is kept for those who follow.

    Raises:
        RunInterrupted: If others hold it longer than anybody should.
    """
    place = _Place(s3, urlsplit(address).netloc, urlsplit(address).path.lstrip("/"))
    claim, state = _held(place, address, sleep, clock)
    try:
        yield claim
    finally:
        place.replace(state, claim.where, 0.0)


def _held(place: _Place, address: str, sleep: Callable[[float], None], clock: Callable[[], float]) -> tuple[Claim, str]:
    for _ in range(int(2 * LEASE / PAUSE)):
        known, state = place.read()
        free = known.get("until", 0.0) <= clock()
        if free and (mine := place.replace(state, known.get("where"), clock() + LEASE)):
            return Claim(known.get("where")), mine
        sleep(PAUSE)
    raise RunInterrupted(Fault(f"Claim {address}", "others are submitting this run.", "Do the same again."))
