"""`rules change …`: the life of a change, from a draft to its publication; the database judges every step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer

from console.desk import Desk, at_desk, now
from console.difference import told
from console.expectation import beside
from console.screen import row, table
from jobs.asking import RECORD, ask
from jobs.expecting import of_standing
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, InvalidRule, RulesError, RunRefused
from rules_engine.lake.lists import taken
from rules_engine.model import lengths
from rules_engine.model.rule_sets import policies_on
from rules_engine.model.rules import RuleVersion
from rules_repo.changes import ChangeBook, Standing
from rules_repo.lints import between, of_lists, warnings
from rules_repo.selection import read as selecting

Number = Annotated[int, typer.Argument(metavar="CHANGE", help="The number of the change.")]
Title = Annotated[str, typer.Argument(metavar="TITLE", help="The change in a few words.")]
Why = Annotated[str, typer.Option("--reason", help="Why: an auditor reads it years later.")]
Because = Annotated[str | None, typer.Option("--reason", help="Why, where the change does not say so yet.")]
Saw = Annotated[
    str | None, typer.Option("--saw", help="The content hash that was read: refused if it says something else.")
]


@at_desk
def new(desk: Desk, title: Title, reason: Why = "") -> None:
    """Begin a change; your next edits go to it."""
    _moved(desk, "SELECT rules.begin_change(:title, :reason)", "Change {} is begun.", title=title, reason=reason)


@at_desk
def list_changes(desk: Desk) -> None:
    """List the changes and how they stand, newest first."""
    with opened(desk.settings()) as installation:
        found = ChangeBook(installation.database_url).standings()
    drawn = table("change", "state", "title", "by", "approved by", "what")
    for each in found:
        what = ", ".join(filter(None, [each.rules, each.policies]))
        row(drawn, each.change_id, each.state, each.title, each.authors, each.approved_by, what)
    desk.screen.answer([asdict(each) for each in found], drawn, f"{len(found)} changes.")


@at_desk
def show(desk: Desk, change: Number) -> None:
    """Show a change: how it stands and what it changes."""
    with opened(desk.settings()) as installation:
        book = ChangeBook(installation.database_url)
        standing, differences = _standing(book, change), book.diff(change)
        rejections = book.rejections(change)
        held = of_standing(installation, standing)
    content = asdict(standing) | {"differences": [asdict(each) for each in differences]}
    content |= {"rejections": rejections, "first_run": held and asdict(held)}
    desk.screen.answer(
        content, *_told(standing, rejections), *((*beside(held), "") if held else ()), *told(differences)
    )


@at_desk
def check(desk: Desk, change: Number) -> None:
    """Ask every gate that a run asks about a change, and record what was found; exit 3 if it is refused."""
    with opened(desk.settings()) as installation:
        book = ChangeBook(installation.database_url)
        standing, drafts = _standing(book, change), book.drafts(change)
        lists, drafted = book.lists(change)
        asked = (*drafts, *_naming(drafted, installation, {version.key for version in drafts}))
        answer = ask(installation, asked, now().date(), lists)
        faults = [*taken(installation.lake, lists), *answer.faults]
        advice = [*_advice(installation, drafts), *between(book.timelines(change)), *answer.warnings]
        advice += of_lists(each for each in lists if each.name in drafted)
        findings = " ".join(str(fault) for fault in faults) or "no gate refuses anything."
        found = {"change": change, "saw": standing.content_hash, "passed": not faults}
        told = lengths.shortened("check_result", "findings", f"{findings} (Asked: {answer.by}.)")
        found |= {"findings": told, **answer.whom}
        book.ask(RECORD, **found)
    if answer.without:
        desk.screen.note(_less(answer.without))
    if faults:
        desk.screen.note(_verdict(found))
        raise InvalidRule(*faults)
    desk.screen.answer(
        found | {"warnings": [str(w) for w in advice]}, *(f"Warning: {w}" for w in advice), _verdict(found)
    )


@at_desk
def submit(desk: Desk, change: Number, reason: Because = None) -> None:
    """Hand a draft in for review."""
    _moved(desk, "SELECT rules.submit(:change, :reason)", "{}", change=change, reason=reason)


@at_desk
def approve(desk: Desk, change: Number, saw: Saw = None) -> None:
    """Approve a change that you wrote nothing of, as it is now."""
    _moved(desk, "SELECT rules.approve(:change, :saw)", "{}", change=change, saw=saw)


@at_desk
def reject(desk: Desk, change: Number, reason: Why = "") -> None:
    """Send a change back to its authors."""
    _moved(desk, "SELECT rules.reject(:change, :reason)", "{}", change=change, reason=reason)


@at_desk
def schedule(desk: Desk, change: Number) -> None:
    """Publish an approved change: it counts from its first day on, and days are those of UTC."""
    with opened(desk.settings()) as installation:
        waiting = _not_yet(installation, ChangeBook(installation.database_url), change)
    _moved(desk, "SELECT rules.schedule(:change)", "{}", change=change)
    for said in waiting:
        desk.screen.note(said)


def _not_yet(installation: Installation, book: ChangeBook, change: int) -> list[str]:
    """Of the rules of a change: which of them begin after the newest day that was run here, so that none counts yet."""
    if "://" in installation.settings.runs:
        return []  # to look, Spark would be started
    newest = max((run.as_of for run in installation.store.runs() if run.as_of), default=None)
    with suppress(RulesError):  # what is wrong with it, publishing says
        later = sorted((v.effective.first, v.key) for v in book.drafts(change) if newest and v.effective.first > newest)
        return [
            f"{key} counts from {first} on (days begin at midnight UTC), and the newest day that was run is {newest}: "
            f"it decides nothing until a run of {first} or later."
            for first, key in later
        ]
    return []


@at_desk
def withdraw(desk: Desk, change: Number) -> None:
    """Give a change up that is not published."""
    _moved(desk, "SELECT rules.withdraw(:change)", "{}", change=change)


def _moved(desk: Desk, statement: str, said: str, **values: object) -> None:
    with opened(desk.settings()) as installation:
        answer = ChangeBook(installation.database_url).ask(statement, **values)
    desk.log(
        "change moved", move=statement.partition("(")[0].removeprefix("SELECT rules."), change=values.get("change")
    )
    desk.screen.answer({"answer": answer}, said.format(answer))


def _naming(lists: Collection[str], installation: Installation, besides: Collection[str]) -> tuple[RuleVersion, ...]:
    """The rules known now that name one of these lists: a column taken away would leave them without meaning."""
    if not lists:
        return ()
    named = selecting(f"column:{','.join(lists)}")
    known = (version for version in installation.repository.rules() if version.key not in besides)
    return named.of(known, now().date())


def _advice(installation: Installation, drafts: tuple[RuleVersion, ...]) -> tuple[Fault, ...]:
    """Warnings about the drafts among the rules that are known for the same days."""
    keys = {version.key for version in drafts}
    known = [v for v in installation.repository.rules(now().date()) if v.key not in keys]
    types = policies_on(now().date(), installation.repository.membership_types())
    return warnings([*known, *drafts], types, keys)


def _less(why: str) -> str:
    return (
        f"Spark was not asked: {why} This check is worth less: an approval takes it where the tenant accepts "
        "checks without Spark (`rules db govern --without-spark`)."
    )


def _verdict(found: dict[str, object]) -> str:
    verdict = "passed" if found["passed"] else "failed"
    return f"Change {found['change']}: the check {verdict} and is recorded. It says {found['saw']}."


def _standing(book: ChangeBook, change: int) -> Standing:
    if standing := book.standing(change):
        return standing
    raise RunRefused(Fault(f"Change {change}", "there is none.", "`rules change list` lists them."))


def _told(standing: Standing, rejections: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    passed = {None: "not checked", True: "check passed", False: "check failed"}[standing.check_passed]
    approved = f"approved by {standing.approved_by}" if standing.approved_by else "not approved"
    return (
        f"Change {standing.change_id} · {standing.title} · {standing.state} · by {standing.authors}",
        f"Reason: {standing.reason or 'none yet'}",
        f"{passed}, {approved}, {standing.approvals_needed} needed",
        *map(_asked, standing.checks or ()),
        *(f"  rejected: by {r['approver']} on {r['approved_at']:%Y-%m-%d}: {r['reason']}" for r in rejections),
        *_planned(standing),
        f"It says {standing.content_hash}\n",
    )


def _asked(check: Mapping[str, Any]) -> str:
    """Of a check: who made it, when, and which Spark, frames and gates it asked."""
    spark = {"": "no Spark asked", "unsaid": "made before checks said whom they asked"}
    asked = spark.get(check["spark_version"], f"Spark {check['spark_version']}")
    frames = f", frames {check['schema_digest'][:12]}" if check["schema_digest"] else ""
    gate = f", gates {check['gate_version']}" if check["gate_version"] else ""
    author = ", an author" if check["by_author"] else ""
    word = "passed" if check["passed"] else "failed"
    return f"  {word}: by {check['checked_by']}{author} on {str(check['checked_at'])[:10]}; {asked}{frames}{gate}"


def _planned(standing: Standing) -> tuple[str, ...]:
    """What its plan says, type by type, or why it says nothing of now."""
    plan = standing.plan
    if plan is None:
        return ("Not planned: `rules plan` says who would gain and who would lose",)
    stale = f", and {plan['stale']}" if plan["stale"] else ""
    words, types = plan["said"].get("words", ""), plan["said"].get("types", ())
    said = f"Plan {plan['plan']} by {plan['planned_by']} of {str(plan['planned_at'])[:10]}{stale}: {words}"
    moved = (t for t in types if {"membership_type", "before", "gained", "lost"} <= {*t} and (t["gained"] or t["lost"]))
    on = ", ".join(f"{a['approver']} on {_that(a['plan'], plan['plan'])}" for a in plan.get("approvals", ()))
    said += f"\nApproved by {on}" if on else ""
    return (said, *(f"  {t['membership_type']}: {t['before']} +{t['gained']} −{t['lost']}" for t in moved))


def _that(approved: int | None, newest: int) -> str:
    """Which plan an approver had before him."""
    if approved is None:
        return "no plan"
    return "this plan" if approved == newest else f"plan {approved}, which is older"
