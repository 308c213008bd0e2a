"""Staged decisions as history records: made where the rows are, on one machine or on a cluster's executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from rules_engine.model.decisions import Event, Hit, Reason
from rules_engine.model.history import HistoryRecord, created_from
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Manifest
from rules_engine.model.rules import MembershipType, Policy

Read = Callable[[Sequence[int]], tuple[Hit, ...]]
"""A type's own words to its hits."""

EVENTS = {event.value: event for event in Event}
REASONS = {reason.value: reason for reason in Reason}


@dataclass(frozen=True)
class Records:
    """What turns a run's staged rows into history records; it can be sent to where the rows are."""

    manifest: Manifest
    types: tuple[MembershipType, ...]
    matrix: HitMatrix

    def __call__(self, rows: Iterator[Mapping[str, Any]]) -> Iterator[HistoryRecord]:
        readers, policies = dict[str, Read](), {m.key: Policy.of(m) for m in self.types}
        created_at = created_from(self.manifest.created_at)
        snapshots = MappingProxyType(dict(self.manifest.snapshots))
        for row in rows:
            key = row["membership_type"]
            if key not in readers:
                readers[key] = self.matrix.reader(key)
            if key not in policies:  # a type that is gone, of which memberships lapse
                policies[key] = Policy.of(MembershipType(key))
            yield _record(row, self.manifest, created_at, snapshots, policies[key], readers[key])


def _record(
    row: Mapping[str, Any],
    manifest: Manifest,
    created_at: datetime,
    snapshots: Mapping[str, str],
    policy: Policy,
    read: Read,
) -> HistoryRecord:
    first: date | None = row["first_granted"]
    return HistoryRecord(
        subject=row["subject"],
        created_at=created_at,
        membership_type=row["membership_type"],
        granted=row["granted"],
        event=EVENTS[row["event"]],
        reason=REASONS[row["reason"]],
        inclusion_sum=row["inclusion_sum"],
        exclusion_sum=row["exclusion_sum"],
        hits=read(row["words"]) if row["words"] else (),
        first_granted=first,
        rule_set_digest=manifest.rule_set_digest,
        snapshots=snapshots,
        as_of=manifest.as_of,
        run_id=manifest.run_id,
        engine_version=manifest.engine_version,
        policy=policy,
        correction=manifest.correction,
    )
