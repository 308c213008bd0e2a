"""Rules as CSV: the file that spreadsheets open; one rule a line, membership types in a file of their own."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rules_engine.errors import Fault, did_you_mean
from rules_engine.model.canonical import canonical_json, encode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo.entries import RULE_FIELDS, TYPE_FIELDS, Entry, rule_entry, type_entry
from rules_repo.shared_values import (
    PARAMETER_FIELDS,
    ROW_FIELDS,
    Parameter,
    Unreadable,
    cell_value,
    list_lines,
    parameter_entry,
    row_cell,
    value_cell,
)

FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


WHOLE = ("weight", "margin", "veto_weight")
DAYS = ("effective_from", "effective_to")
QUOTE = "Put texts that hold commas in quotes."
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def _whole(cell: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", cell):
        raise ValueError
    return int(cell)


def _day(cell: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell):
        raise ValueError
    return date.fromisoformat(cell)


def _flag(cell: str) -> bool:
    return FLAGS[cell.lower()]


def _object(cell: str) -> Any:
    return json.loads(cell, parse_float=Decimal)


CELLS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(WHOLE, _whole),
    **dict.fromkeys(DAYS, _day),
    "override": _flag,
    "shadow": _flag,
    "parameters": _object,
    "metadata": _object,
    "columns": _object,
    "value": cell_value,
    "row": row_cell,
}

Line = tuple[str, list[str]]
"""Where a line stands, and its cells."""


def entries(text: str, name: str, fields: Sequence[str], faults: list[Fault]) -> list[tuple[str, Entry]]:
    """The file's entries, with where they stand; what cannot be read goes to ``faults``."""
    try:
        text = re.sub(r"\A\ufeff?(sep=.(?=\r?\n))?", "", text)  # what a spreadsheet writes for itself
        return tabled(_lines(text, name, fields), name, fields, faults)
    except csv.Error as problem:
        faults.append(
            Fault(f"{name} line {problem.args[-1]}", f"it is no CSV: {problem.args[0]}.", "Mend the quotes there.")
        )
        return []


def _lines(text: str, name: str, fields: Sequence[str]) -> Iterator[Line]:
    """The lines that hold anything; parted by what parts the first one into names of columns."""
    first = text.lstrip("\r\n").partition("\n")[0]
    known = {sign: sum(part.strip().strip('"') in fields for part in first.split(sign)) for sign in SEPARATORS}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=max(known, key=known.__getitem__))
    line = 0
    try:
        for row in reader:
            where, line = f"{name} line {line + 1}", reader.line_num
            if any(cell.strip() for cell in row):
                yield where, row
    except csv.Error as problem:
        raise csv.Error(str(problem), reader.line_num) from problem


def tabled(lines: Iterable[Line], name: str, fields: Sequence[str], faults: list[Fault]) -> list[tuple[str, Entry]]:
    """The entries of lines of cells, the first of which names the columns; empty columns at the end do not count."""
    found: list[tuple[str, Entry]] = []
    several = iter(lines)
    header = [column.strip() for column in next(several, (name, []))[1]]
    while header and not header[-1]:
        header.pop()
    if faulty := list(_header_faults(header, name, fields)):
        faults.extend(faulty)
        return found
    for where, row in several:
        cells = row[: len(header)]
        if len(cells) < len(header) or any(cell.strip() for cell in row[len(header) :]):
            what = f"it has {len(row)} cells, the header has {len(header)}."
            alone = len(cells) == 1 and any(sign in cells[0] for sign in SEPARATORS)
            remedy = "Part them by the sign that parts the header." if alone else QUOTE
            faults.append(Fault(where, what, remedy))
            continue
        found.append((where, {column: _cell(column, cell) for column, cell in zip(header, cells, strict=True)}))
    return found


def _header_faults(header: Sequence[str], name: str, fields: Sequence[str]) -> Iterator[Fault]:
    if len(header) == 1 and any(sign in header[0] for sign in SEPARATORS):
        yield Fault(name, "its first line is one cell, in quotes.", "Take the quotes around whole lines away.")
        return
    if len(header) == 1 and (sign := next((s for s in "|:^~ " if set(header[0].split(s)) & set(fields[1:])), "")):
        yield Fault(name, f"its cells are parted by '{sign}'.", "Part them by commas, semicolons or tabs.")
        return
    if fields[0] not in header:
        yield Fault(name, f"its first line names no column '{fields[0]}'.", f"Begin it with: {','.join(fields)}.")
    if not {*fields} & {*header}:
        return  # a line of values
    for place, column in enumerate(header, 1):
        if not column:
            yield Fault(name, f"column {place} has no name.", "Name it, or remove it.")
        elif column not in fields:
            yield Fault(name, f"there is no column '{column}'.", did_you_mean(column, fields) or "Remove it.")
    for column in sorted({c for c in header if c and header.count(c) > 1}):
        yield Fault(name, f"it has the column '{column}' twice.", "Remove one.")


def _cell(column: str, cell: str) -> Any:
    """The cell's value, or the text itself where it is none: the entry then says what is wrong with it."""
    if column not in CELLS:
        return cell
    try:
        return CELLS[column](cell.strip()) if cell.strip() else None
    except (ValueError, KeyError, ArithmeticError, RecursionError):
        return Unreadable(cell) if column in ("value", "row") else cell


def rules_written(versions: Iterable[RuleVersion]) -> str:
    """The rules' file: the same rules give the same text."""
    return _written(RULE_FIELDS, (rule_entry(v) for v in versions))


def types_written(membership_types: Iterable[MembershipType]) -> str:
    """The membership types' file."""
    return _written(TYPE_FIELDS, (type_entry(m) for m in membership_types))


def parameters_written(parameters: Iterable[Parameter]) -> str:
    """The shared parameters' file."""
    return _written(PARAMETER_FIELDS, (parameter_entry(p) for p in parameters))


def lists_written(lists: Iterable[ReferenceList]) -> str:
    """The reference lists' file: a line a row."""
    return _written(ROW_FIELDS, list_lines(lists))


def _written(fields: Sequence[str], found: Iterable[Entry]) -> str:
    rows = ([_shown(name, entry.get(name)) for name in fields] for entry in found)
    return "".join(_line(row) for row in (fields, *rows))


def _line(cells: Sequence[str]) -> str:
    """A line that ends in LF; told so, the writer would leave a CR within a cell without quotes."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "parameters":
        return canonical_json({key: encode_parameter(part) for key, part in value.items()})
    if name in ("metadata", "columns", "row"):
        return canonical_json(value)
    if name == "value":
        return value_cell(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
