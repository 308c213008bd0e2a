"""The register's function on DynamoDB Local: its own environment, and a table's real stream (R-HIST-7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs import register_feed, register_stream
from jobs.register_feed import fed, handle
from jobs.register_stream import Positions, Stream
from rules_engine.errors import RunRefused
from rules_engine.model.register import number_of
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.dynamodb_register import DynamoDBRegister
from rules_engine.publication.register_tables import register_tables
from rules_engine.registering import rebuild
from tests.contract.conftest import new_table
from tests.contract.history_records import granted, revoked
from tests.in_memory_register import InMemoryRegister
from tests.unit.test_register_feed import event, failures
from tests.unit.test_register_template import role


def test_the_function_takes_its_register_from_its_environment(
    monkeypatch: pytest.MonkeyPatch, dynamodb_url: str
) -> None:
    """Environment and tenant name the tables, as everywhere; the module loads no Spark and no database driver."""
    register_feed._register.cache_clear()
    monkeypatch.setenv("RULES_ENV", "unit")
    monkeypatch.setenv("RULES_TENANT", "acme")
    monkeypatch.setenv("RULES_HISTORY_ENDPOINT", dynamodb_url)
    register = register_feed._register()
    register.create()
    assert failures(handle({"Records": [event(1, granted(1)), event(2, granted(1), "REMOVE")]}, None)) == []
    assert ([row.subject for row in register.every()], register.apart()) == ([1], 1)
    register_feed._register.cache_clear()


def test_the_function_needs_no_more_than_its_role(dynamodb_url: str) -> None:
    """Every call it makes on each table, first grants, numbers that clash and poison among them, is allowed there."""
    client, asked = connect(dynamodb_url, None), set[tuple[str, str]]()
    tables = register_tables("unit", new_table().split("_")[1])
    DynamoDBRegister(tables, client).create()

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        for table in params.get("RequestItems") or [params["TableName"]]:
            asked.add((model.name, table))

    client.meta.events.register("provide-client-params.dynamodb", note)
    register = DynamoDBRegister(tables, client)
    register._claims(99, number_of(1))
    for batch in ([granted(1), granted(2)], [revoked(1)], [granted(1)]):
        fed({"Records": [event(7, batch[0], "REMOVE"), *(event(1, record) for record in batch)]}, register)
    places = {"Register.Arn": tables.rows, "Numbers.Arn": tables.numbers, "Poison.Arn": tables.poison}
    allowed = {
        (action.removeprefix("dynamodb:"), places[statement["Resource"]])
        for statement in role()
        if statement["Effect"] == "Allow" and statement["Resource"] in places
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert asked == allowed


def test_a_number_that_was_half_issued_is_finished(dynamodb_url: str) -> None:
    """Whoever stopped after claiming a number left it to its subject: the next to come looks it up by that one."""
    tables = register_tables("unit", new_table().split("_")[1])
    register = DynamoDBRegister(tables, connect(dynamodb_url, None))
    register.create()
    assert register._claims(1, number_of(1))
    assert (register.number(1), register.apply([granted(1)])) == (None, 1)
    assert (register.number(1), [row.number for row in register.every()]) == (number_of(1), [number_of(1)])


def test_a_register_that_was_not_made_says_how(dynamodb_url: str) -> None:
    """Reading and feeding both; whether it was ever built is answered: it was not."""
    register = DynamoDBRegister(register_tables("unit", new_table().split("_")[1]), connect(dynamodb_url, None))
    assert register.through() is None
    for use in (lambda: register.apply([granted(1)]), lambda: register.member("X"), lambda: list(register.every())):
        with pytest.raises(RunRefused, match="rules register rebuild"):
            use()


@pytest.fixture
def streamed(dynamodb_url: str) -> DynamoDBHistory:
    """A history with its stream."""
    history = DynamoDBHistory(new_table(), "bigint", connect(dynamodb_url, None))
    history.create()
    return history


def test_a_real_stream_feeds_a_register(streamed: DynamoDBHistory, dynamodb_url: str, tmp_path: Path) -> None:
    """What was inserted comes through the function, an edit and a deletion as poison; the history says the same."""
    client, register, batches = connect(dynamodb_url, None), InMemoryRegister(), list[int]()
    streams = connect(dynamodb_url, None, service="dynamodbstreams")
    arn = register_stream.stream_of(client, streamed._table)

    def given(batch: Any) -> Any:
        batches.append(len(batch["Records"]))
        return fed(batch, register, lambda _: None)

    stream = Stream(streams, arn, Positions(tmp_path / "positions.json"), given, batch=10)
    streamed.insert([granted(subject) for subject in range(40)])
    assert stream.drain() == 40
    streamed.insert([revoked(subject) for subject in range(0, 40, 2)])
    again = InMemoryRegister()
    rebuild(streamed, again)
    assert stream.drain() == 20
    assert (register.table, max(batches)) == (again.table, 10)
    key = {"subject": {"N": "39"}, "sort_key": {"S": granted(39).sort_key}}
    forged = {"TableName": streamed._table, "Key": key, "UpdateExpression": "SET run_id = :r"}
    client.update_item(**forged, ExpressionAttributeValues={":r": {"S": "forged"}})
    client.delete_item(TableName=streamed._table, Key=key)
    assert stream.drain() == 2
    assert (register.apart(), register.table) == (2, again.table)
    assert stream.drain() == 0


def test_a_table_without_a_stream_is_refused(dynamodb_url: str) -> None:
    """The message says what to do instead; so does that about a table which is not there."""
    client = connect(dynamodb_url, None)
    history = DynamoDBHistory(new_table(), "bigint", client, stream=False)
    with pytest.raises(RunRefused, match="rules run"):
        register_stream.stream_of(client, history._table)
    history.create()
    with pytest.raises(RunRefused, match="rules register rebuild"):
        register_stream.stream_of(client, history._table)
