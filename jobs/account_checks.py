"""
What an account of AWS is to hold for its runs, looked at from a laptop (R-OPS-6): who asks, and of all that the
Variables name whether it is there and kept as it must be.

Of what no Variable names nothing is looked at, and the Variables say that it is missing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from jobs.cluster_checks import (
    EMR_ITSELF,
    GONE,
    Client,
    Look,
    Looked,
    bucket_faults,
    cluster_faults,
    identity,
    looked,
    profile_faults,
    profile_of,
    refused_as,
    release_faults,
    role_faults,
    security_faults,
    trust_faults,
)
from jobs.environment_checks import PLACES, Variables, secret_text, texts, topic_faults, variable_faults
from jobs.freeze_step import url_of
from jobs.nodes import Nodes
from jobs.sequence import WHOSE
from rules_engine.errors import Fault, did_you_mean
from rules_engine.publication.dynamodb_items import chain_definition, definition
from rules_engine.publication.dynamodb_register_items import definitions
from rules_engine.publication.names import table_name
from rules_engine.publication.register_tables import register_tables
from rules_engine.settings import LEAST_SECRET

Resolve = Callable[[str, int], object]
"""Finds the address of a host, or raises."""

BEFORE = ("extracts_uri", "landed_uri", "tokens_uri", "master_uri")
BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
ENCRYPTED = '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}'


def account(
    client: Client,
    read: Callable[[], Mapping[str, Any]],
    nodes: Nodes,
    region: str | None,
    resolve: Resolve = socket.getaddrinfo,
) -> Iterator[Looked]:
    """Everything that there is to look at; where the region or who asks is not known, nothing more."""
    for what, look in {"Region": lambda: _region(region), "Identity": lambda: identity(client("sts"))}.items():
        first = looked(what, look)
        yield first
        if first.faults:
            return
    told: dict[str, Any] = {}
    yield looked("Variables", lambda: _variables(told, read))
    value = {name.removeprefix("rules_"): text for name, text in texts(told).items() if text.strip()}
    yield looked("Accounts", lambda: _account_faults(client("sts"), value), "all in yours")
    yield from _buckets(client("s3"), value)
    yield from _tables(client("dynamodb"), value)
    yield from _secrets(client("secretsmanager"), value, resolve)
    yield from _emr(client, value, nodes)
    yield from _roles(client("iam"), client("emr"), value)
    if topic := value.get("topic_arn"):
        yield looked("Topic", lambda: topic_faults(client("sns"), topic), topic)


def _variables(told: dict[str, Any], read: Callable[[], Mapping[str, Any]]) -> Look:
    told.update(read())
    yield f"{len(told)} of them"
    yield from variable_faults(told)


def _region(region: str | None) -> Look:
    import boto3

    session = boto3.Session()
    known = {name for part in session.get_available_partitions() for name in session.get_available_regions("emr", part)}
    if region is None:
        yield Fault("Region", "none is named.", "Set AWS_REGION, say AWS_REGION=eu-west-1.")
    elif region not in known:
        near = did_you_mean(region, known)
        remedy = f"{near} Set AWS_REGION; where it is a new one: pip install --upgrade boto3.".strip()
        yield Fault(f"Region {region}", "EMR is in none of that name, as far as boto3 knows.", remedy)
    else:
        yield region


def _account_faults(sts: Any, value: Variables) -> Look:
    mine = sts.get_caller_identity()["Account"]
    for name, arn in value.items():
        account_of = arn.split(":")[4] if arn.startswith("arn:") and arn.count(":") > 4 else mine
        if account_of not in (mine, ""):
            what = f"it is of account {account_of}, and you ask in {mine}."
            yield Fault(f"Variable rules_{name}", what, "Sign in to that account: set AWS_PROFILE.")


def _buckets(s3: Any, value: Variables) -> Iterator[Looked]:
    named = (value[name] for name in (*PLACES, *BEFORE) if value.get(name, "").startswith("s3://"))
    for bucket in dict.fromkeys(urlsplit(uri).netloc for uri in named):
        there = looked(f"Bucket {bucket}", partial(bucket_faults, s3, bucket))
        yield there
        if not (there.faults or there.unknown):
            yield looked(f"Versions of {bucket}", partial(_version_faults, s3, bucket), "kept")
            yield looked(f"Encryption of {bucket}", partial(_encryption_faults, s3, bucket))
            yield looked(f"Public access of {bucket}", partial(_public_faults, s3, bucket), "blocked")


def _version_faults(s3: Any, bucket: str) -> Look:
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        remedy = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
        yield Fault(f"Bucket {bucket}", "what is overwritten or deleted in it is gone for good.", remedy)


def _encryption_faults(s3: Any, bucket: str) -> Look:
    none = ("ServerSideEncryptionConfigurationNotFoundError",)
    if refused_as(none, lambda: s3.get_bucket_encryption(Bucket=bucket)):
        command = f"aws s3api put-bucket-encryption --bucket {bucket} --server-side-encryption-configuration"
        yield Fault(f"Bucket {bucket}", "it does not encrypt what is put there.", f"{command} '{ENCRYPTED}'")


def _public_faults(s3: Any, bucket: str) -> Look:
    said: dict[str, Any] = {}
    none = ("NoSuchPublicAccessBlockConfiguration",)
    refused_as(none, lambda: said.update(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]))
    if open_to := [part for part in BLOCKED if said.get(part) is not True]:
        command = f"aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration"
        remedy = f"{command} {','.join(f'{part}=true' for part in BLOCKED)}"
        yield Fault(f"Bucket {bucket}", f"it could be made public: {', '.join(open_to)} is not on.", remedy)


def _tables(dynamodb: Any, value: Variables) -> Iterator[Looked]:
    place = value.get("environment"), value.get("tenant")
    if not (place[0] and place[1]):
        return
    history = table_name(place[0], place[1], "memberships", "history")
    wanted: dict[str, tuple[Mapping[str, Any], str]] = {
        history: (definition("N", stream=True), "infra/history.yaml"),
        f"{history}_chain": (chain_definition(), "infra/history.yaml"),
    }
    if value.get("register", "yes") != "no":
        rows = definitions(register_tables(place[0], place[1]), "N")
        wanted |= {name: (made, "infra/register.yaml") for name, made in rows.items()}
    for name, (made, template) in wanted.items():
        there = looked(f"Table {name}", partial(_table_faults, dynamodb, name, made, template))
        yield there
        if not (there.unknown or any(fault.what.startswith("it is not there") for fault in there.faults)):
            yield looked(f"Backups of {name}", partial(_backup_faults, dynamodb, name), "to any second")


def _table_faults(dynamodb: Any, name: str, made: Mapping[str, Any], template: str) -> Look:
    found: dict[str, Any] = {}
    if refused_as(("ResourceNotFoundException",), lambda: found.update(dynamodb.describe_table(TableName=name))):
        yield Fault(f"Table {name}", "it is not there.", f"Make it: {template}.")
        return
    there, change = found["Table"], f"aws dynamodb update-table --table-name {name}"
    if there["TableStatus"] not in ("ACTIVE", "UPDATING"):
        yield Fault(f"Table {name}", f"it is {there['TableStatus']}.", "Wait until it is ACTIVE, then ask again.")
    if there["KeySchema"] != made["KeySchema"]:
        yield Fault(f"Table {name}", "it has other keys.", "Another table has this name: take another tenant.")
    indexes = {each["IndexName"] for each in there.get("GlobalSecondaryIndexes", [])}
    for index in made.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] not in indexes:
            yield Fault(f"Table {name}", f"it has no index {index['IndexName']}.", f"Make the table by {template}.")
    stream, wanted = there.get("StreamSpecification") or {}, made.get("StreamSpecification", {})
    if wanted.get("StreamEnabled") and stream.get("StreamViewType") != wanted["StreamViewType"]:
        remedy = f"{change} --stream-specification StreamEnabled=true,StreamViewType={wanted['StreamViewType']}"
        if stream.get("StreamEnabled"):
            remedy = f"{change} --stream-specification StreamEnabled=false, and then: {remedy}"
        yield Fault(f"Table {name}", "it has no stream of new images, by which the register is fed.", remedy)
    if not there.get("DeletionProtectionEnabled"):
        yield Fault(f"Table {name}", "it can be deleted.", f"{change} --deletion-protection-enabled")


def _backup_faults(dynamodb: Any, name: str) -> Look:
    said = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if said.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        command = f"aws dynamodb update-continuous-backups --table-name {name}"
        remedy = f"{command} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
        yield Fault(f"Table {name}", "it cannot be brought back to a moment.", remedy)


def _secrets(manager: Any, value: Variables, resolve: Resolve) -> Iterator[Looked]:
    """Each secret is read; nothing of it is told, the host of a database apart, whose address is looked up."""
    for variable in ("database_secret", "setup_secret"):
        if name := value.get(variable):
            hosts: list[tuple[str, int]] = []
            yield looked(f"Secret {name}", partial(_database_faults, manager, name, hosts), "it holds an address")
            for host, port in dict.fromkeys(hosts):
                yield looked(f"Host of {name}", partial(_host_faults, host, port, resolve), host)
    if name := value.get("token_secret"):
        yield looked(f"Secret {name}", partial(_token_faults, manager, name), "long enough")


def _database_faults(manager: Any, name: str, hosts: list[tuple[str, int]]) -> Look:
    text = secret_text(manager, name)
    if isinstance(text, Fault):
        yield text
        return
    where = urlsplit(url_of(text, name))
    if where.hostname:
        hosts.append((where.hostname, where.port or 5432))
    else:
        yield Fault(f"Secret {name}", "its URL names no host.", "Store postgresql://user@host:5432/database.")


def _token_faults(manager: Any, name: str) -> Look:
    text = secret_text(manager, name)
    if isinstance(text, Fault):
        yield text
    elif len(text) < LEAST_SECRET:
        remedy = "Where no token was made with it yet, store another: openssl rand -base64 48."
        yield Fault(f"Secret {name}", f"it has fewer than {LEAST_SECRET} characters.", remedy)


def _host_faults(host: str, port: int, resolve: Resolve) -> Look:
    try:
        resolve(host, port)
    except (OSError, UnicodeError):
        remedy = "Mend the secret; `aws rds describe-db-clusters --query 'DBClusters[].Endpoint'` lists what there is."
        yield Fault(f"Host {host}", "no address is found for it from here.", remedy)


def _emr(client: Client, value: Variables, nodes: Nodes) -> Iterator[Looked]:
    emr = client("emr")
    yield looked("Release", lambda: release_faults(emr))
    if application := value.get("serverless_application"):
        yield looked("Application", lambda: _application(client("emr-serverless"), application, nodes))
    if cluster := value.get("cluster_id"):
        yield looked("Cluster", lambda: cluster_faults(emr, cluster))
    if security := value.get("security_configuration"):
        yield looked("Security configuration", lambda: security_faults(emr, security), security)


def _application(serverless: Any, application: str, nodes: Nodes) -> Look:
    found: dict[str, Any] = {}
    missing = ("ResourceNotFoundException", "ValidationException")
    if refused_as(missing, lambda: found.update(serverless.get_application(applicationId=application))):
        yield Fault(f"Application {application}", "there is none of that id.", "Make it: infra/emr.yaml.")
        return
    said = found["application"]
    yield f"{said['name']}, {said['releaseLabel']}, {said['state'].lower()}"
    if said["state"] in GONE:
        yield Fault(f"Application {application}", f"it is {said['state']}.", "Make another: infra/emr.yaml.")
    if (there := said.get("architecture", nodes.architecture).lower()) != nodes.architecture:
        remedy = f"rules emr package build/package --architecture {there}, and `rules emr requests` for such nodes."
        yield Fault(f"Application {application}", f"it runs on {there}, the requests are for {nodes}.", remedy)


def _roles(iam: Any, emr: Any, value: Variables) -> Iterator[Looked]:
    """Whether each role is there and taken by whoever is to take it: the nodes, jobs of EMR Serverless, EMR itself."""
    profile, application = value.get("instance_profile"), value.get("serverless_application")
    if not profile and (cluster := value.get("cluster_id")):
        profile = profile_of(emr, cluster)
    for role in dict.fromkeys((*WHOSE.values(), "setup")):
        if arn := value.get(f"{role}_role"):
            if profile or not application:
                yield looked(f"Role of {role}", partial(role_faults, iam, arn, profile), arn)
            if application:
                yield looked(f"Role of {role} on Serverless", partial(role_faults, iam, arn, None), arn)
    if service := value.get("service_role"):
        yield looked("Service role", lambda: trust_faults(iam, service, EMR_ITSELF, "infra/emr.yaml"), service)
    if profile:
        yield looked("Instance profile", lambda: profile_faults(iam, profile), profile)
