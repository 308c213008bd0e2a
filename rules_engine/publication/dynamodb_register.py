"""The register on DynamoDB: conditional writes that only a newer record passes (R-HIST-7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

from rules_engine.errors import Fault, RunInterrupted, RunRefused
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.register import Row, changes, check_numbers, number_of
from rules_engine.publication.dynamodb_calls import Calls, Request
from rules_engine.publication.dynamodb_items import decode, encode
from rules_engine.publication.dynamodb_register_items import (
    BY_TYPE,
    MARK,
    OWNER,
    SHARDS,
    definitions,
    is_row,
    key_of,
    row_of,
    shard_of,
    update_of,
)
from rules_engine.publication.pace import Pace
from rules_engine.publication.records import SubjectType
from rules_engine.publication.register_tables import RegisterTables

TOO_LATE = "ConditionalCheckFailedException"
REMEDIES = {
    "ResourceNotFoundException": "Build it first: `rules register rebuild`.",
    "AccessDeniedException": "Let the role read and write the register's tables: infra/register.yaml.",
    "ExpiredTokenException": "Log in again, and do the same again.",
}
AT_ONCE = 100
"""Keys that one BatchGetItem takes."""

_T = TypeVar("_T")
_R = TypeVar("_R")


class DynamoDBRegister:
    """
    A register in three tables: rows by number and type, subject to number, and what was set apart.

    A number belongs to whoever claimed it first: an item of its own beside the rows says whose it is. All of it is
    conditional writes of one item, so that a writer may stop anywhere and another may go on. ``subject_type`` counts
    when the tables are made.
    """

    def __init__(
        self, tables: RegisterTables, client: Any, subject_type: SubjectType = "bigint", pace: Pace | None = None
    ) -> None:
        self._tables = tables
        self._key_type = "N" if subject_type == "bigint" else "S"
        self._pace = pace or Pace()
        again = "Do the same again: what is there stays."
        self._calls = Calls(f"Register '{tables.rows}'", client, self._pace, again, REMEDIES)

    def create(self) -> None:
        """Make the tables, paid per request."""
        for table, definition in definitions(self._tables, self._key_type).items():
            if self._description(table) is None:
                self._calls.one("create_table", {"TableName": table, **definition}, accepted="ResourceInUseException")
            for _ in self._pace.tries():
                if (there := self._description(table)) and there["TableStatus"] == "ACTIVE":
                    break

    def apply(self, records: Collection[HistoryRecord]) -> int:
        """Bring the rows of these records' pairs up to date; how many rows that changed."""
        asked = changes(records)
        numbers = self._numbers({row.subject for row in (*asked.made, *asked.changed)})
        missing = {row.subject for row in asked.made} - numbers.keys()
        numbers |= dict(zip(missing, self._each(self._issued, missing), strict=True))
        given = [(row, True) for row in asked.made] + [(row, False) for row in asked.changed if row.subject in numbers]
        return sum(self._each(lambda one: self._put(numbers[one[0].subject], *one), given))

    def adopt(self, numbers: Mapping[Subject, str]) -> int:
        """Take membership numbers from the master; how many are new. What was taken before a refusal stays."""
        check_numbers(numbers)
        known = self._numbers(numbers)
        new = {subject: number for subject, number in numbers.items() if known.get(subject) != number}
        for subject, number in new.items():
            held = known.get(subject)
            if held or not self._claims(subject, number) or (held := self._settled(subject, number)) != number:
                has = f"it has number {held}" if held else "that number is another subject's"
                what = f"number {number} is not its: {has}."
                raise RunRefused(Fault(f"Subject {subject}", what, "Nobody's number changes: mend the file."))
        return len(new)

    def number(self, subject: Subject) -> str | None:
        """A subject's membership number."""
        return self._numbers([subject]).get(subject)

    def member(self, number: str) -> tuple[Row, ...]:
        """The rows of a membership number, by membership type."""
        request = self._query("#key = :key", {":key": number}, key="number") | {"ConsistentRead": True}
        return tuple(row_of(item) for item in self._items("query", request))

    def rows(self, subjects: Collection[Subject]) -> tuple[Row, ...]:
        """The rows of these subjects."""
        found = self._each(self.member, self._numbers(subjects).values())
        return tuple(row for rows in found for row in rows)

    def members(self, membership_type: str, after: Subject | None, limit: int) -> tuple[Row, ...]:
        """At most ``limit`` members of a type, part by part of the index, in a part by the subject's key."""
        found: list[Row] = []
        for shard in range(0 if after is None else shard_of(after), SHARDS):
            if len(found) >= limit:
                break
            values = {":key": f"{membership_type}#{shard}"}
            request = self._query("#key = :key", values, key="type_shard") | {"IndexName": BY_TYPE}
            if after is not None and shard == shard_of(after):
                request["KeyConditionExpression"] += " AND #subject > :after"
                request["ExpressionAttributeNames"]["#subject"] = "subject"
                request["ExpressionAttributeValues"][":after"] = encode(after)
            request["Limit"] = limit - len(found)
            for item in self._items("query", request):
                found.append(row_of(item))
                if len(found) >= limit:
                    break
        return tuple(found)

    def every(self) -> Iterator[Row]:
        """All rows, a page at a time."""
        request = {"TableName": self._tables.rows, "ConsistentRead": True}
        return map(row_of, self._items("scan", request))

    def remove(self, row: Row) -> None:
        """Take a row away if it is still as given."""
        request = {
            "TableName": self._tables.rows,
            "Key": key_of(row.number, row.membership_type),
            "ConditionExpression": "#sort_key = :sort_key AND #granted = :granted",
            "ExpressionAttributeNames": {"#sort_key": "sort_key", "#granted": "granted"},
            "ExpressionAttributeValues": {":sort_key": encode(row.sort_key), ":granted": encode(row.granted)},
        }
        self._calls.one("delete_item", request, accepted=TOO_LATE)

    def set_apart(self, sequence: str, what: Unreadable, content: str) -> None:
        """Keep what cannot be applied, once for each sequence number."""
        said = {"sequence": sequence, "which": what.which, "why": what.why, "content": content[:100_000]}
        self._insert(self._tables.poison, said, "sequence")

    def apart(self) -> int:
        """How much was set apart: a scan of what should be empty."""
        request = {"TableName": self._tables.poison, "Select": "COUNT", "ConsistentRead": True}
        return sum(page["Count"] for page in self._calls.pages("scan", request))

    def through(self) -> int | None:
        """The number of the last publication that is in the register whole; None if it was never built."""
        request = {"TableName": self._tables.rows, "Key": key_of(MARK, MARK), "ConsistentRead": True}
        item = self._calls.one("get_item", request, accepted="ResourceNotFoundException").get("Item")
        return int(decode(item["through"])) if item else None

    def keep_through(self, number: int) -> None:
        """Say so; a smaller number changes nothing."""
        request = {
            "TableName": self._tables.rows,
            "Key": key_of(MARK, MARK),
            "UpdateExpression": "SET #through = :through",
            "ConditionExpression": "attribute_not_exists(#through) OR #through < :through",
            "ExpressionAttributeNames": {"#through": "through"},
            "ExpressionAttributeValues": {":through": encode(number)},
        }
        self._calls.one("update_item", request, accepted=TOO_LATE)

    def _put(self, number: str, row: Row, makes: bool) -> bool:
        request = {"TableName": self._tables.rows} | update_of(number, row, makes=makes)
        return bool(self._calls.one("update_item", request, accepted=TOO_LATE))

    def _issued(self, subject: Subject) -> str:
        """The subject's number: the first that it is offered and nobody else has, or the one it has meanwhile."""
        return next(
            self._settled(subject, offer)
            for offer in (number_of(subject, attempt) for attempt in count())
            if self._claims(subject, offer)
        )

    def _claims(self, subject: Subject, number: str) -> bool:
        """Whether the number is this subject's, now or already."""
        item = {"number": number, "membership_type": OWNER, "subject": subject}
        if self._insert(self._tables.rows, item, "number"):
            return True
        request = {"TableName": self._tables.rows, "Key": key_of(number, OWNER), "ConsistentRead": True}
        owner = self._calls.one("get_item", request).get("Item")
        return owner is not None and owner["subject"] == encode(subject)

    def _settled(self, subject: Subject, number: str) -> str:
        """Look the subject up by this number from now on, unless it has one; the one it has."""
        if self._insert(self._tables.numbers, {"subject": subject, "number": number}, "subject"):
            return number
        return self._numbers([subject])[subject]

    def _insert(self, table: str, said: Mapping[str, object], key: str) -> bool:
        request = {
            "TableName": table,
            "Item": {name: encode(value) for name, value in said.items()},
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": key},
        }
        return bool(self._calls.one("put_item", request, accepted=TOO_LATE))

    def _numbers(self, subjects: Iterable[Subject]) -> dict[Subject, str]:
        found: dict[Subject, str] = {}
        wanted = [encode(subject) for subject in dict.fromkeys(subjects)]
        for start in range(0, len(wanted), AT_ONCE):
            keys = [{"subject": key} for key in wanted[start : start + AT_ONCE]]
            for _ in self._pace.tries():
                asked = {self._tables.numbers: {"Keys": keys, "ConsistentRead": True}}
                answer = self._calls.one("batch_get_item", {"RequestItems": asked})
                for item in answer["Responses"][self._tables.numbers]:
                    found[_subject(item["subject"])] = decode(item["number"])
                keys = answer.get("UnprocessedKeys", {}).get(self._tables.numbers, {}).get("Keys", [])
                if not keys:
                    break
            if keys:
                what = f"{len(keys)} numbers cannot be looked up: DynamoDB is throttled."
                raise RunInterrupted(Fault(f"Register '{self._tables.rows}'", what, "Do the same again."))
        return found

    def _each(self, work: Callable[[_T], _R], given: Iterable[_T]) -> list[_R]:
        with ThreadPoolExecutor(self._pace.workers) as pool:
            return list(pool.map(work, given))

    def _query(self, condition: str, values: Mapping[str, object], **names: str) -> Request:
        return {
            "TableName": self._tables.rows,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": attribute for name, attribute in names.items()},
            "ExpressionAttributeValues": {name: encode(value) for name, value in values.items()},
        }

    def _items(self, operation: str, request: Request) -> Iterator[Request]:
        return (item for page in self._calls.pages(operation, request) for item in page["Items"] if is_row(item))

    def _description(self, table: str) -> Request | None:
        answer = self._calls.one("describe_table", {"TableName": table}, accepted="ResourceNotFoundException")
        return answer.get("Table")


def _subject(value: Mapping[str, str]) -> Subject:
    ((kind, text),) = value.items()
    return int(text) if kind == "N" else text
