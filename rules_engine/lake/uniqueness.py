"""Columns that tell rows apart: whether they do, in one pass that moves few rows where the key is a dense number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from rules_engine.lake.keys import WHOLE
from rules_engine.lake.spark_types import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame


FEW = 10_000
"""Rows that one task reads sooner than several send them to each other."""


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Of a frame: its rows, those that have a value in all columns of a key, and whether no two of these are alike."""

    rows: int
    given: int
    unique: bool


def key_rows(data: DataFrame, columns: Sequence[str], rows: int | None = None) -> KeyRows:
    """
    Count the rows, and look whether any two have the same key; never wrong where it says that none have.

    Whole numbers are counted by their :func:`neighbours`. Anything else is grouped by its hash, which is the same where
    the values are. Where no more than ``FEW`` ``rows`` are known to be there, no worker sends any to another.
    """
    from pyspark.sql import functions as F  # noqa: N812

    data = data.coalesce(1) if rows is not None and rows <= FEW else data
    if is_whole(data, columns):
        return whole_keys([(data, columns[0])])[0]
    values = [data[quoted(column)] for column in columns]
    groups = data.groupBy(F.when(_given(values), F.xxhash64(*values)).alias("group"))
    return _totals(groups.agg(F.count(F.lit(1)).alias("rows")), F.count("group"))[0]


def whole_keys(of: Sequence[tuple[DataFrame, str]]) -> tuple[KeyRows, list[bool]]:
    """
    Of frames with a column of whole numbers each, in one pass: the rows of the first as :func:`key_rows` counts them.

    And of each other frame whether every row of it has a value, and the first frame has that, too.
    """
    from pyspark.sql import functions as F  # noqa: N812

    lost = [F.expr(f"count_if(bits_{at} & ~bits_0 <> 0)") for at in range(1, len(of))]
    found, of_others = _totals(neighbours(of), F.sum(F.bit_count("bits_0")), *lost)
    return found, [each == 0 for each in of_others]


def _totals(groups: DataFrame, different: SparkColumn, *others: SparkColumn) -> tuple[KeyRows, list[int]]:
    """What the groups' ``rows`` come to, where ``different`` counts the keys; and the ``others``."""
    from pyspark.sql import functions as F  # noqa: N812

    given = F.sum(F.when(F.col("group").isNotNull(), F.col("rows")))
    found: Any = groups.agg(F.sum("rows"), given, different, *others).first()
    rows, with_key, keys, *rest = (int(each or 0) for each in found)
    return KeyRows(rows, with_key, with_key == keys), rest


def neighbours(of: Sequence[tuple[DataFrame, str]]) -> DataFrame:
    """
    Columns of whole numbers by ``group``, 64 neighbours each: for the column at i a bit in ``bits_i`` for each number.

    ``rows`` are those of the first. Of dense numbers few groups are moved, and of others as many as there are rows.
    NULL is a group of its own, where every column but the first has a bit.
    """
    from pyspark.sql import functions as F  # noqa: N812

    parts: list[DataFrame] = []
    for at, (data, column) in enumerate(of):
        number = data[quoted(column)].cast("bigint")
        bit = F.call_function("shiftleft", F.lit(1).cast("bigint"), number.bitwiseAND(F.lit(63)).cast("int"))
        known = F.coalesce(bit, F.lit(1).cast("bigint")) if at else bit
        parts.append(data.select(F.shiftright(number, 6).alias("group"), known.alias("bit"), F.lit(at).alias("frame")))
    bits = [F.expr(f"bit_or(if(frame = {at}, bit, 0L)) AS bits_{at}") for at in range(len(of))]
    every = reduce(lambda a, b: a.unionAll(b), parts)
    return every.groupBy("group").agg(F.expr("count_if(frame = 0) AS rows"), *bits)


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

    names = [quoted(column) for column in columns]
    several = data.dropna(subset=names).groupBy(*names).agg(F.count(F.lit(1)).alias("rows of it"))
    several = several.where("`rows of it` > 1")
    example = F.min(F.struct(*names))
    found = several.agg(F.count(F.lit(1)), F.coalesce(F.sum("rows of it"), F.lit(0)), example).first()
    assert found is not None
    return found[0], found[1], tuple(found[2]) if found[2] else ()
