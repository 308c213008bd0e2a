"""
What of samples and explanations is masked to whoever may not see it: values of sensitive columns, whatever shows them.

A text that names a sensitive column is masked with all that it may have made of it: counts, decisions and rules' own
words stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from rules_engine.model.frames import Lake
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.review.between import Flips
from rules_engine.review.effect import Cause, Effect
from rules_engine.review.nearest import NearestFacts
from rules_engine.review.preview import Preview
from rules_engine.review.seen import ClauseSeen, RowSeen, RuleSeen
from rules_engine.review.why import Why
from rules_engine.sql.lexer import blanked
from rules_engine.sql.tokens import tokens

STARS = "***"
_COUNT = re.compile(r"count\s*\(\s*\*\s*\)[\s<>=!0-9.]*", re.IGNORECASE)
"""A clause on how many rows there are, whatever the rest of its statement names."""

Named = TypeVar("Named", Cause, Flips)


@dataclass(frozen=True, slots=True)
class Masks:
    """``hidden`` are names of columns in small letters; ``subject`` is whether the subjects' key is among them."""

    hidden: frozenset[str] = frozenset()
    subject: bool = False

    @classmethod
    def of(cls, lake: Lake, *, sees: bool) -> Masks:
        """The masks of a lake's sensitive columns, or none where somebody sees them."""
        hidden = frozenset() if sees else lake.sensitive
        keys = {frame.subject_key.lower() for frame in lake.frames if frame.subject_key}
        return cls(hidden, bool(hidden & keys))

    def preview(self, found: Preview, version: RuleVersion) -> Preview:
        """Samples with a subject's key and what the rule reads of them."""
        whole = version.form is Form.STATEMENT and self._names(version.sql, star=True)
        samples = tuple(
            {
                name: self._value(
                    value, hide=self.subject if name == "subject" else whole or self._names(name, star=False)
                )
                for name, value in sample.items()
            }
            for sample in found.samples
        )
        return replace(found, samples=samples) if self.hidden else found

    def why(self, known: Why) -> Why:
        """An explanation's values, and the nearest change of facts."""
        if not self.hidden:
            return known
        texts = {version.id: version for version in known.case.versions}
        seen = {rule: self._rule(each, texts[rule]) for rule, each in known.seen.items()}
        return replace(known, seen=seen, facts=self._facts(known.facts) if known.facts else None)

    def effect(self, found: Effect) -> Effect:
        """The subjects that are named for each cause."""
        if not self.subject:
            return found
        return replace(
            found, types=tuple(replace(each, causes=(*map(self._unnamed, each.causes),)) for each in found.types)
        )

    def flips(self, found: Iterable[Flips]) -> tuple[Flips, ...]:
        """The subjects that are named for each reason."""
        return tuple(self._unnamed(each) if self.subject else each for each in found)

    def _unnamed(self, each: Named) -> Named:
        return replace(each, gains=(STARS,) * len(each.gains), losses=(STARS,) * len(each.losses))

    def _rule(self, seen: RuleSeen, version: RuleVersion) -> RuleSeen:
        whole = version.form is Form.STATEMENT and self._names(version.sql, star=True)
        return replace(seen, rows=tuple(self._row(each, whole=whole) for each in seen.rows))

    def _row(self, seen: RowSeen, *, whole: bool) -> RowSeen:
        columns = {
            name: self._value(value, hide=whole or self._names(name, star=False))
            for name, value in seen.columns.items()
        }
        return replace(seen, clauses=tuple(self._clause(c, whole=whole) for c in seen.clauses), columns=columns)

    def _clause(self, seen: ClauseSeen, *, whole: bool) -> ClauseSeen:
        if _COUNT.fullmatch(seen.sql) or not (whole or self._names(seen.sql, star=False)):
            return seen
        return replace(seen, read=self._value(seen.read, hide=True), needed=STARS if seen.needed else "")

    def _facts(self, facts: NearestFacts) -> NearestFacts:
        moves: Any = facts.moves
        hidden = tuple(
            replace(move, was=STARS, becomes=STARS) if move.column.lower() in self.hidden else move for move in moves
        )
        return replace(facts, moves=hidden)

    def _names(self, text: str, *, star: bool) -> bool:
        """Whether a text names a hidden column, or all columns."""
        words = {token.text.strip("`").lower() for token in tokens(blanked(text))}
        return bool(words & self.hidden) or (star and "*" in words and bool(self.hidden))

    def _value(self, value: str | None, *, hide: bool) -> str | None:
        return STARS if hide and value is not None else value
