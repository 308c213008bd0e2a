"""When a source changed its records, as text in the order of time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from rules_lake.master.standardise import MEMORY, eight_digits

_MOMENT = re.compile(
    r"(?:(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})|(\d{8}))"
    r"(?:[T ]+(\d{1,2}):(.+))?"
)


def moments(texts: Collection[str], day_first: bool) -> Mapping[str, str | None]:
    """
    What a source's texts say, in the order of time; None where one says no moment.

    Whole numbers are days where each of them is one, or else numbers that grow: 20240131 and 20240132 are two counts.

    >>> moments(["20240131", "2024-01-30"], True)
    {'20240131': '2024-01-31 00:00:00.000000', '2024-01-30': '2024-01-30 00:00:00.000000'}
    >>> moments(["20240131", "20240132", "9"], True)
    {'20240131': '00000000000020240131', '20240132': '00000000000020240132', '9': '00000000000000000009'}
    """
    days = {text: moment(text, day_first) for text in texts}
    if None in days.values() and all(text.isdecimal() for text in days):
        return {text: f"{text:0>20}" for text in days}
    return days


@lru_cache(maxsize=MEMORY)
def moment(text: str, day_first: bool) -> str | None:
    """
    A moment as text whose order is that of time; None where it says none.

    >>> moment("31/12/2023 9:30", True), moment("2024-1-1T10:00:00+02:00", True), moment("20240101", True)
    ('2023-12-31 09:30:00.000000', '2024-01-01 08:00:00.000000', '2024-01-01 00:00:00.000000')
    >>> moment("19011977", True), moment("20241399", True), moment("17", True), moment("3 May 2024", True)
    ('1977-01-19 00:00:00.000000', None, None, None)
    """
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    *parts, digits, hour, rest = found.groups()
    if eight := digits and eight_digits(digits, day_first):
        parts = [eight[:4], eight[4:6], eight[6:]]
    year, month, day = filter(None, parts)
    if len(day) == 4:
        year, month, day = (day, month, year) if day_first else (day, year, month)
    try:
        said = datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{hour or '0':0>2}:{rest or '00'}")
    except ValueError:
        return None
    return (said.astimezone(UTC) if said.tzinfo else said).strftime("%Y-%m-%d %H:%M:%S.%f")
