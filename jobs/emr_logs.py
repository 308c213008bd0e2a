"""What the steps of a run said, as EMR keeps it on S3: of a step on YARN what its driver said, too."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jobs.aws import told
from jobs.emr_runs import RunState
from rules_engine.errors import Fault, RunRefused

DRIVER = r"/container_[0-9a-z_]*_000001/"
"""The first container of an application is its driver's."""


class Log(NamedTuple):
    """One file of a step's logs."""

    address: str
    text: str


def logs_of(s3: Any, run: RunState, step: str, folder: str | None = None) -> list[Log]:
    """
    The logs of a step; ``folder`` is where EMR Serverless puts them, a cluster knows its own.

    Raises:
        RunRefused: If the run has no such step, or there are no logs of it (yet).
    """
    found = {each.what: each for each in run.steps}
    if step not in found:
        raise RunRefused(Fault(f"Step {step}", "the run has none of that name.", f"There are: {', '.join(found)}."))
    root = (folder or run.logs).rstrip("/").replace("s3n://", "s3://")
    if not root.startswith("s3://"):
        raise RunRefused(Fault(f"Cluster {run.cluster}", "it keeps no logs on S3.", "Give a cluster --logs s3://…."))
    place = urlsplit(root)
    base = place.path.strip("/")
    with told(f"Logs {root}"):
        if folder:
            said = [*_under(s3, place.netloc, f"{base}/applications/{run.cluster}/jobs/{found[step].id}/SPARK_DRIVER/")]
        else:
            said = [*_under(s3, place.netloc, f"{base}/{run.cluster}/steps/{found[step].id}/")]
            said += [*_drivers(s3, place.netloc, f"{base}/{run.cluster}/containers", said)]
    if not said:
        why = f"; EMR says of it: {found[step].why.rstrip('.')}" if found[step].why else ""
        what = f"there are none below {root} yet{why}."
        raise RunRefused(Fault(f"Logs of step {step}", what, "EMR writes them every few minutes: ask again."))
    return said


def _drivers(s3: Any, bucket: str, base: str, said: list[Log]) -> Iterator[Log]:
    applications = {name for log in said for name in re.findall(r"application_\d+_\d+", log.text)}
    for name in sorted(applications):
        yield from (log for log in _under(s3, bucket, f"{base}/{name}/") if re.search(DRIVER, log.address))


def _under(s3: Any, bucket: str, prefix: str) -> Iterator[Log]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.lstrip("/"))
    for key in sorted(each["Key"] for page in pages for each in page.get("Contents", [])):
        if key.rpartition("/")[2].removesuffix(".gz") in ("stdout", "stderr"):
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            text = gzip.decompress(body) if key.endswith(".gz") else body
            yield Log(f"s3://{bucket}/{key}", text.decode("utf-8", "replace"))
