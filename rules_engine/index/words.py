"""What the columns of the hit matrix are called while Spark works on it."""

from __future__ import annotations

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
