"""Where in a text file something is: looked for once Spark has found that it is there, to tell the line."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.lake import codes, first_bytes, line_ends
from rules_engine.lake.data_files import DataFile
from rules_engine.lake.hadoop import BLOCK, opened
from rules_engine.lake.heads import UNPACK, Records, first_of, is_header, lines_of, lost_in, unpacked
from rules_engine.lake.text_faults import Uneven, cut_fault, packed_fault
from rules_engine.model.frames import Frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def uneven(spark: SparkSession, frame: Frame, file: DataFile, cells: int) -> Iterator[Uneven]:
    """The first record of a file that is cut off, too long, or not to be parted into cells."""
    with opened(spark, file) as stream:
        records, before = Records(lines_of(stream, frame), frame), 0
        one_line = frame.options.get("multiLine", "true").lower() == "false"
        try:
            for record in records:
                if record and len(record) != cells:
                    yield Uneven(records.line_num, len(record))
                    return
                if one_line and records.line_num > before + 1:
                    yield Uneven(records.line_num, len(record), lines=True)
                    return
                before = records.line_num
        except csv.Error as problem:
            yield Uneven(before + 1 if one_line else records.line_num, 0, str(problem))
        except UnicodeDecodeError:
            return


def line_of(spark: SparkSession, frame: Frame, file: DataFile, at: int, text: str) -> int:
    """The line on which a cell of a column first has a text; 0 where it is not found."""
    with opened(spark, file) as stream:
        records = Records(lines_of(stream, frame), frame)
        try:
            if frame.options.get("header", "true").lower() == "true":
                next(filter(None, records), None)
            return next((records.line_num for record in records if record[at : at + 1] == [text]), 0)
        except (csv.Error, UnicodeDecodeError):
            return 0


def kind_of(spark: SparkSession, file: DataFile) -> str:
    """What a file is by its first bytes, as they were before it was packed."""
    with opened(spark, file) as stream:
        return first_bytes.kind(first_of(stream))


OF_BZIP2, LONG_END = 0x177245385090, 11
"""The mark before the checksum with which a stream of bzip2 ends, at any bit; in how many bytes both are at the end."""


def cut_off(spark: SparkSession, frame: Frame, files: Sequence[DataFile]) -> Iterator[Fault]:
    """
    Files packed by bzip2 that are cut off: after a block that is whole, Hadoop ends there without a word.

    What is packed by gzip or zstd it refuses itself.
    """
    for file in files:
        if file.size and first_bytes.packed_as(file.name) == "bzip2" and kind_packed(spark, file) == "bzip2":
            with opened(spark, file) as stream:
                stream.seek(max(file.size - LONG_END, 0))
                if not ends_as_bzip2(stream.read()):
                    yield cut_fault(frame, file.name)


def ends_as_bzip2(tail: bytes) -> bool:
    """
    Whether these are the last bytes of a stream of bzip2: mark, checksum, and bits without meaning to a whole byte.

    >>> import bz2
    >>> whole = bz2.compress(b"id,x")
    >>> ends_as_bzip2(whole[-LONG_END:]), ends_as_bzip2(whole[-LONG_END:-1])
    (True, False)
    """
    bits = int.from_bytes(tail, "big")
    return any(bits >> (32 + more) & (2**48 - 1) == OF_BZIP2 and not bits & (2**more - 1) for more in range(8))


def kind_packed(spark: SparkSession, file: DataFile) -> str:
    """What a file is by its first bytes, as they stand."""
    with opened(spark, file) as stream:
        return first_bytes.kind(stream.read(first_bytes.LONGEST))


def misnamed(spark: SparkSession, frame: Frame, file: DataFile) -> Fault | None:
    """What is said of a file that is packed otherwise than its name says, or cannot be unpacked to its end."""
    named = first_bytes.packed_as(file.name)
    try:
        with opened(spark, file) as stream:
            kind = first_bytes.kind(stream.read(first_bytes.LONGEST))
            if named != (kind if kind in UNPACK else ""):
                return packed_fault(frame, file.name, kind)
            stream.seek(0)
            for _ in iter(partial(unpacked(stream).read, BLOCK), b"") if named else ():
                pass
    except (EOFError, OSError, zlib.error):
        return cut_fault(frame, file.name)
    return None


def not_unpacked(spark: SparkSession, frame: Frame, file: DataFile) -> Fault | None:
    """What is said of a sound file that is packed as this Spark does not read, for want of a library of the place."""
    if first_bytes.packed_as(file.name) != "zstd":
        return None
    what = f"its file {file.name} is packed by zstd, for which this Spark ({spark.version}) has no library."
    return Fault(f"Frame '{frame.name}'", what, "Land it packed by gzip or bzip2, or as it is.", codes.BROKEN)


def header_again(spark: SparkSession, frame: Frame, file: DataFile, names: Sequence[str]) -> int:
    """The line on which the header of a file stands a second time; 0 where it is not found."""
    with opened(spark, file) as stream:
        records = Records(lines_of(stream, frame), frame)
        if frame.options.get("header", "true").lower() == "true":
            next(filter(None, records), None)
        return next((records.line_num for record in records if is_header(record, names)), 0)


def other_end(spark: SparkSession, frame: Frame, file: DataFile) -> int:
    """The line of the first record of a file that ends otherwise than its first one; 0 where there is none."""
    with opened(spark, file) as stream:
        return line_ends.first_other(lines_of(stream, frame), frame)


def end_within(spark: SparkSession, frame: Frame, file: DataFile) -> int:
    """The line of the first record of a file with an end of a line within quotes that Spark reads as another one."""
    with opened(spark, file) as stream:
        return line_ends.first_within(lines_of(stream, frame), frame)


def blank(spark: SparkSession, frame: Frame, file: DataFile) -> int:
    """The first empty line of a file after its header, comments and quotes aside; 0 where there is none."""
    with opened(spark, file) as stream:
        return line_ends.first_blank(lines_of(stream, frame), frame)


def first_lost(spark: SparkSession, frame: Frame, file: DataFile) -> tuple[int, bool]:
    """The first line of a file whose bytes are no letters of its encoding, 0 where all are; whether it is cut off."""
    with opened(spark, file) as stream:
        return lost_in(unpacked(stream), frame.options.get("encoding", "UTF-8"))


TAIL = 2**16
"""Bytes of the end of a file that are looked at."""


def ends_well(spark: SparkSession, frame: Frame, file: DataFile, cells: int) -> bool:
    """
    Whether the last line of a file that is not empty is a record by itself, as the end of a longer one may not be.

    Where no last cell has an end of a line within it, what is open at the end of a file was opened in that line.
    """
    if "lineSep" in frame.options:
        return True
    with opened(spark, file) as stream:
        if file.size and not _is_plain(frame, file):
            text = lines_of(stream, frame, errors="replace")
            tail = ""
            for block in iter(partial(text.read, TAIL), ""):
                tail = (tail + block)[-TAIL:]
        else:
            stream.seek(max(file.size - TAIL, 0))
            tail = stream.read().decode(frame.options.get("encoding", "UTF-8"), "replace")
    last = re.split("[\r\n]", tail.rstrip("\r\n"))[-1:]
    try:
        return all(len(record) in (0, cells) for record in Records(last, frame))
    except csv.Error:
        return False


def _is_plain(frame: Frame, file: DataFile) -> bool:
    """Whether the end of a file can be read without its beginning."""
    packed = file.name.endswith((*first_bytes.PACKED,))
    return not packed and not frame.options.get("encoding", "UTF-8").upper().startswith(("UTF-16", "UTF-32"))
