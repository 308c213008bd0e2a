"""How the records of a CSV file end: all in one way, or what one reader parts another one does not."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from rules_engine.lake.heads import Records
from rules_engine.model.frames import Frame

ENDS = ("\r\n", "\n", "\r")
BLANKS = "".join(map(chr, range(33)))
"""What Java takes off both ends of a text."""


def end_of(line: str) -> str:
    """What a line ends with; nothing where it is the last one and does not end."""
    return next((end for end in ENDS if line.endswith(end)), "")


def first_other(lines: Iterable[str], frame: Frame) -> int:
    """The line of the first record that ends otherwise than the first one; 0 where there is none."""
    last = [""]
    records, first = Records(_kept(lines, last), frame), ""
    try:
        for _ in records:
            end = end_of(last[0])
            first = first or end
            if end and end != first:
                return records.line_num
    except (csv.Error, UnicodeError):
        pass
    return 0


def first_within(lines: Iterable[str], frame: Frame) -> int:
    """
    The line of the first record with an end of a line within quotes that Spark reads as LF; 0 where there is none.

    Where records end with CR LF, or with CR, that is what ends a line within quotes in the same way. How they end Spark
    takes from the first line of a file, which may end within quotes in another way.
    """
    held: list[str] = []
    records, own = Records(_held(lines, held), frame), ""
    try:
        for _ in records:
            if not own and (own := end_of(held[-1])) != end_of(held[0]):
                return records.line_num
            if own == "\n":
                return 0
            if any(end_of(line) == own for line in held[:-1]):
                return records.line_num
            held.clear()
    except (csv.Error, UnicodeError):
        pass
    return 0


def first_blank(lines: Iterable[str], frame: Frame) -> int:
    """
    The first line that is empty and no comment, after whatever is before the first record; 0 where there is none.

    Read line by line, Spark leaves out one of blanks, too.
    """
    last, blanks = [""], BLANKS if frame.options.get("multiLine", "true").lower() == "false" else "\r\n"
    records, begun = Records(_kept(lines, last), frame), False
    try:
        for record in records:
            if begun and last[0] and not last[0].strip(blanks):
                return records.line_num
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
