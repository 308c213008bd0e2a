"""Rules as a workbook: a sheet of rules and one of membership types, each as its CSV file has it, every cell a text."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from rules_engine.errors import ChangeRefused, Fault
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo import csv_file
from rules_repo.entries import READABLE_RULE_FIELDS, TYPE_FIELDS, Entry

RULES, TYPES = "rules", "membership types"
LONGEST = 32_767
"""As many characters a spreadsheet keeps in a cell."""

LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001 - what the file says of its making, the same in every export
Placed = list[tuple[str, Entry]]


def entries(path: Path, faults: list[Fault]) -> tuple[Placed, Placed]:
    """
    The entries of both sheets, with where they stand; what cannot be read goes to ``faults``.

    Raises:
        ChangeRefused: If the file is no workbook.
    """
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, data_only=True)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        what = f"it cannot be read as a workbook: {problem}."
        raise ChangeRefused(Fault(f"File {path}", what, "Nothing was changed.")) from problem
    rules, types = (book[name] if name in book.sheetnames else None for name in (RULES, TYPES))
    if rules is None:
        faults.append(Fault(path.name, f"it has no sheet '{RULES}'.", f"Name the sheet with the rules '{RULES}'."))
        return [], []
    read = _entries(rules, path, READABLE_RULE_FIELDS, faults)
    return read, _entries(types, path, TYPE_FIELDS, faults) if types else []


def _entries(sheet: Any, path: Path, fields: tuple[str, ...], faults: list[Fault]) -> Placed:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True))
    return csv_file.entries(out.getvalue(), f"{path.name} sheet {sheet.title}", fields, faults)


def _text(cell: object) -> str:
    """What a person typed: a spreadsheet makes days, numbers and truths of texts."""
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case datetime():
            return cell.date().isoformat()
        case float() if cell.is_integer():
            return str(int(cell))
    return str(cell)


def written(membership_types: Iterable[MembershipType], versions: Iterable[RuleVersion]) -> bytes:
    """The workbook: the same rules give the same bytes."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, text in ((RULES, csv_file.rules_written(versions)), (TYPES, csv_file.types_written(membership_types))):
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
