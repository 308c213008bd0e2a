"""The proof of a history: whatever was altered in it is found and named, and an honest one has no fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from rules_engine.model.decisions import Event, WritePolicy
from rules_engine.model.history import HistoryRecord
from rules_engine.proving import ledger_faults, prove
from tests.unit.house import MONDAY, TUESDAY, WEDNESDAY, House


@pytest.fixture
def house() -> House:
    """Three days, published one after the other."""
    made = House()
    for day in MONDAY, TUESDAY, WEDNESDAY:
        made.run(day)
    return made


def test_an_honest_history_is_proved(house: House) -> None:
    """Every run and record is read, and nothing is wrong."""
    proof = prove(house.history, house.store)
    assert (proof.runs, proof.total, proof.apart) == (3, 0, [])
    assert proof.records == len(house.history.table)


def test_a_history_of_changes_alone_is_proved() -> None:
    """What is no change was not to be written, and is not missed; a record too few is."""
    made = House(writes=WritePolicy.CHANGES)
    for day in MONDAY, TUESDAY, WEDNESDAY:
        made.run(day)
    assert prove(made.history, made.store).total == 0
    removed(made)
    assert prove(made.history, made.store).total


def altered(**fields: object) -> Callable[[House], None]:
    """One record of subject 1 says something else, and its content hash with it."""

    def tamper(house: House) -> None:
        key = next(key for key, record in house.history.table.items() if record.subject == 1)
        house.history.table[key] = replace(house.history.table[key], **fields)  # type: ignore[arg-type]

    return tamper


def removed(house: House) -> None:
    del house.history.table[next(iter(house.history.table))]


def slipped_in(house: House) -> None:
    """A record of a run that nobody published."""
    record = next(iter(house.history.table.values()))
    house.history.insert([replace(record, run_id="forged", created_at=record.created_at.replace(year=2030))])


def added(house: House) -> None:
    """A record more in a run of the chain."""
    record = next(iter(house.history.table.values()))
    house.history.insert([replace(record, subject=99)])


def staged_otherwise(house: House) -> None:
    """What a run staged, and the history, altered alike."""
    house.store.manifests = {
        run: replace(manifest, files={"decisions/part-0": "0" * 64}) for run, manifest in house.store.manifests.items()
    }


TAMPERED: tuple[tuple[Callable[[House], None], str], ...] = (
    (altered(granted=False, event=Event.NOT_GRANTED), "it is not what the run decided"),
    (altered(inclusion_sum=999), "its inclusions weigh 20, and it says 999"),
    (altered(hits=()), "its inclusions weigh 0, and it says 20"),
    (altered(event=Event.NOT_GRANTED), "its event is NOT_GRANTED, and it says granted"),
    (altered(first_granted=date(2000, 1, 1)), "it is not what the run decided"),
    (removed, "the history holds"),
    (slipped_in, "its run is not in the chain of publications"),
    (added, "the run decided nothing of the kind"),
    (staged_otherwise, "its manifest is not the one that the chain names"),
)


@pytest.mark.parametrize(("tamper", "says"), TAMPERED, ids=[f"{n} {says[:40]}" for n, (_, says) in enumerate(TAMPERED)])
def test_what_was_altered_is_named(house: House, tamper: Callable[[House], None], says: str) -> None:
    """With the record or the run, and in words."""
    tamper(house)
    proof = prove(house.history, house.store)
    assert proof.total
    assert says in " ".join(map(str, proof.faults))


def test_a_run_whose_staged_decisions_are_gone_is_proved_by_itself(house: House) -> None:
    """Pruned runs are said to be proved by less; their records still have to add up."""
    pruned = next(iter(house.store.manifests))
    del house.store.manifests[pruned]
    assert prove(house.history, house.store).apart == [pruned]
    altered(inclusion_sum=999)(house)
    assert prove(house.history, house.store).total == 1


def test_records_of_an_earlier_version_are_said_to_be_unproved(house: House) -> None:
    """Before the chain began, in the first form: no fault. Dated back in the form of today: one."""
    record = next(iter(house.history.table.values()))
    older = replace(record, run_id="older", created_at=record.created_at.replace(year=2001))
    house.history.insert([replace(older, policy=None)])
    proof = prove(house.history, house.store)
    assert (proof.before, proof.total) == (1, 0)
    house.history.insert([replace(older, subject=77)])
    assert prove(house.history, house.store).total == 1


def test_a_record_that_adds_up_has_no_fault(house: House) -> None:
    """As every one that a run makes."""
    records: list[HistoryRecord] = list(house.history.table.values())
    assert [fault for record in records for fault in ledger_faults(record)] == []
