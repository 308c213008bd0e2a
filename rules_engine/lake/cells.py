"""
A text of CSV or JSON as a value of its type: the one strict reader, beside executors and where extracts land.

A text that would not come back as it was written is no value: Spark's own readers take ``1600,50`` for 160050, round
what has too many digits, and leave out the hours of a day.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from rules_engine.lake import moment_forms

RANGES = {"tinyint": 2**7, "smallint": 2**15, "int": 2**31, "bigint": 2**63}
EXACT = {"double": 15, "float": 6}
"""Digits that a number of these types keeps for sure."""
LONGEST = 38
"""Digits of a whole number at most."""
NUMBERS = (*RANGES, "decimal", *EXACT)
TEXTS = ("string", "char", "varchar", "binary")
READ = (*NUMBERS, "boolean", "date", "timestamp", "timestamp_ntz", *TEXTS)
"""The types that a cell of a text file can say."""

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}):([0-9]{2})"
    r"(?::([0-9]{2})(?:\.([0-9]{1,6}))?(?: ?(Z|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
FARTHEST = timedelta(hours=18)
"""As far as a zone's time may be from UTC's."""
NO_NUMBER = re.compile(r"(?i:nan|[+-]?inf(inity)?)")
WIDE = Context(prec=200)

Options = Mapping[str, str]
Read = Callable[[str], Any]


class NoValueError(ValueError):
    """A text that is no value of its type as it is written."""


def family(type_: str) -> str:
    """The name of a type without its parameters."""
    return type_.partition("(")[0]


def reader(type_: str, options: Options) -> Read | None:
    """
    What reads a text as a value of a type, by Spark's name of it; what is none raises :class:`NoValueError`.

    None where days or moments are said to be written in a form of which Java alone knows how it reads.
    """
    kind = family(type_)
    if kind in ("date", "timestamp", "timestamp_ntz"):
        return _moments(kind, options)
    return _READERS.get(kind, _text)(type_, options)


def column(texts: pa.Array, read: Read, type_: pa.DataType) -> pa.Array:
    """Texts as values, each different one read once; those that are none stay away."""
    encoded = texts.dictionary_encode()
    return pa.array([_value(text, read) for text in encoded.dictionary.to_pylist()], type_).take(encoded.indices)


def _value(text: str, read: Read) -> Any:
    try:
        return read(text)
    except NoValueError:
        return None


def wrong(texts: pa.Array, read: Read) -> dict[str, int]:
    """How often each text stands there that is no value."""
    found: dict[str, int] = {}
    for each in texts.drop_null().value_counts().to_pylist():
        try:
            read(each["values"])
        except NoValueError:
            found[each["values"]] = each["counts"]
    return found


def json_number(type_: str) -> Read:
    """What reads a number of JSON, as it is written, as a value of a type: a decimal may have an exponent there."""
    if family(type_) != "decimal":
        read = reader(type_, {})
        assert read is not None
        return read
    return lambda text: _exactly(text, *digits_of(type_))


def _plain(options: Options) -> Callable[[str], str]:
    """What makes a number one with a point before its fraction and nothing between thousands."""
    grouping, mark = options.get("grouping", ""), options.get("decimal", ".")
    if not grouping and mark == ".":
        return lambda text: text
    return lambda text: (text.replace(grouping, "") if grouping else text).replace(mark, ".")


def _grouped(options: Options, plain: str) -> str:
    """The digits before a fraction, as a pattern: grouped by thousands if that is said, and then all or none."""
    grouping = options.get("grouping")
    return rf"(?:[0-9]{{1,3}}(?:{re.escape(grouping)}[0-9]{{3}})+|{plain})" if grouping else plain


def _whole(type_: str, options: Options) -> Read:
    padded = options.get("leadingZeros", "false").lower() == "true"
    written = re.compile("[+-]?" + _grouped(options, "[0-9]+" if padded else "(?:0|[1-9][0-9]*)"))
    plain, most = _plain(options), RANGES[type_]

    def read(text: str) -> int:
        if len(text) > 10 * LONGEST or not written.fullmatch(text):
            raise NoValueError
        value = int(plain(text))
        if not -most <= value < most:
            raise NoValueError
        return value

    return read


def digits_of(type_: str) -> tuple[int, int]:
    """The digits of a decimal, and those of its fraction."""
    precision, _, scale = type_.rstrip(")").partition("(")[2].partition(",")
    return int(precision or 10), int(scale or 0)


def _decimal(type_: str, options: Options) -> Read:
    mark = re.escape(options.get("decimal", "."))
    digits = _grouped(options, "[0-9]+")
    written = re.compile(rf"[+-]?(?:{digits}(?:{mark}[0-9]*)?|{mark}[0-9]+|0[eE]-?[0-9]+)")
    plain, (precision, scale) = _plain(options), digits_of(type_)

    def read(text: str) -> Decimal:
        if not written.fullmatch(text):
            raise NoValueError
        return _exactly(plain(text), precision, scale)

    return read


def _exactly(text: str, precision: int, scale: int) -> Decimal:
    """A number of at most so many digits, zeros at its ends aside; none is rounded."""
    try:
        number = Decimal(text)
    except InvalidOperation as problem:
        raise NoValueError from problem
    if not number.is_finite() or len(text) > WIDE.prec:
        raise NoValueError
    if number and (number.adjusted() >= precision - scale or number.adjusted() < -scale):
        raise NoValueError
    least = Decimal(1).scaleb(-scale)
    whole = number.quantize(least, context=WIDE) if number else Decimal(0).quantize(least)
    if whole != number:
        raise NoValueError
    return whole


def _floating(type_: str, options: Options) -> Read:
    """Written as a number, within the range of the type; a whole number, if it is long, one that the type keeps."""
    mark, plain = re.escape(options.get("decimal", ".")), _plain(options)
    digits = _grouped(options, "[0-9]+")
    written = re.compile(rf"[+-]?(?:{digits}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?")
    keep: Callable[[str], float] = _single if type_ == "float" else float

    def read(text: str) -> float:
        if NO_NUMBER.fullmatch(text):
            return float(text)
        if not written.fullmatch(text):
            raise NoValueError
        number = plain(text)
        value = keep(number)
        if math.isinf(value) or (value == 0 and re.match("[^eE]*[1-9]", number)):
            raise NoValueError
        if len(number) > EXACT[type_] and not _is_kept(number, value):
            raise NoValueError
        return value

    return read


def _is_kept(number: str, value: float) -> bool:
    """Whether a number, if it is a whole one, is what a floating one is, or is shown as."""
    exact = Decimal(number)
    return exact != exact.to_integral_value() or int(value) == exact or Decimal(repr(value)) == exact


def _single(number: str) -> float:
    """The nearest number of four bytes, rounded once."""
    if abs(float(number)) >= 2.0**128 - 2.0**103:
        return math.inf
    return float(pa.scalar(number.lstrip("+")).cast(pa.float32()).as_py())


def _boolean(_: str, __: Options) -> Read:
    def read(text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise NoValueError
        return text.lower() == "true"

    return read


def _moments(kind: str, options: Options) -> Read | None:
    form = options.get("dateFormat" if kind == "date" else "timestampFormat")
    if form:
        found = moment_forms.read_by(form)
        return found and _of_form(kind, found)
    return _day if kind == "date" else _moment if kind == "timestamp" else _moment_of_no_zone


def _of_form(kind: str, found: Callable[[str], datetime]) -> Read:
    def read(text: str) -> Any:
        try:
            moment = found(text)
        except ValueError as problem:
            raise NoValueError from problem
        if kind != "date":
            return moment if kind == "timestamp" else moment.replace(tzinfo=None)
        if moment != moment.replace(hour=0, minute=0, second=0):
            raise NoValueError
        return moment.date()

    return read


def _day(text: str) -> date:
    if not DAY.fullmatch(text):
        raise NoValueError
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise NoValueError from problem


def _moment(text: str) -> datetime:
    found = MOMENT.fullmatch(text)
    if not found:
        raise NoValueError
    day, hour, minute, second, fraction, zone = found.groups()
    try:
        of_day = date.fromisoformat(day)
        micros = int((fraction or "0").ljust(6, "0"))
        moment = datetime(
            of_day.year, of_day.month, of_day.day, int(hour), int(minute), int(second or 0), micros, tzinfo=_zone(zone)
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise NoValueError from problem


def _zone(said: str | None) -> timezone:
    if not said or said == "Z":
        return UTC
    hours, minutes = int(said[1:3]), int(said[-2:])
    ahead = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or ahead > FARTHEST:
        raise NoValueError
    return timezone(ahead if said[0] == "+" else -ahead)


def _moment_of_no_zone(text: str) -> datetime:
    found = MOMENT.fullmatch(text)
    if not found or found[6]:
        raise NoValueError
    return _moment(text).replace(tzinfo=None)


def _text(type_: str, _: Options) -> Read:
    longest = int(type_.rstrip(")").partition("(")[2] or 0) if family(type_) in ("char", "varchar") else 0

    def read(text: str) -> Any:
        if longest and len(text) > longest:
            raise NoValueError
        return text.encode() if type_ == "binary" else text

    return read


_READERS: Mapping[str, Callable[[str, Options], Read]] = {
    **dict.fromkeys(RANGES, _whole),
    **dict.fromkeys(EXACT, _floating),
    "decimal": _decimal,
    "boolean": _boolean,
}
