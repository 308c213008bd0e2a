"""Staged decisions as history records: made where the rows are, on one machine or on a cluster's executors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from rules_engine.model.decisions import Event, Reason
from rules_engine.model.history import HistoryRecord, created_from
from rules_engine.model.hitmatrix import Bits, HitMatrix, hits_of
from rules_engine.model.manifest import Manifest
from rules_engine.model.rules import MembershipType, Policy

BATCH = 20_000
"""Decisions read at once."""

EVENTS = {event.value: event for event in Event}
REASONS = {reason.value: reason for reason in Reason}


@dataclass(frozen=True)
class Records:
    """What turns those of a run's staged rows that become records into such; it can be sent to where the rows are."""

    manifest: Manifest
    policies: Mapping[str, Policy]
    bits: Mapping[str, Bits]

    @classmethod
    def of(cls, manifest: Manifest, types: Iterable[MembershipType], matrix: HitMatrix) -> Records:
        bits = {key: matrix.bits(key) for key, _, _ in matrix.slices}
        return cls(manifest, {m.key: Policy.of(m) for m in types}, bits)

    def __call__(self, rows: Iterator[Mapping[str, Any]]) -> Iterator[HistoryRecord]:
        policies = dict(self.policies)
        created_at = created_from(self.manifest.created_at)
        snapshots = MappingProxyType(dict(self.manifest.snapshots))
        for row in rows:
            if not self.manifest.writes.writes(EVENTS[row["event"]]):
                continue
            key = row["membership_type"]
            if key not in policies:  # a type that is gone, of which memberships lapse
                policies[key] = Policy.of(MembershipType(key))
            yield _record(row, self.manifest, created_at, snapshots, policies[key], self.bits.get(key, ()))


Rows = Iterator[Mapping[str, Any]]


def local_batches(*paths: str) -> Iterator[Any]:
    """The Arrow batches of local Parquet files, or of a folder of them, a few in memory at a time."""
    from pyarrow import dataset

    files = dataset.dataset(paths[0] if len(paths) == 1 else list(paths), format="parquet")
    yield from files.to_batches(batch_size=BATCH, batch_readahead=2, fragment_readahead=1)


def local_rows(path: str) -> Rows:
    """The rows of a local Parquet folder, in batches that fit memory."""
    for batch in local_batches(path):
        yield from batch.to_pylist()


@dataclass(frozen=True)
class StagedDecisions:
    """The history records of a run staged on this machine; read again each time they are gone over."""

    records: Records
    folder: str

    def __iter__(self) -> Iterator[HistoryRecord]:
        return self.records(local_rows(self.folder))

    def batches(self) -> Iterator[Any]:
        """The staged rows that they are made of, as Arrow batches."""
        return local_batches(self.folder)


def _record(
    row: Mapping[str, Any],
    manifest: Manifest,
    created_at: datetime,
    snapshots: Mapping[str, str],
    policy: Policy,
    bits: Bits,
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
        hits=tuple(hits_of(row["words"] or (), bits)),
        first_granted=first,
        rule_set_digest=manifest.rule_set_digest,
        snapshots=snapshots,
        as_of=manifest.as_of,
        run_id=manifest.run_id,
        engine_version=manifest.engine_version,
        policy=policy,
        correction=manifest.correction,
        merged_into=row.get("merged_into"),
    )
