"""
A simulator of DynamoDB's streams: whatever order a register is fed in, it is what the history says (R-HIST-7).

    python -m tests.streams --seeds 10000
    python -m tests.streams --seeds 200 --control any-record-counts

Each seed makes a history of some runs, then gives its records to the function that AWS Lambda calls: shards in any
interleaving, records in disorder and repeated, batches split anywhere, poison among them, a store that fails before
or after a write, and functions killed in the middle. What failed comes again, as Lambda gives it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from jobs.register_feed import fed
from rules_engine.errors import Fault, RunInterrupted
from rules_engine.model.decisions import Event
from rules_engine.model.history import HistoryRecord, Unreadable
from rules_engine.model.register import Row
from rules_engine.publication.dynamodb_items import item_of
from rules_engine.registering import rebuild, verify
from tests.contract.history_records import granted
from tests.in_memory import InMemoryHistory
from tests.in_memory_register import InMemoryRegister

FIRST = datetime(2024, 6, 3, 20, tzinfo=UTC)
TYPES = ("GOLD", "PLUS")
Item = dict[str, Any]


class Killed(BaseException):
    """The function's process is gone: nothing of it goes on."""


def history_of(seed: random.Random) -> InMemoryHistory:
    """Some runs over some subjects, each decided against the one before; corrections are among them."""
    history, firsts, members = InMemoryHistory(), dict[tuple[int, str], date](), set[tuple[int, str]]()
    pairs = [(subject, key) for subject in range(seed.randint(1, 5)) for key in TYPES]
    for run in range(seed.randint(1, 6)):
        correction = run > 0 and seed.random() < 0.2
        for pair in pairs:
            if seed.random() < 0.7:
                record = _decided(seed, pair, run, firsts, members, correction=correction)
                history.insert([record])
    return history


def _decided(
    seed: random.Random,
    pair: tuple[int, str],
    run: int,
    firsts: dict[tuple[int, str], date],
    members: set[tuple[int, str]],
    *,
    correction: bool,
) -> HistoryRecord:
    at, grants = FIRST + timedelta(days=run), seed.random() < 0.5
    first = firsts.get(pair) or (at.date() if grants else None)
    if not correction:
        firsts.update({pair: first} if first else {})
        (members.add if grants else members.discard)(pair)
    event = Event.GRANTED if grants else Event.REVOKED_LAPSED if first else Event.NOT_GRANTED
    plain = replace(granted(pair[0], pair[1]), created_at=at, as_of=at.date(), run_id=f"run-{run}")
    return replace(plain, granted=grants, first_granted=first, event=event, correction=correction)


def events_of(history: InMemoryHistory, seed: random.Random) -> tuple[list[deque[Item]], int]:
    """The shards of the history's stream, and how many items in them are poison."""
    shards: list[deque[Item]] = [deque() for _ in range(seed.randint(1, 3))]
    records = list(history.table.values())
    if seed.random() < 0.5:
        seed.shuffle(records)
    items = [_item("INSERT", item_of(record, "bigint")) for record in records]
    items += [item for item in items if seed.random() < 0.2]
    poison = [_poison(seed, records) for _ in range(seed.choice((0, 0, 1, 3)))]
    for item in poison:
        items.insert(seed.randrange(len(items) + 1), item)
    for number, item in enumerate(items):
        sequenced = {**item, "dynamodb": {**item["dynamodb"], "SequenceNumber": f"{number:021d}"}}
        seed.choice(shards).append(sequenced)
    return shards, len(poison)


def _item(name: str, image: Item | None) -> Item:
    return {"eventName": name, "dynamodb": {"NewImage": image} if image is not None else {}}


def _poison(seed: random.Random, records: list[HistoryRecord]) -> Item:
    image = item_of(seed.choice(records), "bigint") if records else {}
    broken = [
        _item("MODIFY", image | {"granted": {"BOOL": True}}),
        _item("REMOVE", None),
        _item("INSERT", None),
        _item("INSERT", {}),
        _item("INSERT", image | {"granted": {"BOOL": seed.random() < 0.5}, "inclusion_sum": {"N": "7"}}),
        _item("INSERT", image | {"created_at": {"S": "yesterday"}}),
        _item("INSERT", image | {"format": {"N": "3"}}),
        _item("INSERT", {name: value for name, value in image.items() if name != "content_hash"}),
        _item("INSERT", image | {"sort_key": {"S": "9999-01-01T00:00:00.000000Z#GOLD"}}),
        _item("INSERT", image | {"subject": {"S": "somebody"}}),
    ]
    return seed.choice(broken)


@dataclass
class FailingRegister(InMemoryRegister):
    """A register whose writes fail at times, before or after they are done, or take the function with them."""

    seed: random.Random = field(default_factory=random.Random)
    failing: float = 0.0

    def _put(self, row: Row, *, makes: bool) -> bool:
        self._may_fail()
        done = self._written(row, makes=makes)
        self._may_fail()
        return done

    def _written(self, row: Row, *, makes: bool) -> bool:
        return super()._put(row, makes=makes)

    def set_apart(self, sequence: str, what: Unreadable, content: str) -> None:
        self._may_fail()
        super().set_apart(sequence, what, content)
        self._may_fail()

    def _may_fail(self) -> None:
        drawn = self.seed.random()
        if drawn < self.failing / 4:
            raise Killed
        if drawn < self.failing:
            raise RunInterrupted(Fault("The register", "it failed.", "Do the same again."))


class AnyRecordCounts(FailingRegister):
    """The control: a register that takes whatever comes last."""

    def _written(self, row: Row, *, makes: bool) -> bool:
        number = self._issued(row.subject) if makes else self.numbers[row.subject]
        self.table[number, row.membership_type] = replace(row, number=number)
        return True


class ForgetsFailures(FailingRegister):
    """The control: a register that says nothing of what it could not write."""

    def _may_fail(self) -> None:
        """It fails in silence."""

    def _written(self, row: Row, *, makes: bool) -> bool:
        return self.seed.random() >= self.failing and super()._written(row, makes=makes)


CONTROLS: dict[str, type[FailingRegister]] = {
    "none": FailingRegister,
    "any-record-counts": AnyRecordCounts,
    "forgets-failures": ForgetsFailures,
}


def deliver(shards: list[deque[Item]], register: FailingRegister, seed: random.Random) -> None:
    """Give the shards to the function in batches, as Lambda does, until all is taken."""
    while waiting := [shard for shard in shards if shard]:
        shard = seed.choice(waiting)
        batch = [shard[place] for place in range(min(len(shard), seed.randint(1, 12)))]
        try:
            answer = fed({"Records": batch}, register, lambda _: None)
        except Killed:
            continue  # the whole batch comes again
        failures = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for item in batch:
            if item["dynamodb"]["SequenceNumber"] in failures:
                break
            shard.popleft()


def faults_of(number: int, register_type: type[FailingRegister] = FailingRegister) -> Iterator[str]:
    """What is wrong after one seed."""
    seed = random.Random(number)
    history = history_of(seed)
    shards, poison = events_of(history, seed)
    register = register_type(seed=seed, failing=seed.choice((0.0, 0.05, 0.3)))
    deliver(shards, register, seed)
    again = InMemoryRegister()
    rebuild(history, again)
    if register.table != again.table:
        yield f"seed {number}: {len({*register.table.items()} ^ {*again.table.items()})} rows differ from a rebuild"
    if register.apart() != poison:
        yield f"seed {number}: {register.apart()} items were set apart of {poison}"
    if wrong := verify(history, register).wrong:
        yield f"seed {number}: verify finds {wrong} faults"
    for key in TYPES:
        if [row.subject for row in register.members(key, None, 99)] != list(history.members(key)):
            yield f"seed {number}: the members of {key} are not those of the history"


def main(words: list[str]) -> int:
    """Exit 0 if no seed is wrong, and with a control if some are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--control", choices=sorted(CONTROLS), default="none")
    said = parser.parse_args(words)
    seeds = range(said.first, said.first + said.seeds)
    wrong = {number: faults for number in seeds if (faults := list(faults_of(number, CONTROLS[said.control])))}
    for faults in list(wrong.values())[:10]:
        print("\n".join(faults))
    print(f"{len(seeds):,} seeds, {len(wrong):,} of them wrong (control: {said.control})")
    return int((not wrong) if said.control != "none" else bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
