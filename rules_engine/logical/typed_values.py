"""Values as Spark types them: what two of them come to, and whether that could raise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from rules_engine.logical.arithmetic import MOST_DIGITS, Numeric, number, of_literal, of_type
from rules_engine.logical.condition import BOOLEAN, DATE, NUMBER, TEXT, TIMESTAMP, family
from rules_engine.logical.values import NotIndexable

COUNT = "count"
"""In place of a type: of a number of rows."""
SOME = "some"
"""The same of a number that is never 0: NULL, or of rows that are there."""
INTERVAL, MONTHS = "interval", "months"
"""In place of a type's family: of days between days, and of months."""
INT_DIGITS = 9
DIGITS_OF_INT = 10
_COUNTED, _BIGINT, _PLACES = 15, 18, 6
"""Digits: of a count, that each whole type has room for, and that Spark keeps after the point of any quotient."""
_OF_DAYS = re.compile(r"interval\s*'?\d{1,5}'?\s*(day|week)s?", re.IGNORECASE)
_OF_MONTHS = re.compile(r"interval\s*'?\d{1,5}'?\s*(month|year)s?", re.IGNORECASE)
_DAY = re.compile(
    r"(add_months|date_add|date_sub|last_day|make_date|next_day|to_date|trunc)\s*\(([^()]|\([^()]*\))*\)"
    r"|date\s*'[^']*'\s*[+-]\s*(\d+|interval\s*'?\d+'?\s*(day|week|month|year)s?)",
    re.IGNORECASE,
)
"""An expression without a column that is a day."""


class TypedValue(NamedTuple):
    """A value's family; of a number its type, and how many digits it has at most."""

    family: str
    type: Numeric | None = None
    digits: int = 0


def typed(type_: str) -> TypedValue:
    if type_ in {COUNT, SOME}:
        return TypedValue(NUMBER, of_type("bigint"), _COUNTED)
    known, kind = of_type(type_), family(type_)
    if not kind or (kind == NUMBER and known is None):
        raise NotIndexable("a type that is not told")
    return TypedValue(kind, known, known.precision if known else 0)


def literal(text: str) -> TypedValue:
    value = number(text)
    known = of_literal(value)
    if known is None:
        raise NotIndexable("a literal of another kind")
    return TypedValue(NUMBER, known, len(str(value)) if known.whole else known.precision)


def written(text: str) -> TypedValue:
    """A text, a day, or a number with an exponent or a suffix."""
    word = text[:5].lower()
    if _OF_DAYS.fullmatch(text) or _OF_MONTHS.fullmatch(text):
        return TypedValue(INTERVAL if _OF_DAYS.fullmatch(text) else MONTHS)
    return TypedValue(TEXT) if text[:1] == "'" else TypedValue(DATE) if word in {"date'", "date "} else literal(text)


def _numbers(one: TypedValue, other: TypedValue) -> tuple[Numeric, Numeric]:
    if one.type is None or other.type is None:
        raise NotIndexable("arithmetic of what is no number")
    return one.type, other.type


def held(one: TypedValue, other: TypedValue) -> None:
    """Refuse two values whose comparison casts one of them, or has no room for both."""
    if one.type and other.type:
        one.type.wider(other.type)
    elif one.family != other.family or one.type or other.type:
        raise NotIndexable("a comparison that casts")


def either(one: TypedValue, other: TypedValue) -> TypedValue:
    held(one, other)
    if one.type is None or other.type is None:
        return one
    wider = max(one.type, other.type, key=lambda of: of.precision) if one.type.whole and other.type.whole else None
    return TypedValue(one.family, wider or one.type.wider(other.type), max(one.digits, other.digits))


def sum_of(one: TypedValue, other: TypedValue) -> TypedValue:
    left, right = _numbers(one, other)
    if left.whole and right.whole:
        return _whole(left, right, max(one.digits, other.digits) + 1)
    found = left.plus(right)
    return TypedValue(NUMBER, found, found.precision)


def product(one: TypedValue, other: TypedValue) -> TypedValue:
    left, right = _numbers(one, other)
    if left.whole and right.whole:
        return _whole(left, right, one.digits + other.digits)
    found = left.times(right)
    return TypedValue(NUMBER, found, found.precision)


def _whole(left: Numeric, right: Numeric, digits: int) -> TypedValue:
    """What two whole numbers come to, in the wider of their types."""
    found = max(left, right, key=lambda of: of.precision)
    if digits > _room(found):
        raise NotIndexable("arithmetic that can overflow")
    return TypedValue(NUMBER, found, digits)


def opposite_of(value: TypedValue) -> TypedValue:
    """A number with another sign; of a whole number its type has to have room for that."""
    if value.type is not None and value.type.whole:
        return _whole(value.type, value.type, value.digits)
    return sum_of(value, literal("0"))


def quotient(one: TypedValue, other: TypedValue) -> TypedValue:
    """Of decimals Spark keeps the digits before the point, and as many after it as there is room for."""
    left, right = _numbers(one, other)
    if left.double or right.double or (left.whole and right.whole):
        return TypedValue(NUMBER, Numeric(double=True))
    before, places = left.precision - left.scale + right.scale, max(_PLACES, left.scale + right.precision + 1)
    if before + _PLACES > MOST_DIGITS:
        raise NotIndexable("a quotient that can overflow")
    scale = min(places, MOST_DIGITS - before)
    return TypedValue(NUMBER, Numeric(before + scale, scale), before + scale)


def cast_to(value: TypedValue, type_: str) -> TypedValue:
    """A value that is cast to a type that has room for it, whatever it is."""
    to = typed(type_)
    if to.family == TEXT or (to.family == value.family and to.type == value.type):
        return to
    if to.family in {DATE, TIMESTAMP}:
        if value.family not in {DATE, TIMESTAMP}:
            raise NotIndexable("a cast to a day of what is none")
        return to
    if value.family == BOOLEAN and to.type is not None and to.type.whole:
        return to._replace(digits=1)
    if value.type is None or to.type is None:
        raise NotIndexable("a cast that can raise")
    if to.type.double:
        return to
    if value.type.double or _before(value) > _room(to.type):
        raise NotIndexable("a cast to what has no room")
    return to._replace(digits=min(to.digits, _before(value))) if to.type.whole else to


def _before(value: TypedValue) -> int:
    """Digits before the point, with one for what is rounded up."""
    assert value.type is not None
    return value.digits if value.type.whole else value.type.precision - value.type.scale + 1


def _room(of: Numeric) -> int:
    """Digits before the point that a type always has room for."""
    if of.whole:
        return {3: 2, 5: 4}.get(of.precision, _BIGINT if of.precision > DIGITS_OF_INT else INT_DIGITS)
    return of.precision - of.scale


def made_of(name: str, values: Sequence[TypedValue], places: Decimal | None) -> TypedValue | None:
    """What a call makes of values on which its type depends; None for others. ``places`` are those of ``round``."""
    found: TypedValue | None = None
    match name, values:
        case "nullif", [value, other]:
            held(value, other)
            found = value
        case "nvl2", [_, value, other]:
            found = either(value, other)
        case "greatest" | "least", [_, *_]:
            found = reduce(either, values)
        case "abs", [value]:
            found = opposite_of(value)
        case "concat", [value, *_] if all(each.family == TEXT for each in values):
            found = value
        case "floor" | "ceil" | "ceiling", [TypedValue(type=Numeric(double=False)) as value]:
            found = rounded(value, 0)
        case "round", [value, *_] if places is not None:
            found = rounded(value, int(places))
    return found


def rounded(value: TypedValue, places: int) -> TypedValue:
    """A decimal, or double, with so many places after the point."""
    if value.type is None or value.type.whole:
        raise NotIndexable("what is rounded is no decimal")
    if value.type.double:
        return value
    scale = min(value.type.scale, places)
    digits = value.type.precision - value.type.scale + 1 + scale
    if digits > MOST_DIGITS:
        raise NotIndexable("a rounded number that has no room")
    return TypedValue(NUMBER, Numeric(digits, scale), digits)


def is_written_day(sql: str) -> bool:
    """Whether an expression without a column is a day."""
    return _DAY.fullmatch(sql) is not None
