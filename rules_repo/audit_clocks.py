"""The clock of knowledge in the audit: which updates of a range are legal, and in which styles it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Any

CLOCK = ("recorded", "closed_by", "closed_in", "ended_because")
"""Columns that change when a row is closed or settled; all others never do."""

RANGES = {"recorded", "effective"}

LONGEST = timedelta(days=31, hours=2)
"""How long a brake lasts at most; 31 days of a zone may have an hour more."""

Bounds = tuple[str, str]
"""The two ends as text, '' for none."""

_ENDS = re.compile(r'[\[(]"?([^",]*)"?,"?([^",]*)"?[\])]')


def ends(recorded: Any) -> Bounds | None:
    """
    The ends of a range as it is written; None where it is empty or no range.

    >>> ends('["2024-06-01 08:00:00+00",)')
    ('2024-06-01 08:00:00+00', '')
    """
    found = _ENDS.fullmatch(recorded) if isinstance(recorded, str) else None
    return (found[1], found[2]) if found else None


def moment(text: str) -> datetime | None:
    """An end, or the moment of an entry, as a moment; None where it is none."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None


def opening_fault(row: Mapping[str, Any], transaction: str, login: str) -> str:
    """What is wrong with a new row of a clock table; '' if nothing is."""
    written = ends(row.get("recorded"))
    if written is None or not written[0] or written[1]:
        return "it is recorded with an end, or without a beginning."
    if str(row.get("opened_in")) != transaction:
        return f"it says that transaction {row.get('opened_in')} recorded it, and transaction {transaction} did."
    if row.get("recorded_by") != login:
        return f"it says that {row.get('recorded_by')} recorded it, and {login} did."
    if row.get("closed_in") is not None or row.get("closed_by") is not None:
        return "it is recorded as closed already."
    return ""


def brake_fault(row: Mapping[str, Any]) -> str:
    """What is wrong with a new pause or freeze, which are for 31 days at most since 0003; '' if nothing is."""
    written = ends(row["recorded"] if "until" in row else row["effective"]) or ("", "")
    end = row["until"] if "until" in row else written[1]
    try:
        lasts = datetime.fromisoformat(end) - datetime.fromisoformat(written[0])
    except (TypeError, ValueError):
        return "it has no end."
    return "" if lasts <= LONGEST else f"it lasts {lasts.days} days, and 31 are the most."


def update_fault(before: Mapping[str, Any], after: Mapping[str, Any], transaction: str, login: str) -> str:
    """What is wrong with an update of a row of a clock table; '' if it closes it or settles its moments."""
    changed = sorted(name for name in after if name not in CLOCK and not _same(name, before.get(name), after[name]))
    if changed:
        return f"its {changed[0]} was changed, and of what was recorded only the end can be set."
    was, now = ends(before.get("recorded")), ends(after.get("recorded"))
    opened, closed = (str(after.get(name)) == transaction for name in ("opened_in", "closed_in"))
    if was is None:
        return "it was known to nobody, and such a row is left alone."
    if now is None:
        return "" if opened and closed else "it was taken from what was known by a transaction that did not record it."
    return _closing_fault(before, after, closed, login) or _moved_fault(was, now, opened, closed)


def _closing_fault(before: Mapping[str, Any], after: Mapping[str, Any], closed: bool, login: str) -> str:
    closers = [(row.get("closed_in"), row.get("closed_by")) for row in (before, after)]
    if closers[0] == closers[1]:
        return ""
    if closers[0] != (None, None):
        return "who closed it was rewritten."
    if not closed or after.get("closed_by") != login:
        return f"it was closed in the name of {after.get('closed_by')} (transaction {after.get('closed_in')})."
    return ""


def _moved_fault(was: Bounds, now: Bounds, opened: bool, closed: bool) -> str:
    moved = [not _same("recorded", f"[{a},)", f"[{b},)") for a, b in zip(was, now, strict=True)]
    if moved[0] and not opened:
        return "its beginning was moved by a transaction that had not recorded it."
    if moved[1] and (not closed or not now[1]):
        return "its end was moved by a transaction that had not set it."
    return ""


def _same(name: str, one: Any, other: Any) -> bool:
    return one == other or (name in RANGES and bool(readings(one) & readings(other)))


def same_days(one: Any, other: Any) -> bool:
    return _same("effective", one, other)


def same_row(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows differ in nothing but how a session wrote days: until 0003 it could choose."""
    return one.keys() == other.keys() and all(_same(name, one[name], other[name]) for name in one)


def readings(written: Any) -> set[tuple[tuple[Any, ...], ...]]:
    """
    All that a range can mean, whatever ``DateStyle`` wrote it.

    >>> sorted(readings("[01/06/2024,)")) == sorted(readings("[06/01/2024,)"))
    True
    """
    found = ends(written)
    if found is None:
        return {(("empty", written),)}
    return set(product(*(set(_readings(end)) for end in found)))


_TIME = re.compile(r"\d+:\d\d:\d\d(?:\.\d+)?")
_MONTHS = {name: i for i, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


def _readings(end: str) -> Iterator[tuple[Any, ...]]:
    """Year, month, day and the time, its fraction without zeros at the end."""
    times = _TIME.findall(end)
    time = times[0] if times else ""
    time = time.rstrip("0").rstrip(".") if "." in time else time
    numbers = [
        int(n) for n in re.findall(r"\d+", re.sub(r"[+-]\d\d(:?\d\d)?$", "", _TIME.sub(" ", end)) if times else end)
    ]
    named = [_MONTHS[word] for word in re.findall(r"[A-Z][a-z]{2}", end) if word in _MONTHS]
    if named and len(numbers) == 2:
        yield (max(numbers), named[0], min(numbers), time)
    elif len(numbers) == 3 and re.match(r"\d{4}-", end):
        yield (*numbers, time)
    elif len(numbers) == 3:
        first, second, year = numbers
        yield from {(year, m, d, time) for m, d in ((first, second), (second, first)) if m <= 12}
    else:
        yield (end,)
