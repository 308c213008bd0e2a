"""Reference lists: rows that rules look values up in. They are kept with the rules and are part of the rule set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from rules_engine.errors import Fault, InvalidRule, raise_all
from rules_engine.model.canonical import canonical_json

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
TYPE = re.compile(r"boolean|bigint|date|string|decimal\(([1-9]|[12]\d|3[0-8]),(\d|[12]\d|3[0-8])\)")

Row = Mapping[str, Any]
"""A value by column as JSON has it: days and decimals as texts, None for a value that is not known."""


@dataclass(frozen=True, slots=True)
class ReferenceList:
    """
    A list that the SQL of rules asks as a frame: ``country IN (SELECT code FROM high_risk)``.

    ``columns`` are Spark SQL types by name. Rows stand in canonical order, so
    equal lists give equal bytes.

    Raises:
        InvalidRule: With every fault of the list at once.

    >>> ReferenceList("high_risk", {"code": "string"}, ({"code": "XB"}, {"code": "XA"})).rows
    ({'code': 'XA'}, {'code': 'XB'})
    """

    name: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(sorted(self.columns.items()))))
        object.__setattr__(self, "rows", tuple(sorted((dict(row) for row in self.rows), key=canonical_json)))
        raise_all(InvalidRule, self._faults())

    def _faults(self) -> Iterable[Fault]:
        which = f"Reference list {self.name or '(no name)'}"
        if not NAME.fullmatch(self.name):
            yield Fault(which, "its name is not of small letters, digits and '_'.", "Rename it.")
        if not self.columns:
            yield Fault(which, "it has no column.", 'Give it one: {"code": "string"}.')
        for column, type_ in self.columns.items():
            if not NAME.fullmatch(column) or not _is_type(type_):
                remedy = "Types are boolean, bigint, date, string and decimal(12,2)."
                yield Fault(which, f"its column '{column}' of type '{type_}' is none.", remedy)
        for number, row in enumerate(self.rows, 1):
            yield from self._row_faults(f"{which}, row {number}", row)

    def _row_faults(self, which: str, row: Row) -> Iterable[Fault]:
        if set(row) != set(self.columns):
            yield Fault(which, f"it has {', '.join(row) or 'nothing'}.", f"Its columns are {', '.join(self.columns)}.")
        for column in row.keys() & self.columns.keys():
            type_ = self.columns[column]
            if row[column] is not None and not _fits(row[column], type_):
                yield Fault(which, f"its {column} {row[column]!r} is not of type {type_}.", "Mend the value.")

    def content(self) -> dict[str, Any]:
        rows = [dict(row) for row in self.rows]
        return {"name": self.name, "columns": dict(self.columns), "rows": rows, "description": self.description}


def _is_type(type_: str) -> bool:
    """Whether a column can be of a type: a decimal has no more digits after its point than in all."""
    found = TYPE.fullmatch(type_)
    return found is not None and (found[1] is None or int(found[2]) <= int(found[1]))


def _fits(value: object, type_: str) -> bool:
    with suppress(ValueError, TypeError, ArithmeticError):
        return FITS[type_.partition("(")[0]](value)
    return False


FITS: Mapping[str, Callable[[Any], bool]] = {
    "boolean": lambda v: isinstance(v, bool),
    "bigint": lambda v: isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**63,
    "string": lambda v: isinstance(v, str),
    "date": lambda v: date.fromisoformat(v).isoformat() == v,
    "decimal": lambda v: isinstance(v, str) and Decimal(v).is_finite(),
}
