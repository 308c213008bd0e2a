"""The rule set that a change, or a file, would make of the rules in force on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import text

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.canonical import decode_parameter
from rules_engine.model.rule_sets import RuleSet, policies_on
from rules_engine.model.rules import BEGINNING, MembershipType, RuleVersion
from rules_repo.changes import ChangeBook, Standing
from rules_repo.connection import connected, snapshot
from rules_repo.rows import all_of, type_of
from rules_repo.timeline import by_key

_POLICIES = "SELECT object, key, content FROM rules.draft_policy WHERE change_id = :change ORDER BY object, key"
_POLICY_DAYS = """SELECT coalesce(CAST(content ->> 'effective_from' AS date), DATE '0001-01-01')
    FROM rules.draft_policy WHERE change_id = :change"""
_PAUSED = "SELECT rule_key FROM rules.pause WHERE effective @> CAST(:day AS date) AND upper_inf(recorded)"
_OWN = "SELECT rule_key, parameters FROM rules.rules_on(:day)"

OPEN = ("draft", "in review", "approved")
"""The states of a change that is not published."""


class Drafts:
    """
    What the changes of a database's tenant would make of its rules.

    Raises:
        RunRefused: From every method, if the database cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._engine, self.book = connected(url), ChangeBook(url)

    def chosen(self, change: int | None) -> Standing:
        """
        The change of a number; without one the only one that is not published.

        Raises:
            RunRefused: If there is none, it is published or given up, or there are several to choose from.
        """
        if change is not None:
            found = self.book.standing(change)
            if found is None:
                raise RunRefused(Fault(f"Change {change}", "there is none.", "`rules change list` lists them."))
            if found.state not in OPEN:
                what = f"it is {found.state}, so there is nothing to plan: a plan is of what is not published."
                raise RunRefused(Fault(f"Change {change}", what, "`rules change list` says which are drafts."))
            return found
        waiting = [each for each in self.book.standings() if each.state in OPEN and (each.rules or each.policies)]
        if len(waiting) != 1:
            named = ", ".join(f"{each.change_id} ({each.title})" for each in waiting)
            what = f"there are several: {named}." if waiting else "there is none that is not published."
            remedy = "Say which: --change N." if waiting else "Draft one: `rules rules edit KEY`, or name a --file."
            raise RunRefused(Fault("Changes", what, remedy))
        return waiting[0]

    def first_day(self, change: int, day: date) -> date:
        """The day itself, where the change says something of it; else the first later day of which it does."""
        edited = self.book.drafts(change)
        with snapshot(self._engine) as connection:
            begun = [*connection.execute(text(_POLICY_DAYS), {"change": change}).scalars()]
        later = [first for first in (*(v.effective.first for v in edited), *begun) if first > day]
        now = any(v.effective.covers(day) for v in edited) or any(first <= day for first in begun)
        return day if now or not later else min(later)

    def rule_set(self, change: Standing, before: RuleSet, day: date) -> RuleSet:
        """The rules in force on a day, ``before``, as they would be were the change published."""
        with snapshot(self._engine) as connection:
            known = {"change": change.change_id, "day": day}
            policies = [dict(row) for row in connection.execute(text(_POLICIES), known).mappings()]
            paused = {row["rule_key"] for row in connection.execute(text(_PAUSED), known).mappings()}
            own = {row["rule_key"]: row["parameters"] for row in connection.execute(text(_OWN), known).mappings()}
        keys = {*(change.rules or "").split(", ")}
        drafted = [v for v in self.book.timelines(change.change_id) if v.effective.covers(day) and v.key not in paused]
        shared = {p["key"]: decode_parameter(p["content"]["value"]) for p in policies if p["object"] == "parameter"}
        kept = (_with(v, shared, own.get(v.key, {})) for v in before.versions if v.key not in keys)
        drafted_types = (p["content"] for p in policies if p["object"] == "membership type")
        types = all_of(type_of, drafted_types, "Membership type")
        lists, _ = self.book.lists(change.change_id)
        return replace(
            before,
            versions=(*kept, *(replace(v, version=_number(v, before)) for v in drafted)),
            membership_types=policies_on(day, (*before.membership_types, *types)),
            reference_lists=lists,
        )


def of_file(before: RuleSet, versions: Iterable[RuleVersion], types: Iterable[MembershipType], day: date) -> RuleSet:
    """The rules in force on a day as they would be were those of a file published; rules that it does not name stay."""
    said = {key: timeline for key, timeline in by_key(tuple(versions)).items() if timeline[0].effective.first <= day}
    kept = (v for v in before.versions if v.key not in said)
    drafted = (v for timeline in said.values() for v in timeline if v.effective.covers(day))
    numbered = tuple(replace(v, version=_number(v, before)) for v in drafted)
    return replace(
        before, versions=(*kept, *numbered), membership_types=policies_on(day, (*before.membership_types, *types))
    )


def first_day_of(versions: Iterable[RuleVersion], types: Iterable[MembershipType], day: date) -> date:
    """The day itself, where a file says something of it; else the first later day of which it does."""
    firsts = [
        *(v.effective.first for v in versions),
        *(m.effective_from for m in types if m.effective_from != BEGINNING),
    ]
    return day if not firsts or min(firsts) <= day else min(firsts)


def _number(version: RuleVersion, before: RuleSet) -> int:
    """A wording that is in force keeps its number, another would get the next."""
    known = next((v for v in before.versions if v.key == version.key), None)
    if known is None:
        return 1
    same = replace(version, version=known.version).content() == known.content()
    return known.version if same else known.version + 1


def _with(version: RuleVersion, shared: Mapping[str, Any], own: Mapping[str, Any]) -> RuleVersion:
    """The version with drafted values of the shared parameters that it takes, and does not give itself."""
    taken = {name: shared[name] for name in version.parameters if name in shared and name not in own}
    return replace(version, parameters={**version.parameters, **taken}) if taken else version
