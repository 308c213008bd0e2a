"""`rules emr`: the artefact a cluster runs, and runs submitted to one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk, moment, now
from jobs import aws, emr_runs, emr_serverless, emr_template
from jobs import package as packaging
from jobs import upload as uploading
from jobs.cluster_checks import before_a_run
from jobs.emr import Job, Roles, steps_of
from jobs.emr_runs import RunState
from jobs.emr_submission import Said
from jobs.environment_checks import variables as read_variables
from jobs.nodes import Architecture, Nodes
from rules_engine.errors import RunRefused, raise_all
from rules_engine.model.history import created_text

RunId = Annotated[
    str | None, typer.Option("--run-id", help="Id of the run; without it, it follows from the day and these words.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The day that is decided; needed to freeze its rule set.")]
CreatedAt = Annotated[str | None, typer.Option("--created-at", help="Logical time of the run; now without it.")]
Artefacts = Annotated[str, typer.Option("--artefacts", help="URI of the folder that `rules emr upload` filled.")]
RuleSet = Annotated[
    str, typer.Option("--rule-set", help="URI of the frozen rule set, or of a folder of them with '/' at its end.")
]
Secret = Annotated[
    str | None, typer.Option("--database-secret", help="Secret of the rules database: the run begins by freezing.")
]
Lake = Annotated[str, typer.Option("--lake", help="URI of the lake's declaration.")]
Runs = Annotated[str, typer.Option("--runs", help="URI under which runs are staged.")]
ClusterId = Annotated[
    str | None, typer.Option("--cluster", help="Id of a running cluster; a transient one without it.")
]
Application = Annotated[
    str | None, typer.Option("--serverless", help="Id of an application of EMR Serverless, in place of a cluster.")
]
Logs = Annotated[str | None, typer.Option("--logs", help="URI for the logs of a transient cluster or Serverless.")]
Subnet = Annotated[str | None, typer.Option("--subnet", help="Subnet of a transient cluster.")]
ServiceRole = Annotated[str | None, typer.Option("--service-role", help="Service role of a transient cluster.")]
Profile = Annotated[str | None, typer.Option("--instance-profile", help="Instance profile of a transient cluster.")]
InstanceType = Annotated[
    str,
    typer.Option("--instance-type", help="What the nodes are: their processor, and how much Spark is given."),
]
CoreNodes = Annotated[int, typer.Option("--core-nodes", min=1, help="How many nodes work, beside the primary one.")]
SpotNodes = Annotated[int, typer.Option("--spot-nodes", min=0, help="How many Spot nodes may come to help.")]
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
LoaderRole = Annotated[
    str | None, typer.Option("--loader-role", help="ARN of the freezing step's role; the nodes' without it.")
]
EvaluatorRole = Annotated[
    str | None, typer.Option("--evaluator-role", help="ARN of the evaluating step's role; the nodes' without it.")
]
GuardRole = Annotated[
    str | None, typer.Option("--guard-role", help="ARN of the judging step's role; the nodes' without it.")
]
PublisherRole = Annotated[
    str | None, typer.Option("--publisher-role", help="ARN of the publishing step's role; the nodes' without it.")
]
Variables = Annotated[
    str | None,
    typer.Option("--variables", help="JSON file of the workflow's Variables, or airflow/variables: what is not said."),
]
Publish = Annotated[bool, typer.Option("--publish/--evaluate-only", help="Publish to the history as well.")]
Correction = Annotated[bool, typer.Option("--correction", help="Correct an earlier day than the newest published.")]
Hours = Annotated[int, typer.Option("--hours", min=1, help="How long a step may take before it ends itself.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run is done, and say how far it is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the requests to AWS, and make none.")]


@at_desk
def submit(
    desk: Desk,
    artefacts: Artefacts = "",
    rule_set: RuleSet = "",
    lake: Lake = "",
    runs: Runs = "",
    variables: Variables = None,
    run_id: RunId = None,
    as_of: AsOf = None,
    created_at: CreatedAt = None,
    database_secret: Secret = None,
    cluster: ClusterId = None,
    serverless: Application = None,
    logs: Logs = None,
    subnet: Subnet = None,
    service_role: ServiceRole = None,
    instance_profile: Profile = None,
    instance_type: InstanceType = "m7i.2xlarge",
    core_nodes: CoreNodes = 2,
    spot_nodes: SpotNodes = 2,
    python: Python = "3.11",
    security_configuration: Security = None,
    loader_role: LoaderRole = None,
    evaluator_role: EvaluatorRole = None,
    guard_role: GuardRole = None,
    publisher_role: PublisherRole = None,
    correction: Correction = False,
    hours: Hours = 6,
    publish: Publish = True,
    wait: Wait = False,
    dry_run: DryRun = False,
) -> None:
    """Put a run on EMR, once: on a running cluster, on one of its own that ends itself, or on EMR Serverless."""
    settings = desk.settings()
    at = created_text(moment(created_at, "--created-at") or now())
    roles = Roles(loader_role, evaluator_role, guard_role, publisher_role)
    on = (logs, subnet, service_role, instance_profile, instance_type, core_nodes, spot_nodes, python)
    inputs = (artefacts, rule_set, lake, runs, at, run_id, as_of, database_secret, cluster, serverless)
    said = Said(*inputs, *on, security_configuration, roles, correction, hours)
    if variables:
        said = said.filled(read_variables(variables, lambda service: aws.client(service, settings.region)))
    job = said.job(settings)
    if dry_run:
        return _show(desk, job, said, publish=publish)
    found = _put(desk, job, said, settings.region, publish=publish, wait=wait)
    ids = [step.id for step in found.steps]
    desk.log("submitted", run_id=job.run_id, cluster=found.cluster, steps=ids)
    content = {"run_id": job.run_id, "created_at": at, "cluster": found.cluster, "steps": ids, "done": found.done}
    where = f"application {found.cluster}" if serverless else f"cluster {found.cluster}"
    steps = ", ".join(f"{step.what} {step.id} ({step.state.lower()})" for step in found.steps)
    return desk.screen.answer(content, f"Run {job.run_id} is on {where}: {steps}.")


def _put(desk: Desk, job: Job, said: Said, region: str | None, *, publish: bool, wait: bool) -> RunState:
    looks = before_a_run(lambda service: aws.client(service, region), job, steps_of(job, publish=publish), said.profile)
    raise_all(RunRefused, [fault for look in looks for fault in look.faults])
    with desk.screen.progress() as progress:
        if said.application:
            client, on = aws.client("emr-serverless", region), (said.application, said.logs or "")
            if wait:
                return emr_serverless.submitted_to_its_end(client, job, *on, publish=publish, progress=progress)
            return emr_serverless.submit(client, job, *on, publish=publish)
        client, s3 = aws.client("emr", region), aws.client("s3", region)
        found = emr_runs.submit_run(client, s3, job, said.place, publish=publish)
        if wait:
            look = lambda: emr_runs.state_of(client, job.name, found.cluster)  # noqa: E731
            return emr_runs.waited_for(look, job.name, progress)
        return found


def _show(desk: Desk, job: Job, said: Said, *, publish: bool) -> None:
    """The requests as JSON for people, too: they are to be read, compared and kept."""
    if said.application:
        calls = [*emr_serverless.calls_of(job, said.application, said.logs or "", publish=publish)]
    else:
        calls = [*emr_runs.calls_of(job, said.place, publish=publish)]
    told = [call._asdict() for call in calls]
    desk.screen.answer({"run_id": job.run_id, "requests": told}, json.dumps(told, indent=2))


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


@at_desk
def requests(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="Where to write them: beside the DAG.")] = emr_template.BESIDE_THE_DAG,
    instance_type: InstanceType = "m7i.2xlarge",
    core_nodes: CoreNodes = 2,
    spot_nodes: SpotNodes = 2,
    python: Python = "3.11",
) -> None:
    """Write the requests that the workflow of Airflow makes, for nodes of a type."""
    desk.settings()
    emr_template.write(file, emr_template.requests(instance_type, core_nodes, spot_nodes, python))
    desk.screen.answer({"file": str(file)}, f"{file}: put it beside the DAGs.")
