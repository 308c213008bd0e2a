"""The list of guards that `python -m tests.unguarded` takes out is one of guards that there are, each with its test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unguarded import GUARDS, Guard, odd, table

NIGHTS = Path(__file__).parents[2] / "docs" / "nights.md"


@pytest.mark.parametrize("guard", GUARDS, ids=[f"{g.fault} {g.test.rpartition('/')[2]}" for g in GUARDS])
def test_a_guard_stands_where_it_is_said_to(guard: Guard) -> None:
    """Once, so that it is the one that is taken out; and its test is there."""
    assert odd(guard) == ""


def test_the_page_of_nights_has_them_all() -> None:
    """A fault of the first table has a guard in the second, which is this list."""
    text = NIGHTS.read_text(encoding="utf-8")
    assert table() in text
    assert {int(n) for n in re.findall(r"^\| (\d+)\. ", text, re.MULTILINE)} == {g.fault for g in GUARDS}
