"""
What would turn one decision: rules that answered otherwise, and the smallest changes of rules.

Nothing is estimated: whatever is said to turn a decision was decided again, by
:func:`~rules_engine.model.decisions.decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from rules_engine.errors import InvalidRule
from rules_engine.model.decisions import Decision, Hit, Standing, Tally, decide
from rules_engine.model.rules import LARGEST_WEIGHT, Kind, MembershipType, RuleVersion, WhenUnknown


class Outcome(StrEnum):
    """What a rule was of a subject."""

    HIT = "hit"
    MISS = "miss"
    UNKNOWN = "unknown"


Outcomes = Mapping[str, Outcome]
"""Version id to what it was; one that is not there missed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One decision as it is decided again: the rules of its type, what each was, the policy, and what stood before."""

    versions: tuple[RuleVersion, ...]
    policy: MembershipType
    outcomes: Outcomes
    before: Standing

    def outcome(self, version: RuleVersion) -> Outcome:
        return self.outcomes.get(version.id, Outcome.MISS)

    @property
    def tally(self) -> Tally:
        """What counts is added up; an unknown outcome is what its rule says it is."""
        counted = [v for v in self.versions if not v.shadow]
        hits = [_hit(v) for v in counted if self.is_hit(v)]
        held = any(self.outcome(v) is Outcome.UNKNOWN and v.when_unknown is WhenUnknown.HOLD for v in counted)
        return Tally.of(hits, held=held)

    @property
    def decision(self) -> Decision:
        return decide(self.tally, self.policy, self.before)

    def is_hit(self, version: RuleVersion) -> bool:
        unknown = self.outcome(version) is Outcome.UNKNOWN and version.when_unknown is WhenUnknown.HIT
        return unknown or self.outcome(version) is Outcome.HIT

    def with_outcome(self, version: RuleVersion, outcome: Outcome) -> Case:
        return replace(self, outcomes={**self.outcomes, version.id: outcome})

    def with_weight(self, version: RuleVersion, weight: int) -> Case:
        others = (v if v.id != version.id else replace(v, weight=weight) for v in self.versions)
        return replace(self, versions=tuple(others))

    def without(self, version: RuleVersion) -> Case:
        return replace(self, versions=tuple(v for v in self.versions if v.id != version.id))

    def with_margin(self, margin: int) -> Case | None:
        """None where the type could not have this margin."""
        try:
            return replace(self, policy=replace(self.policy, margin=margin))
        except InvalidRule:
            return None


@dataclass(frozen=True, slots=True)
class Turn:
    """A rule, what it would have had to be, and the decision then; ``ahead`` is by how much that changes the sums."""

    rule: str
    to: Outcome
    decision: Decision
    turns: bool
    ahead: int


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A change of rules that turns a decision: ``size`` is in weight units, ``rule`` empty where it is the margin."""

    what: str
    rule: str
    was: int
    becomes: int | None
    size: int
    decision: Decision


def turns(case: Case) -> tuple[Turn, ...]:
    """
    Each rule as if it had answered otherwise, those first that would change most.

    First come the rules that would turn the decision by themselves, the heavier before the lighter; then, in the same
    order, those that would bring it nearer. What would take it further away is left out.
    """
    granted = case.decision.granted
    found = [turn for version in case.versions if not version.shadow for turn in _turn(case, version, granted)]
    return tuple(sorted(found, key=lambda turn: (not turn.turns, -turn.ahead, turn.rule)))


def _turn(case: Case, version: RuleVersion, granted: bool) -> Iterator[Turn]:
    counts = case.is_hit(version)
    holds = case.outcome(version) is Outcome.UNKNOWN and version.when_unknown is WhenUnknown.HOLD
    nearer = (version.kind is Kind.INCLUSION) == (not counts) == (not granted)
    for to in (Outcome.MISS, Outcome.HIT) if holds else (Outcome.MISS if counts else Outcome.HIT,):
        then = case.with_outcome(version, to)
        turned = then.decision.granted != granted
        if turned or nearer:
            yield Turn(version.id, to, then.decision, turned, version.weight)


def rule_changes(case: Case) -> tuple[RuleChange, ...]:
    """
    The smallest changes of rules that turn the decision, one each: a weight, the margin, a rule taken out.

    The smallest comes first; a rule that is taken out counts as its weight. Where two are as small, the first by its
    key is given.
    """
    found = [*_weights(case), *_margin(case), *_removals(case)]
    best: dict[str, RuleChange] = {}
    for change in sorted(found, key=lambda c: (c.size, c.rule)):
        best.setdefault(change.what, change)
    return tuple(best.values())


def _weights(case: Case) -> Iterator[RuleChange]:
    """More weight only helps a rule's own side, so that the nearest weight that turns is found by halving."""
    granted = case.decision.granted
    for version in case.versions:
        if version.shadow or not case.is_hit(version):
            continue
        further = LARGEST_WEIGHT if (version.kind is Kind.INCLUSION) != granted else 1
        weight = _nearest(version.weight, further, lambda w, v=version: _turned(case, case.with_weight(v, w)))  # type: ignore[misc]
        if weight is not None:
            then = case.with_weight(version, weight)
            yield RuleChange("weight", version.id, version.weight, weight, abs(weight - version.weight), then.decision)


def _margin(case: Case) -> Iterator[RuleChange]:
    was = case.policy.margin
    further = was + (1 if case.decision.granted else -1) * 2 * LARGEST_WEIGHT * max(len(case.versions), 1)
    margin = _nearest(was, further, lambda m: _turned(case, case.with_margin(m)))
    then = case.with_margin(margin) if margin is not None else None
    if then and margin is not None:
        yield RuleChange("margin", "", was, margin, abs(margin - was), then.decision)


def _removals(case: Case) -> Iterator[RuleChange]:
    for version in case.versions:
        if not version.shadow and _turned(case, case.without(version)):
            then = case.without(version).decision
            yield RuleChange("without", version.id, version.weight, None, version.weight, then)


def _turned(case: Case, then: Case | None) -> bool:
    return then is not None and then.decision.granted != case.decision.granted


def _nearest(start: int, end: int, turned: Callable[[int], bool]) -> int | None:
    """The number nearest to ``start`` that turns, on the way to ``end``; once it has turned it stays so."""
    if not turned(end):
        return None
    near, far = start, end
    while abs(far - near) > 1:
        middle = (near + far) // 2
        near, far = (near, middle) if turned(middle) else (middle, far)
    return far


def _hit(version: RuleVersion) -> Hit:
    return Hit(version.key, version.version, version.kind, version.weight, version.category)
