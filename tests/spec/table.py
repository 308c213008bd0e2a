"""Reads text tables: a header, a rule of dashes, one case a row; the last column says why and names the case."""

from __future__ import annotations

import pytest

Row = dict[str, str]


def rows(text: str) -> list[Row]:
    """
    The rows of a table as dictionaries of its header.

    Raises:
        ValueError: If a row has another number of cells than the header, two
            rows are the same case, or two cases bear the same name.
    """
    lines = [line for line in text.splitlines() if line.strip() and set(line.strip()) - set("-+")]
    header, *body = ([cell.strip() for cell in line.split("|")] for line in lines)
    for cells in body:
        if len(cells) != len(header):
            raise ValueError(f"{len(cells)} cells where the header has {len(header)}: {' | '.join(cells)}")
    _all_distinct("case", [" | ".join(cells[:-1]) for cells in body])
    _all_distinct("name", [cells[-1] for cells in body])
    return [dict(zip(header, cells, strict=True)) for cells in body]


def cases(text: str) -> list[object]:
    """The rows as parameters of a test, each named by its last column."""
    return [pytest.param(row, id=list(row.values())[-1]) for row in rows(text)]


def numbers(cell: str) -> list[int]:
    """``10, 20`` as numbers; an empty cell has none."""
    return [int(part) for part in cell.split(",") if part.strip()]


def _all_distinct(what: str, values: list[str]) -> None:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"the same {what} twice: {'; '.join(twice)}")
