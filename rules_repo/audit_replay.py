"""
The entries of the audit played again, in order: what nothing but tampering can have written is a fault.

Of a row only a digest is kept and which entry spoke of it last, so that a long chain needs little memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from rules_repo.audit_chain import Said, parsed
from rules_repo.audit_clocks import brake_fault, moment, opening_fault, same_row, update_fault
from rules_repo.audit_faults import BACKUP, Findings
from rules_repo.audit_lives import STAMPS, Lives
from rules_repo.audit_tables import CLOCKS, EVIDENCE, KEPT, WATCHED, Watched

Key = tuple[str, str]
"""Relation and key of a row, as text."""

AGAIN = timedelta(days=1)
"""How soon the number of a transaction cannot be another transaction: on another server numbers begin anew."""

ODD = (AttributeError, KeyError, TypeError, ValueError)
"""What values of other types lead to: whoever forges an entry does not end the proof by it."""

SHARED = {"category", "rule_type", "reason_code"}
"""What was common to all tenants before 0003."""

OLDER = SHARED | {
    "tenant",
    "membership_type_identity",
    "membership_type_version",
    "rule_identity",
    "rule_version",
    "rule_period",
}
"""Tables that held rows before there was an audit, and before there were changes."""


def digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


@dataclass(slots=True)
class Transaction:
    """The entries of one transaction: what is judged once all of them are read."""

    number: str
    first: int
    since: str
    baselines: list[tuple[Said, bool]] = field(default_factory=list)
    migrated: set[tuple[str, str]] = field(default_factory=set)
    revision: str = ""


class Replay:
    """
    What the entries say there is; ``stored`` gives an earlier entry's row by position.

    ``newest`` is the newest transaction but migrations: the one that the database says it gave a moment to.
    """

    def __init__(self, findings: Findings, stored: Callable[[int], dict[str, Any] | None], whole: bool) -> None:
        self.rows: dict[Key, tuple[bytes, int]] = {}
        self.catalogue = ""
        self.newest = "0"
        self._findings = findings
        self._stored = stored
        self._whole = whole
        self.revision = min(WATCHED)
        self.last = ""
        self._ended: dict[str, str] = {}
        self._now = Transaction("", 0, "")
        self._lives = Lives(self._fault)

    def play(self, entries: Iterator[Said]) -> None:
        """Judge every entry, and every transaction after its last one."""
        for said in entries:
            if said.transaction != self._now.number:
                self._end()
                self._begin(said)
            if said.at < self.last:
                self._fault(said, "its time lies before that of the entry before it.")
            self.last = max(said.at, self.last)
            self._entry(said)
        self._end()

    def _fault(self, said: Said, what: str, remedy: str = BACKUP) -> None:
        self._findings.add(f"Entries of {said.relation}", f"Audit entry {said.position}", f"{what} ({said})", remedy)

    def _begin(self, said: Said) -> None:
        ended = self._ended.get(said.transaction)
        if ended and _soon(ended, said.at):
            self._fault(said, f"its transaction {said.transaction} had ended: entries of others stand between.")
        self._now = Transaction(said.transaction, said.position, self.last)
        self._lives.begin(self.revision, self.last)

    def _end(self) -> None:
        if not self._now.number:
            return
        self._ended[self._now.number] = self.last
        try:
            self._judge_baselines()
            self._lives.end(self._now.number)
        except ODD:
            self._findings.add(
                "The chain", f"Transaction {self._now.number}", "its entries hold values that no row has."
            )
        if self._now.revision:
            self.revision = self._now.revision
        elif self.revision >= "0003":
            self.newest = self._now.number

    def _entry(self, said: Said) -> None:
        try:
            self._judge(said)
        except ODD:
            self._fault(said, "it holds values that no such row has.")

    def _judge(self, said: Said) -> None:
        if said.relation == "schema_version":
            self._migration(said)
            return
        table = self._table(said)
        if table is None:
            self._fault(said, "it is of a table that the audit does not watch, or has other columns.")
            return
        if fault := _label_fault(said, table) or (_reason_fault(said) if self.revision >= "0003" else ""):
            self._fault(said, fault)
        if fault := self._step(said) or _stamp_fault(said) or _time_fault(said) or _clock_fault(said, self.revision):
            self._fault(said, fault)
        elif said.operation in ("INSERT", "UPDATE", "DELETE", "BASELINE"):
            self._lives.entry(said)
        self._keep(said)

    def _migration(self, said: Said) -> None:
        row = said.after or {}
        if said.operation != "MIGRATION" or set(row) != {"version_num", "catalogue"} or said.before is not None:
            self._fault(said, "it is no entry that a migration writes.")
        elif row["version_num"] not in WATCHED or row["version_num"] <= self.revision:
            self._fault(said, f"there is no migration to {row['version_num']} after {self.revision}.")
        else:
            self._now.revision, self.catalogue = row["version_num"], str(row["catalogue"])

    def _table(self, said: Said) -> Watched | None:
        """The table as the revision has it; a migration tells of what it found and of what it made."""
        either = said.operation in ("BASELINE", "MIGRATED") or self._now.revision
        for revision in sorted(WATCHED) if either else [self.revision]:
            table = WATCHED[revision].get(said.relation)
            if table and all(row is None or row.keys() == table.columns.keys() for row in (said.before, said.after)):
                return table
        return None

    def _step(self, said: Said) -> str:
        """What is wrong with an operation upon the row as it was."""
        known = self.rows.get((said.relation, self._key(said)))
        if (said.before is not None, said.after is not None) != SHAPES.get(said.operation):
            return "an entry of this operation says something else of before and after."
        if said.operation == "BASELINE":
            self._now.baselines.append((said, known is not None))
            return "" if known is None or self._restated(said, known[1]) else "the row was another one."
        if said.operation == "INSERT":
            return "the row was there already." if known else ""
        if said.relation in FORBIDDEN.get(said.operation, ()):
            return f"such a row is never {'changed' if said.operation == 'UPDATE' else 'removed'}."
        if known is None or (known[0] != digest(said.before_text or "") and not self._written_alike(said, known[1])):
            return f"the row was another one before{f': entry {known[1]} says what it was' if known else ''}."
        if said.operation == "MIGRATED":
            self._now.migrated.add((said.relation, _content(said.before)))
        return ""

    def _key(self, said: Said) -> str:
        """The key of the row before, which whoever owns the tables may change of a category or of a login."""
        table = WATCHED[self.revision].get(said.relation)
        if table is None or said.operation != "UPDATE" or said.before is None or said.relation in KEPT:
            return said.row_key
        key = sorted(table.key, key=lambda name: (len(name), name))
        return json.dumps({name: said.before[name] for name in key}, ensure_ascii=False)

    def _written_alike(self, said: Said, position: int) -> bool:
        """Whether the row is the one that an entry left, its days written in another style."""
        there = self._stored(position)
        return self.revision < "0003" and there is not None and same_row(there, said.before or {})

    def _restated(self, said: Said, position: int) -> bool:
        there, now = self._stored(position), said.after or {}
        if there is None:
            return False
        common = there.keys() & now.keys()
        return same_row({k: there[k] for k in common}, {k: now[k] for k in common})

    def _keep(self, said: Said) -> None:
        key = (said.relation, said.row_key)
        if said.operation == "UPDATE":
            self.rows.pop((said.relation, self._key(said)), None)
        if said.after_text is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = (digest(said.after_text), said.position)

    def _judge_baselines(self) -> None:
        """Only a migration says what was there before: before the audit, or before its own change of the columns."""
        now = self._now
        for said, known in now.baselines:
            row = said.after or {}
            first = now.first == 1 and said.relation in OLDER and row.get("change_id") is None
            twin = not self._whole or (said.relation, _content(row)) in now.migrated
            moved = said.relation in SHARED and twin
            if not first and not (now.revision and (known or moved)):
                self._fault(said, "it says what was there before, and no migration wrote it.")
        if now.migrated and not now.revision:
            self._findings.add(
                "The chain", f"Transaction {now.number}", "it says what a migration moved, and none did."
            )


def _soon(one: str, other: str) -> bool:
    earlier, later = moment(one), moment(other)
    return earlier is not None and later is not None and later - earlier < AGAIN


SHAPES = {
    "INSERT": (False, True),
    "UPDATE": (True, True),
    "DELETE": (True, False),
    "BASELINE": (False, True),
    "MIGRATED": (True, False),
}
"""Which of before and after an operation has."""

TIMES = {
    "approval": ("approved_at",),
    "change": ("created_at", "moved_at"),
    "check_result": ("checked_at",),
    "governance": ("set_at",),
    "plan_result": ("planned_at",),
    "release": ("released_at",),
    "rule_version": ("created_at",),
}
"""By table, the columns that say when something was done."""

FORBIDDEN: Mapping[str, set[str]] = {"UPDATE": EVIDENCE, "DELETE": KEPT}


def _content(row: Mapping[str, Any] | None) -> str:
    return json.dumps({k: v for k, v in (row or {}).items() if k != "tenant"}, sort_keys=True)


def _label_fault(said: Said, table: Watched) -> str:
    row = said.row
    if parsed(said.row_key) != {name: row[name] for name in table.key}:
        return "its key is not that of the row it tells of."
    if said.before and said.after and said.relation in KEPT and any(said.before[k] != said.after[k] for k in table.key):
        return "the key of the row was changed."
    whose = row["key"] if said.relation == "tenant" else row.get("tenant")
    return "" if said.tenant == whose else f"it is filed under the tenant {said.tenant}, and the row is of {whose}."


def _reason_fault(said: Said) -> str:
    """Since 0003 no session says why: the row does, or its change."""
    why = said.row.get("ended_because") or said.row.get("reason")
    return "" if not why or said.operation == "MIGRATED" or said.reason == why else "its reason is not that of its row."


def _stamp_fault(said: Said) -> str:
    stamp = STAMPS.get(said.relation)
    if stamp is None or said.operation != "INSERT" or said.row[stamp] == said.login:
        return ""
    return f"its row says that {said.row[stamp]} did it, and {said.login} did."


def _time_fault(said: Said) -> str:
    times = TIMES.get(said.relation, ()) if said.operation in ("INSERT", "UPDATE") else ()
    for name in times:
        done, committed = moment(str(said.row[name])), moment(said.at)
        if done and committed and done > committed:
            return f"its {name} is {said.row[name]}, after it was committed."
    return ""


def _clock_fault(said: Said, revision: str) -> str:
    if said.relation not in CLOCKS or said.operation not in ("INSERT", "UPDATE"):
        return ""
    if said.operation == "UPDATE":
        return update_fault(said.before or {}, said.row, said.transaction, said.login)
    braked = said.relation in ("rule_pause", "release_freeze") and revision >= "0003"
    return opening_fault(said.row, said.transaction, said.login) or (brake_fault(said.row) if braked else "")
