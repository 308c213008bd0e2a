"""How old the snapshots are that a run reads, whether they are of one day, and whether they stayed what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.lake import merges
from rules_engine.lake.codes import CHANGED, DAYS_DIFFER, STALE
from rules_engine.lake.storage import landed_as
from rules_engine.lake.used import Used
from rules_engine.model.frames import Days, Frame, Lake
from rules_engine.ports import OpenLake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def day_of(snapshot: str) -> date | None:
    """The day on which a snapshot landed, from its name; None where the frame is not dated."""
    day, at, _ = snapshot.rpartition("@")
    return date.fromisoformat(day) if at else None


def age_faults(opened: OpenLake[Any], uses: Used) -> Iterator[Fault]:
    """
    Snapshots that are older than their frame allows, and days that differ where the lake says that they agree.

    Only of frames that rules use, of the subjects, and of those that were merged. A table is as old as the version that
    is read, and of no day.
    """
    lake, snapshots = opened.declaration, opened.snapshots
    read = {lake.subject_frame.name, merges.frame_read(lake)}
    subjects = day_of(snapshots[lake.subject_frame.name])
    for frame in lake.frames:
        if not (uses.of(frame.name) or frame.name in read):
            continue
        day = opened.written.get(frame.name) or day_of(snapshots[frame.name])
        if frame.max_age is not None:
            yield from _stale(frame, day, frame.max_age, opened.as_of) if day else _ageless(frame)
        elif lake.days is Days.AGREE and not frame.format.is_table and subjects and day and day != subjects:
            what = f"its newest day is {day}, that of '{lake.subject}' is {subjects}, and frames are to be of one day."
            remedy = f"Land '{frame.name}' of {subjects}; or say how old it may be, max_age = …; or days = \"newest\"."
            yield Fault(f"Frame '{frame.name}'", what, remedy, DAYS_DIFFER)


def _stale(frame: Frame, day: date, most: int, as_of: date) -> Iterator[Fault]:
    if (age := (as_of - day).days) > most:
        days = "1 day" if age == 1 else f"{age} days"
        what = f"its newest snapshot is of {day}, {days} before {as_of}, and {most} may be (max_age)."
        remedy = "Land a newer one, or run an earlier day with --as-of."
        if frame.format.is_table:
            what = f"its table was last written on {day} (as it is read), {days} before {as_of}, and {most} may be."
            remedy = "Write to it, take a newer version, or run an earlier day with --as-of (max_age)."
        yield Fault(f"Frame '{frame.name}'", what, remedy, STALE)


def _ageless(frame: Frame) -> Iterator[Fault]:
    what = "the version of its table that is read does not say when it was written, so nobody knows its age (max_age)."
    yield Fault(f"Frame '{frame.name}'", what, "Take max_age out, or have its writer keep commitInfo.timestamp.", STALE)


def change_faults(spark: SparkSession, lake: Lake, snapshots: Mapping[str, str]) -> Iterator[Fault]:
    """Frames whose snapshot is another than the one that was opened, or is gone."""
    for frame in lake.frames:
        if landed_as(spark, frame, snapshots[frame.name], lake.snapshots) is None:
            what = f"its snapshot {snapshots[frame.name]} changed while it was read, so what was decided is of neither."
            remedy = "Run it again once nobody writes there; land data beside what is there, in a folder of its day."
            yield Fault(f"Frame '{frame.name}'", what, remedy, CHANGED)
