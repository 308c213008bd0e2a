"""
What a run's manifest says as metrics: lines in CloudWatch's embedded format, of which logs make metrics (R-OPS-6).

Alarms and dashboard in infra/watching.yaml name just these. The steps print them at their end; infra/metrics.yaml
prints them once more from the staged run, where CloudWatch reads them, so that no step needs a right to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from rules_engine.model.manifest import REVOKED, Manifest, TypeCounts

NAMESPACE = "Rules"
METRICS: Mapping[str, str] = {
    "Subjects": "Count",
    "UnknownShare": "Percent",
    "Decided": "Count",
    "Members": "Count",
    "MembersGained": "Count",
    "MembersLost": "Count",
    "TypeHeld": "Count",
    "PhaseSeconds": "Seconds",
    "RunHeld": "Count",
    "RecordsWritten": "Count",
}
"""Each metric and its unit. ``UnknownShare`` is of all pairs of a subject and a rule those whose condition was NULL."""


class Place(NamedTuple):
    """Whose run it is: the dimensions that every metric has."""

    environment: str
    tenant: str


def evaluated(manifest: Manifest, place: Place, at: datetime) -> Iterator[str]:
    """What an evaluated run counted: of everybody, of each membership type, and how long each phase took."""
    found = manifest.evaluation
    pairs, unknown = found.evaluated_pairs, sum(found.unknown_per_rule.values())
    share = 100 * unknown / pairs if pairs else 0.0
    yield _line(manifest, place, at, {"Subjects": found.subjects, "UnknownShare": round(share, 4)})
    held = {each.membership_type for each in found.held}
    for counts in found.types:
        told = _of_type(counts) | {"TypeHeld": int(counts.membership_type in held)}
        yield _line(manifest, place, at, told, MembershipType=counts.membership_type)
    for phase, seconds in found.seconds.items():
        yield _line(manifest, place, at, {"PhaseSeconds": seconds}, Phase=phase)


def judged(manifest: Manifest, place: Place, at: datetime, *, held: bool) -> Iterator[str]:
    """Whether a guard rail holds a run."""
    yield _line(manifest, place, at, {"RunHeld": int(held)})


def published(manifest: Manifest, place: Place, at: datetime) -> Iterator[str]:
    """How many records the history holds of a run."""
    yield _line(manifest, place, at, {"RecordsWritten": manifest.written})


def put(lines: Iterable[str]) -> None:
    """Print lines into a step's log."""
    for line in lines:
        print(line, flush=True)


def _of_type(counts: TypeCounts) -> dict[str, float]:
    return {
        "Decided": counts.decided,
        "Members": counts.members_after,
        "MembersGained": counts.events.get("GRANTED", 0) + counts.events.get("REINSTATED", 0),
        "MembersLost": sum(counts.events.get(event, 0) for event in REVOKED),
    }


def _line(manifest: Manifest, place: Place, at: datetime, values: Mapping[str, float], **more: str) -> str:
    """One line; a metric with a dimension more is one of the whole tenant as well, which alarms can name."""
    sets = [["Environment", "Tenant"], *([["Environment", "Tenant", *more]] if more else [])]
    metrics = [{"Name": name, "Unit": METRICS[name]} for name in values]
    said = {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics}
    whose = {"Environment": place.environment, "Tenant": place.tenant, **more}
    of = {"run_id": manifest.run_id, "day": manifest.as_of.isoformat()}
    about = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [said]}
    return json.dumps({"_aws": about, **whose, **of, **values})
