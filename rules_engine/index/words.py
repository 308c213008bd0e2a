"""What the columns of the hit matrix are called while Spark works on it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from rules_engine.model.hitmatrix import Cell
from rules_engine.model.rules import RuleVersion

SUBJECT = "subject"

RuleBit = tuple[RuleVersion, Cell]
"""A version and where its bit is."""


def hit_word(word: int) -> str:
    """The column of a packed word of hits."""
    return f"h{word}"


def unknown_word(word: int) -> str:
    """The column of a packed word of unknown outcomes."""
    return f"u{word}"


class Literal(NamedTuple):
    """Of the rules in ``mask`` one question: its word, and for which of them it is to be denied."""

    word: int
    mask: int
    negated: int = 0


Terms = tuple[tuple[Literal, ...], ...]
"""An OR of ANDs, for all rules of a word that ask several questions; each rule is in the masks of its own literals."""
NO_TERMS: Mapping[int, Terms] = MappingProxyType({})
