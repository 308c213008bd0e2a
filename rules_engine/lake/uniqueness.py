"""Columns that tell rows apart: whether they do, without moving the rows where the key is a number that is dense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

WHOLE = {"tinyint", "smallint", "int", "bigint"}
BUCKET = 32_768
"""Numbers that one bitmap of Spark's holds, in 4 KB."""
MOST_BYTES = 16
"""Bytes of bitmaps that are moved for each row at most: to group the rows moves as many."""
PART = "part of the frame"
"""A column that numbers the parts in which Spark reads a frame."""


def whole(data: DataFrame, columns: Sequence[str]) -> bool:
    """Whether these columns are one whole number."""
    types = {name.lower(): type_ for name, type_ in data.dtypes}
    return len(columns) == 1 and types[columns[0].lower()] in WHOLE


def extent(data: DataFrame, columns: Sequence[str], name: str) -> list[SparkColumn]:
    """Aggregates for :func:`is_unique`: how many rows have a value in all columns, and how far whole numbers reach."""
    from pyspark.sql import functions as F  # noqa: N812

    values = [data[f"`{column}`"] for column in columns]
    given = values[0].isNotNull()
    for value in values[1:]:
        given = given & value.isNotNull()
    asked = [F.count_if(given).alias(f"{name}_rows")]
    if whole(data, columns):
        ends = F.min(values[0]).alias(f"{name}_low"), F.max(values[0]).alias(f"{name}_high")
        asked += [*ends, F.max(F.col(f"`{PART}`")).alias(f"{name}_parts")]
    return asked


def is_unique(data: DataFrame, columns: Sequence[str], found: Any, name: str) -> bool:
    """
    Whether no two rows that have a value in all columns have the same; never wrong where it says yes.

    Of dense whole numbers bitmaps are counted, of anything else hashes are grouped, which are the same where the values
    are.
    """
    from pyspark.sql import functions as F  # noqa: N812

    rows = found[f"{name}_rows"]
    if rows < 2:
        return True
    values = [data[f"`{column}`"] for column in columns]
    if whole(data, columns) and _dense(found, name):
        number = values[0].cast("bigint")
        bits = F.bitmap_count(F.bitmap_construct_agg(F.bitmap_bit_position(number))).alias("n")
        parts = data.where(number.isNotNull()).groupBy(F.bitmap_bucket_number(number)).agg(bits)
        counted = parts.agg(F.sum("n")).first()
        return counted is not None and bool(counted[0] == rows)
    hashed = data.dropna(subset=[*columns]).groupBy(F.xxhash64(*values).alias("k")).agg(F.count(F.lit(1)).alias("n"))
    return bool(hashed.agg(F.max("n")).collect()[0][0] == 1)


def _dense(found: Any, name: str) -> bool:
    """Whether bitmaps over all that lies between the ends, one set a part, are small beside the rows."""
    buckets = (found[f"{name}_high"] - found[f"{name}_low"]) // BUCKET + 2
    return bool(buckets * BUCKET // 8 * (found[f"{name}_parts"] + 1) <= max(MOST_BYTES * found[f"{name}_rows"], 2**20))


def repeated(data: DataFrame, columns: Sequence[str]) -> tuple[int, int, tuple[Any, ...]]:
    """How many values stand in more than one row, in how many rows these are, and the least of them."""
    from pyspark.sql import functions as F  # noqa: N812

    names = [f"`{column}`" for column in columns]
    several = data.dropna(subset=[*columns]).groupBy(*names).agg(F.count(F.lit(1)).alias("rows of it"))
    several = several.where("`rows of it` > 1")
    example = F.min(F.struct(*names))
    found = several.agg(F.count(F.lit(1)), F.coalesce(F.sum("rows of it"), F.lit(0)), example).first()
    assert found is not None
    return found[0], found[1], tuple(found[2]) if found[2] else ()
