"""The catalogue of an installation's lake: what is declared, what the data holds, and which rules use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from rules_engine.errors import RulesError
from rules_engine.model.columns import Column
from rules_engine.model.frames import Frame, Lake

if TYPE_CHECKING:
    from jobs.wiring import Installation
    from rules_engine.lake.profile import ColumnProfile
    from rules_engine.lake.used import Used


@dataclass(frozen=True, slots=True)
class Entry:
    """One column: what is declared of it, what was read of it, and the keys of the rules that use it."""

    declared: Column
    profile: ColumnProfile | None
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogued:
    """One frame; ``rows`` and ``snapshot`` None where it was not read."""

    frame: Frame
    entries: tuple[Entry, ...]
    rows: int | None = None
    snapshot: str | None = None


def declared_alone(frames: Sequence[Frame]) -> list[Catalogued]:
    """What the declaration says; no data is read and no rule asked."""
    return [Catalogued(frame, tuple(Entry(column, None, ()) for column in frame.columns)) for frame in frames]


def catalogued(installation: Installation, frames: Sequence[Frame], on: date, now: datetime) -> list[Catalogued]:
    """
    Frames as they had landed by a day.

    Raises:
        RunRefused: If the lake cannot be opened.
    """
    from rules_engine.lake.profile import profile

    evaluator, lake = installation.evaluator, installation.lake
    hidden = lake.holdings.sensitive(lake.frames, lake.subject_key) if lake.holdings else ()
    snapshots = evaluator.snapshots(on)
    uses, found = _uses(installation, on, now), list[Catalogued]()
    read_of = {name for frame in frames for name in _read(lake, frame)}
    evaluator.believe(on, [frame for frame in lake.frames if frame.name in read_of])
    for frame in frames:
        read = profile(frame, evaluator.spark.table(frame.name), hidden if frame in lake.ready_frames else ())
        said = {column.name.lower(): column for column in frame.columns}
        entries = (
            Entry(said.get(each.name.lower()) or Column(each.name, each.type), each, _keys(uses, frame, each.name))
            for each in read.columns
        )
        found.append(Catalogued(frame, tuple(entries), read.rows, snapshots.get(frame.name)))
    return found


def _read(lake: Lake, frame: Frame) -> Iterable[str]:
    """The frames whose files are read for one: itself, or what it is made of."""
    return lake.holdings.reads(lake.frames) if lake.holdings and frame in lake.ready_frames else [frame.name]


def _uses(installation: Installation, on: date, now: datetime) -> Used:
    """What the rules in force on a day use; nothing where there are none, or no repository."""
    from rules_engine.lake.used import Used, used

    with suppress(RulesError):
        rule_set = installation.repository.rule_set(on, now)
        schema = installation.evaluator.schema(on, rule_set.reference_lists)
        return used(rule_set.versions, schema, installation.lake)
    return Used()


def _keys(uses: Used, frame: Frame, column: str) -> tuple[str, ...]:
    return tuple(sorted(version.rpartition("/")[0] for version in uses.of(frame.name, column)))
