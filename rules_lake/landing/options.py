"""Which options of a frame's text files landing judges values by, and which only the lake's own reading does."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.model.frames import Format, Frame

READ = {"sep", "quote", "header", "encoding", "nullValue", "leadingZeros", "numbers", "missing"}
"""Options by which landing reads values as the lake does."""

OF_VALUES = {"decimal", "grouping", "dateFormat", "timestampFormat", "emptyValue"}
"""Options that say what a cell means, and not where it ends."""

AS_ALWAYS = {
    ("decimal", "."),
    ("dateFormat", "yyyy-MM-dd"),
    ("ignoreLeadingWhiteSpace", "false"),
    ("ignoreTrailingWhiteSpace", "false"),
}


def unjudged(frame: Frame) -> tuple[str, ...]:
    """The options of a frame by which landing judges no value: the lake does when it is read."""
    return tuple(sorted(_others(frame)))


def is_parted(frame: Frame) -> bool:
    """Whether landing can tell where the cells of a record end."""
    return set(unjudged(frame)) <= OF_VALUES


def _others(frame: Frame) -> Iterator[str]:
    if frame.format not in (Format.CSV, Format.JSON):
        return
    for name, value in frame.options.items():
        known = name in READ or (name, value.lower() if value.lower() == "false" else value) in AS_ALWAYS
        if name == "multiLine":
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
