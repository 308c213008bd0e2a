"""`rules doctor`: what this machine has of what a run needs, and how to get the rest."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, History, at_desk
from console.screen import row, table
from jobs import account_checks, aws
from jobs.asking import here
from jobs.emr_template import BESIDE_THE_DAG
from jobs.environment_checks import SECRETS, examined, nodes_of, variables
from jobs.wiring import Installation, opened
from rules_engine.errors import RulesError, RunRefused
from rules_engine.settings import HistoryKind, Settings

ENOUGH_GIGABYTES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``needed`` says whether these settings can do without it."""

    what: str
    fine: bool
    found: str
    remedy: str = ""
    needed: bool = True

    @property
    def verdict(self) -> str:
        return "ok" if self.fine else "missing" if self.needed else "not here"


Cluster = Annotated[
    str | None,
    typer.Option("--cluster", help=f"Look at what a run on AWS needs: a JSON file of Variables, or {SECRETS}."),
]


Account = Annotated[
    bool,
    typer.Option(
        "--aws", help=f"Look at what an account of AWS holds and how, by the Variables of --cluster or {SECRETS}."
    ),
]


@at_desk
def doctor(desk: Desk, history: History = None, cluster: Cluster = None, aws_: Account = False) -> None:
    """Say what is there, what is missing and how to get it; exit 5 if something needed is missing."""
    settings = desk.settings(history=history)
    if aws_ or cluster:
        findings = list(_on_aws(settings, cluster or SECRETS, account=aws_))
    else:
        with opened(settings) as installation:
            findings = list(examine(installation))
    drawn = table("", "what", "found", "what to do")
    for finding in findings:
        style = "" if finding.fine else "red" if finding.needed else "dim"
        row(drawn, finding.verdict, finding.what, finding.found, "" if finding.fine else finding.remedy, style=style)
    missing = [finding.what for finding in findings if finding.needed and not finding.fine]
    verdict = f"Missing: {', '.join(missing)}." if missing else "Everything a run needs is here."
    content = [asdict(finding) | {"verdict": finding.verdict} for finding in findings]
    desk.screen.answer({"ready": not missing, "findings": content}, drawn, verdict)
    if missing:
        raise typer.Exit(RunRefused.exit_code)


def _on_aws(settings: Settings, said: str, *, account: bool) -> Iterator[Finding]:
    client = lambda service: aws.client(service, settings.region)  # noqa: E731
    nodes = nodes_of(BESIDE_THE_DAG)
    if account:
        all_looked = account_checks.account(client, lambda: variables(said, client), nodes, settings.region)
    else:
        all_looked = examined(client, variables(said, client), nodes)
    for each in all_looked:
        found = " ".join(f"{fault.which}: {fault.what}" for fault in each.faults) or each.found
        remedy = " ".join(fault.remedy for fault in each.faults)
        yield Finding(each.what, not (each.faults or each.unknown), found, remedy, needed=not each.unknown)


def examine(installation: Installation) -> Iterator[Finding]:
    """Look at everything, in the order in which a newcomer meets it."""
    settings = installation.settings
    yield _python()
    yield _package("Spark", "pyspark", "pip install '.[local]'")
    yield _tried("Java", lambda: str(installation.java_home))
    yield _disk(Path(settings.home))
    yield _tried("PostgreSQL", lambda: _database(installation))
    yield _privileges(installation)
    yield _tried("Rules", lambda: f"{len(installation.repository.rules())} rules")
    yield _tried("Lake", lambda: f"{len(installation.lake.frames)} frames in {settings.lake}")
    yield _checks(installation)
    yield _dynamodb_local(settings)
    yield _credentials(settings)
    yield _package("Charts", "altair", "pip install '.[local]'", needed=False)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def _package(what: str, name: str, remedy: str, *, needed: bool = True) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(what, fine=False, found=f"{name} is not installed", remedy=remedy, needed=needed)
    return Finding(what, fine=True, found=f"{name} {metadata.version(name)}", needed=needed)


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    """What an adapter says when it is opened: its own refusal is the best description of what is missing."""
    try:
        return Finding(what, fine=True, found=attempt())
    except RulesError as error:
        found = " ".join(f"{f.which}: {f.what}" for f in error.faults)
        return Finding(what, fine=False, found=found, remedy=" ".join(f.remedy for f in error.faults))


def _database(installation: Installation) -> str:
    installation.repository.rules()
    return "answers" if installation.settings.database_url else f"embedded, in {installation.postgres_folder}"


def _privileges(installation: Installation) -> Finding:
    """Whether the database gives only what its roles need; a run does without it, an auditor does not."""
    from rules_repo.privileges import excesses

    try:
        faults = excesses(installation.database_url)
    except RulesError:
        return Finding("Privileges", fine=False, found="not looked at: PostgreSQL does not answer", needed=False)
    found = " ".join(f"{fault.which}: {fault.what}" for fault in faults) or "nobody has more than the roles give"
    return Finding("Privileges", not faults, found, " ".join(fault.remedy for fault in faults), needed=False)


def _checks(installation: Installation) -> Finding:
    """Which rules in force or to come were not checked by these gates, on this Spark, under these frames."""
    from rules_repo.rule_checks import rule_checks, told

    try:
        checks = rule_checks(installation.database_url)
        found = told(checks, here(installation))
    except RulesError as error:
        said = " ".join(f"{fault.which}: {fault.what}" for fault in error.faults)
        return Finding("Checks", fine=False, found=f"not looked at. {said}", needed=False)
    fine = f"{len(checks)} rules in force or to come were checked by these gates, on this Spark, under these frames"
    remedy = "`rules check` asks about them, and records it where an analyst or approver does."
    return Finding("Checks", not found, found or fine, remedy, needed=False)


def _disk(home: Path) -> Finding:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    writable = os.access(there, os.W_OK)
    found = f"{free:.0f} GB free at {there}{'' if writable else ', which cannot be written'}"
    return Finding(
        "Disk", writable and free >= ENOUGH_GIGABYTES, found, "Set RULES_HOME to a folder with 2 GB of room."
    )


def _dynamodb_local(settings: Settings) -> Finding:
    """It is fetched when it is first needed, by the resolver that comes with PySpark."""
    needed = settings.history is HistoryKind.DYNAMODB_LOCAL
    jars = sorted(Path(settings.home).glob("dynamodb*/**/DynamoDBLocal*.jar"))
    if jars:
        return Finding("DynamoDB Local", fine=True, found=jars[-1].name, needed=needed)
    can = importlib.util.find_spec("pyspark") is not None
    remedy = "pip install '.[local]'; `rules run --history dynamodb-local` fetches the rest."
    found = "not fetched yet; the first use does it" if can else "not fetched; PySpark, which does it, is missing"
    return Finding("DynamoDB Local", fine=can, found=found, remedy=remedy, needed=needed)


def _credentials(settings: Settings) -> Finding:
    needed = settings.history is HistoryKind.DYNAMODB
    remedy = "Sign in (`aws sso login`), or set AWS_PROFILE; only RULES_HISTORY=dynamodb and EMR need it."
    if importlib.util.find_spec("boto3") is None:
        return Finding("AWS", fine=False, found="boto3 is not installed", remedy="pip install '.[aws]'", needed=needed)
    import boto3

    found = boto3.Session().get_credentials()
    said = f"credentials by {found.method}, region {settings.region or 'none'}" if found else "no credentials"
    return Finding("AWS", fine=found is not None, found=said, remedy=remedy, needed=needed)
