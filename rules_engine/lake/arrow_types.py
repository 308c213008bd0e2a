"""The types of columns in the heads of Parquet and ORC files, by the names that Spark has for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rules_engine.lake.spark_types import struct

PLAIN = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "int",
    pa.uint32(): "bigint",
    pa.uint64(): "decimal(20,0)",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.large_string(): "string",
    pa.string_view(): "string",
    pa.binary(): "binary",
    pa.large_binary(): "binary",
    pa.binary_view(): "binary",
    pa.date32(): "date",
    pa.date64(): "date",
    pa.null(): "void",
}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A type that Spark reads as nothing: what it is, and what to write instead."""

    what: str
    instead: str


UUID = Unreadable("a UUID of 16 bytes", "it as text")
NANOSECONDS = Unreadable("a timestamp in nanoseconds", "timestamps in microseconds")
INTERVAL = Unreadable("an interval of 12 bytes", "it as a number of days or months, or as text")
UNREAD = {"extension<arrow.uuid>": UUID}
"""Types of Arrow's extensions, by what Arrow calls them."""


def type_name(type_: pa.DataType, *, nanoseconds: bool) -> str | Unreadable:
    """
    Spark's name of a type; ``nanoseconds`` where a moment of that unit is one that Spark reads, by another encoding.

    Of what is nested, the first part that cannot be read makes the whole unreadable.
    """
    found = PLAIN.get(type_) or UNREAD.get(str(type_)) or _number(type_) or _moment(type_, nanoseconds=nanoseconds)
    return found or _nested(type_, nanoseconds=nanoseconds) or str(type_)


def _number(type_: pa.DataType) -> str | Unreadable | None:
    if pa.types.is_float16(type_):
        return Unreadable("a number of 2 bytes", "floats of 4 or 8 bytes")
    if pa.types.is_duration(type_):
        return "bigint"
    if not pa.types.is_decimal(type_):
        return None
    if type_.precision > 38:
        return Unreadable(f"a decimal of {type_.precision} digits", "a decimal of at most 38 digits")
    return f"decimal({type_.precision},{type_.scale})"


def _moment(type_: pa.DataType, *, nanoseconds: bool) -> str | Unreadable | None:
    if pa.types.is_time(type_):
        return Unreadable("a time of day", "it as text, or with its day as a timestamp")
    if not pa.types.is_timestamp(type_):
        return None
    if type_.unit == "ns" and not nanoseconds:
        return NANOSECONDS
    return "timestamp" if type_.tz or type_.unit == "ns" else "timestamp_ntz"


def _nested(type_: pa.DataType, *, nanoseconds: bool) -> str | Unreadable | None:
    if pa.types.is_fixed_size_binary(type_):
        return "binary"
    for inner in ("storage_type", "value_type"):
        if hasattr(type_, inner) and not _is_list(type_):
            return type_name(getattr(type_, inner), nanoseconds=nanoseconds)
    fields = [type_.field(at) for at in range(type_.num_fields)]
    of = [type_name(field.type, nanoseconds=nanoseconds) for field in fields]
    if unreadable := _first_unreadable(of):
        return unreadable
    if pa.types.is_struct(type_):
        return struct(zip((field.name for field in fields), of, strict=True))
    if pa.types.is_map(type_):
        parts = [type_name(each, nanoseconds=nanoseconds) for each in (type_.key_type, type_.item_type)]
        return _first_unreadable(parts) or f"map<{','.join(map(str, parts))}>"
    return f"array<{of[0]}>" if _is_list(type_) else None


def with_words(type_: pa.DataType, leaves: Iterator[Any]) -> pa.DataType:
    """A type of Parquet with texts where it has ENUM, which to Arrow are bytes; ``leaves`` begin with its own."""
    if isinstance(type_, pa.BaseExtensionType):
        with_words(type_.storage_type, leaves)
        return type_
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(with_words(field.type, leaves)) for field in type_.fields])
    if pa.types.is_map(type_):
        return pa.map_(*(with_words(each, leaves) for each in (type_.key_type, type_.item_type)))
    if _is_list(type_):
        return pa.list_(with_words(type_.value_type, leaves))
    return pa.string() if next(leaves).logical_type.type == "ENUM" else type_


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def _first_unreadable(parts: list[str | Unreadable]) -> Unreadable | None:
    return next((part for part in parts if isinstance(part, Unreadable)), None)
