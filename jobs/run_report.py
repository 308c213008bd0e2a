"""What a run took: seconds of steps and phases, how much it did a second, node hours, and what these cost (R-OPS-6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from jobs.aws import told
from jobs.emr_runs import RunState
from rules_engine.model.manifest import Manifest
from rules_engine.settings import PRICE

EVALUATING = "evaluate rules"
"""The phase of a manifest in which rows are read and rules are asked."""


class Price(NamedTuple):
    """Of an hour of one node, all that is paid for it; where it is from is told beside what follows from it."""

    amount: float
    currency: str
    source: str

    @classmethod
    def of(cls, text: str) -> Price:
        """
        A price as the settings say it.

        >>> Price.of("2 EUR: our contract, m7i.2xlarge")
        Price(amount=2.0, currency='EUR', source='our contract, m7i.2xlarge')
        """
        said = re.fullmatch(PRICE, text)
        assert said
        return cls(float(said[1]), said[2], said[3])


@dataclass(frozen=True, slots=True)
class Hours:
    """Node hours by instance type, those of Spot nodes among them."""

    by_type: Mapping[str, float] = field(default_factory=dict)
    spot: float = 0.0

    @property
    def all(self) -> float:
        return sum(self.by_type.values())


def rates(manifest: Manifest) -> dict[str, float]:
    """How much of each was done in a second of evaluating; nothing where that took no time that was noted."""
    found = manifest.evaluation
    seconds = found.seconds.get(EVALUATING) or sum(found.seconds.values())
    did = {
        "subjects": found.subjects,
        "pairs of a subject and a rule": found.evaluated_pairs,
        "rows": sum(source.read for source in found.sources),
    }
    return {name: round(number / seconds, 1) for name, number in did.items() if seconds and number}


def cost(hours: Hours, price: Price | None) -> dict[str, Any] | None:
    """What node hours cost at a price; Spot nodes are counted at the same, so it is the most that they cost."""
    if price is None:
        return None
    return {"amount": round(hours.all * price.amount, 4), "currency": price.currency, "price": price._asdict()}


def in_words(hours: Hours, price: Price | None) -> str:
    """
    The estimate, or what is missing for one.

    >>> in_words(Hours({"m7i.2xlarge": 1.5}, spot=0.5), Price(2.0, "EUR", "our contract"))
    'About 3.00 EUR: 1.50 node hours at 2 EUR (our contract), of which 0.50 Spot, which cost less.'
    """
    if price is None:
        return (
            "No estimate: set RULES_NODE_PRICE='AMOUNT CURRENCY: SOURCE', of an hour of one node with all that is paid."
        )
    spot = f", of which {hours.spot:.2f} Spot, which cost less" if hours.spot else ""
    amount = f"{hours.all * price.amount:.2f} {price.currency}"
    return f"About {amount}: {hours.all:.2f} node hours at {price.amount:g} {price.currency} ({price.source}){spot}."


def step_seconds(client: Any, run: RunState) -> dict[str, float]:
    """How long each step of a run on EMR took, of those that have ended."""
    return {what: (end - start).total_seconds() for what, (start, end) in _spans(client, run).items()}


def node_hours(client: Any, run: RunState, now: datetime) -> Hours:
    """
    The hours of the nodes of a run's own cluster from their start to their end, of a shared one those of its steps.

    Raises:
        RunRefused: If AWS refuses.
    """
    spans = _spans(client, run).values()
    window = None if run.own else (min((s for s, _ in spans), default=now), max((e for _, e in spans), default=now))
    by_type: dict[str, float] = {}
    spot = 0.0
    with told(f"Cluster {run.cluster}"):
        pages = client.get_paginator("list_instances").paginate(ClusterId=run.cluster)
        instances = [each for page in pages for each in page["Instances"]]
    for each in instances:
        times = each["Status"].get("Timeline", {})
        start, end = times.get("CreationDateTime", now), times.get("EndDateTime", now)
        if window:
            start, end = max(start, window[0]), min(end, window[1])
        hours = max(0.0, (end - start).total_seconds() / 3600)
        by_type[each["InstanceType"]] = by_type.get(each["InstanceType"], 0.0) + hours
        spot += hours if each.get("Market") == "SPOT" else 0.0
    return Hours(by_type, spot)


def _spans(client: Any, run: RunState) -> dict[str, tuple[datetime, datetime]]:
    with told(f"Cluster {run.cluster}"):
        pages = client.get_paginator("list_steps").paginate(ClusterId=run.cluster)
        listed = {each["Id"]: each["Status"].get("Timeline", {}) for page in pages for each in page["Steps"]}
    return dict(_ended(run, listed))


def _ended(
    run: RunState, listed: Mapping[str, Mapping[str, datetime]]
) -> Iterator[tuple[str, tuple[datetime, datetime]]]:
    for step in run.steps:
        times = listed.get(step.id, {})
        if times.get("StartDateTime") and times.get("EndDateTime"):
            yield step.what, (times["StartDateTime"], times["EndDateTime"])
