"""
Random legal and illegal moves on the database and on a model of it in memory: the same refusals, the same rule sets.

Each try is two tenants of its own in one database, with the same keys and logins, whose moves take turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, ClassVar

import psycopg2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from rules_repo import embedded, schema
from tests.functional.conftest import client
from tests.property.change_model import (
    ApprovalsOutliveEdits,
    AuthorsApprove,
    EndsIncluded,
    Model,
    OneClock,
    Refused,
)

TRESPASSES = (
    "SELECT rules.submit(%s, 'why')",
    "SELECT rules.approve(%s)",
    "SELECT rules.reject(%s, 'no')",
    "SELECT rules.withdraw(%s)",
    "SELECT rules.schedule(%s)",
    "SELECT rules.work_on(%s)",
    "SELECT rules.publish_at_once(%s)",
    "SELECT rules.record_check(%s, 'x', true)",
    "SELECT rules.draft_timelines(%s, '[]')",
)
LOGINS = ("ann", "dan", "zoe")
KEYS = ("BOND-001", "LOAN-001")
DAYS = tuple(date(2024, month, 1) for month in range(1, 7))
TENANTS = itertools.count(1)

HOLDS = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
NOTICES = settings(HOLDS, max_examples=400, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)

Machine = Callable[[], RuleBasedStateMachine]

login, key = st.sampled_from(LOGINS), st.sampled_from(KEYS)
weight, day = st.sampled_from([10, 20, 30]), st.sampled_from(DAYS)
pick = st.integers(0, 9)


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[psycopg2.extensions.connection]:
    """A superuser's connection that becomes any login of the office for a statement."""
    url = embedded.ensure_database(postgres_url, "machine")
    schema.upgrade(url)
    connection = client(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in LOGINS:
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {name} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;"
                f" GRANT rules_analyst, rules_approver TO {name}"
            )
    yield connection
    connection.close()
    embedded.drop_database(postgres_url, "machine")


class Office(RuleBasedStateMachine):
    """Moves on a database, judged by a model."""

    connection: ClassVar[psycopg2.extensions.connection]
    judge: ClassVar[type[Model]]

    def sql(self, name: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET SESSION AUTHORIZATION {name}; SET rules.tenant = '{self.tenant}'")
            try:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
            finally:
                cursor.execute("RESET SESSION AUTHORIZATION")

    @initialize()
    def start(self) -> None:
        self.found()
        self.other = self.tenant, self.model, self.offset
        self.found()

    @rule()
    def turn(self) -> None:
        """The next moves are in the other tenant."""
        self.other, (self.tenant, self.model, self.offset) = (self.tenant, self.model, self.offset), self.other

    @rule(name=login, number=pick, move=st.sampled_from(TRESPASSES))
    def trespass(self, name: str, number: int, move: str) -> None:
        """Whatever is tried here with a change of the other tenant is refused, and changes nothing there."""
        there = sorted(self.other[1].changes)
        if there:
            with pytest.raises(psycopg2.Error):
                self.sql(name, move, there[number % len(there)])

    def found(self) -> None:
        self.tenant = f"t{next(TENANTS)}"
        self.model = self.judge()
        with self.connection.cursor() as cursor:
            cursor.execute("INSERT INTO rules.tenant VALUES (%s, '', 0)", (self.tenant,))
            for name in LOGINS:
                cursor.execute("INSERT INTO rules.tenant_login VALUES (%s, %s)", (self.tenant, name))
        self.sql("postgres", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'a start')")
        self.sql("postgres", "INSERT INTO rules.membership_type (key) VALUES ('GOLD')")
        self.sql("postgres", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (1, 'the test')")
        ((self.offset,),) = self.sql("postgres", "SELECT max(id) FROM rules.change")
        self.note()

    def note(self) -> None:
        ((moment,),) = self.sql("ann", "SELECT clock_timestamp()")
        self.model.note(moment)

    def move(self, judged: Callable[[], object], name: str, statement: str, *values: object) -> None:
        """The database refuses if and only if the model does."""
        try:
            judged()
            refused = False
        except Refused:
            refused = True
        try:
            self.sql(name, statement, *values)
            said = ""
        except psycopg2.Error as problem:
            said = f"{problem.pgcode} {problem}"
        assert said.startswith("RR001") if refused else not said, f"{name}: {statement} {values}: it says '{said}'"
        self.renumber()

    def renumber(self) -> None:
        """Give the model's newest change the number that the database gave it: refusals leave gaps."""
        found = [
            n
            for (n,) in self.sql(
                "ann", "SELECT change_id FROM rules.change_overview WHERE change_id > %s ORDER BY 1", self.offset
            )
        ]
        ours = sorted(self.model.changes)
        assert len(found) == len(ours)
        if found != ours:
            self.model.changes = {n: self.model.changes[o] for n, o in zip(found, ours, strict=True)}
            begun = {n: self.model.begun[o] for n, o in zip(found, ours, strict=True)}
            self.model.begun.clear()
            self.model.begun.update(begun)

    def some(self, number: int) -> int:
        """A change: a number that means one of those there are, mostly the newest."""
        there = sorted(self.model.changes, reverse=True)
        return there[min(number // 3, len(there) - 1)] if there else 0

    @rule(name=login, key=key, weight=weight, first=day, end=st.none() | day)
    def insert(self, name: str, key: str, weight: int, first: date, end: date | None) -> None:
        if end is None or end > first:
            self.move(
                lambda: self.model.insert(name, key, (weight, first, end, None)),
                name,
                "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from,"
                " effective_to) VALUES (%s, 'inclusion', 'GOLD', %s, 'f', 'true', %s, %s)",
                *(key, weight, first, end),
            )

    @rule(
        name=login,
        key=key,
        named=st.fixed_dictionaries(
            {}, optional={"weight": weight, "effective_from": day, "effective_to": st.none() | day}
        ).filter(bool),
    )
    def edit(self, name: str, key: str, named: dict[str, int | date | None]) -> None:
        """Any columns, often to what they were before or are as published: what was written last counts."""
        self.move(
            lambda: self.model.edit(name, key, named),
            name,
            f"UPDATE rules.rule SET {', '.join(f'{column} = %s' for column in named)}"
            " WHERE rule_key = %s AND effective_to IS NULL",
            *(*named.values(), key),
        )

    @rule(name=login, number=pick)
    def submit(self, name: str, number: int) -> None:
        if change := self.some(number):
            self.move(lambda: self.model.submit(name, change), name, "SELECT rules.submit(%s, 'why')", change)

    @rule(name=login, number=pick)
    def check_and_approve(self, name: str, number: int) -> None:
        if change := self.some(number):
            self.model.check(name, change)
            self.sql(name, "SELECT rules.record_check(%s, rules.content_hash(%s), true, '', '4.1.1')", change, change)
            self.move(lambda: self.model.approve(name, change), name, "SELECT rules.approve(%s)", change)

    @rule(name=login, number=pick)
    def approve(self, name: str, number: int) -> None:
        if change := self.some(number):
            self.move(lambda: self.model.approve(name, change), name, "SELECT rules.approve(%s)", change)

    @rule(name=login, number=pick)
    def reject(self, name: str, number: int) -> None:
        if change := self.some(number):
            self.move(lambda: self.model.reject(name, change), name, "SELECT rules.reject(%s, 'no')", change)

    @rule(name=login, number=pick)
    def withdraw(self, name: str, number: int) -> None:
        if number > 7 and (change := self.some(number)):
            self.move(lambda: self.model.withdraw(name, change), name, "SELECT rules.withdraw(%s)", change)

    @rule(name=login, number=pick)
    def schedule(self, name: str, number: int) -> None:
        if change := self.some(number):
            self.move(lambda: self.model.schedule(change), name, "SELECT rules.schedule(%s)", change)
            self.note()

    @rule(name=login, number=pick)
    def approve_alone(self, name: str, number: int) -> None:
        """All is done but the approval, which an author gives."""
        if change := self.some(number):
            author = self.model.begun[change]
            other = next((n for n in LOGINS if n not in self.model.changes[change].authors), name)
            self.submit(author, number)
            self.model.check(other, change)
            self.sql(other, "SELECT rules.record_check(%s, rules.content_hash(%s), true, '', '4.1.1')", change, change)
            self.approve(author, number)

    @rule(name=login, number=pick, meddled=st.none() | weight)
    def carry_through(self, name: str, number: int, meddled: int | None) -> None:
        """The usual way, so that more than drafts are made; now and then an author edits what is approved."""
        if change := self.some(number):
            other = next((n for n in LOGINS if n not in self.model.changes[change].authors), name)
            self.submit(name, number)
            self.check_and_approve(other, number)
            if meddled:
                author, edited = self.model.begun[change], next(iter(self.model.changes[change].drafts))
                self.edit(author, edited, {"weight": meddled, "effective_to": None})
            self.schedule(name, number)

    @invariant()
    def the_states_are_equal(self) -> None:
        if hasattr(self, "other"):
            for tenant, model, offset in (self.tenant, self.model, self.offset), self.other:
                found = self.sql(
                    "ann",
                    "SELECT id, state FROM rules.change WHERE tenant = %s AND id > %s ORDER BY id",
                    tenant,
                    offset,
                )
                assert found == [(n, c.state) for n, c in sorted(model.changes.items())]

    def teardown(self) -> None:
        """Every day as known at every moment, asked at the end: nothing known then was changed since."""
        for _ in range(2 if hasattr(self, "other") else 0):
            self.turn()
            for number, (moment, _) in enumerate(self.model.moments):
                for asked in DAYS:
                    found = self.sql(
                        "ann", "SELECT rule_key, version, weight::integer FROM rules.rule_set(%s, %s)", asked, moment
                    )
                    assert sorted(found) == self.model.rule_set(asked, number), f"{asked} as known at {moment}"


def machine(connection: psycopg2.extensions.connection, judge: type[Model]) -> type[RuleBasedStateMachine]:
    return type("Judged", (Office,), {"connection": connection, "judge": judge})


def test_database_and_model_agree(database: psycopg2.extensions.connection) -> None:
    """R-REPO-4, R-REPO-5: whatever is tried in whatever order, both refuse the same and know the same."""
    run_state_machine_as_test(machine(database, Model), settings=HOLDS)


@pytest.mark.parametrize("wrong", [ApprovalsOutliveEdits, AuthorsApprove, EndsIncluded, OneClock])
def test_the_machine_notices_a_wrong_model(database: psycopg2.extensions.connection, wrong: type[Model]) -> None:
    """The same test fails on each model that is wrong on purpose."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(database, wrong), settings=NOTICES)
