"""
Rows of plausible values, the same in every frame: over them what a rule computes is computed, where NULL folds it away.

There are few, they differ in every column, and the same row of two frames has the same values. So joins find their
rows and stay small. They hold no clock and no chance: days are counted back from the run's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType

ROWS = 3

TEXTS = ("Anna Maria Example, 12 Long Street, London; anna.m.example@example.com", "2", "GB")
"""As long as an address with a name, a number, and a code."""

NUMBERS = ("1", "25", "4000")
ELEMENTS = 3
"""Of every list; a map has two entries."""

_LENGTH = re.compile(r"^(?:var)?char\((\d+)\)$", re.IGNORECASE)


def columns(spark: SparkSession, types: Mapping[str, str], key: str, as_of: date, row: str) -> Iterator[str]:
    """
    What to select for the columns of a frame, in the row whose number, from 0, the SQL ``row`` says.

    ``key`` is the column of the subject, which is 1, 2, 3, text or not.
    """
    empty = ", ".join(f"CAST(NULL AS {type_}) AS `{name}`" for name, type_ in types.items())
    with_types = spark.sql(f"SELECT {empty}").schema
    for (name, type_), found in zip(types.items(), with_types, strict=True):
        subject = name.lower() == key.lower()
        value = f"{row} + 1" if subject else _value(found.dataType, as_of, row)
        if (said := _LENGTH.search(type_)) and not subject:  # Spark itself casts to a text of any length
            value = f"left({value}, {said[1]})"
        yield f"CAST({value} AS {type_}) AS `{name}`"


def _value(type_: DataType, as_of: date, row: str) -> str:
    match type_.typeName():
        case "byte" | "short" | "integer" | "long":
            return f"{row} + 1"
        case "decimal" | "double" | "float":
            return f"coalesce(try_cast({_one_of(NUMBERS, row)} AS {type_.simpleString()}), 0)"
        case "date" | "timestamp" | "timestamp_ntz":
            return f"date_sub(DATE '{as_of}', 30 + 400 * CAST({row} AS INT))"
        case "boolean":
            return f"{row} <> 1"
        case "string" | "binary" | "char" | "varchar":
            return _one_of([f"'{text}'" for text in TEXTS], row)
    return _nested(type_, as_of, row)


def _nested(type_: DataType, as_of: date, row: str) -> str:
    if type_.typeName() == "array":
        elements = [_value(type_.elementType, as_of, f"(({row} + {n}) % {ROWS})") for n in range(ELEMENTS)]
        return f"array({', '.join(elements)})"
    if type_.typeName() == "map":
        kinds = (type_.keyType, type_.valueType)
        return f"map({', '.join(_value(kind, as_of, str(n)) for n in range(2) for kind in kinds)})"
    if type_.typeName() != "struct":
        return "NULL"
    fields = [f"'{field.name}', {_value(field.dataType, as_of, row)}" for field in type_]
    return f"named_struct({', '.join(fields)})"


def _one_of(values: tuple[str, ...] | list[str], row: str) -> str:
    return f"CASE {row} {' '.join(f'WHEN {at} THEN {value}' for at, value in enumerate(values))} END"
