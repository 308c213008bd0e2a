"""What was known at a moment that has passed stays what was known, whatever a client sets or holds open (R-REPO-4)."""

from __future__ import annotations

import time
from threading import Thread

import pytest

from rules_repo import audit
from tests.security.attackers import LOGINS, Siege
from tests.security.sessions import refused, session

EDIT = "UPDATE rules.rule SET weight = weight + 1 WHERE rule_key = 'BOND-001'"
BRAKE = "SELECT rules.pause('BOND-001', 'odd', current_date + 3)"
NAMES = "settle", "audited", "judged", "wholly_released", "release_meant"
SPELLINGS = (
    *("SET CONSTRAINTS {} IMMEDIATE", "set constraints {} immediate", "SET\n\tCONSTRAINTS {} IMMEDIATE"),
    *(
        "SET/**/CONSTRAINTS {} IMMEDIATE",
        "SET --\nCONSTRAINTS {} IMMEDIATE",
        "SET /* /* a */ b */ CONSTRAINTS {} IMMEDIATE",
    ),
    *("SET --\rCONSTRAINTS {} IMMEDIATE", "SET /*\r*/ --a\r CONSTRAINTS {} IMMEDIATE", "SET\fCONSTRAINTS {} IMMEDIATE"),
    *("SELECT '/*'; SET CONSTRAINTS {} IMMEDIATE; SELECT '*/'", "SELECT $$--$$; SET CONSTRAINTS {} IMMEDIATE"),
    *(
        'SELECT 1 AS "\'"; SET CONSTRAINTS {} IMMEDIATE; SELECT 1 AS "\'"',
        "DO $$ BEGIN SET CONSTRAINTS {} IMMEDIATE; END $$",
    ),
    *(
        "SELECT E'\\''; SET CONSTRAINTS {} IMMEDIATE; SELECT E'\\''",
        "DO $$ BEGIN EXECUTE 'set constraints {} immediate'; END $$",
    ),
    *("SET standard_conforming_strings = off; SELECT '\\''; SET CONSTRAINTS {} IMMEDIATE; SELECT '\\''",),
)
LOCKED = """
    SELECT count(*) FROM pg_locks
    WHERE pid = %s AND relation = 'rules.settling'::regclass AND mode ~ 'Exclusive|ShareLock'
"""
"""Of one session: autovacuum locks the table too, whenever it likes."""


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("edit", [EDIT, BRAKE], ids=["edit", "pause"])
def test_nothing_is_settled_before_the_commit(siege: Siege, spelling: str, edit: str) -> None:
    """R10: whatever makes constraints immediate between statements, however it is spelled, is refused or without effect."""
    every = ", ".join(f"rules.{name}" for name in NAMES)
    for names in ("ALL", every, f"rules.{NAMES[0]}", f"rules.{NAMES[1]}, rules.{NAMES[2]}"):
        with session(siege, "ann") as ann:
            ((own,),) = ann("SELECT pg_backend_pid()")
            ann("BEGIN")
            ann(edit)
            refused(ann, spelling.format(names))
            assert siege("postgres", LOCKED, own) == [(0,)]


@pytest.mark.parametrize("made", ["before", "between"])
def test_constraints_made_immediate_wait_all_the_same(fresh: Siege, made: str) -> None:
    """R10: set before the edits, or between two: the moment is that of the commit, and there is one, or all is refused."""
    with session(fresh, "ann") as ann:
        ann("BEGIN")
        told = refused(ann, *(["SET CONSTRAINTS ALL IMMEDIATE"] if made == "before" else []), BRAKE)
        told = told or refused(ann, "SET CONSTRAINTS ALL IMMEDIATE" if made == "between" else "SELECT 1")
        told = told or refused(ann, "SELECT rules.pause('LOAN-001', 'odd', current_date + 3)")
        ((before,),) = fresh("ann", "SELECT clock_timestamp()")
        asked = "SELECT count(*) FROM rules.rule_set(current_date, %s)"
        known = fresh("eve", asked, before)
        told = told or refused(ann, "COMMIT")
    assert fresh("eve", asked, before) == known
    moments = fresh("postgres", "SELECT count(DISTINCT lower(recorded)), count(*) FROM rules.rule_pause")
    assert moments == ([(0, 0)] if told else [(1, 2)])


SETTINGS = (
    *("rules.settled", "rules.reason", "rules.change", "rules.moment", "rules.recorded", "rules.known_at"),
    *("session_replication_role", "check_function_bodies", "row_security", "timezone", "datestyle", "intervalstyle"),
    *("search_path", "lc_time", "lock_timeout", "statement_timeout", "standard_conforming_strings", "xmloption"),
    *("default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable"),
    *(
        "transaction_isolation",
        "plpgsql.variable_conflict",
        "plpgsql.extra_errors",
        "extra_float_digits",
        "bytea_output",
    ),
)
VALUES = (
    *("", "1", "-1", "on", "off", "2020-01-01", "1999-01-01 00:00:00+00", "replica", "German, DMY", "Asia/Kathmandu"),
    *("serializable", "repeatable read", "use_column", "pg_temp", "sql_standard"),
)


@pytest.mark.parametrize("login", ["ann", "adam"])
def test_no_setting_dates_anything_back(fresh: Siege, login: str) -> None:
    """R10: set_config of whatever there is to set: what the login may change is changed at its commit, or refused."""
    move = "SELECT rules.pause('BOND-001', 'odd', current_date + 1)"
    undo = "SELECT rules.resume('BOND-001', 'fine')"
    stamps = "SELECT coalesce(max(greatest(lower(recorded), upper(recorded))), '-infinity') FROM rules.rule_pause"
    with session(fresh, login) as mine, session(fresh, "postgres") as look:
        ((me,),) = mine("SELECT pg_current_xact_id()::text::bigint")
        for name in SETTINGS:
            for value in (*VALUES, str(int(me) + 3)):
                if refused(mine, "BEGIN", f"SELECT set_config('{name}', '{value}', true)"):
                    continue
                ((before,),) = look(stamps)
                ((now,),) = look("SELECT clock_timestamp()")
                told = refused(mine, move) or refused(mine, "COMMIT")
                if not told:
                    ((stamped,),) = look(stamps)
                    assert stamped > now, (name, value)
                    assert not refused(mine, undo)
                else:
                    assert look(stamps) == [(before,)]
    assert audit.verify(fresh.office.url).faults == ()


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE", "READ UNCOMMITTED"])
def test_one_moment_has_one_answer(fresh: Siege, isolation: str) -> None:
    """R10: a session with an old snapshot is not answered with less than others are, about a moment that has passed."""
    with session(fresh, "eve", f"BEGIN ISOLATION LEVEL {isolation}", "SELECT 1") as old:
        fresh("cy", "SELECT rules.schedule(4)")
        ((moment,),) = fresh("eve", "SELECT rules.known_now()")
        asked = f"SELECT rule_key FROM rules.rule_set('2024-06-01', '{moment}')"
        answers = []
        if not refused(old, asked):
            answers = old(asked)
    assert answers in ([], fresh("eve", asked))


def test_whoever_knows_the_moment_knows_all_of_it(fresh: Siege) -> None:
    """R10: known_now waits for a transaction that has its moment and is about to commit."""
    with session(fresh, "ann") as ann, session(fresh, "eve", "SET statement_timeout = '10s'") as eve:
        for _ in range(20):
            ann("BEGIN")
            ann(BRAKE)
            ((moment,),) = eve("SELECT rules.known_now()")
            known = eve("SELECT rule_key FROM rules.rule_set(current_date, %s)", moment)
            ann("COMMIT")
            assert eve("SELECT rule_key FROM rules.rule_set(current_date, %s)", moment) == known
            ann("SELECT rules.resume('BOND-001', 'fine')")


ENDS = (
    "DO $$ BEGIN {}; COMMIT; PERFORM pg_sleep(0.4); END $$",
    "CREATE PROCEDURE own_ann.p() LANGUAGE plpgsql AS $$ BEGIN {}; COMMIT; PERFORM pg_sleep(0.4); END $$; CALL own_ann.p()",
    "BEGIN; {}; PREPARE TRANSACTION 'x'",
    "BEGIN; {}; PREPARE --\rTRANSACTION 'x'",
    "BEGIN; {}; DECLARE c CURSOR WITH HOLD FOR SELECT pg_sleep(0.4); COMMIT",
    "BEGIN; {}; DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT own_ann.slow(); COMMIT",
    "BEGIN; INSERT INTO own_ann.t VALUES (1); {}; INSERT INTO own_ann.t VALUES (1); COMMIT",
    "BEGIN; {}; INSERT INTO own_ann.e VALUES (1); COMMIT",
    "BEGIN; {}; INSERT INTO own_ann.v VALUES (1); COMMIT",
    "BEGIN; {}; SAVEPOINT a; INSERT INTO own_ann.t VALUES (1); RELEASE a; COMMIT",
    "BEGIN; {}; INSERT INTO slow_temp VALUES (1); COMMIT",
)
SLOW = (
    "CREATE FUNCTION own_ann.slow() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN true; END $$",
    "CREATE FUNCTION own_ann.sleeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$",
    "CREATE FUNCTION own_ann.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO own_ann.t VALUES (2); RETURN NULL; END $$",
    "CREATE FUNCTION own_ann.number(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN i; END $$",
    "CREATE TABLE own_ann.t (i int)",
    "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON own_ann.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own_ann.sleeps()",
    "CREATE TABLE own_ann.e (i int, EXCLUDE USING btree (own_ann.number(i) WITH =) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE own_ann.v (i int)",
    "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON own_ann.v DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own_ann.other()",
    "CREATE TEMP TABLE slow_temp (i int)",
    "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON slow_temp DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own_ann.sleeps()",
)


@pytest.mark.parametrize("way", ENDS)
def test_no_commit_is_held_open(fresh: Siege, way: str) -> None:
    """R10, R13: what a client adds to its commit runs before the lock of the commit is taken, or the commit is refused."""
    with fresh.granted("ann", "objects"), session(fresh, "ann") as ann, session(fresh, "eve") as eve:
        for made in SLOW:
            ann(made)
        waits: list[float] = []
        edit = "PERFORM rules.pause('BOND-001', 'odd', current_date + 3)"
        statement = way.format(edit if "$$" in way else edit.replace("PERFORM", "SELECT"))
        writer = Thread(target=lambda: [refused(ann, s) for s in (way_parts(statement))])
        writer.start()
        while writer.is_alive():
            began = time.monotonic()
            eve("SELECT count(*) FROM rules.rule_set(current_date)")
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        writer.join()
    assert max(waits) < 0.15, waits


def way_parts(statement: str) -> list[str]:
    """A block of code whole; else statement by statement, as a client sends them."""
    return (
        [*statement.split("; CALL")][:1] + ["CALL" + p for p in statement.split("; CALL")[1:]]
        if "$$" in statement
        else statement.split("; ")
    )


def test_every_login_reads_while_anybody_writes(siege: Siege) -> None:
    """R10: an edit that is left open for as long as one likes stops no reader and no other edit."""
    with session(siege, "ann") as ann:
        ann("BEGIN")
        ann(BRAKE)
        for login in LOGINS:
            began = time.monotonic()
            siege.strike(
                login,
                "SET rules.tenant = 'main'",
                "SET lock_timeout = '1s'",
                "SELECT * FROM rules.rule_set(current_date)",
            )
            assert time.monotonic() - began < 1
