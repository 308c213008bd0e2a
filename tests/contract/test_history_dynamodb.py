"""What the history on DynamoDB promises beyond the port, on DynamoDB Local: insert-only calls, types, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rules_engine.errors import HistoryCollision, RunRefused
from rules_engine.model.decisions import Hit
from rules_engine.model.history import HistoryRecord
from rules_engine.model.rules import Kind
from rules_engine.ports import Inserted
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.dynamodb_items import ATTRIBUTES, encode, item_of, record_of
from rules_engine.publication.pace import Pace
from tests.contract.conftest import READS_AND_INSERTS, Operations, new_table
from tests.contract.history_records import granted, never, revoked, run_of

Make = Callable[..., DynamoDBHistory]


RECORDS = [
    granted(1),
    granted("M-1"),
    revoked(2),
    never(3),
    replace(granted(4), policy=None),
    replace(granted(5), correction=True, first_granted=None),
    replace(granted(6), hits=(Hit('Ö "quoted" \\', 3, Kind.EXCLUSION, -7, "\t"),)),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.subject))
def test_an_item_is_the_records_content(record: HistoryRecord) -> None:
    """What is remembered from record to record is what boto3's own serializer makes of each."""
    item = item_of(record, "string" if isinstance(record.subject, str) else "bigint")
    shard = item["run_shard"]["S"]
    content = record.content() | {"sort_key": record.sort_key, "content_hash": record.content_hash, "run_shard": shard}
    assert item == {name: encode(content[name]) for name in ATTRIBUTES}
    assert record.hits_text == json.dumps(content["hits"])
    assert record_of(item) == record


def test_it_only_inserts_and_reads(make_dynamodb: Make, dynamodb_url: str) -> None:
    """Of all operations only statements that insert or select, reads, and making the table (R-HIST-3)."""
    client = connect(dynamodb_url, None)
    asked = Operations(client)
    history = make_dynamodb(client=client)
    for _ in range(2):
        history.insert(run_of(30))
    with pytest.raises(HistoryCollision):
        history.insert([revoked(3, "GOLD", day=3)])
    assert (history.count("run-1"), next(iter(history.members("GOLD"))), len(history.journey(1))) == (30, 3, 1)
    assert (asked.names, asked.verbs) == (READS_AND_INSERTS, {"INSERT", "SELECT"})


def test_the_watch_sees_other_writes(make_dynamodb: Make, dynamodb_url: str) -> None:
    """The control of the test above: an overwriting put would have been noticed."""
    client = connect(dynamodb_url, None)
    asked = Operations(client)
    key = {"subject": {"N": "1"}, "sort_key": {"S": "x"}}
    client.put_item(TableName=make_dynamodb()._table, Item=key)
    assert asked.names == {"PutItem"}


def test_the_table_streams_new_images_and_is_paid_per_request(dynamodb_client: Any) -> None:
    """What the register will be fed by; keys have the types of the lake."""
    history = DynamoDBHistory(new_table(), "string", dynamodb_client)
    history.create()
    table = dynamodb_client.describe_table(TableName=history._table)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert {"AttributeName": "subject", "AttributeType": "S"} in table["AttributeDefinitions"]
    assert table["DeletionProtectionEnabled"] is True


def test_the_same_key_in_two_batches_counts_once(make_dynamodb: Make) -> None:
    """Batches run beside each other; DynamoDB decides who was first, and the other finds the same content."""
    history = make_dynamodb()
    assert history.insert([*run_of(30), *run_of(30)]) == Inserted(30, 30)


def test_a_table_of_other_keys_is_refused(make_dynamodb: Make, dynamodb_client: Any) -> None:
    """A history made for whole numbers is refused to a lake of text keys, before anything is written."""
    name = make_dynamodb()._table
    with pytest.raises(RunRefused, match="subjects of type string need"):
        DynamoDBHistory(name, "string", dynamodb_client).insert([granted("7")])


def test_a_history_that_was_not_created_is_refused(dynamodb_client: Any) -> None:
    """Reading and writing both say so."""
    history = DynamoDBHistory(new_table(), "bigint", dynamodb_client)
    for use in (
        lambda: history.insert([granted(1)]),
        lambda: history.journey(1),
        lambda: list(history.members("GOLD")),
    ):
        with pytest.raises(RunRefused, match="Create the history first"):
            use()


def test_an_item_too_large_is_refused_in_words(make_dynamodb: Make) -> None:
    """DynamoDB's own reason is passed on with the record's key."""
    history = make_dynamodb("string")
    heavy = [granted("1", "X" * 1100)]
    with pytest.raises(RunRefused, match=r"History record \(1, .*DynamoDB does not take it"):
        history.insert(heavy)


class InSmallPages:
    """The real client, asked for two items a page."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.pages = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        self.pages += 1
        return self._client.query(**request, Limit=2)

    def scan(self, **request: Any) -> Any:
        self.pages += 1
        return self._client.scan(**request, Limit=2)


def test_every_page_is_read(make_dynamodb: Make, dynamodb_client: Any) -> None:
    """A journey, a count and the members are whole, however many pages DynamoDB cuts them into."""
    client = InSmallPages(dynamodb_client)
    history = make_dynamodb(client=client)
    history.insert([granted(1, day=day) for day in range(1, 8)])
    assert [r.created_at.day for r in history.journey(1)] == [1, 2, 3, 4, 5, 6, 7]
    assert (history.count("run-1"), list(history.members("GOLD"))) == (7, [1])
    assert client.pages >= 4 + 4 + 4


class Lagging:
    """The real client, whose index knows nothing yet when it is first asked."""

    def __init__(self, client: Any, queries: int) -> None:
        self._client = client
        self._queries = queries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        self._queries -= 1
        return {"Count": 0} if self._queries >= 0 else self._client.query(**request)


def test_a_count_waits_for_the_index(make_dynamodb: Make, dynamodb_client: Any) -> None:
    """The index lags behind the table: the count is not believed before it holds what was seen written."""
    history = make_dynamodb(client=Lagging(dynamodb_client, queries=5 * 16), pace=Pace(sleep=lambda _: None))
    history.insert(run_of(10))
    assert history.count("run-1") == 10


def test_an_endpoint_that_never_answers_is_refused() -> None:
    """At once: patience is for a store that was there a moment ago."""
    rests: list[float] = []
    pace = Pace(sleep=rests.append)
    for use in (lambda h: h.insert([granted(1)]), lambda h: h.journey(1), lambda h: h.create()):
        history = DynamoDBHistory("history", "bigint", connect("http://127.0.0.1:1", None), pace)
        with pytest.raises(RunRefused, match="DynamoDB cannot be used"):
            use(history)
    assert rests == []


def test_missing_credentials_and_region_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One refusal, both remedies."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RunRefused) as refused:
        connect(None, None)
    assert [fault.what for fault in refused.value.faults] == [
        "no AWS region is set.",
        "no AWS credentials were found.",
    ]


def test_a_rate_is_held(make_dynamodb: Make) -> None:
    """Writes begin no faster than the rate: 100 at 50 a second take the two seconds but the last call's share."""
    now = [0.0]
    pace = Pace(workers=1, rate=50, sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), clock=lambda: now[0])
    make_dynamodb(pace=pace).insert(run_of(100))
    assert now[0] == pytest.approx(1.5)
