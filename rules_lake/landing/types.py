"""Spark SQL types and Arrow's: which is which."""

from __future__ import annotations

import re

import pyarrow as pa

from rules_engine.lake.spark_types import struct

_PLAIN = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "byte": pa.int8(),
    "smallint": pa.int16(),
    "short": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "long": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ltz": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "binary": pa.binary(),
    "decimal": pa.decimal128(10, 0),
}
MOST_DIGITS = 38
"""Of a decimal of Spark's; Arrow has wider ones."""

_DECIMAL = re.compile(r"(?:decimal|dec|numeric)\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?\)")
_CHARACTERS = re.compile(r"(?:varchar|char(?:acter)?)\(\s*(\d+)\s*\)")


_ALSO = {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint", "real": "float",
         "timestamp_ltz": "timestamp"}  # fmt: skip


def spark_name(declared: str) -> str:
    """A declared type by the name that Spark shows."""
    name = re.sub(r"\s+", "", declared.lower()).replace("character(", "char(")
    if found := _DECIMAL.fullmatch(name):
        return f"decimal({found[1]},{found[2] or 0})"
    return {"decimal": "decimal(10,0)", "dec": "decimal(10,0)", "numeric": "decimal(10,0)"}.get(
        name, _ALSO.get(name, name)
    )


_COMMENTED = re.compile(r"""\s+(?:not\s+null\b|comment\s+('[^']*'|"[^"]*"))""", re.IGNORECASE)
_PARTS = re.compile(r"`(?:[^`]|``)*`|[^\W\d]\w*(?:\s*\([^)]*\))?|[<>:,]")


def whole_name(declared: str) -> str:
    """
    A declared type by the name that Spark shows, of many values too; as it stands where it is none.

    >>> whole_name("STRUCT< Id: LONG, at array<Decimal> NOT NULL >"), whole_name("array<")
    ('struct<Id:bigint,at:array<decimal(10,0)>>', 'array<')
    """
    if "<" not in declared:
        return spark_name(declared)
    parts = [*reversed(_PARTS.findall(_COMMENTED.sub("", declared)))]
    try:
        found = _nested(parts)
    except IndexError:
        return declared
    return declared if parts else found


def _nested(parts: list[str]) -> str:
    """The type that begins with the last of the parts, which are taken away."""
    kind = parts.pop()
    if parts[-1] != "<" or kind.lower() not in ("array", "map", "struct"):
        return spark_name(kind)
    of: list[tuple[str, str]] = []
    while parts.pop() in "<,":
        name = parts.pop() if kind.lower() == "struct" else ""
        if parts[-1] == ":":
            parts.pop()
        of.append((name.strip("`").replace("``", "`"), _nested(parts)))
    return struct(of) if kind.lower() == "struct" else f"{kind.lower()}<{','.join(type_ for _, type_ in of)}>"


def has_length(declared: str) -> int:
    """How many letters a text has at most, where a declared type says it: varchar(n) or char(n); else 0."""
    found = _CHARACTERS.fullmatch(declared.strip().lower())
    return int(found[1]) if found else 0


def arrow_type(spark: str) -> pa.DataType | None:
    """
    The Arrow type of a Spark SQL type; None for one of many values (arrays, maps, structs), and for no type of Spark's.

    >>> arrow_type("decimal(12,2)"), arrow_type("decimal(40,2)")
    (Decimal128Type(decimal128(12, 2)), None)
    """
    name = spark.strip().lower()
    if found := _DECIMAL.fullmatch(name):
        digits = int(found[1])
        return pa.decimal128(digits, int(found[2] or 0)) if 0 < digits <= MOST_DIGITS else None
    return pa.string() if _CHARACTERS.fullmatch(name) else _PLAIN.get(name)


def spark_type(arrow: pa.DataType) -> str | None:
    """The Spark SQL type that files of an Arrow type are read as; None where it is not one value."""
    if pa.types.is_dictionary(arrow):
        return spark_type(arrow.value_type)
    if pa.types.is_large_string(arrow) or pa.types.is_string(arrow) or pa.types.is_string_view(arrow):
        return "string"
    if pa.types.is_large_binary(arrow):
        return "binary"
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    if pa.types.is_timestamp(arrow):
        return "timestamp" if arrow.tz else "timestamp_ntz"
    return next((name for name, known in _PLAIN.items() if known == arrow), None)


def same(declared: str, found: str) -> bool:
    """
    Whether what is found can be declared so: as the same type, or a moment that says no zone as one of UTC.

    Many writers of Parquet leave the zone out. A moment that has one is no ``timestamp_ntz``: its hour would be lost.
    """
    one, other = arrow_type(declared), arrow_type(found)
    of_utc = declared.lower() in {"timestamp", "timestamp_ltz"} and found.lower() == "timestamp_ntz"
    return (one is not None and one == other) or of_utc or ("<" in found and whole_name(declared) == found)
