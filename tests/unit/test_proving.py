"""The proof of a history: whatever was altered in it is found and named, and an honest one has no fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from rules_engine.model.decisions import Event, Hit, Reason, WritePolicy
from rules_engine.model.history import HistoryRecord
from rules_engine.model.ledger import ledger_faults
from rules_engine.model.rules import Kind
from rules_engine.proving import prove
from tests.unit.house import MONDAY, TUESDAY, WEDNESDAY, House

HIT, AGAINST = Hit("BOND-001", 1, Kind.INCLUSION, 20), Hit("DEBT-001", 1, Kind.EXCLUSION, 50)


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


FORGED: tuple[tuple[dict[str, object], str], ...] = (
    ({"granted": False, "event": Event.NOT_GRANTED}, "its hits and its policy decide REINSTATED"),
    ({"granted": False, "event": Event.NOT_GRANTED, "reason": Reason.HELD}, "it decided GRANTED of GOLD 1 times"),
    ({"hits": (), "inclusion_sum": 0}, "its hits and its policy decide NOT_GRANTED (NO_INCLUSION)"),
    ({"hits": (replace(HIT, weight=90),), "inclusion_sum": 90}, "its rule set has no BOND-001/1 of weight 90"),
    ({"hits": (HIT, AGAINST), "exclusion_sum": 50, "granted": False, "event": Event.NOT_GRANTED,
      "reason": Reason.EXCLUDED, "first_granted": None}, "DEBT-001/1 hit 1 subjects, and is in 2 of the records"),
    ({"as_of": TUESDAY}, "its day, or whether it corrects, is not that of its run"),
    ({"correction": True}, "its day, or whether it corrects, is not that of its run"),
    ({"snapshots": {"subjects": "another"}}, "its run was of other rules or other data"),
)  # fmt: skip
"""Each with a content hash that fits: what the run's counts, its rules and its day say of it."""


@pytest.mark.parametrize(("fields", "says"), FORGED, ids=[says for _, says in FORGED])
def test_a_record_is_forged_and_its_run_pruned(house: House, fields: dict[str, object], says: str) -> None:
    """What nothing staged can be held against is held against what the manifest counted, and the rules."""
    first = house.history.chain()[0].run_id
    del house.staging[house.store.folder(first)]
    assert (prove(house.history, house.store).total, prove(house.history, house.store).apart) == (0, [first])
    altered(**fields)(house)
    assert says in " ".join(map(str, prove(house.history, house.store).faults))


def test_what_no_proof_finds(house: House) -> None:
    """Of a pruned run a decision that is put to another subject, whole: docs/audit.md says so."""
    del house.staging[house.store.folder(house.history.chain()[0].run_id)]
    key = next(key for key, record in house.history.table.items() if record.subject == 1)
    forged = replace(house.history.table.pop(key), subject=77)
    house.history.insert([forged])
    assert prove(house.history, house.store).total == 0


def test_a_half_published_run_is_no_fault(house: House) -> None:
    """Whoever publishes next writes what it lacks; what it has must be its own."""
    last = house.history.chain()[-1]
    house.history.closed.remove(last.number)
    house.store.keep_chain(house.history.chain())
    removed_of(house, last.run_id)
    proof = prove(house.history, house.store)
    assert (proof.half, proof.total) == ([last.run_id], 0)
    slipped = next(record for record in house.history.table.values() if record.run_id == last.run_id)
    house.history.insert([replace(slipped, subject=99)])
    assert "the run decided nothing of the kind" in str(prove(house.history, house.store).faults[0])


def removed_of(house: House, run_id: str) -> None:
    """One record of a run."""
    del house.history.table[next(key for key, record in house.history.table.items() if record.run_id == run_id)]


def test_records_of_an_earlier_version_are_said_to_be_unproved(house: House) -> None:
    """Before the chain began, in the first form, where it stands on a run of that version: no fault."""
    first = house.history.chain()[0]
    record = next(iter(house.history.table.values()))
    older = replace(record, run_id="older", created_at=record.created_at.replace(year=2001))
    house.history.insert([replace(older, policy=None)])
    assert "before which there was nothing" in str(prove(house.history, house.store).faults[0])
    del house.store.manifests[first.run_id]
    proof = prove(house.history, house.store)
    assert (proof.before, proof.total) == (1, 0)
    house.history.insert([replace(older, subject=77)])
    assert prove(house.history, house.store).total == 1


def test_a_record_that_adds_up_has_no_fault(house: House) -> None:
    """As every one that a run makes."""
    records: list[HistoryRecord] = list(house.history.table.values())
    assert [fault for record in records for fault in ledger_faults(record)] == []
