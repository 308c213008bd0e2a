"""Changes as the database has them: how they stand, what they change, and the moves that the login may try."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from rules_engine.errors import ChangeRefused, Fault
from rules_engine.model.canonical import ParameterValue, decode_parameter
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import RuleVersion
from rules_repo.connection import connected, snapshot, translated
from rules_repo.rows import all_of, list_of, version_of


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How a change stands: draft, in review, approved, scheduled, live, retired or withdrawn.

    ``rules`` and ``policies`` are keys with commas between; ``check_passed`` is of the newest check, None without one.
    ``checks`` is the newest check of each login, with which Spark, frames and gates it asked.
    ``plan`` is what was planned last, by whom and when, and under ``stale`` why it says nothing of now, if so.
    """

    change_id: int
    title: str
    reason: str
    author: str
    state: str
    edition: int
    content_hash: str
    created_at: datetime
    moved_by: str
    moved_at: datetime
    rules: str | None
    policies: str | None
    authors: str
    approved_by: str
    approvals_needed: int
    check_passed: bool | None
    plan: Mapping[str, Any] | None = None
    checks: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: of what, on which days, what it was and what it becomes; None for nothing."""

    object: str
    days: str | None
    field: str
    was: str | None
    becomes: str | None


_COLUMNS = """
    rule_key, 1 AS version, name, kind, membership_type, weight, category, rule_type, form, frame, sql,
        rules.with_shared(parameters, sql, (SELECT coalesce(jsonb_object_agg(q.name, q.value), '{}')
            FROM rules.parameter AS q) || (
            SELECT coalesce(jsonb_object_agg(p.key, p.content -> 'value'), '{}') FROM rules.draft_policy AS p
            WHERE p.change_id = :change AND p.object = 'parameter')) AS parameters,
        when_unknown, reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to"""

_DRAFTS = f"SELECT {_COLUMNS} FROM rules.draft WHERE change_id = :change AND edited ORDER BY row_id"

_HELD = "SELECT max(change_id) FROM rules.draft WHERE rule_key = :key"

_OWN = """SELECT change_id FROM rules.change_overview
    WHERE state = 'draft' AND session_user::text = ANY (string_to_array(authors, ', '))"""

_PUBLISHED = "SELECT r.* FROM rules.rule AS r WHERE rule_key = :key ORDER BY effective_from"

_WORDINGS = f"""
    SELECT {_COLUMNS} FROM rules.draft WHERE change_id = :change AND rule_key = :key AND edited
    UNION ALL SELECT {_COLUMNS} FROM rules.rule WHERE CAST(:change AS bigint) IS NULL AND rule_key = :key
"""


_LISTS = """
    SELECT p.key AS name, p.content -> 'columns' AS columns, p.content -> 'rows' AS rows,
        p.content ->> 'description' AS description, true AS drafted
    FROM rules.draft_policy AS p WHERE p.change_id = :change AND p.object = 'reference list'
    UNION ALL SELECT l.name, l.columns, l.rows, l.description, false FROM rules.reference_list AS l
    WHERE l.name NOT IN (SELECT key FROM rules.draft_policy WHERE change_id = :change AND object = 'reference list')
"""


class ChangeBook:
    """
    The changes of the login's tenant.

    Raises:
        RunRefused: From every method, if the database cannot be reached.
        ChangeRefused: From every method, if the database refuses, in its words.
    """

    def __init__(self, url: str) -> None:
        self._engine = connected(url)

    def standings(self) -> tuple[Standing, ...]:
        """Every change, newest first."""
        return self._standings("ORDER BY change_id DESC")

    def standing(self, change: int) -> Standing | None:
        """One change; None if there is none of that number."""
        return next(iter(self._standings("WHERE change_id = :change", change=change)), None)

    def _standings(self, which: str, **values: object) -> tuple[Standing, ...]:
        with snapshot(self._engine) as connection:
            found = connection.execute(text(f"SELECT * FROM rules.change_overview {which}"), values).mappings()
            return tuple(Standing(**row) for row in found)

    def rejections(self, change: int) -> tuple[Mapping[str, Any], ...]:
        """Who sent a change back, when and why, oldest first."""
        query = "SELECT approver, approved_at, reason FROM rules.approval WHERE change_id = :change AND NOT granted"
        with snapshot(self._engine) as connection:
            found = connection.execute(text(f"{query} ORDER BY id"), {"change": change}).mappings()
            return tuple(dict(row) for row in found)

    def diff(self, change: int) -> tuple[Difference, ...]:
        """What a change changes."""
        return self._differences("SELECT * FROM rules.diff(CAST(:change AS bigint))", change=change)

    def diff_versions(self, one: str, other: str) -> tuple[Difference, ...]:
        """The fields in which two versions, such as BOND-001/1 and BOND-001/2, differ."""
        return self._differences(
            "SELECT * FROM rules.diff(CAST(:one AS text), CAST(:other AS text))", one=one, other=other
        )

    def _differences(self, query: str, **values: object) -> tuple[Difference, ...]:
        columns = "object, period::text AS days, field, was, becomes"
        with snapshot(self._engine) as connection:
            found = connection.execute(text(query.replace("*", columns, 1)), values).mappings()
            return tuple(Difference(**row) for row in found)

    def drafts(self, change: int) -> tuple[RuleVersion, ...]:
        """The wordings that a change drafts, with the shared parameters they name; their numbers count for nothing."""
        with snapshot(self._engine) as connection:
            rows = connection.execute(text(_DRAFTS), {"change": change}).mappings()
            return all_of(version_of, [dict(row) for row in rows], "Rule")

    def timelines(self, change: int, key: str | None = None) -> tuple[RuleVersion, ...]:
        """All days that a change drafts of its rules, or of one; with those that it leaves as they are published."""
        query = f"SELECT {_COLUMNS} FROM rules.draft WHERE change_id = :change AND rule_key = coalesce(:key, rule_key)"
        with snapshot(self._engine) as connection:
            rows = connection.execute(text(query), {"change": change, "key": key}).mappings()
            return all_of(version_of, [dict(row) for row in rows], "Rule")

    def lists(self, change: int) -> tuple[tuple[ReferenceList, ...], frozenset[str]]:
        """The reference lists as they will be known once a change is published, and which of them it drafts."""
        with snapshot(self._engine) as connection:
            return self._lists(connection, change)

    def _lists(self, connection: Connection, change: int | None) -> tuple[tuple[ReferenceList, ...], frozenset[str]]:
        rows = [dict(row) for row in connection.execute(text(_LISTS), {"change": change or 0}).mappings()]
        return all_of(list_of, rows, "Reference list"), frozenset(row["name"] for row in rows if row["drafted"])

    def parameters(self) -> Mapping[str, ParameterValue]:
        """The shared parameters as known now, by name."""
        with snapshot(self._engine) as connection:
            rows = connection.execute(text("SELECT name, value FROM rules.parameter ORDER BY name")).mappings()
            return {row["name"]: decode_parameter(row["value"]) for row in rows}

    def history(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """Everything ever known of a rule, with why and by whose approval."""
        with snapshot(self._engine) as connection:
            found = connection.execute(text("SELECT * FROM rules.history(:key)"), {"key": key}).mappings()
            return tuple(dict(row) for row in found)

    def record_plan(self, change: int, saw: str, known_at: datetime, said: Mapping[str, Any]) -> str:
        """Record what a change with this content would do to everybody; ``known_at`` is when the rules were read."""
        statement = "SELECT rules.record_plan(:change, :saw, :known_at, CAST(:said AS jsonb))"
        return str(self.ask(statement, change=change, saw=saw, known_at=known_at, said=json.dumps(said)))

    def ask(self, statement: str, **values: object) -> Any:
        """Run one statement in a transaction of its own, and return its first cell."""
        with translated(self._engine), self._engine.begin() as connection:
            return connection.execute(text(statement), values).scalar()

    def draft(
        self,
        change: int | None,
        key: str,
        statement: str,
        values: Mapping[str, object],
        judge: Judge,
        begin: tuple[str, str] | None = None,
    ) -> tuple[int, int | None]:
        """
        Edit a rule within a chosen change; without it in the login's own draft of it, else in one begun with title and
        reason, else in the login's own open one.

        ``judge`` is asked about the rule's wordings as they then are; what it raises takes the edit back.

        Returns how many rows were edited, and the change that holds the draft: None where it was published at once.

        Raises:
            ChangeRefused: If the database refuses it, or the rule says just that already.
        """
        with translated(self._engine), self._engine.begin() as connection:
            own = {*connection.execute(text(_OWN)).scalars()}
            known = connection.execute(text(_PUBLISHED), {"key": key}).all()
            if (
                change is None
                and begin is not None
                and connection.execute(text(_HELD), {"key": key}).scalar() not in own
            ):
                said = dict(zip(("title", "reason"), begin, strict=True))
                change = connection.execute(text("SELECT rules.begin_change(:title, :reason)"), said).scalar_one()
            if change is not None:
                connection.execute(text("SELECT rules.work_on(:change)"), {"change": change})
            count = connection.execute(text(statement), values).rowcount
            held = connection.execute(text(_HELD), {"key": key}).scalar()
            if not count and held in {change, *own}:  # it is new in this draft
                count = connection.execute(text(statement.replace("rules.rule", "rules.draft")), values).rowcount
            if not count:
                connection.rollback()  # with the change that was begun for it
            elif held is None and connection.execute(text(_PUBLISHED), {"key": key}).all() == known:
                raise ChangeRefused(Fault(f"Rule {key}", "it says just that already.", f"`rules show {key}` shows it."))
            else:
                rows = connection.execute(text(_WORDINGS), {"change": held, "key": key}).mappings()
                judge(all_of(version_of, [dict(row) for row in rows], "Rule"), self._lists(connection, held)[0])
            return count, held


Judge = Callable[[Sequence[RuleVersion], Sequence[ReferenceList]], None]
"""Raises InvalidRule about wordings that no run would accept, under these reference lists."""
