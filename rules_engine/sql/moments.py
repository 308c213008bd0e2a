"""Days and moments as texts: the way to write them that every Spark reads alike, and none as its clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise

from rules_engine.errors import Fault
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.tokens import Kind, Token

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)
_QUOTED_OR_OPTIONAL = re.compile(r"'[^']*'|\[[^\]]*\]")
_TYPED = {"date": "day", "timestamp": "moment", "timestamp_ntz": "moment", "timestamp_ltz": "moment"}


def is_day(text: str) -> bool:
    """Whether a text is a day that there was, as ``2024-06-01``."""
    return bool(_DAY.fullmatch(text)) and _reads(date.fromisoformat, text)


def is_moment(text: str) -> bool:
    """Whether a text is a day with or without a time of day: ``2024-06-01 12:00:00``, with its fraction and zone."""
    fraction = re.compile(r"(\.[0-9]+)")
    padded = fraction.sub(lambda found: f"{found[1]:0<7}", text)
    return bool(_MOMENT.fullmatch(text)) and _reads(datetime.fromisoformat, padded)


def fixes_a_year(pattern: str) -> bool:
    """Whether a pattern of ``to_date`` asks for a year, outside quotes and outside brackets that may be left out."""
    return any(letter in "yu" for letter in _QUOTED_OR_OPTIONAL.sub("", pattern))


def literal_faults(words: Sequence[Token]) -> Iterator[Fault]:
    """Typed literals (``DATE '…'``) whose text is anything but a day or a moment: Spark reads ``DATE 'today'``."""
    for before, token in pairwise(words):
        if token.kind is Kind.TEXT and before.kind is Kind.WORD and before.word in _TYPED:
            text, what = token.text[1:-1], _TYPED[before.word]
            if not (is_day if what == "day" else is_moment)(text):
                hint = "day (year-month-day)" if what == "day" else "moment (year-month-day hour:minute:second)"
                yield refuse("SQL-116", token.start, name=text[:40], hint=hint)


def _reads(reader: object, text: str) -> bool:
    try:
        reader(text)  # type: ignore[operator]
    except ValueError:
        return False
    return True
