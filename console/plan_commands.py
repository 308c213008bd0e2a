"""`rules plan`: what a draft would do to everybody, and why, before it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import RenderableType

from console.desk import Desk, History, at_desk, day, now
from console.effects import drawn, in_words
from console.review_commands import CHANGES, Detailed, Form, Out
from console.screen import row, table
from jobs.asking import with_shared
from jobs.reviewing import planned, saved, written
from jobs.wiring import Installation, opened
from rules_engine.errors import ChangeRefused, Fault, RunRefused
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import RuleVersion
from rules_engine.review.page import page
from rules_engine.review.plan import Plan
from rules_engine.review.segments import groups_in_words
from rules_repo.changes import ChangeBook, Standing
from rules_repo.drafted import Drafts, first_day_of, of_file
from rules_repo.lints import between

Change = Annotated[
    int | None, typer.Option("--change", help="The change to plan; without it the only one not published.")
]
File = Annotated[
    Path | None, typer.Option("--file", help="Plan a file of rules instead: .yaml, .csv or .xlsx.", show_default=False)
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Day of the data; the newest landed day without it.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write a page with a picture for each membership type.")]

Record = Annotated[
    bool, typer.Option("--record/--no-record", help="Record the plan of a change in the database, for its approval.")
]


class Draft(NamedTuple):
    """What is planned in words, the rule set it makes of the one in force on a day, and the day it counts from."""

    words: str
    drafted: Callable[[RuleSet, date], RuleSet]
    first_day: Callable[[date], date]
    timelines: tuple[RuleVersion, ...]
    """All days of the rules that it says anything of."""
    change: Standing | None = None


@at_desk
def plan(
    desk: Desk,
    change: Change = None,
    file: File = None,
    as_of: AsOf = None,
    out: Out = None,
    form: Form = "parquet",
    html: Html = None,
    record: Record = True,
    detailed_exitcode: Detailed = False,
    history: History = None,
) -> None:
    """Say who would gain and who would lose if a draft went live, and by which of its edits."""
    if change is not None and file is not None:
        raise RunRefused(Fault("--file", "a change is named too.", "Give --change or --file, one of them."))
    chosen = day(as_of, "--as-of")
    with opened(desk.settings(history=history)) as installation, desk.screen.progress() as progress:
        draft = _of_file(installation, file) if file else _of_change(installation, change)
        for warning in between(draft.timelines):
            desk.screen.note(f"Warning: {warning}")
        progress("Starting Spark", 0.0)
        found = planned(installation, draft.drafted, draft.first_day, chosen, now(), progress)
        recorded = _recorded(desk, installation, draft.change, found) if record else ()
    words = draft.words
    files = written(found.effect.flips, out, form) if out else ()
    files += saved(html, page(words, found)) if html else ()
    content: dict[str, Any] = {"plan_of": words, **found.content(), "files": files}
    pieces: list[RenderableType] = [*_looked_at(found), "", *drawn(found.effect), *_among(found), *_segments(found)]
    pieces += [in_words(found.effect), *recorded, *(f"Written: {name}" for name in files)]
    desk.screen.answer(content, f"Plan of {words}", *pieces)
    if detailed_exitcode and found.effect.changes:
        raise typer.Exit(CHANGES)


def _of_change(installation: Installation, number: int | None) -> Draft:
    drafts = Drafts(installation.database_url)
    standing = drafts.chosen(number)
    which = standing.change_id
    return Draft(
        f"change {which} · {standing.title} · {standing.state}",
        lambda before, on: drafts.rule_set(standing, before, on),
        lambda on: drafts.first_day(which, on),
        ChangeBook(installation.database_url).timelines(which),
        standing,
    )


def _recorded(desk: Desk, installation: Installation, change: Standing | None, found: Plan) -> tuple[str, ...]:
    """Record a change's plan for the content that was planned; whoever may not is told so, and has the plan."""
    if change is None:
        return ()
    said = found.content() | {"words": in_words(found.effect)}
    for of_type in said["types"]:  # counts are evidence; who the subjects are stays where the history is
        of_type["causes"] = [{n: c[n] for n in ("edits", "gained", "lost")} for c in of_type["causes"]]
    book = ChangeBook(installation.database_url)
    try:
        return (book.record_plan(change.change_id, change.content_hash, found.known_at, said),)
    except ChangeRefused as refused:
        desk.screen.note(f"The plan is not recorded. {refused}")
        return ()


def _of_file(installation: Installation, path: Path) -> Draft:
    from rules_repo.exchange import read

    said, shared = read(path), ChangeBook(installation.database_url).parameters()
    versions = [with_shared(version, shared) for version in said.versions]
    return Draft(
        f"file {path.name}",
        lambda before, on: of_file(before, versions, said.membership_types, on),
        lambda on: first_day_of(versions, said.membership_types, on),
        tuple(versions),
    )


def _looked_at(found: Plan) -> Iterator[str]:
    """What was evaluated to say so, and on what."""
    of = f"on the data of {found.as_of}"
    of += f", by the rules of {found.rules_day}" if found.rules_day != found.as_of else ""
    many = len(found.effect.edits)
    yield f"{many} edit{'' if many == 1 else 's'}, {of}; decided against {found.against or 'an empty history'}."
    few = len(found.evaluated)
    if found.reused:
        named = f" ({', '.join(found.evaluated[:5])}{', …' if few > 5 else ''})" if few else ""
        said = f"The hits of run {found.reused} are of the same snapshots"
        yield f"{said}: {few} of {found.versions} rules were evaluated{named}."
    else:
        yield f"No run's hits are of these snapshots under these settings: all {found.versions} rules were evaluated."
    yield from (f"  · {edit}" for edit in found.effect.edits)


MOST_GROUPS = 4
"""Groups of a segment that are told of those who flip; the rest is told as others."""


def _among(found: Plan) -> Iterator[RenderableType]:
    """Who they are that gain and lose by each cause, by the segments that the lake declares."""
    if not found.among:
        return
    shown = table("who they are", "because", "by", "how many of each")
    for each in found.among:
        way = f"{each.membership_type} {'+' if each.gained else '−'}{sum(n for _, n in each.groups):,}"
        row(shown, way, each.cause, each.segment, groups_in_words(each, MOST_GROUPS))
    yield shown
    yield ""


def _segments(found: Plan) -> Iterator[RenderableType]:
    """Groups that lose out of proportion, or the sentence that there is none."""
    if not found.segments:
        return
    named = [each for each in found.segments if each.named]
    if not named:
        yield "No group that the lake declares loses out of proportion.\n"
        return
    numbers = ("members", "gained", "lost", "share", "others")
    shown = table("loses out of proportion", "type", *numbers, right=numbers)
    for each in named:
        share = f"{each.lost / each.before:.1%}", f"{each.others:.1%}"
        counts = f"{each.before:,}", f"{each.gained:,}", f"{each.lost:,}"
        row(shown, f"{each.segment} {each.group}", each.membership_type, *counts, *share)
    yield shown
    yield ""
