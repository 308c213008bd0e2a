"""What the demo's report is about, as values taken from manifests, rule sets and history records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from rules_engine.model.decisions import Event, Reason
from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.manifest import REVOKED, Evaluation, Manifest, TypeCounts
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, RuleVersion, Strategy, WhenUnknown

GAINS = ("GRANTED", "REINSTATED")
LOSSES = REVOKED


@dataclass(frozen=True, slots=True)
class Day:
    """One run: its counts per membership type, and how many records of it were new to the history."""

    as_of: date
    run_id: str
    types: tuple[TypeCounts, ...]
    written: int

    @property
    def label(self) -> str:
        return f"{self.short} {self.as_of:%b}"

    @property
    def short(self) -> str:
        return f"{self.as_of:%a} {self.as_of.day}"


@dataclass(frozen=True, slots=True)
class RuleHits:
    """
    How many customers a version hit on the last day.

    ``unknown`` counts those of whom its condition was neither true nor false,
    and ``when_unknown`` is what that meant for them.
    """

    rule: str
    name: str
    kind: Kind
    membership_type: str
    weight: int
    shadow: bool
    hits: int
    unknown: int = 0
    when_unknown: WhenUnknown = WhenUnknown.MISS


@dataclass(frozen=True, slots=True)
class RuleChange:
    """The rule whose weight was changed, the statement that did it, and the condition it kept."""

    key: str
    name: str
    kind: Kind
    membership_type: str
    condition: str
    weight_before: int
    weight_after: int
    statement: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A rule version that hit; ``balance`` is the sum of the weights so far, exclusions taken off."""

    rule: str
    name: str
    kind: Kind
    weight: int
    text: str
    balance: int

    @property
    def signed(self) -> int:
        return self.weight if self.kind is Kind.INCLUSION else -self.weight


@dataclass(frozen=True, slots=True)
class Ledger:
    """One decision, explained: every weight that hit, inclusions first, and what they came to."""

    subject: Subject
    as_of: date
    membership_type: MembershipType
    lines: tuple[LedgerLine, ...]
    granted: bool
    event: Event
    reason: Reason

    @property
    def sides(self) -> tuple[int, int]:
        """What is weighed for and against: sums, or the heaviest of each side under ``max_weight``."""
        weigh = max if self.membership_type.strategy is Strategy.MAX_WEIGHT else sum
        both = [[line.weight for line in self.lines if line.kind is kind] for kind in (Kind.INCLUSION, Kind.EXCLUSION)]
        return (weigh(both[0] or [0]), weigh(both[1] or [0]))

    @property
    def sentence(self) -> str:
        """What was weighed and what came of it, in words."""
        outcome = "a member" if self.granted else "not a member"
        inclusion, exclusion = self.sides
        heaviest = "heaviest " if self.membership_type.strategy is Strategy.MAX_WEIGHT else ""
        weighed = f"{heaviest}{inclusion} for, {heaviest}{exclusion} against"
        match self.reason:
            case Reason.HELD:
                return f"A condition is unknown, so things stay as they were: {outcome}"
            case Reason.NO_INCLUSION:
                return f"Nothing speaks for it: {outcome}"
            case Reason.TIE:
                return f"{weighed}: a tie, which this membership answers with '{self.membership_type.tie}': {outcome}"
            case _ if not self.granted and inclusion - exclusion >= self.membership_type.margin:
                return f"{weighed}, and an exclusion blocks: {outcome}"
        return f"{weighed}: {signed(inclusion - exclusion)} where {self.membership_type.margin} is needed, so {outcome}"


@dataclass(frozen=True, slots=True)
class Check:
    """Something the demo verified, with what was compared."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """
    Everything the report shows.

    ``names`` gives each membership type's name by its key; ``ledgers`` explains
    one customer, oldest decision first; ``seconds`` names phases, in order.
    """

    customers: int
    names: Mapping[str, str]
    days: tuple[Day, ...]
    rules: tuple[RuleHits, ...]
    change: RuleChange | None = None
    ledgers: tuple[Ledger, ...] = ()
    checks: tuple[Check, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def name(self, membership_type: str) -> str:
        return self.names.get(membership_type) or membership_type

    def rows(self) -> Iterator[tuple[Day, TypeCounts]]:
        """Every day and membership type."""
        return ((day, counts) for day in self.days for counts in day.types)

    @property
    def unknown(self) -> tuple[RuleHits, ...]:
        """The rules whose condition was unknown of somebody, the most unknown first."""
        return tuple(sorted((rule for rule in self.rules if rule.unknown), key=lambda rule: (-rule.unknown, rule.rule)))

    @property
    def written(self) -> int:
        return sum(day.written for day in self.days)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def gained(counts: TypeCounts) -> int:
    return sum(counts.events.get(event, 0) for event in GAINS)


def lost(counts: TypeCounts) -> int:
    return sum(counts.events.get(event, 0) for event in LOSSES)


def signed(number: int) -> str:
    """
    A number with its sign, and a real minus.

    >>> signed(40), signed(-20), signed(0)
    ('+40', '−20', '0')
    """
    return f"{number:+,}".replace("-", "−") if number else "0"


def day_of(manifest: Manifest, written: int) -> Day:
    return Day(manifest.as_of, manifest.run_id, manifest.evaluation.types, written)


def rule_hits(rule_set: RuleSet, manifest: Manifest) -> tuple[RuleHits, ...]:
    """Every version of the set with the customers it hit, in the set's canonical order."""
    return tuple(_rule_hits(version, manifest.evaluation) for version in rule_set.versions)


def _rule_hits(version: RuleVersion, counted: Evaluation) -> RuleHits:
    return RuleHits(
        rule=version.id,
        name=version.name or version.key,
        kind=version.kind,
        membership_type=version.membership_type,
        weight=version.weight,
        shadow=version.shadow,
        hits=counted.hits_per_rule.get(version.id, 0),
        unknown=counted.unknown_per_rule.get(version.id, 0),
        when_unknown=version.when_unknown,
    )


def rule_change(before: RuleSet, after: RuleSet, key: str, statement: str) -> RuleChange:
    """What ``statement`` made of the rule ``key`` between two rule sets that both hold it."""
    old, new = (next(v for v in rule_set.versions if v.key == key) for rule_set in (before, after))
    return RuleChange(key, new.name, new.kind, new.membership_type, new.sql, old.weight, new.weight, statement)


def ledger(record: HistoryRecord, rule_set: RuleSet) -> Ledger:
    """A history record in the words of the rule set it was decided by."""
    versions = {(v.key, v.version): v for v in rule_set.versions}
    lines: list[LedgerLine] = []
    balance = 0
    for hit in sorted(record.hits, key=lambda h: (h.kind is Kind.EXCLUSION, h.key)):
        balance += hit.weight if hit.kind is Kind.INCLUSION else -hit.weight
        rule = versions[hit.key, hit.version]
        lines.append(LedgerLine(rule.id, rule.name, hit.kind, hit.weight, rule.reason_text, balance))
    policy = rule_set.membership_type(record.membership_type)
    return Ledger(record.subject, record.as_of, policy, tuple(lines), record.granted, record.event, record.reason)


def worth_explaining(records: Iterable[HistoryRecord], key: str) -> HistoryRecord | None:
    """Of the decisions that the rule ``key`` revoked, the one with the most hits; the smallest subject among equals."""
    revoked = [r for r in records if r.event is Event.REVOKED_EXCLUDED and any(h.key == key for h in r.hits)]
    return min(revoked, key=lambda r: (-len(r.hits), str(r.subject)), default=None)
