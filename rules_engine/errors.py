"""
Every deliberate error, as one tree drawn by who can mend it.

    RulesError
    ├── InvalidRule       exit 3   the analyst mends the rule
    ├── ChangeRefused     exit 4   whoever made the change makes another
    ├── RunRefused        exit 5   the operator; nothing was written
    │   └── HistoryCollision       two decisions claim one key; nobody may overwrite
    ├── RunInterrupted    exit 6   run the same id again
    │   └── OutOfMemory   exit 8   give it more memory, then the same
    └── RunHeld           exit 7   somebody else looks, and releases it or not; nothing was published

Exit 2 is a wrong command line. Errors of other libraries never cross a port:
an adapter turns them into one of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One thing that is wrong: which, what, and what to do about it.

    ``code`` is stable and documented, where the fault has one; ``position`` is
    the character offset in the rule's text, counted from 0.
    """

    which: str
    what: str
    remedy: str = ""
    code: str = ""
    position: int | None = None

    def __str__(self) -> str:
        code = f" [{self.code}]" if self.code else ""
        return f"{self.which}: {self.what}{' ' + self.remedy if self.remedy else ''}{code}"


class RulesError(Exception):
    """The root: carries every fault found, so that all are mended in one go."""

    exit_code = 1

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class InvalidRule(RulesError):
    """A rule cannot be read, resolved or run. The analyst mends it."""

    exit_code = 3


class ChangeRefused(RulesError):
    """The repository refuses a change to the rules. Nothing was changed."""

    exit_code = 4


class RunRefused(RulesError):
    """The run cannot start or must not be published. Nothing was written."""

    exit_code = 5


class HistoryCollision(RunRefused):
    """A history key is taken by a record of different content."""


class RunInterrupted(RulesError):
    """Something broke on the way. Run the same id again: it completes what is missing."""

    exit_code = 6


class OutOfMemory(RunInterrupted):
    """Memory ran out on the way. Give it more, and run the same id again."""

    exit_code = 8


class RunHeld(RulesError):
    """A run was evaluated and is beyond a guard rail. It is published once it is released."""

    exit_code = 7


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """A suggestion in words, or nothing where no known name is near."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return f"Did you mean '{by_lower[near[0]]}'?" if near else ""


def raise_all(error: type[RulesError], faults: Iterable[Fault]) -> None:
    """Raise ``error`` with every fault, or return if there is none."""
    if found := tuple(faults):
        raise error(*found)


def collected(work: Callable[[], T], faults: list[Fault]) -> T | None:
    """What work gives; or nothing, and its faults beside those found before, so that they are told together."""
    try:
        return work()
    except RulesError as error:
        faults += [fault for fault in error.faults if fault not in faults]
        return None
