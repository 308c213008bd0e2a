"""The life of changes in memory: what the database must agree with, move by move, and models that are wrong on purpose."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

Row = tuple[int, date, date | None, int | None]
"""Weight, first day, end day, and the version it is known as: None for a new wording."""
Timeline = tuple[Row, ...]
Numbered = tuple[str, int, int]
"""Key, version, weight."""


class Refused(Exception):
    """The model's refusal of a move."""


def must(holds: bool) -> None:
    if not holds:
        raise Refused


@dataclass
class Change:
    authors: set[str]
    state: str = "draft"
    checked: bool = False
    reasoned: bool = False
    drafts: dict[str, Timeline] = field(default_factory=dict)
    edits: dict[str, Row] = field(default_factory=dict)


def written(row: Row, named: Mapping[str, int | date | None]) -> Row:
    """The row with the columns that an update gives values."""
    columns = dict(zip(("weight", "effective_from", "effective_to"), row, strict=False)) | named
    return (*columns.values(), row[3])  # type: ignore[return-value]


class Model:
    """Rules with a weight each, changes by number as the database gave it, and what was known at each moment."""

    def __init__(self) -> None:
        self.known: dict[str, Timeline] = {}
        self.newest: dict[str, int] = {}
        self.moments: list[tuple[object, dict[str, Timeline]]] = []
        self.changes: dict[int, Change] = {}

    def holder(self, key: str) -> int | None:
        open_ones = ("draft", "in review", "approved")
        return next((n for n, c in self.changes.items() if key in c.drafts and c.state in open_ones), None)

    def edit(self, login: str, key: str, named: Mapping[str, int | date | None]) -> bool:
        """UPDATE of ``named`` columns of the row without an end; False where nothing is to be drafted."""
        old = next((row for row in self.known.get(key, ()) if row[2] is None), None)
        if old is None:
            return False
        new = written(old, named)
        must(new[2] is None or new[2] > new[1])
        holder = self.holder(key)
        earlier = self.changes[holder].edits.get(key) if holder else None
        if new == old and earlier in (None, old):
            return False
        must(holder is None or login in self.changes[holder].authors)
        if earlier:
            new = written((*earlier[:3], old[3]), named)
            must(new[2] is None or new[2] > new[1])
        reworded = new[0] != old[0]
        new = (*new[:3], None if reworded else old[3])
        kept = [(old[0], old[1], new[1], old[3])] if reworded and new[1] > old[1] else []
        there = self.changes[holder].drafts[key] if holder else self.known[key]
        gone = [old, earlier, earlier and (old[0], old[1], earlier[1], old[3])]
        rows = [row for row in there if row not in gone] + kept + [new]
        ordered = sorted(rows, key=lambda row: row[1])
        must(all(a[2] is not None and a[2] <= b[1] for a, b in itertools.pairwise(ordered)))
        self._drafted(login, key, tuple(ordered), new)
        return True

    def insert(self, login: str, key: str, row: Row) -> bool:
        holder = self.holder(key)
        must(holder is None or login in self.changes[holder].authors)
        timeline = self.changes[holder].drafts[key] if holder else self.known.get(key, ())
        known = (*self.known.get(key, ()), *([self.changes[holder].edits.get(key)] if holder else []))
        timeline = tuple(r for r in timeline if r in known or r[1] != row[1])
        must(all((r[2] or date.max) <= row[1] or (row[2] or date.max) <= r[1] for r in timeline))
        self._drafted(login, key, (*timeline, row), None)
        return True

    def _drafted(self, login: str, key: str, timeline: Timeline, edited: Row | None) -> None:
        """The change the edit goes to: the one that holds the rule, else the login's newest draft, else a new one."""
        number = self.holder(key)
        if number is None:
            mine = [n for n, c in self.changes.items() if c.state == "draft" and self.begun_by(n) == login]
            number = max(mine, default=None)
        if number is None:
            number = max(self.changes, default=0) + 1
            self.changes[number] = Change({login})
            self.begun[number] = login
        change = self.changes[number]
        change.authors.add(login)
        change.drafts[key] = timeline
        if edited:
            change.edits[key] = edited
        self.void(change)

    @property
    def begun(self) -> dict[int, str]:
        return self.__dict__.setdefault("_begun", {})

    def begun_by(self, number: int) -> str:
        return self.begun[number]

    def void(self, change: Change) -> None:
        change.state, change.checked = "draft", False

    def submit(self, login: str, number: int) -> None:
        """Who gives it its reason is one of its authors, and another reason is another content."""
        change = self.changes[number]
        must(change.state == "draft")
        if not change.reasoned:
            change.reasoned, change.checked = True, False
            change.authors.add(login)
        change.state = "in review"

    def check(self, login: str, number: int) -> None:
        if login not in self.changes[number].authors:
            self.changes[number].checked = True

    def approve(self, login: str, number: int) -> None:
        change = self.changes[number]
        must(change.state == "in review" and self.may_approve(login, change) and change.checked)
        change.state = "approved"

    def may_approve(self, login: str, change: Change) -> bool:
        return login not in change.authors

    def reject(self, login: str, number: int) -> None:
        change = self.changes[number]
        must(change.state in ("in review", "approved") and login not in change.authors)
        self.void(change)

    def withdraw(self, login: str, number: int) -> None:
        change = self.changes[number]
        must(login in change.authors and change.state in ("draft", "in review", "approved"))
        change.state = "withdrawn"

    def schedule(self, number: int) -> None:
        change = self.changes[number]
        must(change.state == "approved")
        change.state = "scheduled"
        for key, timeline in change.drafts.items():
            fresh: dict[int, int] = {}
            for weight, _, _, version in sorted(timeline, key=lambda row: row[1]):
                if version is None and weight not in fresh:
                    self.newest[key] = fresh[weight] = self.newest.get(key, 0) + 1
            self.known[key] = tuple((*row[:3], row[3] or fresh[row[0]]) for row in timeline)

    def note(self, moment: object) -> None:
        """Remember what is known at a moment of the database's clock."""
        self.moments.append((moment, dict(self.known)))

    def rule_set(self, day: date, moment: int) -> list[Numbered]:
        state = self.moments[moment][1]
        return sorted((k, r[3] or 0, r[0]) for k, rows in state.items() for r in rows if self.covers(r, day))

    def covers(self, row: Row, day: date) -> bool:
        return row[1] <= day and (row[2] is None or day < row[2])


class ApprovalsOutliveEdits(Model):
    """Forgets that an edit voids an approval."""

    def void(self, change: Change) -> None:
        change.checked = change.state == "approved"


class AuthorsApprove(Model):
    """Lets an author approve."""

    def may_approve(self, login: str, change: Change) -> bool:
        return True


class EndsIncluded(Model):
    """Takes the end for a day that counts."""

    def covers(self, row: Row, day: date) -> bool:
        return row[1] <= day and (row[2] is None or day <= row[2])


class OneClock(Model):
    """Answers what is known now, whatever moment is asked about."""

    def rule_set(self, day: date, moment: int) -> list[Numbered]:
        return super().rule_set(day, -1)
