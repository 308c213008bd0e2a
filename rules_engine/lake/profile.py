"""What a frame's columns hold: shares of nulls, distinct values, ranges, most frequent values, for a catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rules_engine.errors import RunRefused
from rules_engine.lake.spark_types import quoted
from rules_engine.lake.unread import spark_errors, unread
from rules_engine.model.frames import Frame
from rules_engine.model.masking import masked

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

FEW = 50
"""Distinct values up to which values are shown, and counted one by one; where there are more, one may name somebody."""

MOST_SHOWN = 5
"""Most frequent values that are shown of a column."""

_COMPARED = (
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "decimal",
    "date",
    "timestamp",
    "string",
    "boolean",
)
_MEASURED = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal", "date", "timestamp")


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """
    One column: shares are of the frame's rows; ``distinct`` is about so many, the values NULL aside.

    ``low``, ``high`` and ``frequent`` are texts, masked where the column is ``masked``: of a sensitive column, a
    subject's key, and a text of many values.
    """

    name: str
    type: str
    nulls: float
    distinct: int
    low: str | None
    high: str | None
    frequent: tuple[tuple[str, float], ...]
    masked: bool


@dataclass(frozen=True, slots=True)
class FrameProfile:
    """A frame as it was read: its rows, and its columns in their order."""

    frame: str
    rows: int
    columns: tuple[ColumnProfile, ...]


def profile(frame: Frame, data: DataFrame, hidden: Collection[str] = ()) -> FrameProfile:
    """
    Read a frame once, and once more the columns of few values; of ``hidden`` columns no value is shown.

    Raises:
        RunRefused: If it cannot be read to its end.
    """
    from pyspark.sql import functions as F  # noqa: N812

    types = dict(data.dtypes)
    data = data.select(*(_alike(data[quoted(name)], type_).alias(name) for name, type_ in types.items()))
    asked = [part for at, name in enumerate(types) for part in _asked(data[quoted(name)], types[name], at)]
    try:
        found: Any = data.agg(F.count(F.lit(1)).alias("rows"), *asked).first()
        few = [name for at, name in enumerate(types) if 0 < (found[f"distinct_{at}"] or 0) <= FEW]
        counts = _counts(data, few)
    except spark_errors() as problem:
        raise RunRefused(unread(frame, problem)) from problem
    said = {column.name.lower(): column for column in frame.columns}
    hidden = {*hidden, frame.subject_key.lower(), *(name for name, column in said.items() if column.sensitive)}
    columns = (
        _column(frame, name.lower() in hidden, name, type_, found, at, counts.get(name, ()))
        for at, (name, type_) in enumerate(types.items())
    )
    return FrameProfile(frame.name, int(found["rows"]), tuple(columns))


def _alike(value: SparkColumn, type_: str) -> SparkColumn:
    """A column with one zero, where its type has two, which Spark tells apart as texts alone."""
    return value + 0 if type_ in ("float", "double") else value


def _asked(value: SparkColumn, type_: str, at: int) -> Iterator[SparkColumn]:
    from pyspark.sql import functions as F  # noqa: N812

    nothing = F.lit(None).cast("string")
    compared = type_.startswith(_COMPARED)
    yield F.count_if(value.isNull()).alias(f"nulls_{at}")
    yield (F.approx_count_distinct(value) if compared else nothing).alias(f"distinct_{at}")
    yield (F.min(value).cast("string") if compared else nothing).alias(f"low_{at}")
    yield (F.max(value).cast("string") if compared else nothing).alias(f"high_{at}")


def _counts(data: DataFrame, few: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """The values of columns that have few, the most frequent first, with how often they stand there."""
    from pyspark.sql import functions as F  # noqa: N812

    if not few:
        return {}
    each = [F.struct(F.lit(name).alias("name"), data[quoted(name)].cast("string").alias("value")) for name in few]
    rows = data.select(F.explode(F.array(*each)).alias("it")).select("it.name", "it.value").where("value IS NOT NULL")
    found: dict[str, list[tuple[str, int]]] = {}
    for name, value, count in rows.groupBy("name", "value").count().collect():
        found.setdefault(name, []).append((value, count))
    return {name: sorted(values, key=lambda each: (-each[1], each[0])) for name, values in found.items()}


def _column(
    frame: Frame, sensitive: bool, name: str, type_: str, found: Any, at: int, counts: Sequence[tuple[str, int]]
) -> ColumnProfile:
    rows, distinct = found["rows"] or 1, int(found[f"distinct_{at}"] or 0)
    many = distinct > FEW or (bool(frame.subject_key) and 2 * distinct > rows)
    hidden = sensitive or (many and not type_.startswith((*_MEASURED, "boolean")))
    shown = (lambda value: masked(value, sensitive=sensitive)) if hidden else str
    low, high = (None if (v := found[f"{end}_{at}"]) is None else shown(v) for end in ("low", "high"))
    frequent = tuple((shown(value), count / rows) for value, count in counts[:MOST_SHOWN])
    return ColumnProfile(name, type_, found[f"nulls_{at}"] / rows, distinct, low, high, frequent, hidden)
