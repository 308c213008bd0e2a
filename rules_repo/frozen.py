"""A rule set in a file: what a run reads where there is no database."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from rules_engine.errors import Fault, InvalidRule, RunRefused
from rules_engine.model.rule_sets import RuleSet, freeze, thaw


class FrozenRules:
    """A frozen rule set, as a :class:`rules_engine.ports.RuleSource` of the one day it was frozen for."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)

    def rule_set(self, as_of: date, known_at: datetime) -> RuleSet:  # noqa: ARG002 - it says itself when it was known
        """
        The rule set in the file, with the moment it was known at when it was frozen.

        Raises:
            RunRefused: If the file cannot be read, is of another day, or holds no rule.
            InvalidRule: If it was altered, or makes no valid rule set.
        """
        which = f"Frozen rule set {self._path}"
        try:
            rule_set = thaw(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as problem:
            raise RunRefused(
                Fault(which, f"it cannot be read: {problem}.", "Name a file that `write` made.")
            ) from problem
        except InvalidRule as problem:
            raise InvalidRule(*(replace(f, which=f"{which}: {f.which}") for f in problem.faults)) from problem
        if rule_set.as_of != as_of:
            raise RunRefused(
                Fault(which, f"it is of {rule_set.as_of}, not of {as_of}.", f"Freeze the rules of {as_of}.")
            )
        if not rule_set.versions:
            raise RunRefused(Fault(which, f"no rule is in force on {as_of}.", "Choose another day, or publish rules."))
        return rule_set


def name_of(rule_set: RuleSet) -> str:
    """The name of a frozen rule set's file: its day and its digest."""
    return f"rule-set-{rule_set.as_of.isoformat()}-{rule_set.digest[:16]}.json"


def write(rule_set: RuleSet, folder: Path) -> Path:
    """Freeze a rule set into a file named by its day and digest; a half-written file is never seen under that name."""
    path = Path(folder) / name_of(rule_set)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(freeze(rule_set), encoding="utf-8")
    part.replace(path)
    return path
