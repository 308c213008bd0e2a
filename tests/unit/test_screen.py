"""A table as the screen shows it: whole where it fits, wrapped between words, or each row by itself; nothing is cut."""

from __future__ import annotations

import pytest
from rich.console import Console

from console.screen import Screen, few, row, table
from rules_engine.errors import Fault

DRAWN = {
    60: "key        because              day\nLOY-007/2  a claim counts more  2024-06-05\n",
    34: "key        because      day\nLOY-007/2  a claim      2024-06-05\n           counts more\n",
    20: "key      LOY-007/2\nbecause  a claim\n         counts more\nday      2024-06-05\n",
}


@pytest.mark.parametrize("width", DRAWN)
def test_a_table_keeps_its_words_at_any_width(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = table("key", "because", "day")
    row(drawn, "LOY-007/2", "a claim counts more", "2024-06-05")
    assert _seen(drawn, width, capsys) == DRAWN[width]


def test_rows_by_themselves_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = table("version", "from", "until", right=["version"])
    row(drawn, 1, "2024-01-01", None)
    row(drawn, 2, "2024-06-05", "2024-12-31")
    assert _seen(drawn, 24, capsys) == (
        "version  1\nfrom     2024-01-01\n\nversion  2\nfrom     2024-06-05\nuntil    2024-12-31\n"
    )


def test_warnings_of_one_kind_are_told_by_a_few(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of a code and how many more; what has no code is told whole."""
    faults = [Fault(f"Rule {n}", "it is odd.", code="SQL-911" if n < 5 else "") for n in range(10)]
    Screen().warn([*few(faults)])
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()[1:]] == [
        *(f"Rule {n}" for n in (0, 1, 2, 5, 6, 7, 8, 9)),
        "2 more",
    ]


def _seen(drawn: object, width: int, capsys: pytest.CaptureFixture[str]) -> str:
    screen = Screen()
    screen.out = Console(width=width, highlight=False)
    screen.answer({}, drawn)  # type: ignore[arg-type]
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.split("\n"))
