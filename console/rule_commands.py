"""`rules list`, `show`, `import`, `export`: the rules as the repository knows them, and files of rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from console.desk import Desk, at_desk, day, now, writing
from console.screen import row, table
from jobs.asking import RECORD, Answer, ask, declared, here, judge, with_shared
from jobs.wiring import Installation, opened
from rules_engine.errors import Fault, InvalidRule, RulesError, RunRefused, collected, did_you_mean, raise_all
from rules_engine.model.rule_sets import policies_on
from rules_engine.model.rules import EffectivePeriod, Kind, RuleVersion
from rules_repo.lints import between, of_lists, warnings
from rules_repo.overview import Listed, overview
from rules_repo.rule_checks import covered, rule_checks
from rules_repo.selection import read as selecting

if TYPE_CHECKING:
    from rules_repo.exchange import Beside
    from rules_repo.publishing import Proposal, Shared
    from rules_repo.repository import Recorded

AsOf = Annotated[str | None, typer.Option("--as-of", help="Only those in force on this day.")]
InForce = Annotated[str | None, typer.Option("--as-of", help="The day whose rules are asked about.")]
Type = Annotated[str | None, typer.Option("--type", help="Only those of this membership type.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The rule's key, such as BOND-001.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A .yaml, .yml, .csv or .xlsx file.")]
Types = Annotated[
    Path | None, typer.Option("--types", help="CSV file of membership types, beside a CSV file of rules.")
]
Parameters = Annotated[
    Path | None, typer.Option("--parameters", help="CSV file of shared parameters, beside a CSV file of rules.")
]
Lists = Annotated[Path | None, typer.Option("--lists", help="CSV file of reference lists, likewise.")]
Why = Annotated[str, typer.Option("--reason", help="Why the rules change.")]
Select = Annotated[
    str, typer.Option("--select", help="Such as: 'key:BOND-* type:GOLD -kind:exclusion tag:x status:live column:city'.")
]
Example = Annotated[bool, typer.Option("--template", help="Write an example to FILE, to begin with.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


@at_desk
def list_rules(desk: Desk, as_of: AsOf = None, membership: Type = None, select: Select = "") -> None:
    """List the rules as known now."""
    chosen, selection = day(as_of, "--as-of"), selecting(select)
    with opened(desk.settings()) as installation:
        if not desk.screen.as_json and not selection.words:
            known_now = overview(installation.database_url, chosen)
            listed = [each for each in known_now if membership in (None, each.membership_type)]
            return desk.screen.answer(None, _overview(desk, listed), f"{len(listed)} rules.")
        known = installation.repository.rules(chosen)
    named = [version for version in known if membership in (None, version.membership_type)]
    found = selection.of(named, chosen or now().date())
    if desk.screen.as_json:
        return desk.screen.answer([content(version) for version in found])
    return desk.screen.answer(None, _overview(desk, map(Listed.of, found)), f"{len(found)} rules.")


def _overview(desk: Desk, found: Iterable[Listed]) -> RenderableType:
    ordered = sorted(found, key=lambda v: (v.membership_type, v.kind == Kind.EXCLUSION, v.key, v.first))
    headers = "rule", "membership type", "weight", "name", "effective"
    rows = [(f"{v.key}/{v.version}", v.membership_type, _signed(v), v.name, _days(v.first, v.end)) for v in ordered]
    return desk.screen.listing(headers, rows, right=["weight"])


@at_desk
def show(desk: Desk, key: Key) -> None:
    """Show one rule: what it says now, and every version that was ever known."""
    with opened(desk.settings()) as installation:
        recorded = installation.repository.versions(key)
        if not recorded:
            raise RunRefused(_no_such(key, {v.key for v in installation.repository.rules()}))
    desk.screen.answer([_recorded(each) for each in recorded], *_drawn(recorded))


def _no_such(key: str, known: set[str]) -> Fault:
    return Fault(f"Rule {key}", "there is no such rule.", did_you_mean(key, known) or "`rules list` lists all.")


def _drawn(recorded: tuple[Recorded, ...]) -> Iterator[RenderableType]:
    newest = recorded[-1].version
    yield f"{newest.key} · {newest.name} · {newest.kind} · {newest.membership_type} · weight {newest.weight}"
    yield f"{newest.form} over {newest.frame}" if newest.frame else str(newest.form)
    yield f"\n{newest.sql}\n"
    if newest.parameters:
        yield "Parameters: " + ", ".join(f":{name} = {value}" for name, value in newest.parameters.items())
    yield f"Reason: {newest.reason_code or 'none'} {newest.reason_text}\n"
    drawn = table("version", "weight", "effective", "known from", "until", "by", right=["weight"])
    for each in recorded:
        until = f"{each.recorded_to:%Y-%m-%d %H:%M}" if each.recorded_to else "now"
        cells = in_words(each.version.effective), f"{each.recorded_from:%Y-%m-%d %H:%M}", until, each.recorded_by
        row(drawn, each.version.id, _signed(each.version), *cells, style="dim" if each.recorded_to else "")
    yield drawn


@writing
def import_rules(
    desk: Desk,
    file: File,
    types: Types = None,
    parameters: Parameters = None,
    lists: Lists = None,
    dry_run: DryRun = False,
    reason: Why = "",
    template: Example = False,
) -> None:
    """Draft the rules of a file in a change, all or nothing; what it does not name stays."""
    from rules_repo import exchange  # its readers of YAML and XLSX are loaded by who needs them
    from rules_repo.publishing import Shared

    beside = exchange.Beside(types, parameters, lists)
    if template:
        return _template(desk, file, beside)
    contents = exchange.read(file, beside)
    shared = Shared(contents.parameters, contents.reference_lists)
    title = f"Import of {file.name}"
    with opened(desk.settings()) as installation:
        propose = partial(
            installation.repository.propose, contents.versions, contents.membership_types, title, reason, shared=shared
        )
        try:
            _judged(desk, installation, contents.versions, shared)
        except InvalidRule as refused:
            faults = [*refused.faults]
            collected(lambda: propose(dry_run=True), faults)
            raise InvalidRule(*faults) from refused
        proposal = propose(dry_run=dry_run)
        named, today = {version.key for version in contents.versions}, now().date()
        others = [version for version in installation.repository.rules(today) if version.key not in named]
        policies = policies_on(today, installation.repository.membership_types())
    parts = {name: list(keys) for name, keys in asdict(proposal.changes).items()}
    new = [*parts["added"], *parts["changed"]]
    texts = of_lists(each for each in contents.reference_lists if each.name in proposal.changes.reference_lists)
    days = between(version for version in contents.versions if version.key in new)
    policies += policies_on(today, contents.membership_types)
    for warning in (*warnings([*others, *contents.versions], policies, new), *days, *texts):
        desk.screen.note(f"Warning: {warning}")
    desk.log("imported", dry_run=dry_run, **{name: len(keys) for name, keys in parts.items()})
    drawn = table("", "how many", "which", right=["how many"])
    for name, keys in parts.items():
        row(drawn, name.replace("_", " "), len(keys), "" if name == "unchanged" else ", ".join(keys))
    told = {"dry_run": dry_run, "change": None if dry_run else proposal.change, "published": proposal.published}
    return desk.screen.answer(told | parts, drawn, _verdict(proposal, dry_run))


def _template(desk: Desk, file: Path, beside: Beside) -> None:
    from rules_repo import exchange
    from rules_repo.template import EXAMPLE

    wanted = file, beside.types, beside.parameters, beside.lists
    there = [path for path in wanted if path is not None and path.exists()]
    raise_all(RunRefused, [Fault(f"File {path}", "it is there already.", "Name another one.") for path in there])
    exchange.write(EXAMPLE, file, beside)
    desk.screen.answer(
        {"file": str(file)}, f"Two example rules are in {file}. docs/rule-files.md tells what each column says."
    )


def _judged(desk: Desk, installation: Installation, versions: Iterable[RuleVersion], drafted: Shared) -> None:
    """Ask the gates about wordings that are not known yet, with what is shared now and what is drafted with them."""
    from rules_repo.changes import ChangeBook
    from rules_repo.rows import wording

    known = {wording(version) for version in installation.repository.rules()}
    if new := [version for version in versions if wording(version) not in known]:
        book = ChangeBook(installation.database_url)
        shared = {**book.parameters(), **{each.name: each.value for each in drafted.parameters}}
        lists = {each.name: each for each in (*book.lists(0)[0], *drafted.reference_lists)}
        asked = [with_shared(version, shared) for version in new]
        judge(installation, now().date(), desk.screen.note)(asked, tuple(lists.values()))


@at_desk
def check(desk: Desk, as_of: InForce = None) -> None:
    """
    Ask every gate about all rules in force on a day, before a run does.

    Without --as-of: today, tomorrow, and the days on which scheduled rules begin. What passed is recorded of the
    changes that published these rules, where their checks asked another Spark, other gates or frames, or nobody.
    """
    chosen, today = day(as_of, "--as-of"), now().date()
    faults: list[Fault] = []
    told: list[dict[str, Any]] = []
    asked: set[tuple[str, int]] = set()
    with opened(desk.settings()) as installation:
        checks = rule_checks(installation.database_url)
        later = {each.effective_from for each in checks if each.effective_from > today}
        for each in [chosen] if chosen else sorted({today, today + timedelta(days=1)} | later):
            rule_set = installation.repository.rule_set(each, now())
            answer = ask(installation, rule_set.versions, each, rule_set.reference_lists)
            missing = installation.dropped.missing(rule_set.versions, declared(installation, each))
            faults += [fault for fault in (*answer.faults, *missing) if fault not in faults]
            told.append({"as_of": each, "rules": len(rule_set.versions), "digest": rule_set.digest, "asked": answer.by})
            asked |= {(version.key, version.version) for version in rule_set.versions}
        raise_all(InvalidRule, faults)
        if answer.without:
            desk.screen.note(f"Spark was not asked: {answer.without} Ask it where there is one, before the night.")
        elif recorded := _recorded_of(installation, covered(checks, asked, here(installation)), answer):
            desk.screen.note(recorded)
    desk.screen.answer(
        told, *(f"{d['as_of']}: all {d['rules']} rules in force are accepted. Asked: {d['asked']}." for d in told)
    )


def _recorded_of(installation: Installation, changes: tuple[int, ...], answer: Answer) -> str:
    """Record the check of changes that are published, and say so; or why it was not."""
    from rules_repo.changes import ChangeBook

    book = ChangeBook(installation.database_url)
    try:
        for change in changes:
            if standing := book.standing(change):
                said = {"change": change, "saw": standing.content_hash, "passed": True, **answer.whom}
                book.ask(
                    RECORD, **said, findings=f"`rules check` found nothing that a gate refuses. (Asked: {answer.by}.)"
                )
    except RulesError as refused:
        return f"The check is not recorded: {refused}"
    return f"Recorded as the check of {len(changes)} changes that published these rules." if changes else ""


def _verdict(proposal: Proposal, dry_run: bool) -> str:
    if dry_run:
        return "A dry run: nothing was changed."
    if proposal.change is None:
        return "Nothing to change."
    if proposal.published:
        return f"Published, as change {proposal.change}."
    return f"Drafted in change {proposal.change}. Hand it in: rules change submit {proposal.change} --reason …"


@at_desk
def export_rules(
    desk: Desk, file: File, types: Types = None, parameters: Parameters = None, lists: Lists = None, as_of: AsOf = None
) -> None:
    """Write the rules as known now, and what they share, to a file for review."""
    from rules_repo import exchange

    chosen = day(as_of, "--as-of")
    with opened(desk.settings()) as installation:
        versions, policies = installation.repository.rules(chosen), installation.repository.membership_types()
        shared = installation.repository.shared()
    beside = exchange.Beside(types, parameters, lists)
    exchange.write(exchange.RuleFile(policies, versions, shared.parameters, shared.reference_lists), file, beside)
    if file.suffix.lower() == ".csv" and (left_out := _left_out(beside, shared)):
        desk.screen.note(left_out)
    desk.screen.answer({"file": str(file), "rules": len(versions)}, f"{len(versions)} rules are in {file}.")


def _left_out(beside: Beside, shared: Shared) -> str:
    """What has a file of its own beside a CSV file of rules, and was given none."""
    said = {
        "membership types (--types FILE)": beside.types is None,
        "shared parameters (--parameters FILE)": beside.parameters is None and shared.parameters,
        "reference lists (--lists FILE)": beside.lists is None and shared.reference_lists,
    }
    missing = [what for what, lacking in said.items() if lacking]
    return f"Not in the file: {', '.join(missing)}." if missing else ""


def content(version: RuleVersion) -> dict[str, Any]:
    """A version as JSON, with the days on which it counts."""
    effective = {"effective_from": version.effective.first, "effective_to": version.effective.end}
    return version.content() | {"id": version.id} | effective


def _recorded(each: Recorded) -> dict[str, Any]:
    return content(each.version) | {
        "recorded_from": each.recorded_from,
        "recorded_to": each.recorded_to,
        "recorded_by": each.recorded_by,
        "closed_by": each.closed_by,
    }


def in_words(period: EffectivePeriod) -> str:
    return _days(period.first, period.end)


def _days(first: date, end: date | None) -> str:
    return f"{first} to {end}" if end else f"from {first}"


def _signed(version: RuleVersion | Listed) -> str:
    return f"{'+' if version.kind == Kind.INCLUSION else '−'}{version.weight}{' (shadow)' if version.shadow else ''}"
