"""Drawing the first run on new rules beside its plan."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from console.screen import row, table
from jobs.expecting import Held
from rules_engine.review.expected import Line


def beside(held: Held) -> Iterator[RenderableType]:
    """Expected and found, type by type and cause by cause, and from what each difference comes."""
    yield f"Run {held.run_id} is the first on the rules of change {held.change_id}; beside its plan {held.plan}:"
    numbers = ("expected", "found")
    drawn = table("type", "what", *numbers, "difference from", right=numbers)
    for line in held.lines:
        row(drawn, line.membership_type, line.what, _figures(line.expected), _found(line), line.because)
    yield drawn if held.lines else "Nobody was to gain or lose, and nobody did."
    yield in_words(held)


def in_words(held: Held) -> str:
    """What it comes to, in one sentence."""
    if held.as_planned:
        return f"Change {held.change_id} did what its plan said."
    told = f": {'; '.join(held.others)}" if held.others else ""
    return f"Change {held.change_id} did not do just what its plan said{told}."


def _found(line: Line) -> str:
    return "not decided" if line.found is None else _figures(line.found)


def _figures(said: tuple[int, ...]) -> str:
    """Members, or whoever is gained and lost."""
    if len(said) == 1:
        return f"{said[0]:,}"
    return f"+{said[0]:,} −{said[1]:,}"
