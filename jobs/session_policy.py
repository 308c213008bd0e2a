"""What one run's evaluator may reach: a session policy, by which AWS narrows its role to the run it stages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.publication.names import runs_root
from rules_engine.settings import HistoryKind

LONGEST = 2048
"""Characters that EMR Serverless takes."""

WILD = re.compile(r"[*?]|\$\{")
"""What IAM reads as more than itself: a run of that name would reach others."""


def session_policy(
    *,
    run_id: str,
    artefacts: str,
    rule_set: str,
    lake: str,
    runs: str,
    environment: str,
    tenant: str,
    logs: str,
    partition: str = "aws",
) -> str:
    """
    The policy as JSON: an evaluator reads its inputs and what its tenant staged, and writes its own run and logs.

    A session may do what both its role and this allow; ``logs`` is a folder on S3, ``partition`` that of the account.

    Raises:
        RunRefused: If a place is not on S3, is named by what IAM takes for a wild card, or the policy is too long.
    """
    root = runs_root(runs, environment, tenant, HistoryKind.DYNAMODB)
    told = {"run id": run_id, "artefacts": artefacts, "rule set": rule_set, "lake": lake, "runs": runs, "logs": logs}
    raise_all(RunRefused, _faults(told))
    read = [f"{artefacts}/*", f"{lake.rpartition('/')[0]}/*", rule_set, f"{root}/*"]
    statements: list[dict[str, Any]] = [
        {"Action": "s3:GetObject", "Resource": [_arn(partition, uri) for uri in read]},
        {"Action": "s3:ListBucket", "Resource": sorted({_arn(partition, uri).partition("/")[0] for uri in read})},
        {
            "Action": ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            "Resource": [_arn(partition, f"{root}/{run_id}/*"), _arn(partition, f"{root}/{run_id}_$folder$")],
        },
        {"Action": "s3:PutObject", "Resource": _arn(partition, f"{logs.rstrip('/')}/*")},
        {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"},
    ]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}
    text = json.dumps(policy, separators=(",", ":"))
    if len(text) > LONGEST:
        what = f"its session policy has {len(text)} characters, and EMR Serverless takes {LONGEST}."
        raise RunRefused(Fault(f"Run {run_id}", what, "Shorten the addresses of artefacts, lake and runs."))
    return text


def _faults(told: Mapping[str, str]) -> Iterator[Fault]:
    for which, text in told.items():
        if WILD.search(text):
            what = f"'{text}' holds '*', '?' or '${{', which a policy takes for others' names as well."
            yield Fault(which.capitalize(), what, "Name it without them.")
        elif which != "run id" and not text.startswith(("s3://", "s3a://")):
            yield Fault(which.capitalize(), f"'{text}' is not on S3.", "Give s3://bucket/folder.")


def _arn(partition: str, uri: str) -> str:
    place: Any = urlsplit(uri, allow_fragments=False)
    return f"arn:{partition}:s3:::{place.netloc}{place.path}"
