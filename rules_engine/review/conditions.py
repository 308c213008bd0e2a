"""When two rules ask the same of the data: one outcome serves both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from rules_engine.model.canonical import canonical_json, encode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import RuleVersion
from rules_engine.sql.tokens import Kind, tokens

_NAMES = (Kind.WORD, Kind.QUOTED)


def lists_named(sql: str, lists: Iterable[str]) -> frozenset[str]:
    """Which of the lists a text may name: every word that is one's name, whatever it stands for there."""
    return _words(sql) & {*lists}


@lru_cache(maxsize=4096)
def _words(sql: str) -> frozenset[str]:
    return frozenset(token.word.lower() for token in tokens(sql) if token.kind in _NAMES)


def condition_of(version: RuleVersion, lists: Mapping[str, ReferenceList]) -> str:
    """A name for what a rule asks: its text, its parameters and the lists it names; SHA-256."""
    parameters = {name: encode_parameter(value) for name, value in version.parameters.items()}
    named = [_content(lists[name]) for name in sorted(lists_named(version.sql, lists))]
    said = canonical_json([version.form, version.frame.lower(), version.sql, parameters, named])
    return hashlib.sha256(said.encode()).hexdigest()


def conditions(rule_set: RuleSet) -> dict[str, str]:
    """The condition of each rule of a rule set, by key."""
    lists = {each.name: each for each in rule_set.reference_lists}
    return {version.key: condition_of(version, lists) for version in rule_set.versions}


def _content(known: ReferenceList) -> list[object]:
    return [known.name, dict(known.columns), [dict(row) for row in known.rows]]
