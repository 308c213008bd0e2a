"""Columns that tell rows apart: whether they do, in one pass that moves few rows where the key is a dense number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rules_engine.lake.keys import WHOLE

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Of a frame: its rows, those that have a value in all columns of a key, and whether no two of these are alike."""

    rows: int
    given: int
    unique: bool


def key_rows(data: DataFrame, columns: Sequence[str]) -> KeyRows:
    """
    Count the rows, and look whether any two have the same key; never wrong where it says that none have.

    Whole numbers are counted by their :func:`neighbours`. Anything else is grouped by its hash, which is the same where
    the values are.
    """
    from pyspark.sql import functions as F  # noqa: N812

    if is_whole(data, columns):
        groups, different = neighbours(data, columns[0]), F.sum(F.bit_count("bits"))
    else:
        values = [data[f"`{column}`"] for column in columns]
        group, different = F.when(_given(values), F.xxhash64(*values)), F.count("group")
        groups = data.groupBy(group.alias("group")).agg(F.count(F.lit(1)).alias("rows"))
    given = F.sum(F.when(F.col("group").isNotNull(), F.col("rows")))
    found: Any = groups.agg(F.sum("rows"), given, different).first()
    rows, with_key, keys = (int(each or 0) for each in found)
    return KeyRows(rows, with_key, with_key == keys)


def neighbours(data: DataFrame, column: str) -> DataFrame:
    """
    A column of whole numbers by ``group``, 64 neighbours each: its ``rows``, and a bit in ``bits`` for each number.

    Of dense numbers few groups are moved, and of others as many as there are rows. NULL is a group of its own.
    """
    from pyspark.sql import functions as F  # noqa: N812

    number = data[f"`{column}`"].cast("bigint")
    bit = F.call_function("shiftleft", F.lit(1).cast("bigint"), number.bitwiseAND(F.lit(63)).cast("int"))
    groups = data.groupBy(F.shiftright(number, 6).alias("group"))
    return groups.agg(F.count(F.lit(1)).alias("rows"), F.bit_or(bit).alias("bits"))


def is_whole(data: DataFrame, columns: Sequence[str]) -> bool:
    """Whether it is one column of whole numbers."""
    types = {name.lower(): type_ for name, type_ in data.dtypes}
    return len(columns) == 1 and types[columns[0].lower()] in WHOLE


def _given(values: Sequence[SparkColumn]) -> SparkColumn:
    given = values[0].isNotNull()
    for value in values[1:]:
        given = given & value.isNotNull()
    return given


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
