"""
The rule set of a day, as known at a moment that has passed, never changes, whatever sessions set and however late they commit.

Sessions of two tenants take turns in edits that stay open; what was answered in between is asked again at the end.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread

import psycopg2
import pytest

from rules_repo import embedded, schema
from tests.functional.conftest import Sql, client, runner
from tests.functional.governed import OFFICE, Office, in_every_state, open_office

TENANTS = {"main": "zoe", "other": "pia"}
"""A login that edits and pauses in each tenant."""
SETTINGS = (
    *(
        "SET rules.settled = '1'",
        "SET DateStyle = 'German'",
        "SET TimeZone = 'Asia/Kathmandu'",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ),
    *(
        "SET CONSTRAINTS ALL DEFERRED",
        "SET LOCAL lock_timeout = '1ms'",
        "SET rules.change = ''",
    ),
    *(
        "SET standard_conforming_strings = on",
        "SET plpgsql.variable_conflict = 'use_column'",
        "SAVEPOINT a",
        "ROLLBACK TO a",
    ),
)
MOVES = (
    "SELECT rules.pause('BOND-001', 'odd', current_date + 2)",
    "SELECT rules.pause('LOAN-001', 'odd', current_date + 3, current_date + 1)",
    "SELECT rules.resume('BOND-001', 'fine')",
    "SELECT rules.resume('LOAN-001', 'fine')",
    "UPDATE rules.rule SET weight = weight + 1 WHERE rule_key = 'BOND-001'",
    "SELECT rules.freeze_releases('odd', now() + interval '1 minute')",
)
BEGINS = *["BEGIN"] * 8, "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN ISOLATION LEVEL SERIALIZABLE"
ASKED = "SELECT rule_key, version FROM rules.rule_set(current_date + %s, %s) ORDER BY 1"
NOW = "SELECT rules.known_now()", "SELECT clock_timestamp()", "SELECT statement_timestamp()"
Answer = tuple[str, int, object, object]
"""Tenant, days from today, moment, rules."""


@pytest.fixture(scope="module")
def office(postgres_url: str) -> Iterator[Office]:
    """Two tenants with the same two rules, where a tutorial's edits are published at once."""
    url = embedded.ensure_database(postgres_url, "known_for_ever")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    sql = runner(owner)
    made = open_office(sql, url)
    in_every_state(made)
    sql("DO $$ BEGIN CREATE ROLE pia LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
    sql("GRANT rules_analyst, rules_approver TO pia; INSERT INTO rules.tenant VALUES ('other', 'It publishes at once')")
    for tenant, logins in (("main", list(OFFICE)), ("other", ["pia", "eve"])):
        for login in logins:
            sql("INSERT INTO rules.tenant_login VALUES (%s, %s)", tenant, login)
    sql("SET rules.tenant = 'other'; INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'a tutorial')")
    made("pia", "INSERT INTO rules.membership_type (key) VALUES ('GOLD')")
    rule = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
    for key in ("BOND-001", "LOAN-001"):
        made("pia", f"{rule} ('{key}', 'inclusion', 'GOLD', 50, 'f', 'true', '2024-01-01')")
    owner.close()
    yield made
    embedded.drop_database(postgres_url, "known_for_ever")


def tried(run: Sql, statement: str) -> bool:
    try:
        run(statement)
    except psycopg2.Error:
        return False
    return True


def one_history(office: Office, seed: int) -> list[Answer]:
    """Edits of four sessions in any order, each answer noted."""
    chance = random.Random(seed)
    answers: list[Answer] = []
    with ExitStack() as stack:

        def opened(login: str, *settings: str) -> Sql:
            connection = office.connection(login)
            connection.autocommit = True
            stack.callback(connection.close)
            run = runner(connection)
            for setting in settings:
                run(setting)
            return run

        writers = [
            opened(login, f"SET rules.tenant = '{tenant}'", "SET statement_timeout = '150ms'")
            for tenant, login in TENANTS.items()
            for _ in range(2)
        ]
        readers = {tenant: opened("eve", f"SET rules.tenant = '{tenant}'") for tenant in TENANTS}
        within = dict.fromkeys(range(4), False)
        for _ in range(30):
            number = chance.randrange(4)
            run = writers[number]
            if not within[number]:
                run(chance.choice(BEGINS))
                within[number] = True
            elif chance.random() < 0.3:
                tried(run, "COMMIT") or run("ROLLBACK")
                within[number] = False
            else:
                run("SAVEPOINT move")
                if not tried(run, chance.choice(SETTINGS if chance.random() < 0.3 else MOVES)):
                    run("ROLLBACK TO move")
            answers += asked(readers, chance)
        for run in writers:
            tried(run, "ROLLBACK")
    return answers


def asked(readers: dict[str, Sql], chance: random.Random) -> list[Answer]:
    """What is answered now about each tenant, of a day and of a moment that has passed."""
    found: list[Answer] = []
    for tenant, reader in readers.items():
        ((moment,),) = reader(chance.choice(NOW))
        day = chance.randrange(4)
        found.append((tenant, day, moment, reader(ASKED, day, moment)))
    return found


def changed(office: Office, answers: list[Answer]) -> list[Answer]:
    """The answers that are others by now."""
    with ExitStack() as stack:
        readers = {}
        for tenant in TENANTS:
            connection = office.connection("eve")
            connection.autocommit = True
            stack.callback(connection.close)
            readers[tenant] = runner(connection)
            readers[tenant](f"SET rules.tenant = '{tenant}'")
        return [a for a in answers if readers[a[0]](ASKED, a[1], a[2]) != a[3]]


def test_what_was_known_stays_known(office: Office) -> None:
    """R-REPO-4: 12 histories of interleaved sessions; each answer is asked again when all have committed."""
    answers = [answer for seed in range(12) for answer in one_history(office, seed)]
    assert len({str(rules) for _, _, _, rules in answers}) >= 3
    assert changed(office, answers) == []


def test_an_answer_given_during_a_long_commit_stays(office: Office) -> None:
    """R-REPO-4: a commit of many rows takes a while; who asks meanwhile waits, or is answered for ever."""
    connection = office.connection("pia")
    run, over, answers = runner(connection), Event(), []
    rule = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
    run(rule + ", ".join(f" ('N-{n}', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01')" for n in range(100)))
    reader = office.connection("eve")
    reader.autocommit = True
    ask = runner(reader)
    ask("SET rules.tenant = 'other'")

    def reads() -> None:
        while not over.is_set():
            ((moment,),) = ask("SELECT clock_timestamp()")
            answers.append(("other", 0, moment, ask(ASKED, 0, moment)))

    reading = Thread(target=reads)
    reading.start()
    connection.commit()
    over.set()
    reading.join()
    assert answers
    assert changed(office, answers) == []
    connection.close()
    reader.close()


def test_a_clock_that_is_changed_is_noticed(office: Office) -> None:
    """The proof that this property can fail: an end that a superuser moves back makes another answer."""
    ((moment,),) = office("eve", "SET rules.tenant = 'other'; SELECT clock_timestamp()")
    answer = office("eve", "SET rules.tenant = 'other'; " + ASKED, 0, moment)
    office("postgres", "ALTER TABLE rules.rule_period DISABLE TRIGGER USER")
    office(
        "postgres",
        "UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), lower(recorded) + interval '1 us') WHERE tenant = 'other' AND upper_inf(recorded)",
    )
    assert changed(office, [("other", 0, moment, answer)])
