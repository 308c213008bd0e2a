"""
What AWS Lambda starts when a file of a staged run is written: it prints the run's metrics, which CloudWatch reads.

Told of each by EventBridge; it reads manifests and nothing else of a run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jobs import metrics
from jobs.metrics import Place
from rules_engine.model.manifest import manifest_from

FILES = ("manifest.json", "judged.json", "held.json", "published.json")
"""Files whose writing is told: evaluated, let pass, held (or, empty, released), published."""


def handle(event: Mapping[str, Any], _context: object = None, client: Any = None) -> None:
    """Print the metrics of what was written; of a file of another tenant, or of another kind, nothing."""
    detail = event["detail"]
    bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    folder, _, name = key.rpartition("/")
    place = Place(os.environ["RULES_ENV"], os.environ["RULES_TENANT"])
    if name in FILES and folder.rpartition("/")[0].endswith(f"{place.environment}_{place.tenant}_dynamodb"):
        s3 = client or _own()
        manifest = manifest_from(_read(s3, bucket, f"{folder}/manifest.json"))
        held = name == "held.json" and bool(_read(s3, bucket, key))
        at = datetime.now(UTC)
        lines: Mapping[str, Iterable[str]] = {
            "manifest.json": metrics.evaluated(manifest, place, at),
            "judged.json": metrics.judged(manifest, place, at, held=False),
            "held.json": metrics.judged(manifest, place, at, held=held),
            "published.json": metrics.published(manifest, place, at),
        }
        metrics.put(lines[name])


def _read(s3: Any, bucket: str, key: str) -> Any:
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@cache
def _own() -> Any:
    import boto3

    return boto3.client("s3")
