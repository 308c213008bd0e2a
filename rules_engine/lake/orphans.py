"""Rows of a one-to-many frame whose subject is not among the subjects (R-LAKE-4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.lake import uniqueness
from rules_engine.lake.breaches import Breach, exceeds, percent, share
from rules_engine.lake.codes import ORPHANS
from rules_engine.lake.spark_types import quoted
from rules_engine.lake.used import Used
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.masking import masked
from rules_engine.ports import OpenLake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def of_whole_numbers(opened: OpenLake[DataFrame], frames: Iterable[Frame]) -> dict[str, tuple[DataFrame, str]]:
    """Those of the frames whose orphans are looked for by :func:`uniqueness.whole_keys`, and their subject keys."""
    lake = opened.declaration
    if not uniqueness.is_whole(opened.frames[lake.subject_frame.name], [lake.subject_key]):
        return {}
    keys = {frame.name: (opened.frames[frame.name], frame.subject_key) for frame in frames if _limited(lake, frame)}
    return {name: (data, key) for name, (data, key) in keys.items() if uniqueness.is_whole(data, [key])}


def _limited(lake: Lake, frame: Frame) -> bool:
    return frame.orphans is not None and frame is not lake.subject_frame


def breaches(lake: Lake, frame: Frame, data: DataFrame, subjects: DataFrame, used: Used) -> Iterator[Breach]:
    """Too many orphans, if there are; a row without a key is one."""
    from pyspark.sql import functions as F  # noqa: N812

    if not _limited(lake, frame):
        return
    key = data.select(data[quoted(frame.subject_key)].alias("key"))
    known = subjects.select(subjects[quoted(lake.subject_key)].alias("known"))
    lost = key.join(known, F.col("key") == F.col("known"), "left_anti")
    counts = F.count(F.lit(1)).alias("orphans"), F.min("key").cast("string").alias("example")
    found: Any = lost.agg(*counts, F.count_distinct("key").alias("keys")).first()
    allowed, rows = frame.orphans or 0.0, data.count() if found["orphans"] else 0
    if not exceeds(found["orphans"], allowed, rows):
        return
    may = "none may be" if allowed == 0 else f"{percent(allowed)} may be"
    what = f"{share(found['orphans'], rows, allowed)} are of no '{lake.subject}', and {may} (orphans)"
    if found["keys"]:
        what += (
            f": {found['keys']:,} values of '{frame.subject_key}', such as {masked(found['example'], sensitive=True)}"
        )
    remedy = f"Land '{lake.subject}' and '{frame.name}' of one day, or mend the source; orphans = … allows them."
    policy = frame.on_breach or lake.on_breach
    yield Breach(Fault(f"Frame '{frame.name}'", f"{what}.", remedy, ORPHANS), policy, used.of(frame.name))
