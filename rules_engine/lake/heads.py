"""What every file of a frame says of itself: columns and types from the foot of Parquet and ORC, the header of CSV."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from rules_engine.lake.arrow_types import Unreadable, type_name
from rules_engine.lake.hadoop import DataFile, opened
from rules_engine.lake.letters import LOST
from rules_engine.model.frames import Format, Frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT_ONCE = 16
"""Files that are opened at once: of a remote store each takes as long as a few of its answers."""

BROKEN, EMPTY, CLOSED, LETTERS = "broken", "empty", "closed", "letters"
"""Why a head cannot be had: no such file format; no bytes; no right to read it; letters of another encoding."""


@dataclass(frozen=True, slots=True)
class Head:
    """A file's columns, in its order, with Spark's names of their types, None where text has none; or why not."""

    file: DataFile
    columns: Mapping[str, str | Unreadable | None] = field(default_factory=dict)
    twice: tuple[str, ...] = ()
    """Columns whose names differ in capitals alone, or not at all."""
    wrong: str = ""
    said: str = ""
    """What the reader of the format said, where the file is broken."""
    folders: tuple[tuple[str, str], ...] = ()
    """Columns that the names of its folders say, and their values there."""


def heads(spark: SparkSession, frame: Frame, files: Sequence[DataFile]) -> list[Head]:
    """The heads of files, in their order; none of their rows is read."""
    with ThreadPoolExecutor(AT_ONCE) as several:
        return list(several.map(partial(_head, spark, frame), files))


def folders_of(file: DataFile) -> tuple[tuple[str, str], ...]:
    """Columns that the folders of a file say, as Hive names partitions, and their values."""
    parts = (part.partition("=") for part in file.name.split("/")[:-1] if "=" in part)
    return tuple((name, value) for name, _, value in parts)


def _head(spark: SparkSession, frame: Frame, file: DataFile) -> Head:
    from py4j.protocol import Py4JJavaError

    folders = folders_of(file)
    if not file.size and frame.format is not Format.JSON:
        return Head(file, wrong=EMPTY, folders=folders)
    read = READERS.get(frame.format)
    if read is None:
        return Head(file, folders=folders)
    try:
        with opened(spark, file) as stream:
            found = read(stream, frame)
    except UnicodeError as problem:
        return Head(file, wrong=LETTERS, said=str(problem), folders=folders)
    except PermissionError as problem:
        return Head(file, wrong=CLOSED, said=str(problem), folders=folders)
    except (pa.ArrowException, OSError, EOFError, csv.Error, Py4JJavaError) as problem:
        closed = "AccessControlException" in str(problem) or "AccessDenied" in str(problem)
        return Head(file, wrong=CLOSED if closed else BROKEN, said=str(problem).splitlines()[0], folders=folders)
    names = [name.lower() for name, _ in found]
    twice = tuple(name for name, _ in found if names.count(name.lower()) > 1)
    return Head(file, dict(found), twice, folders=folders)


Found = list[tuple[str, str | Unreadable | None]]


def _parquet(stream: BinaryIO, _: Frame) -> Found:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(stream)
    leaves = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    old = {leaf.path.split(".")[0] for leaf in leaves if leaf.physical_type == "INT96"}
    return [
        (each.name, type_name(each.type, nanoseconds=each.name in old)) for each in metadata.schema.to_arrow_schema()
    ]


def _orc(stream: BinaryIO, _: Frame) -> Found:
    from pyarrow import orc

    return [(each.name, type_name(each.type, nanoseconds=True)) for each in orc.ORCFile(stream).schema]


def _csv(stream: BinaryIO, frame: Frame) -> Found:
    """The header; nothing where the first line is a record."""
    if frame.options.get("header", "true").lower() == "false":
        return []
    lines = csv.reader(lines_of(stream, frame, errors="replace"), **dialect(frame))
    names = next(lines, [])
    if LOST in "".join(names):
        raise UnicodeError(frame.options.get("encoding", "UTF-8"))
    return [(name, None) for name in names]


FEET: Mapping[Format, Callable[[BinaryIO, Frame], Found]] = {Format.PARQUET: _parquet, Format.ORC: _orc}
"""Formats whose files say their columns and types at their end."""

READERS: Mapping[Format, Callable[[BinaryIO, Frame], Found]] = {
    **FEET,
    Format.CSV: _csv,
}


def lines_of(stream: BinaryIO, frame: Frame, errors: str = "strict") -> io.TextIOBase:
    """The text of a file, unpacked where it is packed."""
    name = frame.options.get("encoding", "UTF-8")
    encoding = "utf-8-sig" if name.upper().replace("_", "-") in ("UTF-8", "UTF8") else name
    return io.TextIOWrapper(unpacked(stream), encoding=encoding, errors=errors, newline="")


def unpacked(stream: BinaryIO) -> Any:
    """The bytes of a file, as they were before it was packed."""
    first = stream.read(3)
    stream.seek(0)
    if first[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=stream)
    return bz2.BZ2File(stream) if first == b"BZh" else stream


def dialect(frame: Frame) -> dict[str, Any]:
    """How the cells of a CSV frame are parted, as Python's reader has it; a quote that is out of place is an error."""
    said = frame.options
    quote, escape = said.get("quote", '"'), said.get("escape", said.get("quote", '"'))
    return {
        "delimiter": said.get("sep", ",").replace("\\t", "\t"),
        "quotechar": quote,
        "doublequote": escape == quote,
        "escapechar": None if escape == quote else escape,
        "strict": True,
    }
