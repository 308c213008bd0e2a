"""Runs on clusters of EMR: put there once, looked at, waited for, stopped (R-OPS-1, R-OPS-3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.aws import told
from jobs.claims import claimed
from jobs.emr import Job, Request, Step, steps_of
from jobs.emr_cluster import Cluster, job_flow, name_of
from jobs.sequence import WHOSE
from rules_engine.errors import Fault, RunInterrupted, RunRefused, raise_all
from rules_engine.ports import Progress, silent

ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
DONE_OR_DOING = ("PENDING", "RUNNING", "COMPLETED")
DOING = ("PENDING", "RUNNING", "CANCEL_PENDING")
ORDER = tuple(WHOSE)
POLL = 15.0
Sleep = Callable[[float], None]


class Call(NamedTuple):
    """One request of an API of AWS."""

    service: str
    operation: str
    request: Request


@dataclass(frozen=True, slots=True)
class StepState:
    """A step of a run, and how it is."""

    name: str
    id: str
    state: str
    why: str = ""

    @property
    def what(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run is and how its steps are, in order; ``own`` says whether the cluster is for this run alone."""

    cluster: str
    state: str
    own: bool
    steps: tuple[StepState, ...]
    logs: str = ""
    alive: bool = True
    why: str = ""
    """What AWS says of why the cluster is so."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it goes on or is about to; a cluster that has been given no step yet is about to."""
        return not self.alive or (bool(self.steps) and all(step.state not in DOING for step in self.steps))

    @property
    def done(self) -> bool:
        return bool(self.steps) and all(step.state == "COMPLETED" for step in self.steps)


def calls_of(job: Job, place: Cluster | str, *, publish: bool) -> Iterator[Call]:
    """The requests that put a run on EMR where nothing of it is there yet, in order."""
    steps = steps_of(job, publish=publish)
    if isinstance(place, str):
        yield from (_adding(place, step, "CONTINUE") for step in steps)
        return
    # A request that starts a cluster names one role for all its steps.
    at_once = [] if job.roles else [step.request for step in steps]
    yield Call("emr", "RunJobFlow", job_flow(job, place, at_once))
    if job.roles:
        yield from (_adding("j-OFTHECLUSTER", step, "TERMINATE_CLUSTER") for step in steps)


def submit_run(
    client: Any,
    s3: Any,
    job: Job,
    place: Cluster | str,
    *,
    publish: bool = False,
    sleep: Sleep = time.sleep,
) -> RunState:
    """
    Put a run on a transient cluster, or on the running one whose id is given; publish it too if asked to.

    A run that is there already is what is answered, whether it goes on or is done and its cluster gone. One that
    failed is put there again. Of two that submit at once one waits for the other.

    Raises:
        RunRefused: If AWS refuses the request or no credentials are found.
        RunInterrupted: If AWS cannot be reached.
    """
    steps = steps_of(job, publish=publish)
    with told(f"Run {job.run_id}"), claimed(s3, claim_of(job), sleep) as claim:
        said = [where for where in (claim.where, place) if isinstance(where, str)]
        known = _standing(client, job, steps, said)
        if known is None:
            fresh = place if isinstance(place, str) else _started(client, job, place, steps)
            known = _completed(client, job, fresh, steps, own=not isinstance(place, str))
        elif known.alive:
            known = _completed(client, job, known.cluster, steps, own=known.own)
        claim.where = known.cluster
    return known


def claim_of(job: Job) -> str:
    """Where it is said who submits a run: beside the staged ones, of which it is none."""
    return f"{job.runs.rstrip('/')}/submitted/{job.environment}_{job.tenant}/{job.run_id}.json"


def _standing(client: Any, job: Job, steps: Sequence[Step], said: Sequence[str]) -> RunState | None:
    """The run where it is alive, or done with all these steps; one that ended in another way does not stand."""
    names = [step.request["Name"] for step in steps]
    for cluster in [*said, *_clusters_named(client, name_of(job))]:
        found = _state(client, job.name, cluster)
        done = {step.name for step in found.steps if step.state == "COMPLETED"}
        doing = any(step.state in DONE_OR_DOING for step in found.steps) or found.own
        if done.issuperset(names) or (found.alive and doing):
            return found
    return None


def _started(client: Any, job: Job, cluster: Cluster, steps: Sequence[Step]) -> str:
    at_once = [] if job.roles else [step.request for step in steps]
    return str(client.run_job_flow(**job_flow(job, cluster, at_once))["JobFlowId"])


def _completed(client: Any, job: Job, cluster: str, steps: Sequence[Step], *, own: bool) -> RunState:
    """
    The run on a cluster, to which the steps are added that it neither did nor has before it, each under its role.

    A failed step is added again. On a cluster that others use a failure ends nothing but the step:
    a later step of the run finds nothing to work on and refuses.
    """
    known = {step.name for step in _state(client, job.name, cluster).steps if step.state in DONE_OR_DOING}
    for step in steps:
        if step.request["Name"] not in known:
            call = _adding(cluster, step, "TERMINATE_CLUSTER" if own else "CONTINUE")
            client.add_job_flow_steps(**call.request)
    return _state(client, job.name, cluster)


def _adding(cluster: str, step: Step, on_failure: str) -> Call:
    under = {"ExecutionRoleArn": step.role} if step.role else {}
    given = [step.request | {"ActionOnFailure": on_failure}]
    return Call("emr", "AddJobFlowSteps", {"JobFlowId": cluster, "Steps": given, **under})


def state_of(client: Any, name: str, cluster: str | None = None) -> RunState:
    """
    How a run is, named by environment, tenant and id: on a cluster, or on its own that started last.

    Raises:
        RunRefused: If there is none, or AWS refuses.
    """
    with told(f"Run {name}"):
        places = [cluster] if cluster else _clusters_named(client, f"rules {name}")
        found = _state(client, name, places[0]) if places else None
    if found is None or not (found.steps or found.own):
        where = f"cluster {cluster} has no step of it." if cluster else "no cluster of the last two months is its own."
        remedy = "Name the cluster with --cluster, or look at RULES_ENV, RULES_TENANT, AWS_REGION."
        raise RunRefused(Fault(f"Run {name}", where, remedy))
    return found


def waited_for(
    look: Callable[[], RunState], name: str, progress: Progress = silent, sleep: Sleep = time.sleep
) -> RunState:
    """
    The run once it is done.

    Raises:
        RunInterrupted: If a step failed or was cancelled, with each that did and where its log is.
    """
    while not (found := look()).ended:
        progress(_words(found), sum(step.state == "COMPLETED" for step in found.steps) / max(len(found.steps), 1))
        sleep(POLL)
    raise_all(RunInterrupted, _ended_faults(found, name))
    return found


def _words(found: RunState) -> str:
    now = next((step for step in found.steps if step.state in DOING), None)
    return f"Cluster {found.cluster} {found.state.lower()}: {now.what} {now.state.lower()}" if now else found.cluster


def _ended_faults(found: RunState, name: str) -> Iterator[Fault]:
    run_id = name.rpartition(" ")[2]
    for step in found.steps:
        if step.state not in ("COMPLETED", "CANCELLED"):
            what = f"it ended as {step.state}{f': {step.why}' if step.why else ''}."
            remedy = f"See `rules emr logs {run_id} {step.what}`, mend it, and submit the run again."
            yield Fault(f"Step {step.name}", what, remedy)
    if not found.done and all(step.state in ("COMPLETED", "CANCELLED") for step in found.steps):
        why = f": {found.why.rstrip('.')}" if found.why else ""
        what = f"it ended before the run was done (cluster {found.cluster}: {found.state}{why})."
        yield Fault(f"Run {name}", what, "Mend what is named there, and submit the run again.")


def cancel(client: Any, name: str, cluster: str | None = None) -> RunState:
    """
    Stop a run: its own cluster as a whole, of a shared one its steps alone. What was published stays.

    Raises:
        RunRefused: If there is none, it has ended, or AWS refuses.
    """
    found = state_of(client, name, cluster)
    if found.ended:
        raise RunRefused(Fault(f"Run {name}", f"it has ended on cluster {found.cluster}.", "There is nothing to stop."))
    with told(f"Cluster {found.cluster}"):
        if found.own:
            client.terminate_job_flows(JobFlowIds=[found.cluster])
        else:
            waiting = [step.id for step in found.steps if step.state in DOING]
            client.cancel_steps(ClusterId=found.cluster, StepIds=waiting, StepCancellationOption="TERMINATE_PROCESS")
        return _state(client, name, found.cluster)


def _state(client: Any, name: str, cluster: str) -> RunState:
    about = client.describe_cluster(ClusterId=cluster)["Cluster"]
    pages = client.get_paginator("list_steps").paginate(ClusterId=cluster)
    listed = [step for page in pages for step in page["Steps"]]
    ours = [_step_state(step) for step in reversed(listed) if step["Name"].partition(" ")[2] == name]
    newest = {step.what: step for step in ours}
    in_order = tuple(newest[what] for what in ORDER if what in newest)
    own, state = about["Name"] == f"rules {name}", about["Status"]["State"]
    why = about["Status"].get("StateChangeReason", {}).get("Message") or ""
    return RunState(cluster, state, own, in_order, about.get("LogUri", ""), state in ALIVE, why)


def _step_state(step: Request) -> StepState:
    status = step["Status"]
    failed = status.get("FailureDetails") or {}
    why = failed.get("Message") or failed.get("Reason") or status.get("StateChangeReason", {}).get("Message", "")
    return StepState(step["Name"], step["Id"], status["State"], why)


def _clusters_named(client: Any, name: str) -> list[str]:
    """Clusters of a name, those that are there and those that are gone, the newest first."""
    pages = client.get_paginator("list_clusters").paginate()
    found = [each for page in pages for each in page["Clusters"] if each["Name"] == name]
    found.sort(key=lambda each: each["Status"]["Timeline"]["CreationDateTime"], reverse=True)
    return [each["Id"] for each in found]
