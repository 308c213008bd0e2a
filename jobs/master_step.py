"""
Build a day's master customers on a cluster: what landed in, the build's folder out.

Under a role that reads landed data and writes masters. It starts no Spark of EMR's: records are linked by DuckDB on the
node that it runs on, from copies of the day's files, and the build is put in place whole, its manifest last.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from jobs import mastering
from jobs.entry import Summary, day, finish, knows_nothing_of, words
from rules_engine.errors import Fault, RunRefused
from rules_lake.landing.manifest import checked
from rules_lake.landing.place import MANIFEST, Place, shown
from rules_lake.master import folders
from rules_lake.master.settings import Settings, parse

NOT_TO_KNOW = ("RULES_DATABASE_URL", "RULES_HISTORY_ENDPOINT", "PGPASSWORD", "RULES_TOKEN_SECRET")

ARGUMENTS = words(
    __doc__,
    settings=(str, "URI of the settings of master customers; relative places start at its folder"),
    day=(day, "the day whose extracts are read"),
)


def step(argv: Sequence[str]) -> Summary:
    """Build a day, or find that it is built; another build of it stays as it is."""
    told = ARGUMENTS.parse_args(argv)
    knows_nothing_of(NOT_TO_KNOW, os.environ)
    there, on = _settings(told.settings), told.day.isoformat()
    with tempfile.TemporaryDirectory(prefix="master-") as scratch:
        outcome = mastering.built(_near(there, on, Path(scratch)), on)
        if not outcome.was_there:
            _put(Path(scratch) / "master" / on, Place(there.folder).below(on))
    said = outcome.manifest
    made = {name: said[name] for name in ("day", "records", "masters", "input")}
    return made | {"was_there": outcome.was_there, "place": shown(f"{there.folder}/{on}")}


def _settings(uri: str) -> Settings:
    """
    The settings at a URI.

    Raises:
        RunRefused: If there are none, or with every fault of them.
    """
    folder, _, name = uri.rpartition("/")
    which, text = f"Master settings {shown(uri)}", Place(folder).text(name)
    if text is None:
        raise RunRefused(Fault(which, "there is no such file.", "Put it there, or mend the address."))
    try:
        return parse(tomllib.loads(text), folder, text)
    except tomllib.TOMLDecodeError as problem:
        raise RunRefused(Fault(which, f"it is no TOML: {problem}.", 'Write NAME = "value", a line each.')) from problem


def _near(said: Settings, on: str, scratch: Path) -> Settings:
    """The same settings over copies of what a day's build reads, below a folder of this machine."""
    sources = tuple(replace(each, path=_copy(each.path, on, scratch / "sources" / each.name)) for each in said.sources)
    frames = tuple(replace(each, path=_copy(each.path, on, scratch / "frames" / each.name)) for each in said.frames)
    outside = replace(said.outside, path=_copy(said.outside.path, on, scratch / "outside") if said.outside.path else "")
    overrides = _copy(said.overrides, on, scratch / "overrides")
    _earlier(Place(said.folder), on, scratch / "master")
    near = replace(said, folder=str(scratch / "master"), overrides=overrides)
    return replace(near, sources=sources, frames=frames, outside=outside)


def _copy(uri: str, on: str, target: Path) -> str:
    """Copy a file, a folder, or what a pattern names, of a day; the address of the copy, even where there is none."""
    folder, _, pattern = uri.replace("{day}", on).rpartition("/")
    place = Place(folder)
    names = place.names()
    if MANIFEST in names:
        checked(place)
    for name in (each for each in names if fnmatchcase(each, pattern)):
        inside = place.below(name)
        if inside.kind() == "folder":
            for file in inside.files():
                _fetch(inside, file.name, target / name)
        else:
            _fetch(place, name, target)
    return str(target / pattern)


def _earlier(there: Place, on: str, here: Path) -> None:
    """Copy what a build begins with: the manifests of all days, and of the newest earlier one all that it reads."""
    days = sorted(name for name in there.names() if not name.startswith("."))
    newest = max((name for name in days if name < on), default=None)
    for name in days:
        for file in there.below(name).files():
            if file.name == folders.MANIFEST or (name == newest and file.name.startswith(folders.BEGUN_WITH)):
                _fetch(there.below(name), file.name, here / name)


def _fetch(place: Place, name: str, folder: Path) -> None:
    copy = folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    with place.reading(name) as stream:
        copy.write_bytes(stream.read())


def _put(made: Path, there: Place) -> None:
    """Write a build where it belongs, its manifest last: without one it is none."""
    files = sorted((path for path in made.rglob("*") if path.is_file()), key=lambda path: path.name == folders.MANIFEST)
    for path in files:
        with there.writing(str(path.relative_to(made))) as out:
            out.write(path.read_bytes())


if __name__ == "__main__":
    finish(step)
