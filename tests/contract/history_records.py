"""History records to try a history with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from rules_engine.model.decisions import Event, Hit, Reason
from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.publications import Publication
from rules_engine.model.rules import Kind, Policy, Strategy, Tie

BOND = Hit("BOND-001", 1, Kind.INCLUSION, 20, "savings")
TENURE = Hit("TENURE-001", 3, Kind.INCLUSION, 30)
DEBT = Hit("DEBT-001", 2, Kind.EXCLUSION, 60)
POLICY = Policy(Strategy.WEIGHT_SUM, 1, Tie.DENY, 900, "0123456789ab")
TYPES = ("GOLD", "SILVER", "PLUS")


def granted(subject: Subject, membership_type: str = "GOLD", day: int = 3, run_id: str = "run-1") -> HistoryRecord:
    """A decision of a day in June 2024 that grants."""
    return HistoryRecord(
        subject=subject,
        created_at=datetime(2024, 6, day, 20, 15, 0, 120_000, tzinfo=UTC),
        membership_type=membership_type,
        granted=True,
        event=Event.GRANTED,
        reason=Reason.INCLUDED,
        inclusion_sum=50,
        exclusion_sum=0,
        hits=(BOND, TENURE),
        first_granted=date(2024, 6, day),
        rule_set_digest="c0ffee" * 10,
        snapshots={"customers": f"2024-06-0{day}", "holdings": f"2024-06-0{day}"},
        as_of=date(2024, 6, day),
        run_id=run_id,
        engine_version="0.1.0",
        policy=POLICY,
    )


def revoked(subject: Subject, membership_type: str = "GOLD", day: int = 4, run_id: str = "run-2") -> HistoryRecord:
    """The same subject, excluded on another day."""
    return replace(
        granted(subject, membership_type, day, run_id),
        granted=False,
        event=Event.REVOKED_EXCLUDED,
        reason=Reason.EXCLUDED,
        exclusion_sum=60,
        hits=(BOND, TENURE, DEBT),
        first_granted=date(2024, 6, 3),
    )


def merged(subject: Subject, into: Subject, day: int = 4, run_id: str = "run-2") -> HistoryRecord:
    """The same subject, whose membership ended when it was merged into another."""
    return replace(
        granted(subject, "GOLD", day, run_id),
        granted=False,
        event=Event.MERGED_INTO,
        reason=Reason.MERGED,
        inclusion_sum=0,
        hits=(),
        first_granted=date(2024, 6, 3),
        merged_into=into,
    )


def never(subject: Subject, membership_type: str = "GOLD", day: int = 3, run_id: str = "run-1") -> HistoryRecord:
    """A decision of a subject that never was a member and is none now."""
    return replace(
        revoked(subject, membership_type, day, run_id),
        event=Event.NOT_GRANTED,
        first_granted=None,
        hits=(),
        snapshots={},
        reason=Reason.HELD,
    )


def run_of(subjects: int, run_id: str = "run-1", day: int = 3) -> list[HistoryRecord]:
    """One run's records: the subjects from 1 on, each with every type in turn."""
    return [granted(i, TYPES[i % 3], day, run_id) for i in range(1, subjects + 1)]


def published(number: int, run_id: str = "", day: int = 3, *, correction: bool = False) -> Publication:
    """An entry of the chain, of a run of a day in June 2024."""
    return Publication(
        number=number,
        run_id=run_id or f"run-{number}",
        previous_run=f"run-{number - 1}" if number > 1 else None,
        as_of=date(2024, 6, day),
        created_at=datetime(2024, 6, day, 20, 15, 0, 120_000, tzinfo=UTC),
        manifest_digest="ab" * 32,
        decisions_digest=f"60-{number:016x}-{number:016x}",
        decided=60,
        correction=correction,
    )
