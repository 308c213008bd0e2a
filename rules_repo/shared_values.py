"""Shared parameters and reference lists as entries of a file of rules, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rules_engine.errors import Fault, InvalidRule, did_you_mean
from rules_engine.model import lengths
from rules_engine.model.canonical import ParameterValue, canonical_json, encode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_repo.entries import Entry, as_written, plain_parameter, said

PARAMETER_FIELDS = ("name", "value", "description")
LIST_FIELDS = ("name", "columns", "description", "rows")
"""Of a list in YAML: it says its rows in one entry."""

ROW_FIELDS = ("name", "columns", "description", "row")
"""Of a list where an entry is a line: one line a row, the first of which says columns and description."""

PLAIN: tuple[tuple[str, Callable[[str], ParameterValue]], ...] = (
    (r"(?i:true|false)", lambda cell: cell.lower() == "true"),
    (r"-?(0|[1-9][0-9]{0,17})", int),
    (r"-?(0|[1-9][0-9]*)\.[0-9]+", Decimal),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date.fromisoformat),
)
"""What a cell without a type is; all else is a text."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that looks like JSON or a day and is none; a text that looks so is said with its type."""

    said: str

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the SQL of any rule names as ``:name``."""

    name: str
    value: ParameterValue
    description: str = ""


def parameter(entry: Entry, where: str, faults: list[Fault]) -> Parameter | None:
    """The parameter of an entry; None if ``faults`` got any."""
    which = f"{where}, parameter {entry.get('name') or '(no name)'}"
    found = [*_unknown(entry, which, PARAMETER_FIELDS), *_texts(entry, which, ("name", "description"))]
    value: ParameterValue = ""
    try:
        value = plain_parameter(entry.get("value"))
    except (ValueError, TypeError, ArithmeticError):
        what = f"its value '{said(entry.get('value'), as_written(entry).get('value'))}' is no value."
        found.append(Fault(which, what, 'Write 5, 2.5, true, text or 2024-06-01, or with its type: {"decimal": "5"}.'))
    if not found:
        told = {"description": entry.get("description") or "", "value": encode_parameter(value)}
        found += lengths.faults(which, "parameter", told)
    faults.extend(found)
    return None if found else Parameter(entry["name"], value, entry.get("description") or "")


def cell_value(cell: str) -> Any:
    """A parameter's value in a cell: JSON with its type, or plain."""
    bare = cell.strip()
    if bare.startswith("{"):
        return json.loads(bare)
    for form, build in PLAIN:
        if re.fullmatch(form, bare):
            return build(bare)
    return cell or None


def value_cell(value: ParameterValue) -> str:
    """What :func:`cell_value` reads as this value: plain where that is the same."""
    plain = str(value).lower() if isinstance(value, bool) else str(value)
    with suppress(ValueError):
        if type(cell_value(plain)) is type(value) and cell_value(plain) == value:
            return plain
    return canonical_json(encode_parameter(value))


def reference_list(entry: Entry, where: str, faults: list[Fault]) -> ReferenceList | None:
    """The list of an entry; None if ``faults`` got any."""
    which = f"{where}, reference list {entry.get('name') or '(no name)'}"
    found = [*_unknown(entry, which, LIST_FIELDS), *_texts(entry, which, ("name", "description"))]
    columns: Any = entry.get("columns")
    rows = entry.get("rows") or []
    if not isinstance(columns, Mapping) or not all(isinstance(part, str) for pair in columns.items() for part in pair):
        what = f"its columns '{columns}' are no mapping of names to types."
        found.append(Fault(which, what, 'Write {"code": "string"}.'))
    elif not isinstance(rows, Sequence) or isinstance(rows, str):
        found.append(Fault(which, f"its rows '{rows}' are no list.", "Write one entry a row."))
    else:
        sole = next(iter(columns)) if len(columns) == 1 else None
        read = [_row(row, columns, sole) for row in rows]
        for number, row in enumerate(read, 1):
            if row is None:
                what = f"its row {number}, '{rows[number - 1]}', names no columns."
                found.append(Fault(which, what, f"Say each of {', '.join(columns)}."))
        found += _no_texts(rows, as_written(entry).get("rows") or rows, columns, sole, which)
    if not found:
        try:
            told = tuple(row for row in read if row is not None)
            made = ReferenceList(entry["name"], columns, told, entry.get("description") or "")
            found += [*lengths.faults(which, "reference_list", made.content()), *lengths.cell_faults(which, told)]
            if not found:
                return made
        except InvalidRule as problem:
            found = [replace(fault, which=f"{where}, {fault.which}") for fault in problem.faults]
    faults.extend(found)
    return None


def list_entries(lines: Iterable[tuple[str, Entry]], faults: list[Fault]) -> list[tuple[str, Entry]]:
    """The entries of lists whose rows stand a line each, with where each list begins."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for where, line in lines:
        name = line.get("name") or ""
        first, entry = found.setdefault(
            name, (where, {field: line[field] for field in ROW_FIELDS[:3] if line.get(field)} | {"rows": []})
        )
        for field in ("columns", "description"):
            if line.get(field) and line[field] != entry.get(field):
                what = f"its {field} are others than in {first}."
                faults.append(Fault(f"{where}, reference list {name}", what, "Say them once."))
        if line.get("row") not in (None, ""):
            entry["rows"].append(_typed(line["row"], entry.get("columns")))
    return list(found.values())


def row_cell(cell: str) -> Any:
    """A row in a cell: a JSON object, or the value of a list's only column as it is."""
    return json.loads(cell, parse_float=Decimal) if cell.lstrip().startswith("{") else cell


def parameter_entry(found: Parameter) -> dict[str, Any]:
    return {name: getattr(found, name) for name in PARAMETER_FIELDS if getattr(found, name) != ""} | {
        "value": found.value
    }


def list_entry(found: ReferenceList) -> dict[str, Any]:
    """A list in one entry; rows of one column are their values."""
    rows: list[Any] = [{column: row[column] for column in found.columns} for row in found.rows]
    if len(found.columns) == 1:
        rows = [value for row in rows for value in row.values()]
    said = {"name": found.name, "description": found.description, "columns": dict(found.columns), "rows": rows}
    return {name: value for name, value in said.items() if value != ""}


def list_lines(found: Iterable[ReferenceList]) -> Iterator[dict[str, Any]]:
    """Lists as lines of a row each, or of none; the first line of each says its columns and description."""
    for each in found:
        said = {"name": each.name, "columns": dict(each.columns), "description": each.description}
        for row in each.rows or (None,):
            yield said | ({} if row is None else {"row": dict(row)})
            said = {"name": each.name}


def _unknown(entry: Entry, which: str, fields: Sequence[str]) -> Iterator[Fault]:
    for name in entry:
        if name not in fields:
            yield Fault(which, f"it has no field '{name}'.", did_you_mean(str(name), fields) or "Remove it.")


def _texts(entry: Entry, which: str, names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        value = entry.get(name)
        if value is not None and not isinstance(value, str):
            yield Fault(which, f"its {name} '{as_written(entry)[name]}' is no text.", "Write it in quotes.")
    if not entry.get("name"):
        yield Fault(which, "it has no name.", "Give it one of small letters, digits and '_'.")


def _row(row: Any, columns: Mapping[str, str], sole: str | None) -> dict[str, Any] | None:
    """A row with every column said, values as JSON has them; None if it is none."""
    if not isinstance(row, Mapping):
        return None if sole is None or isinstance(row, list | Unreadable) else {sole: _as_kept(row)}
    told = {str(name): _as_kept(value) for name, value in row.items()}
    return dict.fromkeys(columns) | told


def _no_texts(
    rows: Sequence[Any], written: Sequence[Any], columns: Mapping[str, str], sole: str | None, which: str
) -> Iterator[Fault]:
    """What a file's reader takes for a number, a truth or a day where a column holds texts: 007, 12E4, true."""
    for number, (row, text) in enumerate(zip(rows, written, strict=True), 1):
        told, shown = (row, text) if isinstance(row, Mapping) else ({sole: row}, {sole: text})
        for name, value in told.items():
            if columns.get(name or "") == "string" and isinstance(value, bool | int | float | Decimal | date):
                yield Fault(which, f"its row {number}: {name} '{shown[name]}' is no text.", "Write it in quotes.")


def _as_kept(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def _typed(said: Any, columns: Any) -> Any:
    """The value of a line's only column by its type: in a cell everything is a text."""
    kinds = list(columns.values()) if isinstance(columns, Mapping) else []
    if not isinstance(said, str) or len(kinds) != 1:
        return said
    if kinds[0] == "bigint" and re.fullmatch(r"-?[0-9]+", said.strip()):
        return int(said)
    if kinds[0] == "boolean" and said.strip().lower() in ("true", "false"):
        return said.strip().lower() == "true"
    return said if kinds[0] == "string" else said.strip()
