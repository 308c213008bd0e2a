"""The whole lake curated: each frame of a day, the declaration that rules are evaluated by, and what was dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.model.canonical import canonical_json
from rules_lake.landing.landing import landed_days, passed_over, place_of
from rules_lake.landing.place import Place
from rules_lake.privacy.curating import Columns, Curated, Tokenising, curate, needs_secret
from rules_lake.privacy.declared import Declared, written
from rules_lake.privacy.policy import Treatment
from rules_lake.privacy.used import Used, together, used_by_lake

PRIVACY = "privacy.json"
"""Beside the curated declaration: of every declared column what became of it, and why."""


@dataclass(frozen=True, slots=True)
class CuratedLake:
    """The frames of a day, and the columns that go on although nothing uses them, or not although something does."""

    frames: tuple[Curated, ...]
    declared: bool
    """Whether the declaration was written anew."""


def curate_lake(
    declared: Declared, day: date | None, used: Used, tokens: Tokenising | None, target: str
) -> CuratedLake:
    """
    Curate the newest landed snapshot of every frame, not after a day, into the folder of the declaration ``target``.

    ``used`` are the columns that rules read; keys and segments are added. Only frames are made of which the landed
    snapshot, a policy or a used column is another than before.

    Raises:
        RunRefused: With everything that is missing, before anything is written.
    """
    wanted = together(used, used_by_lake(declared.lake))
    decided = declared.resolved(wanted)
    days, faults = _days(declared, day)
    faults += [*_needed_faults(decided, used)]
    if needs_secret(decided.values()) and tokens is None:
        what = "columns are tokenised, and no secret is given."
        remedy = "Set RULES_TOKEN_SECRET, or RULES_TOKEN_SECRET_NAME to its name in Secrets Manager."
        faults.append(Fault("Secret of tokens", what, remedy))
    folder, _, name = target.rpartition("/")
    lake = Place(folder)
    faults += [*_place_faults(declared, lake, name)]
    raise_all(RunRefused, faults)
    tokens = tokens and replace(tokens, numbered=declared.numbered(decided))
    frames = tuple(curate(frame, days[frame.name], decided[frame.name], tokens, lake) for frame in declared.lake.frames)
    said = {each.frame: each.columns for each in frames}
    texts = {PRIVACY: canonical_json({"form": 1, "frames": said}) + "\n", name: written(_body(declared, decided))}
    changed = [*(file for file, text in texts.items() if lake.text(file) != text)]
    for file in changed:
        lake.replace(file, texts[file].encode())
    return CuratedLake(frames, name in changed)


def _place_faults(declared: Declared, lake: Place, name: str) -> Iterator[Fault]:
    """A lake that is somebody's own, or whose folders are those of what landed: neither is overwritten."""
    which = f"Lake {lake.uri}"
    if {name, PRIVACY} & {*lake.names()} == {name}:
        what = f"its {name} was not written by `rules curate`, which would overwrite it."
        yield Fault(which, what, "Name another RULES_LAKE for the curated lake, or move this file away.")
    for frame in declared.lake.frames:
        landed, curated = (f"{place}/" for place in (place_of(frame, date.min).root, lake.below(frame.name).root))
        if landed.startswith(curated):
            what = f"frame '{frame.name}' lands in a folder of it, so what lands would lie in the lake."
            yield Fault(which, what, "Give what lands a folder of its own: RULES_LANDED.")


def _days(declared: Declared, day: date | None) -> tuple[dict[str, date], list[Fault]]:
    found, faults = dict[str, date](), list[Fault]()
    for frame in declared.lake.frames:
        past = [each for each in landed_days(frame) if day is None or each <= day]
        if past:
            found[frame.name] = past[-1]
            faults += passed_over(frame, past[-1])
        else:
            until = f" up to {day}" if day else ""
            remedy = f"Land it: rules land SOURCE {frame.name}."
            faults.append(Fault(f"Frame '{frame.name}'", f"nothing has landed{until}.", remedy))
    return found, faults


def _needed_faults(decided: Mapping[str, Columns], used: Used) -> Iterator[Fault]:
    """Columns that rules in force read and that are declared to be dropped: the night would stop at these rules."""
    for frame, columns in decided.items():
        for column in sorted(used.get(frame, ())):
            if column in columns and columns[column][0].drops:
                what = "a rule in force reads it, and its privacy is 'drop'."
                remedy = "Say keep, band, mask or tokenise, or retire the rule: rules list --select 'column:"
                yield Fault(f"Column '{frame}.{column}'", what, f"{remedy}{column}'.")


def _body(declared: Declared, decided: Mapping[str, Columns]) -> dict[str, Any]:
    """The declaration of the curated lake: the words of the landed one, columns and places as they became."""
    frames = {}
    for name, said in declared.body["frames"].items():
        columns = {
            column: _column(about, decided[name][column][0].treatment, decided[name][column][0].type_after)
            for column, about in said["columns"].items()
            if not decided[name][column][0].drops
        }
        other = {word: value for word, value in said.items() if word not in ("columns", "format", "options", "path")}
        frames[name] = {"path": f"{name}/{{day}}", "format": "parquet", **other, "columns": columns}
    return {**{word: value for word, value in declared.body.items() if word != "frames"}, "frames": frames}


def _column(about: Any, treatment: Treatment, type_after: Any) -> Any:
    if not isinstance(about, Mapping):
        return type_after(str(about))
    said = {word: value for word, value in about.items() if word != "privacy"}
    said["type"] = type_after(str(said["type"]))
    if treatment not in (Treatment.KEEP, Treatment.DROP):  # what was expected of the landed values
        said = {word: value for word, value in said.items() if word not in ("min", "max", "values", "pattern")}
    return said
