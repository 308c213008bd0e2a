"""`rules runs report`, `rules emr report`: what a run took, how much it did a second, and what that cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from console.desk import Desk, at_desk, now
from console.emr_look_commands import Application, ClusterId, RunId, name_of_run, state_of_run
from console.screen import row, table
from jobs import aws, run_report, serverless_report
from jobs.cluster_checks import refused_as
from jobs.run_report import Hours, Price
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.manifest import Manifest, manifest_from
from rules_engine.publication.names import runs_root
from rules_engine.settings import HistoryKind, Settings

Runs = Annotated[
    str | None, typer.Option("--runs", help="URI under which runs are staged; the setting RULES_RUNS without it.")
]


def report_of(desk: Desk, run: str | None, history: str | None) -> None:
    """What a run on this machine took, by its manifest: the machine is one node for as long as its phases took."""
    settings = desk.settings(history=history)
    with opened(settings) as installation:
        manifest = installation.store.manifest(run) if run else None
    if manifest is None:
        which = f"Run {run}" if run else "rules runs report"
        what = "there is no manifest of it." if run else "RUN is not said."
        raise RunRefused(Fault(which, what, "Take one that is evaluated, of `rules runs`."))
    seconds = sum(manifest.evaluation.seconds.values())
    _answer(desk, settings, manifest.run_id, manifest, {}, Hours({"this machine": seconds / 3600}))


@at_desk
def emr_report(
    desk: Desk, run_id: RunId, cluster: ClusterId = None, serverless: Application = None, runs: Runs = None
) -> None:
    """Say what a run on EMR took: its steps and phases, its rates, the hours that are paid for, and what they cost."""
    settings = desk.settings()
    if serverless:
        _answer_serverless(desk, settings, run_id, serverless, runs or settings.runs)
        return
    found = state_of_run(settings, run_id, cluster)
    client = aws.client("emr", settings.region)
    steps, hours = run_report.step_seconds(client, found), run_report.node_hours(client, found, now())
    _answer(desk, settings, run_id, _staged(settings, run_id, runs or settings.runs), steps, hours)


def _staged(settings: Settings, run_id: str, runs: str) -> Manifest | None:
    """The manifest of a run staged on S3, if it was evaluated to its end."""
    place = urlsplit(runs_root(runs, settings.environment, settings.tenant, HistoryKind.DYNAMODB))
    if place.scheme not in ("s3", "s3a"):
        return None
    s3, said = aws.client("s3", settings.region), dict[str, str]()
    key = f"{place.path.strip('/')}/{run_id}/manifest.json"
    with aws.told(f"Run {run_id}"):
        ask = lambda: said.update(text=s3.get_object(Bucket=place.netloc, Key=key)["Body"].read().decode())  # noqa: E731
        refused_as(("NoSuchKey",), ask)
    return manifest_from(json.loads(said["text"])) if said else None


def _answer(
    desk: Desk,
    settings: Settings,
    run_id: str,
    manifest: Manifest | None,
    steps: Mapping[str, float],
    hours: Hours,
) -> None:
    price = Price.of(settings.node_price) if settings.node_price else None
    content = {
        "node_hours": dict(hours.by_type),
        "spot_hours": hours.spot,
        "cost": run_report.cost(hours, price),
    }
    nodes = [f"{each:.2f} hours of {kind}." for kind, each in hours.by_type.items()]
    _told(desk, run_id, manifest, steps, content, *nodes, run_report.in_words(hours, price))


def _answer_serverless(desk: Desk, settings: Settings, run_id: str, application: str, runs: str) -> None:
    client, name = aws.client("emr-serverless", settings.region), name_of_run(settings, run_id)
    state_of_run(settings, run_id, None, application)  # one that there is not is refused
    steps, billed = serverless_report.took(client, application, name)
    prices = serverless_report.prices_of(settings.vcpu_price, settings.gb_price)
    content = {"billed_hours": billed._asdict(), "cost": serverless_report.cost(billed, prices)}
    words = serverless_report.in_words(billed, prices)
    hours = f"{billed.vcpu:.2f} vCPU hours and {billed.memory:.2f} GB hours of memory."
    _told(desk, run_id, _staged(settings, run_id, runs), steps, content, hours, words)


def _told(
    desk: Desk,
    run_id: str,
    manifest: Manifest | None,
    steps: Mapping[str, float],
    paid: Mapping[str, Any],
    *words: str,
) -> None:
    phases = dict(manifest.evaluation.seconds) if manifest else {}
    rates = run_report.rates(manifest) if manifest else {}
    drawn = table("what", "seconds", right=["seconds"])
    for name, seconds in [*((f"step {name}", each) for name, each in steps.items()), *phases.items()]:
        row(drawn, name, f"{seconds:,.1f}")
    done = [f"{number:,.0f} {name} a second." for name, number in rates.items()]
    content = {"run_id": run_id, "steps": dict(steps), "phases": phases, "a_second": rates, **paid}
    desk.screen.answer(content, drawn, *done, *words)
