"""
The story of one rule, type, parameter or list, told from the audit: who drafted, checked, approved, published or paused
it, when and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import text

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.canonical import canonical_json
from rules_repo.changes import Difference
from rules_repo.connection import connected, snapshot

Row = Mapping[str, Any]

UNSAID = {"id", "change_id", "rule_id", "tenant", "version", "derived_from", "edited", "content_hash"}
"""Columns of a draft that are of the database and nothing that a rule says."""

MOVES = {
    ("draft", "in review"): "handed in",
    ("approved", "scheduled"): "published",
    ("draft", "scheduled"): "published without approval",
    ("in review", "draft"): "it became a draft again",
    ("approved", "draft"): "edited again: its approvals are void",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one login did to a rule in one commit, and the fields that it changed; ``change`` may be 0."""

    at: datetime
    login: str
    what: str
    change: int
    reason: str
    fields: tuple[Difference, ...] = ()


def story(url: str, name: str) -> tuple[Step, ...]:
    """
    Every step of the life of what has this name, oldest first.

    Raises:
        RunRefused: If the audit knows nothing of that name, or the database cannot be reached.
    """
    with snapshot(connected(url)) as connection:
        entries = [dict(row) for row in connection.execute(text(_ENTRIES), {"name": name}).mappings()]
    if not entries:
        what = "the audit knows no rule, membership type, parameter or reference list of that name."
        raise RunRefused(Fault(f"Name {name}", what, "`rules list` lists the rules."))
    return tuple(_steps(entries, name))


_ENTRIES = """
    WITH rule AS (SELECT id::text FROM rules.rule_identity WHERE key = :name),
    entry AS (SELECT *, coalesce(after, before) AS row FROM rules.audit_entry),
    policy AS (SELECT * FROM entry
        WHERE relation = 'draft_policy' AND :name IN (row ->> 'key', row -> 'content' ->> 'key')),
    changes AS (SELECT row ->> 'change_id' AS id FROM policy UNION SELECT row ->> 'change_id' FROM entry
        WHERE relation = 'draft_rule' AND row ->> 'rule_id' IN (SELECT id FROM rule))
    SELECT e.at, e.login, e.transaction, e.relation, e.operation, e.before, e.after, e.reason
    FROM entry AS e
    WHERE e.relation IN ('draft_row', 'rule_pause') AND e.row ->> 'rule_id' IN (SELECT id FROM rule)
        OR e.relation = 'draft_policy' AND e.position IN (SELECT position FROM policy)
        OR e.relation = 'change' AND e.row ->> 'id' IN (SELECT id FROM changes)
        OR e.relation IN ('approval', 'check_result', 'plan_result')
            AND e.after ->> 'change_id' IN (SELECT id FROM changes)
    ORDER BY e.position
"""


@dataclass(slots=True)
class _Drafts:
    """The rows of the drafts of one thing by change, and those that were published last."""

    which: str
    rows: dict[int, dict[int, Row]] = field(default_factory=dict)
    published: tuple[Row, ...] = ()

    def edited(self, change: int, entries: Iterable[Row]) -> tuple[Difference, ...]:
        """Take in the entries of one commit about the rows of a change, and say what they made of the rule."""
        there = self.rows.setdefault(change, {})
        before = list(there.values()) or list(self.published)
        for entry in entries:
            row = entry["row"]
            if entry["operation"] == "DELETE":
                there.pop(row["id"], None)
            else:
                there[row["id"]] = row
                if not row["edited"] and not any(_same(row, known) for known in before):
                    before.append(row)  # as it is published
        return tuple(d for row in there.values() for d in self._differences(_counterpart(row, before), row)) + tuple(
            d
            for row in before
            if not any(_counterpart(after, [row]) for after in there.values())
            for d in self._differences(row, None)
        )

    def _differences(self, was: Row | None, becomes: Row | None) -> Iterator[Difference]:
        before, after = _said(was), _said(becomes)
        for name in sorted({*before, *after}):
            one = before.get(name, "") if was else None
            other = after.get(name, "") if becomes else None
            if one != other and (one or other):
                yield Difference(self.which, (becomes or was or {})["effective"], name, one, other)


def _same(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in set(one) - UNSAID)


def _counterpart(row: Row, among: Iterable[Row]) -> Row | None:
    """The row that another one takes the place of: made of the same period, or from the same day on."""
    first = row["effective"].partition(",")[0]
    alike = (r for r in among if r["derived_from"] == row["derived_from"] is not None)
    return next(alike, None) or next((r for r in among if r["effective"].partition(",")[0] == first), None)


def _said(row: Row | None) -> dict[str, str]:
    """What a draft says, field by field as text; nothing of no draft."""
    if row is None:
        return {}
    said = {name: _shown(value) for name, value in row.items() if name not in UNSAID | {"effective"}}
    if not row["effective"]:
        return said
    first, end = row["effective"].strip("[)").split(",")
    return said | {"effective_from": first, "effective_to": end}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical_json(value)


def _steps(entries: Iterable[Row], name: str) -> Iterator[Step]:
    drafts: dict[str, _Drafts] = {}
    for _, several in groupby(entries, key=lambda e: e["transaction"]):
        commit = list(several)
        edits: dict[tuple[int, str], list[Row]] = {}
        for entry in commit:
            if entry["relation"] in ("draft_row", "draft_policy"):
                which, row = _drafted(entry, name)
                edits.setdefault((row["change_id"], which), []).append({**entry, "row": row})
        for (change, which), about in edits.items():
            of = drafts.setdefault(which, _Drafts(which))
            known = bool(of.rows.get(change))
            changed = of.edited(change, about)
            if known and not of.rows[change]:
                yield Step(about[0]["at"], about[0]["login"], "took its draft back", change, "")
            elif changed:
                what = "amended its draft" if known else "drafted it"
                yield Step(about[0]["at"], about[0]["login"], what, change, "", changed)
        if pauses := [entry for entry in commit if entry["relation"] == "rule_pause"]:
            yield _paused(pauses)
        rejected = {_row(e)["change_id"] for e in commit if e["relation"] == "approval" and not _row(e)["granted"]}
        for entry in commit:
            if entry["relation"] != "change" or _row(entry)["id"] not in rejected:  # the verdict says that it moved
                yield from _moved(entry, drafts.values())


def _row(entry: Row) -> Row:
    return entry["after"] or entry["before"]  # type: ignore[no-any-return]


def _drafted(entry: Row, name: str) -> tuple[str, Row]:
    """Of what an entry about a draft tells, and its row: a policy or shared value becomes one like a rule's."""
    row = _row(entry)
    if entry["relation"] == "draft_row":
        return f"rule {name}", row
    of_rule = {"id": 0, "change_id": row["change_id"], "derived_from": None, "edited": True, "effective": ""}
    return f"{row['object']} {row['key']}", {**row["content"], **of_rule}


def _paused(entries: list[Row]) -> Step:
    """A pause as it is recorded at last; one that was closed before its time was ended."""
    first, rows = entries[0], {_row(entry)["id"]: _row(entry) for entry in entries}
    ended = any(row["closed_by"] for row in rows.values())
    days = next((row["effective"] for row in rows.values() if not row["closed_by"]), "")
    what = "ended its pause" if ended else f"paused it, {days}"
    return Step(first["at"], first["login"], what, 0, next(iter(rows.values()))["reason"])


def _moved(entry: Row, drafts: Iterable[_Drafts]) -> Iterator[Step]:
    """What an entry of a change, a check or a verdict says of what the story is of, while the change holds it."""
    row, was, who = _row(entry), entry["before"] or {}, (entry["at"], entry["login"])
    change: int = row["id"] if entry["relation"] == "change" else row.get("change_id", 0)
    held = [each for each in drafts if each.rows.get(change)]
    if not held:
        return
    match entry["relation"]:
        case "change" if was and was["state"] != row["state"]:
            if row["state"] == "scheduled":
                for each in held:
                    each.published = tuple(each.rows[change].values())
            if row["state"] != "approved":  # the approval says it
                what = MOVES.get((was["state"], row["state"]), f"moved it to '{row['state']}'")
                yield Step(*who, what, change, row["reason"])
        case "approval":
            yield Step(*who, "approved" if row["granted"] else "rejected", change, row["reason"])
        case "check_result":
            what = f"checked: {'passed' if row['passed'] else 'failed'}"
            yield Step(*who, what, change, row["findings"])
        case "plan_result":
            yield Step(*who, "planned", change, str(row["said"].get("words", "")))
