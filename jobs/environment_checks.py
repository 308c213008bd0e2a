"""Whether an environment on AWS is ready for its nights: what its Airflow is told, against what is there (R-OPS-6)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs import aws
from jobs.cluster_checks import (
    EMR_ITSELF,
    Client,
    Looked,
    allowed,
    bucket_faults,
    cluster_faults,
    identity,
    looked,
    nodes_role,
    object_faults,
    package_faults,
    profile_faults,
    profile_of,
    refused_as,
    release_faults,
    role_faults,
    security_faults,
    statements_of,
    trust_faults,
)
from jobs.emr import Job, steps_of
from jobs.emr_submission import APPLICATION, CLUSTER, LINEAGE, ROLE
from jobs.nodes import Architecture, Nodes
from jobs.sequence import WHOSE, Before
from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.decisions import WritePolicy
from rules_engine.publication import dynamodb_items
from rules_engine.publication.names import table_name
from rules_engine.settings import NAME

SECRETS = "airflow/variables"
PLACES = ("artefacts_uri", "rule_sets_uri", "lake_uri", "runs_uri", "logs_uri")
REQUIRED = (*PLACES, "database_secret", "environment", "tenant", "topic_arn")
OWN = ("subnet_id", "service_role", "instance_profile")
ROLES = ("loader_role", "evaluator_role", "guard_role", "publisher_role")
BEFORE = ("extracts_uri", "landed_uri", "tokens_uri", "master_uri", "token_secret", "register")
BEFORE_ROLES = ("lander_role", "linker_role", "curator_role", "checker_role")
PLACED = ("cluster_id", "serverless_application")
OTHERS = (
    *BEFORE,
    *BEFORE_ROLES,
    "setup_role",
    "setup_secret",
    "security_configuration",
    "write_policy",
    "lineage_url",
    *PLACED,
)
KNOWN = {f"rules_{name}" for name in (*REQUIRED, *OWN, *ROLES, *OTHERS)}
FORMS = {
    "logs_uri": (r"s3://[a-z0-9][a-z0-9.-]+/\S+", "s3://bucket/folder/"),
    "_uri": (r"s3://[a-z0-9][a-z0-9.-]+/(\S*[^\s/])", "s3://bucket/folder, without '/' at its end"),
    "_url": (LINEAGE.pattern, "https://host"),
    "service_role": (r"\S+", "its name or ARN"),
    "_role": (ROLE.pattern, "arn:aws:iam::ACCOUNT:role/NAME"),
    "_arn": (r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:\S+", "arn:aws:sns:REGION:ACCOUNT:NAME"),
    "subnet_id": (r"subnet-[0-9a-f]+", "subnet-0a1b2c3d"),
    "cluster_id": (CLUSTER.pattern, "j-1ABCDEF2GHIJK"),
    "serverless_application": (APPLICATION.pattern, "00f1abcdexample"),
    "environment": (NAME.pattern, "small letters, digits and '-', a letter first, at most 31"),
    "tenant": (NAME.pattern, "small letters, digits and '-', a letter first, at most 31"),
    "write_policy": ("|".join(WritePolicy), " or ".join(WritePolicy)),
    "register": ("yes|no", "yes or no"),
}
"""By the end of a Variable's name: the form of its value, and what to write."""

KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "yes or no", type(None): "nothing"}
"""What JSON may hold in place of names with their values."""

Variables = Mapping[str, str]


def variables(said: str, client: Client) -> Mapping[str, Any]:
    """
    The Variables of the workflow: of a JSON file as `airflow variables import` takes it, or from Secrets Manager.

    Raises:
        RunRefused: If the file is none of the kind, or AWS refuses.
    """
    if said != SECRETS:
        return {name: _value(each) for name, each in _of_file(Path(said)).items()}
    manager = client("secretsmanager")
    with aws.told(f"Secrets {SECRETS}"):
        pages = manager.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [SECRETS]}])
        names = [each["Name"] for page in pages for each in page["SecretList"]]
        return {name.rpartition("/")[2]: manager.get_secret_value(SecretId=name)["SecretString"] for name in names}


def texts(told: Mapping[str, Any]) -> Variables:
    """The Variables that are texts, as all of the workflow are to be."""
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _value(told: Any) -> Any:
    """Of a Variable with a description, as `airflow variables export` writes it, what it is."""
    return told["value"] if isinstance(told, dict) and "value" in told else told


def _of_file(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        what = f"it cannot be read: {problem.strerror}."
    except UnicodeDecodeError as problem:
        what = f"byte {problem.start + 1} is no UTF-8."
    except json.JSONDecodeError as problem:
        what = f"line {problem.lineno}, column {problem.colno} is no JSON."
    else:
        if isinstance(found, dict):
            return found
        what = f"it holds {KINDS[type(found)]}, not names with their values."
    raise RunRefused(Fault(f"File {file}", what, f'Write {{"rules_tenant": "…"}}, or say {SECRETS}.'))


def examined(client: Client, told: Mapping[str, Any], nodes: Nodes) -> Iterator[Looked]:
    """Everything that the nightly workflow needs of AWS; of what cannot be named nothing more is looked at."""
    faults = tuple(variable_faults(told))
    yield Looked("Variables", f"{len(told)} of them", faults)
    if faults:
        return
    yield (who := looked("Identity", lambda: identity(client("sts"))))
    if who.faults:
        return
    value = {name.removeprefix("rules_"): text for name, text in texts(told).items()}
    job = _job(value, nodes)
    steps = [step.what for step in steps_of(job, publish=True)]
    s3, iam, emr = client("s3"), client("iam"), client("emr")
    for bucket in dict.fromkeys(urlsplit(value[place]).netloc for place in PLACES):
        yield looked(f"Bucket {bucket}", partial(bucket_faults, s3, bucket))
    yield looked("Package", lambda: package_faults(s3, job.artefacts, steps, job), job.artefacts)
    yield looked("Lake", lambda: object_faults(s3, "Lake declaration", job.lake), job.lake)
    yield looked("Release", lambda: release_faults(emr))
    yield looked("Secret", lambda: secret_faults(client("secretsmanager"), value["database_secret"]))
    yield looked("Tables", lambda: _table_faults(client("dynamodb"), job))
    yield looked("Topic", lambda: topic_faults(client("sns"), value["topic_arn"]))
    profile = value.get("instance_profile")
    if cluster := value.get("cluster_id"):
        yield looked("Cluster", lambda: cluster_faults(emr, cluster))
        profile = profile or profile_of(emr, cluster)
    if service := value.get("service_role"):
        yield looked("Service role", lambda: trust_faults(iam, service, EMR_ITSELF, "infra/emr.yaml"), service)
    if security := value.get("security_configuration"):
        yield looked("Security configuration", lambda: security_faults(emr, security), security)
    for step in steps:
        if arn := value.get(f"{WHOSE[step]}_role"):
            yield looked(f"Role of {step}", partial(role_faults, iam, arn, profile), arn)
            yield looked(f"Reach of {step}", partial(_reach_faults, iam, step, arn, value))
    if profile:
        yield looked("Reach of the nodes", lambda: _node_faults(iam, profile, value), profile)


def _job(value: Variables, nodes: Nodes) -> Job:
    places = value["artefacts_uri"].rstrip("/"), f"{value['rule_sets_uri']}/r.json", value["lake_uri"]
    on = value["runs_uri"], value["environment"], value["tenant"]
    extracts, landed, tokens = (value.get(f"{name}_uri") or None for name in ("extracts", "landed", "tokens"))
    told = extracts, landed, tokens, value.get("token_secret") or None, value.get("master_uri") or None
    before = Before(*told, value.get("register", "yes") != "no")
    return Job("r", "", *places, *on, nodes, secret=value["database_secret"], before=before)


def nodes_of(requests: Path) -> Nodes:
    """The nodes that the workflow's requests are for, as `rules emr requests` was told; the usual ones without them."""
    text = requests.read_text(encoding="utf-8") if requests.is_file() else ""
    processor, python = re.search(r"evaluate-(\w+)\.zip", text), re.search(r"/usr/bin/python(\d\.\d+)", text)
    return Nodes(Architecture(processor[1]) if processor else Architecture.X86_64, python[1] if python else "3.11")


def variable_faults(told: Mapping[str, Any]) -> Iterator[Fault]:
    """What of the Variables is missing, is none, is no text, or has not its form."""
    own = () if "rules_serverless_application" in told or "rules_cluster_id" in told else OWN
    for name in (*REQUIRED, *own, *(ROLES if "rules_serverless_application" in told else ())):
        if not str(told.get(f"rules_{name}", "")).strip():
            yield Fault(f"Variable rules_{name}", "it is missing.", f"Set it: airflow variables set rules_{name} ….")
    yield from misnamed(told)
    for name, value in texts(told).items():
        form, example = next((form for end, form in FORMS.items() if name.endswith(end)), (".*", ""))
        if name in KNOWN and value.strip() and not re.fullmatch(form, value):
            yield Fault(f"Variable {name}", f"'{value}' has not the form that it needs.", f"Write {example}.")


def misnamed(told: Mapping[str, Any]) -> Iterator[Fault]:
    """What looks like a Variable of the workflow, and is none, or is one and no text."""
    for name, value in told.items():
        if name in KNOWN and not isinstance(value, str):
            remedy = "Write a text between quotes, or leave it out."
            yield Fault(f"Variable {name}", f"{json.dumps(value)} is no text.", remedy)
        elif name.startswith("rules_") and name not in KNOWN:
            near = did_you_mean(name.removeprefix("rules_"), (each.removeprefix("rules_") for each in KNOWN))
            remedy = near.replace("'", "'rules_", 1) or "Take it away."
            yield Fault(f"Variable {name}", "the workflow knows none of that name.", remedy)


def secret_faults(manager: Any, name: str) -> Iterator[Fault]:
    """Whether a secret can be read and holds something."""
    if isinstance(found := secret_text(manager, name), Fault):
        yield found


def secret_text(manager: Any, name: str) -> str | Fault:
    """What a secret holds, or what is wrong with it; it is told to nobody."""
    from botocore.exceptions import ClientError

    try:
        text = str(manager.get_secret_value(SecretId=name).get("SecretString") or "").strip()
    except ClientError as problem:
        if problem.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        if "staging label" not in problem.response["Error"]["Message"]:
            return Fault(f"Secret {name}", "there is none of that name.", "Make it: infra/database.yaml, or by hand.")
        text = ""  # it was made, and given no value yet
    remedy = f"Give it one: aws secretsmanager put-secret-value --secret-id {name} --secret-string …."
    return text or Fault(f"Secret {name}", "it is empty.", remedy)


def _table_faults(dynamodb: Any, job: Job) -> Iterator[Fault]:
    table = table_name(job.environment, job.tenant, "memberships", "history")
    for name, wanted in {table: "by_run", f"{table}_chain": None}.items():
        found: dict[str, Any] = {}
        asked = partial(dynamodb.describe_table, TableName=name)
        if refused_as(("ResourceNotFoundException",), lambda: found.update(asked())):  # noqa: B023
            yield Fault(f"Table {name}", "it is not there.", "Make it: infra/history.yaml.")
            continue
        there = found["Table"]
        keys = there["KeySchema"]
        made = dynamodb_items.definition("N", stream=True) if wanted else dynamodb_items.chain_definition()
        if keys != made["KeySchema"]:
            yield Fault(f"Table {name}", "it has other keys.", "Another table has this name: take another tenant.")
        if wanted and wanted not in {each["IndexName"] for each in there.get("GlobalSecondaryIndexes", [])}:
            yield Fault(f"Table {name}", f"it has no index {wanted}.", "Make the table by infra/history.yaml.")


def topic_faults(sns: Any, arn: str) -> Iterator[Fault]:
    """Whether a topic is there."""
    if refused_as(("NotFound", "NotFoundException"), lambda: sns.get_topic_attributes(TopicArn=arn)):
        yield Fault(f"Topic {arn}", "there is none.", "Make it: infra/watching.yaml.")


def _reach_faults(iam: Any, step: str, role: str, value: Variables) -> Iterator[Fault]:
    """Whether the role of a step may do what the step does, at the places that the Variables name."""
    folder = f"{value['runs_uri']}/{value['environment']}_{value['tenant']}_dynamodb/r"
    needs = {
        "freeze": [("s3:PutObject", f"{value['rule_sets_uri']}/r.json")],
        "evaluate": [
            ("s3:GetObject", value["lake_uri"]),
            ("s3:GetObject", f"{value['rule_sets_uri']}/r.json"),
            ("s3:PutObject", f"{folder}/manifest.json"),
        ],
        "guard": [
            ("s3:GetObject", f"{value['rule_sets_uri']}/r.limits.json"),
            ("s3:GetObject", f"{folder}/manifest.json"),
            ("s3:PutObject", f"{folder}/judged.json"),
        ],
        "publish": [("s3:GetObject", f"{folder}/decisions/p"), ("s3:PutObject", f"{folder}/published.json")],
    }
    if landed := value.get("landed_uri"):
        needs["ingest"] = [("s3:GetObject", landed), ("s3:PutObject", f"{landed.rpartition('/')[0]}/f/d/p")]
        needs["curate"] = [("s3:GetObject", landed), ("s3:PutObject", f"{value['lake_uri'].rpartition('/')[0]}/f/d/p")]
    if master := value.get("master_uri"):
        needs["master"] = [("s3:GetObject", master), ("s3:PutObject", f"{master.rpartition('/')[0]}/d/manifest.json")]
    wanted = [("s3:GetObject", f"{value['artefacts_uri']}/rules.zip"), *needs.get(step, [])]
    if application := value.get("serverless_application"):
        wanted += [("s3:PutObject", f"{value['logs_uri'].rstrip('/')}/applications/{application}/jobs/j/stderr.gz")]
    yield from _refused_to(f"Step {step}", iam, role, wanted, "infra/roles.yaml")


def _node_faults(iam: Any, profile: str, value: Variables) -> Iterator[Fault]:
    """Whether the nodes of a cluster, which write the logs of its steps, may do so."""
    yield from profile_faults(iam, profile)
    if role := nodes_role(iam, profile):
        wanted = [("s3:PutObject", f"{value['logs_uri'].rstrip('/')}/j-1/steps/s-1/stderr.gz")]
        yield from _refused_to("Nodes", iam, role, wanted, "infra/emr.yaml")


def _refused_to(who: str, iam: Any, role: str, wanted: Iterable[tuple[str, str]], template: str) -> Iterator[Fault]:
    """What a role may not do, of actions with the addresses that they are for."""
    said = statements_of(iam, role)
    for action, uri in wanted:
        if not allowed(said, action, f"arn:aws:s3:::{uri.removeprefix('s3://')}"):
            what = f"its role {role} may not {action} {uri}."
            yield Fault(who, what, f"Make prefixes of {template} and Variables the same.")
