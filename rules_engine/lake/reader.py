"""The lake reader port on Spark: opens what has landed, and reads it before it is believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused, collected, raise_all
from rules_engine.lake.breaches import failures
from rules_engine.lake.checks import checked
from rules_engine.lake.freshness import change_faults
from rules_engine.lake.hadoop import files_below
from rules_engine.lake.opening import declared_types, text_frame
from rules_engine.lake.reading import open_frames, schema_of
from rules_engine.lake.storage import Landed, days, landed, shown
from rules_engine.model.frames import Frame, Lake
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import Checked, OpenLake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class SparkLakeReader:
    """Reads the frames of lakes as views of the session that asks."""

    def days(self, session: SparkSession, lake: Lake) -> list[date]:
        return days(session, lake.subject_frame)

    def open(self, session: SparkSession, lake: Lake, as_of: date) -> OpenLake[DataFrame]:
        places: dict[str, Landed] = {}
        faults: list[Fault] = []
        for frame in lake.frames:
            if found := collected(lambda frame=frame: landed(session, frame, as_of, lake.snapshots), faults):  # type: ignore[misc]
                places[frame.name] = found
        raise_all(RunRefused, faults)
        frames, summaries = open_frames(session, lake, places)
        snapshots = {name: place.snapshot for name, place in places.items()}
        where = {name: place.path for name, place in places.items()}
        written = {name: place.version.written for name, place in places.items() if place.version}
        return OpenLake(as_of, lake, snapshots, where, frames, schema_of(lake, frames), summaries, written)

    def check(self, opened: OpenLake[DataFrame], rule_set: RuleSet | None) -> Checked:
        self.believed(opened, opened.declaration.frames)  # what is no value would end the checks after it
        subjects, found = checked(opened, rule_set)
        return Checked(subjects, failures(rule_set, found) if rule_set and found else ())

    def confirm(self, opened: OpenLake[DataFrame]) -> None:
        session = next(iter(opened.frames.values())).sparkSession
        raise_all(RunRefused, change_faults(session, opened.declaration, opened.snapshots))

    def believed(self, opened: OpenLake[DataFrame], frames: Iterable[Frame]) -> None:
        """
        See that all of the frames' text files would come back as they were written.

        Raises:
            RunRefused: With everything that would not.
        """
        texts = [frame for frame in frames if frame.format.is_text]
        with ThreadPoolExecutor(4) as several:
            found = several.map(lambda frame: list(self._of_text(opened, frame)), texts)
            raise_all(RunRefused, [fault for of_frame in found for fault in of_frame])

    def _of_text(self, opened: OpenLake[DataFrame], frame: Frame) -> Iterator[Fault]:
        spark, path = opened.frames[frame.name].sparkSession, opened.places[frame.name]
        files = shown(files_below(spark, path))
        yield from text_frame(spark, frame, declared_types(spark, frame), path, files).faults()
