"""One change as the audit tells of it: its authors, checks, approvals and drafts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from rules_repo.audit_chain import Said

SEEN = timedelta(seconds=20)
"""How long after its moment a commit may come to be seen by statements of others."""


class Asked(NamedTuple):
    """What an approval needs from a moment on."""

    since: datetime | None
    approvals: int = 1
    plan_days: int = 0
    without_spark: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check or an approval: whose, of which edition and content, and written under which revision."""

    good: bool
    login: str
    number: int | None
    edition: int
    hash: str
    revision: str
    asked_spark: bool = True

    @classmethod
    def read(cls, row: Mapping[str, Any], good: str, who: str, revision: str) -> Verdict:
        number = row.get(f"{who}_id")
        asked = row.get("spark_version", "unsaid") != ""
        return cls(row[good], row[who], number, row["edition"], row["content_hash"], revision, asked)


@dataclass(slots=True)
class Change:
    """A change at one point of the chain; rows of its drafts are kept by rule, with days and content hash."""

    number: int
    tenant: str
    state: str
    edition: int
    edited_in: str = ""
    released_in: str = ""
    authors: dict[str, int | None] = field(default_factory=dict)
    checks: dict[int, Verdict] = field(default_factory=dict)
    approvals: dict[int, Verdict] = field(default_factory=dict)
    rows: dict[int, dict[str, tuple[str, str]]] = field(default_factory=dict)
    policies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    rules: set[int] = field(default_factory=set)
    plans: dict[int, str] = field(default_factory=dict)
    """The content that each plan is of."""

    def follow(self, row: Mapping[str, Any]) -> None:
        self.state, self.edition = row["state"], row["edition"]
        self.edited_in, self.released_in = str(row["edited_in"]), str(row["released_in"])

    def forget(self) -> None:
        """What was published or withdrawn is edited no more."""
        self.checks, self.approvals, self.rows, self.policies, self.rules = {}, {}, {}, {}, set()

    def wrote(self, verdict: Verdict) -> bool:
        return verdict.login in self.authors or (verdict.number is not None and verdict.number in self.authors.values())

    def standing(self) -> list[Verdict]:
        """The approvals that count: of this edition, not by an author, of each person one, none before a rejection."""
        found: dict[object, Verdict] = {}
        for _, verdict in sorted(self.approvals.items()):
            if not verdict.good:
                found = {}
            elif verdict.edition == self.edition and not self.wrote(verdict):
                found.setdefault(verdict.number or verdict.login, verdict)
        return list(found.values())

    def approvers(self) -> list[str]:
        return sorted(verdict.login for verdict in self.standing())

    def checked(self, content: str, revision: str, *, without_spark: bool) -> bool:
        """Whether the checks of a content let it be approved; since 0004 one has asked Spark, where that is needed."""
        newest: dict[str, Verdict] = {}
        for _, verdict in sorted(self.checks.items()):
            if verdict.edition == self.edition and (verdict.hash == content or verdict.revision != revision):
                newest.pop(verdict.login, None)
                newest[verdict.login] = verdict
        foreign = [verdict for verdict in newest.values() if not self.wrote(verdict)]
        if revision < "0003":
            return bool(foreign) and foreign[-1].good
        enough = any(without_spark or revision < "0004" or verdict.asked_spark for verdict in foreign)
        return enough and all(verdict.good for verdict in newest.values())

    def draft(self, said: Said) -> None:
        """Take a draft in, or out."""
        row = said.row
        gone = said.after is None
        if said.relation == "draft_rule":
            (self.rules.discard if gone else self.rules.add)(row["rule_id"])
        elif said.relation == "draft_policy":
            if gone:
                self.policies.pop((row["object"], row["key"]), None)
            else:
                self.policies[row["object"], row["key"]] = row["content"]
        elif gone:
            self.rows.get(row["rule_id"], {}).pop(said.row_key, None)
        else:
            self.rows.setdefault(row["rule_id"], {})[said.row_key] = (row["effective"], row["content_hash"])
