"""What every file of a frame says of itself: columns and types from the foot of Parquet and ORC, the header of CSV."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa

from rules_engine.lake import first_bytes, parquet_feet
from rules_engine.lake.arrow_types import INTERVAL, UUID, Unreadable, type_name, with_words
from rules_engine.lake.data_files import DataFile
from rules_engine.lake.letters import LOST, MARK
from rules_engine.lake.orc_feet import OF_JAVA, columns_of_orc
from rules_engine.model.frames import Format, Frame
from rules_engine.model.summaries import Summary

MOST_CELLS = 2**30
"""Characters of a cell at most: none is too long to be told."""

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
    summary: Summary | None = None
    """What its foot says of its rows, where it does."""
    proleptic: bool = False
    """Whether its days before 1582 are of today's calendar where its foot does not say of which they are."""


def folders_of(file: DataFile) -> tuple[tuple[str, str], ...]:
    """Columns that the folders of a file say, as Hive names partitions, and their values."""
    parts = (part.partition("=") for part in file.name.split("/")[:-1] if "=" in part)
    return tuple((name, value) for name, _, value in parts)


def with_columns(file: DataFile, found: Found) -> Head:
    """The head of a file with these columns and types."""
    names = [name.lower() for name, _ in found.columns]
    twice = tuple(name for name, _ in found.columns if names.count(name.lower()) > 1)
    return Head(
        file,
        dict(found.columns),
        twice,
        folders=folders_of(file),
        summary=found.summary,
        proleptic=found.proleptic,
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader found: columns in their order with their types, and what is said of the rows."""

    columns: Sequence[tuple[str, str | Unreadable | None]]
    summary: Summary | None = None
    proleptic: bool = False


def _parquet(stream: BinaryIO, frame: Frame) -> Found:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(stream)
    counted = [c.name.lower() for c in frame.columns if c.nulls < 1 or c.ranged]
    return Found(columns_of_parquet(metadata), parquet_feet.summary(metadata, counted))


def columns_of_parquet(metadata: Any) -> list[tuple[str, str | Unreadable]]:
    """The columns of a Parquet file in their order, with Spark's names of their types, by its foot."""
    leaves = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    old = {_column_of(leaf) for leaf in leaves if leaf.physical_type == "INT96"}
    unread = _unread_pages(metadata) | _unread_leaves(leaves)
    below = iter(leaves)
    types = [(each.name, with_words(each.type, below)) for each in metadata.schema.to_arrow_schema()]
    return [(name, unread.get(name) or type_name(type_, nanoseconds=name in old)) for name, type_ in types]


def _column_of(leaf: Any) -> str:
    """The column that a leaf is, or is within; a name may have points of its own."""
    return str(leaf.path if leaf.path == leaf.name else leaf.path.split(".")[0])


def _unread_leaves(leaves: Iterable[Any]) -> dict[str, Unreadable]:
    """Columns of bytes that are annotated as what Spark reads as nothing, and Arrow as bytes or as no value."""
    found: dict[str, Unreadable] = {}
    for leaf in leaves:
        if leaf.logical_type.type == "UUID":
            found[_column_of(leaf)] = UUID
        elif leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" and leaf.logical_type.type == "UNKNOWN":
            found[_column_of(leaf)] = INTERVAL
    return found


def _unread_pages(metadata: Any) -> dict[str, Unreadable]:
    """Columns whose pages Spark does not read for how they are packed or encoded, by the first rows of a file."""
    found: dict[str, Unreadable] = {}
    for at in range(metadata.num_columns if metadata.num_row_groups else 0):
        column = metadata.row_group(0).column(at)
        if column.compression in ("BROTLI", "LZO"):
            found[column.path_in_schema] = Unreadable(f"packed by {column.compression}", "it packed by zstd or snappy")
        elif "BYTE_STREAM_SPLIT" in column.encodings:
            found[column.path_in_schema] = Unreadable("encoded as BYTE_STREAM_SPLIT", "it in plain encoding")
    return {path.split(".")[0]: each for path, each in found.items()}


def _orc(stream: BinaryIO, _: Frame) -> Found:
    from pyarrow import orc

    file = orc.ORCFile(stream)
    return Found(columns_of_orc(file.schema), proleptic=file.writer != OF_JAVA)


def _csv(stream: BinaryIO, frame: Frame) -> Found:
    """The header; nothing where the first line is a record."""
    found = first_bytes.kind(first_of(stream))
    lines = lines_of(stream, frame, errors="replace")
    try:
        if frame.options.get("header", "true").lower() == "false":
            lines.readline()
            return Found([])
        names = next(filter(None, Records(lines, frame)), [])
    except UnicodeError as problem:
        raise UnicodeError(found) from problem
    if not names:
        raise EOFError("there is no line in it")
    if any(each in "".join(names) for each in (LOST, MARK, "\0")):
        raise UnicodeError(found)
    return Found([(_trimmed(name, frame), None) for name in names])


def is_header(record: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a record is the header again: of a file that was put after another, it can begin with the mark of one."""
    return bool(record) and [record[0].strip(f'{MARK}"'), *record[1:]] == [*names]


def _trimmed(name: str, frame: Frame) -> str:
    """A name without the blanks that options leave out."""
    leading, trailing = (
        frame.options.get(f"ignore{side}WhiteSpace", "false").lower() == "true" for side in ("Leading", "Trailing")
    )
    name = name.lstrip() if leading else name
    return name.rstrip() if trailing else name


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


class Records:
    """
    The records of a CSV text, as lists of cells; an empty one in place of each line that options say is a comment.

    A line within quotes is none, whatever it begins with.
    """

    def __init__(self, lines: Iterable[str], frame: Frame) -> None:
        csv.field_size_limit(MOST_CELLS)
        self._mark, self._begins = frame.options.get("comment"), True
        self._records = csv.reader(self._lines(lines), **dialect(frame))

    def _lines(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            commented = self._mark and self._begins and line.startswith(self._mark)
            self._begins = False
            yield "\n" if commented else line

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self._begins = True
        return next(self._records)

    @property
    def line_num(self) -> int:
        """The line with which the last record ended."""
        return int(self._records.line_num)


def first_of(stream: BinaryIO) -> bytes:
    """The first bytes of a file, as they were before it was packed."""
    raw = unpacked(stream)
    first = raw.read(first_bytes.LONGEST)
    stream.seek(0)
    return bytes(first)


def unpacked(stream: BinaryIO) -> Any:
    """The bytes of a file, as they were before it was packed."""
    how = first_bytes.kind(stream.read(first_bytes.LONGEST))
    stream.seek(0)
    return UNPACK[how](stream) if how in UNPACK else stream


UNPACK: Mapping[str, Callable[[BinaryIO], Any]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2": bz2.BZ2File,
    "zstd": lambda stream: io.BufferedReader(pa.CompressedInputStream(_Lent(stream), "zstd")),
}
"""What unpacks the bytes of a file, by how they are packed."""


class _Lent(io.RawIOBase):
    """A stream that stays open when whoever reads it is done, as Arrow's reader would close it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._stream.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def dialect(frame: Frame) -> dict[str, Any]:
    """How the cells of a CSV frame are parted, as Python's reader has it; a quote that is out of place is an error."""
    said = frame.options
    quote, escape = said.get("quote", '"'), said.get("escape", said.get("quote", '"'))
    return {
        "delimiter": said.get("sep", ",").replace("\\t", "\t"),
        "quotechar": quote or None,
        "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        "doublequote": escape == quote,
        "escapechar": None if escape == quote else escape or None,
        "strict": True,
    }


def lost_in(blocks: Iterable[bytes], encoding: str) -> tuple[int, bool]:
    """
    The first line whose bytes are no letters of an encoding, 0 where all of them are.

    And whether that is the end of all, which is cut off within a letter.
    """
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        for block in blocks:
            line += decoder.decode(block).count("\n")
    except UnicodeDecodeError as problem:
        return line + problem.object[: problem.start].decode(problem.encoding, "replace").count("\n"), False
    except UnicodeError:
        return line, False
    return (line, True) if decoder.getstate()[0] else (0, False)
