"""Every accepted pattern is read by Java, and its time grows with the text, not with its square (G3)."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from rules_engine.sql.regular_expressions import Unsound, judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LONG, PATTERNS = 16_000, 60
ENOUGH = 1.5
"""Seconds for a text of 16,000 characters, on a busy machine."""

PIECES = (
    "a",
    "b",
    "@",
    "[ab]",
    "[a-c]",
    "[^a]",
    "[^@]",
    ".",
    "(a|b)",
    "(ab|a)",
    "(a|b)?",
    "(?:a|ab|abc)",
    "(.)",
    "(a+)",
)
REPEATS = ("", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,9}", "{2,}", "{0,40}")


def made(random: Random) -> str:
    """A pattern, mostly one that could be accepted."""
    parts = (random.choice(PIECES) + random.choice(REPEATS) for _ in range(random.randint(1, 5)))
    return random.choice(("^", "^", "")) + "".join(parts) + random.choice(("", "$", "c$", "d"))


def accepted(random: Random) -> list[str]:
    """So many different patterns that are accepted."""
    found = dict[str, None]()
    while len(found) < PATTERNS:
        pattern = made(random)
        try:
            judge(pattern)
        except Unsound:
            continue
        found[pattern] = None
    return list(found)


def texts(length: int) -> list[str]:
    """Texts that nearly match: of one letter, of two, with what would match at the end or not at all."""
    bodies = ("a", "b", "ab", "@", "a@", "aab", "abc", "c")
    return [(body * length)[:length] + end for body in bodies for end in ("", "!", "@", "\n")]


def seconds(compiled: Any, text: str) -> float:
    """How long Java looks for a pattern in a text."""
    matcher = compiled.matcher(text)
    started = time.perf_counter()
    matcher.find()
    return time.perf_counter() - started


def test_accepted_patterns_end_soon(spark: SparkSession) -> None:
    """On the worst of the texts, Java ends in time."""
    java = getattr(spark._jvm, "java.util.regex.Pattern")
    long = texts(LONG)
    late = [
        (p, took) for p in accepted(Random(16)) if (took := max(seconds(java.compile(p), t) for t in long)) > ENOUGH
    ]
    assert late == []


@pytest.mark.parametrize("pattern", ["^.*a.*a.*!!$", "[ab]+[ab]+@@"])
def test_what_is_refused_grows(spark: SparkSession, pattern: str) -> None:
    """Planted: of patterns that are refused, four times the text takes much more than four times as long."""
    with pytest.raises(Unsound):
        judge(pattern)
    compiled = getattr(spark._jvm, "java.util.regex.Pattern").compile(pattern)
    short, long = (min(seconds(compiled, "ab" * length) for _ in range(2)) for length in (50, 200))
    assert long > 8 * short
