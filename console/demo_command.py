"""`rules demo`: the whole story on this machine, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from console.desk import Desk, History, now, writing
from demo.figures import DemoReport
from demo.scenario import CHANGED_RULE, DAYS, WEIGHT_BEFORE
from jobs.wiring import opened
from rules_engine.errors import Fault, RulesError

Customers = Annotated[
    int | None, typer.Option("--customers", min=100, help="How many customers the mutual has; 100,000 if unsaid.")
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same mutual.")]
Dirty = Annotated[bool, typer.Option("--dirty", help="From the dirty extracts of two systems; 2,000 people if unsaid.")]
Report = Annotated[Path | None, typer.Option("--report", help="Where the HTML report goes.")]


@writing
def demo(
    desk: Desk,
    customers: Customers = None,
    seed: Seed = 7,
    report: Report = None,
    history: History = None,
    dirty: Dirty = False,
) -> None:
    """Play three business days of a mutual insurer: lake, rules, runs, history, a rule changed by SQL, a report."""
    if dirty:
        _dirty(desk, customers or 2_000, seed, report, history)
        return
    from demo import play, terminal
    from demo.report import html

    customers = customers or 100_000
    settings = play.settings_of_demo(desk.settings(history=history))
    page = (report or Path(settings.home) / "report.html").absolute()
    with opened(settings) as installation, desk.screen.progress() as progress:
        shown = play.Play(installation, now, progress).perform(customers, seed)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html(shown), encoding="utf-8")
    desk.log("demo", customers=customers, written=shown.written, ok=shown.ok, seconds=shown.seconds)
    desk.screen.answer(content(shown, page), terminal.everything(shown), *_next(shown, page, settings.history))
    if not shown.ok:
        failed = (Fault(check.name, check.detail) for check in shown.checks if not check.ok)
        raise RulesError(*failed)


def _dirty(desk: Desk, persons: int, seed: int, report: Path | None, history: str | None) -> None:
    """Play one day from the extracts of two systems, people twice and misspelt, to decisions about persons."""
    from demo.dirty import page as pages
    from demo.dirty.play import DAY, DirtyPlay, settings_of_dirty

    settings = settings_of_dirty(desk.settings(history=history))
    target = (report or Path(settings.home) / "merged.html").absolute()
    with opened(settings) as installation, desk.screen.progress() as progress:
        shown = DirtyPlay(installation, now, progress).play(persons, seed)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(pages.page(shown), encoding="utf-8")
    desk.log("demo", persons=persons, records=sum(shown.records.values()), ok=shown.ok, seconds=shown.seconds)
    said = {
        "persons": persons,
        "records": dict(shown.records),
        "masters": shown.masters,
        "linked": asdict(shown.linked),
        "to_decide": shown.to_decide,
        "holders": shown.holders,
        "joint": shown.joint,
        "dropped": list(shown.dropped),
        "members": {of.membership_type: of.members_after for of in shown.types},
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in shown.checks],
        "report": str(target),
        "seconds": dict(shown.seconds),
        "ok": shown.ok,
    }
    place = Path(settings.landed).parent
    tried = f"rules master review --settings {place / 'master.toml'} --day {DAY} --show"
    desk.screen.answer(said, *pages.terminal(shown), f"\nPicture: {target}\n\nTry next:\n  .venv/bin/{tried}")
    if not shown.ok:
        raise RulesError(*(Fault(check.name, check.detail) for check in shown.checks if not check.ok))


def content(report: DemoReport, page: Path) -> dict[str, Any]:
    """The demo's outcome for programs."""
    return {
        "customers": report.customers,
        "report": str(page),
        "days": [
            {
                "as_of": day.as_of,
                "run_id": day.run_id,
                "written": day.written,
                "members": {counts.membership_type: counts.members_after for counts in day.types},
            }
            for day in report.days
        ],
        "explained": report.ledgers[-1].subject if report.ledgers else None,
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in report.checks],
        "seconds": dict(report.seconds) | {"total": total(report)},
        "ok": report.ok,
    }


def total(report: DemoReport) -> float:
    return round(sum(report.seconds.values()), 1)


def _next(report: DemoReport, page: Path, history: str) -> Iterator[str]:
    """What a newcomer can do with what is there now."""
    told = "" if history == "postgres" else f" --history {history}"
    statement = (
        f"UPDATE rules.rule SET weight = {WEIGHT_BEFORE + 10} "
        f"WHERE rule_key = '{CHANGED_RULE}' AND effective_from = DATE '{DAYS[-1]}'"
    )
    yield f"\nReport: {page}"
    yield f"Took {total(report)} s.\n\nTry next:"
    if report.ledgers:
        subject = report.ledgers[-1].subject
        yield f"  .venv/bin/rules explain {subject}{told}"
        yield f"  .venv/bin/rules journey {subject}{told}"
    yield f'  .venv/bin/rules sql "{statement}"'
    yield f"  .venv/bin/rules run{told}         the rule you changed decides; again, and nothing is inserted"
    yield "  .venv/bin/rules db url      what any SQL client connects to"
    yield "  .venv/bin/rules down        stops the servers; the data stays"
