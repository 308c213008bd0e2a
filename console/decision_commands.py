"""`rules explain`, `rules journey`, `rules members`: what was decided, read from the history without Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from console.desk import Desk, History, at_desk
from console.screen import row, table
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, RulesError, RunRefused, did_you_mean
from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, Strategy

Key = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The subject's key, as in the lake.")]
Type = Annotated[str | None, typer.Option("--type", help="Of this membership type alone.")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Show at most so many; 0 shows all.")]


@at_desk
def explain(desk: Desk, customer: Key, membership: Type = None, history: History = None) -> None:
    """Show the newest decision per membership type as a ledger: every rule version and weight that hit."""
    with opened(desk.settings(history=history)) as installation:
        newest = _newest(_records(installation, customer, membership))
        ledgers = [Ledger.of(record, _rule_set(installation, record)) for record in newest.values()]
    drawn = (piece for ledger in ledgers for piece in ledger.drawn())
    desk.screen.answer([ledger.content() for ledger in ledgers], *drawn)


@at_desk
def journey(desk: Desk, customer: Key, membership: Type = None, history: History = None) -> None:
    """List every decision about one customer, oldest first."""
    with opened(desk.settings(history=history)) as installation:
        records = _records(installation, customer, membership)
    drawn = table("created", "type", "event", "weights", "rules that hit")
    for r in records:
        hits = ", ".join(f"{h.key}/{h.version}" for h in r.hits)
        cells = f"{r.created_at:%Y-%m-%d %H:%M}", r.membership_type, r.event
        row(drawn, *cells, f"{r.inclusion_sum} − {r.exclusion_sum}", hits)
    desk.screen.answer([r.content() for r in records], drawn)


@at_desk
def members(
    desk: Desk,
    membership: Annotated[str, typer.Argument(metavar="TYPE", help="Key of the membership type.")],
    limit: Limit = 20,
    history: History = None,
) -> None:
    """List who is a member now, by the history."""
    with opened(desk.settings(history=history)) as installation:
        key = _known_type(installation, membership)
        found = installation.history.members(key)
        shown = list(islice(found, limit or None))
        more = sum(1 for _ in found)
    content = {"membership_type": key, "members": shown, "count": len(shown) + more}
    rest = f"… and {more} more: --limit 0 shows all." if more else ""
    desk.screen.answer(content, f"{len(shown) + more} members of {key}", *map(str, shown), rest)


def _records(installation: Installation, customer: str, membership: str | None) -> tuple[HistoryRecord, ...]:
    """
    One subject's records, of one type if it is named.

    Raises:
        RunRefused: If there is none.
    """
    subject = installation.subject(customer)
    records = installation.history.journey(subject)
    chosen = tuple(r for r in records if membership in (None, r.membership_type))
    if not chosen:
        raise RunRefused(_nothing_about(subject, membership, {r.membership_type for r in records}))
    return chosen


def _nothing_about(subject: Subject, membership: str | None, known: set[str]) -> Fault:
    which = f"Subject {subject}"
    if known:
        remedy = did_you_mean(str(membership), known) or f"There are decisions about: {', '.join(sorted(known))}."
        return Fault(which, f"the history holds no decision about '{membership}'.", remedy)
    what = "the history holds no decision: no rule of any published run hit it."
    return Fault(which, what, "See `rules runs`, or `rules members TYPE` for keys it does hold.")


def _newest(records: tuple[HistoryRecord, ...]) -> Mapping[str, HistoryRecord]:
    """Membership type to its newest record."""
    return {r.membership_type: r for r in sorted(records, key=lambda r: r.sort_key)}


def _known_type(installation: Installation, key: str) -> str:
    """
    A membership type's key, if the newest run decided about it.

    Raises:
        RunRefused: If it did not.
    """
    runs = [status for status in installation.store.runs() if status.published]
    known = [m.key for m in installation.store.rule_set(runs[-1].run_id).membership_types] if runs else []
    if key in known:
        return key
    hint = did_you_mean(key, known) or (f"There are: {', '.join(known)}." if known else "Run first: `rules run`.")
    raise RunRefused(Fault("Argument", f"there is no membership type '{key}'.", hint))


def _rule_set(installation: Installation, record: HistoryRecord) -> RuleSet | None:
    """The rules of the record's run; the record says what hit without them, they add the names."""
    try:
        return installation.store.rule_set(record.run_id)
    except RulesError:
        return None


class Ledger:
    """One decision as a ledger: each hit a line, with the sums running down to the decision."""

    def __init__(self, record: HistoryRecord, names: Mapping[str, str], policy: MembershipType | None) -> None:
        self.record, self.names, self.policy = record, names, policy

    @classmethod
    def of(cls, record: HistoryRecord, rule_set: RuleSet | None) -> Ledger:
        if rule_set is None:
            return cls(record, {}, None)
        names = {v.id: v.reason_text or v.name for v in rule_set.versions}
        policy = next((m for m in rule_set.membership_types if m.key == record.membership_type), None)
        return cls(record, names, policy)

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
        yield f"As of {r.as_of}, run {r.run_id}, rule set {r.rule_set_digest[:12]}.\n"

    def _table(self) -> Table:
        numbers = ("weight", "for so far", "against so far")
        drawn = table("rule", *numbers, "because", right=numbers)
        for line in self.lines():
            sign = "+" if line["kind"] == Kind.INCLUSION else "−"
            cells = f"{sign}{line['weight']}", line["inclusions"], line["exclusions"], line["because"]
            row(drawn, line["rule"], *cells, style="green" if sign == "+" else "red")
        return drawn
