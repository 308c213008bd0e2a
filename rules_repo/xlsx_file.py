"""Rules as a workbook: a sheet for each of the CSV files, each as that file has it, every cell a text."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from openpyxl.utils.exceptions import InvalidFileException

from rules_engine.errors import ChangeRefused, Fault, did_you_mean
from rules_repo import csv_file, worksheet
from rules_repo.entries import READABLE_RULE_FIELDS, TYPE_FIELDS, Entry
from rules_repo.shared_values import PARAMETER_FIELDS, ROW_FIELDS

RULES, TYPES, PARAMETERS, LISTS = "rules", "membership types", "parameters", "reference lists"
SHEETS = ((RULES, READABLE_RULE_FIELDS), (TYPES, TYPE_FIELDS), (PARAMETERS, PARAMETER_FIELDS), (LISTS, ROW_FIELDS))
LONGEST = 32_767
"""As many characters a spreadsheet keeps in a cell."""

LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001 - what the file says of its making, the same in every export
COLUMNS = dict.fromkeys(csv_file.WHOLE, worksheet.NUMBER) | dict.fromkeys(csv_file.DAYS, worksheet.DAY)
COLUMNS["value"] = worksheet.VALUE
UNREADABLE = OSError, LookupError, ValueError, TypeError, AttributeError, SyntaxError, BadZipFile, InvalidFileException
"""What the library raises of files that are no workbooks, or that are broken."""

Placed = list[tuple[str, Entry]]


def entries(path: Path, faults: list[Fault]) -> Mapping[str, Placed]:
    """
    The entries of the sheets by name, with where they stand; what cannot be read goes to ``faults``.

    Raises:
        ChangeRefused: If the file is no workbook.
    """
    with _opened(path, data_only=True) as values, _opened(path, data_only=False) as formulas:
        sheets = {sheet.title: sheet for sheet in values.worksheets}
        if RULES not in sheets:
            what = f"it has no sheet '{RULES}' of cells; it has {', '.join(map(repr, values.sheetnames))}."
            faults.append(Fault(path.name, what, f"Name the sheet with the rules '{RULES}'."))
            return {title: [] for title, _ in SHEETS}
        names = [name for name, _ in SHEETS]
        for title in sheets.keys() - set(names):
            if did_you_mean(title.casefold().replace("_", " "), (*names, "types", "lists")):
                what = "it is not read, though its name is like that of one which is."
                remedy = f"Those are named {', '.join(map(repr, names))}: name it so, or otherwise."
                faults.append(Fault(f"{path.name} sheet {title}", what, remedy))
        for name in names:
            if name in sheets and sheets[name].sheet_state != "visible":
                faults.append(Fault(f"{path.name} sheet {name}", "it is hidden.", "Show it, or delete it."))
        found: dict[str, Placed] = {}
        for name, fields in SHEETS:
            which = f"{path.name} sheet {name}"
            read = worksheet.rows(sheets[name], formulas[name], COLUMNS, which, faults) if name in sheets else ()
            lines = ((f"{which} row {number}", cells) for number, cells in read)
            before = len(faults)
            found[name] = csv_file.tabled(lines, which, fields, faults) if name in sheets else []
            if name == LISTS and len(faults) > before:
                found[name] = []  # its rows say what a list is only together
    return found


@contextmanager
def _opened(path: Path, data_only: bool) -> Iterator[Any]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, data_only=data_only, read_only=True)
    except UNREADABLE as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        what = f"it cannot be read as a workbook: {why}."
        raise ChangeRefused(Fault(f"File {path}", what, "Nothing was changed.")) from problem
    with closing(book):
        yield book


def written(texts: Mapping[str, str]) -> bytes:
    """The workbook of sheets by name, each of the text of its CSV file: the same rules give the same bytes."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, text in texts.items():
        sheet = book.create_sheet(name)
        for line, cells in enumerate(csv.reader(io.StringIO(text, newline="")), 1):
            for column, cell in enumerate(cells, 1):
                if cell:
                    sheet.cell(line, column, _kept(cell, cells[0])).data_type = "s"
        sheet.freeze_panes = "A2"
    book.properties.created = book.properties.modified = LONG_AGO
    out = io.BytesIO()
    book.save(out)
    return _undated(out.getvalue())


def _kept(cell: str, key: str) -> str:
    """The text, if a workbook keeps it as it is."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if len(cell) > LONGEST or ILLEGAL_CHARACTERS_RE.search(cell) or "\r" in cell:
        what = "one of its texts is too long for a workbook, or holds a control character."
        raise ChangeRefused(Fault(f"Entry {key}", what, "Export to .yaml or .csv."))
    return cell


def _undated(content: bytes) -> bytes:
    """The archive with every member as old as the others, for the clock is no part of the rules."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as found, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in found.namelist():
            text = found.read(name)
            if name == "docProps/core.xml":
                text = _same_moment(text)
            made.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _same_moment(core: bytes) -> bytes:
    """openpyxl writes the moment of saving as the moment of the last change."""
    return re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", core)
