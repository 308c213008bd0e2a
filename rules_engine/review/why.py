"""Why one decision is what it is: every rule of its type, what would turn it, and the values that were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.history import HistoryRecord
from rules_engine.model.ledger import standing_before
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_engine.review.turning import Case, Outcome, RuleChange, Turn, rule_changes, turns

if TYPE_CHECKING:
    from rules_engine.review.nearest import NearestFacts
    from rules_engine.review.seen import RuleSeen

Bits = tuple[frozenset[str], frozenset[str]]
"""The versions that hit, and those that were unknown, as a run staged them."""


@dataclass(frozen=True)
class Why:
    """
    One decision, explained.

    ``told`` says whether it is known which misses were unknown. ``seen`` are the values by version id, empty where
    none were asked for; ``odd`` the rules of which the snapshot says otherwise than the record.
    """

    record: HistoryRecord
    case: Case
    told: bool
    seen: Mapping[str, RuleSeen] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    odd: tuple[str, ...] = ()
    facts: NearestFacts | None = None

    @property
    def turns(self) -> tuple[Turn, ...]:
        return turns(self.case)

    @property
    def rule_changes(self) -> tuple[RuleChange, ...]:
        return rule_changes(self.case)


def why(record: HistoryRecord, rule_set: RuleSet, bits: Bits | None) -> Why:
    """
    The decision with every rule of its type, by the record and by what the run staged, if that is here.

    Raises:
        RunRefused: If the rules are not those of the record.
    """
    if rule_set.digest != record.rule_set_digest:
        what = (
            f"its rule set was altered: the record says {record.rule_set_digest[:12]}…, it is {rule_set.digest[:12]}…."
        )
        raise RunRefused(Fault(f"Run {record.run_id}", what, "Bring its rule_set.json back from a backup."))
    versions = tuple(v for v in rule_set.versions if v.membership_type == record.membership_type)
    hit = {f"{h.key}/{h.version}" for h in record.hits} | (bits[0] if bits else set())
    unknown = bits[1] if bits else frozenset()
    outcomes = {v.id: _outcome(v, hit, unknown) for v in versions}
    return Why(record, Case(versions, _policy(record, rule_set), outcomes, standing_before(record)), bits is not None)


def _policy(record: HistoryRecord, rule_set: RuleSet) -> MembershipType:
    known = next((m for m in rule_set.membership_types if m.key == record.membership_type), None)
    policy = known or MembershipType(record.membership_type)
    if record.policy is None:
        return policy
    said = record.policy
    return replace(policy, strategy=said.strategy, margin=said.margin, tie=said.tie, veto_weight=said.veto_weight)


def _outcome(version: RuleVersion, hit: set[str], unknown: frozenset[str]) -> Outcome:
    if version.id in hit:
        return Outcome.HIT
    return Outcome.UNKNOWN if version.id in unknown else Outcome.MISS
