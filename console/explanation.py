"""A decision explained: the ledger, then every rule with what it read, then what would turn it; words before SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from console.ledger import Ledger
from console.screen import row, table
from rules_engine.model.rules import Kind, RuleVersion
from rules_engine.review.nearest_words import in_words
from rules_engine.review.turning import Outcome, RuleChange
from rules_engine.review.why import Why

_SIGN = {True: "yes", False: "no", None: "unknown"}


class Explanation:
    """One decision's page. Without the rules of its run there is the ledger alone."""

    def __init__(self, ledger: Ledger, why: Why | None, *, nearest: bool = False) -> None:
        self.ledger, self.why, self.nearest = ledger, why, nearest

    def content(self) -> dict[str, Any]:
        found = self.ledger.content()
        if self.why is None:
            return found
        known = self.why
        found["rules"] = [self._rule(version) for version in known.case.versions]
        found["turns"] = [
            {"rule": t.rule, "to": t.to, "turns": t.turns, "by": t.ahead, "then": asdict(t.decision)}
            for t in known.turns
        ]
        found["snapshots_gone"] = dict(known.gone)
        found["differs_from_snapshot"] = list(known.odd)
        if self.nearest:
            found["nearest_rules"] = [asdict(change) | {"words": _said(change)} for change in known.rule_changes]
            found["nearest_facts"] = self._facts()
        return found

    def _rule(self, version: RuleVersion) -> dict[str, Any]:
        assert self.why is not None
        of_values = self.why.seen.get(version.id)
        return {
            "rule": version.id,
            "outcome": self.why.case.outcome(version),
            "kind": version.kind,
            "weight": version.weight,
            "shadow": version.shadow,
            "name": version.name,
            "because": version.reason_text or version.name,
            "sql": version.sql,
            "frame": version.frame,
            "values": asdict(of_values) if of_values else None,
        }

    def _facts(self) -> dict[str, Any] | None:
        facts = self.why.facts if self.why else None
        if facts is None:
            return None
        moves = [
            {"frame": m.frame, "row": m.row, "column": m.column, "was": m.was, "becomes": m.becomes}
            for m in facts.moves
        ]
        decided = asdict(facts.decision) if facts.decision else None
        return {"moves": moves, "then": decided, "tried": facts.tried, "words": in_words(facts)}

    def drawn(self) -> Iterator[RenderableType]:
        yield from self.ledger.drawn()
        if self.why is None:
            return
        yield self._rules()
        yield ""
        yield from self._oddities()
        if self.why.seen:
            for version in self.why.case.versions:
                yield from self._values(version)
        yield from self._turns()
        if self.nearest:
            yield from self._nearest()
        if self.why.seen:
            yield from self._sql()

    def _rules(self) -> Table:
        assert self.why is not None
        drawn = table("every rule", "was", "weight", "because", right=["weight"])
        for version in self.why.case.versions:
            outcome = self.why.case.outcome(version)
            said = "miss or unknown" if outcome is Outcome.MISS and not self.why.told else outcome.value
            shadow = " (shadow: counts for nothing)" if version.shadow else ""
            cells = said, f"{_sign(version)}{version.weight}", f"{version.reason_text or version.name}{shadow}"
            row(drawn, version.id, *cells, style="" if outcome is Outcome.HIT else "dim")
        return drawn

    def _oddities(self) -> Iterator[str]:
        assert self.why is not None
        for frame, snapshot in self.why.gone.items():
            yield f"The snapshot of {frame} that the run read, {snapshot}, is gone: what its rules read is not shown."
        for rule in self.why.odd:
            yield f"{rule}: the snapshot says otherwise than the record; prove it: rules audit verify --history."

    def _values(self, version: RuleVersion) -> Iterator[RenderableType]:
        assert self.why is not None
        found = self.why.seen[version.id]
        yield f"{version.id} · {self.why.case.outcome(version)} · {version.reason_text or version.name}"
        if found.note:
            yield f"  {found.note}"
        for each in found.rows[:1]:
            if found.of_rows > 1:
                yield f"  the row that comes nearest, of {found.of_rows} of the subject:"
            for clause in each.clauses:
                joined = "any of: " if clause.within == "or" else ""
                if clause.needed:
                    value = "nothing" if clause.read is None else clause.read
                    said = f"{clause.subject_of} was {value}, needed {clause.needed}"
                else:
                    said = clause.sql
                yield f"  {joined}{said}: {_SIGN[clause.truth]}"
            if any(not clause.needed for clause in each.clauses) and each.columns:
                yield f"  with {', '.join(f'{k} = {_text(v)}' for k, v in each.columns.items())}"
        yield ""

    def _turns(self) -> Iterator[RenderableType]:
        assert self.why is not None
        if not self.why.turns:
            return
        drawn = table("had it been", "of", "weight", "then", right=["weight"])
        for turn in self.why.turns:
            then = "GRANTED" if turn.decision.granted else "NOT GRANTED"
            row(
                drawn,
                turn.to,
                turn.rule,
                turn.ahead,
                f"{then} ({turn.decision.reason})",
                style="" if turn.turns else "dim",
            )
        yield "What would change most, alone:"
        yield drawn
        yield ""

    def _nearest(self) -> Iterator[str]:
        assert self.why is not None
        changes = self.why.rule_changes
        yield "The smallest changes of rules that turn it:" if changes else "No single change of a rule turns it."
        yield from (f"  {_said(change)}" for change in changes)
        if self.why.facts:
            yield "The smallest change of facts that turns it:"
            yield f"  {in_words(self.why.facts)}"
        yield ""

    def _sql(self) -> Iterator[str]:
        assert self.why is not None
        for version in self.why.case.versions:
            on = f" over {version.frame}" if version.frame else ""
            yield f"{version.id}{on}: {' '.join(version.sql.split())}"
        yield ""


def _said(change: RuleChange) -> str:
    then = f"then {'GRANTED' if change.decision.granted else 'NOT GRANTED'} ({change.decision.reason})"
    match change.what:
        case "weight":
            return f"the weight of {change.rule} from {change.was} to {change.becomes}: {then}"
        case "margin":
            return f"the margin of the type from {change.was} to {change.becomes}: {then}"
    return f"without {change.rule}, of weight {change.was}: {then}"


def _sign(version: RuleVersion) -> str:
    return "+" if version.kind is Kind.INCLUSION else "−"


def _text(value: str | None) -> str:
    return "nothing" if value is None else value
