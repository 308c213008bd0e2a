"""
A history that is disturbed ends as the one that was not: nothing missing, double or altered (R-HIST-2, R-HIST-6).

Every fault comes with a control: a writer without the adapter's care, which
the same look at the table finds out.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from rules_engine.errors import RunInterrupted
from rules_engine.model.history import HistoryRecord
from rules_engine.ports import History
from rules_engine.publication.dynamodb import DynamoDBHistory
from rules_engine.publication.dynamodb_items import ATTRIBUTES, item_of
from rules_engine.publication.pace import Pace, Turnstile
from rules_engine.publication.postgres import PostgresHistory
from tests.contract.conftest import (  # noqa: F401  fixtures
    MakeHistory,
    dynamodb_client,
    dynamodb_url,
    make_dynamodb,
    make_postgres,
    make_stored,
)
from tests.contract.history_records import run_of

MakeDynamoDB = Callable[..., DynamoDBHistory]
RUN = run_of(60)
HURRIED = Pace(sleep=lambda _: None, attempts=2000)


def differences(history: History, run: Sequence[HistoryRecord]) -> list[str]:
    """What an undisturbed insert of the run would have left otherwise."""
    found = {record.subject: history.journey(record.subject) for record in run}
    wrong = [f"{r.subject}: {len(found[r.subject])} records" for r in run if found[r.subject] != (r,)]
    counted = history.count(run[0].run_id)
    return wrong + ([f"{counted} in the run"] if counted != len(run) else [])


class Disturbed:
    """A DynamoDB client whose batches go wrong by chance; everything else is the real client."""

    def __init__(self, client: Any, share: float) -> None:
        self._client = client
        self._share = share
        self._chance = random.Random(7)
        self.faults = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _strikes(self) -> bool:
        struck = self._chance.random() < self._share
        self.faults += struck
        return struck


class Throttling(Disturbed):
    """Throttles this share of the calls, and of the statements in the others."""

    def batch_execute_statement(self, Statements: list[Any]) -> dict[str, Any]:  # noqa: N803  boto3's name
        if self._strikes():
            raise refusal("ThrottlingException", 400)
        replies: list[Any] = [{"Error": {"Code": "ThrottlingError"}} if self._strikes() else None for _ in Statements]
        passed = [s for s, reply in zip(Statements, replies, strict=True) if reply is None]
        done = iter(self._client.batch_execute_statement(Statements=passed)["Responses"] if passed else [])
        return {"Responses": [reply or next(done) for reply in replies]}


class LosingReplies(Disturbed):
    """Does the work and loses this share of the replies."""

    def __init__(self, client: Any, share: float, lost: Exception) -> None:
        super().__init__(client, share)
        self._lost = lost

    def batch_execute_statement(self, Statements: list[Any]) -> Any:  # noqa: N803  boto3's name
        reply = self._client.batch_execute_statement(Statements=Statements)
        if self._strikes():
            raise self._lost
        return reply


def refusal(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "BatchExecuteStatement")  # type: ignore[arg-type]


def insert_carelessly(client: Any, table: str, run: Iterable[HistoryRecord]) -> None:
    """The control: sends a batch once and does not look at the replies."""
    values = ", ".join(f"'{name}': ?" for name in ATTRIBUTES)
    items = [item_of(record, "bigint") for record in run]
    statements = [
        {"Statement": f'INSERT INTO "{table}" VALUE {{{values}}}', "Parameters": [item[name] for name in ATTRIBUTES]}
        for item in items
    ]
    for start in range(0, len(statements), 20):
        try:
            client.batch_execute_statement(Statements=statements[start : start + 20])
        except ClientError:
            continue


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_throttled_writes_all_arrive(make_dynamodb: MakeDynamoDB, dynamodb_client: Any, share: float) -> None:  # noqa: F811
    """Calls and statements throttled 10, 50 and 90 % of the time: tried again until all are in, none twice."""
    client = Throttling(dynamodb_client, share)
    history = make_dynamodb(client=client, pace=HURRIED)
    done = history.insert(RUN)
    assert (done.inserted, done.already_there, differences(history, RUN)) == (60, 0, [])
    assert client.faults > 0


def test_control_a_writer_that_ignores_replies_loses_records(make_dynamodb: MakeDynamoDB, dynamodb_client: Any) -> None:  # noqa: F811
    """The look at the table notices what throttling took."""
    history = make_dynamodb()
    insert_carelessly(Throttling(dynamodb_client, 0.3), history._table, RUN)
    assert differences(history, RUN)


LOST = {
    "the reply timed out": ReadTimeoutError(endpoint_url="http://dynamodb"),
    "the connection was closed": ConnectionClosedError(endpoint_url="http://dynamodb"),
    "a gateway failed after the commit": refusal("502", 502),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_reply_doubles_nothing(make_dynamodb: MakeDynamoDB, dynamodb_client: Any, lost: str) -> None:  # noqa: F811
    """Done, the reply lost, done again: each record stands once, and the counts add up."""
    client = LosingReplies(dynamodb_client, 0.6, LOST[lost])
    history = make_dynamodb(client=client, pace=HURRIED)
    done = history.insert(RUN)
    assert (done.inserted + done.already_there, differences(history, RUN)) == (60, [])
    assert client.faults > 0


def test_control_a_clock_in_the_key_doubles_records(make_dynamodb: MakeDynamoDB, dynamodb_client: Any) -> None:  # noqa: F811
    """A writer that stamps each try with the time of the try leaves two records where one belongs."""
    client = LosingReplies(dynamodb_client, 1.0, LOST["the reply timed out"])
    history = make_dynamodb(client=client, pace=replace(HURRIED, attempts=1))
    with pytest.raises(RunInterrupted):
        history.insert(RUN)
    client._share = 0.0
    history.insert(at_another_time(RUN))
    assert any("2 records" in found for found in differences(history, RUN))


def at_another_time(run: Iterable[HistoryRecord]) -> list[HistoryRecord]:
    return [replace(record, created_at=record.created_at + timedelta(seconds=1)) for record in run]


def test_patience_ends_in_words_and_the_next_run_completes(make_dynamodb: MakeDynamoDB, dynamodb_client: Any) -> None:  # noqa: F811
    """A store that throttles for ever interrupts the run; what is missing is inserted by the same run again."""
    client = Throttling(dynamodb_client, 1.0)
    history = make_dynamodb(client=client, pace=replace(HURRIED, attempts=5))
    with pytest.raises(RunInterrupted, match="Publish the run again"):
        history.insert(RUN)
    client._share = 0.0
    assert (history.insert(RUN).inserted, differences(history, RUN)) == (60, [])


def test_rests_grow_to_the_longest_and_are_spread_by_jitter() -> None:
    """Exponential back-off: doubled from try to try, capped, each multiplied by chance."""
    rests: list[float] = []
    chance = iter([1.0, 0.5, 1.0, 1.0, 0.0, 1.0])
    pace = Pace(attempts=7, first_wait=0.1, longest_wait=1.0, sleep=rests.append, jitter=lambda: next(chance))
    assert list(pace.tries()) == list(range(7))
    assert rests == pytest.approx([0.1, 0.1, 0.4, 0.8, 0.0, 1.0])


def test_a_turnstile_spreads_the_writes_of_all_threads() -> None:
    """However many threads enter, writes begin at the rate."""
    rests: list[float] = []
    turnstile = Turnstile(Pace(rate=10, sleep=rests.append, clock=lambda: 0.0))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(turnstile.enter, [5, 5, 5, 5]))
    assert sorted(rests) == pytest.approx([0.5, 1.0, 1.5])


def test_two_writers_at_once_leave_one_run(make_stored: MakeHistory) -> None:  # noqa: F811
    """The same run published twice at the same moment: every record once, each writer's counts add up."""
    history = make_stored()
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(history.insert, [RUN, RUN])
    assert one.inserted + other.inserted == 60
    assert (one.already_there + other.already_there, differences(history, RUN)) == (60, [])


def test_a_source_that_breaks_is_completed_by_the_next_run(make_stored: MakeHistory) -> None:  # noqa: F811
    """The staged decisions cannot be read to their end: that error is told, and the run again completes the table."""

    def broken() -> Iterator[HistoryRecord]:
        yield from RUN[:40]
        raise OSError("disk gone")

    history = make_stored()
    with pytest.raises(OSError, match="disk gone"):
        history.insert(broken())
    done = history.insert(RUN)
    assert (done.inserted + done.already_there, differences(history, RUN)) == (60, [])


def test_a_database_that_goes_away_interrupts_the_run(
    make_postgres: Callable[..., PostgresHistory],  # noqa: F811
    postgres_url: str,
) -> None:
    """The session is ended in the middle: nothing of the run is there, and the run again inserts it whole."""
    history = make_postgres(chunk=10)

    def records() -> Iterator[HistoryRecord]:
        yield from RUN[:40]
        end_writers(postgres_url)
        yield from RUN[40:]

    with pytest.raises(RunInterrupted, match="Publish the run again"):
        history.insert(records())
    assert history.count("run-1") == 0
    assert (history.insert(RUN).inserted, differences(history, RUN)) == (60, [])


def end_writers(url: str) -> None:
    """End the sessions that hold a history's lock."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        assert cursor.fetchall() == [(True,)]
    connection.close()


WRITER = """
import sys, time
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.pace import Pace
from rules_engine.publication.postgres import PostgresHistory
from tests.contract.history_records import run_of

kind, url, table = sys.argv[1:]

def halting():
    for record in run_of(60):
        yield record
        if record.subject == 45:
            print("on the way", flush=True)
            time.sleep(3600)

if kind == "PostgresHistory":
    history = PostgresHistory(url, table, "bigint", chunk=5)
else:
    history = DynamoDBHistory(table, "bigint", connect(url, None), Pace(workers=1))
history.insert(halting())
"""


def kill_in_the_middle(history: Any, url: str) -> None:
    """A program is killed outright with 45 records on their way: one batch written, or nine chunks not committed."""
    command = [sys.executable, "-c", WRITER, type(history).__name__, url, history._table]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "on the way\n"
            end = time.monotonic() + 60
            while history.count("run-1") < WRITTEN[type(history)] and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            writer.kill()


WRITTEN = {PostgresHistory: 0, DynamoDBHistory: 25}


@pytest.fixture(params=["postgres", "dynamodb"])
def killed(request: pytest.FixtureRequest) -> Any:
    """A history whose writer was killed, for each store in turn."""
    history = request.getfixturevalue(f"make_{request.param}")()
    kill_in_the_middle(history, request.getfixturevalue(f"{request.param}_url"))
    return history


def test_a_killed_run_is_completed_by_the_same_run(killed: History) -> None:
    """Killed outright in the middle, then the same run again: the table is the one an undisturbed run leaves."""
    partly = WRITTEN[type(killed)]
    assert killed.count("run-1") == partly
    done = killed.insert(RUN)
    assert (done.inserted, done.already_there, differences(killed, RUN)) == (60 - partly, partly, [])


def test_control_a_killed_run_leaves_a_gap(killed: History) -> None:
    """Without the run again, records are missing; a run again at another time is not the same run."""
    assert differences(killed, RUN)
    killed.insert(at_another_time(RUN))
    assert differences(killed, RUN)
