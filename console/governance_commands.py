"""`rules freeze`, `rules audit …`, `rules db govern`: what auditors and operators ask of the rules repository."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from console.desk import Desk, at_desk, day, moment, now
from console.screen import row, table
from jobs import freeze_step
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.rule_sets import freeze as frozen
from rules_repo import audit
from rules_repo.frozen import name_of
from rules_repo.governance import require_approvals

Day = Annotated[str | None, typer.Option("--as-of", help="Day whose rules are frozen; today without it.")]
Known = Annotated[str | None, typer.Option("--known-at", help="Moment as of which they are known; now without it.")]
Out = Annotated[str, typer.Option("--out", help="Folder, file:///… or s3://bucket/prefix; the digest names the file.")]
Key = Annotated[str | None, typer.Argument(metavar="KEY", help="Only what concerns this rule.")]
Last = Annotated[int, typer.Option("--last", min=1, help="How many entries, the newest ones.")]
Approvals = Annotated[
    int, typer.Option("--approvals", min=0, max=9, help="How many other people must approve a change.")
]
Why = Annotated[str, typer.Option("--reason", help="Why.")]


@at_desk
def freeze(desk: Desk, out: Out, as_of: Day = None, known_at: Known = None) -> None:
    """Write the rule set of a day to one file that a run reads instead of the database."""
    chosen, known = day(as_of, "--as-of") or now().date(), moment(known_at, "--known-at") or now()
    with opened(desk.settings()) as installation:
        rule_set = installation.repository.rule_set(chosen, known)
    target = f"{out.rstrip('/')}/{name_of(rule_set)}"
    freeze_step.put(target, frozen(rule_set))
    content = {"file": target, "digest": rule_set.digest, "rules": len(rule_set.versions)}
    desk.screen.answer(content, f"{len(rule_set.versions)} rules are in {target}.")


@at_desk
def log(desk: Desk, key: Key = None, last: Last = 50) -> None:
    """Show the newest audit entries: who changed what, when and why."""
    with opened(desk.settings()) as installation:
        entries = audit.log(installation.database_url, key, last)
    drawn = table("entry", "at", "login", "did", "which", "because")
    for e in entries:
        which = f"{e.relation} {' '.join(str(value) for value in e.row_key.values())}"
        row(drawn, e.position, f"{e.at:%Y-%m-%d %H:%M:%S}", e.login, e.operation.lower(), which, e.reason)
    desk.screen.answer([asdict(e) for e in entries], drawn)


@at_desk
def verify(desk: Desk) -> None:
    """Prove the audit: chain, entries and tables; exit 5 and what is wrong, counted in full, if it does not hold."""
    with opened(desk.settings()) as installation:
        verdict = audit.verify(installation.database_url)
    if verdict.faults:
        many = Fault("The audit", f"{verdict.total} faults were found in {verdict.entries} entries and the tables.")
        raise RunRefused(many, *verdict.faults)
    content = {"entries": verdict.entries, "withheld": verdict.withheld, "head": verdict.head}
    withheld = f" Of {verdict.withheld}, which are of other tenants, the links alone." if verdict.withheld else ""
    desk.screen.answer(
        content, f"{verdict.entries} entries hold together.{withheld} Keep the newest hash: {verdict.head}"
    )


@at_desk
def govern(desk: Desk, approvals: Approvals, reason: Why) -> None:
    """Say how many people who did not write a change must approve it; fewer than before only while there is no rule."""
    with opened(desk.settings()) as installation:
        require_approvals(installation.database_url, approvals, reason)
    desk.screen.answer({"approvals": approvals}, f"Changes need {approvals} approvals.")
