"""`rules demo`: the whole story on this machine, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from console.desk import Desk, History, now, writing
from demo.figures import DemoReport
from demo.scenario import CHANGED_RULE, DAYS, WEIGHT_BEFORE
from jobs.wiring import opened
from rules_engine.errors import Fault, RulesError

Customers = Annotated[int, typer.Option("--customers", min=100, help="How many customers the mutual has.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same mutual.")]
Report = Annotated[Path | None, typer.Option("--report", help="Where the HTML report goes.")]


@writing
def demo(
    desk: Desk, customers: Customers = 100_000, seed: Seed = 7, report: Report = None, history: History = None
) -> None:
    """Play three business days of a mutual insurer: lake, rules, runs, history, a rule changed by SQL, a report."""
    from demo import play, terminal
    from demo.report import html

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
