"""What the history on PostgreSQL promises beyond the port: whole runs, and insert-only for everyone (R-HIST-3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from rules_engine.errors import HistoryCollision, RunRefused
from rules_engine.ports import Inserted
from rules_engine.publication.postgres import PostgresHistory
from rules_engine.publication.postgres_guards import CURRENT
from tests.contract.conftest import new_table
from tests.contract.history_records import granted, merged, revoked, run_of
from tests.spec.table import cases

Make = Callable[..., PostgresHistory]


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """What the last statement returns, run by the database's owner in one session."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


CHANGES = """
    role   | statement                                                                          | because
    -------+------------------------------------------------------------------------------------+---------------------------------------
    owner  | UPDATE {table} SET granted = false                                                 | nothing is edited
    owner  | UPDATE {table} SET granted = false WHERE false                                     | not even when no row is meant
    owner  | DELETE FROM {table}                                                                | nothing is deleted
    owner  | TRUNCATE {table}                                                                   | nothing is emptied
    owner  | INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (subject, sort_key) DO UPDATE SET granted = false | an insert is no way round
    owner  | MERGE INTO {table} t USING {table} s ON t.subject = s.subject WHEN MATCHED THEN DELETE | a merge is no way round
    replica | DELETE FROM {table}                                                               | nor is a session that fires no triggers
    writer | UPDATE {table} SET granted = false                                                 | the writer may not edit
    writer | DELETE FROM {table}                                                                | the writer may not delete
    writer | TRUNCATE {table}                                                                   | the writer may not empty
    writer | ALTER TABLE {table} DISABLE TRIGGER ALL                                            | the writer may not disarm it
    writer | DROP TABLE {table}                                                                 | the writer may not drop it
"""

BECOMING = {
    "owner": "SELECT 1",
    "replica": "SET session_replication_role = replica",
    "writer": 'SET ROLE "{name}_writer"',
}


@pytest.mark.parametrize("case", cases(CHANGES))
def test_a_change_is_refused(make_postgres: Make, postgres_url: str, case: dict[str, str]) -> None:
    """Neither the owner of the database nor the writing role can change a record."""
    history = make_postgres()
    history.insert([granted(1)])
    name = history._table
    become = BECOMING[case["role"]].format(name=name)
    with pytest.raises(psycopg2.Error, match=r"is insert-only: \w+ is refused|permission denied|must be owner"):
        execute(postgres_url, become, case["statement"].format(table=f'history."{name}"'))
    assert history.journey(1) == (granted(1),)


def test_the_writer_may_insert_and_read_and_nothing_else(make_postgres: Make, postgres_url: str) -> None:
    """The grants of the role that the adapter writes as."""
    name = make_postgres()._table
    query = f"""SELECT privilege_type FROM information_schema.role_table_grants
                WHERE table_schema = 'history' AND table_name = '{name}' AND grantee = '{name}_writer' ORDER BY 1"""
    assert execute(postgres_url, query) == [("INSERT",), ("SELECT",)]


def test_an_auditor_reads_with_a_role_of_their_own(make_postgres: Make, postgres_url: str) -> None:
    """K22: the refusal names the reading role, and whoever has it reads everything and writes nothing."""
    history = make_postgres()
    history.insert([granted(1)])
    name, login = history._table, f"reads_{uuid.uuid4().hex[:8]}"
    execute(postgres_url, f"CREATE ROLE {login} LOGIN")
    theirs = PostgresHistory(postgres_url.replace("postgres@", f"{login}@", 1), name, "bigint")
    with pytest.raises(RunRefused, match="cannot be read") as refused:
        theirs.journey(1)
    (fault,) = refused.value.faults
    execute(postgres_url, fault.remedy.removeprefix("Ask an administrator: ").removesuffix("."))
    assert theirs.journey(1) == (granted(1),)
    assert (theirs.count("run-1"), list(theirs.members("GOLD")), len(list(theirs.records()))) == (1, [1], 1)
    with pytest.raises(RunRefused, match=r"permission denied.*membership of the role"):
        theirs.insert([granted(2)])


def test_a_table_that_was_made_before_gets_its_readers(make_postgres: Make, postgres_url: str) -> None:
    """When its owner comes by; again changes nothing."""
    history = make_postgres()
    reader = f'"{history._table}_reader"'
    execute(postgres_url, f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")
    history.create()
    history.create()
    query = f"SELECT has_table_privilege('{history._table}_reader', 'history.\"{history._table}\"', 'SELECT')"
    assert execute(postgres_url, query) == [(True,)]


def test_a_table_that_was_made_before_merges_is_brought_to_them(make_postgres: Make, postgres_url: str) -> None:
    """By its owner, with its records; until then whoever writes is told what to do, and nothing is written."""
    history = make_postgres()
    history.insert([granted(1)])
    name, view = history._table, CURRENT.format(table=history._table)
    execute(
        postgres_url,
        f'DROP VIEW history."{name}_current"',
        f'ALTER TABLE history."{name}" DROP COLUMN merged_into',
        f'CREATE VIEW history."{name}_current" AS {view}',
    )
    assert history.journey(1) == (granted(1),)
    with pytest.raises(RunRefused, match="of an earlier version: `rules db upgrade`"):
        history.insert([granted(2)])
    history.create()
    assert history.insert([granted(2), merged(1, 2)]) == Inserted(2, 0)
    assert history.journey(1) == (granted(1), merged(1, 2))
    assert list(history.guard_faults()) == []


def test_the_adapter_writes_as_the_writer(make_postgres: Make, postgres_url: str) -> None:
    """Without the role's right to insert nothing is inserted, the owner's rights notwithstanding."""
    history = make_postgres()
    execute(postgres_url, f'REVOKE INSERT ON history."{history._table}" FROM "{history._table}_writer"')
    with pytest.raises(RunRefused, match=r"permission denied.*membership of the role"):
        history.insert([granted(1)])


def test_a_run_larger_than_a_chunk_is_inserted_whole(make_postgres: Make) -> None:
    """More records than one chunk holds, inserted and found again."""
    history = make_postgres()
    run = run_of(10_001)
    assert (history.insert(run), history.insert(iter(run))) == (Inserted(10_001, 0), Inserted(0, 10_001))
    assert history.count("run-1") == 10_001


def test_chunks_are_no_seams(make_postgres: Make) -> None:
    """A key given in two chunks counts once, and what is there is found in each."""
    history = make_postgres(chunk=4)
    history.insert(run_of(6))
    assert history.insert([*run_of(11), *run_of(3)]) == Inserted(5, 9)


def test_a_collision_leaves_nothing_behind(make_postgres: Make) -> None:
    """The whole insert is undone, the chunks before the collision too."""
    history = make_postgres(chunk=4)
    history.insert([granted(9, "GOLD")])
    with pytest.raises(HistoryCollision):
        history.insert([*run_of(8, "run-2"), revoked(9, "GOLD", day=3)])
    assert history.count("run-2") == 0


def test_many_collisions_are_counted(make_postgres: Make) -> None:
    """Twenty are named, the rest is a number."""
    history = make_postgres()
    history.insert(run_of(50))
    with pytest.raises(HistoryCollision, match="30 more records collide") as refused:
        history.insert([revoked(r.subject, r.membership_type, day=3) for r in run_of(50)])
    assert len(refused.value.faults) == 21


def test_a_history_of_other_subjects_is_not_taken_for_this_one(make_postgres: Make, postgres_url: str) -> None:
    """A table made for whole numbers is refused to a lake of text keys."""
    name = make_postgres()._table
    with pytest.raises(RunRefused, match="its subjects are bigint, the lake declares string"):
        PostgresHistory(postgres_url, name, "string").create()


def test_keys_are_ordered_alike_on_every_server(make_postgres: Make, postgres_url: str) -> None:
    """By the characters' numbers, as DynamoDB orders them, whatever language the database was made for."""
    query = f"""SELECT column_name, collation_name FROM information_schema.columns
                WHERE table_name = '{make_postgres("string")._table}' AND collation_name IS NOT NULL ORDER BY 1"""
    assert execute(postgres_url, query) == [("merged_into", "C"), ("sort_key", "C"), ("subject", "C")]


UNUSABLE = """
    url                                             | message                        | because
    ------------------------------------------------+--------------------------------+---------------------------------
    postgresql://nobody:secret@127.0.0.1:1/nowhere  | cannot be reached              | nothing listens there
    mysql://somebody@somewhere/else                 | no PostgreSQL address          | it is another kind of database
    no address at all                               | no PostgreSQL address          | it cannot be read
"""


@pytest.mark.parametrize("case", cases(UNUSABLE))
def test_an_unusable_database_is_refused_in_words(case: dict[str, str]) -> None:
    """Before anything is written, and without the password in the message."""
    with pytest.raises(RunRefused, match=case["message"]) as refused:
        PostgresHistory(case["url"], "history", "bigint").insert([granted(1)])
    assert "secret" not in str(refused.value)


def test_a_history_that_was_not_created_is_refused(postgres_url: str) -> None:
    """Reading and writing both say how to make it."""
    history = PostgresHistory(postgres_url, new_table(), "bigint")
    for use in (
        lambda: history.insert([granted(1)]),
        lambda: history.journey(1),
        lambda: list(history.members("GOLD")),
    ):
        with pytest.raises(RunRefused, match="rules db upgrade"):
            use()


def test_a_text_that_postgresql_cannot_hold_is_refused(make_postgres: Make) -> None:
    """A NUL character stops the insert in words."""
    with pytest.raises(RunRefused, match="Mend the record"):
        make_postgres("string").insert([granted("a\0b")])


def test_a_name_too_long_for_postgresql_is_refused() -> None:
    """It would be cut without a word, and two tables could become one."""
    with pytest.raises(RunRefused, match="at most 55"):
        PostgresHistory("postgresql://localhost/x", "h" * 56, "bigint")


def test_a_record_of_the_future_is_refused(make_postgres: Make) -> None:
    """Dated 9999 it would be the newest one for ever (R-HIST-2); a clock that is some hours off is let pass."""
    history = make_postgres()
    with pytest.raises(RunRefused, match="still to come"):
        history.insert([replace(granted(1), created_at=datetime(9999, 1, 1, tzinfo=UTC))])
    assert history.journey(1) == ()
    soon = datetime.now(UTC) + timedelta(hours=3)
    assert history.insert([replace(granted(1), created_at=soon)]).inserted == 1
