"""How the records of a CSV file end: all in one way, or what one reader parts another one does not."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from rules_engine.lake.heads import dialect, uncommented
from rules_engine.model.frames import Frame

ENDS = ("\r\n", "\n", "\r")


def end_of(line: str) -> str:
    """What a line ends with; nothing where it is the last one and does not end."""
    return next((end for end in ENDS if line.endswith(end)), "")


def first_other(lines: Iterable[str], frame: Frame) -> int:
    """The line of the first record that ends otherwise than the first one; 0 where there is none."""
    last = [""]
    records, first = csv.reader(_kept(lines, last), **dialect(frame)), ""
    try:
        for _ in records:
            end = end_of(last[0])
            first = first or end
            if end and end != first:
                return int(records.line_num)
    except (csv.Error, UnicodeError):
        pass
    return 0


def first_within(lines: Iterable[str], frame: Frame) -> int:
    """
    The line of the first record with an end of a line within quotes that Spark reads as LF; 0 where there is none.

    Where records end with CR LF, or with CR, that is what ends a line within quotes in the same way.
    """
    held: list[str] = []
    records, own = csv.reader(_held(lines, held), **dialect(frame)), ""
    try:
        for _ in records:
            own = own or end_of(held[-1])
            if own == "\n":
                return 0
            if any(end_of(line) == own for line in held[:-1]):
                return int(records.line_num)
            held.clear()
    except (csv.Error, UnicodeError):
        pass
    return 0


def first_blank(lines: Iterable[str], frame: Frame) -> int:
    """The first line that is empty and no comment, after whatever is before the first record; 0 where there is none."""
    last = [""]
    records, begun = csv.reader(uncommented(_kept(lines, last), frame), **dialect(frame)), False
    try:
        for record in records:
            if begun and not record and not last[0].strip("\r\n"):
                return int(records.line_num)
            begun = begun or bool(record)
    except (csv.Error, UnicodeError):
        pass
    return 0


def _held(lines: Iterable[str], held: list[str]) -> Iterator[str]:
    for line in lines:
        held.append(line)
        yield line


def _kept(lines: Iterable[str], last: list[str]) -> Iterator[str]:
    for line in lines:
        last[0] = line
        yield line
