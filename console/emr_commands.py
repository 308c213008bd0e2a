"""`rules emr`: the artefact a cluster runs, and runs submitted to one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk, moment, now
from jobs import aws, emr
from jobs import package as packaging
from jobs import upload as uploading
from jobs.nodes import Architecture, Nodes, Sizes, architecture_of, sizes_on
from rules_engine.errors import Fault, RunRefused, collected, raise_all
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
InstanceType = Annotated[
    str,
    typer.Option("--instance-type", help="What the nodes are: their processor, and how much Spark is given."),
]
CoreNodes = Annotated[int, typer.Option("--core-nodes", min=1, help="How many nodes work, beside the primary one.")]
Python = Annotated[str, typer.Option("--python", help="Version of Python on the nodes.")]
Folder = Annotated[Path, typer.Argument(help="Folder to fill; an earlier package in it is replaced.")]
Architectures = Annotated[
    list[Architecture] | None, typer.Option("--architecture", help="Processor of the nodes; may be given twice.")
]
Wheels = Annotated[Path | None, typer.Option("--wheels", help="Folder of wheels, in place of the package index.")]
Security = Annotated[
    str | None,
    typer.Option("--security-configuration", help="What allows roles for steps, of a transient cluster."),
]
EvaluatorRole = Annotated[
    str | None, typer.Option("--evaluator-role", help="ARN of the evaluating step's role; the nodes' without it.")
]
PublisherRole = Annotated[
    str | None, typer.Option("--publisher-role", help="ARN of the publishing step's role; the nodes' without it.")
]
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
    instance_type: InstanceType = "m7i.2xlarge",
    core_nodes: CoreNodes = 2,
    python: Python = "3.11",
    security_configuration: Security = None,
    evaluator_role: EvaluatorRole = None,
    publisher_role: PublisherRole = None,
    publish: Publish = True,
) -> None:
    """Put a run on EMR: on a running cluster, or on one of its own that ends itself."""
    settings = desk.settings()
    at = created_text(moment(created_at, "--created-at") or now())
    said = {"--logs": logs, "--subnet": subnet, "--service-role": service_role, "--instance-profile": instance_profile}
    said |= {"--security-configuration": security_configuration} if evaluator_role or publisher_role else {}
    faults = [] if cluster else [*_unsaid(said)]
    sizes = collected(lambda: sizes_on(instance_type, core_nodes), faults) or Sizes()
    raise_all(RunRefused, faults)
    nodes = Nodes(architecture_of(instance_type), python)
    names = settings.environment, settings.tenant
    roles = evaluator_role, publisher_role
    inputs = artefacts.rstrip("/"), rule_set, lake, runs
    job = emr.Job(run_id, at, *inputs, *names, nodes, sizes, settings.write_policy, *roles)
    on = logs or "", subnet or "", service_role or "", instance_profile or ""
    place = cluster or emr.Cluster(*on, instance_type, core_nodes, security_configuration)
    cluster_id, steps = emr.submit_run(aws.client("emr", settings.region), job, cluster=place, publish=publish)
    desk.log("submitted", run_id=run_id, cluster=cluster_id, steps=list(steps))
    content = {"run_id": run_id, "created_at": at, "cluster": cluster_id, "steps": list(steps)}
    desk.screen.answer(content, f"Run {run_id} is on cluster {cluster_id}: steps {', '.join(steps)}.")


def _unsaid(said: Mapping[str, str | None]) -> Iterator[Fault]:
    remedy = "Give it, or name a running cluster with --cluster."
    return (Fault(option, "a transient cluster needs it.", remedy) for option, value in said.items() if not value)


@at_desk
def package(
    desk: Desk, folder: Folder, python: Python = "3.11", architecture: Architectures = None, wheels: Wheels = None
) -> None:
    """Write what a cluster is pointed at: job zip, entry files, an archive of libraries for each step, Dockerfile."""
    desk.settings()
    nodes = [Nodes(each, python) for each in architecture or [Architecture.X86_64]]
    with desk.screen.progress() as progress:
        packaging.stage(folder, nodes, wheels, progress)
    files = sorted(path.name for path in folder.iterdir())
    desk.screen.answer({"folder": str(folder), "files": files}, f"{folder}: {', '.join(files)}")


@at_desk
def upload(
    desk: Desk,
    folder: Annotated[Path, typer.Argument(help="What `rules emr package` made.")],
    target: Annotated[str, typer.Argument(help="Folder on S3, one for each version: s3://bucket/artefacts/0.1.0")],
) -> None:
    """Put a package where clusters read it; what is there already is never overwritten."""
    settings = desk.settings()
    target = target.rstrip("/")
    done = uploading.upload(aws.client("s3", settings.region), folder, target)
    told = f"uploaded {', '.join(done)}." if done else "everything is there already."
    desk.screen.answer({"target": target, "uploaded": list(done)}, f"{target}: {told}")
