"""Which options of a frame's text files landing reads by, and which only the lake's own reading knows."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.lake.moment_forms import read_by
from rules_engine.model.frames import Format, Frame

READ = {
    "sep", "quote", "header", "encoding", "nullValue", "emptyValue", "leadingZeros", "decimal", "grouping", "numbers",
    "missing",
}  # fmt: skip
"""Options by which landing reads records and values as the lake does."""

FORMS = {"dateFormat", "timestampFormat"}
"""Options that say how a cell is read, and not where it ends; Java alone reads some of them."""

AS_ALWAYS = {("ignoreLeadingWhiteSpace", "false"), ("ignoreTrailingWhiteSpace", "false")}


def unjudged(frame: Frame) -> tuple[str, ...]:
    """The options of a frame by which landing judges no value: the lake does when it is read."""
    return tuple(sorted(_others(frame)))


def is_parted(frame: Frame) -> bool:
    """Whether landing can tell where the cells of a record end."""
    return set(unjudged(frame)) <= FORMS


def _others(frame: Frame) -> Iterator[str]:
    if frame.format not in (Format.CSV, Format.JSON):
        return
    for name, value in frame.options.items():
        known = name in READ or (name, value.lower()) in AS_ALWAYS
        if name in FORMS:
            known = read_by(value) is not None
        elif name == "multiLine":
            known = value.lower() == ("true" if frame.format is Format.CSV else "false")
        elif name == "escape":
            known = value == frame.options.get("quote", '"')
        elif name in ("sep", "quote"):
            known = len(separator(value)) == 1
        if not known:
            yield name


def separator(said: str) -> str:
    """What parts cells, where a tab may be written as a backslash and a t."""
    return said.replace("\\t", "\t")
