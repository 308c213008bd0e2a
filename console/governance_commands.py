"""`rules freeze`, `rules audit …`, `rules db govern`: what auditors and operators ask of the rules repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, astuple
from typing import Annotated

import typer

from console.desk import Desk, at_desk, day, moment, now, writing
from console.difference import told
from console.screen import row, table
from jobs import anchor_step, freeze_step
from jobs.wiring import opened
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.rule_sets import freeze as frozen
from rules_engine.proving import Proof, prove
from rules_repo import audit, audit_story
from rules_repo.frozen import name_of
from rules_repo.governance import in_force, require_approvals

Day = Annotated[str | None, typer.Option("--as-of", help="Day whose rules are frozen; today without it.")]
Known = Annotated[str | None, typer.Option("--known-at", help="Moment as of which they are known; now without it.")]
Out = Annotated[str, typer.Option("--out", help="Folder, file:///… or s3://bucket/prefix; the digest names the file.")]
Key = Annotated[str | None, typer.Argument(metavar="NAME", help="Only this rule, membership type, parameter or list.")]
Last = Annotated[int, typer.Option("--last", min=1, help="How many entries, the newest ones.")]
Approvals = Annotated[
    int, typer.Option("--approvals", min=0, max=9, help="How many other people must approve a change.")
]
Anchors = Annotated[
    list[str] | None, typer.Option("--anchor", help="File or s3://bucket/key with anchors; may be given several times.")
]
OfHistory = Annotated[
    bool, typer.Option("--history", help="Prove the history, too: every record against the run that decided it.")
]
To = Annotated[
    str, typer.Option("--to", help="File that gets a line, or s3://bucket/key in a bucket with Object Lock.")
]
Days = Annotated[int, typer.Option("--days", min=1, help="How long an S3 object cannot be removed, by anybody.")]
Why = Annotated[str, typer.Option("--reason", help="Why.")]


@writing
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
    """Show the newest audit entries: who changed what, when and why; of one name its story, before and after."""
    if key is not None:
        return _story(desk, key, last)
    with opened(desk.settings()) as installation:
        entries = audit.log(installation.database_url, key, last)
    drawn = table("entry", "at", "login", "did", "which", "because")
    for e in entries:
        which = f"{e.relation} {' '.join(str(value) for value in e.row_key.values())}"
        row(drawn, e.position, f"{e.at:%Y-%m-%d %H:%M:%S}", e.login, e.operation.lower(), which, e.reason)
    return desk.screen.answer([asdict(e) for e in entries], drawn)


def _story(desk: Desk, key: str, last: int) -> None:
    with opened(desk.settings()) as installation:
        steps = audit_story.story(installation.database_url, key)[-last:]
    desk.screen.answer([asdict(step) for step in steps], *(line for step in steps for line in _step(step)))


def _step(step: audit_story.Step) -> Iterator[str]:
    which = f" (change {step.change})" if step.change else ""
    why = f": {step.reason}" if step.reason else ""
    yield f"{step.at:%Y-%m-%d %H:%M:%S}  {step.login}  {step.what}{which}{why}"
    if step.fields:
        yield from (f"  {line}" for line in "\n".join(told(step.fields)).rstrip().split("\n"))


@at_desk
def verify(desk: Desk, anchor: Anchors = None, history: OfHistory = False) -> None:
    """Prove the audit: chain, entries, tables, schema, anchors; otherwise exit 5 and what is wrong, counted in full."""
    noted = tuple(each for target in anchor or () for each in anchor_step.noted(target))
    with opened(desk.settings()) as installation:
        verdict = audit.verify(installation.database_url, noted)
        with desk.screen.progress() as progress:
            proof = prove(installation.history, installation.store, progress) if history else Proof()
    if total := verdict.total + proof.total:
        read = f"{verdict.entries} entries{f' and {proof.records} records' if history else ''} were read."
        raise RunRefused(Fault("The audit", f"{total} faults were found; {read}"), *verdict.faults, *proof.faults)
    content = {
        "entries": verdict.entries,
        "withheld": verdict.withheld,
        "anchors": len(noted),
        "head": verdict.head,
    }
    withheld = f" Of {verdict.withheld}, which are of other tenants, the links alone." if verdict.withheld else ""
    against = (
        f" {len(noted)} anchors are in the chain." if noted else " Note the newest hash: rules audit anchor --to …"
    )
    said = [f"{verdict.entries} entries hold together.{withheld}{against}"]
    if history:
        content |= {"runs": proof.runs, "records": proof.records, "runs_without_staged_decisions": proof.apart}
        content |= {"records_before_the_chain": proof.before, "half_published": proof.half}
        said.append(f"{proof.records} records of {proof.runs} runs are what was decided.")
        if proof.apart:
            said.append(f"What {len(proof.apart)} of the runs staged is not here: of them counts and sums are proved.")
        if proof.half:
            said.append(f"Run {', '.join(proof.half)} is half-published: the next `rules run` finishes it first.")
        if proof.before:
            said.append(f"{proof.before} records are older than the chain of publications, and nothing proves them.")
    desk.screen.answer(content, *said)


@at_desk
def anchor(desk: Desk, to: To, days: Days = 3650) -> None:
    """Note the newest entry of the audit elsewhere, so that a chain that is cut or rewritten as a whole is found."""
    moment_now = now()
    with opened(desk.settings()) as installation:
        newest = audit.head(installation.database_url, f"{moment_now:%Y-%m-%dT%H:%M:%SZ}")
    anchor_step.note(to, newest, anchor_step.retained(moment_now, days))
    desk.screen.answer(
        {"to": to, "position": newest.position, "hash": newest.hash, "at": newest.at},
        f"Entry {newest.position} with the hash {newest.hash} is noted in {to}.",
    )


PlanDays = Annotated[
    int | None,
    typer.Option("--plan-days", min=0, max=366, help="How old a plan may be that is approved; 0 needs none."),
]


WithoutSpark = Annotated[
    bool | None,
    typer.Option("--without-spark/--with-spark", help="Whether an approval takes a check that asked no Spark."),
]


@at_desk
def govern(
    desk: Desk, approvals: Approvals, reason: Why, plan_days: PlanDays = None, without_spark: WithoutSpark = None
) -> None:
    """Say how many people who did not write a change must approve it, and what they need for that."""
    with opened(desk.settings()) as installation:
        url = installation.database_url
        require_approvals(url, approvals, reason, plan_days, without_spark=without_spark)
        stands = in_force(url)
    planned = (
        f", and a plan that is no older than {stands.plan_days} days" if stands.plan_days and stands.approvals else ""
    )
    checked = "A check without Spark is enough." if stands.without_spark else "A check has to ask Spark."
    said = f"Changes need {stands.approvals} approval{'s' * (stands.approvals != 1)}{planned}. {checked}"
    wanted = approvals, plan_days, without_spark
    if any(value not in (None, now_) for value, now_ in zip(wanted, astuple(stands), strict=True)):
        said += " What was asked is proposed and counts once another admin says the same within 7 days."
    desk.screen.answer(asdict(stands), said)
