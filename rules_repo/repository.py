"""The rules repository: rule sets out of PostgreSQL, and changes into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from rules_engine.errors import ChangeRefused, Fault, RunRefused
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import MembershipType, RuleVersion
from rules_repo.connection import connected, shown, snapshot, translated
from rules_repo.publishing import NOTHING, Changes, Proposal, Shared, parameters_in, propose_in
from rules_repo.rows import Row, all_of, list_of, type_of, version_of
from rules_repo.schema import check_newest


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    One row of a rule's history: a version with its days, and from when until when that was known.

    ``recorded_to`` is None for what is known now; ``closed_by`` is the login whose change took its place.
    """

    version: RuleVersion
    recorded_from: datetime
    recorded_to: datetime | None
    recorded_by: str
    closed_by: str | None
    created_at: datetime
    created_by: str


class Repository:
    """
    The rules in a PostgreSQL database, as a :class:`rules_engine.ports.RuleSource`.

    Raises:
        RunRefused: From every method, if the database cannot be reached or the schema is not at its newest.
    """

    def __init__(self, url: str) -> None:
        self._engine = connected(url)

    def __repr__(self) -> str:
        return f"Repository({shown(self._engine.url)!r})"

    def rule_set(self, as_of: date, known_at: datetime) -> RuleSet:
        """
        The versions in force on ``as_of`` as known at ``known_at``.

        All that was known until then is committed when it is read, so that
        several questions about one moment are of one state of the database.

        A moment in the future of the database's clock is taken as now, and the
        rule set says so: what will be known then nobody knows.
        """
        with translated(self._engine), self._engine.connect() as connection:
            self._check_revision(connection)
            moment = min(known_at, connection.execute(text("SELECT rules.known_now()")).scalar_one())
            clocks = {"as_of": as_of, "known_at": moment}
            rows = _rows(connection, "SELECT * FROM rules.rule_set(:as_of, :known_at)", **clocks)
            types = _rows(connection, "SELECT * FROM rules.membership_types(:as_of, :known_at)", **clocks)
            lists = _rows(connection, "SELECT * FROM rules.reference_lists(:known_at)", known_at=moment)
            if not rows:
                raise self._nothing_in_force(connection, as_of, moment)
        versions = all_of(version_of, rows, "Rule")
        known = all_of(list_of, lists, "Reference list")
        return RuleSet(as_of, moment, all_of(type_of, types, "Membership type"), versions, known)

    def rules(self, as_of: date | None = None) -> tuple[RuleVersion, ...]:
        """The rules as known now, by key and first day; those in force on ``as_of`` only, if it is given."""
        with snapshot(self._engine) as connection:
            self._check_revision(connection)
            rows = _rows(
                connection,
                "SELECT * FROM rules.rule WHERE CAST(:as_of AS date) IS NULL"
                " OR daterange(effective_from, effective_to) @> CAST(:as_of AS date)",
                as_of=as_of,
            )
        return _in_order(all_of(version_of, rows, "Rule"))

    def membership_types(self) -> tuple[MembershipType, ...]:
        """The membership types as known now, by key, each with all its policies in the order of their days."""
        with snapshot(self._engine) as connection:
            self._check_revision(connection)
            rows = _rows(connection, "SELECT * FROM rules.membership_type")
        return tuple(sorted(all_of(type_of, rows, "Membership type"), key=lambda m: (m.key, m.effective_from)))

    def shared(self) -> Shared:
        """The shared parameters and the reference lists as known now, by name."""
        with snapshot(self._engine) as connection:
            self._check_revision(connection)
            lists = _rows(connection, "SELECT * FROM rules.reference_list ORDER BY name")
            return Shared(parameters_in(connection), all_of(list_of, lists, "Reference list"))

    def versions(self, key: str) -> tuple[Recorded, ...]:
        """Everything ever known of one rule, oldest knowledge first; nothing if there is no such rule."""
        with snapshot(self._engine) as connection:
            self._check_revision(connection)
            rows = _rows(
                connection,
                "SELECT * FROM rules.rule_history WHERE rule_key = :key ORDER BY recorded_from, period_id",
                key=key,
            )
        return all_of(_recorded, rows, "Rule")

    def publish(
        self,
        versions: Iterable[RuleVersion],
        membership_types: Iterable[MembershipType] = (),
        dry_run: bool = False,
    ) -> Changes:
        """
        Make the rules what ``versions`` say, as :meth:`propose` does, where that needs nobody's approval.

        Raises:
            ChangeRefused: With every fault, or because somebody must approve it first; nothing was changed.
        """
        with self._writing() as connection:
            proposal = propose_in(connection, tuple(versions), tuple(membership_types), "Publication", "", dry_run)
            if proposal.change and not proposal.published:
                what = "its changes need the approval of somebody else, so nothing is published at once."
                raise ChangeRefused(Fault("Tenant", what, "Propose the rules: `rules import FILE`."))
        return proposal.changes

    def propose(
        self,
        versions: Iterable[RuleVersion],
        membership_types: Iterable[MembershipType] = (),
        title: str = "Proposal",
        reason: str = "",
        dry_run: bool = False,
        shared: Shared = NOTHING,
    ) -> Proposal:
        """
        Draft the rules that ``versions`` say, and what they share, in a change of their own, all or nothing.

        Rules, parameters and lists they do not name stay.
        The periods given for a rule say everything from the first of their days
        on. Their version numbers count for nothing: a wording that is known
        keeps its number, another one gets the next when it is published. Where
        no approval is needed the change is published at once. A dry run reads
        alone, so that it uses up no number.

        Raises:
            ChangeRefused: With every fault; nothing was changed.
        """
        with self._writing() as connection:
            return propose_in(connection, tuple(versions), tuple(membership_types), title, reason, dry_run, shared)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._engine), self._engine.begin() as connection:
            self._check_revision(connection)
            yield connection

    def _check_revision(self, connection: Connection) -> None:
        found = connection.execute(text("SELECT version_num FROM rules.schema_version")).scalar()
        check_newest(found, self._engine.url.render_as_string())

    def _nothing_in_force(self, connection: Connection, as_of: date, known_at: datetime) -> RunRefused:
        now = len(_rows(connection, "SELECT rule_key FROM rules.rule_set(:as_of)", as_of=as_of))
        total = connection.execute(text("SELECT count(*) FROM rules.rule_version")).scalar_one()
        waiting = "state IN ('draft', 'in review', 'approved') ORDER BY change_id LIMIT 5"
        changes = _rows(connection, f"SELECT change_id, title, state FROM rules.change_overview WHERE {waiting}")
        remedy = "Choose another day, or publish rules: `rules import FILE`."
        if now:
            remedy = f"{now} are as known now: they were recorded later than that. Ask as known at a later moment."
        elif total:
            remedy = f"The repository knows {total} versions; `rules list` shows their effective periods."
        elif changes:
            drafts = ", ".join(f"{c['change_id']} ({c['title']}: {c['state']})" for c in changes)
            remedy = f"Changes that are not published yet: {drafts}. `rules change show N` says what each waits for."
        which = f"Rules database {shown(self._engine.url)}"
        return RunRefused(Fault(which, f"no rule is in force on {as_of} as known at {known_at.isoformat()}.", remedy))


def _rows(connection: Connection, query: str, **values: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(text(query), values).mappings()]


def _recorded(row: Row) -> Recorded:
    return Recorded(
        version=version_of(row),
        recorded_from=row["recorded_from"],
        recorded_to=row["recorded_to"],
        recorded_by=row["recorded_by"],
        closed_by=row["closed_by"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def _in_order(versions: Iterable[RuleVersion]) -> tuple[RuleVersion, ...]:
    return tuple(sorted(versions, key=lambda v: (v.key, v.effective.first)))
