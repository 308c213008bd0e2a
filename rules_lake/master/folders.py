"""Builds on disk: a folder a day, complete or not there, that the next build begins with."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.canonical import canonical_json
from rules_engine.whole_folder import whole_folder
from rules_lake.master import keyed, overrides, tables
from rules_lake.master import model as models
from rules_lake.master.identity import Ids, Step, Trail
from rules_lake.master.overrides import Override
from rules_lake.master.records import Records
from rules_lake.master.settings import Mode, Settings

if TYPE_CHECKING:
    from rules_lake.master.building import Build

MANIFEST = "manifest.json"
FORMAT = 1
BEGUN_WITH = ("ids/", "trail/", "model.json")
"""What a build reads of the one before, besides its manifest."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The build that a day's begins with."""

    day: str
    ids: Ids
    model: models.Model | None
    mode: str


def days(folder: str) -> list[str]:
    """The days that have a build, oldest first."""
    return sorted(
        path.parent.name for path in Path(folder).glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")
    )


def before(folder: str, day: str) -> Earlier | None:
    """The newest build of an earlier day."""
    earlier = [each for each in days(folder) if each < day]
    return _earlier(Path(folder) / earlier[-1]) if earlier else None


def trail(folder: str) -> list[Step]:
    """Every step of every id's life, by the newest build; none where there is no build, or ids are decided outside."""
    built = days(folder)
    return _trail(Path(folder) / built[-1]) if built else []


def _trail(place: Path) -> list[Step]:
    if not (place / "trail").exists():
        return []
    steps = pq.read_table(place / "trail" / tables.FILE).to_pylist()
    return [Step(row["day"], Trail(row["event"]), row["master_id"], row["other_id"]) for row in steps]


def same_kind(settings: Settings, earlier: Earlier | None) -> None:
    """
    Ids that are issued here and ids that are given elsewhere never take turns in one folder.

    Raises:
        RunRefused: If they would: a number could be that of two persons.
    """
    if earlier and (was := earlier.mode) != settings.mode and Mode.BUILT_IN in (was, settings.mode):
        what = f"the build of {earlier.day} has mode {was}, and the settings say {settings.mode}."
        remedy = "Name another folder for the masters of another mode, and a first_id that nobody has."
        raise RunRefused(Fault(f"Masters in {settings.folder}", what, remedy))


def as_written(place: Path, parts: tuple[str, ...] = BEGUN_WITH) -> dict[str, Any]:
    """
    The manifest of a build whose files below these names are as they were written.

    Raises:
        RunRefused: If there is no build, or one of them is not.
    """
    said = manifest(place)
    for name, sha256 in said["files"].items():
        if name.startswith(parts) and _sha256(place / name) != sha256:
            what = f"its file {name} is gone, or not as it was written."
            raise RunRefused(Fault(f"Master {place}", what, "Bring the folder back from a backup: ids hang on it."))
    return said


def _earlier(place: Path) -> Earlier:
    said = as_written(place)
    model = (
        models.from_text((place / "model.json").read_text(encoding="utf-8"))
        if (place / "model.json").exists()
        else None
    )
    if not (place / "ids").exists():
        return Earlier(place.name, Ids(next_id=1), model, said["mode"])
    rows = pq.read_table(place / "ids" / tables.FILE).to_pylist()
    now = {(row["source"], row["source_id"]): row["master_id"] for row in rows}
    first = {(row["source"], row["source_id"]): row["first_id"] for row in rows}
    return Earlier(place.name, Ids(now, first, _trail(place), said["next_id"]), model, said["mode"])


def manifest(place: Path) -> dict[str, Any]:
    """
    What a build says of itself.

    Raises:
        RunRefused: If there is no build.
    """
    try:
        said: dict[str, Any] = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        dict(said["files"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        what = f"it has no manifest that reads: {problem}."
        raise RunRefused(Fault(f"Master {place}", what, "Build that day: rules master build --day DAY.")) from problem
    return said


def input_digest(settings: Settings, records: Records, decided: Sequence[Override], earlier: Earlier | None) -> str:
    """The name of everything that a build is made of."""
    ids = earlier and [
        sorted([*key, master_id, earlier.ids.first[key]] for key, master_id in earlier.ids.now.items()),
        [[step.day, step.event, step.master_id, step.other] for step in earlier.ids.trail],
    ]
    model = earlier.model.text() if earlier and earlier.model else None
    said = [[d.decision, *d.a, *d.b, d.because, d.who, d.at] for d in decided]
    body = canonical_json([FORMAT, settings_digest(settings), records.checksums, said, ids, model])
    return hashlib.sha256(body.encode()).hexdigest()


def settings_digest(settings: Settings) -> str:
    """The name of the settings' text."""
    return hashlib.sha256(settings.source_text.encode()).hexdigest()


def already(folder: str, day: str, digest: str, replace: bool) -> dict[str, Any] | None:
    """
    The manifest of a build of the same input; None where the day is to be built.

    Raises:
        RunRefused: If the day was built from other input and is not to be replaced, or a later day stands on it.
    """
    place = Path(folder) / day
    if not (place / MANIFEST).exists():
        later = [each for each in days(folder) if each > day]
        if later:
            what = f"{later[0]} is built already: ids would be issued in another order."
            raise RunRefused(Fault(f"Master of {day}", what, "Build days in their order."))
        return None
    said = manifest(place)
    if said["input"] == digest:
        return said
    which = f"Master of {day}"
    if days(folder)[-1] != day:
        what = f"it was built from other input, and {days(folder)[-1]} stands on it."
        raise RunRefused(Fault(which, what, "Build the day after the newest instead."))
    if not replace:
        what = "it was built already, from other records, settings or decisions."
        raise RunRefused(Fault(which, what, "Build it again with --replace, or build another day."))
    return None


def write(
    settings: Settings,
    records: Records,
    made: Build,
    decided: Sequence[Override],
    earlier: Earlier | None,
    day: str,
    frames: Sequence[keyed.Rows] = (),
) -> dict[str, Any]:
    """Write a build: whole, or not at all; its manifest. ``frames`` are written again under master ids."""
    with whole_folder(Path(settings.folder) / day) as fresh:
        for name, table in tables.all_of(settings, records, made).items():
            _table(fresh / name, table)
        if made.model:
            (fresh / "model.json").write_text(made.model.text(), encoding="utf-8")
        counts = _frames(fresh / "frames", made, frames)
        said = _manifest(settings, records, made, decided, earlier, day)
        said |= {"frames": counts, "files": _checksums(fresh)}
        (fresh / MANIFEST).write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return said


def _frames(place: Path, made: Build, frames: Sequence[keyed.Rows]) -> dict[str, Any]:
    """Write frames under master ids; of each its rows, and how many name nobody."""
    masters = {member.key: member.master for member in made.members}
    counts = {}
    for rows in frames:
        table, nobody = rows.under(masters, tables.id_type(made))
        keyed.write(place / rows.frame.name, rows.frame, table)
        counts[rows.frame.name] = {"rows": len(table), "of_nobody": nobody}
    return counts


def _table(place: Path, table: pa.Table) -> None:
    place.mkdir()
    pq.write_table(table, place / tables.FILE, compression="zstd", store_schema=False)


def _checksums(place: Path) -> dict[str, str]:
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    """The digest of a file's bytes; of one that is not there none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _manifest(
    settings: Settings, records: Records, made: Build, decided: Sequence[Override], earlier: Earlier | None, day: str
) -> dict[str, Any]:
    """No moment and no machine: the same input has the same manifest."""
    outcomes = Counter(judged.outcome for judged in made.judged)
    sizes = Counter(len(rows) for rows in made.masters.values())
    known = {*records.keys, *(earlier.ids.now if earlier else ())}
    return {
        "format": FORMAT,
        "day": day,
        "mode": str(settings.mode),
        "input": input_digest(settings, records, decided, earlier),
        "settings": settings_digest(settings),
        "sources": records.checksums,
        "before": earlier.day if earlier else None,
        "overrides": len(decided),
        "overrides_of_absent": sum(None in map(records.place, each.pair) for each in decided),
        "records": _by_source(key[0] for key in records.keys),
        "overrides_of_unknown": [*map(overrides.spelt, overrides.never_seen(decided, known))],
        "no_birth_days": tables.no_days(settings, records),
        "masters": len(made.masters),
        "sizes": {str(size): sizes[size] for size in sorted(sizes)},
        "pairs": {outcome: outcomes[outcome] for outcome in sorted(outcomes)},
        "trail": _by_source(str(step.event) for step in made.steps),
        "next_id": made.ids.next_id if made.ids else 0,
        "model": _parameters(made),
        "versions": {name: version(name) for name in ("splink", "duckdb", "pyarrow")} if made.model else {},
    }


def _by_source(names: Iterable[str]) -> dict[str, int]:
    counted = Counter(names)
    return {name: counted[name] for name in sorted(counted)}


def _parameters(made: Build) -> dict[str, Any]:
    """Each level's m and u, as they were used."""
    if not made.model:
        return {}
    levels = {
        name: [[level["label_for_charts"], level.get("m_probability"), level.get("u_probability")] for level in levels]
        for name, levels in made.model.comparisons.items()
    }
    return {"prior": made.model.prior, "levels": levels}
