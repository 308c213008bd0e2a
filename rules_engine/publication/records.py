"""What both histories hold a record to: the type of its subject, and what a collision says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, TypeVar

from rules_engine.errors import Fault, HistoryCollision, RunRefused
from rules_engine.model.canonical import canonical_json
from rules_engine.model.history import LONGEST_KEY, HistoryRecord, Subject

SubjectType = Literal["bigint", "string"]
"""The type of a subject's key, as the lake declares it."""

LARGEST = 2**63 - 1
NAMED = 20
"""How many collisions one message names; the rest it counts."""

_T = TypeVar("_T")


def survivor_checked(merged_into: Subject | None, subject_type: SubjectType) -> Subject | None:
    """The subject that another was merged into, if it is of the history's type; None where there is none."""
    return None if merged_into is None else subject_checked(merged_into, subject_type)


def subject_checked(subject: Subject, subject_type: SubjectType) -> Subject:
    """
    The subject, if it is of the history's type.

    Raises:
        RunRefused: If it is of another type, empty, or too large to be a key.
    """
    if subject_type == "bigint":
        if type(subject) is int and -LARGEST - 1 <= subject <= LARGEST:
            return subject
        wanted = "a whole number of 64 bits"
    else:
        if isinstance(subject, str) and subject and len(subject.encode()) <= LONGEST_KEY:
            return subject
        wanted = f"text of 1 to {LONGEST_KEY:,} bytes"
    raise RunRefused(
        Fault(
            f"Subject {str(subject)[:100]!r}",
            f"it is {type(subject).__name__}; this history keys its subjects by {wanted}.",
            "A subject's key has the value and type it has in the lake: set the history's subject type to that.",
        )
    )


def collided(pairs: Iterable[tuple[HistoryRecord, HistoryRecord]]) -> HistoryCollision:
    """The error for records (held, given) that claim one key with different content."""
    rest = iter(pairs)
    named = [_collision(held, given) for held, given in islice(rest, NAMED)]
    more = sum(1 for _ in rest)
    return HistoryCollision(*named, *([Fault("History", f"{more:,} more records collide.")] if more else []))


def _collision(held: HistoryRecord, given: HistoryRecord) -> Fault:
    before, now = held.content(), given.content()
    differs = [
        f"{name} {canonical_json(before[name])} against {canonical_json(now[name])}"
        for name in before
        if before[name] != now[name]
    ]
    return Fault(
        f"History record ({given.subject}, {given.sort_key})",
        f"it is there from run {held.run_id}, and run {given.run_id} brings other content: {'; '.join(differs)}.",
        "A history is never overwritten. Give the run a created date of its own, or find out why it decides otherwise.",
    )


def in_chunks(records: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The records in lists of ``size``, the last one shorter."""
    rest = iter(records)
    while chunk := list(islice(rest, size)):
        yield chunk
