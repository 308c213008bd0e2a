"""Records of JSON, token by token, beside executors: what Spark would read as something else, or not at all."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

import pyarrow as pa

from rules_engine.lake.text_values import DAY, EXACT, MOMENT, ZONE

RANGES = {"byte": 2**7, "short": 2**15, "integer": 2**31, "long": 2**63}
NUMBERS = (*RANGES, "decimal", "double", "float")

SEEN, BROKEN, LETTERS, UNKNOWN, TWICE, VALUE, TEXT, NUMBER = (
    "seen", "broken", "letters", "unknown", "twice", "value", "text", "number",
)  # fmt: skip
"""
What is found in a record: a column; no JSON; bytes that are no UTF-8; a key that is not declared, or stands twice; a
value that is none of its type, a text that should be a number, or a number that should be a text.
"""

FOUND = "file string, kind string, name string, count bigint, text string"

Finding = tuple[str, str, str]
"""Kind, name of a column or key, and how what was found is written."""


class Written(str):
    """A number as it is written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """What stands in an object, in its order, twice where it stands there twice."""


@dataclass(frozen=True)
class RecordCheck:
    """
    What the values of declared columns must be.

    ``types`` are Spark's types as JSON has them. Columns of ``texts`` are texts whatever they mean: by which pattern
    they are written is looked at elsewhere.
    """

    types: Mapping[str, Any]
    texts: frozenset[str] = field(default_factory=frozenset)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Count what is found in lines, by their files: the two columns of what is given."""
        found: dict[tuple[str, str, str], list[Any]] = {}
        for batch in batches:
            lines, files = batch.column(0).cast(pa.binary()), batch.column(1)
            for line, file in zip(lines.to_pylist(), files.to_pylist(), strict=True):
                for kind, name, text in self.findings(line):
                    counted = found.setdefault((file, kind, name), [0, text])
                    counted[0] += 1
        rows = [(*key, count, text) for key, (count, text) in found.items()]
        names = ("file", "kind", "name", "count", "text")
        types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.string())
        columns = [pa.array([row[at] for row in rows], type_) for at, type_ in enumerate(types)]
        yield pa.RecordBatch.from_arrays(columns, names)

    def findings(self, line: bytes) -> Iterator[Finding]:
        """What is found in a line: a record, records as a list, or nothing."""
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            yield LETTERS, "", ""
            return
        if not text.strip():
            return
        try:
            said = self._decoder.decode(text)
        except ValueError:
            yield BROKEN, "", ""
            return
        for record in [said] if isinstance(said, Pairs) else said if isinstance(said, list) else [None]:
            if isinstance(record, Pairs):
                yield from self._of_record(record)
            else:
                yield BROKEN, "", ""

    @cached_property
    def _decoder(self) -> json.JSONDecoder:
        return json.JSONDecoder(object_pairs_hook=Pairs, parse_float=Written, parse_int=Written, parse_constant=Written)

    @cached_property
    def _checks(self) -> dict[str, Callable[[Any], str]]:
        return {name: (_text if name in self.texts else _check(type_)) for name, type_ in self.types.items()}

    def _of_record(self, record: Pairs) -> Iterator[Finding]:
        checks, names = self._checks, set()
        for name, value in record:
            if name in names:
                yield TWICE, name, ""
            names.add(name)
            check = checks.get(name)
            if check is None:
                yield UNKNOWN, name, ""
                continue
            yield SEEN, name, ""
            if value is not None and (wrong := check(value)):
                yield wrong, name, value if isinstance(value, str) else "…"


def _check(type_: Any) -> Callable[[Any], str]:
    """What a value of a type must be: a function that gives what is wrong with one, or nothing."""
    if isinstance(type_, dict):
        return _NESTED.get(type_["type"], lambda _: _anything)(type_)
    if type_ in RANGES:
        return _numbers(lambda value: bool(re.fullmatch("-?[0-9]+", value)) and _within(int(value), RANGES[type_]))
    if type_ in EXACT:
        return _numbers(lambda value: _is_float(value, EXACT[type_]))
    if type_.startswith("decimal("):
        precision, scale = map(int, type_[8:-1].split(","))
        return _numbers(lambda value: _is_decimal(value, precision, scale))
    return _PLAIN.get(type_.partition("(")[0], _anything)


def _numbers(fits: Callable[[str], bool]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if isinstance(value, Written):
            return "" if fits(value) else VALUE
        return TEXT if isinstance(value, str) else VALUE

    return check


def _within(value: int, most: int) -> bool:
    return -most <= value < most


def _is_float(value: str, exact: int) -> bool:
    number = float(value)
    if math.isnan(number) or value.endswith("Infinity"):
        return True
    if math.isinf(number) or (number == 0 and re.match("[^eE]*[1-9]", value)):
        return False
    return len(value) <= exact or not re.fullmatch("-?[0-9]+", value) or int(number) == int(value)


def _is_decimal(value: str, precision: int, scale: int) -> bool:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    if not number.is_finite():
        return False
    _, digits, exponent = number.normalize().as_tuple()
    if not any(digits):
        return True
    return -int(exponent) <= scale and len(digits) + int(exponent) <= precision - scale


def _text(value: Any) -> str:
    if isinstance(value, Written):
        return NUMBER
    return "" if isinstance(value, str) else VALUE


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else VALUE


def _moment(pattern: str, read: Callable[[str], Any]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or isinstance(value, Written) or not re.fullmatch(pattern, value):
            return VALUE
        try:
            read(value)
        except ValueError:
            return VALUE
        return ""

    return check


def _anything(_: Any) -> str:
    return ""


def _array(type_: Any) -> Callable[[Any], str]:
    of = _check(type_["elementType"])

    def check(value: Any) -> str:
        if not isinstance(value, list) or isinstance(value, Pairs):
            return VALUE
        return next((VALUE for each in value if each is not None and of(each)), "")

    return check


def _map(type_: Any) -> Callable[[Any], str]:
    of = _check(type_["valueType"])

    def check(value: Any) -> str:
        if not isinstance(value, Pairs):
            return VALUE
        return next((VALUE for _, each in value if each is not None and of(each)), "")

    return check


def _struct(type_: Any) -> Callable[[Any], str]:
    of = {each["name"]: _check(each["type"]) for each in type_["fields"]}

    def check(value: Any) -> str:
        if not isinstance(value, Pairs):
            return VALUE
        return next((VALUE for name, each in value if name not in of or (each is not None and of[name](each))), "")

    return check


def _day_and_time(text: str) -> None:
    """Raises ValueError where there is no such day or time of day."""
    date.fromisoformat(text[:10])
    time.fromisoformat(text[11:16])
    if len(text) > 18 and text[16] == ":" and int(text[17:19]) > 59:
        raise ValueError(text)


_PLAIN: Mapping[str, Callable[[Any], str]] = {
    "string": _text,
    "binary": _text,
    "char": _text,
    "varchar": _text,
    "boolean": _truth,
    "date": _moment(DAY, date.fromisoformat),
    "timestamp": _moment(MOMENT + ZONE, _day_and_time),
    "timestamp_ntz": _moment(MOMENT, _day_and_time),
}
_NESTED: Mapping[str, Callable[[Any], Callable[[Any], str]]] = {"array": _array, "map": _map, "struct": _struct}


def first(check: RecordCheck, lines: Iterable[bytes], kind: str, name: str) -> int:
    """The first line in which something is found; 0 where it is in none."""
    for at, line in enumerate(lines, 1):
        if any((kind, name) == finding[:2] for finding in check.findings(line)):
            return at
    return 0


def total(rows: Sequence[Any]) -> dict[tuple[str, str], dict[str, tuple[int, str]]]:
    """What tasks found, added up: kind and name to the files in which it is, how often, and one of them."""
    found: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    for row in sorted(rows, key=lambda row: str(row["file"])):
        files = found.setdefault((row["kind"], row["name"]), {})
        count, text = files.get(row["file"], (0, row["text"]))
        files[row["file"]] = (count + row["count"], text)
    return found
