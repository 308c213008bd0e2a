"""Reads a table's stream as AWS Lambda does: shard by shard, parents first, resuming where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rules_engine.errors import Fault, RunInterrupted, RunRefused

Handle = Callable[[Mapping[str, Any]], Mapping[str, list[dict[str, str]]]]

QUIET = 3
"""Empty answers in a row after which an open shard counts as drained."""

PATIENCE = 20
"""Times that a failed item is given again before following stops."""

GONE = {"TrimmedDataAccessException", "ExpiredIteratorException", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Positions:
    """How far each shard of a stream was read: a JSON file, replaced as a whole."""

    file: Path

    def read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}  # from the beginning: what comes again changes nothing

    def keep(self, positions: Mapping[str, str]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".part")
        draft.write_text(json.dumps(positions, sort_keys=True), encoding="utf-8")
        draft.replace(self.file)


@dataclass
class Stream:
    """
    A table's stream, read from the position kept, or from its oldest record.

    ``handle`` is given batches in the shape of Lambda's events. From the first item that failed on, everything comes
    again; the position kept never passes an item that was not taken.
    """

    client: Any
    arn: str
    positions: Positions
    handle: Handle
    batch: int = 100
    sleep: Callable[[float], None] = time.sleep

    def drain(self) -> int:
        """
        Read what is there; how many items were taken.

        Raises:
            RunInterrupted: If an item fails again and again, or the stream cannot be read.
        """
        return sum(self._drained(shard) for shard in self._shards())

    def _shards(self) -> Iterator[str]:
        """The shards, each after its parent."""
        found: dict[str, str | None] = {}
        request: dict[str, Any] = {"StreamArn": self.arn}
        while True:
            described = self._asked("describe_stream", request)["StreamDescription"]
            found |= {shard["ShardId"]: shard.get("ParentShardId") for shard in described["Shards"]}
            if not (last := described.get("LastEvaluatedShardId")):
                break
            request["ExclusiveStartShardId"] = last
        while found:
            free = [shard for shard, parent in found.items() if parent not in found]
            yield from free
            for shard in free:
                del found[shard]

    def _drained(self, shard: str) -> int:
        taken = quiet = failed = 0
        iterator: str | None = self._iterator(shard)
        while iterator and quiet < QUIET:
            answer = self._asked("get_records", {"ShardIterator": iterator, "Limit": self.batch}, gone=True)
            records = answer.get("Records", [])
            quiet = 0 if records else quiet + 1
            iterator = answer.get("NextShardIterator") if answer else self._iterator(shard)
            if not records:
                continue
            through = self._taken(records)
            taken += through
            if through:
                self.positions.keep(self.positions.read() | {shard: records[through - 1]["dynamodb"]["SequenceNumber"]})
            if through < len(records):
                failed = 1 if through else failed + 1
                self._rest(failed, records[through]["dynamodb"]["SequenceNumber"])
                iterator = self._iterator(shard)
        return taken

    def _taken(self, records: list[dict[str, Any]]) -> int:
        """How many of the records, from the first on, were taken."""
        sequences = [record["dynamodb"]["SequenceNumber"] for record in records]
        failures = {each["itemIdentifier"] for each in self.handle({"Records": records})["batchItemFailures"]}
        if failures - {*sequences}:
            return 0  # as Lambda does: an answer that names what was not given fails the whole batch
        return next((place for place, sequence in enumerate(sequences) if sequence in failures), len(records))

    def _rest(self, failed: int, sequence: str) -> None:
        if failed >= PATIENCE:
            what = f"item {sequence} was not taken in {PATIENCE} tries."
            remedy = "See what was said of it on stderr, mend that, and follow again: it goes on from there."
            raise RunInterrupted(Fault(f"Stream {self.arn}", what, remedy))
        self.sleep(min(2.0, 0.05 * 2**failed))

    def _iterator(self, shard: str) -> str:
        position = self.positions.read().get(shard)
        request = {"StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        if position:
            after = request | {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position}
            if iterator := self._asked("get_shard_iterator", after, gone=True).get("ShardIterator"):
                return str(iterator)
        return str(self._asked("get_shard_iterator", request)["ShardIterator"])

    def _asked(self, operation: str, request: Mapping[str, Any], *, gone: bool = False) -> dict[str, Any]:
        try:
            return dict(getattr(self.client, operation)(**request))
        except (BotoCoreError, ClientError) as problem:
            code = problem.response["Error"]["Code"] if isinstance(problem, ClientError) else ""
            if gone and (code in GONE or code == "ValidationException"):
                return {}
            remedy = "Check the role and the network, then follow again: it goes on from the position kept."
            raise RunInterrupted(Fault(f"Stream {self.arn}", f"it cannot be read: {problem}.", remedy)) from problem


def stream_of(client: Any, table: str) -> str:
    """
    The address of a table's stream.

    Raises:
        RunRefused: If there is no such table, or it has no stream.
    """
    try:
        found = client.describe_table(TableName=table)["Table"]
    except (BotoCoreError, ClientError) as problem:
        remedy = "Publish a run first: `rules run`."
        raise RunRefused(Fault(f"History '{table}'", f"it cannot be followed: {problem}.", remedy)) from problem
    if not found.get("LatestStreamArn"):
        what, remedy = "it has no stream.", "Turn one on with view type NEW_IMAGE, or use `rules register rebuild`."
        raise RunRefused(Fault(f"History '{table}'", what, remedy))
    return str(found["LatestStreamArn"])
