"""Policies on values: a column of a batch in, the curated column out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, localcontext
from math import isfinite, isnan
from typing import Any

import pyarrow as pa

from rules_lake.privacy.policy import Policy, Treatment

STARS = "***"


def treated(policy: Policy, values: pa.Array) -> pa.Array:
    """Values that are kept, banded or masked; nothing stays nothing. Tokens take keys, and are made elsewhere."""
    if policy.treatment is Treatment.BAND:
        return _mapped(values, _band(policy))
    if policy.treatment is Treatment.MASK:
        return _mapped(values, lambda text: masked(text, policy.last))
    return values


def masked(text: str, last: int = 0) -> str:
    """
    Stars and the last characters; stars alone where that would show more than it hides. The length is not told.

    >>> masked("DE89370400440532013000", 4), masked("1234", 4), masked("anything")
    ('***3000', '***', '***')
    """
    return STARS + (text[-last:] if last and len(text) >= 2 * last else "")


def _mapped(values: pa.Array, treat: Callable[[Any], Any]) -> pa.Array:
    """Each distinct value treated once."""
    encoded = values.dictionary_encode()
    found = [None if each is None else treat(each) for each in _as_written(encoded.dictionary)]
    return pa.array(found, values.type).take(encoded.indices)


def _as_written(values: pa.Array) -> list[Any]:
    """
    Values as Python has them; a number of four bytes as it is written, and not as one of eight that is nearly it.

    >>> _as_written(pa.array([0.7, None], pa.float32()))
    [0.7, None]
    """
    if pa.types.is_float32(values.type):
        values = values.cast(pa.string()).cast(pa.float64())
    return list(values.to_pylist())


def _band(policy: Policy) -> Callable[[Any], Any]:
    if policy.edges:
        return lambda value: _from_edge(policy.edges, value)
    if isinstance(policy.width, str):
        return lambda day: _first_day(policy.width, day)
    return lambda number: _floor(policy.width, number)


def _from_edge(edges: tuple[Any, ...], value: Any) -> Any:
    """
    The greatest edge that is not above the value; the first one of what is below all. NaN is in no band.

    >>> _from_edge((10, 20), 25), _from_edge((10, 20), 5), _from_edge((10, 20), float("nan"))
    (20, 10, nan)
    """
    if isinstance(value, float) and isnan(value):
        return value
    day = value.date() if isinstance(value, datetime) else value
    exact: list[Any] = [Decimal(str(edge)) for edge in edges] if isinstance(day, Decimal) else list(edges)
    edge = exact[max(bisect_right(exact, day) - 1, 0)]
    return datetime(edge.year, edge.month, edge.day, tzinfo=value.tzinfo) if isinstance(value, datetime) else edge


def _first_day(span: str | int | float | None, day: date) -> date:
    """
    The first day of the month, quarter, year or decade that a day is in.

    >>> [str(_first_day(span, date(1987, 11, 23))) for span in ("month", "quarter", "year", "decade")]
    ['1987-11-01', '1987-10-01', '1987-01-01', '1980-01-01']
    """
    year = max(day.year - day.year % 10, 1) if span == "decade" else day.year
    month = {"month": day.month, "quarter": day.month - (day.month - 1) % 3}.get(str(span), 1)
    at_midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0} if isinstance(day, datetime) else {}
    return day.replace(year=year, month=month, day=1, **at_midnight)


def _floor(width: Any, number: Any) -> Any:
    """
    The lower end of a number's band, below zero too.

    >>> _floor(10, 47), _floor(10, -3), _floor(0.5, Decimal("1.70")), _floor(0.1, 0.3), _floor(10, float("inf"))
    (40, -10, Decimal('1.5'), 0.3, inf)
    >>> _floor(10, Decimal("1234567890123456789012345678901234.99"))
    Decimal('1234567890123456789012345678901230')
    """
    if isinstance(number, float) and not isfinite(number):
        return number
    exact = Decimal(str(width))
    with localcontext(prec=400):  # a decimal of 38 digits, a double of 308, and what a width parts them into
        found = (Decimal(str(number)) / exact).to_integral_value(rounding="ROUND_FLOOR") * exact
    return type(number)(found)
