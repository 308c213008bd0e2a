"""What a register's row is on DynamoDB: its tables, its attributes, and the update that only a newer record passes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from rules_engine.model.history import Subject
from rules_engine.model.register import Row, row_from
from rules_engine.publication.dynamodb_items import decode, encode, subject_of
from rules_engine.publication.register_tables import RegisterTables

SHARDS = 16
"""Parts of a membership type in the index of members; one part takes about 1,000 writes per second."""

BY_TYPE = "by_type"
OWNER = "#subject"
"""Where a row has its membership type: the item that says whose the number is. No type's key has a '#'."""

MARK = "#through"
"""The item that says how far the register is whole."""


def definitions(tables: RegisterTables, key_type: str) -> Mapping[str, Mapping[str, Any]]:
    """The tables as CreateTable takes them; ``key_type`` of the subject is N or S."""
    rows = _definition({"number": "S", "membership_type": "S"}, {"type_shard": "S", "subject": key_type})
    index = {
        "IndexName": BY_TYPE,
        "KeySchema": _keys("type_shard", "subject"),
        "Projection": {"ProjectionType": "ALL"},
    }
    return {
        tables.numbers: _definition({"subject": key_type}),
        tables.poison: _definition({"sequence": "S"}),
        tables.rows: rows | {"GlobalSecondaryIndexes": [index]},
    }


def _definition(keys: Mapping[str, str], more: Mapping[str, str] | None = None) -> dict[str, Any]:
    types = {**keys, **(more or {})}
    return {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        "KeySchema": _keys(*keys),
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    }


def _keys(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def key_of(number: str, membership_type: str) -> dict[str, Any]:
    """The key of an item of the table of rows."""
    return {"number": encode(number), "membership_type": encode(membership_type)}


def shard_of(subject: Subject) -> int:
    """The part of the index that a member is in."""
    return zlib.crc32(str(subject).encode()) % SHARDS


def is_row(item: Mapping[str, Any]) -> bool:
    """Whether an item of the table of rows is one."""
    return not item["membership_type"]["S"].startswith("#")


def row_of(item: Mapping[str, Any]) -> Row:
    """The row of an item."""
    said = {name: decode(value) for name, value in item.items()}
    return row_from({"since": None} | said | {"subject": subject_of(item)})


def update_of(number: str, row: Row, *, makes: bool) -> dict[str, Any]:
    """
    The update by which a row becomes this one, if it is older, and is made if there is none and the update ``makes``.

    Only members are in the index: an item without ``type_shard`` is not.
    """
    kept = ("subject", "granted", "event", "as_of", "sort_key", "run_id")
    said = {name: value for name, value in row.content().items() if name in kept}
    said |= {"since": row.since.isoformat()} if row.since else {}
    said |= {"type_shard": f"{row.membership_type}#{shard_of(row.subject)}"} if row.granted else {}
    condition = "#sort_key < :sort_key"
    return {
        "Key": key_of(number, row.membership_type),
        "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in said)}"
        + ("" if row.granted else " REMOVE #type_shard"),
        "ConditionExpression": f"attribute_not_exists(#sort_key) OR {condition}" if makes else condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in {*said, "type_shard"}},
        "ExpressionAttributeValues": {f":{name}": encode(value) for name, value in said.items()},
    }
