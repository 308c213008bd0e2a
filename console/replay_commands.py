"""`rules replay` and `rules runs diff`: a run evaluated again and compared; two runs held against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import RenderableType

from console.desk import Desk, History, at_desk
from console.effects import examples
from console.screen import row, table
from jobs.reviewing import compared, replayed
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused
from rules_engine.review.between import Between
from rules_engine.review.replay import Replayed

Runs = Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="The runs; all published ones without.")]


@at_desk
def replay(desk: Desk, runs: Runs = None, history: History = None) -> None:
    """Evaluate published runs again from what they kept, and compare every decision; exit 5 if any differs."""
    with opened(desk.settings(history=history)) as installation, desk.screen.progress() as progress:
        known = [entry.run_id for entry in installation.store.chain()]  # what is broken or gone is among these
        known += [run.run_id for run in installation.store.runs() if run.published]
        wanted = runs or [*dict.fromkeys(known)]
        if not wanted:
            raise RunRefused(Fault("Runs", "none is published yet.", "`rules run` makes one."))
        found = replayed(installation, wanted, progress)
    drawn = table("run", "decided", "digest", "again", "", right=["decided"])
    for each in found:
        said = "equal" if each.equal else "differs"
        row(drawn, each.run_id, f"{each.decided:,}", each.digest[:12], (each.again or "none")[:12], said)
    content = [asdict(each) | {"equal": each.equal} for each in found]
    notes = [f"  {d.kind}: {d.what}" for each in found if each.equal for d in each.differences]
    if all(each.equal for each in found):
        several = "1 run was" if len(found) == 1 else f"{len(found)} runs were"
        desk.screen.answer(content, drawn, *notes, f"{several} evaluated again: every decision is equal.")
        return
    if not desk.screen.as_json:
        desk.screen.answer(content, drawn, *notes)
    raise RunRefused(*_faults(found))


def _faults(found: list[Replayed]) -> Iterator[Fault]:
    remedy = "Bring back what it read and kept, or read why it cannot be equal."
    for each in found:
        if not each.equal:
            differences = each.differences or ()
            yield from (Fault(f"Run {each.run_id}, {d.kind}", d.what, remedy * (d.kind == "data")) for d in differences)
            if not any(d.explains for d in differences):
                what = "engine, Spark, settings, rules, data and past are as they were, and its decisions are others."
                yield Fault(f"Run {each.run_id}", what, "This is a defect of the engine: report it.")


def diff(desk: Desk, one: str | None, other: str | None, history: str | None) -> None:
    """Who is a member after one run and not after the other, and why."""
    if one is None or other is None:
        raise RunRefused(Fault("Argument", "two runs are held against each other.", "Write `rules runs diff A B`."))
    with opened(desk.settings(history=history)) as installation, desk.screen.progress() as progress:
        found = compared(installation, one, other, progress)
    desk.screen.answer(found.content(), *_drawn(found))


def _drawn(found: Between) -> Iterator[RenderableType]:
    yield f"From run {found.one} to run {found.other}\n"
    yield f"Rules: {'; '.join(found.edits) if found.edits else 'the same'}"
    yield f"Data:  {', '.join(found.frames) + ' differ' if found.frames else 'the same'}\n"
    members = table("membership type", "before", "after", right=["before", "after"])
    for key, was, becomes in found.members:
        row(members, key, f"{was:,}", f"{becomes:,}")
    yield members
    if not found.flips:
        yield "\nNobody flipped."
        return
    yield ""
    named = examples(found.flips)
    shown = ["gained", "lost", "because of", *(["for example"] if any(named) else [])]
    flips = table("type", *shown, right=["gained", "lost"])
    for each, of_each in zip(found.flips, named, strict=True):
        row(flips, each.membership_type, f"{each.gained:,}", f"{each.lost:,}", each.why, *of_each)
    yield flips
