"""`rules preview`: what a rule would find, before it is part of anything."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.desk import Desk, at_desk, day, now
from console.screen import row, table
from jobs.previewing import Previewed, given, known, previewed
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

Key = Annotated[str | None, typer.Argument(metavar="[KEY]", help="A rule in force, or one that --change drafts.")]
Sql = Annotated[str | None, typer.Option("--sql", help="A condition over --frame, or a whole SELECT.")]
Frame = Annotated[str | None, typer.Option("--frame", help="The frame whose rows the condition is about.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The day that is asked about; the newest landed without it.")]
Change = Annotated[int | None, typer.Option("--change", help="The rule as this change drafts it.")]


@at_desk
def preview(
    desk: Desk, key: Key = None, sql: Sql = None, frame: Frame = None, as_of: AsOf = None, change: Change = None
) -> None:
    """Count whom a rule hits, misses and does not know, clause by clause; nothing is written."""
    chosen = day(as_of, "--as-of")
    if (key is None) == (sql is None):
        raise RunRefused(Fault("Argument", "it is not said which rule.", "Give KEY, or --sql TEXT with --frame FRAME."))
    with opened(desk.settings()) as installation, desk.screen.progress() as progress:
        progress("Starting Spark", 0.0)
        on = chosen or installation.newest_day() or now().date()
        if key:
            version, lists = known(installation, key, on, now(), change)
        else:
            version, lists = given(installation, sql or "", frame or "")
        progress("Counting", 0.5)
        found = previewed(installation, version, lists, on)
    desk.screen.answer(content(found, on), *_drawn(found, on))


def content(found: Previewed, on: date) -> dict[str, Any]:
    """The answer as JSON: counts, and shares of the base."""
    counts = found.counts
    share = {name: _share(getattr(counts, name), counts.base) for name in ("hits", "unknown", "misses")}
    told = {"rule": found.version.id if found.named else None, "sql": found.version.sql, "frame": found.version.frame}
    days = {"as_of": on, "snapshots": dict(found.snapshots)}
    return told | days | asdict(counts) | {"misses": counts.misses, "shares": share}


def _drawn(found: Previewed, on: date) -> Iterator[RenderableType]:
    counts, version = found.counts, found.version
    over = f" over {version.frame}" if version.frame else ""
    yield f"{version.id if found.named else 'The rule'}{over}, on {on}"
    yield f"Data: {', '.join(f'{frame} {name}' for frame, name in found.snapshots.items())}\n"
    numbers = ("subjects", "share")
    drawn = table("", *numbers, right=numbers)
    for name in ("hits", "unknown", "misses", "base"):
        number = getattr(counts, name)
        row(drawn, name, f"{number:,}", f"{_share(number, counts.base):.1%}")
    yield drawn
    yield ""
    if counts.parts:
        sides = ("alone", "in order")
        clauses = table("clause", *sides, right=sides)
        for part in counts.parts:
            row(clauses, " ".join(part.sql.split()), f"{part.alone:,}", f"{part.in_order:,}")
        yield "Each leaves, alone and together with those before it" + (
            " (any of them):" if counts.joined == "or" else ":"
        )
        yield clauses
        yield ""
    if counts.samples:
        columns = [*counts.samples[0]]
        samples = table(*columns)
        for sample in counts.samples:
            row(samples, *("nothing" if value is None else value for value in sample.values()))
        yield f"{len(counts.samples)} of whom it hits:"
        yield samples
        yield ""
    yield " ".join(version.sql.split())


def _share(number: int, base: int) -> float:
    return number / base if base else 0.0
