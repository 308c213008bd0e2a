"""One decision as a ledger: each hit a line, with the sums running down to the decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from console.screen import row, table
from rules_engine.model.history import HistoryRecord
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, Policy, Strategy


class Ledger:
    """One decision as a ledger: each hit a line, with the sums running down to the decision."""

    def __init__(self, record: HistoryRecord, names: Mapping[str, str], policy: MembershipType | Policy | None) -> None:
        self.record, self.names, self.policy = record, names, policy

    @classmethod
    def of(cls, record: HistoryRecord, rule_set: RuleSet | None) -> Ledger:
        """The record's own policy counts; what an older record does not say, the rules of its run do."""
        if rule_set is None:
            return cls(record, {}, record.policy)
        names = {v.id: v.reason_text or v.name for v in rule_set.versions}
        policy = next((m for m in rule_set.membership_types if m.key == record.membership_type), None)
        return cls(record, names, record.policy or policy)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Inclusions first, then exclusions, the heaviest first; sums so far in ``inclusions`` and ``exclusions``."""
        sums = {Kind.INCLUSION: 0, Kind.EXCLUSION: 0}
        for hit in sorted(self.record.hits, key=lambda h: (h.kind is Kind.EXCLUSION, -h.weight, h.key)):
            sums[hit.kind] += hit.weight
            version = f"{hit.key}/{hit.version}"
            yield {
                "rule": version,
                "kind": hit.kind.value,
                "weight": hit.weight,
                "inclusions": sums[Kind.INCLUSION],
                "exclusions": sums[Kind.EXCLUSION],
                "because": self.names.get(version, ""),
            }

    @property
    def sides(self) -> tuple[int, int]:
        """What is compared: the sums, or the heaviest of each side where the policy says so."""
        if self.policy is None or self.policy.strategy is not Strategy.MAX_WEIGHT:
            return self.record.inclusion_sum, self.record.exclusion_sum
        weights = {kind: [h.weight for h in self.record.hits if h.kind is kind] for kind in Kind}
        return max(weights[Kind.INCLUSION], default=0), max(weights[Kind.EXCLUSION], default=0)

    def content(self) -> dict[str, Any]:
        return self.record.content() | {"ledger": list(self.lines()), "policy": self.policy_in_words()}

    def policy_in_words(self) -> str:
        """What was compared with what."""
        if self.policy is None:
            return ""
        veto = f"; a weight of {self.policy.veto_weight} against it blocks" if self.policy.veto_weight else ""
        match self.policy.strategy:
            case Strategy.MAX_WEIGHT:
                rule = f"the heaviest for it must outweigh the heaviest against it by {self.policy.margin}"
            case Strategy.ANY_EXCLUSION_BLOCKS:
                rule = f"at least {self.policy.margin} for it and nothing against it"
            case Strategy.WEIGHT_SUM:
                rule = f"what speaks for it must outweigh what speaks against it by {self.policy.margin}"
        return f"{rule}; a tie: {self.policy.tie}{veto}"

    def drawn(self) -> Iterator[RenderableType]:
        r = self.record
        yield f"{r.membership_type} · subject {r.subject} · {'GRANTED' if r.granted else 'NOT GRANTED'}"
        yield self._table()
        inclusion, exclusion = self.sides
        yield f"For {inclusion}, against {exclusion}: {inclusion - exclusion:+d}. Reason {r.reason}, event {r.event}."
        yield from filter(None, [f"Policy: {self.policy_in_words()}." if self.policy else ""])
        correction = " A correction of that day." if r.correction else ""
        yield f"As of {r.as_of}, run {r.run_id}, rule set {r.rule_set_digest[:12]}.{correction}\n"

    def _table(self) -> Table:
        numbers = ("weight", "for so far", "against so far")
        drawn = table("rule", *numbers, "because", right=numbers)
        for line in self.lines():
            sign = "+" if line["kind"] == Kind.INCLUSION else "−"
            cells = f"{sign}{line['weight']}", line["inclusions"], line["exclusions"], line["because"]
            row(drawn, line["rule"], *cells, style="green" if sign == "+" else "red")
        return drawn
