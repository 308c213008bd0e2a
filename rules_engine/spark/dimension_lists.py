"""The values that a small frame has in a column, for conditions that ask whether one is among them; NULLs of any."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rules_engine.logical.join_sides import DimensionInList, Values
from rules_engine.spark.small_frames import SMALL, stored

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST = 1000
"""Rows of a frame up to which its values are written as literals."""


def values(spark: SparkSession, wanted: Collection[DimensionInList]) -> Values:
    """The values of each, read with one query a column; None where they stay to be joined."""
    found: dict[DimensionInList, tuple[str, ...] | None] = dict.fromkeys(wanted)
    for frame, column, nulls in sorted({(among.frame, among.column, among.nulls) for among in wanted}):
        asked = [
            among for among in sorted(wanted) if (among.frame, among.column, among.nulls) == (frame, column, nulls)
        ]
        found |= zip(asked, (_given if nulls else _read)(spark, frame, column, asked), strict=True)
    return found


def _given(
    spark: SparkSession, frame: str, column: str, asked: Sequence[DimensionInList]
) -> Iterable[tuple[str, ...] | None]:
    """Nothing where a column is given in all rows that meet a condition; None where it is NULL in one."""
    met = ", ".join(f"max(({among.where or 'true'})) AS c{number}" for number, among in enumerate(asked))
    row = spark.sql(f"SELECT {met} FROM `{frame}` WHERE `{column}` IS NULL").first()
    return [None if is_null else () for is_null in row or ()]


def _read(
    spark: SparkSession, frame: str, column: str, asked: Sequence[DimensionInList]
) -> Iterable[tuple[str, ...] | None]:
    if stored(spark.table(frame)) > SMALL:
        return [None] * len(asked)
    conditions = ", ".join(f"({among.where or 'true'}) AS c{number}" for number, among in enumerate(asked))
    rows = spark.sql(f"SELECT `{column}`, {conditions} FROM `{frame}`").limit(MOST + 1).collect()
    if len(rows) > MOST:
        return [None] * len(asked)
    return [_listed([row[0] for row in rows if row[number]], among) for number, among in enumerate(asked, 1)]


def _listed(found: Sequence[Any], among: DimensionInList) -> tuple[str, ...] | None:
    """The values of rows, in order; None where one is NULL, or repeated, and may not be."""
    there = [value for value in found if value is not None]
    if (among.given and len(there) < len(found)) or (among.once and len({*there}) < len(there)):
        return None
    return _literals({*there})


def _literals(found: set[Any]) -> tuple[str, ...] | None:
    """Whole numbers and texts in order; None where a text has a character that is written otherwise."""
    if any(isinstance(value, str) and {"'", "\\"} & {*value} for value in found):
        return None
    return tuple(f"'{value}'" if isinstance(value, str) else str(value) for value in sorted(found))
