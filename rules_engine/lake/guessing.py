"""Types of columns guessed from values of text files: what every value that was looked at says, as it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rules_engine.lake.json_records import Pairs, Written
from rules_engine.lake.spark_types import struct

LOOKED_AT = 10_000
"""Records of a file that a guess is made from."""

PLACES = 18
"""Digits of a decimal that is guessed, at least."""

DAYS = {
    "yyyy-MM-dd": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "dd.MM.yyyy": r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}",
    "dd/MM/yyyy": r"(0[1-9]|[12][0-9]|3[01])/(0[1-9]|1[0-2])/[0-9]{4}",
    "yyyy/MM/dd": r"[0-9]{4}/[0-9]{2}/[0-9]{2}",
}
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?( ?(Z|[+-][0-9]{2}:?[0-9]{2}))?"


def type_of_texts(texts: Sequence[str], options: dict[str, str]) -> str:
    """
    The type of a CSV column; ``options`` gets the decimal mark or the form of days that its values have.

    Whole numbers that begin with zeros are texts. A column without values is a text.
    """
    if not texts:
        return "string"
    if all(text.lower() in ("true", "false") for text in texts):
        return "boolean"
    if _all(texts, r"-?(0|[1-9][0-9]{0,17})"):
        return "bigint"
    for mark in (options.get("decimal", "."), ","):
        if _all(texts, rf"-?(0|[1-9][0-9]*)({re.escape(mark)}[0-9]+)?"):
            if mark != ".":
                options["decimal"] = mark
            return _decimal(text.replace(mark, ".") for text in texts)
    for form, pattern in DAYS.items():
        if _all(texts, pattern) and options.get("dateFormat", form) == form:
            if form != "yyyy-MM-dd":
                options["dateFormat"] = form
            return "date"
    return "timestamp" if _all(texts, MOMENT) else "string"


def type_of_json(values: Sequence[Any]) -> str:
    """The type of a JSON value, of all those that are not null: numbers as they are written, objects as pairs."""
    kinds = {next(kind for kind in KINDS if isinstance(value, kind)) for value in values}
    return KINDS[kinds.pop()](values) if len(kinds) == 1 else "string"


def _of_numbers(values: Sequence[Any]) -> str:
    if _all(values, r"-?[0-9]{1,18}"):
        return "bigint"
    return _decimal(values) if _all(values, r"-?[0-9]+(\.[0-9]+)?") else "double"


def _of_texts(values: Sequence[Any]) -> str:
    if _all(values, DAYS["yyyy-MM-dd"]):
        return "date"
    return "timestamp" if _all(values, MOMENT) else "string"


def _of_objects(values: Sequence[Any]) -> str:
    return struct(columns_of_json(values).items())


def _of_lists(values: Sequence[Any]) -> str:
    return f"array<{type_of_json([each for value in values for each in value if each is not None])}>"


KINDS: Mapping[type, Callable[[Sequence[Any]], str]] = {
    bool: lambda _: "boolean",
    Written: _of_numbers,
    str: _of_texts,
    Pairs: _of_objects,
    list: _of_lists,
}
"""What JSON knows, the special before the general, and the types of values that are all of one kind."""


def columns_of_json(records: Iterable[Pairs]) -> Mapping[str, str]:
    """The keys of records, in the order in which they first stand, with the types of their values."""
    values: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record:
            values.setdefault(name, []).extend([] if value is None else [value])
    return {name: type_of_json(found) for name, found in values.items()}


def _all(texts: Iterable[str], pattern: str) -> bool:
    return all(re.fullmatch(pattern, text) for text in texts)


def _decimal(texts: Iterable[str]) -> str:
    parts = [text.lstrip("-").partition(".") for text in texts]
    scale = max(len(fraction) for _, _, fraction in parts)
    whole = max(len(digits) for digits, _, _ in parts)
    return f"decimal({min(max(whole + scale, PLACES), 38)},{scale})" if whole + scale <= 38 else "double"
