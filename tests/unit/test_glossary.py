"""The documents say what is there: glossary, decision records and their index."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from rules_engine.model.decisions import Event, Reason

DOCS = Path(__file__).parents[2] / "docs"
CORE = ("errors", "model", "ports", "run", "plan", "worker", "spark")
PARTS = ["## Context", "## Decision", "## Rejected", "## Consequences"]
RECORDS = sorted((DOCS / "decisions").glob("*.md"))


def entries() -> list[list[str]]:
    """The glossary's rows as cells: word, meaning and, for most, where."""
    lines = (DOCS / "glossary.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] not in ("Word", "Reason", "Event")]


def places() -> list[str]:
    """What the glossary names in the engine."""
    named = [place for row in entries() if len(row) == 3 for place in re.findall(r"`([\w.]+)`", row[2])]
    return [place for place in named if place.split(".")[0] in CORE]


def found(place: str) -> bool:
    """Whether a dotted name is a module of the engine, or something within one."""
    parts = ["rules_engine", *place.split(".")]
    for cut in range(len(parts), 1, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if part not in getattr(thing, "__dataclass_fields__", {}) and not hasattr(thing, part):
                return False
            thing = getattr(thing, part, None)
        return True
    return False


@pytest.mark.parametrize("place", places())
def test_what_the_glossary_names_exists(place: str) -> None:
    """A word whose code was renamed or removed is found out here."""
    assert found(place)


@pytest.mark.parametrize("place", ["model.rules.Weight", "model.rules.RuleVersion.colour", "gone"])
def test_what_does_not_exist_is_found_out(place: str) -> None:
    """The look that finds names also misses them."""
    assert not found(place)


def test_every_word_has_one_entry_and_a_meaning_in_a_sentence() -> None:
    """One word for one thing, explained."""
    words = [row[0] for row in entries()]
    assert len(words) == len(set(words))
    assert [row[0] for row in entries() if not row[1].endswith(".")] == []


@pytest.mark.parametrize("word", [*Reason, *Event])
def test_every_reason_and_event_is_explained(word: Reason | Event) -> None:
    """What a record may say, the glossary says."""
    assert f"`{word.value}`" in [row[0] for row in entries()]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem[:4])
def test_a_decision_record_has_its_four_parts(record: Path) -> None:
    """Context, decision, the roads not taken, consequences; numbered as its file is, and listed in the index."""
    text = record.read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == PARTS
    assert text.startswith(f"# {record.stem[:4]} ")
    assert f"decisions/{record.name}" in (DOCS / "README.md").read_text()


def test_every_link_leads_somewhere() -> None:
    """A document that another one links to is there."""
    pages = [*DOCS.rglob("*.md"), *(DOCS.parent / name for name in ("CONTRIBUTING.md", "CHANGELOG.md"))]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert links
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
