"""A sheet of a workbook as everybody sees it: what a cell shows is read, and what shows something else is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries
from openpyxl.xml.functions import iterparse

from rules_engine.errors import Fault

LARGEST = 400_000_000
"""Bytes of a sheet that is taken apart: the texts of 100,000 rules take a tenth of them."""

SHOWN_WHOLE = 10**11
"""From here on a spreadsheet shows a number that has no format of its own in powers of ten."""

PLAIN = re.compile(r"General|@|0|#", re.IGNORECASE)
"""Formats that show a whole number with its digits and nothing else."""

SEPARATED = re.compile(r"(#,##)?0(\.0+)?", re.IGNORECASE)
"""Formats that show it with separators, or with decimals that are zeros: as a number it is the same."""

TEXT, NUMBER, DAY, VALUE = "a text", "a number", "a day", "a value"
"""What a column holds; a value is any of the others, as its cell shows it."""

COUNTED_ALIKE = datetime(1900, 3, 1)  # noqa: DTZ001 - a cell has no zone
"""From here on every spreadsheet program shows the same day for a number."""


@dataclass(slots=True)
class Outline:
    """Where a sheet holds anything, and what of it is not to be seen; without the values."""

    last_row: int = 0
    last_column: int = 0
    merged: list[str] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)

    def unseen(self) -> Iterator[tuple[str, str, str]]:
        """Place, fault and remedy of what is hidden or merged where the sheet holds anything."""
        for row in self.hidden_rows:
            if row <= self.last_row:
                yield f"row {row}", "it is hidden.", "Show it (clear the filter), or delete it."
        for first, last in self.hidden_columns:
            if first <= self.last_column:
                names = f"{get_column_letter(first)}:{get_column_letter(min(last, self.last_column))}"
                yield f"columns {names}", "they are hidden.", "Show them, or delete them."
        for cells in self.merged:
            column, row, _, _ = range_boundaries(cells)
            if row <= self.last_row and column <= self.last_column:
                what = "they are merged: the first of them holds the value, the others hold none."
                yield f"cells {cells}", what, "Part them, and write into each what it is to say."


def rows(
    values: Any, formulas: Any, columns: dict[str, str], which: str, faults: list[Fault]
) -> Iterator[tuple[int, list[str]]]:
    """
    The rows of a sheet that hold anything and show what they hold, with their numbers; first the names of its columns.

    Args:
        values: The sheet of a workbook opened for reading only, with the values that formulas had when it was saved.
        formulas: The same sheet with the formulas themselves.
        columns: :data:`NUMBER`, :data:`DAY` or :data:`VALUE` by the name of a column; a text, where it is not named.
        which: The sheet in messages.
        faults: Where what is wrong goes.
    """
    outline = _outline(values)
    if outline is None:
        what = f"it is larger than {LARGEST // 1_000_000} MB, most of it likely cells without a value."
        faults.append(Fault(which, what, "Copy the rules into a new workbook, or use .csv or .yaml."))
        return
    faults.extend(Fault(f"{which} {place}", what, remedy) for place, what, remedy in outline.unseen())
    header: list[str] = []
    area = {"min_row": 1, "min_col": 1, "max_row": outline.last_row, "max_col": outline.last_column}
    for number, both in enumerate(
        zip(values.iter_rows(**area), formulas.iter_rows(**area), strict=True) if outline.last_row else (), 1
    ):
        texts, problems = [], []
        for column, (cell, said) in enumerate(zip(*both, strict=True), 1):
            wanted = columns.get(header[column - 1], TEXT) if header else TEXT
            text, *fault = _seen(cell, said, wanted)
            texts.append(text)
            problems += [Fault(f"{which} cell {get_column_letter(column)}{number}", *each) for each in fault]
        faults.extend(problems)
        if any(text.strip() for text in texts) and not (problems and header):
            header = header or [text.strip() for text in texts]
            yield number, texts


def _seen(cell: Any, said: Any, wanted: str) -> tuple[str] | tuple[str, tuple[str, str]]:
    """What a cell shows; and what is wrong with it, with the remedy, where it shows something else than it holds."""
    value = cell.value
    if fault := _unshown(cell, said):
        return "?", fault
    match value:
        case bool():
            return (str(value).upper(),)
        case datetime() | time() | timedelta():
            return _day(value, cell.number_format, wanted)
        case int() | float():
            return _number(value, cell.number_format, wanted)
    return ("" if value is None else str(value),)


def _unshown(cell: Any, said: Any) -> tuple[str, str] | None:
    """Why a cell's value is not to be seen as it is, with the remedy; a number's and a day's format are asked later."""
    value = cell.value
    if said.data_type == "f" and value in (None, ""):
        what = f"it is a formula without a value ({_formula(said.value)})."
        return (what, "Open and save the workbook in a spreadsheet program, or write the value instead.")
    if cell.data_type == "e":
        return (f"it shows the error {value}.", "Write a value, or leave it empty.")
    if value is not None and cell.font.strike:
        return ("it is struck through.", "Delete what is not to count, or take the line through it away.")
    if isinstance(value, bool | str) and value != "" and not _shows_texts(cell.number_format):
        what = f"it holds '{value}' and shows it otherwise (format '{cell.number_format}')."
        return (what, "Format the cell as text, and write what it is to say.")
    return None


def _formula(said: object) -> str:
    return str(getattr(said, "text", said))


def _day(value: datetime | time | timedelta, shown_as: str, wanted: str) -> tuple[str] | tuple[str, tuple[str, str]]:
    if wanted not in (DAY, VALUE):
        what = f"it is a day or a time ({value}) where {wanted} is expected, and shows as its format has it."
        return "?", (what, "Format the cell as text and write what it is to say.")
    if not isinstance(value, datetime) or value.time() != time():
        return "?", (f"it holds a time of day ({value}), and rules change at midnight.", "Write the day alone.")
    if value < COUNTED_ALIKE:
        what = f"it holds {value.date()}, and programs count the days before March 1900 differently."
        return "?", (what, "Format the cell as text, and write the day as 1900-01-01.")
    if not _shows_day(value, shown_as):
        what = f"it holds {value.date()}, and its format '{shown_as}' does not show the whole day."
        return "?", (what, "Format the cell as a day, such as yyyy-mm-dd, and look whether it is the right one.")
    return (value.date().isoformat(),)


def _shows_texts(shown_as: str) -> bool:
    """Whether a format shows texts and truths as they are: its fourth part is of them, or the one that has an ``@``."""
    parts = [re.sub(r"[_*].", "", part) for part in shown_as.split(";")]
    return (parts[3] if len(parts) > 3 else next((part for part in parts if "@" in part), "@")) in ("@", "General")


def _shows_day(value: datetime, shown_as: str) -> bool:
    """Whether a format shows day, month and year; a weekday, minutes and two digits of a far year do not."""
    shown = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", shown_as).lower().split(";")[0]
    shown = re.sub(r"am/pm|a/p|h+\W*m+|m+\W*s|d{3,}", "", shown)
    return set("dmy") <= set(shown) and ("yyy" in shown or 1930 <= value.year < 2030)


def _number(value: float, shown_as: str, wanted: str) -> tuple[str] | tuple[str, tuple[str, str]]:
    whole = float(value).is_integer()
    text = str(int(value)) if whole else str(value)
    if (
        whole
        and abs(value) < SHOWN_WHOLE
        and (PLAIN.fullmatch(shown_as) or (wanted in (NUMBER, VALUE) and SEPARATED.fullmatch(shown_as)))
    ):
        return (text,)
    if not whole and shown_as == "General" and (wanted in (NUMBER, DAY) or (wanted == VALUE and _is_short(text))):
        return (text,)  # where it is none that the column takes, the entry says what is wrong with it
    what = f"it holds the number {text} and shows it otherwise (format '{shown_as}')."
    return "?", (what, "Format the cell as text, and write what it is to say.")


def _is_short(number: str) -> bool:
    """Whether a spreadsheet shows all digits of a number that has no format of its own."""
    return len(number.lstrip("-")) <= 10 and "e" not in number


def _outline(sheet: Any) -> Outline | None:
    """One pass over the sheet's XML, in little memory; None if it is larger than it may be."""
    found = Outline()
    archive, part = sheet.parent._archive, sheet._worksheet_path  # the reader of rows drops what is looked for here
    if archive.getinfo(part).file_size > LARGEST:
        return None
    row, parents = 0, []
    with archive.open(part) as source:
        for event, element in iterparse(source, ("start", "end")):
            name = element.tag.rpartition("}")[2]
            if event == "start":
                parents.append(element)
                if name == "row":
                    row = int(element.get("r") or row + 1)
                continue
            parents.pop()
            if name == "c" and len(element):
                _, column = coordinate_to_tuple(element.get("r") or f"A{row}")
                found.last_row, found.last_column = max(found.last_row, row), max(found.last_column, column)
            elif name == "row" and element.get("hidden") in ("1", "true"):
                found.hidden_rows.append(row)
            elif name == "col" and element.get("hidden") in ("1", "true"):
                found.hidden_columns.append((int(element.get("min")), int(element.get("max"))))
            elif name == "mergeCell":
                found.merged.append(element.get("ref"))
            if name in ("row", "col", "mergeCell"):
                parents[-1].remove(element)
    return found
