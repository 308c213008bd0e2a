"""What has landed of a frame: one way for folders, S3 and all else Spark reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake import hadoop, tables
from rules_engine.lake.codes import HALF_WRITTEN, NOT_LANDED
from rules_engine.lake.data_files import DataFile, data_that_is_hidden, hidden, misspelt_fault, some, table_of
from rules_engine.model.frames import Format, Frame, Naming
from rules_engine.model.layouts import Layout

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UNFINISHED = ("._COPYING_", ".tmp", ".inprogress", ".partial", ".filepart", ".crdownload")
"""Ends of names that writers give to files that are not whole yet."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a frame's files of one day are, the name of their state, and the files; or the version of a table."""

    path: str
    snapshot: str
    files: tuple[DataFile, ...] = ()
    version: tables.Version | None = None


def landed(spark: SparkSession, frame: Frame, as_of: date, naming: Naming = Naming.TIMES) -> Landed:
    """
    The newest landed state of a frame not after a day; reads names, sizes and times, or by ``naming`` the content.

    Raises:
        RunRefused: If there is none, or it is still being written.
    """
    if not Layout(frame.path).dated:
        found, path = _landed_at(spark, frame, frame.path, "", naming), frame.path
    else:
        known = places(spark, frame)
        past = [day for day in known if day <= as_of]
        if not past:
            raise RunRefused(_nothing_landed(spark, frame, as_of, known))
        if odd := Layout(frame.path).misspelt(lambda folder: hadoop.names(spark, folder)):
            understood = Layout(frame.path).understood(as_of)
            raise RunRefused(misspelt_fault(frame, odd, understood, "Name it so, or move it away."))
        path = _only(frame, past[-1], known[past[-1]])
        found = _landed_at(spark, frame, path, past[-1].isoformat(), naming)
        if len(past) > 1:
            _ended_as_before(spark, frame, path, known[past[-2]][0])
    if found is None:
        raise RunRefused(_no_file(spark, frame, path))
    return found


def landed_as(spark: SparkSession, frame: Frame, snapshot: str, naming: Naming = Naming.TIMES) -> Landed | None:
    """The state of a frame that :func:`landed` named so; None where it is there no more, or is another by now."""
    if frame.format.is_table:
        _, number, *_ = [*snapshot.split(), ""]
        version = tables.version_of(spark, frame, frame.path, number)
        return Landed(frame.path, snapshot, version=version) if version and version.snapshot == snapshot else None
    day, paths = snapshot.rpartition("@")[0], [frame.path]
    if Layout(frame.path).dated:
        paths = places(spark, frame).get(date.fromisoformat(day), []) if day else []
    tried = (_landed_at(spark, frame, path, day, naming) for path in paths)
    return next((found for found in tried if found and found.snapshot == snapshot), None)


def days(spark: SparkSession, frame: Frame) -> list[date]:
    """The days on which a dated frame landed, oldest first; none for a frame that is not dated."""
    return [*places(spark, frame)]


def places(spark: SparkSession, frame: Frame) -> dict[date, list[str]]:
    """Each day on which a dated frame landed, oldest first, and the folders that say so."""
    layout = Layout(frame.path)
    return layout.landed(lambda folder: hadoop.names(spark, folder)) if layout.dated else {}


def _landed_at(spark: SparkSession, frame: Frame, path: str, day: str, naming: Naming) -> Landed | None:
    """The state of a frame's files at a place; None where there is no file."""
    if frame.format.is_table:
        version = tables.version_of(spark, frame, path)
        return Landed(path, version.snapshot, version=version) if version else None
    there = hadoop.files_below(spark, path)
    if unfinished := [file.name for file in there if _unfinished(file.name)]:
        what = f"it is still being written at {path}, or its writer died: there is {some(unfinished)}."
        remedy = "Wait for its end, or land it again; nothing of it is read before."
        raise RunRefused(Fault(f"Frame '{frame.name}'", what, remedy, HALF_WRITTEN))
    raise_all(RunRefused, [*_unseen(frame, path, there), *_astray(frame, path, hadoop.astray(spark, path))])
    files = shown(there)
    if not files:
        return None
    digest = hashlib.sha256("\n".join(sorted(_state(file, naming) for file in files)).encode()).hexdigest()[:16]
    return Landed(path, f"{day}@{digest}" if day else digest, files)


def shown(files: Iterable[DataFile]) -> tuple[DataFile, ...]:
    """The files that Spark reads: those that are not hidden, nor below a hidden folder."""
    return tuple(file for file in files if not any(map(hidden, file.name.split("/"))))


def _unseen(frame: Frame, path: str, there: Iterable[DataFile]) -> Iterator[Fault]:
    """Files that Spark leaves out without a word, and those of a table that is declared as plain files."""
    files = [(file.name, file.size) for file in there]
    if table := table_of(name for name, _ in files):
        what = (
            f"there is a table of {table} at {path}, and it is declared as {frame.format}: files of old versions count."
        )
        known = table in {each.value for each in Format}
        remedy = f'Say format = "{table}".' if known else "Land the rows of its newest version."
        yield Fault(f"Frame '{frame.name}'", what, remedy, NOT_LANDED)
        return
    if out := data_that_is_hidden(files, frame.format.value):
        what = f"{some(out)} at {path} would not be read, for a name that begins with '_' or '.'."
        yield Fault(f"Frame '{frame.name}'", what, "Name it otherwise, or move it away.", NOT_LANDED)


def _astray(frame: Frame, path: str, names: list[str]) -> Iterator[Fault]:
    """Links that lead nowhere, and what else is no file; a link that is hidden is an editor's own."""
    if seen := [name for name in names if not any(map(hidden, name.split("/")))]:
        what = f"{some(seen)} at {path} is no file, or leads to none."
        yield Fault(f"Frame '{frame.name}'", what, "Put the file there, or take it away.", NOT_LANDED)


def _unfinished(name: str) -> bool:
    return name.endswith(UNFINISHED) or "_temporary" in name.split("/")


def _state(file: DataFile, naming: Naming) -> str:
    """A file's name, and what its store says instead of the content: an ETag, else size and time; or the content."""
    if naming is Naming.CONTENTS and file.local:
        with Path(file.local).open("rb") as stream:
            return f"/{file.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}"
    return f"/{file.name} {file.size} {file.state}"


def _only(frame: Frame, day: date, folders: list[str]) -> str:
    if len(folders) > 1:
        what = f"{day} has landed twice: {' and '.join(sorted(folders))}."
        raise RunRefused(Fault(f"Frame '{frame.name}'", what, "Keep one of the two.", NOT_LANDED))
    return folders[0]


def _ended_as_before(spark: SparkSession, frame: Frame, path: str, before: str) -> None:
    """
    See that a folder has the mark of a whole one, where the folder before it has one.

    Raises:
        RunRefused: If it has not.
    """
    if hadoop.exists(spark, f"{before}/_SUCCESS") and not hadoop.exists(spark, f"{path}/_SUCCESS"):
        what = f"{path} has no _SUCCESS, which {before} has: it is still being written, or its writer died."
        remedy = "Wait for its end, or land it again; nothing of it is read before."
        raise RunRefused(Fault(f"Frame '{frame.name}'", what, remedy, HALF_WRITTEN))


def _nothing_landed(spark: SparkSession, frame: Frame, as_of: date, known: dict[date, list[str]]) -> Fault:
    which, layout = f"Frame '{frame.name}'", Layout(frame.path)
    what = f"nothing has landed at {frame.path} up to {as_of}"
    if known:
        what = f"{what}; the first landed day is {min(known)}."
        return Fault(which, what, "Choose a later day with --as-of, or land the data.", NOT_LANDED)
    there = sorted(hadoop.names(spark, layout.root))
    seen = f"there is {some(there)}" if there else f"there is nothing at {layout.root}"
    what = f"{what}: understood is {layout.understood(as_of)}, and {seen}."
    return Fault(which, what, "Land the data, or mend the path in the lake's declaration.", NOT_LANDED)


def _no_file(spark: SparkSession, frame: Frame, path: str) -> Fault:
    if frame.format.is_table:
        return tables.not_there(spark, frame, path)
    remedy = "Land the data, or mend the path in the lake's declaration."
    return Fault(f"Frame '{frame.name}'", f"there is no file at {path}.", remedy, NOT_LANDED)
