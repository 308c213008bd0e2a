"""The function that AWS Lambda calls: what it applies, sets apart, gives back, and says (R-HIST-7)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobs.register_feed import fed
from jobs.register_stream import PATIENCE, Positions, Stream
from rules_engine.errors import Fault, RunInterrupted
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.publication.dynamodb_items import item_of
from tests.contract.history_records import granted, revoked
from tests.in_memory_register import InMemoryRegister
from tests.spec.table import Row, cases


def event(sequence: int, record: HistoryRecord, name: str = "INSERT", **instead: Any) -> dict[str, Any]:
    image = item_of(record, "bigint") | instead
    return {"eventName": name, "dynamodb": {"SequenceNumber": str(sequence), "NewImage": image}}


@dataclass
class Refusing(InMemoryRegister):
    """A register that cannot write the rows of some subjects, nor set anything apart if it is told so."""

    subjects: frozenset[Subject] = frozenset()
    refuses_poison: bool = False
    tried: list[int] = field(default_factory=list)

    def apply(self, records: Collection[HistoryRecord]) -> int:
        self.tried.append(len(records))
        if any(record.subject in self.subjects for record in records):
            raise RunInterrupted(Fault("The register", "it is not there.", "Do the same again."))
        return super().apply(records)

    def set_apart(self, sequence: str, what: Unreadable, content: str) -> None:
        if self.refuses_poison:
            raise RunInterrupted(Fault("The register", "it is not there.", "Do the same again."))
        super().set_apart(sequence, what, content)


def failures(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    assert list(answer) == ["batchItemFailures"]
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_batch_is_applied(capsys: pytest.CaptureFixture[str]) -> None:
    """No failures is an empty list; counts are said on stderr, and no subject."""
    register = InMemoryRegister()
    assert fed({"Records": [event(1, granted(4711)), event(2, revoked(4711))]}, register) == {"batchItemFailures": []}
    assert [row.granted for row in register.every()] == [False]
    said = capsys.readouterr().err
    assert '"records": 2' in said
    assert "4711" not in said


def test_an_empty_batch_is_nothing() -> None:
    """Lambda may call with nothing."""
    assert fed({}, InMemoryRegister()) == {"batchItemFailures": []}


def test_what_fails_is_given_back_and_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Each failing item by its sequence number, in the order of the batch; the others are applied."""
    register = Refusing(subjects=frozenset({2, 4}))
    batch = [event(100 - subject, granted(subject)) for subject in range(1, 6)]
    assert failures(fed({"Records": batch}, register)) == ["98", "96"]
    assert {row.subject for row in register.every()} == {1, 3, 5}
    said = capsys.readouterr().err
    assert said.count('"register not fed"') == 3
    assert "RunInterrupted" in said


def test_a_store_that_is_gone_is_not_asked_for_each_item() -> None:
    """After three failures in a row the rest is given back untried: a function has a minute, not an hour."""
    register = Refusing(subjects=frozenset(range(100)))
    batch = [event(subject, granted(subject)) for subject in range(100)]
    assert failures(fed({"Records": batch}, register)) == [str(subject) for subject in range(100)]
    assert register.tried == [100, 1, 1, 1]


def test_poison_that_cannot_be_set_apart_comes_again() -> None:
    """It is never dropped."""
    register = Refusing(refuses_poison=True)
    batch = {"Records": [event(1, granted(1)), event(2, granted(2), "REMOVE"), event(3, granted(3))]}
    assert failures(fed(batch, register)) == ["2"]
    assert {row.subject for row in register.every()} == {1, 3}


POISON = """
    event                                                       | why                     | because
    ------------------------------------------------------------+-------------------------+--------------------------------------
    event(1, granted(1), "MODIFY")                              | never changed           | a history is insert-only
    event(1, granted(1), "REMOVE")                              | never removed           | nothing is deleted from a history
    event(1, granted(1), granted={"BOOL": False})               | its content hash is     | an image that was altered
    event(1, granted(1), content_hash={"NULL": True})           | its content hash is     | a record of this form has a hash
    event(1, granted(1), sort_key={"S": "9999#GOLD"})           | its sort key would be   | the key says another moment
    event(1, granted(1), format={"N": "9"})                     | it is of form 9         | a later version wrote it
    event(1, granted(1), event={"S": "PROMOTED"})               | does not read           | an event that there is none of
    event(1, granted(1), as_of={"S": "today"})                  | does not read           | a day that is none
    event(1, granted(1), hits={"S": "none"})                    | does not read           | hits of another form
    event(1, granted(1), subject={"BOOL": True})                | its content hash is     | a subject of no type there is
    {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1"}} | no new image           | a stream of keys alone
    {"eventName": "INSERT"}                                     | no event of a stream    | an event without its half
    {"body": "hello"}                                           | no event of a stream    | an event of another source
    "hello"                                                     | no event of a stream    | no event at all
    None                                                        | no event of a stream    | nothing at all
"""


@pytest.mark.parametrize("case", cases(POISON))
def test_poison_is_set_apart_once_and_counted(case: Row) -> None:
    """It is kept with why, does not come again, and holds nothing up; a record beside it is applied."""
    register = InMemoryRegister()
    poison = eval(case["event"], {"event": event, "granted": granted})
    for _ in range(2):
        assert fed({"Records": [poison, event(7, granted(2))]}, register) == {"batchItemFailures": []}
    assert register.apart() == 1
    ((what, _),) = register.poison.values()
    assert case["why"] in what.why
    assert {row.subject for row in register.every()} == {2}


@dataclass
class Shards:
    """A stream told outright: shard to its parent and its records; positions are honoured as AWS honours them."""

    shards: dict[str, tuple[str | None, list[dict[str, Any]]]]
    gone: frozenset[str] = frozenset()

    def describe_stream(self, **_: Any) -> dict[str, Any]:
        told = [{"ShardId": name, "ParentShardId": parent} for name, (parent, _) in self.shards.items()]
        return {"StreamDescription": {"Shards": told}}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        records = self.shards[asked["ShardId"]][1]
        after = asked.get("SequenceNumber")
        if after in self.gone:
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException"}}, "GetShardIterator")
        start = 0 if after is None else [r["dynamodb"]["SequenceNumber"] for r in records].index(after) + 1
        return {"ShardIterator": f"{asked['ShardId']}:{start}"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        name, _, start = asked["ShardIterator"].rpartition(":")
        records = self.shards[name][1][int(start) : int(start) + asked["Limit"]]
        return {"Records": records, "NextShardIterator": f"{name}:{int(start) + len(records)}"}


def followed(tmp_path: Path, shards: Shards, register: InMemoryRegister, rests: list[float]) -> Stream:
    positions = Positions(tmp_path / "positions.json")
    return Stream(
        shards, "arn", positions, lambda batch: fed(batch, register, lambda _: None), batch=4, sleep=rests.append
    )


def test_shards_are_read_after_their_parents_and_once(tmp_path: Path) -> None:
    """A second reading goes on where the first stopped, in another process too."""
    parent = [event(subject, granted(subject)) for subject in range(10)]
    child = [event(100 + subject, revoked(subject)) for subject in range(5)]
    shards, register = Shards({"child": ("parent", child), "parent": ("trimmed", parent)}), InMemoryRegister()
    assert followed(tmp_path, shards, register, []).drain() == 15
    assert sorted(row.subject for row in register.members("GOLD", None, 99)) == [5, 6, 7, 8, 9]
    child.append(event(200, granted(50)))
    assert followed(tmp_path, shards, register, []).drain() == 1


def test_a_position_that_the_stream_forgot_begins_anew(tmp_path: Path) -> None:
    """What comes again changes nothing."""
    records = [event(subject, granted(subject)) for subject in range(3)]
    register = InMemoryRegister()
    followed(tmp_path, Shards({"one": (None, records)}), register, []).drain()
    assert followed(tmp_path, Shards({"one": (None, records)}, frozenset({"2"})), register, []).drain() == 3


def test_an_item_that_is_never_taken_stops_the_following(tmp_path: Path) -> None:
    """With more patience each time, then in words; what was taken before it is not read again."""
    records = [event(subject, granted(subject)) for subject in range(6)]
    register, rests = Refusing(subjects=frozenset({3})), list[float]()
    stream = followed(tmp_path, Shards({"one": (None, records)}), register, rests)
    with pytest.raises(RunInterrupted, match="item 3 was not taken"):
        stream.drain()
    assert (len(rests), stream.positions.read()) == (PATIENCE - 1, {"one": "2"})
    register.subjects = frozenset()
    assert stream.drain() == 3
    assert {row.subject for row in register.every()} == {*range(6)}
