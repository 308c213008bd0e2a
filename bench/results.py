"""What was measured, kept as JSON: one entry a line and contestant, the machine, the versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """What one contestant needed for one line; ``problem`` says why there is nothing else."""

    line: str
    contestant: str
    rows: int = 0
    start: float = 0.0
    """Seconds until the engine was up."""

    prepared: float = 0.0
    """Seconds until frames were open and rules checked."""

    cold: Mapping[str, float] = field(default_factory=dict)
    warm: tuple[Mapping[str, float], ...] = ()
    high_water: int = 0
    load: float = 0.0
    """Of the machine just before: processes that wanted a core, over the last minute."""

    hits: int | None = None
    digest: str | None = None
    decided: str | None = None
    """The digest of what was decided."""

    problem: str = ""

    @property
    def quickest(self) -> Mapping[str, float]:
        return min(self.warm, key=lambda cost: cost["wall"], default=self.cold)

    @property
    def peak(self) -> float:
        """The most memory its processes held, in bytes: as seen from outside, or as the system remembers of each."""
        return max(self.high_water, *(cost["peak"] for cost in (self.cold, *self.warm)))

    def measures(self) -> dict[str, float]:
        if self.problem:
            return {}
        best = self.quickest
        found = {"cold": self.cold["wall"], "warm": best["wall"], "cpu": best["cpu"], "peak": self.peak}
        found["cpu-per-row"] = best["cpu"] / self.rows
        return {f"{self.line}/{self.contestant}/{what}": value for what, value in found.items()}


@dataclass(frozen=True, slots=True)
class Results:
    """All of one run."""

    profile: str
    customers: int
    date: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    measured: tuple[Measured, ...] = ()

    def measures(self) -> dict[str, float]:
        return {name: value for entry in self.measured for name, value in entry.measures().items()}

    def disagreements(self) -> Iterator[str]:
        """Lines on which contestants found or decided otherwise; one that is not finished finds nothing."""
        for line in dict.fromkeys(entry.line for entry in self.measured):
            of_line = [entry for entry in self.measured if entry.line == line]
            for did, digests in (
                ("found", {e.contestant: e.digest for e in of_line if e.digest}),
                ("decided", {e.contestant: e.decided for e in of_line if e.decided}),
            ):
                if len({*digests.values()}) > 1:
                    yield f"{line}: " + ", ".join(f"{name} {did} {digest}" for name, digest in digests.items())

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    body = json.loads(path.read_text(encoding="utf-8"))
    measured = (Measured(**entry | {"warm": tuple(entry["warm"])}) for entry in body.pop("measured"))
    return Results(**body, measured=tuple(measured))
