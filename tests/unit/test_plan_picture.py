"""The README's picture of a plan is the one that the page of a plan draws, and can be read."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as Xml
from itertools import pairwise

from rules_engine.review.page import LEFT, WIDE, picture
from tests.plan_picture import DRAWN, FIGURES, ROOT, type_effect

SHOWN = type_effect(json.loads(FIGURES.read_text(encoding="utf-8")))
LETTER = 7.5
"""Pixels that a letter of 13 takes at most, on average."""


def test_the_picture_is_drawn_from_the_plans_figures() -> None:
    """Drawn anew it is the same file, the README shows it, and its counts add up (R-PLAN)."""
    assert picture(SHOWN) == DRAWN.read_text(encoding="utf-8")
    assert "](docs/plan.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert SHOWN.adds_up
    assert SHOWN.gained
    assert SHOWN.lost


def test_nothing_in_the_picture_overlaps_or_is_cut() -> None:
    """Words end before the bars, figures within the picture, and rows lie below each other."""
    drawn = Xml.fromstring(DRAWN.read_text(encoding="utf-8"))
    texts = [each for each in drawn.iter() if each.tag.endswith("}text")]
    words = [each for each in texts if each.get("x") == "0"]
    for each in texts:
        start, said = float(each.get("x", 0)), each.text or ""
        assert start + LETTER * len(said) <= (LEFT if each in words else WIDE), said
    rows = [float(each.get("y", 0)) for each in words]
    assert all(later - earlier >= 20 for earlier, later in pairwise(rows))
    figures = [int(re.sub(r"[^0-9-]", "", (each.text or "").replace("−", "-"))) for each in texts if each not in words]
    assert figures[0] + sum(figures[1:-1]) == figures[-1]
