"""
Types whose values the index looks up, and how a literal and a column are brought to what is compared.

Whole numbers, decimals, days and instants become whole numbers and compare
exactly; doubles compare with NaN above all, texts by their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.logical.values import Value

Scalar = int | float | bytes

EPOCH, MIDNIGHT = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
MOST_DIGITS = 18
"""Decimal digits that always fit a signed 64-bit number."""


class NotIndexed(ValueError):
    """A type, or a literal, whose comparison is left to Spark."""


@dataclass(frozen=True, slots=True)
class ComparisonType:
    """
    A Spark type whose values are looked up.

    ``scalar`` brings a literal, ``array`` a column, to what is compared.
    """

    scalar: Callable[[Value], Scalar]
    array: Callable[[pa.Array], NDArray[Any]] | None
    """None for texts, which are looked up one distinct value at a time."""


def comparison_type(type_: str) -> ComparisonType:
    """
    How values of a Spark SQL type are compared.

    Raises:
        NotIndexed: For any other type, and for decimals of more than 18 digits.
    """
    if type_ in {"tinyint", "smallint", "int", "bigint"}:
        return scaled(0)
    if type_ == "double":
        return ComparisonType(_double, lambda column: _filled(column, 0.0).astype(np.float64))
    if is_whole(type_):
        return scaled(digits(type_)[1])
    plain: dict[str, ComparisonType] = {
        "string": ComparisonType(lambda value: str(value).encode(), None),
        "date": ComparisonType(_days, lambda column: _filled(column.view(pa.int32()), 0).astype(np.int64)),
        "timestamp": ComparisonType(_micros, lambda column: _filled(column.view(pa.int64()), 0)),
        "boolean": ComparisonType(int, lambda column: _filled(column.cast(pa.int8()), 0).astype(np.int64)),  # type: ignore[arg-type]
    }
    if type_ not in plain:
        raise NotIndexed(type_)
    return plain[type_]


def is_whole(type_: str) -> bool:
    """Whether a Spark SQL type is a decimal that workers are handed as the whole number of its last place."""
    return type_.startswith("decimal(") and digits(type_)[0] <= MOST_DIGITS


def digits(type_: str) -> tuple[int, int]:
    """Precision and scale of a decimal type."""
    precision, scale = type_.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)


def scaled(scale: int) -> ComparisonType:
    """Whole numbers of the last of ``scale`` decimal places: decimals as workers are handed them, and their sums."""
    return ComparisonType(lambda value: _scaled(value, scale), lambda column: _filled(column, 0).astype(np.int64))


def _scaled(value: Value, scale: int) -> int:
    if not isinstance(value, int | Decimal):
        raise NotIndexed("a literal of another type")
    if len(str(value)) > MOST_DIGITS + 6:
        raise NotIndexed("a literal of many digits")
    scaled = Decimal(value).scaleb(scale)
    if scaled != scaled.to_integral_value() or abs(scaled) >= 2**62:
        raise NotIndexed("a literal between two values of the type")
    return int(scaled)


def _double(value: Value) -> float:
    if not isinstance(value, int | float | Decimal):
        raise NotIndexed("a literal of another type")
    found = float(value)
    if not isfinite(found):
        raise NotIndexed("a literal that is no number")
    return found


def _days(value: Value) -> int:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise NotIndexed("a literal of another type")
    return (value - EPOCH).days


def _micros(value: Value) -> int:
    if not isinstance(value, datetime):
        raise NotIndexed("a literal of another type")
    return (value - MIDNIGHT) // timedelta(microseconds=1)


def _filled(column: pa.Array, nothing: float) -> NDArray[Any]:
    return (column.fill_null(nothing) if column.null_count else column).to_numpy(zero_copy_only=False)
