"""What files say of all their rows: how many there are, and of a column the NULLs and the least and greatest value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

Value = int | Decimal | date


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """Rows without a value, and the least and the greatest value: None where there is none, or a file does not say."""

    nulls: int
    ends: tuple[Value, Value] | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Rows, and columns by their names in small letters: those of which every part of every file says enough."""

    rows: int
    columns: Mapping[str, ColumnSummary]


def of_parts(parts: Iterable[Summary | None]) -> Summary | None:
    """What all parts say together; None where one says nothing, or there is none. One without rows says all of it."""
    each = [*parts]
    known = [part for part in each if part]
    if not known or len(known) < len(each):
        return None
    filled = [part for part in known if part.rows]
    names = set[str].intersection(*({*part.columns} for part in filled)) if filled else set[str]()
    return Summary(sum(part.rows for part in filled), {name: _column(filled, name) for name in sorted(names)})


def _column(parts: Iterable[Summary], name: str) -> ColumnSummary:
    """Of a column of which every part says something; a part of NULLs alone has no ends, and needs none."""
    nulls, ends, bare = 0, list[tuple[Value, Value]](), False
    for part in parts:
        said = part.columns[name]
        nulls += said.nulls
        ends += [said.ends] if said.ends else []
        bare = bare or (said.ends is None and said.nulls < part.rows)
    if bare or not ends:
        return ColumnSummary(nulls, None)
    return ColumnSummary(nulls, (min(low for low, _ in ends), max(high for _, high in ends)))
