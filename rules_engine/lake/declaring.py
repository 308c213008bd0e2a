"""A lake's declaration written from the files of a folder, so that nobody types columns that files can say."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all
from rules_engine.lake import heads
from rules_engine.lake.agreement import toml_key
from rules_engine.lake.arrow_types import Unreadable
from rules_engine.lake.guessing import LOOKED_AT, columns_of_json, type_of_texts
from rules_engine.lake.json_records import DECODER, Pairs
from rules_engine.model.columns import Column
from rules_engine.model.frames import Format, Frame

ENDS = {
    ".parquet": Format.PARQUET,
    ".orc": Format.ORC,
    ".csv": Format.CSV,
    ".json": Format.JSON,
    ".jsonl": Format.JSON,
    ".ndjson": Format.JSON,
}
OF_A_DAY = re.compile(r"(\D*)([0-9]{4}-[0-9]{2}-[0-9]{2}|(?:19|20)[0-9]{6})((?:\D.*)?)")
"""A name that says a day, and what stands before and after it."""
PARTS = (("{yyyy}", r"[0-9]{4}"), ("{mm}", r"[0-9]{1,2}"), ("{dd}", r"[0-9]{1,2}"))
SUBJECTS = ("customers", "customer", "members", "clients", "persons", "people", "parties", "subjects", "accounts")
"""Frames that decisions are likely to be about, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is: its path as declared, the files of its newest day, and the columns that folders say."""

    name: str
    path: str
    format: Format
    files: tuple[Path, ...]
    folders: Mapping[str, str] = field(default_factory=dict)


def declared(folder: Path, subject: str = "", key: str = "") -> tuple[str, list[Frame]]:
    """
    The frames of a folder and which of them holds the subjects, guessed where it is not said.

    Raises:
        RunRefused: If there are no frames, or it cannot be guessed what decisions are about.
    """
    frames: list[Frame] = []
    faults: list[Fault] = []
    children = sorted(folder.iterdir()) if folder.is_dir() else []
    for child in children:
        try:
            if not child.name.startswith((".", "_")) and (place := _place(child)):
                frames.append(_frame(place))
        except RunRefused as refused:
            faults += refused.faults
    raise_all(RunRefused, [*faults, *_of_one_name(frames)])
    if not frames:
        what = f"there is no frame in it: folders or files of {', '.join(ENDS)}, Delta or Iceberg tables."
        raise RunRefused(Fault(f"Folder {folder}", what, "Give the folder in which each frame has one of its own."))
    chosen = _subject(frames, subject)
    own = _key(chosen, key)
    return chosen.name, [_keyed(frame, chosen, own) for frame in frames]


def _of_one_name(frames: Sequence[Frame]) -> Iterator[Fault]:
    """Folders and files of which the names differ in signs and capitals alone, which no name of a frame can have."""
    names = [frame.name.lower() for frame in frames]
    for name in sorted({name for name in names if names.count(name) > 1}):
        alike = [f"'{frame.path.split('/')[0]}'" for frame in frames if frame.name.lower() == name]
        what = f"{' and '.join(alike)} would be called so, each of them."
        yield Fault(f"Frame '{name}'", what, "Rename all but one.")


def _place(child: Path) -> Place | None:
    """Where the files of a frame are; None for what is no frame."""
    name = re.sub(r"\W+", "_", child.stem if child.is_file() else child.name).strip("_")
    if child.is_file():
        format_ = _format(child)
        return Place(name, child.name, format_, (child,)) if format_ else None
    if (child / "_delta_log").is_dir():
        return Place(name, child.name, Format.DELTA, tuple(_files(child))[-1:])
    if (child / "metadata").is_dir() and list((child / "metadata").glob("*.metadata.json")):
        return Place(name, child.name, Format.ICEBERG, tuple(_files(child / "data"))[-1:])
    path, newest = _newest(child)
    files = (newest,) if newest.is_file() else tuple(_files(newest))
    formats = {_format(file) for file in files}
    if not files or None in formats or len(formats) > 1:
        known = sorted({file.suffix for file in files})
        what = f"its files are of {', '.join(known) or 'no kind: there are none'}, and a frame has files of one format."
        raise RunRefused(Fault(f"Frame '{name}'", what, f"There are: {', '.join(ENDS)}."))
    (format_,) = formats
    assert format_ is not None
    return Place(name, path, format_, files, _folders(newest, files))


def _newest(folder: Path) -> tuple[str, Path]:
    """
    The path as it is declared, dated where folders or files say days, and what is there of the newest.

    Raises:
        RunRefused: If files say days and are not called alike: all of them would be read as of one day.
    """
    seen = sorted(each for each in folder.iterdir() if not each.name.startswith((".", "_")))
    below = [each for each in seen if each.is_dir()] or [each for each in seen if _format(each)]
    said = {each: OF_A_DAY.fullmatch(each.name) for each in below}
    days = {each: match[2].replace("-", "") for each, match in said.items() if match}
    ways = {(match[1], match[3]) if match else (): each.name for each, match in said.items()}
    if days and len(ways) == 1:
        return f"{folder.name}/{'{day}'.join(*ways)}", max(days, key=lambda each: days[each])
    if below and below[0].is_file() and len({*days.values()}) > 1:
        what = f"its files say days and are not called alike, as {' and '.join([*ways.values()][:2])}."
        remedy = "Name each by its day and the same about it, such as 2024-06-05.csv, or land a folder a day."
        raise RunRefused(Fault(f"Folder {folder}", what, remedy))
    path, at = folder.name, folder
    for placeholder, pattern in PARTS:
        below = [each for each in at.iterdir() if each.is_dir() and re.fullmatch(rf"(\w+=)?({pattern})", each.name)]
        if not below:
            return folder.name, folder
        at = max(below, key=lambda each: int(each.name.rpartition("=")[2]))
        prefix = at.name.rpartition("=")[0]
        path = f"{path}/{prefix + '=' if prefix else ''}{placeholder}"
    return path, at


def _files(folder: Path) -> list[Path]:
    """Data files below a folder, without those that Spark does not read."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [f for f in found if not any(p.startswith((".", "_")) for p in f.relative_to(folder).parts if "=" not in p)]


def _format(file: Path) -> Format | None:
    name = file.name.lower().removesuffix(".gz").removesuffix(".bz2")
    return next((format_ for end, format_ in ENDS.items() if name.endswith(end)), None)


def _folders(root: Path, files: Sequence[Path]) -> dict[str, str]:
    """Columns that folders say, and types that all their values have."""
    values: dict[str, list[str]] = {}
    for file in files:
        for part in file.relative_to(root).parts[:-1]:
            name, said, value = part.partition("=")
            if said:
                values.setdefault(name, []).append(value)
    return {name: type_of_texts(found, {}) for name, found in values.items()}


def _frame(place: Place) -> Frame:
    options: dict[str, str] = {}
    try:
        columns = _columns(place, options)
    except (pa.ArrowException, OSError, UnicodeError, ValueError, csv.Error) as problem:
        what = f"its file {place.files[0].name} cannot be read as {place.format}: {str(problem).splitlines()[0]}."
        raise RunRefused(Fault(f"Frame '{place.name}'", what, "Land it again, or take it away.")) from problem
    unreadable = {name: type_ for name, type_ in columns.items() if isinstance(type_, Unreadable)}
    raise_all(RunRefused, (_unreadable(place, name, type_) for name, type_ in unreadable.items()))
    said = tuple(Column(name, str(type_)) for name, type_ in {**columns, **place.folders}.items())
    return Frame(place.name, place.path, place.format, columns=said, options=options)


def _unreadable(place: Place, name: str, type_: Unreadable) -> Fault:
    what = f"its column '{name}' is {type_.what} in {place.files[0].name}, which Spark does not read."
    return Fault(f"Frame '{place.name}'", what, f"Write {type_.instead}.")


def _columns(place: Place, options: dict[str, str]) -> Mapping[str, str | Unreadable | None]:
    file = place.files[0]
    if place.format is Format.CSV:
        return _of_csv(file, options)
    with file.open("rb") as stream:
        if place.format is Format.JSON:
            return columns_of_json(_records(stream, options))
        foot = heads.FEET[Format.ORC if file.suffix == ".orc" else Format.PARQUET]
        return dict(foot(stream, Frame("any", "any")).columns)


def _records(stream: BinaryIO, options: dict[str, str]) -> list[Pairs]:
    """The first records of a file of JSON, one a line, or all of an array, which ``options`` then says."""
    lines = (line.decode("utf-8") for line in heads.unpacked(stream) if line.strip())
    first = next(lines, "")
    if first.lstrip().startswith("["):
        options["multiLine"] = "true"
        records = DECODER.decode("".join([first, *lines]))
    else:
        records = [DECODER.decode(line) for line in (first, *islice(lines, LOOKED_AT)) if line]
    if not all(isinstance(record, Pairs) for record in records):
        raise ValueError("it has a record that is no object")
    return list(records)


def _of_csv(file: Path, options: dict[str, str]) -> dict[str, str]:
    """Columns by the header, the separator that parts it most, and the values of the first records."""
    try:
        rows = _cells(file, options)
    except UnicodeDecodeError:
        options["encoding"] = "windows-1252"
        rows = _cells(file, options)
    names, *records = rows
    values = {name: [record[at] for record in records if record[at]] for at, name in enumerate(names)}
    return {name: type_of_texts(found, options) for name, found in values.items()}


def _cells(file: Path, options: dict[str, str]) -> list[list[str]]:
    frame = Frame("any", "any", Format.CSV, columns=(Column("any", "string"),), options=options)
    with file.open("rb") as stream:
        first = heads.lines_of(stream, frame).readline()
    separator = max((",", ";", "\t", "|"), key=first.count)
    if separator != ",":
        options["sep"] = "\\t" if separator == "\t" else separator
        frame = Frame("any", "any", Format.CSV, columns=frame.columns, options=options)
    with file.open("rb") as stream:
        rows = [
            row for row in islice(csv.reader(heads.lines_of(stream, frame), **heads.dialect(frame)), LOOKED_AT) if row
        ]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("its records are not of as many cells as its header")
    return rows


def _subject(frames: Sequence[Frame], said: str) -> Frame:
    names = {frame.name.lower(): frame for frame in frames}
    if said:
        if said.lower() in names:
            return names[said.lower()]
        hint = did_you_mean(said, names) or f"There are: {', '.join(names)}."
        raise RunRefused(Fault("--subject", f"there is no frame '{said}'.", hint))
    if len(frames) == 1:
        return frames[0]
    found = next((names[name] for name in SUBJECTS if name in names), None)
    if found is None:
        what = f"which frame holds those whom decisions are about? There are: {', '.join(names)}."
        raise RunRefused(Fault("The lake", what, "Say it with --subject FRAME."))
    return found


def _key(frame: Frame, said: str) -> str:
    """The column that names a subject."""
    names = {column.name.lower(): column.name for column in frame.columns}
    if said:
        if said.lower() in names:
            return names[said.lower()]
        hint = did_you_mean(said, names.values()) or f"There are: {', '.join(names.values())}."
        raise RunRefused(Fault("--key", f"frame '{frame.name}' has no column '{said}'.", hint))
    one = _singular(frame.name.lower())
    wanted = (f"{one}_id", f"{one}id", "id", f"{one}_key", f"{one}_number", f"{one}_no", one)
    found = next((names[name] for name in wanted if name in names), None)
    if found is None:
        what = f"which column of '{frame.name}' names a subject? There are: {', '.join(names.values())}."
        raise RunRefused(Fault("The lake", what, "Say it with --key COLUMN."))
    return found


def _keyed(frame: Frame, subject: Frame, key: str) -> Frame:
    """A frame with the column that holds the subject's key, where there is one of that name and type."""
    wanted = {key.lower(), f"{_singular(subject.name.lower())}_{key.lower()}"}
    of_subject = next(column.type for column in subject.columns if column.name == key)
    own = next((c.name for c in frame.columns if c.name.lower() in wanted and c.type == of_subject), "")
    if frame is subject:
        own = key
    return Frame(
        frame.name, frame.path, frame.format, key=(key,) if frame is subject else (), subject_key=own,
        columns=frame.columns, options=frame.options,
    )  # fmt: skip


def _singular(name: str) -> str:
    return {"people": "person", "parties": "party"}.get(name, name.removesuffix("s"))


def written(subject: str, frames: Sequence[Frame]) -> str:
    """A declaration as TOML, each column on a line of its own, with room for what it means."""
    lines = [f"subject = {_toml(subject)}"]
    for frame in frames:
        lines += ["", f"[frames.{frame.name}]", f"path = {_toml(frame.path)}", f'format = "{frame.format}"']
        if frame.key:
            lines.append(f"key = [{', '.join(map(_toml, frame.key))}]")
        if frame.subject_key:
            lines.append(f"subject_key = {_toml(frame.subject_key)}")
        if frame.options:
            said = ", ".join(f"{name} = {_toml(value)}" for name, value in frame.options.items())
            lines.append(f"options = {{ {said} }}")
        lines.append(f"[frames.{frame.name}.columns]")
        lines += [f"{toml_key(column.name)} = {_toml(column.type)}" for column in frame.columns]
    return "\n".join(lines) + "\n"


def _toml(text: Any) -> str:
    return json.dumps(str(text), ensure_ascii=False)
