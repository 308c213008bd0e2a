"""Why two records are one person or are not: what each comparison says, in bits, from the model that was used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused
from rules_lake.master import folders, model, overrides, tables
from rules_lake.master.overrides import Override
from rules_lake.master.records import Key, Records
from rules_lake.master.reviewing import changed, linked_here, row_of
from rules_lake.master.settings import Settings

if TYPE_CHECKING:
    from rules_lake.master.linking import Linkage


@dataclass(frozen=True, slots=True)
class Part:
    """What one comparison says: bits above zero for one person, below for two."""

    name: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Why:
    """
    A pair explained: the parts with the prior first, what they come to, and what came of it in a build.

    ``changed`` names the sources that are others now than the build read: the parts are of what they say now.
    """

    a: Key
    b: Key
    parts: tuple[Part, ...]
    probability: float
    masters: tuple[int | str, int | str]
    decided: Override | None
    through: tuple[Key, ...]
    changed: tuple[str, ...] = ()

    @property
    def together(self) -> bool:
        """Whether the two are one master."""
        return self.masters[0] == self.masters[1]

    @property
    def bits(self) -> float:
        """All parts together."""
        return sum(part.bits for part in self.parts)


def explain(settings: Settings, records: Records, day: str, linkage: Linkage, a: Key, b: Key) -> Why:
    """
    Explain a pair by a day's build.

    Raises:
        RunRefused: If a record is not there, or was not in the build.
    """
    linked_here(settings)
    rows = row_of(records, a), row_of(records, b)
    place = Path(settings.folder) / day
    folders.as_written(place, ("model.json", "crosswalk/", "pairs/"))
    used = model.from_text((place / "model.json").read_text(encoding="utf-8"))
    if not linkage.fits(used):
        what = f"they compare other columns than the build of {day} did."
        raise RunRefused(Fault("Master settings", what, "Build a day by them, or explain by the settings of then."))
    said = linkage.details(used, min(rows), max(rows))
    parts = (Part("before anything is compared", "", _bits(used.prior)), *_parts(used, said))
    crosswalk = {(r["source"], r["source_id"]): r for r in pq.read_table(place / "crosswalk" / tables.FILE).to_pylist()}
    for key in (a, b):
        if key not in crosswalk:
            what = f"the build of {day} did not have it."
            raise RunRefused(Fault(f"Record {overrides.spelt(key)}", what, "Build a day that has: rules master build."))
    decided = {override.pair: override for override in overrides.read(settings.overrides)}
    masters = crosswalk[a]["master_id"], crosswalk[b]["master_id"]
    through = _path(place, a, b) if masters[0] == masters[1] else ()
    pair = (min(a, b), max(a, b))
    other = tuple(changed(settings, records, day))
    return Why(a, b, parts, round(said["match_probability"], 6), masters, decided.get(pair), through, other)


def _bits(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _parts(used: model.Model, said: Any) -> list[Part]:
    """Each comparison with the level that the pair has, and its bits, those for a rare value included."""
    found = []
    for name, levels in used.comparisons.items():
        number = said[f"gamma_{name}"]
        known = [level for level in levels if not level.get("is_null_level")]
        level = "not known" if number < 0 else str(known[len(known) - 1 - number]["label_for_charts"])
        bits = float(said[f"mw_{name}"] or 0.0) + float(said.get(f"mw_tf_adj_{name}") or 0.0)
        found.append(Part(name, level, round(bits, 2)))
    return found


def _path(place: Path, a: Key, b: Key) -> tuple[Key, ...]:
    """The records between two that are one master by way of others; none where they are linked themselves."""
    near: dict[Key, list[Key]] = {}
    for row in pq.read_table(place / "pairs" / tables.FILE).to_pylist():
        if row["outcome"] in ("linked", "decided_same"):
            one, other = (row["source_a"], row["key_a"]), (row["source_b"], row["key_b"])
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    paths: list[tuple[Key, ...]] = [(a,)]
    seen = {a}
    while paths:
        path = paths.pop(0)
        if path[-1] == b:
            return path[1:-1]
        fresh = [key for key in sorted(near.get(path[-1], ())) if key not in seen]
        seen.update(fresh)
        paths += [(*path, key) for key in fresh]
    return ()
