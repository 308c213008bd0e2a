"""
What a run on AWS needs, looked at from a laptop before anything is started: all that is missing at once (R-OPS-6).

What the person asking may not look at is no fault of the run: it is said to be unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from jobs import aws
from jobs.emr import Job, Step
from jobs.emr_cluster import RELEASE
from jobs.package import CHECKSUMS
from rules_engine.errors import Fault, RulesError

UNKNOWN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "NotImplemented", "InternalFailure")
Client = Callable[[str], Any]
"""A client of a service of AWS, by its name."""

Look = Iterator[Fault | str]
"""What a look comes to: faults, and words about what was found."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that was looked at: its faults, or why it could not be."""

    what: str
    found: str = ""
    faults: tuple[Fault, ...] = ()
    unknown: bool = False


def looked(what: str, look: Callable[[], Iterator[Fault] | Look], found: str = "there") -> Looked:
    """What a look comes to; one that AWS forbids is unknown, one that it does not answer is a fault like another."""
    from botocore.exceptions import ClientError

    try:
        with aws.told(what):
            said = tuple(look())
    except RulesError as refused:
        cause = refused.__cause__
        if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in UNKNOWN:
            return Looked(what, f"not looked at: {cause.response['Error']['Code']}", unknown=True)
        return Looked(what, faults=refused.faults)
    words = " ".join(each for each in said if isinstance(each, str))
    return Looked(what, words or found, tuple(each for each in said if isinstance(each, Fault)))


def refused_as(codes: Sequence[str], ask: Callable[[], object]) -> bool:
    """Whether AWS refuses a request with one of these codes; another refusal is raised."""
    from botocore.exceptions import ClientError

    try:
        ask()
    except ClientError as problem:
        if problem.response["Error"]["Code"] not in codes:
            raise
        return True
    return False


def before_a_run(
    client: Client, job: Job, steps: Sequence[Step], profile: str | None, logs: str | None
) -> Iterator[Looked]:
    """
    What a submission looks at; ``profile`` is the instance profile of a cluster of its own.

    Raises:
        RunRefused: If nobody is signed in, so that nothing can be looked at.
        RunInterrupted: If AWS cannot be reached.
    """
    with aws.told("AWS"):
        client("sts").get_caller_identity()
    where = job.artefacts
    s3 = client("s3")
    for bucket in dict.fromkeys(urlsplit(uri).netloc for uri in (where, job.lake, job.rule_set, job.runs, logs) if uri):
        yield looked(f"Bucket {bucket}", partial(bucket_faults, s3, bucket))
    yield looked(f"Package {where}", lambda: package_faults(s3, where, [step.what for step in steps], job))
    yield looked(f"Lake {job.lake}", lambda: object_faults(s3, "Lake declaration", job.lake))
    if not job.secret:
        yield looked(f"Rule set {job.rule_set}", lambda: object_faults(s3, "Frozen rule set", job.rule_set))
    if profile:
        yield looked(f"Release {RELEASE}", lambda: release_faults(client("emr")))
    for step in steps:
        if step.role:
            yield looked(f"Role {step.role}", partial(role_faults, client("iam"), step.role, profile))


def package_faults(s3: Any, artefacts: str, steps: Sequence[str], job: Job) -> Iterator[Fault]:
    """What of a package is missing, or is for other nodes than those of the run."""
    if not _there(s3, f"{artefacts}/{CHECKSUMS}"):
        remedy = f"Put one there: `rules emr package build/package`, `rules emr upload build/package {artefacts}`."
        yield Fault(f"Package {artefacts}", "it is not there, or not whole.", remedy)
        return
    wanted = [job.program, *(f"{artefacts}/{step}_step.py" for step in steps), *map(job.libraries, steps)]
    missing = [uri.rpartition("/")[2] for uri in wanted if not _there(s3, uri)]
    if missing:
        remedy = f"Package for these nodes: --architecture {job.nodes.architecture} --python {job.nodes.python}."
        yield Fault(f"Package {artefacts}", f"it lacks {', '.join(missing)}.", remedy)
    elif (python := _packaged_python(_read(s3, f"{artefacts}/{steps[0]}_step.py"))) not in (None, job.nodes.python):
        what = f"it is for Python {python}, and the nodes are to run {job.nodes.python}."
        yield Fault(f"Package {artefacts}", what, f"Say --python {python}, or package for {job.nodes.python}.")


def release_faults(emr: Any) -> Iterator[Fault]:
    """Whether the region has the release."""
    labels: list[str] = []
    asked: dict[str, str] = {}
    while True:
        page = emr.list_release_labels(**asked)
        labels += page.get("ReleaseLabels", [])
        if RELEASE in labels:
            return
        if not page.get("NextToken"):
            break
        asked = {"NextToken": page["NextToken"]}
    what = f"the region {emr.meta.region_name} does not have it."
    yield Fault(f"Release {RELEASE}", what, "Take a region that has: set AWS_REGION.")


def role_faults(iam: Any, role: str, profile: str | None) -> Iterator[Fault]:
    """Whether a step's role is there and lets itself be taken: by the nodes' role, or by EMR Serverless."""

    def by() -> Mapping[str, str]:
        if not profile:
            return {"Service": "emr-serverless.amazonaws.com"}
        nodes = iam.get_instance_profile(InstanceProfileName=profile.rpartition("/")[2])
        return {"AWS": nodes["InstanceProfile"]["Roles"][0]["Arn"]}

    where = "InstanceProfileRoleArn, ServerlessApplicationArn of infra/roles.yaml"
    return trust_faults(iam, role, by, where)


def trust_faults(iam: Any, role: str, by: Callable[[], Mapping[str, str]], where: str) -> Iterator[Fault]:
    """Whether a role is there and lets itself be taken, as by {"Service": …}; or else where that is said."""
    found: dict[str, Any] = {}
    if refused_as(("NoSuchEntity",), lambda: found.update(iam.get_role(RoleName=role.rpartition("/")[2]))):
        remedy = f"Make it: `rules infra render`, {where.rpartition(' ')[2]}."
        yield Fault(f"Role {role}", "there is no such role.", remedy)
        return
    ((kind, who),) = by().items()
    meant = [
        said["Effect"]
        for said in _statements(found["Role"]["AssumeRolePolicyDocument"])
        if _named(said, "Action", "sts:AssumeRole") and _trusts(said.get("Principal", {}), kind, who)
    ]
    if "Allow" not in meant or "Deny" in meant:
        what = f"it does not let itself be taken by {who}."
        yield Fault(f"Role {role}", what, f"Name it when the roles are made: {where}.")


def _trusts(principal: Any, kind: str, who: str) -> bool:
    """Whether a principal is somebody, or the whole account of theirs, which leaves it to the account's policies."""
    named = principal if isinstance(principal, str) else principal.get(kind, ())
    account = who.split(":")[4] if who.count(":") > 4 else who
    return not {who, "*", account, f"arn:aws:iam::{account}:root"}.isdisjoint(
        [named] if isinstance(named, str) else named
    )


def statements_of(iam: Any, role: str) -> list[Mapping[str, Any]]:
    """What the policies of a role say, its own and those that are attached to it."""
    name = role.rpartition("/")[2]
    found: list[Mapping[str, Any]] = []
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found += _statements(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        found += _statements(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
    return found


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of a policy, in which one statement may stand without a list."""
    said = document["Statement"]
    return [each for each in (said if isinstance(said, list) else [said]) if isinstance(each, dict)]


def allowed(statements: Sequence[Mapping[str, Any]], action: str, resource: str) -> bool:
    """IAM's rule as far as actions and resources go: allowed by one statement and denied by none."""
    meant = [
        said["Effect"]
        for said in statements
        if _named(said, "Action", action) and _named(said, "Resource", resource) and "Condition" not in said
    ]
    return "Allow" in meant and "Deny" not in meant


def _named(statement: Mapping[str, Any], element: str, name: str) -> bool:
    patterns = statement.get(element, statement.get(f"Not{element}", []))
    meant = any(fnmatchcase(name, each) for each in ([patterns] if isinstance(patterns, str) else patterns))
    return meant == (element in statement)


def identity(sts: Any) -> Look:
    """Who asks."""
    who = sts.get_caller_identity()
    yield f"{who['Arn']} of account {who['Account']}"


def bucket_faults(s3: Any, bucket: str) -> Iterator[Fault]:
    """Whether a bucket is there, in the region in which the run is to be."""
    found: dict[str, Any] = {}
    if refused_as(("404", "NoSuchBucket"), lambda: found.update(s3.head_bucket(Bucket=bucket))):
        yield Fault(f"Bucket {bucket}", "there is none of that name.", "Make it: infra/storage.yaml.")
    elif (there := found.get("BucketRegion")) not in (None, here := s3.meta.region_name):
        remedy = f"Name one of {here}, or set AWS_REGION={there}."
        yield Fault(f"Bucket {bucket}", f"it is in {there}, which nodes in {here} do not reach.", remedy)


def object_faults(s3: Any, which: str, uri: str) -> Iterator[Fault]:
    """Whether there is a file at an address."""
    if not _there(s3, uri):
        yield Fault(f"{which} {uri}", "there is no such file.", "Put it there, or mend the address.")


def _there(s3: Any, uri: str) -> bool:
    place = urlsplit(uri)
    gone = ("404", "NoSuchKey", "NoSuchBucket")
    return not refused_as(gone, lambda: s3.head_object(Bucket=place.netloc, Key=place.path.lstrip("/")))


def _read(s3: Any, uri: str) -> str:
    place = urlsplit(uri)
    body: bytes = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    return body.decode("utf-8", "replace")


def _packaged_python(entry: str) -> str | None:
    found = re.search(r"for Python (\d+\.\d+)", entry)
    return found[1] if found else None
