"""Runs on EMR Serverless: one job for each step, each under its role, and never two for the same (R-OPS-1, R-OPS-3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from jobs.aws import told
from jobs.emr import ENGLISH, LIBRARIES, Job, Request, Step, conf, executors, steps_of, words_of
from jobs.emr_cluster import tags_of
from jobs.emr_runs import DOING, ORDER, Call, RunState, StepState, waited_for
from jobs.sequence import WHOSE
from jobs.session_policy import session_policy
from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.ports import Progress, silent

STATES = {"SUCCESS": "COMPLETED", "FAILED": "FAILED", "CANCELLED": "CANCELLED", "CANCELLING": "CANCEL_PENDING"}
STATES |= {"RUNNING": "RUNNING"}
"""What EMR on clusters calls a state; any other is of a job that waits."""

GONE = ("STOPPED", "TERMINATED", "STOPPING")


def calls_of(job: Job, application: str, logs: str, *, publish: bool) -> Sequence[Call]:
    """
    The requests for a run of which nothing was started yet; each but the first is made once the one before is done.

    Raises:
        RunRefused: If no policy can be written for it, or a role is missing.
    """
    steps = steps_of(job, publish=publish)
    raise_all(RunRefused, _role_faults(steps))
    return [Call("emr-serverless", "StartJobRun", job_run(job, step, application, logs)) for step in steps]


def _role_faults(steps: Sequence[Step]) -> list[Fault]:
    what, remedy = "EMR Serverless has no nodes whose role a step could share.", "Give its ARN."
    return [Fault(f"--{WHOSE[step.what]}-role", what, remedy) for step in steps if not step.role]


def job_run(job: Job, step: Step, application: str, logs: str, failed: int = 0) -> Request:
    """
    The request of one step; its token makes a second one the same job, after so many that failed another.

    The evaluating step's session policy narrows its role to what this run reads and writes.

    Raises:
        RunRefused: If no policy can be written for it.
    """
    driver = "spark.emr-serverless.driverEnv"
    python = {f"{driver}.PYSPARK_PYTHON": job.python, f"{driver}.PYSPARK_DRIVER_PYTHON": job.python}
    python |= {"spark.executorEnv.PYSPARK_PYTHON": job.python}
    libraries = {f"{driver}.PYTHONPATH": LIBRARIES, "spark.executorEnv.PYTHONPATH": LIBRARIES}
    memory = {"spark.driver.memory": f"{job.sizes.driver}g"}
    settings = conf(python | libraries | ENGLISH | memory | executors(job.sizes) | {"spark.task.maxFailures": "8"})
    files = ["--py-files", job.program, "--archives", f"{job.libraries(step.what)}#{LIBRARIES}"]
    role = str(step.role)
    reach = {"executionIamPolicy": {"policy": _reach(job, application, role, logs)}} if step.what == "evaluate" else {}
    return {
        "applicationId": application,
        "clientToken": sha256(f"{application} {step.request['Name']} {failed}".encode()).hexdigest()[:40],
        "executionRoleArn": role,
        **reach,
        "name": step.request["Name"],
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{job.artefacts}/{step.what}_step.py",
                "entryPointArguments": words_of(job, step.what),
                "sparkSubmitParameters": " ".join([*files, *settings]),
            }
        },
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": logs}}},
        "executionTimeoutMinutes": 60 * job.hours,
        "retryPolicy": {"maxAttempts": 2},
        "tags": {key: value for key, value in tags_of(job).items() if key.startswith("rules-")},
    }


def _reach(job: Job, application: str, role: str, logs: str) -> str:
    return session_policy(
        run_id=job.run_id,
        artefacts=job.artefacts,
        rule_set=job.rule_set,
        lake=job.lake,
        runs=job.runs,
        environment=job.environment,
        tenant=job.tenant,
        logs=f"{logs.rstrip('/')}/applications/{application}",
        partition=role.split(":")[1],
    )


def submit(client: Any, job: Job, application: str, logs: str, *, publish: bool) -> RunState:
    """
    Start the step of a run that is next, unless one of it goes on; all are done where there is none left.

    Raises:
        RunRefused: If a role is missing, no policy can be written, or AWS refuses.
        RunInterrupted: If AWS cannot be reached.
    """
    steps = steps_of(job, publish=publish)
    raise_all(RunRefused, _role_faults(steps))
    with told(f"Run {job.run_id}"):
        tries = tries_of(client, application, job.name)
        for step in steps:
            of_step = [each for each in tries if each.what == step.what]
            if any(each.state in DOING for each in of_step):
                break
            if not any(each.state == "COMPLETED" for each in of_step):
                failed = sum(each.state in ("FAILED", "CANCELLED") for each in of_step)
                client.start_job_run(**job_run(job, step, application, logs, failed))
                break
        return _state(client, application, job.name)


def submitted_to_its_end(
    client: Any,
    job: Job,
    application: str,
    logs: str,
    *,
    publish: bool,
    progress: Progress = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> RunState:
    """
    Submit each step of a run as the one before is done.

    Raises:
        RunRefused: As :func:`submit` does.
        RunInterrupted: If a step fails or is cancelled.
    """
    for _ in steps_of(job, publish=publish):
        submit(client, job, application, logs, publish=publish)
        found = waited_for(lambda: state_of(client, application, job.name), job.name, progress, sleep)
    return found


def state_of(client: Any, application: str, name: str) -> RunState:
    """
    How a run is, named by environment, tenant and id; of each step the job that was started last.

    Raises:
        RunRefused: If there is none, or AWS refuses.
    """
    with told(f"Run {name}"):
        found = _state(client, application, name)
    if not found.steps:
        what, remedy = f"application {application} has no job of it.", "Look at RULES_ENV, RULES_TENANT and AWS_REGION."
        raise RunRefused(Fault(f"Run {name}", what, remedy))
    return found


def cancel(client: Any, application: str, name: str) -> RunState:
    """
    Stop the step of a run that goes on. What was published stays.

    Raises:
        RunRefused: If there is none, or AWS refuses.
    """
    found = state_of(client, application, name)
    going = [step for step in found.steps if step.state in DOING]
    if not going:
        raise RunRefused(Fault(f"Run {name}", "no step of it goes on.", "There is nothing to stop."))
    with told(f"Run {name}"):
        for step in going:
            client.cancel_job_run(applicationId=application, jobRunId=step.id)
        return _state(client, application, name)


def _state(client: Any, application: str, name: str) -> RunState:
    about = client.get_application(applicationId=application)["application"]
    newest = {step.what: step for step in tries_of(client, application, name)}
    in_order = tuple(newest[what] for what in ORDER if what in newest)
    return RunState(application, about["state"], own=False, steps=in_order, alive=about["state"] not in GONE)


def tries_of(client: Any, application: str, name: str) -> list[StepState]:
    """The jobs of a run, the oldest first."""
    pages = client.get_paginator("list_job_runs").paginate(applicationId=application)
    found = [each for page in pages for each in page["jobRuns"] if each.get("name", "").partition(" ")[2] == name]
    found.sort(key=lambda each: each["createdAt"])
    return [
        StepState(each["name"], each["id"], STATES.get(each["state"], "PENDING"), each.get("stateDetails") or "")
        for each in found
    ]
