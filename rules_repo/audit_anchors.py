"""Heads of the chain that were noted elsewhere: against them a chain is found that was cut or rewritten as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from rules_engine.errors import Fault, RunRefused
from rules_repo.audit_faults import Findings


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest entry at a time: its position, its hash, and when that was noted."""

    position: int
    hash: str
    at: str

    def __str__(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def read(which: str, lines: Iterable[str]) -> tuple[Anchor, ...]:
    """
    The anchors of a text, one a line.

    Raises:
        RunRefused: If a line is none, or there is none at all.
    """
    found = []
    for number, line in enumerate(lines, 1):
        try:
            said = json.loads(line)
            anchor = Anchor(said["position"], said["hash"], said["at"])
            sound = (
                anchor.position > 0 and isinstance(anchor.at, str) and bool(re.fullmatch("[0-9a-f]{64}", anchor.hash))
            )
        except (ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            remedy = "Restore it; `rules audit anchor` writes one a line."
            raise RunRefused(Fault(f"Anchors in {which}", f"line {number} is no anchor.", remedy))
        found.append(anchor)
    if not found:
        raise RunRefused(Fault(f"Anchors in {which}", "there are none.", "Note one: rules audit anchor --to …"))
    return tuple(found)


def compare(anchors: Collection[Anchor], met: Mapping[int, str], length: int, findings: Findings) -> None:
    """Find anchors that are not in the chain; ``met`` has the hashes at their positions."""
    for anchor in anchors:
        there, which = met.get(anchor.position), f"Anchor of {anchor.at}"
        if there is None:
            what = f"entry {anchor.position} was the newest then, and the chain ends at {length} now: it was cut."
            findings.add("Anchors", which, what)
        elif there != anchor.hash:
            what = f"entry {anchor.position} had the hash {anchor.hash}, and has {there} now: the chain was rewritten."
            findings.add("Anchors", which, what)
