"""A day's build from settings to folder: the whole of `rules master build`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.ports import Progress, silent
from rules_lake.master import folders, keyed, overrides, records
from rules_lake.master.building import OpenBackend, build
from rules_lake.master.settings import Mode, Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """The manifest of a day's build, and whether it was there before."""

    manifest: dict[str, Any]
    was_there: bool


def build_day(
    settings: Settings, day: str, backend: OpenBackend, again: bool = False, progress: Progress = silent
) -> Outcome:
    """
    Build a day's master and write it, or find that it is written.

    Raises:
        RunRefused: For what is wrong with sources, decisions or days; nothing is written.
    """
    progress("Reading the sources", 0.0)
    found, frames = _read(settings, day)
    decided = overrides.read(settings.overrides) if settings.mode is Mode.BUILT_IN else []
    earlier = folders.before(settings.folder, day)
    folders.same_kind(settings, earlier)
    earlier = earlier if settings.mode is Mode.BUILT_IN else None
    names = [source.name for source in settings.sources]
    known = {*found.keys, *(earlier.ids.now if earlier else ())}
    raise_all(RunRefused, overrides.strange_faults(settings.overrides, decided, names, known))
    digest = folders.input_digest(settings, found, decided, earlier)
    if said := folders.already(settings.folder, day, digest, again):
        return Outcome(said, True)
    model = earlier.model if earlier and settings.linking.train == "once" else None
    made = build(settings, found, day, decided, earlier.ids if earlier else None, model, backend, progress)
    progress(f"Writing {len(made.masters):,} masters", 0.95)
    return Outcome(folders.write(settings, found, made, decided, earlier, day, frames), False)


def _read(settings: Settings, day: str) -> tuple[records.Records, tuple[keyed.Rows, ...]]:
    """Sources and frames, with everything that is wrong with them; the frames' checksums are among the sources'."""
    faults: list[Fault] = []
    frames: tuple[keyed.Rows, ...] = ()
    found: records.Records | None = None
    try:
        frames = keyed.read(settings, day)
    except RunRefused as refused:
        faults += refused.faults
    try:
        found = records.read(settings, day)
    except RunRefused as refused:
        faults += refused.faults
    raise_all(RunRefused, faults)
    assert found is not None
    raise_all(RunRefused, (fault for rows in frames for fault in rows.faults(found.keys)))
    return replace(found, checksums=found.checksums | {f"[frames.{f.frame.name}]": f.checksum for f in frames}), frames
