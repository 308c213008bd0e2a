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
"""Rows of which the driver takes the hashes of keys sooner than tasks send them to each other."""


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Of a frame: its rows, those that have a value in all columns of a key, and whether no two of these are alike."""

    rows: int
    given: int
    unique: bool


def counted(
    data: DataFrame, keys: Sequence[Sequence[str]], conditions: Sequence[SparkColumn], rows: int | None = None
) -> tuple[int, list[KeyRows], list[int]]:
    """
    How many rows there are, what :func:`key_rows` says of each key, and of how many rows each condition holds.

    A first key of whole numbers moves few rows, so the conditions are counted in its pass; else they have their own.
    ``rows`` are those that files say are there, where they do: of no more than ``FEW`` the driver looks at the keys.
    """
    from pyspark.sql import functions as F  # noqa: N812

    if not keys and not conditions:
        return rows or 0, [], []
    few, found, held = rows is not None and rows <= FEW, list[KeyRows](), list[int]()
    if keys and not few and is_whole(data, keys[0]):
        sums = [F.sum(f"held_{at}") for at in range(len(conditions))]
        first, held = _totals(neighbours(data, keys[0][0], conditions), F.sum(F.bit_count("bits")), sums)
        found.append(first)
    elif conditions:
        rows, *held = (int(each) for each in data.agg(F.count(F.lit(1)), *map(F.count_if, conditions)).collect()[0])
    found += [(_few_rows if few else key_rows)(data, key) for key in keys[len(found) :]]
    return found[0].rows if found else rows or 0, found, held


def key_rows(data: DataFrame, columns: Sequence[str]) -> KeyRows:
    """
    Count the rows, and look whether any two have the same key; never wrong where it says that none have.

    Whole numbers are counted by their :func:`neighbours`. Anything else is grouped by its hash, which is the same where
    the values are.
    """
    from pyspark.sql import functions as F  # noqa: N812

    if is_whole(data, columns):
        return _totals(neighbours(data, columns[0]), F.sum(F.bit_count("bits")))[0]
    groups = data.groupBy(_hash(data, columns).alias("group"))
    return _totals(groups.agg(F.count(F.lit(1)).alias("rows")), F.count("group"))[0]


def _few_rows(data: DataFrame, columns: Sequence[str]) -> KeyRows:
    """As :func:`key_rows`, where the driver has room for the hashes of all keys."""
    found = [row[0] for row in data.select(_hash(data, columns)).collect()]
    given = [each for each in found if each is not None]
    return KeyRows(len(found), len(given), len({*given}) == len(given))


def _hash(data: DataFrame, columns: Sequence[str]) -> SparkColumn:
    """The hash of a key, which is the same where the values are; NULL where one of them is."""
    from pyspark.sql import functions as F  # noqa: N812

    values = [data[quoted(column)] for column in columns]
    return F.when(_given(values), F.xxhash64(*values))


def whole_keys(of: Sequence[tuple[DataFrame, str]]) -> tuple[KeyRows, list[bool]]:
    """
    Of frames with a column of whole numbers each: the rows of the first as :func:`key_rows` counts them.

    And of each other frame whether every row of it has a value, and the first frame has that, too. Each frame is
    grouped before frames meet: of the rows of all together, grouping takes half as long again.
    """
    from pyspark.sql import functions as F  # noqa: N812

    none = F.lit(0).cast("bigint")
    parts: list[DataFrame] = []
    for at, (data, column) in enumerate(of):
        bits = F.coalesce("bits", F.lit(1).cast("bigint")) if at else F.col("bits")  # no value is none of the first's
        of_each = [(bits if at == i else none).alias(f"bits_{i}") for i in range(len(of))]
        parts.append(neighbours(data, column).select("group", (none if at else F.col("rows")).alias("rows"), *of_each))
    every = reduce(lambda a, b: a.unionAll(b), parts).groupBy("group")
    groups = every.agg(F.sum("rows").alias("rows"), *(F.bit_or(f"bits_{i}").alias(f"bits_{i}") for i in range(len(of))))
    lost = [F.expr(f"count_if(bits_{i} & ~bits_0 <> 0)") for i in range(1, len(of))]
    found, of_others = _totals(groups, F.sum(F.bit_count("bits_0")), lost)
    return found, [each == 0 for each in of_others]


def neighbours(data: DataFrame, column: str, conditions: Sequence[SparkColumn] = ()) -> DataFrame:
    """
    A column of whole numbers by ``group``, 64 neighbours each: in ``bits`` a bit for each number that is there.

    Beside it the group's ``rows``, and of how many each condition holds, in ``held_0`` and so on. Of dense numbers few
    groups are moved, and of others as many as there are rows. NULL is a group of its own, without bits.
    """
    from pyspark.sql import functions as F  # noqa: N812

    number = data[quoted(column)].cast("bigint")
    bit = F.call_function("shiftleft", F.lit(1).cast("bigint"), number.bitwiseAND(F.lit(63)).cast("int"))
    held = [F.count_if(each).alias(f"held_{at}") for at, each in enumerate(conditions)]
    groups = data.groupBy(F.shiftright(number, 6).alias("group"))
    return groups.agg(F.count(F.lit(1)).alias("rows"), F.bit_or(bit).alias("bits"), *held)


def _totals(groups: DataFrame, different: SparkColumn, others: Sequence[SparkColumn] = ()) -> tuple[KeyRows, list[int]]:
    """What the groups' ``rows`` come to, where ``different`` counts the keys; and the ``others``."""
    from pyspark.sql import functions as F  # noqa: N812

    given = F.sum(F.when(F.col("group").isNotNull(), F.col("rows")))
    found: Any = groups.agg(F.sum("rows"), given, different, *others).first()
    rows, with_key, keys, *rest = (int(each or 0) for each in found)
    return KeyRows(rows, with_key, with_key == keys), rest


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
    given = data.where(" AND ".join(f"{name} IS NOT NULL" for name in names))  # dropna takes NaN for no value
    several = given.groupBy(*names).agg(F.count(F.lit(1)).alias("rows of it"))
    several = several.where("`rows of it` > 1")
    least = F.min(F.struct(*(data[name].alias(f"value_{at}") for at, name in enumerate(names))))
    example = [least[f"value_{at}"].cast("string") for at in range(len(names))]  # Python has no day after 9999
    found = several.agg(F.count(F.lit(1)), F.coalesce(F.sum("rows of it"), F.lit(0)), *example).first()
    assert found is not None
    return found[0], found[1], tuple(found[2:])
