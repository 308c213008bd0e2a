"""`rules run` and `rules runs`: evaluate and publish; what was run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from console.desk import Desk, History, at_desk, day, moment, now
from console.screen import fault_rows, row, table
from jobs.wiring import opened
from rules_engine.errors import Fault
from rules_engine.model.manifest import Manifest
from rules_engine.model.rules import RuleSet
from rules_engine.ports import RunStatus
from rules_engine.run import Outcome

AsOf = Annotated[str | None, typer.Option("--as-of", help="Day the run is about; the newest landed day without it.")]
KnownAt = Annotated[
    str | None, typer.Option("--known-at", help="Moment as of which the rules are known; now without it.")
]
CreatedAt = Annotated[str | None, typer.Option("--created-at", help="Logical time of the run; now without it.")]
RunId = Annotated[str | None, typer.Option("--run-id", help="Name the run; by default its inputs name it.")]
Lake = Annotated[str | None, typer.Option("--lake", help="File that declares the frames.")]


@at_desk
def run(
    desk: Desk,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    created_at: CreatedAt = None,
    run_id: RunId = None,
    history: History = None,
    lake: Lake = None,
) -> None:
    """Evaluate the rules in force over the lake and publish the decisions to the history."""
    chosen = day(as_of, "--as-of")
    started, known = moment(created_at, "--created-at") or now(), moment(known_at, "--known-at")
    with opened(desk.settings(history=history, lake=lake)) as installation, desk.screen.progress() as progress:
        progress("Checking what a run needs", 0.0)
        installation.check_ready()
        progress("Starting Spark", 0.0)
        chosen = chosen or installation.newest_day() or started.date()
        outcome = installation.run(chosen, started, known or now(), run_id, progress)
        rule_set = installation.store.rule_set(outcome.manifest.run_id)
        warnings = installation.warnings(rule_set)
    desk.screen.warn(warnings)
    _tell(desk, outcome, rule_set, warnings)


def _tell(desk: Desk, outcome: Outcome, rule_set: RuleSet, warnings: Sequence[Fault]) -> None:
    manifest, new = outcome.manifest, outcome.inserted
    desk.log("published", run_id=manifest.run_id, inserted=new.inserted, already_there=new.already_there)
    content = manifest.content() | {
        "evaluated": outcome.evaluated,
        "inserted": new.inserted,
        "already_there": new.already_there,
        "warnings": fault_rows(warnings),
        "outcome": in_words(outcome),
    }
    drawn = (type_counts(manifest), "", *_unknown(manifest, rule_set)) if outcome.evaluated else ()
    desk.screen.answer(content, f"Run {manifest.run_id} of {manifest.as_of}", *drawn, in_words(outcome))


def in_words(outcome: Outcome) -> str:
    """What the run changed, in one sentence."""
    new = outcome.inserted
    if not new.inserted:
        return f"Already published: nothing inserted; all {new.already_there} decisions are in the history."
    known = f", {new.already_there} were there already" if new.already_there else ""
    return f"Published: {new.inserted} decisions inserted{known}."


def type_counts(manifest: Manifest) -> Table:
    """Members before and after, and what happened between, per membership type."""
    numbers = ("before", "granted", "reinstated", "lapsed", "excluded", "after")
    drawn = table("membership type", *numbers, right=numbers)
    for counts in manifest.evaluation.types:
        events = [counts.events.get(e, 0) for e in ("GRANTED", "REINSTATED", "REVOKED_LAPSED", "REVOKED_EXCLUDED")]
        row(drawn, counts.membership_type, counts.members_before, *events, counts.members_after)
    return drawn


def _unknown(manifest: Manifest, rule_set: RuleSet) -> tuple[RenderableType, ...]:
    """Nothing where every condition of every rule was true or false of everybody."""
    drawn = unknown_counts(manifest, rule_set)
    return (drawn, "") if drawn.row_count else ()


def unknown_counts(manifest: Manifest, rule_set: RuleSet) -> Table:
    """The rules whose condition was unknown of somebody: of how many, and what that means (R-EVAL-6)."""
    numbers = ("unknown of", "share")
    drawn = table("rule", *numbers, "counts as", "name", right=numbers)
    for version in rule_set.versions:
        if count := manifest.evaluation.unknown_per_rule.get(version.id, 0):
            share = f"{count / manifest.evaluation.subjects:.1%}"
            row(drawn, version.id, f"{count:,}", share, version.when_unknown, version.name)
    return drawn


@at_desk
def runs(desk: Desk, history: History = None) -> None:
    """List the runs, oldest first."""
    with opened(desk.settings(history=history)) as installation:
        known = installation.store.runs()
    drawn = table("run", "as of", "created", "decided", "published", right=["decided"])
    for status in known:
        row(drawn, status.run_id, status.as_of, _minute(status.created_at), status.decided, _published(status))
    empty = "There is no run yet: `rules run` makes one."
    desk.screen.answer([_content(status) for status in known], drawn if known else empty)


def _content(status: RunStatus) -> dict[str, Any]:
    return {
        "run_id": status.run_id,
        "as_of": status.as_of,
        "created_at": status.created_at,
        "decided": status.decided,
        "published": status.published is not None,
        "folder": status.folder,
    }


def _published(status: RunStatus) -> str:
    return "yes" if status.published else "no: run it again"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
