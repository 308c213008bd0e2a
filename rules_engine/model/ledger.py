"""Whether a record explains itself: its sums, its decision, and the rules that it names (R-HIST-1)."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.model.decisions import Event, Reason, Standing, Tally, decide
from rules_engine.model.history import HistoryRecord
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType

GRANTING = {Event.GRANTED, Event.RETAINED, Event.REINSTATED}


def standing_before(record: HistoryRecord) -> Standing:
    """Where the subject stood when it was decided, as its event says."""
    match record.event:
        case Event.GRANTED:
            return Standing.NEVER
        case Event.REINSTATED:
            return Standing.FORMER
        case Event.NOT_GRANTED:
            return Standing.FORMER if record.first_granted else Standing.NEVER
    return Standing.MEMBER


def ledger_faults(record: HistoryRecord) -> Iterator[str]:
    """Why a record does not explain itself: hits that are not its sums, or an event that is not its decision."""
    for kind, said in (Kind.INCLUSION, record.inclusion_sum), (Kind.EXCLUSION, record.exclusion_sum):
        weights = sum(hit.weight for hit in record.hits if hit.kind is kind)
        if weights != said:
            yield f"its {kind}s weigh {weights}, and it says {said}"
    if record.granted != (record.event in GRANTING):
        yield f"its event is {record.event}, and it says {'granted' if record.granted else 'not granted'}"
    if (record.event is Event.MERGED_INTO) != (record.merged_into is not None):
        yield f"its event is {record.event}, and it says merged into {record.merged_into}"


def decision_faults(record: HistoryRecord) -> Iterator[str]:
    """Decided again from its hits and its policy, and where it stood before."""
    if record.policy is None or record.reason in {Reason.HELD, Reason.ABSENT, Reason.MERGED}:
        return
    said = record.policy
    policy = MembershipType(
        record.membership_type, strategy=said.strategy, margin=said.margin, tie=said.tie, veto_weight=said.veto_weight
    )
    found = decide(Tally.of(record.hits), policy, standing_before(record))
    if (found.granted, found.reason, found.event) != (record.granted, record.reason, record.event):
        yield f"its hits and its policy decide {found.event} ({found.reason}), and it says {record.event}"


def wording_faults(record: HistoryRecord, rule_set: RuleSet) -> Iterator[str]:
    """Hits of which the rules that it was decided by know nothing, or another weight."""
    known = {(v.key, v.version): (v.weight, v.kind) for v in rule_set.versions}
    for hit in record.hits:
        if known.get((hit.key, hit.version)) != (hit.weight, hit.kind):
            yield f"its rule set has no {hit.key}/{hit.version} of weight {hit.weight}"
