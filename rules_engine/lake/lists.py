"""Reference lists of a rule set as views, beside the frames of the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, raise_all
from rules_engine.model.canonical import canonical_json
from rules_engine.model.frames import Lake
from rules_engine.model.reference_lists import ReferenceList

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def open_lists(spark: SparkSession, lake: Lake, lists: Iterable[ReferenceList]) -> dict[str, DataFrame]:
    """
    Every list as a DataFrame, registered as a view of its name.

    Raises:
        InvalidRule: If a list has the name of a frame.
    """
    found = tuple(lists)
    raise_all(InvalidRule, taken(lake, found))
    opened = {each.name: _rows(spark, each) for each in found}
    for name, data in opened.items():
        data.createOrReplaceTempView(name)
    return opened


def taken(lake: Lake, lists: Iterable[ReferenceList]) -> Iterator[Fault]:
    """The lists whose name a frame has."""
    frames = {frame.name.lower() for frame in lake.frames}
    for each in lists:
        if each.name in frames:
            what = "a frame of the lake has its name, and a rule that names it would not say which is meant."
            yield Fault(f"Reference list {each.name}", what, "Add the list by another name.")


def _rows(spark: SparkSession, each: ReferenceList) -> DataFrame:
    """The rows as one JSON text that Spark reads: no file, not a literal for each value, and known to be small."""
    from pyspark.sql import functions as F  # noqa: N812

    columns = ", ".join(f"`{name}`: {type_}" for name, type_ in each.columns.items())
    text = F.lit(canonical_json([dict(row) for row in each.rows]))
    read = F.from_json(text, f"array<struct<{columns}>>", {"mode": "FAILFAST"})
    return spark.range(1).select(F.inline(read))
