"""What a history record is on DynamoDB: its table, its attributes, and the index that counts a run."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from rules_engine.model.decisions import Hit
from rules_engine.model.history import (
    HistoryRecord,
    Subject,
    Unreadable,
    created_text,
    hit_content,
    read,
    record_from,
)
from rules_engine.model.publications import Chain, Publication, entry_key, read_chain
from rules_engine.model.rules import Policy
from rules_engine.publication.records import SubjectType, subject_checked, survivor_checked

encode = TypeSerializer().serialize
decode = TypeDeserializer().deserialize

SHARDS = 16
"""
Parts of a run in the index that counts it. One part takes about 1,000 writes
per second, and an index that is full holds up the table itself.
"""

INDEX = "by_run"
CHAIN = "publications"
"""The one partition of the chain's table."""
ATTRIBUTES = (
    "subject sort_key created_at membership_type granted event reason inclusion_sum exclusion_sum hits "
    "first_granted rule_set_digest snapshots as_of run_id engine_version format policy correction content_hash "
    "merged_into run_shard"
).split()

CHAIN_ATTRIBUTES = (
    "chain entry number run_id previous_run as_of created_at manifest_digest decisions_digest decided correction"
).split()
"""Of an item of the chain of publications: its keys, then what the entry says."""


def definition(key_type: str, *, stream: bool) -> dict[str, Any]:
    """The table's keys, index and stream, as CreateTable takes them; ``key_type`` is N or S."""
    types = {"subject": key_type, "sort_key": "S", "run_shard": "S"}
    return {
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        "KeySchema": _key("subject", "sort_key"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": _key("run_shard", "subject"),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        if stream
        else {"StreamEnabled": False},
        "DeletionProtectionEnabled": True,
    }


def chain_definition() -> dict[str, Any]:
    """The table of the chain: one partition, sorted by number and state."""
    return {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("chain", "entry")],
        "KeySchema": _key("chain", "entry"),
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    }


def chain_item(entry: Publication, state: str) -> dict[str, Any]:
    """An entry as an item; ``state`` is ``claimed`` or ``closed``."""
    content = entry.content() | {"chain": CHAIN, "entry": entry_key(entry.number, state)}
    return {name: encode(content[name]) for name in CHAIN_ATTRIBUTES}


def chain_from(items: Iterable[Mapping[str, Any]]) -> Chain:
    """The chain that :func:`chain_item` made items of, given in any order."""
    said = [{name: decode(value) for name, value in item.items()} for item in items]
    return read_chain((each["entry"], each, None) for each in said)


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def item_of(record: HistoryRecord, subject_type: SubjectType) -> dict[str, Any]:
    """The record as an item: its content by attribute, its keys, and its part of the run."""
    subject = subject_checked(record.subject, subject_type)
    shard = zlib.crc32(str(subject).encode()) % SHARDS
    created = created_text(record.created_at)
    first, into = record.first_granted, survivor_checked(record.merged_into, subject_type)
    run = _of_run(
        record.rule_set_digest, tuple(record.snapshots.items()), record.as_of, record.run_id, record.engine_version
    )
    return {
        "subject": _subject(subject),
        "sort_key": {"S": f"{created}#{record.membership_type}"},
        "created_at": {"S": created},
        "membership_type": {"S": record.membership_type},
        "granted": {"BOOL": record.granted},
        "event": {"S": record.event.value},
        "reason": {"S": record.reason.value},
        "inclusion_sum": {"N": str(record.inclusion_sum)},
        "exclusion_sum": {"N": str(record.exclusion_sum)},
        "hits": {"L": list(map(_hit, record.hits))},
        "first_granted": {"S": first.isoformat()} if first else {"NULL": True},
        "format": {"N": str(record.format)},
        "policy": _policy(record.policy),
        "correction": {"BOOL": record.correction},
        "content_hash": {"S": record.content_hash},
        "merged_into": {"NULL": True} if into is None else _subject(into),
        "run_shard": {"S": f"{record.run_id}#{shard}"},
        **run,
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {"N" if type(subject) is int else "S": str(subject)}


# boto3's serializer takes three times as long for an item as all else; what a run repeats is remembered.
@lru_cache(maxsize=100_000)
def _hit(hit: Hit) -> dict[str, Any]:
    said: dict[str, Any] = encode(hit_content(hit))
    return said


@lru_cache(maxsize=256)
def _policy(policy: Policy | None) -> dict[str, Any]:
    said: dict[str, Any] = encode(policy.content() if policy else None)
    return said


@lru_cache(maxsize=256)
def _of_run(
    rule_set_digest: str, snapshots: tuple[tuple[str, str], ...], as_of: date, run_id: str, engine_version: str
) -> dict[str, dict[str, Any]]:
    said = {
        "rule_set_digest": rule_set_digest,
        "snapshots": dict(snapshots),
        "as_of": as_of.isoformat(),
        "run_id": run_id,
        "engine_version": engine_version,
    }
    return {name: encode(value) for name, value in said.items()}


def subject_of(item: Mapping[str, Any]) -> Subject:
    """An item's subject: DynamoDB keeps whether it was a number or text."""
    ((kind, text),) = item["subject"].items()
    return int(text) if kind == "N" else str(text)


def record_of(item: Mapping[str, Any]) -> HistoryRecord:
    """The record that :func:`item_of` made an item of."""
    return record_from({name: decode(value) for name, value in item.items()} | {"subject": subject_of(item)})


def read_item(item: Mapping[str, Any]) -> HistoryRecord | Unreadable:
    """The record of an item of the table or its stream, or why it is none."""
    try:
        said = {name: decode(value) for name, value in item.items()} | {"subject": subject_of(item)}
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as problem:
        return Unreadable("Item", f"it has no subject, or is no item: {type(problem).__name__}, {problem}")
    which = f"Record ({said['subject']}, {said.get('sort_key')})"
    return read(which, {"sort_key": None} | said, said.get("content_hash"))
