"""Rows that tie and texts that look like days: what rules are run over to see whether their answer is one."""

from __future__ import annotations

import logging
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rules_engine.model.schemas import Schema
from rules_engine.spark.session import FEW_ROWS, pin

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 24
"""Rows of each frame; a column has fewer values than that, but for the subject's key on the subject's frame."""

TEXTS = ("GB", "x", "today", "12:30", "now", "FR", "2004-06-01", "T00:00", None, "tomorrow", "epoch", "5")


def interpreted(session: SparkSession) -> SparkSession:
    """The session, set for queries of a few rows: no answer depends on it, and it takes longer to compile one than to run it."""
    for key, value in {**FEW_ROWS, "spark.sql.codegen.factoryMode": "NO_CODEGEN"}.items():
        session.conf.set(key, value)
    return session


def filled(spark: SparkSession, schema: Schema, zone: str = "UTC", backwards: bool = False) -> SparkSession:
    """A session as rules are run in, with a few rows in every frame, in one order or the other."""
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    own = interpreted(pin(spark))
    own.conf.set("spark.sql.session.timeZone", zone)
    for frame, columns in schema.columns.items():
        unique = schema.subject_key.lower() if frame.lower() == schema.subject.lower() else ""
        rows = [_row(at, columns.items(), unique) for at in range(ROWS)]
        types = ", ".join(f"`{name}` {type_}" for name, type_ in columns.items())
        own.createDataFrame(rows[::-1] if backwards else rows, types).coalesce(1).createOrReplaceTempView(frame)
    return own


def _row(at: int, columns: Any, unique: str) -> tuple[Any, ...]:
    return tuple(
        value(type_, at + place) if name.lower() != unique else str(at) if type_ == "string" else at
        for place, (name, type_) in enumerate(columns)
    )


def value(type_: str, at: int) -> Any:
    """A value of a type, one of a few; all days are before 2010."""
    match type_.split("(", maxsplit=1)[0].split("<", maxsplit=1)[0].lower():
        case "string" | "char" | "varchar":
            return TEXTS[at % len(TEXTS)]
        case "date":
            return date(2004, 6, 1 + at % 4)
        case "timestamp" | "timestamp_ntz":
            return datetime(2004, 6, 1 + at % 4, 12)
        case "boolean":
            return at % 3 == 0
        case "double" | "float":
            return at % 5 * 1.1  # whose sums come out otherwise in another order
        case "decimal":
            return Decimal(at % 5)
        case "array" | "map" | "struct":
            return None
    return at % 7
