"""What a profile measures, read from ``profiles.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True, slots=True)
class Line:
    """Contestants on one set of rules, over ``times`` the profile's customers."""

    rules: str
    contestants: tuple[str, ...]
    times: int = 1
    skewed: int = 0
    warm: int = 2
    memory: Mapping[str, str] = field(default_factory=dict)
    """Contestant to the heap of its JVM, where it needs another than the run's."""

    @property
    def name(self) -> str:
        return f"{self.rules}{f' x{self.times}' * (self.times > 1)}{f' skewed {self.skewed}' * (self.skewed > 0)}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measure over another (or over a unit), and the goal it is held against, if any."""

    says: str
    over: str
    under: str = ""
    unit: float = 1.0
    most: float | None = None
    least: float | None = None
    before: str = "–"

    @property
    def goal(self) -> str:
        """As in a table; empty where a ratio is stated and held against nothing."""
        if self.most is not None:
            return f"≤ {self.most:g}"
        return "" if self.least is None else f"≥ {self.least:g}"

    def met(self, value: float) -> bool:
        return value <= self.most if self.most is not None else value >= (self.least or 0.0)

    def value(self, measures: Mapping[str, float]) -> float | None:
        """None where a measure is missing; the smallest one counts where a name ends in ``*``."""
        over, under = _found(self.over, measures), _found(self.under, measures) if self.under else self.unit
        return over / under if over is not None and under else None


@dataclass(frozen=True, slots=True)
class Profile:
    """Lines to measure and the ratios to state; ``bounds`` are ratios that fail the run when they are not met."""

    name: str
    about: str
    customers: int
    lines: tuple[Line, ...]
    ratios: tuple[Ratio, ...]
    bounds: tuple[Ratio, ...]

    def only(self, names: list[str]) -> Iterator[tuple[Line, str]]:
        """Lines and contestants, those named alone if any are: by line, contestant, or both (``all-100 x10/ours``)."""
        for line in self.lines:
            for contestant in line.contestants:
                known = {line.name, contestant, f"{line.name}/{contestant}"}
                if not names or known & set(names):
                    yield line, contestant


def profiles(text: str | None = None) -> dict[str, Profile]:
    """All profiles by name."""
    body = tomllib.loads(text if text is not None else FILE.read_text(encoding="utf-8"))
    ratios = {name: Ratio(**said) for name, said in body["ratios"].items()}
    return {name: _profile(name, said, ratios) for name, said in body["profiles"].items()}


def _profile(name: str, said: dict[str, Any], ratios: Mapping[str, Ratio]) -> Profile:
    return Profile(
        name=name,
        about=said["about"],
        customers=said["customers"],
        lines=tuple(Line(**line | {"contestants": tuple(line["contestants"])}) for line in said["lines"]),
        ratios=tuple(ratios[r] for r in said.get("ratios", [])),
        bounds=tuple(ratios[r] for r in said.get("bounds", [])),
    )


def _found(name: str, measures: Mapping[str, float]) -> float | None:
    rules, contestant, what = name.split("/")
    if not contestant.endswith("*"):
        return measures.get(name)
    start, end = f"{rules}/{contestant[:-1]}", f"/{what}"
    return min((v for n, v in measures.items() if n.startswith(start) and n.endswith(end)), default=None)
