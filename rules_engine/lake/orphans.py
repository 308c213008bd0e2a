"""Rows of a one-to-many frame whose subject is not among the subjects (R-LAKE-4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.lake import uniqueness
from rules_engine.lake.breaches import Breach, percent, share
from rules_engine.lake.codes import ORPHANS
from rules_engine.lake.used import Used
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.masking import masked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def breaches(lake: Lake, frame: Frame, data: DataFrame, subjects: DataFrame, used: Used) -> Iterator[Breach]:
    """Too many orphans, if there are; a row without a key is one."""
    from pyspark.sql import functions as F  # noqa: N812

    if _has_none(lake, frame, data, subjects):
        return
    key = data.select(data[f"`{frame.subject_key}`"].alias("key"))
    known = subjects.select(subjects[f"`{lake.subject_key}`"].alias("known"))
    lost = key.join(known, F.col("key") == F.col("known"), "left_anti")
    counts = F.count(F.lit(1)).alias("orphans"), F.min("key").alias("example")
    found: Any = lost.agg(*counts, F.count_distinct("key").alias("keys")).first()
    allowed, rows = frame.orphans or 0.0, data.count() if found["orphans"] else 0
    if found["orphans"] <= allowed * rows:
        return
    may = "none may be" if allowed == 0 else f"{percent(allowed)} may be"
    what = f"{share(found['orphans'], rows)} are of no '{lake.subject}', and {may} (orphans)"
    if found["keys"]:
        what += (
            f": {found['keys']:,} values of '{frame.subject_key}', such as {masked(found['example'], sensitive=True)}"
        )
    remedy = f"Land '{lake.subject}' and '{frame.name}' of one day, or mend the source; orphans = … allows them."
    policy = frame.on_breach or lake.on_breach
    yield Breach(Fault(f"Frame '{frame.name}'", f"{what}.", remedy, ORPHANS), policy, used.of(frame.name))


def _has_none(lake: Lake, frame: Frame, data: DataFrame, subjects: DataFrame) -> bool:
    """Whether it is sure that there are no orphans: whole numbers are looked at 64 neighbours at once."""
    own, known = [frame.subject_key], [lake.subject_key]
    if not (uniqueness.is_whole(data, own) and uniqueness.is_whole(subjects, known)):
        return False
    there = uniqueness.neighbours(subjects, *known).selectExpr("group", "bits AS known")
    lost = "known IS NULL OR (bits & ~known) <> 0"
    return bool(uniqueness.neighbours(data, *own).join(there, "group", "left").where(lost).isEmpty())
