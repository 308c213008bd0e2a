"""What a contestant is: it opens its engine, runs a rule set into a folder, and says what it found there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.facts import Facts
from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet


@dataclass(frozen=True, slots=True)
class Task:
    """What a contestant gets: rules, the lake they are about, and the machine it may use."""

    rule_set: RuleSet
    lake: Lake
    subjects: int
    work: Path
    java_home: Path
    cores: int = 2
    memory: str = "4g"
    """Of the JVM's heap."""

    @property
    def matrix(self) -> HitMatrix:
        return HitMatrix.of(self.rule_set)


class Run(Protocol):
    """An engine that is open."""

    def prepare(self) -> None:
        """What comes once, before the clock starts: frames are opened, rules checked; no rows are read."""

    def run(self, sink: Path) -> None:
        """Evaluate all rules and write what hit into a folder that is not there yet."""

    def facts(self, sink: Path) -> Facts | None:
        """What was written there, None where it says nothing of single rules."""

    def decided(self, sink: Path) -> str | None:
        """The digest of the decisions that were written there, None where none were."""


Contestant = Callable[[Task], AbstractContextManager[Run]]
