"""What the demo verifies before it says that all is well."""

from __future__ import annotations

from collections.abc import Iterable

from demo.figures import Check
from rules_engine.model.decisions import Event, Reason, Standing, Tally, decide
from rules_engine.model.history import HistoryRecord
from rules_engine.model.manifest import Manifest
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import History
from rules_engine.run import Outcome

BEFORE = {
    Event.GRANTED: Standing.NEVER,
    Event.RETAINED: Standing.MEMBER,
    Event.REVOKED_LAPSED: Standing.MEMBER,
    Event.REVOKED_EXCLUDED: Standing.MEMBER,
    Event.REVOKED_ABSENT: Standing.MEMBER,
    Event.MERGED_INTO: Standing.MEMBER,
    Event.REINSTATED: Standing.FORMER,
    Event.NOT_GRANTED: Standing.NEVER,
}
"""Where a subject stood, told by what the decision changed."""


def rerun_writes_nothing(again: Outcome) -> Check:
    """The last day, run again: the same run, every record there already."""
    new = again.inserted
    ok = not again.evaluated and not new.inserted
    return Check(
        "Running a day again writes nothing", ok, f"{new.inserted} inserted, {new.already_there} there already"
    )


def reads_what_was_decided(history: History, manifest: Manifest) -> Check:
    """Members read from the history, against the manifest's members after the run, type by type."""
    decided = {counts.membership_type: counts.members_after for counts in manifest.evaluation.types}
    read = {key: sum(1 for _ in history.members(key)) for key in decided}
    wrong = [f"{key}: read {read[key]:,}, decided {decided[key]:,}" for key in decided if read[key] != decided[key]]
    detail = "; ".join(wrong) or f"{sum(read.values()):,} members of {len(read)} types"
    return Check("Read from the history = decided", not wrong, detail)


def every_decision(records: Iterable[HistoryRecord], rule_set: RuleSet) -> Check:
    """Each staged decision against the definition, decided again from its hits; held ones keep what stood."""
    policies = {policy.key: policy for policy in rule_set.membership_types}
    compared = different = 0
    for record in records:
        tally = Tally.of(record.hits, held=record.reason is Reason.HELD)
        decision = decide(tally, policies[record.membership_type], BEFORE[record.event])
        said = record.granted, record.reason, record.event
        compared += 1
        different += said != (decision.granted, decision.reason, decision.event)
    return Check("Decisions = decide(), one by one", not different, f"{compared:,} compared, {different} different")
