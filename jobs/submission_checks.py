"""What a submission looks at before anything is started: all that is missing at once (R-OPS-6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from jobs import aws
from jobs.cluster_checks import (
    EMR_ITSELF,
    Client,
    Looked,
    bucket_faults,
    looked,
    no_cluster,
    object_faults,
    package_faults,
    profile_faults,
    profile_of,
    release_faults,
    role_faults,
    security_faults,
    trust_faults,
)
from jobs.emr import Job, Step
from jobs.emr_cluster import RELEASE, Cluster


def before_a_run(
    client: Client, job: Job, steps: Sequence[Step], place: Cluster | str | None, logs: str | None
) -> Iterator[Looked]:
    """
    What a submission looks at; ``place`` is a cluster of its own, the id of a running one, or none on EMR Serverless.

    Raises:
        RunRefused: If nobody is signed in, so that nothing can be looked at.
        RunInterrupted: If AWS cannot be reached.
    """
    with aws.told("AWS"):
        client("sts").get_caller_identity()
    where = job.artefacts
    s3, iam, emr = client("s3"), client("iam"), client("emr")
    for bucket in dict.fromkeys(urlsplit(uri).netloc for uri in (where, job.lake, job.rule_set, job.runs, logs) if uri):
        yield looked(f"Bucket {bucket}", partial(bucket_faults, s3, bucket))
    yield looked(f"Package {where}", lambda: package_faults(s3, where, [step.what for step in steps], job))
    yield looked(f"Lake {job.lake}", lambda: object_faults(s3, "Lake declaration", job.lake))
    if not job.secret:
        yield looked(f"Rule set {job.rule_set}", lambda: object_faults(s3, "Frozen rule set", job.rule_set))
    profile = None
    if isinstance(place, Cluster):
        profile = place.instance_profile
        yield from _before_a_cluster(emr, iam, place)
    elif place:  # it may have ended with the run, which is told then
        with aws.told(f"Cluster {place}"):
            profile = profile_of(emr, place)
        yield Looked(f"Cluster {place}", faults=() if profile else (no_cluster(place),))
    for role in dict.fromkeys(step.role for step in steps if step.role):
        yield looked(f"Role {role}", partial(role_faults, iam, role, profile))


def _before_a_cluster(emr: Any, iam: Any, made: Cluster) -> Iterator[Looked]:
    profile, service, security = made.instance_profile, made.service_role, made.security
    yield looked(f"Release {RELEASE}", lambda: release_faults(emr))
    yield looked(f"Instance profile {profile}", lambda: profile_faults(iam, profile))
    yield looked(f"Role {service}", lambda: trust_faults(iam, service, EMR_ITSELF, "infra/emr.yaml"))
    if security:
        yield looked(f"Security configuration {security}", lambda: security_faults(emr, security))
