"""What if: other weights, margins and strategies than a run's, said in few words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from rules_engine.errors import Fault, RunRefused, collected, did_you_mean, raise_all
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import LARGEST_WEIGHT, MembershipType, RuleVersion, Strategy, Tie

T = TypeVar("T")

MOST_WEIGHTS = 1_001
"""Weights that a sweep goes through at most."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    What a person says, each as ``KEY=VALUE``, and the keys of rules that are left out.

    Nothing of it needs a rule to be run: what rules found stays, what it comes to changes.
    """

    weights: Sequence[str] = ()
    margins: Sequence[str] = ()
    strategies: Sequence[str] = ()
    ties: Sequence[str] = ()
    vetoes: Sequence[str] = ()
    without: Sequence[str] = ()

    @property
    def says_something(self) -> bool:
        return any([self.weights, self.margins, self.strategies, self.ties, self.vetoes, self.without])


def applied(scenario: Scenario, rule_set: RuleSet) -> RuleSet:
    """
    The rule set with what a scenario says of it.

    Raises:
        RunRefused: With every word that names nothing, or says no value.
        InvalidRule: If the policies would be none, such as a tie that is granted beside a margin of 10.
    """
    faults: list[Fault] = []
    weights = _said("--weight", scenario.weights, _weight, {v.key for v in rule_set.versions}, "rule", faults)
    gone = _named("--without", scenario.without, {v.key for v in rule_set.versions}, "rule", faults)
    policies: dict[str, dict[str, Any]] = {}
    types = {m.key for m in rule_set.membership_types}
    options: tuple[tuple[str, str, Sequence[str], Callable[[str], Any]], ...] = (
        ("margin", "--margin", scenario.margins, int),
        ("strategy", "--strategy", scenario.strategies, _one_of(Strategy)),
        ("tie", "--tie", scenario.ties, _one_of(Tie)),
        ("veto_weight", "--veto", scenario.vetoes, lambda text: None if text == "none" else int(text)),
    )
    for name, option, said, read in options:
        for key, value in _said(option, said, read, types, "membership type", faults).items():
            policies.setdefault(key, {})[name] = value
    raise_all(RunRefused, faults)

    def weighed(version: RuleVersion) -> RuleVersion:
        return replace(version, weight=weights[version.key]) if version.key in weights else version

    def decided(policy: MembershipType) -> MembershipType:
        return replace(policy, **policies.get(policy.key, {}))

    kept = tuple(weighed(v) for v in rule_set.versions if v.key not in gone)
    return replace(rule_set, versions=kept, membership_types=tuple(map(decided, rule_set.membership_types)))


@dataclass(frozen=True, slots=True)
class Sweep:
    """A rule, and the weights it is tried with; 0 is without it."""

    key: str
    weights: range = field(default_factory=lambda: range(1))


def sweep(said: str, rule_set: RuleSet) -> Sweep:
    """
    What ``LOY-007=0..100`` says, or ``LOY-007=0..1000/50`` by steps of 50.

    Raises:
        RunRefused: If it names no rule of the rule set, or no weights.
    """
    option = "--sweep"
    key, _, span = said.partition("=")
    whole, _, step = span.partition("/")
    first, dots, last = whole.partition("..")
    try:
        weights = range(int(first), int(last) + 1, int(step or "1"))
    except ValueError:
        weights = range(0)
    known = {v.key for v in rule_set.versions}
    faults = [*_unknown(option, key, known, "rule")]
    if not dots or not weights or weights[0] < 0 or weights[-1] > LARGEST_WEIGHT or len(weights) > MOST_WEIGHTS:
        what = f"'{said}' says no weights, from low to high and at most {MOST_WEIGHTS:,} of them."
        faults.append(Fault(option, what, f"Write {key or 'KEY'}=0..100, or {key or 'KEY'}=0..1000/10 by tens."))
    raise_all(RunRefused, faults)
    return Sweep(key, weights)


def _said(
    option: str, said: Sequence[str], read: Callable[[str], T], known: set[str], kind: str, faults: list[Fault]
) -> Mapping[str, T]:
    """Values by the keys they are said of."""
    found: dict[str, T] = {}
    for words in said:
        key, sign, text = words.partition("=")
        if not sign:
            faults.append(Fault(option, f"'{words}' says no value.", f"Write {option} {key}=VALUE."))
            continue
        if unknown := [*_unknown(option, key, known, kind)]:
            faults += unknown
            continue
        if key in found:
            faults.append(Fault(option, f"it says two values of {key}.", "Say one."))
            continue
        value = collected(lambda text=text, words=words: _read(option, words, text, read), faults)  # type: ignore[misc]
        if value is not None or text == "none":
            found[key] = value  # type: ignore[assignment]
    return found


def _read(option: str, words: str, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except ValueError as problem:
        _refuse(option, words, str(problem))


def _refuse(option: str, words: str, why: str) -> NoReturn:
    remedy = f"{why[0].upper()}{why[1:]}." if why.startswith("there are") else "Give a whole number."
    raise RunRefused(Fault(option, f"'{words}' says no value that it takes.", remedy)) from None


def _named(option: str, said: Sequence[str], known: set[str], kind: str, faults: list[Fault]) -> frozenset[str]:
    for key in said:
        faults += _unknown(option, key, known, kind)
    return frozenset(said)


def _unknown(option: str, key: str, known: set[str], kind: str) -> Iterator[Fault]:
    if key not in known:
        remedy = did_you_mean(key, known) or f"There are {len(known)}, from {min(known)} to {max(known)}."
        yield Fault(option, f"the run knows no {kind} '{key}'.", remedy)


def _weight(text: str) -> int:
    weight = int(text)
    if not 0 < weight <= LARGEST_WEIGHT:
        raise ValueError(f"there are weights from 1 to {LARGEST_WEIGHT}; `--without KEY` leaves a rule out")
    return weight


def _one_of(words: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        if text not in [*words]:
            raise ValueError(f"there are {', '.join(words)}")
        return words(text)

    return read
