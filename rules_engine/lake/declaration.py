"""The lake's declaration: one TOML file that names every frame a rule can see."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.model.columns import Column, OnBreach, column
from rules_engine.model.frames import Absent, Days, Format, Frame, Lake, Naming
from rules_engine.model.joint_holdings import joint_holdings
from rules_engine.model.layouts import Layout
from rules_engine.model.merged_subjects import merged_subjects

LAKE_WORDS = {
    "subject",
    "frames",
    "absent",
    "snapshots",
    "segments",
    "days",
    "on_breach",
    "holdings",
    "seen_by",
    "merged",
}
FRAME_WORDS = {
    *("path", "format", "key", "subject_key", "grain", "source_system", "columns", "options"),
    *("max_age", "orphans", "on_breach"),
}
CHOICES = {"absent": Absent, "snapshots": Naming, "days": Days, "on_breach": OnBreach}


def load(path: Path) -> Lake:
    """
    Read a declaration from a file; relative frame paths start at its folder.

    Raises:
        RunRefused: If the file is missing or not a declaration; all faults at once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RunRefused(
            Fault(
                f"Lake declaration {path}", f"it cannot be read: {problem}.", "Give its path with --lake or RULES_LAKE."
            )
        ) from problem
    return parse(text, str(path.resolve().parent))


def parse(text: str, base: str) -> Lake:
    """
    Read a declaration from its text.

    Raises:
        RunRefused: With every fault of the text.
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RunRefused(Fault("Lake declaration", f"it is not TOML: {problem}.", "Mend that line.")) from problem
    raise_all(RunRefused, _unknown_words(body))
    frames: list[Frame] = []
    faults: list[Fault] = []
    for name, said in body.get("frames", {}).items():
        try:
            frames.append(_frame(name, said, base))
        except RunRefused as refused:
            faults += refused.faults
        except (ValueError, TypeError, KeyError) as problem:
            faults.append(Fault(f"Frame '{name}'", f"{problem}.", "See docs/lake.md for the form of a frame."))
    raise_all(RunRefused, faults)
    subject = str(body.get("subject", ""))
    chosen: dict[str, Any] = {word: of(body[word]) for word, of in CHOICES.items() if word in body}
    holdings = joint_holdings(body.get("holdings"), subject)
    if "merged" in body:
        chosen["merged"] = merged_subjects(body["merged"])
    if "seen_by" in body:
        chosen["seen_by"] = tuple(map(str, body["seen_by"]))
    return Lake(subject, tuple(frames), segments=_segments(body.get("segments", ())), holdings=holdings, **chosen)


def _segments(said: Any) -> tuple[tuple[str, str], ...]:
    """Columns of the subject frame by their names, or names with the SQL that gives them."""
    found: list[tuple[str, str]] = []
    for each in said if isinstance(said, list | tuple) else [said]:
        if isinstance(each, str):
            found.append((each, f"`{each}`"))
        elif isinstance(each, dict) and {*each} == {"name", "sql"}:
            found.append((str(each["name"]), str(each["sql"])))
        else:
            what = f"it says a segment '{each}', which is none."
            remedy = 'Write segments = ["country", { name = "age", sql = "..." }].'
            raise RunRefused(Fault("Lake declaration", what, remedy))
    return tuple(found)


def _unknown_words(body: Mapping[str, Any]) -> Iterator[Fault]:
    for name in sorted(set(body) - LAKE_WORDS):
        yield _no_word("Lake declaration", name, LAKE_WORDS)
    for word, of in CHOICES.items():
        if word in body and body[word] not in [*of]:
            what = f"it says {word} = '{body[word]}', which means nothing."
            yield Fault("Lake declaration", what, f"There are: {', '.join(of)}.")
    for frame, said in body.get("frames", {}).items():
        for word in set(said) - FRAME_WORDS:
            yield _no_word(f"Frame '{frame}'", word, FRAME_WORDS)


def _no_word(which: str, word: str, known: Iterable[str]) -> Fault:
    hint = did_you_mean(word, known) or f"There are: {', '.join(sorted(known))}."
    return Fault(which, f"it says '{word}', which means nothing.", hint)


def _frame(name: str, said: Mapping[str, Any], base: str) -> Frame:
    if (written := said.get("format", "parquet")) not in [*Format]:
        hint = f"There are: {', '.join(Format)}."
        raise RunRefused(Fault(f"Frame '{name}'", f"its format is '{written}', which is no format.", hint))
    return Frame(
        name=name,
        path=_absolute(str(said.get("path", "")), base),
        format=Format(said.get("format", "parquet")),
        key=tuple(said.get("key", ())),
        subject_key=said.get("subject_key", ""),
        grain=said.get("grain", ""),
        source_system=said.get("source_system", ""),
        columns=_columns(name, said.get("columns", {})),
        options={k: str(v) for k, v in said.get("options", {}).items()},
        max_age=said.get("max_age"),
        orphans=said.get("orphans"),
        on_breach=OnBreach(said["on_breach"]) if "on_breach" in said else None,
    )


def _columns(frame: str, said: Mapping[str, Any]) -> tuple[Column, ...]:
    """All columns, or every fault of any."""
    found, faults = list[Column](), list[Fault]()
    for name, about in said.items():
        try:
            found.append(column(frame, name, about))
        except RunRefused as refused:
            faults += refused.faults
    raise_all(RunRefused, faults)
    return tuple(found)


SMALL = 48 * 2**20
"""
Bytes below which the JVM compiles quickly rather than well (``session.QUICK``).

100 rules over 400,000 rows (13 MB) took 14 seconds so, and 18 compiled well; over 4,000,000 (111 MB) 85, and 46.
"""


def is_small(lake: Lake) -> bool:
    """Whether every frame lies in local files, of all days together less than :data:`SMALL`."""
    places = {Layout(frame.path).root for frame in lake.frames}
    if any("://" in place for place in places):
        return False
    files = (f for place in places for f in [Path(place), *Path(place).rglob("*")] if f.is_file())
    return sum(f.stat().st_size for f in files) < SMALL


def _absolute(path: str, base: str) -> str:
    return path if not path or "://" in path or path.startswith("/") else f"{base}/{path}"
