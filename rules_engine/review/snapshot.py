"""The frames as a run read them, opened again: never a newer state of any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused
from rules_engine.lake.lists import open_lists
from rules_engine.lake.reading import open_frames, schema_of
from rules_engine.lake.storage import Landed, landed_as
from rules_engine.model.frames import Lake
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_engine.spark.sandbox import hush
from rules_engine.spark.session import pin
from rules_engine.sql.tokens import tokens

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Reopened:
    """Views of a session of its own; ``gone`` are the frames whose state is there no more, and how it was named."""

    spark: SparkSession
    lake: Lake
    schema: Schema
    gone: Mapping[str, str]

    def missing_for(self, version: RuleVersion) -> str:
        """The frame that a rule reads and that is gone; empty where it has all it reads."""
        named = {version.frame.lower(), *(token.word for token in tokens(version.sql))}
        return next((name for name in self.gone if name.lower() in named), "")


def reopened(
    spark: SparkSession, lake: Lake, snapshots: Mapping[str, str], lists: Iterable[ReferenceList] = ()
) -> Reopened:
    """
    The frames whose state is still the one that ``snapshots`` names.

    Raises:
        RunRefused: If the subjects' own frame is not among them.
    """
    places: dict[str, Landed] = {}
    gone: dict[str, str] = {}
    for frame in lake.frames:
        said = snapshots.get(frame.name, "")
        found = landed_as(spark, frame, said, lake.snapshots) if said else None
        if found:
            places[frame.name] = found
        else:
            gone[frame.name] = said or "(not read)"
    if lake.subject_frame.name in gone:
        raise RunRefused(gone_fault(lake.subject_frame.name, gone[lake.subject_frame.name]))
    hush()
    own = pin(spark)
    holdings = lake.holdings if not lake.holdings or not {*lake.holdings.reads(lake.frames)} & {*gone} else None
    if lake.holdings and not holdings:
        gone[lake.holdings.name] = gone.get(lake.frame(lake.holdings.frame).name, "(not read)")
    there = replace(lake, frames=tuple(f for f in lake.frames if f.name in places), holdings=holdings, merged=None)
    frames = open_frames(own, there, places)[0] | open_lists(own, there, lists)
    return Reopened(own, there, schema_of(there, frames), gone)


def gone_fault(frame: str, snapshot: str) -> Fault:
    """What is said of a state of a frame that is there no more."""
    what = f"the snapshot that the run read, {snapshot}, is gone or was altered: its values cannot be shown."
    return Fault(f"Frame '{frame}'", what, "Bring its files back from a backup, or ask about a run whose data is kept.")
