"""What a declaration may say of how the files of a frame are written: an allow-list per format (docs/lake.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rules_engine.errors import Fault, did_you_mean

NUMBERS = {
    "decimal": "the character between a number and its fraction, such as ','",
    "grouping": "the character between thousands, such as '.'",
    "leadingZeros": "true where whole numbers are padded with zeros",
    "dateFormat": "how a date is written, such as dd.MM.yyyy",
    "timestampFormat": "how a moment is written, such as dd.MM.yyyy HH:mm:ss",
}
TEXT = NUMBERS | {
    "encoding": "how letters are written, such as windows-1252; UTF-8 unless said",
    "lineSep": "what ends a record, where it is no end of a line",
    "multiLine": "whether a record may go over several lines: CSV unless false is said, JSON where true is said",
}
CSV = TEXT | {
    "header": "false where the first line is a record",
    "sep": "what parts cells, such as ';'",
    "quote": "what stands about a cell that holds a separator",
    "escape": 'what stands before a quote within a cell; the quote itself ("") unless said',
    "nullValue": "what stands for no value",
    "emptyValue": "what stands for an empty text",
    "comment": "what begins a line that is no record",
    "ignoreLeadingWhiteSpace": "true where spaces before a cell are none of it",
    "ignoreTrailingWhiteSpace": "true where spaces after a cell are none of it",
}
JSON = {name: what for name, what in TEXT.items() if name != "encoding"} | {
    "numbers": "texts where numbers stand in quotes",
    "missing": "null where a key that no record of a file has is a column without values",
}
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "parquet": {},
    "orc": {},
    "csv": CSV,
    "json": JSON,
    "delta": {"version": "the version that is read, instead of the newest"},
    "iceberg": {"snapshot": "the id of the snapshot that is read, instead of the current one"},
}

ALSO = {"delimiter": "sep", "charset": "encoding", "versionAsOf": "version", "snapshot-id": "snapshot"}
"""Other names for the same, of Spark."""

VALUES = {
    "leadingZeros": ("true", "false"),
    "multiLine": ("true", "false"),
    "header": ("true", "false"),
    "ignoreLeadingWhiteSpace": ("true", "false"),
    "ignoreTrailingWhiteSpace": ("true", "false"),
    "numbers": ("texts",),
    "missing": ("null",),
}
SIGNS = ("sep", "quote", "escape", "comment")
"""Options that are one character; but for the separator, also none."""
IN_VAIN = {
    "locale": 'Say decimal = "," and grouping = "." for numbers, dateFormat for days.',
    "mode": "A record that cannot be read always stops the run.",
    "inferSchema": "Types are those of the declared columns.",
    "timestampAsOf": "A run names what it read: say version of Delta, snapshot of Iceberg.",
    "mergeSchema": "All files of a frame must have the same columns.",
    "encoding": "JSON is UTF-8, as its standard has it: land it so.",
    "enforceSchema": "The header of every file is compared with the declared columns.",
}


def spelled(options: Mapping[str, str]) -> dict[str, str]:
    """Options by the names that they have here, whatever the capitals and for whichever of two names of Spark."""
    known = {name.lower(): name for options_ in OPTIONS.values() for name in options_}
    also = {name.lower(): name_ for name, name_ in ALSO.items()}
    return {also.get(name.lower(), known.get(name.lower(), name)): value for name, value in options.items()}


def option_faults(which: str, format_: str, options: Mapping[str, str]) -> Iterator[Fault]:
    """Options that the files of a format do not have, and values that options do not take."""
    known = OPTIONS[format_]
    for name, value in options.items():
        if name not in known:
            there = f"There are: {', '.join(known)}." if known else f"Files of {format_} say themselves how they are."
            hint = IN_VAIN.get(name) or did_you_mean(name, known) or there
            yield Fault(which, f"its option '{name}' means nothing for {format_}.", hint, "LAKE-113")
        elif name in VALUES and value.lower() not in VALUES[name]:
            what = f"its option {name} = '{value}' means nothing."
            yield Fault(which, what, f"There are: {', '.join(VALUES[name])}.", "LAKE-113")
        elif name in ("version", "snapshot") and not re.fullmatch("[0-9]{1,19}", value):
            yield Fault(which, f"its option {name} = '{value}' is no number.", f"Say {known[name]}.", "LAKE-113")
        elif name in ("decimal", "grouping") and (len(value) != 1 or value.isdigit() or value in "+-"):
            yield Fault(
                which, f"its option {name} = '{value}' is not one character.", f"Say {known[name]}.", "LAKE-113"
            )
        elif name in SIGNS and len(value.replace("\\t", "\t")) not in ((1,) if name == "sep" else (0, 1)):
            what = f"its option {name} = '{value}' is not one character."
            yield Fault(which, what, f"Say {known[name]}, as one character.", "LAKE-113")
    yield from _together(which, format_, options)


def _together(which: str, format_: str, options: Mapping[str, str]) -> Iterator[Fault]:
    """Options of which one makes another impossible."""
    if options.get("decimal", ".") == options.get("grouping"):
        what = "its options decimal and grouping are the same character, so no number could be read."
        yield Fault(which, what, "Say which of the two the files have.", "LAKE-113")
    encoding = options.get("encoding", "")
    if re.match("u(tf)?[_-]?(16|32)", encoding.lower()) and options.get("multiLine", "").lower() == "false":
        what = f"its options encoding = '{encoding}' and multiLine = 'false' do not go together: Spark finds no line."
        yield Fault(which, what, "Leave multiLine out, or land it in UTF-8.", "LAKE-113")
    lines, header = options.get("lineSep", "\n"), options.get("header", "true").lower()
    if format_ == "csv" and header != "false" and lines not in ("\n", "\r\n", "\r"):
        what = f"its option lineSep = '{lines}' is for records without a header alone: a header is read as a line."
        yield Fault(which, what, "Land it with ends of lines, or without a header and say header = false.", "LAKE-113")
