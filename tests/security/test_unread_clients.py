"""Who does not read what the server sends him keeps nobody else waiting (R-REPO-6)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.security.attackers import Siege
from tests.security.sessions import session

READY = tuple(b"Z\0\0\0\5" + state for state in (b"I", b"T", b"E"))
WAITS = """
    SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) JOIN pg_database AS d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.relation = 'rules.settling'::regclass AND l.mode = %s AND a.wait_event = 'ClientWrite'
"""
CHATTY = (
    "SET client_min_messages = debug5",
    "SET debug_print_plan = on",
    "SET debug_print_rewritten = on",
    "SET debug_print_parse = on",
)


class Unread:
    """A client of the plain protocol that reads when it is told to."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire

    def ask(self, statement: str) -> None:
        text = statement.encode() + b"\0"
        self.wire.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)

    def read(self) -> bytes:
        said = b""
        while not said.endswith(READY):
            said += self.wire.recv(65536)
        return said

    def told(self, *statements: str) -> None:
        for statement in statements:
            self.ask(statement)
            self.read()


@contextmanager
def unread(siege: Siege, login: str) -> Iterator[Unread]:
    """A connection of this login over the server's own socket, of which little can lie unread."""
    url = urlsplit(siege.office.url)
    folder = Path(parse_qs(url.query)["host"][0])
    path = next(file for file in folder.glob(".s.PGSQL.*") if file.suffix != ".lock")
    with socket.socket(socket.AF_UNIX) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(20)
        wire.connect(str(path))
        said = struct.pack("!i", 196608) + f"user\0{login}\0database\0{url.path[1:]}\0\0".encode()
        wire.sendall(struct.pack("!i", len(said) + 4) + said)
        client = Unread(wire)
        client.read()
        yield client


@pytest.mark.parametrize("level", ["debug5", "debug1", "log", "notice"])
def test_a_commit_whose_messages_nobody_reads_holds_no_lock(fresh: Siege, level: str) -> None:
    """D2: the plans of all that is judged at the commit, asked for and not read; others edit and ask at once."""
    with unread(fresh, "ann") as ann:
        ann.told(*CHATTY, f"SET client_min_messages = {level}", "BEGIN")
        ann.told("UPDATE rules.rule SET weight = 61 WHERE rule_key = 'BOND-001'")
        ann.ask("COMMIT")
        with session(fresh, "pat") as pat, session(fresh, "eve") as eve:
            pat("UPDATE rules.rule SET weight = 62 WHERE rule_key = 'BOND-001'")
            assert eve("SELECT count(*) > 0 FROM rules.rule_set(current_date)") == [(True,)]


def found_waiting(siege: Siege, login: str, call: str) -> bool:
    """Whether one who asks and takes a few bytes at a time is ever found waiting to be read while commits wait for him."""
    with unread(siege, login) as reader, session(siege, "postgres") as watching:
        reader.told("SET client_min_messages = debug5", "SET lock_timeout = 0")
        reader.ask(f"SELECT count(rules.{call}()::text) FROM generate_series(1, 20000)")
        reader.wire.settimeout(2)
        for _ in range(6000):
            if watching(WAITS, "RowShareLock") != [(0,)]:
                return True
            if reader.wire.recv(300).endswith(READY):
                return False
    return False


def test_a_commit_whose_messages_nobody_reads_would_hold_the_lock(fresh: Siege) -> None:
    """The proof that this test can fail: the commit as it was sends what is asked for while it has the lock."""
    ((source,),) = fresh("postgres", "SELECT pg_get_functiondef('rules.at_commit(text)'::regprocedure)")
    silence = "set_config('client_min_messages', 'error', true), "
    assert silence in str(source)
    fresh("postgres", str(source).replace(silence, ""))
    with unread(fresh, "ann") as ann, session(fresh, "postgres") as watching:
        ann.told(*CHATTY, "BEGIN", "UPDATE rules.rule SET weight = 61 WHERE rule_key = 'BOND-001'")
        ann.ask("COMMIT")
        assert any(watching(WAITS, "ExclusiveLock") == [(1,)] for _ in range(50) if watching("SELECT pg_sleep(0.1)"))


@pytest.mark.parametrize(("login", "call"), [("eve", "known_now"), ("olga", "wait_for_commits")])
def test_a_question_whose_messages_nobody_reads_holds_no_lock(fresh: Siege, login: str, call: str) -> None:
    """D2: readers, too, ask for what the server does and read it slowly."""
    assert not found_waiting(fresh, login, call)
    fresh("postgres", "ALTER FUNCTION rules.wait_for_commits() RESET client_min_messages")
    assert any(found_waiting(fresh, login, call) for _ in range(20)), "the proof that this test can fail"


def test_who_asks_the_time_in_a_transaction_that_stays_open_holds_no_lock(fresh: Siege) -> None:
    """D2: what was known is asked, and rows are sent that nobody reads; commits go on."""
    with unread(fresh, "eve") as eve:
        eve.told("BEGIN", "SELECT rules.known_now()")
        eve.ask("SELECT r.*, repeat('x', 1000) FROM rules.rule_set(current_date) AS r, generate_series(1, 20000)")
        with session(fresh, "ann") as ann:
            ann("UPDATE rules.rule SET weight = 61 WHERE rule_key = 'BOND-001'")


def test_after_the_commit_a_session_is_told_what_it_asked_for(fresh: Siege) -> None:
    """What keeps it silent at the commit is over with it."""
    with session(fresh, "ann", "SET client_min_messages = debug1", "SET tcp_user_timeout = 0") as ann:
        ann("UPDATE rules.rule SET weight = 61 WHERE rule_key = 'BOND-001'")
        assert ann("SHOW client_min_messages") == [("debug1",)]
