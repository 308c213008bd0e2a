"""`rules rules new/edit/retire/pause/resume/diff/log`: one rule, drafted, paused, or looked at over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from console.desk import Desk, at_desk, day, now, writing
from console.difference import told
from console.screen import row, table
from jobs.asking import judge, with_shared
from jobs.wiring import Installation, opened
from rules_engine.errors import ChangeRefused, Fault, RunRefused, collected
from rules_engine.model.rules import RuleVersion
from rules_repo.changes import ChangeBook
from rules_repo.entries import rule_entry, rule_version
from rules_repo.lints import between
from rules_repo.rows import rule_values

Key = Annotated[str, typer.Argument(metavar="KEY", help="The rule's key, such as BOND-001.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version, such as BOND-001/2.")]
Change = Annotated[int | None, typer.Option("--change", help="The change to draft it in; your open one without it.")]
Why = Annotated[str, typer.Option("--reason", help="Why.")]
Until = Annotated[str, typer.Option("--until", help="The first day on which the rule counts again.")]
To = Annotated[int, typer.Option("--to", help="The version whose wording is to count again.")]
On = Annotated[str, typer.Option("--on", help="The first day on which the rule no longer counts.")]
First = Annotated[str | None, typer.Option("--from", help="The first day on which that counts.")]
Period = Annotated[str | None, typer.Option("--period", help="First day of the period meant, where there are several.")]
Weight = Annotated[int | None, typer.Option("--weight", help="A whole number above zero.")]
Text = str | None
Sql = Annotated[Text, typer.Option("--sql", help="The condition, or a whole SELECT; @FILE reads it from a file.")]
Name = Annotated[Text, typer.Option("--name", help="The rule in a few words.")]
Kind = Annotated[Text, typer.Option("--kind", help="inclusion or exclusion.")]
Type = Annotated[Text, typer.Option("--type", help="The membership type it argues about.")]
Frame = Annotated[Text, typer.Option("--frame", help="The frame whose rows a condition is about.")]
Owner = Annotated[Text, typer.Option("--owner", help="Who answers for it.")]
Said = Annotated[Text, typer.Option("--reason-text", help="The reason in words that decisions quote.")]


@writing
def new(
    desk: Desk,
    key: Key,
    kind: Kind = None,
    membership: Type = None,
    weight: Weight = None,
    sql: Sql = None,
    frame: Frame = None,
    name: Name = None,
    owner: Owner = None,
    reason_text: Said = None,
    first: First = None,
    change: Change = None,
) -> None:
    """Draft a new rule in your open change."""
    given = _given(kind, membership, weight, sql, frame, name, owner, reason_text, first)
    given = {"rule_key": key, **given}
    marks = ", ".join(f":{column}" for column in given)
    _drafted(desk, change, f"INSERT INTO rules.rule ({', '.join(given)}) VALUES ({marks})", key, given)


@writing
def edit(
    desk: Desk,
    key: Key,
    kind: Kind = None,
    membership: Type = None,
    weight: Weight = None,
    sql: Sql = None,
    frame: Frame = None,
    name: Name = None,
    owner: Owner = None,
    reason_text: Said = None,
    first: First = None,
    period: Period = None,
    change: Change = None,
) -> None:
    """Draft the next version of a rule: for the same days, or from a later day on."""
    given = _given(kind, membership, weight, sql, frame, name, owner, reason_text, first)
    if not given:
        raise RunRefused(Fault(f"Rule {key}", "nothing is said that should change.", "Say --weight, --sql, --name, …."))
    _updated(desk, change, key, period, given)


@writing
def revert(desk: Desk, key: Key, to: To, reason: Why, period: Period = None, change: Change = None) -> None:
    """Draft the wording of an earlier version again, for the days that the rule has now."""
    with opened(desk.settings()) as installation:
        found = installation.repository.versions(key)
    known = {recorded.version.version: recorded.version for recorded in found}
    if to not in known:
        there = ", ".join(map(str, sorted(known))) or "none: there is no such rule"
        raise RunRefused(Fault(f"Rule {key}", f"it has no version {to}.", f"There are: {there}."))
    periods = {str(recorded.version.effective.first) for recorded in found if recorded.recorded_to is None}
    if len(periods) > 1 and period is None:
        remedy = f"Say which: --period {' or --period '.join(sorted(periods))}."
        raise RunRefused(Fault(f"Rule {key}", f"it has {len(periods)} periods.", remedy))
    _updated(desk, change, key, period, rule_values(known[to]), (f"{key} as in version {to}", reason))


@writing
def retire(desk: Desk, key: Key, on: On, period: Period = None, change: Change = None) -> None:
    """Draft the end of a rule. Nothing is deleted: it counted until then."""
    _updated(desk, change, key, period, {"effective_to": day(on, "--on")})


@at_desk
def pause(desk: Desk, key: Key, until: Until, reason: Why) -> None:
    """Stop a rule from counting, today, for at most 31 days: an emergency brake that needs no approval."""
    _said(desk, "SELECT rules.pause(:key, :reason, :until)", key=key, reason=reason, until=day(until, "--until"))


@at_desk
def resume(desk: Desk, key: Key, reason: Why) -> None:
    """End the pause of a rule today."""
    _said(desk, "SELECT rules.resume(:key, :reason)", key=key, reason=reason)


@at_desk
def diff(desk: Desk, one: Version, other: Version) -> None:
    """Show the fields in which two versions differ."""
    with opened(desk.settings()) as installation:
        found = ChangeBook(installation.database_url).diff_versions(one, other)
    desk.screen.answer([asdict(each) for each in found], *told(found))


@at_desk
def log(desk: Desk, key: Key) -> None:
    """Show everything ever known of a rule: which change made it, why, and who approved it."""
    with opened(desk.settings()) as installation:
        found = ChangeBook(installation.database_url).history(key)
    drawn = table("version", "weight", "from", "to", "known from", "until", "change", "because", "approved by")
    for each in found:
        known = [
            f"{moment:%Y-%m-%d %H:%M}" if moment else "now" for moment in (each["recorded_from"], each["recorded_to"])
        ]
        days = each["effective_from"], each["effective_to"]
        row(drawn, each["version"], each["weight"], *days, *known, each["change_id"], each["reason"], each["approvers"])
    if not found:
        raise RunRefused(Fault(f"Rule {key}", "there is no such rule.", "`rules list` lists all."))
    desk.screen.answer([dict(each) for each in found], drawn)


def _given(
    kind: Text,
    membership: Text,
    weight: int | None,
    sql: Text,
    frame: Text,
    name: Text,
    owner: Text,
    reason_text: Text,
    first: Text,
) -> dict[str, object]:
    """The columns of ``rules.rule`` of which something was said."""
    values = {
        "kind": kind,
        "membership_type": membership,
        "weight": weight,
        "sql": _sql(sql),
        "frame": frame,
        "name": name,
        "owner": owner,
        "reason_text": reason_text,
        "effective_from": day(first, "--from"),
    }
    return {column: value for column, value in values.items() if value is not None}


def _sql(said: str | None) -> str | None:
    if not said or not said.startswith("@"):
        return said
    try:
        return Path(said[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise RunRefused(Fault(f"File {said[1:]}", f"it cannot be read: {problem}.", "Name a text file.")) from problem


def _updated(
    desk: Desk,
    change: int | None,
    key: str,
    period: str | None,
    given: Mapping[str, object],
    begin: tuple[str, str] | None = None,
) -> None:
    sets = ", ".join(f"{column} = :{column}" for column in given)
    statement = f"UPDATE rules.rule SET {sets} WHERE rule_key = :rule_key"
    if chosen := day(period, "--period"):
        statement += " AND rules.rule.effective_from = :period"
    values = {**given, "rule_key": key} | ({"period": chosen} if chosen else {})
    _drafted(desk, change, statement, key, values, begin)


def _drafted(
    desk: Desk,
    change: int | None,
    statement: str,
    key: str,
    values: Mapping[str, object],
    begin: tuple[str, str] | None = None,
) -> None:
    with opened(desk.settings()) as installation:
        judged = judge(installation, now().date(), desk.screen.note)
        book = ChangeBook(installation.database_url)
        try:
            count, held = book.draft(change, key, statement, values, judged, begin)
        except ChangeRefused as refused:
            faults = [*refused.faults]
            if whole := _whole(installation, key, values):
                collected(lambda: judged([with_shared(whole, book.parameters())], book.lists(0)[0]), faults)
            raise ChangeRefused(*faults) from refused
        for warning in between(book.timelines(held, key) if held else ()):
            desk.screen.note(f"Warning: {warning}")
    if not count and held:
        remedy = f"`rules change show {held}` shows it; `rules change reject {held}` sends it back to its authors."
        raise RunRefused(Fault(f"Rule {key}", f"change {held} has it, and is no draft of yours.", remedy))
    if not count:
        raise RunRefused(Fault(f"Rule {key}", "there is no such rule, or no such period.", "`rules show` shows both."))
    next_step = f"drafted in change {held}. Hand it in: rules change submit {held} --reason …"
    at_once = f"recorded at once, for no approval is needed here. See it: rules rules log {key}"
    desk.screen.answer({"change": held}, f"Rule {key}: {next_step if held else at_once}")


def _whole(installation: Installation, key: str, values: Mapping[str, object]) -> RuleVersion | None:
    """The wording that was meant where the database refused an edit: what the gates say of it is told, too."""
    known = [each.version for each in installation.repository.versions(key) if each.recorded_to is None]
    said = {name: value for name, value in values.items() if name not in ("rule_key", "period")}
    entry = {"effective_from": now().date(), **(rule_entry(known[-1]) if known else {}), "key": key, **said}
    if "sql" in said:
        entry.pop("select", None)
    return rule_version(entry, key, [])


def _said(desk: Desk, statement: str, **values: object) -> None:
    with opened(desk.settings()) as installation:
        answer = ChangeBook(installation.database_url).ask(statement, **values)
    desk.screen.answer({"answer": answer}, str(answer))
