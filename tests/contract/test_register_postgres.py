"""What the register on PostgreSQL promises beyond the port: who may feed it, and that numbers stay (R-HIST-7)."""

from __future__ import annotations

import uuid
from dataclasses import replace

import psycopg2
import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.history import HistoryRecord
from rules_engine.model.register import number_of
from rules_engine.publication.names import table_name
from rules_engine.publication.postgres import PostgresHistory
from rules_engine.publication.postgres_register import PostgresRegister
from rules_engine.publication.register_tables import RegisterTables, register_tables
from rules_engine.registering import follow, rebuild, verify
from tests.contract.history_records import granted, published, revoked, run_of
from tests.contract.test_history_postgres import execute
from tests.in_memory_register import InMemoryRegister
from tests.spec.table import Row, cases

Pair = tuple[PostgresHistory, PostgresRegister, RegisterTables]


@pytest.fixture
def pair(postgres_url: str) -> Pair:
    """A history and its register, by the names that an installation gives them."""
    tenant = uuid.uuid4().hex[:12]
    history = PostgresHistory(postgres_url, table_name("test", tenant, "memberships", "history"), "bigint")
    history.create()
    tables = register_tables("test", tenant)
    register = PostgresRegister(postgres_url, tables, "bigint")
    register.create()
    return history, register, tables


CHANGES = """
    role   | statement                                                    | because
    -------+--------------------------------------------------------------+---------------------------------------------
    owner  | UPDATE history."{numbers}" SET number = 'X'                  | nobody's number changes
    owner  | DELETE FROM history."{numbers}"                              | a number is never taken away
    owner  | TRUNCATE history."{numbers}" CASCADE                         | nor are all of them
    writer | UPDATE history."{numbers}" SET number = 'X'                  | not by whoever feeds the register either
    writer | DELETE FROM history."{poison}"                               | what was set apart stays
    writer | DROP TABLE history."{rows}"                                  | whoever feeds it does not own it
"""


@pytest.mark.parametrize("case", cases(CHANGES))
def test_a_change_is_refused(pair: Pair, postgres_url: str, case: Row) -> None:
    """Numbers are insert-only for everyone; the feeding role may do no more than feed."""
    history, register, tables = pair
    register.apply([granted(1)])
    become = f'SET ROLE "{history._table}_writer"' if case["role"] == "writer" else "SELECT 1"
    with pytest.raises(psycopg2.Error, match=r"is insert-only|permission denied|must be owner"):
        execute(postgres_url, become, case["statement"].format(**tables._asdict()))
    assert register.number(1) == number_of(1)


def test_whoever_writes_the_history_may_feed_its_register(pair: Pair, postgres_url: str) -> None:
    """A login that has the history's role builds, reads and follows; one without it is refused in words."""
    history, _, tables = pair
    name = f"feeder_{uuid.uuid4().hex[:8]}"
    execute(postgres_url, f"CREATE ROLE {name} LOGIN", f'GRANT "{history._table}_writer" TO {name}')
    execute(postgres_url, f"CREATE ROLE {name}_not LOGIN", f"GRANT USAGE ON SCHEMA history TO {name}_not")
    history.insert(run_of(30))
    own = PostgresRegister(_as(postgres_url, name), tables, "bigint")
    assert rebuild(history, own).rows == 30
    assert own.number(1) == number_of(1)
    with pytest.raises(RunRefused, match=f"the role that reads it, {history._table}_reader, or feeds it"):
        PostgresRegister(_as(postgres_url, f"{name}_not"), tables, "bigint").through()


def _as(url: str, login: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{login}@{rest.rpartition('@')[2]}"


def test_a_register_that_was_not_made_says_how(postgres_url: str) -> None:
    """Reading and feeding both; whether it was ever built is answered: it was not."""
    register = PostgresRegister(postgres_url, register_tables("test", uuid.uuid4().hex[:12]), "bigint")
    assert register.through() is None
    for use in (lambda: register.apply([granted(1)]), lambda: register.member("X"), lambda: list(register.every())):
        with pytest.raises(RunRefused, match="rules register rebuild"):
            use()


def test_runs_are_followed_one_by_one(pair: Pair) -> None:
    """Those that are closed, in the chain's order, up to one that is not; a correction changes no row."""
    history, register, _ = pair

    def publish(number: int, records: list[HistoryRecord], *, closed: bool = True, correction: bool = False) -> None:
        entry = published(number, f"run-{number}", day=2 + number, correction=correction)
        assert history.claim(entry)
        history.insert(records)
        if closed:
            history.close(entry)

    publish(1, run_of(20))
    assert (follow(history, register).rows, register.through()) == (20, 1)
    publish(2, [revoked(1, "SILVER")])
    publish(3, [replace(granted(1, "SILVER", day=5, run_id="run-3"), correction=True)], correction=True)
    publish(4, [granted(50, day=6, run_id="run-4")], closed=False)
    assert (follow(history, register).changed, register.through()) == (1, 3)
    assert [row.granted for row in register.rows([1, 50])] == [False]
    history.close(published(4, "run-4", day=6))
    assert (follow(history, register).changed, register.through(), verify(history, register).wrong) == (1, 4, 0)


def test_a_record_that_was_altered_is_named_and_left_out(pair: Pair, postgres_url: str) -> None:
    """Whoever gets past the guards is found by the content hash: set apart once, counted, and a fault of verify."""
    history, register, _ = pair
    history.insert(run_of(20))
    rebuild(history, register)
    table = f'history."{history._table}"'
    alter = f"UPDATE {table} SET granted = false WHERE subject = 7"
    execute(postgres_url, f"ALTER TABLE {table} DISABLE TRIGGER insert_only", alter)
    for _ in range(2):
        assert (rebuild(history, register).unreadable, register.apart()) == (1, 1)
    assert register.rows([7]) == ()
    (fault,) = verify(history, register).faults
    assert "its content hash is" in fault.what
    again = InMemoryRegister()
    rebuild(history, again)
    assert {*again.every()} == {*register.every()}
