"""What was published, in the audit: versions, periods and policies are of a change that is published with them."""

from __future__ import annotations

from collections.abc import Callable

from rules_repo.audit_chain import Said
from rules_repo.audit_change import Change
from rules_repo.audit_clocks import ends, moment, same_days
from rules_repo.audit_tables import CLOCKS

BEGINNING = "0001-01-01"
"""The day of a policy that says none: parameters, lists, and the first policy of a membership type."""

POLICIES = {
    "membership_type_version": (
        "membership type",
        "membership_type_id",
        ("name", "strategy", "margin", "tie", "veto_weight"),
    ),
    "parameter_version": ("parameter", "parameter_id", ("value", "description")),
    "reference_list_version": ("reference list", "list_id", ("columns", "rows", "description")),
}
"""By table: what a draft calls it, whose version it is, and what of it is content."""

IDENTITIES = {"membership_type_identity": "key", "parameter_identity": "name", "reference_list_identity": "name"}

Tell = Callable[[Said, str], None]


class Published:
    """Rules and policies as the entries tell of them; faults go to ``tell``."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.released: dict[int, tuple[Change, Said]] = {}
        self._names: dict[tuple[str, int], tuple[str, str]] = {}
        self._versions: dict[tuple[int, int], str] = {}
        self._open: dict[int, dict[int, tuple[str, int]]] = {}
        self._closed: dict[int, list[tuple[str, int]]] = {}
        self._with_rules: set[str] = set()
        self._settled: dict[tuple[str, str], Said] = {}
        self._policies: set[tuple[int, str, str]] = set()
        self._revision = self._since = ""

    def has_rules(self, tenant: str) -> bool:
        return tenant in self._with_rules

    def begin(self, revision: str, since: str) -> None:
        self._revision, self._since = revision, since
        self.released, self._closed, self._settled, self._policies = {}, {}, {}, set()

    def entry(self, said: Said) -> None:
        """Judge an entry of a table of rules or policies; of others nothing is known here."""
        row = said.row
        if said.relation in IDENTITIES:
            self._names[said.relation, row["id"]] = (row["tenant"], row[IDENTITIES[said.relation]])
        elif said.relation == "rule_identity":
            self._with_rules.add(row["tenant"])
        elif said.relation == "rule_version":
            self._version(said)
        elif said.relation == "rule_period":
            self._period(said)
        elif said.relation in POLICIES:
            self._policy(said)
        if said.relation in CLOCKS and said.operation in ("INSERT", "UPDATE"):
            self._settled[said.relation, said.row_key] = said

    def end(self) -> None:
        """What must hold once a transaction is whole: all of a change is published, at the moment of its commit."""
        for number, (change, said) in self.released.items():
            for rule, rows in change.rows.items():
                known = [
                    (e, self._versions.get((rule, v)))
                    for e, v in [*self._open.get(rule, {}).values(), *self._closed.get(rule, ())]
                ]
                for effective, content in rows.values():
                    if not any(c == content and same_days(effective, e) for e, c in known):
                        self._tell(said, f"change {number} was published without rule {rule} as approved.")
            for what, name in change.policies:
                if (number, what, name) not in self._policies:
                    self._tell(said, f"change {number} was published without {what} {name}.")
        if self._revision >= "0003":
            for settled in self._settled.values():
                self._judge_moment(settled)

    def _change_of(self, said: Said) -> Change | None:
        """The change that a row names, if the transaction of the entry published it."""
        number = said.row["change_id"]
        if number in self.released and self.released[number][0].tenant == said.row["tenant"]:
            return self.released[number][0]
        self._tell(said, f"it is published as of change {number}, which its transaction did not publish.")
        return None

    def _version(self, said: Said) -> None:
        row = said.row
        if said.wording != row["content_hash"]:
            self._tell(said, "its wording does not give its content hash.")
        change = self._change_of(said) if said.operation == "INSERT" else None
        if change and row["content_hash"] not in {c for _, c in change.rows.get(row["rule_id"], {}).values()}:
            self._tell(said, f"its wording is not in change {change.number}.")
        self._versions[row["rule_id"], row["version"]] = row["content_hash"]

    def _period(self, said: Said) -> None:
        row, rule, known = said.row, said.row["rule_id"], (said.row["effective"], said.row["version"])
        written = ends(row["recorded"])
        if written and not written[1]:
            self._open.setdefault(rule, {})[row["id"]] = known
        elif self._open.get(rule, {}).pop(row["id"], None):
            self._closed.setdefault(rule, []).append(known)
        if said.operation == "UPDATE":
            self._closing(said, any(rule in c.rules for c, _ in self.released.values()))
        elif said.operation == "INSERT" and (change := self._change_of(said)):
            content = self._versions.get((rule, row["version"]))
            drafted = change.rows.get(rule, {}).values()
            if not any(c == content and same_days(e, row["effective"]) for e, c in drafted):
                self._tell(said, f"these days of this version are not in change {change.number}.")

    def _policy(self, said: Said) -> None:
        row = said.row
        what, identity, content = POLICIES[said.relation]
        tenant, name = self._names.get((said.relation.replace("_version", "_identity"), row[identity]), ("", ""))
        if tenant != row["tenant"]:
            self._tell(said, f"there is no {what} of that number in the tenant {row['tenant']}.")
        name = f"{name} from {day}" if (day := row.get("effective_from", BEGINNING)) != BEGINNING else name
        if said.operation == "UPDATE":
            self._closing(said, any((what, name) in c.policies for c, _ in self.released.values()))
        elif said.operation == "INSERT" and (change := self._change_of(said)):
            self._policies.add((change.number, what, name))
            drafted = change.policies.get((what, name), {})
            told = {k: v for k, v in drafted.items() if k in content}
            if told != {k: row[k] for k in content} or drafted.get("effective_from", BEGINNING) != day:
                self._tell(said, f"it is not what change {change.number} says of {what} {name}.")

    def _closing(self, said: Said, meant: bool) -> None:
        if not meant:
            self._tell(said, "it was closed by a transaction that published no change of it.")

    def _judge_moment(self, said: Said) -> None:
        """At commit one moment is given: not before the entries of the commit before, not after its own."""
        written = ends(said.row["recorded"])
        least, most = moment(self._since), moment(said.at)
        if written is None or most is None:
            return
        for end, by in zip(written, ("opened_in", "closed_in"), strict=True):
            given = moment(end) if str(said.row[by]) == said.transaction else None
            if given and (given > most or (least and given < least)):
                self._tell(said, f"it is recorded as of {end}, and was not committed then.")
