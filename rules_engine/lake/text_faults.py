"""What is said of text files that would not come back as they were written: where, how it looks, what reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules_engine.errors import Fault
from rules_engine.lake import cells, codes, first_bytes
from rules_engine.lake.remedies import remedy
from rules_engine.model.frames import Format, Frame

LONGEST = 40
"""Characters of an example at most."""

OF_RECORDS = "Declare the type that its records have, such as boolean, array<int> or struct<x:int>, or mend the source."
NESTED = "…"
"""What stands for a value of JSON that is neither a text nor a number."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was found: how often, in which file, and how one of them is written."""

    count: int
    file: str
    text: str = ""
    line: int = 0
    """Where it stands, as far as that is known."""

    def and_(self, other: Wrong | None) -> Wrong:
        """Both: the example is the least one of the first file."""
        if other is None:
            return self
        first = min(self, other, key=lambda each: (each.file, each.text))
        return Wrong(self.count + other.count, first.file, first.text, first.line)


@dataclass(frozen=True, slots=True)
class Uneven:
    """A record that is not as the others: the line that it ends on, its cells, or why it has none."""

    line: int
    cells: int
    why: str = ""
    lines: bool = False
    """Whether it is a record over several lines, where each is said to be one."""


def shape(text: str) -> str:
    """How a text is written without what it says: a value can be personal data."""
    said = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", text[:LONGEST]))
    return said + ("…" if len(text) > LONGEST else "")


def place(file: str, line: int) -> str:
    return f"{file}, line {line:,}" if line else file


def value_fault(frame: Frame, name: str, type_: str, count: int, text: str, file: str, line: int) -> Fault:
    """Values of a column that are none of its type as they are written."""
    values = "a value that is" if count == 1 else f"{count:,} values that are"
    looks = f"such as '{shape(text)}' in {place(file, line)} (digits shown as 9, letters as x)"
    if text == NESTED:
        what = f"its column '{name}' has {values} no {type_} as written, one in {place(file, line)}."
        return Fault(f"Frame '{frame.name}'", what, OF_RECORDS, codes.VALUE)
    what = f"its column '{name}' has {values} no {type_} as written, {looks}."
    return Fault(f"Frame '{frame.name}'", what, remedy(type_, text, frame), codes.VALUE)


QUOTES = 'Written is "" for a quote within quotes; say options = { escape = "\\\\" } where it is \\".'


def record_fault(frame: Frame, file: str, count: int, told: Sequence[Uneven], cells: int) -> Fault:
    """Records that are cut off, or cannot be parted into cells."""
    which = f"Frame '{frame.name}'"
    first = told[0] if told else None
    at = place(file, first.line if first else 0)
    if first and first.why:
        what = f"its records cannot be parted into cells ({at}): a quote is out of place or never closed."
        return Fault(which, what, QUOTES, codes.RECORD)
    if first and first.lines:
        what = f"a record goes over several lines, and is said to be one line ({at})."
        return Fault(
            which, what, "Leave the option multiLine out: CSV may have ends of lines within quotes.", codes.RECORD
        )
    have = f"has {first.cells} cells" if first else "has another number of cells"
    many = f"{count:,} records are not of {cells} cells; one" if count > 1 else "a record"
    what = f"{many} {have} instead of {cells} ({at}): it was cut off, or a separator is not quoted."
    return Fault(which, what, f"Land {frame.path} again; other separators are said by the option sep.", codes.RECORD)


def cut_fault(frame: Frame, file: str) -> Fault:
    """A packed file of which the end is not there."""
    what = f"its file {file} cannot be unpacked to its end: it was cut off or altered."
    return Fault(f"Frame '{frame.name}'", what, f"Land {frame.path} again.", codes.BROKEN)


def packed_fault(frame: Frame, file: str, kind: str) -> Fault:
    """A file whose name says otherwise than its bytes whether it is packed: Spark goes by the name."""
    called, ends = first_bytes.packed_as(file), {how: end for end, how in first_bytes.PACKED.items()}
    how = f"is packed by {kind} and is not called {ends.get(kind)}"
    if called:
        how = f"is called {ends[called]} and is not packed by {called}"
    return Fault(f"Frame '{frame.name}'", f"its file {file} {how}.", "Name it as it is.", codes.BROKEN)


def unread_packings(frame: Frame, files: Iterable[str]) -> Iterator[Fault]:
    """Text files that Hadoop would unpack by their names, and nothing else reads."""
    for file in files:
        if end := next((end for end in first_bytes.UNREAD if file.lower().endswith(end)), ""):
            what = f"its file {file} is called {end}, a way of packing that is not read here."
            yield Fault(f"Frame '{frame.name}'", what, "Land it packed by gzip, or as it is.", codes.BROKEN)


def ends_fault(frame: Frame, file: str, line: int) -> Fault:
    """Records that end otherwise than the first: one reader of CSV goes by the first, and another by each."""
    what = f"its lines end in different ways ({place(file, line)}): some with CR LF, some with one of the two."
    remedy = "Land it with one kind of ends, or say options = { multiLine = false } where no record goes over lines."
    return Fault(f"Frame '{frame.name}'", what, remedy, codes.RECORD)


def within_fault(frame: Frame, file: str, line: int) -> Fault:
    """Ends of lines within quotes that would not come back as they were written."""
    what = f"a value has CR LF or CR within quotes, as its records end ({place(file, line)}): it would be read as LF."
    remedy = "Have its records end with LF, or take it by `rules land` and `rules curate`, which read it as it is."
    return Fault(f"Frame '{frame.name}'", what, remedy, codes.VALUE)


def blank_fault(frame: Frame, file: str, line: int) -> Fault:
    """An empty line of a file of one column: PostgreSQL writes NULL so, and Spark and pandas pass it over."""
    what = f"a line is empty ({place(file, line)}): to one reader it is a record without a value, and to another none."
    return Fault(
        f"Frame '{frame.name}'", what, 'Write "" where there is no value, or take the line away.', codes.RECORD
    )


def header_again(frame: Frame, file: str, line: int) -> Fault:
    """A header among records: where each of its cells is a text, nothing else would tell."""
    what = f"its header stands again among its records ({place(file, line)}): files were put one after the other."
    remedy = "Land each as a file of its own."
    if frame.options.get("header", "true").lower() == "false":
        what = f"a header stands among its records ({place(file, line)}), and options say header = false."
        remedy = "Leave that option out, or land all files without a header."
    return Fault(f"Frame '{frame.name}'", what, remedy, codes.RECORD)


def lost_letters(frame: Frame, file: str, line: int, *, cut: bool = False, kind: str = "") -> Fault:
    """
    Bytes that are no letters of the encoding, or only the first of those of a letter, where the file is cut off.

    ``kind`` is what the file begins as.
    """
    if cut:
        what = f"its file {file} is cut off within a letter (line {line:,})."
        return Fault(f"Frame '{frame.name}'", what, f"Land {frame.path} again.", codes.BROKEN)
    encoding = frame.options.get("encoding", "UTF-8")
    what = f"its file {file} has letters that are no {encoding}{f' (line {line:,})' if line else ''}."
    wide = line > 1 and encoding.upper().startswith(("UTF-16", "UTF-32"))  # as its first line is, for sure
    return Fault(f"Frame '{frame.name}'", what, "Mend the source." if wide else encoded(frame, kind), codes.ENCODING)


def encoded(frame: Frame, kind: str = "") -> str:
    """What to do where letters are of another encoding, by the one that a file begins as."""
    if frame.format is Format.JSON:
        return "Land it in UTF-8, as JSON's standard has it."
    said = frame.options.get("encoding", "UTF-8").upper()
    other = "UTF-8" if said.startswith(("UTF-16", "UTF-32")) else "windows-1252"
    other = kind if kind.startswith("UTF") and kind != said else other
    return f'Say how it is written, such as options = {{ encoding = "{other}" }}, or land it in UTF-8.'


def json_fault(frame: Frame, kind: str, name: str, type_: str, count: int, file: str, line: int) -> Fault:
    """What of JSON is neither a value of another form nor a column."""
    at = place(file, line)
    array = "; say options = { multiLine = true } where a file is one array"
    array = ", one object or one array a file" if frame.options.get("multiLine", "").lower() == "true" else array
    what, remedy, code = {
        "broken": (
            f"{count:,} lines are no JSON objects, one in {at}: cut off, or not one object a line.",
            f"Land {frame.path} again{array}.",
            codes.RECORD,
        ),
        "twice": (f"its key '{name}' stands twice in a record ({at}).", "Keep one of the two.", codes.RECORD),
        "text": (
            f"its column '{name}' has numbers in quotes, {count:,} of them, one in {at}; it is declared as {type_}.",
            'Say options = { numbers = "texts" } where all numbers are so, or declare it as string.',
            codes.VALUE,
        ),
        "number": (
            f"its column '{name}' has numbers, {count:,} of them, one in {at}; it is declared as {type_}.",
            "Land all of them in quotes, or leave out the option numbers where none is."
            if cells.family(type_) in cells.NUMBERS
            else "Declare it as a number, or land it in quotes: as it stands 1.10 would come back as 1.1.",
            codes.VALUE,
        ),
    }[kind]
    return Fault(f"Frame '{frame.name}'", what, remedy, code)
