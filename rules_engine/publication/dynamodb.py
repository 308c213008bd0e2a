"""The history on DynamoDB: insert-only by PartiQL, which can never overwrite (R-HIST-1..4, R-HIST-6)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from rules_engine.errors import Fault, RunInterrupted, RunRefused, raise_all
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.publications import Chain, Publication
from rules_engine.ports import Inserted, Taken, untold
from rules_engine.publication.dynamodb_calls import Calls, Request
from rules_engine.publication.dynamodb_calls import connect as connect  # noqa: PLC0414  for whoever makes a history
from rules_engine.publication.dynamodb_items import (
    ATTRIBUTES,
    CHAIN,
    CHAIN_ATTRIBUTES,
    INDEX,
    SHARDS,
    chain_definition,
    chain_from,
    chain_item,
    definition,
    encode,
    item_of,
    read_item,
    record_of,
    subject_of,
)
from rules_engine.publication.pace import Pace
from rules_engine.publication.records import SubjectType, collided, subject_checked

BATCH = 25
"""Statements that one call takes."""

Pair = tuple[HistoryRecord, HistoryRecord]
"""The record that is held, and the one given, under one key."""


class _Ledger:
    """What became of the records of one insert; threads write into it."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.given = 0
        self.inserted = 0
        self.seen: Counter[str] = Counter()
        self.collisions: list[Pair] = []
        self._lock = threading.Lock()

    def settled(self, batch: list[HistoryRecord], inserted: int, collisions: list[Pair]) -> None:
        with self._lock:
            self.inserted += inserted
            self.seen.update(record.run_id for record in batch)
            self.collisions += collisions
            self.taken(len(batch))


class DynamoDBHistory:
    """
    A history in one DynamoDB table; grain subject × membership type × run.

    Partition key ``subject`` (a number or a string, as in the lake), sort key
    ``sort_key``: created date, then membership type. Every write is a PartiQL
    ``INSERT``, so a policy that allows ``dynamodb:PartiQLInsert`` and no other
    write is enough; comparing needs ``dynamodb:PartiQLSelect``.

    A run is counted by the index ``by_run`` (keys only), the run in 16 parts.
    Scanning would read the whole history for every run, and the table's own
    key has no run in it. The price is one more write unit a record. An index
    lags behind its table, so ``count`` asks until the answer rests and is no
    less than what this object saw written.

    ``stream`` False makes the table without the stream that feeds a register:
    DynamoDB Local writes three to five times as fast without one.
    """

    def __init__(
        self, table: str, subject_type: SubjectType, client: Any, pace: Pace | None = None, *, stream: bool = True
    ) -> None:
        self._table = table
        self._subject_type = subject_type
        self._key_type = "N" if subject_type == "bigint" else "S"
        self._pace = pace or Pace()
        self._stream = stream
        self._calls = Calls(f"History '{table}'", client, self._pace)
        values = ", ".join(f"'{name}': ?" for name in ATTRIBUTES)
        self._insert = f'INSERT INTO "{table}" VALUE {{{values}}}'
        self._select = f'SELECT * FROM "{table}" WHERE "subject" = ? AND "sort_key" = ?'
        self._chain = f"{table}_chain"
        claimed = ", ".join(f"'{name}': ?" for name in CHAIN_ATTRIBUTES)
        self._claim = f'INSERT INTO "{self._chain}" VALUE {{{claimed}}}'
        self._seen: Counter[str] = Counter()

    def create(self) -> None:
        """
        Make the table, paid per request and with a stream of new images; making it again changes nothing.

        Raises:
            RunRefused: If DynamoDB cannot be reached, forbids it, or holds such a table with other keys.
        """
        tables = {self._table: definition(self._key_type, stream=self._stream), self._chain: chain_definition()}
        for table, as_defined in tables.items():
            if self._description(table) is None:
                request = {"TableName": table} | as_defined
                self._calls.one("create_table", request, accepted="ResourceInUseException")
            for _ in self._pace.tries():
                if (there := self._description(table)) and there["TableStatus"] == "ACTIVE":
                    break
        self._check()

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        """
        Insert records, 25 a call, from several threads.

        A record that is there already with the same content counts as already
        there; so does one that was written by a call whose reply was lost.

        Raises:
            HistoryCollision: If a key is taken by other content. What was inserted before stays.
            RunRefused: If nothing could be written.
            RunInterrupted: If DynamoDB failed on the way. Insert the same records again.
        """
        self._check()
        ledger = _Ledger(taken)
        try:
            with ThreadPoolExecutor(self._pace.workers) as pool:
                self._feed(pool, records, ledger)
        except RunRefused as refused:
            if ledger.inserted:
                raise RunInterrupted(*refused.faults) from refused
            raise
        if ledger.collisions:
            raise collided(ledger.collisions)
        self._seen |= ledger.seen
        return Inserted(ledger.inserted, ledger.given - ledger.inserted)

    def saw(self, run_id: str, records: int) -> None:
        """Be told of records that others wrote: ``count`` waits until the index shows them."""
        self._seen |= Counter({run_id: records})

    def journey(self, subject: Subject) -> tuple[HistoryRecord, ...]:
        """One subject's records, oldest first."""
        key = encode(subject_checked(subject, self._subject_type))
        request = self._read("#subject = :subject", {":subject": key}, "KeyConditionExpression", subject="subject")
        return tuple(record_of(item) for page in self._calls.pages("query", request) for item in page["Items"])

    def count(self, run_id: str) -> int:
        """How many records of a run the history holds, by the index, once its answer rests."""
        counted = -1
        for attempt in range(20):
            before, counted = counted, self._counted(run_id)
            if counted == before and counted >= self._seen[run_id]:
                break
            self._pace.sleep(min(self._pace.longest_wait, 0.1 * 2**attempt))
        return counted

    def members(self, membership_type: str) -> Iterator[Subject]:
        """
        The subjects whose newest record of this type grants, in order of their key.

        The slow path: it scans the whole history and holds the subjects of one
        type in memory. The register answers the same at once.
        """
        values = {":type": encode(membership_type)}
        request = self._read("#type = :type", values, "FilterExpression", type="membership_type")
        request["ProjectionExpression"] = "#subject, #sort_key, #granted, #correction"
        names = ("subject", "sort_key", "granted", "correction")
        request["ExpressionAttributeNames"] |= {f"#{name}": name for name in names}
        newest: dict[Subject, tuple[str, bool]] = {}
        for page in self._calls.pages("scan", request):
            for item in page["Items"]:
                if item.get("correction", {}).get("BOOL"):
                    continue
                subject, (created, granted) = subject_of(item), (item["sort_key"]["S"], item["granted"]["BOOL"])
                newest[subject] = max(newest.get(subject, ("", False)), (created, granted))
        members: list[Any] = [subject for subject, (_, granted) in newest.items() if granted]
        yield from sorted(members)

    def records(
        self, run_id: str | None = None, subject: Subject | None = None
    ) -> Iterator[HistoryRecord | Unreadable]:
        """
        Every record, a page at a time: a scan, which reads the partitions one after the other; a subject's by a query.

        A run's are picked out of what is read: a stream feeds a register at a smaller price.
        """
        request: Request = {"TableName": self._table, "ConsistentRead": True}
        if subject is not None:
            key = encode(subject_checked(subject, self._subject_type))
            request = self._read("#subject = :subject", {":subject": key}, "KeyConditionExpression", subject="subject")
        if run_id:
            asked = self._read("#run = :run", {":run": encode(run_id)}, "FilterExpression", run="run_id")
            request |= {name: {**request.get(name, {}), **said} for name, said in asked.items() if type(said) is dict}
            request["FilterExpression"] = asked["FilterExpression"]
        for page in self._calls.pages("scan" if subject is None else "query", request):
            yield from map(read_item, page["Items"])

    def guard_faults(self) -> Iterable[Fault]:
        """None: that nobody overwrites is for the policies of the account to say, which no table tells."""
        return ()

    def chain(self) -> Chain:
        """The entries of the chain of publications, the oldest first."""
        request = self._read("#chain = :chain", {":chain": encode(CHAIN)}, "KeyConditionExpression", chain="chain")
        pages = self._calls.pages("query", request | {"TableName": self._chain})
        return chain_from(item for page in pages for item in page["Items"])

    def claim(self, entry: Publication) -> bool:
        """Claim the entry's number by an insert that can succeed once; whose it is now is read back."""
        self._say(entry, "claimed")
        held = next((each for each in self.chain() if each.number == entry.number), None)
        return held is not None and held.content() == entry.content()

    def close(self, entry: Publication) -> None:
        """Say, once, that the history holds all of a claimed entry's run."""
        self._say(entry, "closed")

    def _say(self, entry: Publication, state: str) -> None:
        item = chain_item(entry, state)
        statement = {"Statement": self._claim, "Parameters": [item[name] for name in CHAIN_ATTRIBUTES]}
        (reply,) = self._calls.batch([statement], writes=True)
        if (error := reply.get("Error")) and error["Code"] != "DuplicateItem":
            what = f"DynamoDB does not take it: {error.get('Code')}, {error.get('Message')}"
            remedy = f"Let the role insert into {self._chain} and query it, then publish again."
            raise RunRefused(Fault(f"Entry {entry.number} of the chain of '{self._table}'", what, remedy))

    def _read(self, condition: str, values: Mapping[str, Any], kind: str, **names: str) -> Request:
        return {
            "TableName": self._table,
            "ConsistentRead": True,
            kind: condition,
            "ExpressionAttributeNames": {f"#{name}": attribute for name, attribute in names.items()},
            "ExpressionAttributeValues": dict(values),
        }

    def _counted(self, run_id: str) -> int:
        counted = 0
        for shard in range(SHARDS):
            values = {":shard": encode(f"{run_id}#{shard}")}
            request = self._read("#shard = :shard", values, "KeyConditionExpression", shard="run_shard")
            request |= {"IndexName": INDEX, "Select": "COUNT", "ConsistentRead": False}
            counted += sum(page["Count"] for page in self._calls.pages("query", request))
        return counted

    def _description(self, table: str) -> dict[str, Any] | None:
        answer = self._calls.one("describe_table", {"TableName": table}, accepted="ResourceNotFoundException")
        return answer.get("Table")

    def _check(self) -> None:
        """Refuse a table that is not there or has other keys, before anything is written."""
        there = self._description(self._table)
        if there is None:
            fault = Fault(f"History '{self._table}'", "DynamoDB has no such table.", "Create the history first.")
            raise RunRefused(fault)
        types = {a["AttributeName"]: a["AttributeType"] for a in there["AttributeDefinitions"]}
        keys = [(key["AttributeName"], types[key["AttributeName"]]) for key in there["KeySchema"]]
        if keys != [("subject", self._key_type), ("sort_key", "S")]:
            raise RunRefused(
                Fault(
                    f"History '{self._table}'",
                    f"its keys are {keys}; subjects of type {self._subject_type} need ('subject', '{self._key_type}').",
                    "Name another table: a history's keys never change.",
                )
            )

    def _feed(self, pool: ThreadPoolExecutor, records: Iterable[HistoryRecord], ledger: _Ledger) -> None:
        """Keep the threads busy, with few batches waiting; stop feeding at the first trouble."""
        running: set[Future[None]] = set()
        try:
            for batch in _batches(records, ledger):
                running.add(pool.submit(self._settle, batch, ledger))
                if len(running) >= 2 * self._pace.workers:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    _look_at(done)
                if ledger.collisions:
                    break
            _look_at(running)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

    def _settle(self, batch: list[HistoryRecord], ledger: _Ledger) -> None:
        """Insert a batch of distinct keys, and compare those that are there already."""
        items = [item_of(record, self._subject_type) for record in batch]
        inserts = [{"Statement": self._insert, "Parameters": [item[name] for name in ATTRIBUTES]} for item in items]
        errors = [reply.get("Error") for reply in self._calls.batch(inserts, writes=True)]
        there = [i for i, error in enumerate(errors) if error and error["Code"] == "DuplicateItem"]
        held = self._held([items[i] for i in there])
        pairs = [(old, batch[i]) for i, old in zip(there, held, strict=True)]
        ledger.settled(
            batch, errors.count(None), [(old, new) for old, new in pairs if old.content_hash != new.content_hash]
        )
        refused = (i for i, error in enumerate(errors) if error and error["Code"] != "DuplicateItem")
        raise_all(RunRefused, (_unstorable(batch[i], errors[i]) for i in refused))

    def _held(self, items: list[dict[str, Any]]) -> list[HistoryRecord]:
        """The records under the keys of these items, which DynamoDB said are there."""
        if not items:
            return []
        selects = [
            {"Statement": self._select, "Parameters": [item["subject"], item["sort_key"]], "ConsistentRead": True}
            for item in items
        ]
        replies = self._calls.batch(selects, writes=False)
        if any("Item" not in reply for reply in replies):
            raise RunInterrupted(
                Fault(
                    f"History '{self._table}'",
                    f"a record that is there cannot be read: {next(r for r in replies if 'Item' not in r)}.",
                    "Check that the writer may use dynamodb:PartiQLSelect and that nobody deletes; publish again.",
                )
            )
        return [record_of(reply["Item"]) for reply in replies]


def _batches(records: Iterable[HistoryRecord], ledger: _Ledger) -> Iterator[list[HistoryRecord]]:
    """The records in batches of distinct keys: DynamoDB refuses a call that names a key twice."""
    batch: dict[tuple[Subject, str], HistoryRecord] = {}
    for record in records:
        ledger.given += 1
        first = batch.setdefault((record.subject, record.sort_key), record)
        if first is not record and first.content_hash != record.content_hash:
            ledger.settled([], 0, [(first, record)])
        if len(batch) == BATCH:
            yield list(batch.values())
            batch = {}
    if batch:
        yield list(batch.values())


def _look_at(futures: Iterable[Future[None]]) -> None:
    """Raise what a thread raised."""
    for future in futures:
        future.result()


def _unstorable(record: HistoryRecord, error: Mapping[str, str] | None) -> Fault:
    said = error or {}
    return Fault(
        f"History record ({record.subject}, {record.sort_key})",
        f"DynamoDB does not take it: {said.get('Code')}, {said.get('Message')}",
        "Mend what it names: a permission, or the record.",
    )
