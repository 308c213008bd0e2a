"""
Feeds the register from the stream of the history: an AWS Lambda for DynamoDB Streams (R-HIST-7).

``handle`` is the function's entry point. It needs `RULES_ENV`, `RULES_TENANT` and a role that may write the register's
tables and nothing else. ``rules register follow`` gives the same events of the same stream to :func:`fed`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b
from typing import Any

from rules_engine.model.history import HistoryRecord, Unreadable
from rules_engine.ports import Register
from rules_engine.publication.dynamodb_calls import connect
from rules_engine.publication.dynamodb_items import read_item
from rules_engine.publication.dynamodb_register import DynamoDBRegister
from rules_engine.publication.pace import Pace
from rules_engine.publication.register_tables import register_tables

Event = Mapping[str, Any]
Answer = dict[str, list[dict[str, str]]]
Note = Callable[[dict[str, object]], None]

GIVE_UP = 3
"""Failures in a row after which the rest of a batch is not tried: the store is not there."""


def handle(event: Event, context: object) -> Answer:  # noqa: ARG001  AWS Lambda gives both
    """One batch of the stream; what failed is given back by sequence number, and comes again."""
    return fed(event, _register())


def fed(event: Event, register: Register, note: Note | None = None) -> Answer:
    """
    Apply a batch to a register: the sequence numbers of what failed, for a partial batch response.

    What can never be applied is set apart and does not come again. Nothing is left out without a word: ``note`` is
    told counts and, of each failure, its sequence number and what went wrong, by default on stderr.
    """
    note = note or on_stderr
    batch = _Batch(register, note)
    for item in event.get("Records", ()):
        batch.take(item)
    batch.apply()
    note(
        {
            "event": "register fed",
            "records": len(event.get("Records", ())),
            "changed": batch.changed,
            "set_apart": batch.apart,
            "failed": len(batch.failed),
        }
    )
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in batch.failed]}


class _Batch:
    """What becomes of the items of one batch."""

    def __init__(self, register: Register, note: Note) -> None:
        self._register = register
        self._note = note
        self._readable: dict[str, HistoryRecord] = {}
        self._places: dict[str, int] = {}
        self._failed: set[str] = set()
        self.apart = 0
        self.changed = 0

    @property
    def failed(self) -> list[str]:
        """In the order of the batch, which is that of the stream."""
        return sorted(self._failed, key=self._places.__getitem__)

    def take(self, item: Any) -> None:
        """Keep an item's record for later, or set the item apart at once."""
        sequence = sequence_of(item)
        self._places.setdefault(sequence, len(self._places))
        found = record_in(item)
        if isinstance(found, HistoryRecord):
            self._readable[sequence] = found
        elif self._tried(
            sequence, lambda: self._register.set_apart(sequence, found, json.dumps(item, default=str, sort_keys=True))
        ):
            self.apart += 1

    def apply(self) -> None:
        """All records at once; if that fails, one by one, so that one bad record holds up none of the others."""
        if self._readable and not self._applied([*self._readable.values()], *self._readable):
            in_a_row = 0
            for sequence, record in self._readable.items():
                if in_a_row >= GIVE_UP:
                    self._failed.add(sequence)
                else:
                    in_a_row = 0 if self._applied([record], sequence) else in_a_row + 1

    def _applied(self, records: list[HistoryRecord], *sequences: str) -> bool:
        def apply() -> None:
            self.changed += self._register.apply(records)

        if not self._tried(sequences[0], apply):
            return False
        self._failed -= {*sequences}
        return True

    def _tried(self, sequence: str, work: Callable[[], None]) -> bool:
        try:
            work()
        except Exception as problem:  # whatever it is, the item comes again and the note says why
            self._failed.add(sequence)
            at = traceback.extract_tb(problem.__traceback__)[-1]
            said = {"sequence": sequence, "error": type(problem).__name__, "at": f"{at.filename}:{at.lineno} {at.name}"}
            self._note({"event": "register not fed", **said})  # not its words: they may hold a subject's key
            return False
        return True


def record_in(item: Any) -> HistoryRecord | Unreadable:
    """The record that an event of the stream inserted, or why there is none: a history is never edited."""
    try:
        name, image = item["eventName"], item["dynamodb"].get("NewImage")
    except (AttributeError, KeyError, TypeError):
        return Unreadable("Event", "it is no event of a stream of DynamoDB")
    if name != "INSERT":
        return Unreadable(f"Event {name}", "records are inserted, never changed and never removed")
    if not isinstance(image, Mapping):
        return Unreadable("Event INSERT", "it has no new image: the stream's view type must be NEW_IMAGE")
    return read_item(image)


def sequence_of(item: Any) -> str:
    """An item's sequence number; of what has none, a digest that names it."""
    try:
        return str(item["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError):
        return blake2b(json.dumps(item, default=str, sort_keys=True).encode(), digest_size=16).hexdigest()


@cache
def _register() -> Register:
    """The register of the function's environment, with less patience than a function's time."""
    tables = register_tables(os.environ["RULES_ENV"], os.environ["RULES_TENANT"])
    endpoint, region = os.environ.get("RULES_HISTORY_ENDPOINT"), os.environ.get("AWS_REGION")
    return DynamoDBRegister(tables, connect(endpoint, region), pace=Pace(attempts=8, longest_wait=1.0))


def on_stderr(said: dict[str, object]) -> None:
    """One JSON line; on AWS that is the function's log."""
    print(json.dumps(said, sort_keys=True), file=sys.stderr)
