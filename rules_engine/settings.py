"""
Settings: read once from a mapping, frozen, every fault reported together (R-OPS-6).

Whoever stands at an entry point passes ``os.environ``; nothing below reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.model.decisions import WritePolicy
from rules_engine.model.failing import Limits, OnFailure
from rules_engine.model.frames import READERS

FOLDER = "agile-rules-engine"
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
MEMORY = re.compile(r"[1-9][0-9]*[mg]")
PACKAGES = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+(,[\w.-]+:[\w.-]+:[\w.-]+)*")
MASTER = re.compile(r"local(\[(\*|[1-9][0-9]*)\])?|yarn|(spark|k8s)://\S+")
SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
PRICE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ([A-Z]{3}): (\S.{2,200})")
SCHEME = re.compile(r"([a-z][a-z0-9+]*)://\S+")


class HistoryKind(StrEnum):
    """Where the history of decisions is kept."""

    POSTGRES = "postgres"
    DYNAMODB = "dynamodb"
    DYNAMODB_LOCAL = "dynamodb-local"


MASKED = "masked"
"""Whoever reads in no role: sensitive values are masked."""

LEAST_SECRET = 32
"""Characters of a secret that tokens are made with: fewer are found by trying."""

KNOWN = {
    "RULES_HOME": "folder of everything kept on this machine",
    "RULES_DATABASE_URL": "postgresql://… of the rules repository; the embedded server without it",
    "RULES_LAKE": "file that declares the frames of the lake",
    "RULES_LANDED": "file that declares the frames that land, with the privacy of their columns",
    "RULES_TOKENS": "folder of the reverse table of tokens, apart from the lake",
    "RULES_TOKEN_SECRET": "secret that tokens are made with",
    "RULES_TOKEN_SECRET_NAME": "its name in Secrets Manager, in its place",
    "RULES_MASTER": "file of `rules master`; master.toml of the working folder without it",
    "RULES_READER": " | ".join((MASKED, *READERS)),
    "RULES_RUNS": "folder or URI under which runs are staged",
    "RULES_HISTORY": " | ".join(HistoryKind),
    "RULES_WRITE_POLICY": " | ".join(WritePolicy),
    "RULES_HISTORY_ENDPOINT": "http(s)://… of DynamoDB where it is not AWS itself",
    "RULES_ENV": "environment, the first part of every table name",
    "RULES_TENANT": "tenant, the second part of every table name",
    "RULES_SPARK_MASTER": "Spark master",
    "RULES_SPARK_MEMORY": "memory of the Spark driver, such as 4g",
    "RULES_SPARK_PACKAGES": "packages of Maven Central that Spark reads Delta or Iceberg tables by",
    "RULES_ON_FAILURE": " | ".join(OnFailure),
    "RULES_RULE_SECONDS": "how long one rule may run; 0 is no limit",
    "RULES_PLANNING_SECONDS": "how long Spark may plan one rule; 0 is no limit",
    "RULES_NODE_PRICE": "AMOUNT CURRENCY: SOURCE, of an hour of one node, by which a report estimates what a run cost",
    "RULES_VCPU_PRICE": "the same of an hour of one vCPU of EMR Serverless",
    "RULES_GB_PRICE": "the same of an hour of one GB of memory of EMR Serverless",
}
"""Every setting and what it means; `docs/operating.md` says more."""


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What an installation is told. Paths are absolute or URIs; ``lake`` may be relative to the working folder.

    ``database_url`` None means the embedded PostgreSQL. Its password takes no
    part in the representation.
    """

    home: str
    lake: str
    runs: str
    landed: str = ""
    tokens: str = ""
    token_secret: str | None = field(default=None, repr=False)
    token_secret_name: str | None = None
    reader: str = MASKED
    database_url: str | None = field(default=None, repr=False)
    history: HistoryKind = HistoryKind.POSTGRES
    write_policy: WritePolicy = WritePolicy.RESULTS
    history_endpoint: str | None = None
    region: str | None = None
    environment: str = "local"
    tenant: str = "demo"
    tenant_said: bool = False
    """Whether the tenant was named, and is not the one that is there without a name."""
    spark_master: str = "local[*]"
    spark_memory: str = "4g"
    spark_packages: str = ""
    on_failure: OnFailure = OnFailure.ABORT
    limits: Limits = field(default_factory=Limits)
    node_price: str | None = None
    vcpu_price: str | None = None
    gb_price: str | None = None

    @classmethod
    def read(cls, mapping: Mapping[str, str]) -> Settings:
        """
        The settings that the names of :data:`KNOWN` in ``mapping`` give; an empty value is no value.

        Raises:
            RunRefused: With every fault at once, names that no setting has included.
        """
        given = {name: value.strip() for name, value in mapping.items() if value.strip()}
        raise_all(RunRefused, _faults(given))
        home = _home(given)
        tenant = given.get("RULES_TENANT", "demo")
        return cls(
            home=home,
            lake=given.get("RULES_LAKE", f"{home}/{tenant}/lake/frames.toml"),
            runs=given.get("RULES_RUNS", f"{home}/{tenant}/runs"),
            landed=given.get("RULES_LANDED", f"{home}/{tenant}/landed/frames.toml"),
            tokens=given.get("RULES_TOKENS", f"{home}/{tenant}/tokens"),
            token_secret=given.get("RULES_TOKEN_SECRET"),
            token_secret_name=given.get("RULES_TOKEN_SECRET_NAME"),
            reader=given.get("RULES_READER", MASKED),
            database_url=given.get("RULES_DATABASE_URL"),
            history=HistoryKind(given.get("RULES_HISTORY", "postgres")),
            write_policy=WritePolicy(given.get("RULES_WRITE_POLICY", WritePolicy.RESULTS)),
            history_endpoint=given.get("RULES_HISTORY_ENDPOINT"),
            region=_region(given),
            environment=given.get("RULES_ENV", "local"),
            tenant=tenant,
            tenant_said="RULES_TENANT" in given,
            spark_master=given.get("RULES_SPARK_MASTER", "local[*]"),
            spark_memory=given.get("RULES_SPARK_MEMORY", "4g"),
            spark_packages=given.get("RULES_SPARK_PACKAGES", ""),
            on_failure=OnFailure(given.get("RULES_ON_FAILURE", "abort")),
            limits=_limits(given),
            node_price=given.get("RULES_NODE_PRICE"),
            vcpu_price=given.get("RULES_VCPU_PRICE"),
            gb_price=given.get("RULES_GB_PRICE"),
        )


def _faults(given: Mapping[str, str]) -> Iterable[Fault]:
    for name in sorted(given):
        if name.startswith("RULES_") and name not in KNOWN:
            near = did_you_mean(name.removeprefix("RULES_"), (known.removeprefix("RULES_") for known in KNOWN))
            remedy = near.replace("'", "'RULES_", 1) or f"There are: {', '.join(KNOWN)}."
            yield Fault(name, "there is no such setting.", remedy)
    for name, check in CHECKS.items():
        if name in given and (fault := check(given[name])):
            yield Fault(name, *fault)
    if not _home(given):
        yield Fault(
            "RULES_HOME", "neither it nor HOME is set.", "Set it to a folder of your own: RULES_HOME=/srv/rules."
        )
    if "RULES_TOKEN_SECRET" in given and "RULES_TOKEN_SECRET_NAME" in given:
        yield Fault("RULES_TOKEN_SECRET", "its name in Secrets Manager is given too.", "Unset one of the two.")
    if given.get("RULES_HISTORY") == HistoryKind.DYNAMODB and not _region(given):
        yield Fault("RULES_HISTORY", "DynamoDB needs a region.", "Set AWS_REGION, say AWS_REGION=eu-west-1.")


def _home(given: Mapping[str, str]) -> str:
    if "RULES_HOME" in given:
        return given["RULES_HOME"].rstrip("/") or "/"
    if "XDG_DATA_HOME" in given:
        return str(PurePosixPath(given["XDG_DATA_HOME"]) / FOLDER)
    return str(PurePosixPath(given["HOME"]) / ".local/share" / FOLDER) if "HOME" in given else ""


def _region(given: Mapping[str, str]) -> str | None:
    return given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION")


def _limits(given: Mapping[str, str]) -> Limits:
    said = {"planning_seconds": "RULES_PLANNING_SECONDS", "rule_seconds": "RULES_RULE_SECONDS"}
    return Limits(**{field: float(given[name]) for field, name in said.items() if name in given})


Complaint = tuple[str, str] | None
"""What is wrong with a value and what to do about it, None where nothing is."""


def _database(url: str) -> Complaint:
    """The URL may hold a password, so a complaint never repeats it."""
    scheme = SCHEME.fullmatch(url)
    if scheme is None:
        return "it is no URL.", "Give postgresql://user:password@host:5432/database."
    if scheme[1] != "postgresql":
        return (
            f"its scheme is '{scheme[1]}'.",
            "Rules live in PostgreSQL: give postgresql://user:password@host/database.",
        )
    return None


def _absolute(path: str) -> Complaint:
    if path.startswith("/") or SCHEME.fullmatch(path):
        return None
    return f"'{path}' depends on the folder the command is started in.", "Give the whole path, from '/' on."


def _local(path: str) -> Complaint:
    return None if path.startswith("/") else (f"'{path}' is no whole path on this machine.", "Give it from '/' on.")


def _history(kind: str) -> Complaint:
    if kind in list(HistoryKind):
        return None
    hint = did_you_mean(kind, HistoryKind)
    return f"there is no history '{kind}'.", f"{hint + ' ' if hint else ''}There are: {', '.join(HistoryKind)}."


def _endpoint(url: str) -> Complaint:
    scheme = SCHEME.fullmatch(url)
    if scheme and scheme[1] in ("http", "https"):
        return None
    return f"'{url}' is no http(s) URL.", "Give one, say http://localhost:8000, or none for AWS itself."


def _name(name: str) -> Complaint:
    if NAME.fullmatch(name):
        return None
    return (
        f"'{name}' cannot be part of a table's name.",
        "Use small letters, digits and '-', a letter first, at most 31.",
    )


def _on_failure(word: str) -> Complaint:
    if word in list(OnFailure):
        return None
    return f"'{word}' is none of them.", f"There are: {', '.join(OnFailure)}."


def _write_policy(word: str) -> Complaint:
    if word in list(WritePolicy):
        return None
    return f"'{word}' is none of them.", f"There are: {', '.join(WritePolicy)}."


def _secret(text: str) -> Complaint:
    """A complaint never repeats it."""
    if len(text) >= LEAST_SECRET and len(set(text)) >= LEAST_SECRET // 4:
        return None
    return (
        f"it has fewer than {LEAST_SECRET} characters, or hardly two that differ: it would be found by trying.",
        "Make one: openssl rand -base64 48. Keep it: with another secret every token is another.",
    )


def _reader(word: str) -> Complaint:
    known = (MASKED, *READERS)
    return None if word in known else (f"'{word}' is no role that reads.", f"There are: {', '.join(known)}.")


def _formed(pattern: re.Pattern[str], what: str, remedy: str) -> Callable[[str], Complaint]:
    """A check that a value has a form; ``what`` follows the value."""
    return lambda text: None if pattern.fullmatch(text) else (f"'{text}' {what}", remedy)


_price = _formed(
    PRICE, "is no price with its source.", "Write AMOUNT CURRENCY: SOURCE, say where and when the price was read."
)
NO_SECONDS = "is no number of seconds.", "Give one, say 300, or 0 for no limit."
CHECKS: Mapping[str, Callable[[str], Complaint]] = {
    "RULES_HOME": _local,
    "RULES_DATABASE_URL": _database,
    "RULES_RUNS": _absolute,
    "RULES_TOKENS": _absolute,
    "RULES_TOKEN_SECRET": _secret,
    "RULES_READER": _reader,
    "RULES_HISTORY": _history,
    "RULES_WRITE_POLICY": _write_policy,
    "RULES_HISTORY_ENDPOINT": _endpoint,
    "RULES_ENV": _name,
    "RULES_TENANT": _name,
    "RULES_SPARK_MASTER": _formed(
        MASTER, "is no Spark master.", "Give local[*], local[2], yarn, spark://host:7077 or k8s://…."
    ),
    "RULES_SPARK_MEMORY": _formed(MEMORY, "is no amount of memory.", "Give a whole number and a unit: 512m, 4g."),
    "RULES_SPARK_PACKAGES": _formed(
        PACKAGES, "names no packages.", "Write group:artifact:version, several with commas between them."
    ),
    "RULES_ON_FAILURE": _on_failure,
    "RULES_RULE_SECONDS": _formed(SECONDS, *NO_SECONDS),
    "RULES_PLANNING_SECONDS": _formed(SECONDS, *NO_SECONDS),
    "RULES_NODE_PRICE": _price,
    "RULES_VCPU_PRICE": _price,
    "RULES_GB_PRICE": _price,
}
