"""The history record: a decision as written, explaining itself (R-HIST-1..4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.decisions import Event, Hit, Reason
from rules_engine.model.rules import Kind, Policy, policy_from

Subject = int | str
"""A subject's key: the same value and type as in the lake."""


def created_text(created_at: datetime) -> str:
    """
    A moment as fixed-width UTC text, so that text order is time order.

    Raises:
        RunRefused: If the moment names no time zone: it would be read in the machine's own.

    >>> created_text(datetime(2024, 6, 1, 8, tzinfo=UTC))
    '2024-06-01T08:00:00.000000Z'
    """
    if created_at.utcoffset() is None:
        raise RunRefused(Fault(f"Moment {created_at.isoformat()}", "it names no time zone.", "Give it in UTC."))
    return _utc_text(created_at.astimezone(UTC))


@lru_cache(maxsize=4096)  # a run repeats its moment from record to record
def _utc_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=4096)
def created_from(text: str) -> datetime:
    """The moment that :func:`created_text` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


LONGEST_KEY = 2048
"""Bytes of the longest text that every history takes as a subject's key."""

LARGEST_RECORD = 400 * 1024
"""Bytes of the largest record that every history takes."""

FORMAT = 2
"""
The form in which records are written. Form 1 had no policy, no correction, no categories of hits and no content hash;
it is read for good.
"""


@dataclass(frozen=True)
class HistoryRecord:
    """
    One decision as written: insert-only, grain subject × membership type × run.

    ``created_at`` is the run's logical time, the same however often the run
    is tried. ``first_granted`` is the day the subject first became a member,
    None if never; it tells a reinstatement from a first grant. ``as_of`` is the
    business day. ``policy`` is what turned the sums into the decision, None in
    records of form 1. A ``correction`` answers questions about its day and is
    nobody's newest record. ``merged_into`` is the subject that took this one's
    records, where the membership ended by that, and None otherwise.
    """

    subject: Subject
    created_at: datetime
    membership_type: str
    granted: bool
    event: Event
    reason: Reason
    inclusion_sum: int
    exclusion_sum: int
    hits: tuple[Hit, ...]
    first_granted: date | None
    rule_set_digest: str
    snapshots: Mapping[str, str]
    as_of: date
    run_id: str
    engine_version: str
    policy: Policy | None = None
    correction: bool = False
    merged_into: Subject | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.snapshots, MappingProxyType):  # the records of a run share one
            object.__setattr__(self, "snapshots", MappingProxyType(dict(self.snapshots)))

    @property
    def sort_key(self) -> str:
        """Created date first, then membership type: two decisions of one run never collide."""
        return f"{created_text(self.created_at)}#{self.membership_type}"

    @property
    def format(self) -> int:
        """The form the record was made in."""
        return 1 if self.policy is None else FORMAT

    @cached_property
    def content_hash(self) -> str:
        """
        BLAKE2b of 128 bits over everything the record says, in hexadecimal: records are equal if and only if it is.

        Computed over values, never over what a store made of them; a record of form 1 is hashed as it is read.
        """
        decided = f"{self.granted:d},{self.event.value},{self.reason.value},{self.first_granted}"
        decided = f"{decided},{self.inclusion_sum},{self.exclusion_sum}{into_text(self.merged_into)}"
        return hash_of(self.subject, self.membership_type, decided, self.hits_text, self.run_text)

    @cached_property
    def hits_text(self) -> str:
        """The hits as JSON."""
        return hits_text(map(hit_text, self.hits))

    @property
    def run_text(self) -> str:
        """What the record says of its run and its type's policy, as JSON."""
        run = (self.created_at, self.rule_set_digest, self.as_of, self.run_id, self.engine_version, self.correction)
        return _run_text(*run, tuple(self.snapshots.items()), self.policy)

    def content(self) -> dict[str, Any]:
        """The record as JSON-ready values, equal for equal records."""
        return {
            "subject": self.subject,
            "created_at": created_text(self.created_at),
            "membership_type": self.membership_type,
            "granted": self.granted,
            "event": self.event.value,
            "reason": self.reason.value,
            "inclusion_sum": self.inclusion_sum,
            "exclusion_sum": self.exclusion_sum,
            "hits": [hit_content(h) for h in self.hits],
            "first_granted": self.first_granted.isoformat() if self.first_granted else None,
            "rule_set_digest": self.rule_set_digest,
            "snapshots": dict(self.snapshots),
            "as_of": self.as_of.isoformat(),
            "run_id": self.run_id,
            "engine_version": self.engine_version,
            "format": self.format,
            "policy": self.policy.content() if self.policy else None,
            "correction": self.correction,
            "merged_into": self.merged_into,
        }


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in a history, or came from one, and is no record: which, and why."""

    which: str
    why: str


def read(which: str, content: Mapping[str, Any], said_hash: str | None) -> HistoryRecord | Unreadable:
    """
    The record of a store's content, or why it is none: it does not read as one, or says another hash, form or key.

    ``said_hash`` is the hash that was stored with it; records of form 1 have none. The sort key, where the store has
    it, says which record is the newest: it is the one that the record gives.
    """
    try:
        record, found = record_from(content), int(content.get("format") or 1)
        content_hash = record.content_hash
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RunRefused) as problem:
        return Unreadable(which, f"it does not read as a record: {type(problem).__name__}, {problem}")
    if found > FORMAT:
        return Unreadable(which, f"it is of form {found}; this version reads forms up to {FORMAT}")
    if said_hash != content_hash and (said_hash is not None or found > 1):
        return Unreadable(which, f"its content hash is {content_hash}, and it says {said_hash}")
    if found != record.format:
        return Unreadable(which, f"it is of form {record.format}, and it says {found}")
    if content.get("sort_key", record.sort_key) != record.sort_key:
        return Unreadable(which, f"its sort key would be {record.sort_key}")
    return record


# A run repeats what it says and what hits from record to record: remembered, a hash takes a third of the time.
@lru_cache(maxsize=100_000)
def hit_text(hit: Hit) -> str:
    """A hit as JSON."""
    return json.dumps(hit_content(hit))


def hits_text(hits: Iterable[str]) -> str:
    """Hits that are JSON each, as the JSON of them all."""
    return f"[{', '.join(hits)}]"


def into_text(merged_into: Subject | None) -> str:
    """What a hash has of the surviving subject: nothing where there is none, so that earlier hashes stay."""
    return "" if merged_into is None else f",{json.dumps(merged_into)}"


def hash_of(subject: Subject, membership_type: str, decided: str, hits: str, run: str) -> str:
    """The content hash of a record that says this; ``decided`` is what it decided in a fixed order, the others JSON."""
    key = subject if type(subject) is int else json.dumps(subject)
    text = f"{key},{_quoted(membership_type)},{decided},{hits},{run}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)


@lru_cache(maxsize=256)
def _run_text(
    created_at: datetime,
    rule_set_digest: str,
    as_of: date,
    run_id: str,
    engine_version: str,
    correction: bool,
    snapshots: tuple[tuple[str, str], ...],
    policy: Policy | None,
) -> str:
    said = [created_text(created_at), rule_set_digest, as_of.isoformat(), run_id, engine_version, correction]
    return json.dumps([*said, sorted(snapshots), policy and policy.content()])


def hit_content(hit: Hit) -> list[str | int]:
    """A hit as JSON-ready values; without a category it is written as form 1 wrote it."""
    said: list[str | int] = [hit.key, hit.version, hit.kind.value, hit.weight]
    return [*said, hit.category] if hit.category else said


def _hit_from(said: Any) -> Hit:
    key, version, kind, weight, *category = said
    return Hit(key, int(version), Kind(kind), int(weight), *category)


def record_from(content: Mapping[str, Any]) -> HistoryRecord:
    """The record that :meth:`HistoryRecord.content` described."""
    first = content["first_granted"]
    return HistoryRecord(
        subject=content["subject"],
        created_at=created_from(content["created_at"]),
        membership_type=content["membership_type"],
        granted=content["granted"],
        event=Event(content["event"]),
        reason=Reason(content["reason"]),
        inclusion_sum=int(content["inclusion_sum"]),
        exclusion_sum=int(content["exclusion_sum"]),
        hits=tuple(map(_hit_from, content["hits"])),
        first_granted=date.fromisoformat(first) if first else None,
        rule_set_digest=content["rule_set_digest"],
        snapshots=content["snapshots"],
        as_of=date.fromisoformat(content["as_of"]),
        run_id=content["run_id"],
        engine_version=content["engine_version"],
        policy=policy_from(policy) if (policy := content.get("policy")) else None,
        correction=bool(content.get("correction")),
        merged_into=_subject(content.get("merged_into")),
    )


def _subject(said: Any) -> Subject | None:
    """A subject as a store gives it, whose numbers may be decimals."""
    return said if said is None or isinstance(said, str) else int(said)
