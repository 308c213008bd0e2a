"""`rules emr status | logs | cancel`: a run on EMR, looked at and stopped."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from console.desk import Desk, at_desk
from console.screen import row, table
from jobs import aws, emr_logs, emr_runs, emr_serverless
from jobs.emr_runs import RunState
from rules_engine.errors import Fault, RunRefused
from rules_engine.settings import Settings

RunId = Annotated[str, typer.Argument(help="Id of the run, as `rules emr submit` said it.")]
ClusterId = Annotated[str | None, typer.Option("--cluster", help="Cluster that it shares; its own without it.")]
Application = Annotated[str | None, typer.Option("--serverless", help="Application of EMR Serverless that it is on.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run is done, and say how far it is.")]
Folder = Annotated[str | None, typer.Option("--logs", help="Where EMR Serverless puts logs; a cluster knows its own.")]
StepName = Annotated[str, typer.Argument(help=f"Which of its steps: {', '.join(emr_runs.ORDER)}.")]


@at_desk
def status(
    desk: Desk, run_id: RunId, cluster: ClusterId = None, serverless: Application = None, wait: Wait = False
) -> None:
    """Say how a run on EMR is; with --wait once it is done, and exit 6 where a step failed."""
    settings = desk.settings()
    name = name_of_run(settings, run_id)
    found = _looked(settings, name, cluster, serverless)
    if wait:
        with desk.screen.progress() as progress:
            found = emr_runs.waited_for(lambda: _looked(settings, name, cluster, serverless), name, progress)
    _tell(desk, run_id, found)


@at_desk
def cancel(desk: Desk, run_id: RunId, cluster: ClusterId = None, serverless: Application = None) -> None:
    """Stop a run on EMR; what was published stays, and submitting it again goes on."""
    settings = desk.settings()
    name = name_of_run(settings, run_id)
    if serverless:
        found = emr_serverless.cancel(_client(settings, "emr-serverless"), serverless, name)
    else:
        found = emr_runs.cancel(_client(settings, "emr"), name, cluster)
    desk.log("cancelled", run_id=run_id, cluster=found.cluster)
    _tell(desk, run_id, found)


@at_desk
def logs(
    desk: Desk,
    run_id: RunId,
    step: StepName,
    cluster: ClusterId = None,
    serverless: Application = None,
    folder: Folder = None,
) -> None:
    """Print what a step of a run on EMR said, its driver included."""
    settings = desk.settings()
    if serverless and not folder:
        raise RunRefused(Fault("--logs", "EMR Serverless does not say where they are.", "Give what submit was given."))
    found = _looked(settings, name_of_run(settings, run_id), cluster, serverless)
    said = emr_logs.logs_of(_client(settings, "s3"), found, step, folder if serverless else None)
    content = [{"address": log.address, "text": log.text} for log in said]
    desk.screen.answer(content, *(f"── {log.address}\n{log.text.rstrip()}" for log in said))


def state_of_run(settings: Settings, run_id: str, cluster: str | None, application: str | None = None) -> RunState:
    """How a run on EMR is; see :func:`jobs.emr_runs.state_of`."""
    return _looked(settings, name_of_run(settings, run_id), cluster, application)


def _looked(settings: Settings, name: str, cluster: str | None, application: str | None) -> RunState:
    if application:
        return emr_serverless.state_of(_client(settings, "emr-serverless"), application, name)
    return emr_runs.state_of(_client(settings, "emr"), name, cluster)


def _client(settings: Settings, service: str) -> Any:
    return aws.client(service, settings.region)


def name_of_run(settings: Settings, run_id: str) -> str:
    return f"{settings.environment}_{settings.tenant} {run_id}"


def _tell(desk: Desk, run_id: str, found: RunState) -> None:
    drawn = table("step", "state", "id", "found")
    for step in found.steps:
        row(drawn, step.what, step.state, step.id, step.why)
    steps = [asdict(step) | {"step": step.what} for step in found.steps]
    content = {"run_id": run_id, "cluster": found.cluster, "state": found.state, "done": found.done, "steps": steps}
    why = f": {found.why}" if found.why else ""
    desk.screen.answer(content | {"why": found.why}, drawn, f"Run {run_id} on {found.cluster} ({found.state}{why}).")
