"""`rules what-if`: everybody decided again under other weights and policies, from what a run found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from console.desk import Desk, History, at_desk
from console.effects import drawn, in_words
from console.screen import row, table
from jobs.reviewing import tables_of, written
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused
from rules_engine.review.scenario import Scenario, applied, sweep
from rules_engine.review.what_if import Point, review, swept, what_if

CHANGES = 3
"""The exit code of --detailed-exitcode where somebody's membership would be another."""

Several = list[str]
Weight = Annotated[Several | None, typer.Option("--weight", metavar="KEY=30", help="Another weight of a rule.")]
Margin = Annotated[Several | None, typer.Option("--margin", metavar="TYPE=10", help="Another margin of a type.")]
Strategy = Annotated[Several | None, typer.Option("--strategy", metavar="TYPE=max_weight", help="Another strategy.")]
Tie = Annotated[Several | None, typer.Option("--tie", metavar="TYPE=keep", help="Another tie policy.")]
Veto = Annotated[Several | None, typer.Option("--veto", metavar="TYPE=50", help="Another veto weight, or none.")]
Without = Annotated[Several | None, typer.Option("--without", metavar="KEY", help="Leave a rule out.")]
SweepOption = Annotated[
    str | None, typer.Option("--sweep", metavar="KEY=0..100", help="Members by each weight of a rule; 0 is without it.")
]
Run = Annotated[str | None, typer.Option("--run", help="The run to start from; the newest without it.")]
Detailed = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit 3 if a membership would be another, 0 if none would.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for the full list of who would gain and lose, and why.")
]
Form = Annotated[str, typer.Option("--format", help="Of the full list: parquet or csv.")]


@at_desk
def what_if_command(
    desk: Desk,
    weight: Weight = None,
    margin: Margin = None,
    strategy: Strategy = None,
    tie: Tie = None,
    veto: Veto = None,
    without: Without = None,
    sweep_option: SweepOption = None,
    run: Run = None,
    out: Out = None,
    form: Form = "parquet",
    detailed_exitcode: Detailed = False,
    history: History = None,
) -> None:
    """Decide everybody again under other weights, margins and strategies, from what a run found; no rule is run."""
    scenario = Scenario(*(each or () for each in (weight, margin, strategy, tie, veto, without)))
    if not scenario.says_something and not sweep_option:
        what = "nothing is asked: every weight and policy is as it was."
        raise RunRefused(
            Fault("What if", what, "Say for example --weight KEY=30, --without KEY or --sweep KEY=0..100.")
        )
    with opened(desk.settings(history=history)) as installation:
        known = review(installation.store, run, tables_of(installation))
        wanted = applied(scenario, known.rule_set)
        points = swept(known, wanted, sweep(sweep_option, wanted)) if sweep_option else None
        effect = installation.masks.effect(what_if(known, scenario)) if scenario.says_something else None
    files = written(effect.flips, out, form) if effect and out else ()
    content = {"run_id": known.run.manifest.run_id, "as_of": known.run.manifest.as_of, "files": files}
    content |= effect.content() if effect else {}
    content |= {"sweep": {"membership_type": points[0], "points": [asdict(p) for p in points[1]]}} if points else {}
    pieces: list[RenderableType] = [*drawn(effect), in_words(effect)] if effect else []
    pieces += [*(["", *_swept(*points)] if points else []), *(f"Written: {file}" for file in files)]
    told = f"What if, from run {known.run.manifest.run_id} of {known.run.manifest.as_of}; no rule was run.\n"
    desk.screen.answer(content, told, *pieces)
    if detailed_exitcode and effect and effect.changes:
        raise typer.Exit(CHANGES)


WIDTH = 24
"""Characters of the longest bar."""

MOST_LINES = 26
"""Lines of a sweep that are drawn; of more, those between which members change."""


def _swept(membership_type: str, points: tuple[Point, ...]) -> Iterator[RenderableType]:
    """Members by weight, a bar a line; of a long sweep the ends of each stretch in which nothing changes."""
    shown = [p for n, p in enumerate(points) if n in (0, len(points) - 1) or p.members != points[n - 1].members]
    shown = list(points) if len(points) <= MOST_LINES else shown
    step = -(-len(shown) // MOST_LINES)
    most = max(p.members for p in points) or 1
    drawn = table("weight", f"members of {membership_type}", "gained", "lost", "", right=["weight", "gained", "lost"])
    for point in [*shown[::step], *([shown[-1]] if (len(shown) - 1) % step else [])]:
        bar = "█" * round(WIDTH * point.members / most)
        row(drawn, point.weight, f"{point.members:,}", f"{point.gained:,}", f"{point.lost:,}", bar)
    yield drawn
