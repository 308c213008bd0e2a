"""Subjects that were merged into others, as a frame of the lake says: checked before rules are run, and looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault, did_you_mean
from rules_engine.lake.breaches import Breach, share
from rules_engine.lake.codes import NULLS, SUBJECT_KEY, VALUES
from rules_engine.lake.keys import joinable, key_faults
from rules_engine.model.columns import OnBreach
from rules_engine.model.frames import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def frame_read(lake: Lake) -> str:
    """The frame of merged subjects; empty where none is declared."""
    return lake.frame(lake.merged.frame).name if lake.merged else ""


def type_faults(lake: Lake, types: Mapping[str, Mapping[str, str]], wanted: str | None) -> Iterator[Fault]:
    """Columns that name subjects and are not there, or not of the type ``wanted``; ``types`` are those of frames."""
    if not lake.merged or (name := frame_read(lake)) not in types:
        return
    which = f"Frame '{name}'"
    for column in (lake.frame(name).key[0], lake.merged.into):
        found = types[name].get(column.lower())
        if found is None:
            what = f"it has no column '{column}', which [merged] names."
            yield Fault(which, what, did_you_mean(column, types[name]), SUBJECT_KEY)
        elif wanted and not joinable(found, wanted):
            what = f"'{column}', which names subjects, is {found}, the key of '{lake.subject}' is {wanted}."
            yield Fault(which, what, "Keys join only where their types are the same.", SUBJECT_KEY)


def breaches(lake: Lake, data: DataFrame) -> Iterator[Breach]:
    """Merged subjects of whom it is not said into whom, or into themselves; that each is one row is the key's."""
    from pyspark.sql import functions as F  # noqa: N812

    assert lake.merged
    frame = lake.frame(lake.merged.frame)
    key, into = data[f"`{frame.key[0]}`"], data[f"`{lake.merged.into}`"]
    counts = F.count(F.lit(1)), F.count(F.when(into.isNull(), 1)), F.count(F.when(into == key, 1))
    rows, unsaid, themselves = (int(each) for each in _first(data.agg(*counts)))
    survivors = data.select(into.alias("subject")).where("subject IS NOT NULL").distinct()
    for fault in key_faults(lake, survivors, frame.name, lake.merged.into):
        yield Breach(fault, OnBreach.STOP, frozenset())
    which = f"Column '{frame.name}.{lake.merged.into}'"
    if unsaid:
        what = f"{share(unsaid, rows)} are without a value: merged into nobody."
        yield Breach(Fault(which, what, "Mend the source.", NULLS), OnBreach.STOP, frozenset())
    if themselves:
        what = f"{share(themselves, rows)} say that a subject was merged into itself."
        yield Breach(Fault(which, what, "Mend the source.", VALUES), OnBreach.STOP, frozenset())


def with_survivors(stood: DataFrame, lake: Lake, frames: Mapping[str, DataFrame]) -> DataFrame:
    """Earlier memberships with ``merged_into``: the subject that took the place of theirs, NULL where none did."""
    from pyspark.sql import functions as F  # noqa: N812

    if not lake.merged:
        return stood.withColumn("merged_into", F.lit(None))
    frame = lake.frame(lake.merged.frame)
    data = frames[frame.name]
    merged = data.select(data[f"`{frame.key[0]}`"].alias("away"), data[f"`{lake.merged.into}`"].alias("merged_into"))
    return stood.join(merged, F.col("subject") == F.col("away"), "left").drop("away")


def _first(counted: DataFrame) -> Any:
    return counted.first()
