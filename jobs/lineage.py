"""
What a step read and wrote, as events of OpenLineage: one as it starts, one as it ends (R-OPS-6).

Off unless a step is told where to: ``--lineage`` or $OPENLINEAGE_URL, the address of a server, or file:///… to which
lines are added. An event that cannot be delivered is said in the log and ends nothing.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from jobs import step_log
from rules_engine import __version__

SPEC = "https://openlineage.io/spec"
PRODUCER = f"urn:agile-rules-engine:{__version__}"
VARIABLE, WORD = "OPENLINEAGE_URL", "--lineage"
SECONDS = 5

READ: Mapping[str, Sequence[str]] = {
    "ingest": ("--source",),
    "master": ("--settings",),
    "curate": ("--declaration", "--rule-set"),
    "evaluate": ("--rule-set",),
    "guard": ("--rule-set",),
}
WRITTEN: Mapping[str, Sequence[str]] = {
    "ingest": ("--declaration",),
    "freeze": ("--target",),
    "curate": ("--lake",),
    "evaluate": ("--runs",),
    "guard": ("--runs",),
}
"""The words of a step's command line that name what it reads and writes."""

_seen: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}


def dataset(address: str, version: str | None = None) -> dict[str, Any]:
    """
    What is at an address, as OpenLineage names it: the store, and the place there; a snapshot is a version of it.

    >>> dataset("s3://lake/customers")
    {'namespace': 's3://lake', 'name': 'customers'}
    """
    place = urlsplit(address)
    store = f"{place.scheme}://{place.netloc}" if place.netloc else place.scheme or "file"
    named = {"namespace": store, "name": place.path.lstrip("/") if place.netloc else place.path or address}
    return named | ({"facets": {"version": _facet("DatasetVersion", datasetVersion=version)}} if version else {})


def saw(inputs: Sequence[Mapping[str, Any]] = (), outputs: Sequence[Mapping[str, Any]] = ()) -> None:
    """Say what a step has read or written besides what its command line names."""
    _seen["inputs"] += [dict(each) for each in inputs]
    _seen["outputs"] += [dict(each) for each in outputs]


def _facet(kind: str, **said: object) -> dict[str, Any]:
    version = {"DatasetVersion": "1-0-1", "ParentRun": "1-1-0", "ErrorMessage": "1-0-1"}[kind]
    suffix = "Dataset" if kind == "DatasetVersion" else "Run" if kind == "ErrorMessage" else ""
    name = f"{kind}{suffix}Facet"
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{version}/{name}.json#/$defs/{name}", **said}


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the events of a step go, and which try of which step of which run it is."""

    where: str
    step: str
    argv: Sequence[str]
    begun: datetime

    @classmethod
    def of(cls, step: str, argv: Sequence[str], environment: Mapping[str, str]) -> Lineage | None:
        """None where nobody is to be told."""
        where = (step_log.said(argv, WORD) or environment.get(VARIABLE, "")).strip()
        for each in _seen.values():
            each.clear()
        return cls(where, step, argv, datetime.now(UTC)) if where else None

    def event(self, kind: str, at: datetime, error: str = "") -> dict[str, Any]:
        """The event that a step starts, or ends so; an error is told by its kind alone, its words may hold data."""
        place = f"{self._word('--environment')}_{self._word('--tenant')}"
        night = f"rules/{place}/{self._word('--run-id')}"
        parent = {"run": {"runId": str(uuid5(NAMESPACE_URL, night))}, "job": {"namespace": place, "name": "rules"}}
        facets = {"parent": _facet("ParentRun", **parent)}
        if error:
            facets["errorMessage"] = _facet("ErrorMessage", message=error, programmingLanguage="Python")
        return {
            "eventType": kind,
            "eventTime": at.isoformat(),
            "run": {
                "runId": str(uuid5(NAMESPACE_URL, f"{night}/{self.step}/{self.begun.isoformat()}")),
                "facets": facets,
            },
            "job": {"namespace": place, "name": f"rules.{self.step}"},
            "inputs": [*self._named(READ), *_seen["inputs"]],
            "outputs": [*self._named(WRITTEN), *_seen["outputs"]],
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }

    def tell(self, kind: str, error: str = "") -> None:
        """Deliver an event; a log line says so where that fails."""
        body = json.dumps(self.event(kind, datetime.now(UTC), error)).encode()
        try:
            if self.where.startswith("file://"):
                with Path(urlsplit(self.where).path).open("ab") as lines:
                    lines.write(body + b"\n")
                return
            headers = {"Content-Type": "application/json"}
            address = f"{self.where.rstrip('/')}/api/v1/lineage"
            request = urllib.request.Request(address, body, headers, method="POST")  # noqa: S310  an address of the operator's
            urllib.request.urlopen(request, timeout=SECONDS).close()  # noqa: S310
        except (OSError, ValueError) as problem:
            step_log.LOG.warning("lineage not told", extra={"error": type(problem).__name__})

    def _word(self, option: str) -> str:
        return step_log.said(self.argv, option) or "none"

    def _named(self, words: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
        return (dataset(text) for word in words.get(self.step, ()) if (text := step_log.said(self.argv, word)))
