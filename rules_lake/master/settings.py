"""What a master customer is made of: one TOML file (docs/master.md)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_lake.master.form import SEE, linking_faults, text_file, typed, unknown
from rules_lake.master.roles import ROLES


class Mode(StrEnum):
    """Where the master comes from: one source as it is, an outside table of ids, or records linked here."""

    GOLDEN = "golden"
    CROSSWALK = "crosswalk"
    BUILT_IN = "built-in"


class Survivor(StrEnum):
    """Which of several values of one column a master keeps."""

    MOST_RECENT = "most_recent"
    MOST_FREQUENT = "most_frequent"
    LONGEST = "longest"
    SOURCE_PRIORITY = "source_priority"


@dataclass(frozen=True, slots=True)
class Source:
    """
    One system's records, a row each, named by ``key``.

    ``roles`` and ``keep`` give the columns that a role, or a further column of the master, is read from; several are
    joined. ``single`` says that the system has no doubles; ``priority`` 1 is believed first.
    """

    name: str
    path: str
    format: str
    key: str
    roles: Mapping[str, tuple[str, ...]]
    keep: Mapping[str, tuple[str, ...]]
    updated: str = ""
    priority: int = 1
    single: bool = False
    day_first: bool = True
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A frame of a source's rows, whose column ``key`` names records of it: written again under master ids."""

    name: str
    path: str
    format: str
    source: str
    key: str
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Linking:
    """How records are linked: a pair at ``match`` or above is one person, at ``review`` or above somebody decides."""

    backend: str = "duckdb"
    seed: int = 1
    match: float = 0.95
    review: float = 0.5
    train: str = "once"
    threads: int = 0
    memory: str = ""
    blocking: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    u_pairs: int = 400_000
    em_pairs: int = 2_000_000
    largest: int = 20
    largest_block: int = 500
    weakest: float = 0.001


@dataclass(frozen=True, slots=True)
class Outside:
    """An outside tool's table: which record of which source is which master."""

    path: str = ""
    format: str = "parquet"
    source: str = "source"
    key: str = "source_id"
    master: str = "master_id"
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file; ``folder`` is where dated builds go, ``overrides`` what people decided."""

    mode: Mode
    folder: str
    overrides: str
    sources: tuple[Source, ...]
    linking: Linking
    survivorship: Mapping[str, Survivor]
    outside: Outside
    frames: tuple[Keyed, ...] = ()
    golden: str = ""
    first_id: int = 1_000_001
    source_text: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that any source has."""
        return frozenset(role for source in self.sources for role in source.roles)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the master in order: roles, then what is kept."""
        kept = dict.fromkeys(name for source in self.sources for name in source.keep)
        return (*(role for role in ROLES if role in self.roles), *kept)


WORDS = set("mode folder overrides sources frames linking survivorship crosswalk golden first_id".split())
OWN = ("master_id", "records", "sources")
"""Columns that every master has."""


def load(path: Path) -> Settings:
    """
    Read the settings; relative paths start at the file's folder.

    Raises:
        RunRefused: With every fault of the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        body = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        what = f"it cannot be read: {problem}."
        raise RunRefused(Fault(f"Master settings {path}", what, "Give the file with --settings.")) from problem
    return parse(body, str(path.resolve().parent), text)


def parse(body: Mapping[str, Any], base: str, text: str = "") -> Settings:
    """The settings that TOML says; all faults at once."""
    raise_all(RunRefused, _faults(body))
    sources = tuple(_source(name, said, base) for name, said in body.get("sources", {}).items())
    outside = Outside(**body.get("crosswalk", {}))
    linking: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in body.get("linking", {}).items()}
    settings = Settings(
        mode=Mode(body.get("mode", "built-in")),
        folder=_placed(str(body.get("folder", "master")), base),
        overrides=_placed(str(body.get("overrides", "overrides.csv")), base),
        sources=sources,
        linking=Linking(**linking),
        survivorship={name: Survivor(how) for name, how in body.get("survivorship", {}).items()},
        outside=replace(outside, path=_placed(outside.path, base)),
        frames=tuple(_keyed(name, said, base) for name, said in body.get("frames", {}).items()),
        golden=str(body.get("golden", "")),
        first_id=int(body.get("first_id", 1_000_001)),
        source_text=text,
    )
    raise_all(RunRefused, _disagreements(settings))
    return settings


def _placed(path: str, base: str) -> str:
    return path if not path or "://" in path or path.startswith("/") else f"{base}/{path}"


def _format(said: Mapping[str, Any], path: str) -> str:
    """As it is said, or else as the file's name ends."""
    return str(said.get("format") or ("csv" if path.lower().endswith(".csv") else "parquet"))


def _source(name: str, said: Mapping[str, Any], base: str) -> Source:
    columns: dict[str, Any] = {
        part: {k: _columns(v) for k, v in said.get(part, {}).items()} for part in ("roles", "keep")
    }
    plain = {k: v for k, v in said.items() if k not in ("roles", "keep", "path", "format")}
    path = _placed(str(said["path"]), base)
    return Source(name=name, path=path, format=_format(said, path), **columns, **plain)


def _keyed(name: str, said: Mapping[str, Any], base: str) -> Keyed:
    path = _placed(str(said["path"]), base)
    return Keyed(name, **{**said, "path": path, "format": _format(said, path)})


def _columns(said: str | list[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    yield from unknown("Master settings", body, WORDS)
    yield from typed("Master settings", {word: body[word] for word in body if word in _PLAIN}, Settings)
    if body.get("mode", "built-in") not in [*Mode]:
        yield Fault("Master settings", f"there is no mode '{body['mode']}'.", f"Say one of {', '.join(Mode)}.")
    for part, known in (("linking", Linking), ("crosswalk", Outside)):
        yield from typed(f"Master settings, [{part}]", body.get(part, {}), known)
    if isinstance(crosswalk := body.get("crosswalk", {}), Mapping):
        yield from text_file("Master settings, [crosswalk]", crosswalk)
    yield from _table_faults(body)


_PLAIN = ("folder", "overrides", "golden", "first_id")


def _table_faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    tables = [word for word in ("survivorship", "sources", "frames") if not isinstance(body.get(word, {}), Mapping)]
    for word in tables:
        yield Fault("Master settings", f"{word} = {body[word]!r}.", f"Write a table, [{word}]. {SEE}")
    if not body.get("sources"):
        yield Fault("Master settings", "they name no source.", "Write a table [sources.NAME] with path, key and roles.")
    if tables or not body.get("sources"):
        return
    for name, how in body.get("survivorship", {}).items():
        if how not in [*Survivor]:
            what = f"column '{name}' survives by '{how}', which means nothing."
            yield Fault("Master settings, [survivorship]", what, f"Say one of {', '.join(Survivor)}.")
    for name, said in body["sources"].items():
        yield from _source_faults(f"Source '{name}'", said)
    for name, said in body.get("frames", {}).items():
        yield from _frame_faults(f"Frame '{name}'", said, body["sources"])


def _source_faults(which: str, said: Any, kind: type = Source) -> Iterator[Fault]:
    yield from typed(which, said, kind)
    if not isinstance(said, Mapping):
        return
    for word in ("path", "key", *(["source"] if kind is Keyed else [])):
        if not said.get(word):
            yield Fault(which, f"it says no {word}.", f'Write {word} = "...". {SEE}')
    yield from text_file(which, said)
    yield from _column_faults(which, said)


def _frame_faults(which: str, said: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _source_faults(which, said, Keyed)
    if not re.fullmatch(r"Frame '\w[\w.-]*'", which):
        yield Fault(which, "its name is none of a folder.", "Use letters, digits, '_' and '-'.")
    if isinstance(said, Mapping) and said.get("source") and said["source"] not in sources:
        hint = did_you_mean(str(said["source"]), sources) or f"There are: {', '.join(sources)}."
        yield Fault(which, f"there is no source '{said['source']}', whose keys it has.", hint)


def _column_faults(which: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    parts = {part: said.get(part, {}) for part in ("roles", "keep") if isinstance(said.get(part, {}), Mapping)}
    for role in parts.get("roles", {}):
        if role not in ROLES:
            remedy = did_you_mean(role, ROLES) or f"There are: {', '.join(ROLES)}; others go to keep."
            yield Fault(which, f"there is no role '{role}'.", remedy)
    for name in parts.get("keep", {}):
        if name in ROLES or name in OWN:
            remedy = "Write it below roles." if name in ROLES else "Keep it under another name."
            yield Fault(which, f"it keeps '{name}', which is {'a role' if name in ROLES else 'its own'}.", remedy)
    for part, of in parts.items():
        for name, columns in of.items():
            if not columns or not isinstance(columns, str | list) or not all(isinstance(c, str) for c in columns):
                what = f"its {part} say {columns!r} for '{name}'."
                yield Fault(which, what, "Write a column's name, or a list of them.")


def _disagreements(settings: Settings) -> Iterator[Fault]:
    """What is well formed and cannot be meant."""
    linking, names = settings.linking, [source.name for source in settings.sources]
    yield from linking_faults(linking)
    for name in settings.survivorship:
        if name not in settings.columns:
            remedy = did_you_mean(name, settings.columns)
            yield Fault("Master settings, [survivorship]", f"no source has '{name}'.", remedy)
    for role in linking.compare:
        if role not in settings.roles:
            what = f"it compares '{role}', which no source has."
            yield Fault("Master settings, [linking]", what, did_you_mean(role, ROLES))
    if not 0 < settings.first_id < 2**62:
        yield Fault("Master settings", f"first_id = {settings.first_id}.", "Write a whole number above zero.")
    yield from _mode_faults(settings, names)


def _mode_faults(settings: Settings, names: list[str]) -> Iterator[Fault]:
    if settings.mode is Mode.GOLDEN and settings.golden not in names:
        yield Fault(
            "Master settings", f"the golden source '{settings.golden}' is none.", f"There are: {', '.join(names)}."
        )
    if settings.mode is Mode.CROSSWALK and not settings.outside.path:
        yield Fault("Master settings", "mode crosswalk names no table.", 'Write [crosswalk] with path = "...".')
    if settings.mode is Mode.BUILT_IN and len(settings.roles) < 2:
        what = f"the sources have {len(settings.roles)} roles: that is too little to know anybody by."
        yield Fault("Master settings", what, f"Give columns for some of {', '.join(ROLES)}.")
