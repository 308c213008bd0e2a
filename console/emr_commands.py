"""`rules emr`: the artefact a cluster runs, and runs submitted to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk, moment, now
from jobs import aws, emr
from jobs import package as packaging
from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.history import created_text

RunId = Annotated[str, typer.Option("--run-id", help="Id of the run; submitting it twice runs it once.")]
CreatedAt = Annotated[str | None, typer.Option("--created-at", help="Logical time of the run; now without it.")]
Artefacts = Annotated[str, typer.Option("--artefacts", help="URI of the folder that `rules emr package` filled.")]
RuleSet = Annotated[str, typer.Option("--rule-set", help="URI of the frozen rule set.")]
Lake = Annotated[str, typer.Option("--lake", help="URI of the lake's declaration.")]
Runs = Annotated[str, typer.Option("--runs", help="URI under which runs are staged.")]
ClusterId = Annotated[
    str | None, typer.Option("--cluster", help="Id of a running cluster; a transient one without it.")
]
Logs = Annotated[str | None, typer.Option("--logs", help="URI for the logs of a transient cluster.")]
Subnet = Annotated[str | None, typer.Option("--subnet", help="Subnet of a transient cluster.")]
ServiceRole = Annotated[str | None, typer.Option("--service-role", help="Service role of a transient cluster.")]
Profile = Annotated[str | None, typer.Option("--instance-profile", help="Instance profile of a transient cluster.")]
Publish = Annotated[bool, typer.Option("--publish/--evaluate-only", help="Publish to the history as well.")]


@at_desk
def submit(
    desk: Desk,
    run_id: RunId,
    artefacts: Artefacts,
    rule_set: RuleSet,
    lake: Lake,
    runs: Runs,
    created_at: CreatedAt = None,
    cluster: ClusterId = None,
    logs: Logs = None,
    subnet: Subnet = None,
    service_role: ServiceRole = None,
    instance_profile: Profile = None,
    publish: Publish = True,
) -> None:
    """Put a run on EMR: on a running cluster, or on one of its own that ends itself."""
    settings = desk.settings()
    at = created_text(moment(created_at, "--created-at") or now())
    names = settings.environment, settings.tenant
    job = emr.Job(run_id, at, artefacts.rstrip("/"), rule_set, lake, runs, *names)
    place = cluster or _transient(logs, subnet, service_role, instance_profile)
    cluster_id, steps = emr.submit_run(aws.client("emr", settings.region), job, cluster=place, publish=publish)
    desk.log("submitted", run_id=run_id, cluster=cluster_id, steps=list(steps))
    content = {"run_id": run_id, "created_at": at, "cluster": cluster_id, "steps": list(steps)}
    desk.screen.answer(content, f"Run {run_id} is on cluster {cluster_id}: steps {', '.join(steps)}.")


def _transient(logs: str | None, subnet: str | None, role: str | None, profile: str | None) -> emr.Cluster:
    said = {"--logs": logs, "--subnet": subnet, "--service-role": role, "--instance-profile": profile}
    remedy = "Give it, or name a running cluster with --cluster."
    raise_all(RunRefused, (Fault(o, "a transient cluster needs it.", remedy) for o, value in said.items() if not value))
    return emr.Cluster(logs or "", subnet or "", role or "", profile or "")


@at_desk
def package(desk: Desk, folder: Annotated[Path, typer.Argument(help="Folder to fill.")]) -> None:
    """Write what a cluster is pointed at: the zip for --py-files, the entry files, the bootstrap script."""
    desk.settings()
    packaging.stage(folder)
    files = sorted(path.name for path in folder.iterdir())
    desk.screen.answer({"folder": str(folder), "files": files}, f"{folder}: {', '.join(files)}")
