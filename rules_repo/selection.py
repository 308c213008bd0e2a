"""
Which rules are meant: ``key:BOND-* type:GOLD,PLUS -kind:exclusion tag:summer status:live column:birth_date``.

Every word must hold; commas are alternatives, ``*`` stands for anything, a minus before a word says not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.model.rules import RuleVersion

Values = Callable[[RuleVersion, date], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Word:
    """One condition: a field, the patterns of which one must fit, and whether none may."""

    field: str
    patterns: tuple[str, ...]
    negated: bool = False

    def holds(self, version: RuleVersion, today: date) -> bool:
        values = [value.lower() for value in FIELDS[self.field](version, today)]
        fits = any(fnmatchcase(value, pattern) for value in values for pattern in self.patterns)
        return fits is not self.negated


@dataclass(frozen=True, slots=True)
class Selection:
    """Rules by words; without any, all of them."""

    words: tuple[Word, ...] = ()

    def of(self, versions: Iterable[RuleVersion], today: date) -> tuple[RuleVersion, ...]:
        return tuple(v for v in versions if all(word.holds(v, today) for word in self.words))


def read(text: str) -> Selection:
    """
    The selection that a text says.

    Raises:
        RunRefused: With every word that means nothing.
    """
    found, faults = [], []
    for said in text.split():
        field, colon, patterns = said.removeprefix("-").lower().partition(":")
        if field in FIELDS and colon and patterns.strip(","):
            found.append(Word(field, tuple(p for p in patterns.split(",") if p), said.startswith("-")))
        else:
            remedy = did_you_mean(field, FIELDS) or f"Write field:value; the fields are {', '.join(FIELDS)}."
            faults.append(Fault("--select", f"'{said}' selects nothing.", remedy))
    raise_all(RunRefused, faults)
    return Selection(tuple(found))


def status(version: RuleVersion, today: date) -> str:
    """live, scheduled or retired on a day."""
    if version.effective.covers(today):
        return "live"
    return "scheduled" if version.effective.first > today else "retired"


def _names(version: RuleVersion) -> Iterable[str]:
    """The names in the rule's SQL: its columns, and its frames and functions beside them."""
    from rules_engine.sql.tokens import Kind, tokens  # its lists of words are read only where columns are asked for

    return (token.word for token in tokens(version.sql) if token.kind is Kind.WORD)


def _tags(version: RuleVersion) -> Iterable[str]:
    tags = version.metadata.get("tags", ())
    return [str(tag) for tag in tags] if isinstance(tags, list | tuple) else [str(tags)]


FIELDS: dict[str, Values] = {
    "key": lambda v, _: (v.key,),
    "type": lambda v, _: (v.membership_type,),
    "kind": lambda v, _: (v.kind.value,),
    "status": lambda v, today: (status(v, today),),
    "tag": lambda v, _: _tags(v),
    "column": lambda v, _: _names(v),
    "frame": lambda v, _: (v.frame,),
    "owner": lambda v, _: (v.owner,),
    "category": lambda v, _: (v.category,),
}
