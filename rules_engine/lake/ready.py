"""The ready frame of joint holdings: who holds what, in which role, and with how many (R-LAKE-4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.lake.codes import COLUMN, TYPE
from rules_engine.lake.keys import joinable
from rules_engine.lake.spark_types import quoted
from rules_engine.model.frames import Lake
from rules_engine.model.joint_holdings import PRIMARY, SECONDARY, JointHoldings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def ready_frames(lake: Lake, frames: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """
    What the declaration says is made of other frames, by name, which are views already; reads no rows.

    Raises:
        RunRefused: If a frame has not the columns that it is made of, or a type is looked up by keys of two types.
    """
    if (holdings := lake.holdings) is None:
        return {}
    raise_all(RunRefused, _faults(lake, holdings, frames))
    source, session = lake.frame(holdings.frame), next(iter(frames.values())).sparkSession
    type_ = quoted(holdings.product_type) if holdings.product_type else "CAST(NULL AS STRING)"
    if holdings.look_up[0]:
        type_ = _looked_up(lake, *holdings.look_up)
    parts = (f"{quoted(source.subject_key)} AS holder", f"{quoted(holdings.product)} AS product", f"{type_} AS type")
    rows = session.sql(f"SELECT {', '.join(parts)}, {quoted(holdings.role)} AS role FROM `{source.name}`")
    return {holdings.name: _holders(holdings, rows, lake.subject_key)}


def _faults(lake: Lake, holdings: JointHoldings, frames: Mapping[str, DataFrame]) -> Iterator[Fault]:
    """What the declaration does not say of columns, the files do."""
    types = {name: {c.lower(): t for c, t in frames[name].dtypes} for name in holdings.reads(lake.frames)}
    for name, columns in holdings.reads(lake.frames).items():
        for column in sorted(columns - set(types[name])):
            what = f"it has no column '{column}', which [holdings] names."
            yield Fault(f"Frame '{name}'", what, did_you_mean(column, types[name]), COLUMN)
    if holdings.look_up[0]:
        other, of = lake.frame(holdings.look_up[0]), lake.frame(holdings.frame)
        key = other.key[0].lower()
        here, there = types[of.name].get(key), types[other.name].get(key)
        if here and there and not joinable(here, there):
            what = f"its '{key}' is {here}, that of '{other.name}', by which [holdings] looks types up, is {there}."
            yield Fault(f"Frame '{of.name}'", what, "Keys join only where their types are the same.", TYPE)


def _looked_up(lake: Lake, frame: str, column: str) -> str:
    """
    The type of a row's product, from the few rows that list products; none where it is not listed.

    A join would say the same, and Spark would take the rows to be as many as the products of both.
    """
    key = quoted(lake.frame(frame).key[0])
    listed = f"SELECT {key} AS k, min({quoted(column)}) AS t FROM `{frame}` WHERE {key} IS NOT NULL GROUP BY {key}"
    return f"try_element_at((SELECT map_from_entries(collect_list(struct(k, t))) FROM ({listed})), {key})"


def _holders(said: JointHoldings, rows: DataFrame, subject: str) -> DataFrame:
    """
    One row a holder and product.

    The most that any row of the holder says is the role: primary, else secondary, else it is unknown. Holders are
    persons: one who stands there twice is one, and a row that names nobody is none. Of a row without a product it is
    unknown who shares it.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812

    role = F.col("role").cast("string")
    rank = F.when(role.isin(*said.primary), 0).when(role.isin(*said.secondary), 1)
    held = rows.where("holder IS NOT NULL").withColumn("rank", rank)
    once = held.groupBy("holder", "product").agg(F.min("type").alias("type"), F.min("rank").alias("rank"))
    of_product = F.count(F.lit(1)).over(Window.partitionBy("product"))
    shared = once.withColumn("holders", F.when(F.col("product").isNotNull(), of_product))
    return shared.select(
        F.col("holder").alias(subject),
        "product",
        F.col("type").alias("product_type"),
        F.when(F.col("rank") == 0, PRIMARY).when(F.col("rank") == 1, SECONDARY).alias("role"),
        (F.col("holders") > 1).alias("is_joint"),
        F.col("holders").alias("holder_count"),
    )
