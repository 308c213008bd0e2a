"""`rules run` and `rules runs`: evaluate and publish; what was run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import RenderableType
from rich.table import Table

from console.desk import Desk, History, at_desk, day, moment, now, writing
from console.effects import shadow_table
from console.expectation import beside
from console.screen import fault_rows, few, row, table
from jobs import running
from jobs.alone import alone
from jobs.expecting import Held, known_of, plans_of
from jobs.registers import fed_after_run
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused, collected
from rules_engine.model.manifest import Manifest
from rules_engine.model.publications import Chain, found
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import RunStatus
from rules_engine.publication.names import runs_root
from rules_engine.review.effect import ShadowEffect
from rules_engine.run import Outcome
from rules_engine.settings import Settings

if TYPE_CHECKING:
    from rules_engine.spark.explain import Explained, Place

AsOf = Annotated[str | None, typer.Option("--as-of", help="Day the run is about; the newest landed day without it.")]
KnownAt = Annotated[
    str | None, typer.Option("--known-at", help="Moment as of which the rules are known; now without it.")
]
CreatedAt = Annotated[str | None, typer.Option("--created-at", help="Logical time of the run; now without it.")]
RunId = Annotated[str | None, typer.Option("--run-id", help="Name the run; by default its inputs name it.")]
OnFailure = Annotated[
    str | None,
    typer.Option("--on-failure", help="What a failing rule does: abort the run, or hold its membership type."),
]
Lake = Annotated[str | None, typer.Option("--lake", help="File that declares the frames.")]
Correction = Annotated[
    bool,
    typer.Option(
        "--correction", help="Correct an earlier day: its records answer for that day alone, and no register changes."
    ),
]
ExplainPlan = Annotated[
    bool,
    typer.Option("--explain-plan", help="Only say where each rule is evaluated, why, and what that costs."),
]


@writing
def run(
    desk: Desk,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    created_at: CreatedAt = None,
    run_id: RunId = None,
    history: History = None,
    lake: Lake = None,
    on_failure: OnFailure = None,
    explain_plan: ExplainPlan = False,
    correction: Correction = False,
) -> None:
    """Evaluate the rules in force over the lake and publish the decisions to the history."""
    chosen = day(as_of, "--as-of")
    started, known = moment(created_at, "--created-at") or now(), moment(known_at, "--known-at")
    settings = desk.settings(history=history, lake=lake, on_failure=on_failure)
    with opened(settings) as installation, desk.screen.progress() as progress, ExitStack() as held:
        progress("Checking what a run needs", 0.0)
        installation.check_ready()
        if not explain_plan:
            held.enter_context(alone(_runs_of(settings), settings.tenant, now()))
        progress("Starting Spark", 0.0)
        chosen = chosen or installation.newest_day() or started.date()
        if explain_plan:
            explain(desk, chosen, installation.explained(chosen, known or now(), progress))
            return
        outcome = running.run(
            installation, chosen, started, known or now(), run_id, progress,
            correction=correction, exact=bool(created_at),
        )  # fmt: skip
        rule_set = installation.store.rule_set(outcome.manifest.run_id)
        warnings = installation.warnings(rule_set)
        kept = known_of(installation.store, outcome.manifest.run_id) if outcome.evaluated else None
        found = _Found(kept.shadows if kept else (), plans_of(installation, kept), kept.why if kept else "")
        progress("Feeding the register", 0.0)
        fed, unfed = fed_after_run(installation, progress)
    desk.screen.warn([*few(warnings)])
    desk.screen.warn(earlier_days(outcome.manifest), "Taken from an earlier day")
    desk.screen.warn(held_faults(outcome.manifest), "Held: the earlier decisions stand")
    desk.screen.warn([*fed.faults, *([unfed] if unfed else [])], "Published, and the register is not whole")
    _tell(desk, outcome, rule_set, warnings, found, unfed)


def _runs_of(settings: Settings) -> str:
    return runs_root(settings.runs, settings.environment, settings.tenant, settings.history)


class _Found(NamedTuple):
    """What a run says beyond its counts: who would flip by shadow rules, and its rules beside their plans."""

    shadows: Sequence[ShadowEffect]
    plans: Sequence[Held]
    why: str


def _tell(
    desk: Desk,
    outcome: Outcome,
    rule_set: RuleSet,
    warnings: Sequence[Fault],
    found: _Found,
    unfed: Fault | None = None,
) -> None:
    manifest, new = outcome.manifest, outcome.inserted
    desk.log("published", run_id=manifest.run_id, inserted=new.inserted, already_there=new.already_there)
    content = manifest.content() | {
        "evaluated": outcome.evaluated,
        "inserted": new.inserted,
        "already_there": new.already_there,
        "warnings": fault_rows(warnings),
        "earlier_days": fault_rows(earlier_days(manifest)),
        "register": fault_rows([unfed] if unfed else []),
        "shadows": [asdict(shadow) for shadow in found.shadows],
        "plans": [asdict(held) for held in found.plans],
        "outcome": in_words(outcome),
    }
    drawn = (type_counts(manifest), "", *_unknown(manifest, rule_set)) if outcome.evaluated else ()
    drawn += (shadow_table(found.shadows), "") if found.shadows else ()
    drawn += tuple(piece for held in found.plans for piece in (*beside(held), ""))
    drawn += (f"What the new rules did cannot be said. {found.why}",) if found.why else ()
    desk.screen.answer(content, f"Run {manifest.run_id} of {manifest.as_of}", *drawn, in_words(outcome))


def explain(desk: Desk, as_of: date, explained: Explained) -> None:
    """Where each rule goes, why, and its share of what was measured."""
    places = explained.places
    drawn = table("rule", "seconds", "where", "because", right=["seconds"])
    for place in places:
        row(drawn, place.rule, f"{place.seconds:.3f}", place.where, reasons(place))
    passes = table("reads", "rules", "seconds", right=["rules", "seconds"])
    for each in explained.passes:
        row(passes, each.reads, each.rules, f"{each.seconds:.3f}")
    alone = sum(place.where == "a query of its own" for place in places)
    ending = f"{len(places)} rules: {len(places) - alone} share passes, {alone} are queries of their own."
    told = "Each pass was run by itself, once; a run reads them together. A rule's seconds are its share of its passes."
    desk.screen.answer(asdict(explained), f"Plan for {as_of}", drawn, "", passes, told, ending)


def reasons(place: Place) -> str:
    """What the index answers of a rule, what it leaves to Spark, and why."""
    whole = f"whole: {place.whole}" if place.computed and place.whole else place.whole
    looked_up = f"looks up {', '.join(place.looked_up)}" if place.looked_up else ""
    computed = f"computes {' and '.join(place.computed)}" if place.computed else ""
    return "; ".join(filter(None, [looked_up, computed, whole])) or "every row"


def held_faults(manifest: Manifest) -> list[Fault]:
    """The membership types of which nothing was decided, each followed by the rules of it that failed."""
    return [fault for held in manifest.evaluation.held for fault in held.faults()]


def earlier_days(manifest: Manifest) -> list[Fault]:
    """The dated frames for which nothing had landed on the day of the run, and the day that was taken instead."""
    dated = ((name, snapshot.rpartition("@")[0]) for name, snapshot in sorted(manifest.snapshots.items()))
    return [
        Fault(f"Frame {name}", f"nothing had landed for {manifest.as_of}; the data of {day} were taken.")
        for name, day in dated
        if day and day != str(manifest.as_of)
    ]


def in_words(outcome: Outcome) -> str:
    """What the run changed, in one sentence."""
    new, types = outcome.inserted, outcome.manifest.evaluation.held
    held = f" Held: {', '.join(h.membership_type for h in types)}." if types else ""
    held += f" Run {outcome.finished} was half-published and was finished first." if outcome.finished else ""
    if not new.inserted:
        return f"Already published: nothing inserted; all {new.already_there} decisions are in the history.{held}"
    known = f", {new.already_there} were there already" if new.already_there else ""
    return f"Published: {new.inserted} decisions inserted{known}.{held}"


def type_counts(manifest: Manifest) -> Table:
    """Members before and after, and what happened between, per membership type."""
    numbers = {
        "before": lambda counts: counts.members_before,
        "granted": lambda counts: counts.events.get("GRANTED", 0),
        "reinstated": lambda counts: counts.events.get("REINSTATED", 0),
        "lapsed": lambda counts: counts.events.get("REVOKED_LAPSED", 0),
        "excluded": lambda counts: counts.events.get("REVOKED_EXCLUDED", 0),
        "ended": lambda counts: counts.events.get("REVOKED_ABSENT", 0),
        "merged": lambda counts: counts.events.get("MERGED_INTO", 0),
        "absent": lambda counts: counts.absent,
        "after": lambda counts: counts.members_after,
    }
    types = manifest.evaluation.types
    seldom = {"ended", "merged", "absent"}  # shown where there are any
    shown = [n for n, number in numbers.items() if n not in seldom or any(map(number, types))]
    drawn = table("membership type", *shown, right=shown)
    for counts in types:
        row(drawn, counts.membership_type, *(numbers[name](counts) for name in shown))
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


Action = Annotated[
    str | None,
    typer.Argument(
        metavar="[prune|diff|release|report]", help="prune what old ones staged, diff two, release a held one, report."
    ),
]
One = Annotated[
    str | None, typer.Argument(metavar="[A]", help="With diff: the earlier run. With release, report: which.")
]
Other = Annotated[str | None, typer.Argument(metavar="[B]", help="With diff: the later run.")]
Why = Annotated[str, typer.Option("--reason", help="With release: why it is right as it is.")]
Keep = Annotated[int, typer.Option("--keep", min=1, help="With prune: how many publications keep what they staged.")]


@at_desk
def runs(
    desk: Desk,
    action: Action = None,
    one: One = None,
    other: Other = None,
    keep: Keep = 30,
    reason: Why = "",
    history: History = None,
) -> None:
    """List the runs, oldest first; prune old ones, diff two, ask for a held one's release, or report what one took."""
    from console import release_command, replay_commands, report_command

    if action == "diff":
        return replay_commands.diff(desk, one, other, history)
    if action == "release":
        return release_command.release_of(desk, one, reason, history)
    if action == "report":
        return report_command.report_of(desk, one, history)
    if action not in (None, "prune") or one:
        named = " ".join(filter(None, [action, one]))
        remedy = "There are: `rules runs prune`, `report RUN`, `diff A B` and `release RUN --reason WHY`."
        raise RunRefused(Fault("Argument", f"there is no '{named}' of runs.", remedy))
    with opened(desk.settings(history=history)) as installation:
        if action:
            pruned = installation.store.prune(keep)
            told = f"{len(pruned)} runs keep their manifest and rule set, and no staged rows any more."
            return desk.screen.answer({"pruned": list(pruned)}, *pruned, told)
        known = installation.store.runs()
        chain = collected(installation.store.chain, []) or ()
    drawn = table("run", "as of", "created", "decided", "published", right=["decided"])
    for status in known:
        cells = status.run_id, status.as_of, _minute(status.created_at), status.decided
        row(drawn, *cells, published_in_words(status, chain))
    empty = "There is no run yet: `rules run` makes one."
    why = [f"Run {s.run_id} is held. {each}" for s in known for each in s.held]
    return desk.screen.answer([_content(status, chain) for status in known], drawn if known else empty, *why)


def _content(status: RunStatus, chain: Chain) -> dict[str, Any]:
    entry = found(chain, status.run_id)
    return {
        "run_id": status.run_id,
        "as_of": status.as_of,
        "created_at": status.created_at,
        "decided": status.decided,
        "published": status.published is not None,
        "half_published": entry is not None and not entry.closed,
        "correction": entry is not None and entry.correction,
        "held": list(status.held),
        "folder": status.folder,
    }


def published_in_words(status: RunStatus, chain: Chain) -> str:
    """What became of a run; ``chain`` is the copy of the chain that is beside the runs."""
    if status.broken:
        return f"broken: {status.broken}"
    entry = found(chain, status.run_id)
    if entry and not entry.closed:
        return "half: the next run finishes it"
    if status.held:
        return "no: held"
    if status.published:
        return "yes: a correction" if entry and entry.correction else "yes"
    return "no: run it again"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
