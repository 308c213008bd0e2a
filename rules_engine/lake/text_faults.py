"""What is said of text files that would not come back as they were written: where, how it looks, what reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules_engine.errors import Fault
from rules_engine.lake import codes, first_bytes
from rules_engine.model.frames import Format, Frame

LONGEST = 40
"""Characters of an example at most."""

NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal", "double", "float")
MEND = "Mend the source, or declare the column as string."
MEND_NUMBER = "Mend the source, or declare a type that holds it, such as decimal(38,2)."
OF_RECORDS = "Declare the type that its records have, such as boolean, array<int> or struct<x:int>, or mend the source."
NO_DAY = "Mend the source: there is no such day or time."
FOUR_DIGITS = "Land it with years of four digits, or declare it as string: 49 may be 1949 or 2049."
NESTED = "…"
"""What stands for a value of JSON that is neither a text nor a number."""
NO_VALUES = ("null", "na", "n/a", "#n/a", "nil", "none", "\\n", "-")
"""Words that people write where there is no value."""


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
    return Fault(f"Frame '{frame.name}'", what, _remedy(type_.partition("(")[0], type_, text, frame), codes.VALUE)


def _remedy(family: str, type_: str, text: str, frame: Frame) -> str:
    if frame.format is Format.CSV and text.lower() in NO_VALUES:
        return f"Where it stands for no value, say options = {{ nullValue = '{text}' }}."
    if family in NUMBERS:
        return _of_number(family, type_, text, frame)
    if family in ("date", "timestamp", "timestamp_ntz"):
        return _of_moment(family, text, frame)
    if family == "boolean":
        return "Written are true and false; declare the column as string for others."
    return MEND


def _of_number(family: str, type_: str, text: str, frame: Frame) -> str:
    if option := next(_marks(text.strip()), ""):
        return f"Say how numbers are written: options = {{ {option} }}."
    if text != text.strip():
        return "Say options = { ignoreLeadingWhiteSpace = true, ignoreTrailingWhiteSpace = true }."
    if family in NUMBERS[:4] and re.fullmatch(r"[+-]?0[0-9]+", text):
        return "Declare it as string, or say options = { leadingZeros = true } where zeros are no part of it."
    fraction = text.partition(frame.options.get("decimal", "."))[2]
    if family == "decimal" and fraction.isdigit() and len(fraction) > int(type_.rstrip(")").rpartition(",")[2]):
        return f"Declare as many digits as it has, such as decimal(38,{min(len(fraction), 37)}): none is rounded."
    if family in NUMBERS[:4] and re.fullmatch(r"[+-]?[0-9]+\.[0-9]*", text):
        return "Declare it as a decimal."
    return MEND if frame.format is Format.CSV or "numbers" in frame.options else MEND_NUMBER


def _marks(text: str) -> Iterator[str]:
    """The options by which a number would be read."""
    if re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[+-]?[0-9]{1,3}(\.[0-9]{3}){2,}", text):
        yield 'decimal = ",", grouping = "."'
    found = re.fullmatch(r"[+-]?[0-9]{1,3}(([^0-9A-Za-z.+-])[0-9]{3})(\2[0-9]{3})*(([.,])[0-9]+)?", text)
    if found and (found[5] or found[2] != ","):
        yield f'decimal = "{found[5] or "."}", grouping = "{found[2]}"'
    if re.fullmatch(r"[+-]?[0-9]*,[0-9]+", text):
        yield 'decimal = ","'


def _of_moment(family: str, text: str, frame: Frame) -> str:
    option = "dateFormat" if family == "date" else "timestampFormat"
    day, rest = text[:10], text[10:]
    if said := next(_of_iso(family, option, day, rest, frame), ""):
        return said
    for pattern, form in _FORMS:
        if re.fullmatch(pattern, day):
            more = _TIMES.get(re.sub(r"[0-9]", "9", rest), "")
            if frame.options.get(option) == f"{form}{more}":
                return NO_DAY
            return f'Say how it is written, such as options = {{ {option} = "{form}{more}" }}.'
    if re.fullmatch(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2}", text.partition(" ")[0]):
        return FOUR_DIGITS
    return f"Say how it is written by {option}, such as dd.MM.yyyy, or mend the source."


def _of_iso(family: str, option: str, day: str, rest: str, frame: Frame) -> Iterator[str]:
    """What to do with a day that is written as days are where nothing is said."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        return
    if family == "date" and re.match(r"[ T][0-9]{2}:", rest):
        yield "Declare it as timestamp: hours would be lost."
    if family != "date" and not rest:
        yield 'Declare it as date, or say options = { timestampFormat = "yyyy-MM-dd" }.'
    if re.search(r"\.[0-9]{7,}", rest):
        yield "Land it with at most six digits of a second: the others would be lost."
    if family == "date" and not rest:
        yield f"Leave the option {option} out." if option in frame.options else NO_DAY


_FORMS = (
    (r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}", "dd.MM.yyyy"),
    (r"(0[0-9]|1[0-2])/(1[3-9]|2[0-9]|3[01])/[0-9]{4}", "MM/dd/yyyy"),
    (r"[0-9]{2}/[0-9]{2}/[0-9]{4}", "dd/MM/yyyy"),
    (r"[0-9]{2}-[0-9]{2}-[0-9]{4}", "dd-MM-yyyy"),
    (r"[0-9]{4}/[0-9]{2}/[0-9]{2}", "yyyy/MM/dd"),
    (r"[0-9]{8}", "yyyyMMdd"),
)
_TIMES = {" 99:99": " HH:mm", " 99:99:99": " HH:mm:ss"}


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


def lost_letters(frame: Frame, file: str, line: int) -> Fault:
    """Bytes that are no letters of the encoding."""
    encoding = frame.options.get("encoding", "UTF-8")
    what = f"its file {file} has letters that are no {encoding} (line {line:,})."
    return Fault(f"Frame '{frame.name}'", what, encoded(frame), codes.ENCODING)


def encoded(frame: Frame, kind: str = "") -> str:
    """What to do where letters are of another encoding, by the one that a file begins as."""
    if frame.format is Format.JSON:
        return "Land it in UTF-8, as JSON's standard has it."
    said = frame.options.get("encoding", "UTF-8")
    other = kind if kind.startswith("UTF") and kind != said.upper() else "windows-1252"
    return f'Say how it is written, such as options = {{ encoding = "{other}" }}, or land it in UTF-8.'


def not_read(frame: Frame) -> Fault:
    """Where Spark cannot read text files, and nothing of them says why."""
    what = f"its files cannot be read as {frame.format} to their end."
    return Fault(f"Frame '{frame.name}'", what, "See docs/lake.md for how cells and records are written.", codes.RECORD)


def json_fault(frame: Frame, kind: str, name: str, type_: str, count: int, file: str, line: int) -> Fault:
    """What of JSON is neither a value of another form nor a column."""
    at = place(file, line)
    what, remedy, code = {
        "broken": (
            f"{count:,} lines are no JSON objects, one in {at}: cut off, or not one object a line.",
            f"Land {frame.path} again; say options = {{ multiLine = true }} where a file is one array.",
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
            if type_.partition("(")[0] in NUMBERS
            else "Declare it as a number, or land it in quotes: as a text 1.10 would come back as 1.1.",
            codes.VALUE,
        ),
    }[kind]
    return Fault(f"Frame '{frame.name}'", what, remedy, code)
