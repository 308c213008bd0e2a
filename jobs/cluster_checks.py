"""
What a run on AWS needs, looked at from a laptop, thing by thing (R-OPS-6).

What the person asking may not look at is no fault of the run: it is said to be unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from jobs import aws
from jobs.emr import Job
from jobs.emr_cluster import RELEASE
from jobs.package import CHECKSUMS
from rules_engine.errors import Fault, RulesError

UNKNOWN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "NotImplemented", "InternalFailure")
EMR_ITSELF = ("Service", "elasticmapreduce.amazonaws.com")
SERVERLESS = ("Service", "emr-serverless.amazonaws.com")
ANOTHER = "Name one that runs: --cluster, rules_cluster_id."
GONE = ("TERMINATED", "TERMINATING", "TERMINATED_WITH_ERRORS")
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
    """
    Whether a step's role is there and lets itself be taken: by the nodes' role, or without a profile by EMR Serverless.

    Where the profile gives nodes no role (:func:`profile_faults`), nobody knows who is to take it.
    """
    nodes = nodes_role(iam, profile) if profile else None
    by = ("AWS", nodes) if nodes else SERVERLESS if profile is None else None
    yield from trust_faults(iam, role, by, "InstanceProfileRoleArn, ServerlessApplicationArn of infra/roles.yaml")


def trust_faults(iam: Any, role: str, by: tuple[str, str] | None, where: str) -> Iterator[Fault]:
    """Whether a role is there and lets itself be taken by whoever it is made for; or else where that is said."""
    found: dict[str, Any] = {}
    if refused_as(("NoSuchEntity",), lambda: found.update(iam.get_role(RoleName=role.rpartition("/")[2]))):
        remedy = f"Make it: `rules infra render`, {where.rpartition(' ')[2]}."
        yield Fault(f"Role {role}", "there is no such role.", remedy)
    elif by:
        kind, who = by
        meant = [
            said["Effect"]
            for said in _statements(found["Role"]["AssumeRolePolicyDocument"])
            if _named(said, "Action", "sts:AssumeRole") and _trusts(said.get("Principal", {}), kind, who)
        ]
        if "Allow" not in meant or "Deny" in meant:
            what = f"it does not let itself be taken by {who}."
            yield Fault(f"Role {role}", what, f"Name it when the roles are made: {where}.")


def profile_faults(iam: Any, profile: str) -> Iterator[Fault]:
    """Whether an instance profile is there, and holds the role of the nodes."""
    if nodes_role(iam, profile) is None:
        what = "there is none of that name, or it holds no role."
        yield Fault(f"Instance profile {profile}", what, "Make it: infra/emr.yaml.")


def nodes_role(iam: Any, profile: str) -> str | None:
    """The role that an instance profile gives to nodes."""
    found: dict[str, Any] = {}
    asked = lambda: found.update(iam.get_instance_profile(InstanceProfileName=profile.rpartition("/")[2]))  # noqa: E731
    if refused_as(("NoSuchEntity",), asked) or not found["InstanceProfile"]["Roles"]:
        return None
    return str(found["InstanceProfile"]["Roles"][0]["Arn"])


def cluster_faults(emr: Any, cluster: str) -> Look:
    """Whether a cluster is there, and runs."""
    about = cluster_of(emr, cluster)
    if not about:
        yield no_cluster(cluster)
        return
    state = about["Status"]["State"]
    yield state.lower()
    if state in GONE:
        yield Fault(f"Cluster {cluster}", f"it is {state}.", ANOTHER)


def no_cluster(cluster: str) -> Fault:
    """That there is none of an id."""
    return Fault(f"Cluster {cluster}", "there is none of that id.", ANOTHER)


def cluster_of(emr: Any, cluster: str) -> Mapping[str, Any]:
    """What EMR says of a cluster, one that has ended, too; nothing where there is none."""
    found: dict[str, Any] = {}
    if refused_as(("InvalidRequestException",), lambda: found.update(emr.describe_cluster(ClusterId=cluster))):
        return {}
    about: Mapping[str, Any] = found["Cluster"]
    return about


def profile_of(emr: Any, cluster: str) -> str:
    """The instance profile of a cluster; empty where there is no such cluster."""
    return str(cluster_of(emr, cluster).get("Ec2InstanceAttributes", {}).get("IamInstanceProfile", ""))


def security_faults(emr: Any, name: str) -> Look:
    """Whether a security configuration is there, and lets steps have roles."""
    found: dict[str, Any] = {}
    asked = lambda: found.update(emr.describe_security_configuration(Name=name))  # noqa: E731
    if refused_as(("InvalidRequestException",), asked):
        yield Fault(f"Security configuration {name}", "there is none of that name.", "Make it: infra/emr.yaml.")
        return
    said = json.loads(found["SecurityConfiguration"]).get("AuthorizationConfiguration", {}).get("IAMConfiguration", {})
    if said.get("EnableApplicationScopedIAMRole") is not True:
        what = "it lets no step have a role of its own."
        yield Fault(f"Security configuration {name}", what, "Make it by infra/emr.yaml.")


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
