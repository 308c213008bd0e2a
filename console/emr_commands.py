"""`rules emr`: the artefact a cluster runs, and runs submitted to one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk, moment, now
from console.emr_options import (
    Application,
    Architectures,
    Artefacts,
    AsOf,
    CheckerRole,
    CheckRegister,
    ClusterId,
    CoreNodes,
    Correction,
    CreatedAt,
    CuratorRole,
    DryRun,
    EvaluatorRole,
    Extracts,
    Folder,
    GuardRole,
    Hours,
    InstanceType,
    Lake,
    Landed,
    LanderRole,
    LineageTo,
    LinkerRole,
    LoaderRole,
    Logs,
    Master,
    Profile,
    Publish,
    PublisherRole,
    Python,
    Rows,
    Rules,
    RuleSet,
    RunId,
    Runs,
    Secret,
    Security,
    ServiceRole,
    SpotNodes,
    Subnet,
    Tokens,
    TokenSecret,
    Variables,
    Wait,
    Wheels,
)
from jobs import aws, emr_runs, emr_serverless, emr_template
from jobs import package as packaging
from jobs import upload as uploading
from jobs.emr import Job, Roles, steps_of
from jobs.emr_runs import RunState
from jobs.emr_submission import Said
from jobs.environment_checks import misnamed, texts
from jobs.environment_checks import variables as read_variables
from jobs.nodes import Architecture, Nodes
from jobs.sequence import Before, left_out
from jobs.submission_checks import before_a_run
from rules_engine.errors import RunRefused, raise_all
from rules_engine.model.history import created_text


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
    extracts: Extracts = None,
    landed: Landed = None,
    tokens: Tokens = None,
    token_secret: TokenSecret = None,
    master: Master = None,
    lander_role: LanderRole = None,
    linker_role: LinkerRole = None,
    curator_role: CuratorRole = None,
    checker_role: CheckerRole = None,
    check_register: CheckRegister = True,
    correction: Correction = False,
    hours: Hours = 6,
    rows: Rows = None,
    rules: Rules = None,
    lineage: LineageTo = None,
    publish: Publish = True,
    wait: Wait = False,
    dry_run: DryRun = False,
) -> None:
    """Put a run on EMR, once: on a running cluster, on one of its own that ends itself, or on EMR Serverless."""
    settings = desk.settings()
    at = created_text(moment(created_at, "--created-at") or now())
    sources = (lander_role, linker_role, curator_role, checker_role)
    roles = Roles(loader_role, evaluator_role, guard_role, publisher_role, *sources)
    before = Before(extracts, landed, tokens, token_secret, master, check_register)
    on = (logs, subnet, service_role, instance_profile, instance_type, core_nodes, spot_nodes, python)
    inputs = (artefacts, rule_set, lake, runs, at, run_id, as_of, database_secret, cluster, serverless)
    said = Said(*inputs, *on, security_configuration, roles, correction, hours, before, rows, rules, lineage)
    if variables:
        workflow = read_variables(variables, lambda service: aws.client(service, settings.region))
        said = said.filled(texts(workflow), misnamed(workflow))
    job = said.job(settings)
    if dry_run:
        _show(desk, job, said, publish=publish)
    else:
        found = _put(desk, job, said, settings.region, publish=publish, wait=wait)
        _tell(desk, job, found, publish=publish, serverless=bool(serverless))


def _tell(desk: Desk, job: Job, found: RunState, *, publish: bool, serverless: bool) -> None:
    """Where a run is, how its steps are, and what it leaves out."""
    ids = [step.id for step in found.steps]
    desk.log("submitted", run_id=job.run_id, cluster=found.cluster, steps=ids)
    at, without = job.created_at, left_out(job.before, job.secret, publish=publish)
    content = {"run_id": job.run_id, "created_at": at, "cluster": found.cluster, "steps": ids, "done": found.done}
    where = f"{'application' if serverless else 'cluster'} {found.cluster}"
    steps = ", ".join(f"{step.what} {step.id} ({step.state.lower()})" for step in found.steps)
    left = (f"Left out: {step}, without {name}." for step, name in without.items())
    desk.screen.answer(content | {"left_out": without}, f"Run {job.run_id} is on {where}: {steps}.", *left)


def _put(desk: Desk, job: Job, said: Said, region: str | None, *, publish: bool, wait: bool) -> RunState:
    steps, place = steps_of(job, publish=publish), None if said.application else said.place
    looks = [*before_a_run(lambda service: aws.client(service, region), job, steps, place, said.logs)]
    for unknown in (each for each in looks if each.unknown):
        desk.screen.note(f"{unknown.what}: {unknown.found}.")
    raise_all(RunRefused, [fault for each in looks for fault in each.faults])
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
    without = left_out(job.before, job.secret, publish=publish)
    content = {"run_id": job.run_id, "requests": told, "left_out": without, "sizes": asdict(job.sizes)}
    desk.screen.answer(content, json.dumps(told, indent=2))


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
    rows: Rows = None,
    rules: Rules = None,
) -> None:
    """Write the requests that the workflow of Airflow makes, for nodes of a type."""
    desk.settings()
    emr_template.write(file, emr_template.requests(instance_type, core_nodes, spot_nodes, python, rows, rules))
    desk.screen.answer({"file": str(file)}, f"{file}: put it beside the DAGs.")
