"""The life of changes in the audit: who edited, checked, approved and published them, judged again entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rules_repo.audit_chain import Said
from rules_repo.audit_change import SEEN, Asked, Change, Verdict
from rules_repo.audit_clocks import moment
from rules_repo.audit_published import Published

STAMPS = {
    "approval": "approver",
    "change": "author",
    "change_author": "login",
    "check_result": "checked_by",
    "governance": "set_by",
    "plan_result": "planned_by",
    "release": "released_by",
    "rule_version": "created_by",
}
"""By table, the column that names who wrote the row."""

DRAFTS = {"draft_rule", "draft_row", "draft_policy"}
OPEN = {"draft", "in review", "approved"}
MOVES = {("draft", "in review"), ("in review", "approved"), ("approved", "scheduled")} | {
    (state, "withdrawn") for state in OPEN
}
BACK = {("in review", "draft"), ("approved", "draft")}
FACTS = ("id", "tenant", "author", "created_at")

Tell = Callable[[Said, str], None]


class Lives:
    """All changes as the entries tell of them; faults go to ``tell``."""

    def __init__(self, tell: Tell) -> None:
        self.changes: dict[int, Change] = {}
        self._tell = tell
        self._needed: dict[str, list[int]] = {}
        self._proposed: dict[str, tuple[int, str]] = {}
        self._planning: dict[str, int] = {}
        self._without_spark: dict[str, bool] = {}
        self._asked: dict[str, list[Asked]] = {}
        self._published = Published(tell)
        self._edits: dict[int, Said] = {}
        self._releases: dict[int, Said] = {}
        self._over: set[int] = set()
        self._revision = ""
        self._judges: Mapping[str, Callable[[Said], None]] = {
            "approval": self._approval,
            "change": self._change,
            "change_author": self._author,
            "check_result": self._check,
            "governance": self._governance,
            "plan_result": self._plan,
            "release": self._release,
            "tenant": self._tenant,
            **dict.fromkeys(DRAFTS, self._draft),
        }

    def begin(self, revision: str, since: str) -> None:
        self._revision = revision
        self._published.begin(revision, since)

    def entry(self, said: Said) -> None:
        judge = self._judges.get(said.relation)
        if judge:
            judge(said)
        else:
            self._published.entry(said)

    def end(self, transaction: str) -> None:
        """What must hold once a transaction is whole."""
        for number, said in self._edits.items():
            self._judge_edit(number, said, transaction)
        for number, said in self._releases.items():
            if number not in self._published.released:
                self._tell(said, "it records a publication that did not happen.")
        for change, said in self._published.released.values():
            self._judge_release(change, said)
        self._published.end()
        for number in self._over:
            self.changes[number].forget()
        self._edits, self._releases, self._over = {}, {}, set()

    def _of(self, said: Said) -> Change | None:
        change = self.changes.get(said.row["change_id"])
        if change is None:
            self._tell(said, f"it is of change {said.row['change_id']}, which there was not.")
        elif change.tenant != said.row["tenant"]:
            self._tell(said, f"it is of a change of the tenant {change.tenant}.")
        return change

    def _change(self, said: Said) -> None:
        row = said.row
        if said.operation == "INSERT":
            if row["state"] != "draft" or row["edition"] != 0 or row["released_in"] is not None:
                self._tell(said, "a change begins as a draft without edits.")
            self.changes[row["id"]] = Change(row["id"], row["tenant"], row["state"], row["edition"])
        elif said.operation == "UPDATE" and (fault := self._move_fault(said)):
            self._tell(said, fault)
        change = self.changes.setdefault(row["id"], Change(row["id"], row["tenant"], row["state"], row["edition"]))
        change.follow(row)

    def _move_fault(self, said: Said) -> str:
        was, now = said.before or {}, said.row
        move = (was["state"], now["state"])
        if was["state"] not in OPEN:
            return f"the change was {was['state']} already, and stays as it was."
        if any(was[name] != now[name] for name in FACTS) or now["edition"] < was["edition"]:
            return "who began it, when and for whom, and how often it was edited, are facts."
        if (was["title"], was["reason"]) != (now["title"], now["reason"]):
            if was["state"] != "draft":
                return "its title or its reason was rewritten after its reviewers had read it."
            self._edits.setdefault(now["id"], said)
        if move[0] == move[1]:
            same = all(was[name] == now[name] for name in ("moved_by", "moved_at", "released_in"))
            return "" if same else "who moved it was rewritten."
        return self._state_fault(said, move)

    def _state_fault(self, said: Said, move: tuple[str, str]) -> str:
        was, now = said.before or {}, said.row
        if move not in MOVES and move not in BACK:
            return f"a change that is {move[0]} does not become {move[1]}."
        if now["moved_by"] != said.login:
            return f"it says that {now['moved_by']} moved it, and {said.login} did."
        if move in BACK and self._revision >= "0003" and now["edition"] <= was["edition"]:
            return "it went back to its authors and is no new edition."
        released = said.transaction if move[1] == "scheduled" else "None"
        if str(now["released_in"]) != released:
            return f"it says that transaction {now['released_in']} published it."
        change = self.changes[now["id"]]
        if move[1] == "scheduled":
            self._published.released[change.number] = (change, said)
        if move[1] not in OPEN:
            self._over.add(change.number)
        return self._approvals_fault(change, str(now["moved_at"])) if move[1] == "approved" else ""

    def _approvals_fault(self, change: Change, moved_at: str) -> str:
        given, needed = change.approvers(), self._least(change.tenant)
        least = (
            needed if self._revision < "0003" else min(each.approvals for each in self._then(change.tenant, moved_at))
        )
        if len(given) >= min(least, needed):
            return ""
        return f"it needed {needed} approvals of people who did not write it, and it had {', '.join(given) or 'none'}."

    def _least(self, tenant: str) -> int:
        """How many approvals were needed; before 0003 what was asked could be over when it was committed."""
        values = self._needed.get(tenant, [1])
        return values[-1] if self._revision >= "0003" else min(values[-2:])

    def _then(self, tenant: str, when: str) -> list[Asked]:
        """
        What was asked when a statement was judged, and since: it may be committed when more is asked.

        A publication is judged at its commit, by what is asked then.
        """
        all_of_them, judged = self._asked.get(tenant) or [Asked(None)], moment(when)
        if judged is None:
            return all_of_them[-1:]
        later = [asked.since is not None and asked.since > judged - SEEN for asked in all_of_them]
        known = later.index(True) if True in later else len(later)
        return all_of_them[max(known - 1, 0) :] if known else [Asked(None), *all_of_them]

    def _author(self, said: Said) -> None:
        if change := self._of(said):
            change.authors[said.row["login"]] = said.row.get("login_id")

    def _draft(self, said: Said) -> None:
        change = self._of(said)
        if change is None:
            return
        if said.operation == "UPDATE" and _only_freed(said):
            if change.state in OPEN:
                self._tell(said, "a draft was closed whose change is open.")
            return
        if change.state not in OPEN:
            self._tell(said, f"the change was {change.state} already, and its drafts stay as they were.")
        if said.relation == "draft_row" and said.after is not None and said.wording != said.after["content_hash"]:
            self._tell(said, "its wording does not give its content hash.")
        self._edits[change.number] = said
        change.draft(said)

    def _judge_edit(self, number: int, said: Said, transaction: str) -> None:
        change = self.changes[number]
        if said.login not in change.authors and (said.relation != "change" or self._revision >= "0003"):
            self._tell(said, f"{said.login} edited change {number} and is not among its authors.")
        if said.relation != "change" and change.edited_in != transaction:
            self._tell(said, f"change {number} was edited and is no new edition.")

    def _check(self, said: Said) -> None:
        if change := self._of(said):
            row = said.row
            if said.operation == "INSERT" and row["edition"] != change.edition:
                self._tell(said, f"it is of edition {row['edition']}, and the change was at edition {change.edition}.")
            change.checks[row["id"]] = Verdict.read(row, "passed", "checked_by", self._revision)

    def _plan(self, said: Said) -> None:
        if change := self._of(said):
            row = said.row
            if said.operation == "INSERT" and row["edition"] != change.edition:
                self._tell(said, f"it is of edition {row['edition']}, and the change was at edition {change.edition}.")
            change.plans[row["id"]] = row["content_hash"]

    def _approval(self, said: Said) -> None:
        change = self._of(said)
        if change is None:
            return
        row = said.row
        verdict = Verdict.read(row, "granted", "approver", self._revision)
        if said.operation == "INSERT":
            only_in_review = self._revision < ("0009" if row["granted"] else "0003")
            judged = ("in review",) if only_in_review else ("in review", "approved")
            if change.state not in judged:
                self._tell(said, f"the change was {change.state}, and nothing was to be judged.")
            if row["edition"] != change.edition:
                self._tell(said, f"it is of edition {row['edition']}, and the change was at edition {change.edition}.")
            then = self._then(change.tenant, str(row["approved_at"]))
            if change.wrote(verdict):
                self._tell(said, f"{verdict.login} is an author of the change and judged it.")
            elif row["granted"] and not any(
                change.checked(verdict.hash, self._revision, without_spark=asked.without_spark) for asked in then
            ):
                self._tell(said, "no check of this content by somebody who is no author had passed.")
            elif row["granted"] and all(each.plan_days for each in then) and verdict.hash not in change.plans.values():
                self._tell(said, "its effect was to be approved, too, and nobody had planned this content.")
            if row.get("plan_id") is not None and change.plans.get(row["plan_id"]) != verdict.hash:
                self._tell(said, f"it names plan {row['plan_id']}, which is none of what it approves.")
        change.approvals[row["id"]] = verdict

    def _checked(self, change: Change, content: str) -> bool:
        return change.checked(content, self._revision, without_spark=self._without_spark.get(change.tenant, False))

    def _governance(self, said: Said) -> None:
        row, values = said.row, self._needed.setdefault(said.row["tenant"], [1])
        needed, in_force = row["approvals_needed"], row.get("in_force", True)
        proposed = self._proposed.pop(row["tenant"], None)
        if not in_force:
            self._proposed[row["tenant"]] = (needed, row["set_by"])
        elif said.operation == "INSERT" and needed < values[-1] and self._published.has_rules(row["tenant"]):
            seconded = proposed is not None and proposed[0] == needed and proposed[1] != row["set_by"]
            if needed == 0 or not seconded:
                self._tell(said, f"{values[-1]} approvals were needed, and fewer are where there are rules.")
        if in_force and said.operation == "INSERT":
            values.append(needed)
        if in_force:
            self._planning[row["tenant"]] = (row.get("plan_days") or 0) * (needed > 0)
            self._without_spark[row["tenant"]] = bool(row.get("without_spark"))
            self._asks(said, needed, row["tenant"])

    def _tenant(self, said: Said) -> None:
        """Until governance says something, a tenant needs the plans that it began with."""
        if said.operation != "DELETE" and said.row["key"] not in self._needed:
            self._planning[said.row["key"]] = said.row.get("plan_days") or 0
            self._asks(said, 1, said.row["key"])

    def _asks(self, said: Said, needed: int, whose: str) -> None:
        days, without_spark = self._planning.get(whose, 0), self._without_spark.get(whose, False)
        self._asked.setdefault(whose, []).append(Asked(moment(said.at), needed, days, without_spark))

    def _release(self, said: Said) -> None:
        if change := self._of(said):
            self._releases[change.number] = said

    def _judge_release(self, change: Change, moved: Said) -> None:
        said = self._releases.get(change.number)
        if said is None:
            self._tell(moved, "its publication is not recorded.")
            return
        row, given, needed = said.row, change.approvers(), self._least(change.tenant)
        if sorted(row["approvers"]) != sorted(given) and not self._some_left(row["approvers"], given):
            self._tell(said, f"it names {row['approvers']}, and {given} had approved.")
        if min(len(given), len(row["approvers"])) < needed:
            self._tell(said, f"it needed {needed} approvals of people who did not write it, and it had {given}.")
        if row["approvals_needed"] not in self._needed.get(change.tenant, [1]):
            self._tell(said, f"it says that {row['approvals_needed']} approvals were needed.")
        if self._revision >= "0003" and needed and not self._checked(change, row["content_hash"]):
            self._tell(said, "a check of it had not passed.")
        if any(v.hash != row["content_hash"] and v.revision == self._revision for v in change.standing()):
            self._tell(said, "what was published is not what was approved.")

    def _some_left(self, named: list[str], given: list[str]) -> bool:
        """Since 0009 the approval of one who may approve no longer is not counted; roles are not in the audit."""
        return self._revision >= "0009" and len(set(named)) == len(named) and set(named) < set(given)


def _only_freed(said: Said) -> bool:
    was, now = said.before or {}, said.row
    return was.get("open") is True and now.get("open") is False and {**was, "open": False} == now
