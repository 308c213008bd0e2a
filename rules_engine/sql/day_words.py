"""Patterns, units and weekdays that every Spark knows: others fail on the first day that they meet, or give NULL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from zoneinfo import available_timezones

_LONGEST = MappingProxyType(
    {"y": 6, "M": 4, "L": 4, "d": 2, "D": 3, "E": 4, "a": 1, "S": 9, "G": 4, "Q": 4, "q": 4}
    | dict.fromkeys("HhKkms", 2)
    | {"V": 2, "z": 4, "X": 5, "x": 5, "Z": 5, "O": 4}
)
"""Letters of a pattern, and how often each may follow itself."""

_FIXED = {"V": (2,), "O": (1, 4)}
"""Letters that stand so many times or not at all."""

_ONLY_WRITTEN = frozenset("EQqGF")
"""Letters by which days are written and not read, or read on some Spark alone."""

_RUN = re.compile(r"([A-Za-z])\1*", re.ASCII)
_QUOTED = re.compile(r"'[^']*'")


def is_pattern(text: str, *, read: bool = False) -> bool:
    """Whether a pattern writes days on every Spark; if ``read``, whether it reads them."""
    plain = _QUOTED.sub("", text)
    if set("'{}#") & set(plain) or plain.count("[") != plain.count("]"):
        return False
    return all(_is_run(run[0], len(run[0]), read) for run in _RUN.finditer(plain))


def _is_run(run: str, length: int, read: bool) -> bool:
    letter = run[0]
    if read and letter in _ONLY_WRITTEN:
        return False
    return length <= _LONGEST.get(letter, 0) and length in _FIXED.get(letter, (length,))


_LONE_MINUTES = re.compile(r"(?<![HhKkm])(?<![HhKk][^A-Za-z])(?<![HhKk]\[[^A-Za-z])m+(?!m)(?![^A-Za-z]?s)")
"""Minutes that follow no hour and go before no second: months were meant."""

_HOURLY_MONTHS = re.compile(r"(?<=[HhKk])([^A-Za-z]?)MM?(?!M)")
"""Months behind an hour: minutes were meant."""


def is_mixed(text: str) -> bool:
    """
    Whether letters of a pattern are not meant as they stand: they give a value, and another one than was meant.

    >>> [is_mixed(text) for text in ("yyyy-mm-dd", "yyyy-MM-DD", "HH:MM", "hh:mm", "HH:mm:SS", "yyyy-MM-dd hh:mm a")]
    [True, True, True, True, True, False]
    """
    plain = _QUOTED.sub("", text)
    runs = [run[0] for run in _RUN.finditer(plain)]
    letters, hour = set("".join(runs)), set("HhKk") & set(plain)
    return bool(
        _LONE_MINUTES.search(plain)
        or _HOURLY_MONTHS.search(plain)
        or ("S" in letters and hour and "s" not in letters)  # fractions of no second
        or (letters & set("hK") and "a" not in letters)  # half a day, and not which
        or "DD" in runs  # fails from the hundredth day of a year on
        or letters >= set("yMD")  # the day of a year beside its month
    )


_UNITS_OF_DAYS = frozenset("year yyyy yy quarter month mm mon week".split())
_UNITS = _UNITS_OF_DAYS | frozenset("day dd hour minute second millisecond microsecond".split())
_WEEKDAYS = frozenset(
    part
    for day in ("sunday monday tuesday wednesday thursday friday saturday").split()
    for part in (day, day[:3], day[:2])
)

_SHORT = frozenset(
    "ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT EST HST IET IST JST MIT MST NET NST PLT PNT PRT PST SST VST "
    "Z".split()
)
"""Names of zones that Java alone has."""


def is_zone(text: str) -> bool:
    """
    Whether a text names a zone, or how far one is from UTC; any does on a machine that knows none.

    >>> [is_zone(text) for text in ("Europe/Paris", "Europe/Pari", "UTC", "CET2", "+01:00", "UTC+2", "UTC+25")]
    [True, False, True, False, True, True, False]
    """
    known = _zones()
    far = re.fullmatch(r"(UTC|GMT|UT)?[+-](0?\d|1[0-7])(:[0-5]\d(:[0-5]\d)?)?|(UTC|GMT|UT)?[+-]18(:00)?", text)
    return not known or text in known or text in _SHORT or bool(far)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


WORDS: Mapping[str, tuple[Callable[[str], bool], str]] = MappingProxyType(
    {
        "pattern": (
            lambda text: is_pattern(text) and not is_mixed(text),
            "a pattern such as 'yyyy-MM-dd': y year, M month, d day, E weekday, H hour, m minute, s second",
        ),
        "reading": (
            lambda text: is_pattern(text, read=True) and not is_mixed(text),
            "a pattern such as 'yyyy-MM-dd': y year, M month, d day, H hour, m minute, s second",
        ),
        "unit": (
            lambda text: text.lower() in _UNITS,
            "'YEAR', 'QUARTER', 'MONTH', 'WEEK', 'DAY', 'HOUR', 'MINUTE' or 'SECOND'",
        ),
        "unit of days": (lambda text: text.lower() in _UNITS_OF_DAYS, "'YEAR', 'QUARTER', 'MONTH' or 'WEEK'"),
        "zone": (is_zone, "a zone such as 'Europe/Paris', 'UTC' or '+01:00'"),
        "weekday": (lambda text: text.lower() in _WEEKDAYS, "an English day of the week, 'MON' or 'MONDAY'"),
    }
)
"""What a text written out may be asked to be, by the name that ``allowed.toml`` has for it, and how that is said."""


_PATTERNS = (
    *(
        ("%Y", "yyyy"),
        ("%m", "MM"),
        ("%d", "dd"),
        ("%H", "HH"),
        ("%M", "mm"),
        ("%S", "ss"),
        ("YYYY|rrrr|RRRR", "yyyy"),
        ("YY", "yy"),
    ),
    *(("(HH|hh)24", "HH"), ("MI|mi", "mm"), ("MON", "MMM"), ("(?<!S)SS(?!S)", "ss"), ("(?<!D)DD(?!D)", "dd")),
)


def of_pattern(written: str) -> str:
    """A pattern of days as other databases write it, in Spark's letters; empty where nothing is another."""
    plain = written
    for theirs, ours in _PATTERNS:
        plain = re.sub(theirs, ours, plain)
    plain = _HOURLY_MONTHS.sub(r"\1mm", _LONE_MINUTES.sub(lambda found: found[0].upper(), plain))
    plain = plain if "a" in plain else re.sub("h+|K+", "HH", plain)  # half a day, and not which
    return plain if plain != written else ""
