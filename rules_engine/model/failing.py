"""What becomes of a rule that fails while it runs: which it is, why, and what its membership type does meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rules_engine.errors import Fault


class OnFailure(StrEnum):
    """What a run does about a rule that fails while it runs. To skip the rule is not among it (R-ENG-6)."""

    ABORT = "abort"  # the run stops and names the rules; nothing is published
    HOLD = "hold"  # the rule's membership type stands as decided before; the other types are decided


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one rule may take, in seconds: to be planned on the driver, and to run. 0 is no limit."""

    planning_seconds: float = 60
    rule_seconds: float = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule version that failed by itself. ``what`` holds no value of any row: a value can be personal data."""

    rule: str
    """The version's id."""
    membership_type: str
    what: str
    remedy: str
    code: str

    def fault(self) -> Fault:
        which = f"Rule {self.rule.rpartition('/')[0]}"
        return Fault(which, f"{self.what} It decides about {self.membership_type}.", self.remedy, self.code)


@dataclass(frozen=True, slots=True)
class HeldType:
    """
    A membership type of which nothing was decided: every earlier decision of it stands.

    ``versions`` of the rule set belong to it, all of them left out of the run, whether they failed or not.
    """

    membership_type: str
    versions: int
    failures: tuple[Failure, ...]

    def faults(self) -> Iterable[Fault]:
        """What an operator is told of it."""
        held = f"it is held: nothing was decided, its earlier decisions stand ({self.versions} rules were left out)."
        remedy = "Mend what is named here and run again; for the same rules and data, under another --run-id."
        yield Fault(f"Membership type {self.membership_type}", held, remedy)
        yield from (failure.fault() for failure in self.failures)


def held_from(content: Mapping[str, Any]) -> HeldType:
    """The held type that ``asdict`` described."""
    return HeldType(**{**content, "failures": tuple(Failure(**f) for f in content["failures"])})
