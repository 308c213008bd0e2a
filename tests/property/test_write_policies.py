"""
A history of results and one of changes alone say the same: members, registers, journeys, every day as known at any moment.

The same chain of runs, with corrections and absent subjects, is published into both (R-HIST-5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine import run as running
from rules_engine.errors import RunRefused
from rules_engine.model import decisions, journeys
from rules_engine.model.decisions import CHANGING, Event, WritePolicy
from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.manifest import Manifest
from rules_engine.model.register import changes
from tests.in_memory import InMemoryRules
from tests.property.proof import Check, holds, notices
from tests.property.run_agreement import DAYS, SUBJECTS
from tests.property.run_house import TimedEvaluator
from tests.property.test_run_machine import CARD, WORDINGS, snapshot
from tests.unit.house import BOND, DEBT, MONDAY, TYPES, House, moment

Step = tuple[int, bool, dict[Subject, frozenset[str]], int]
"""How many days later, or earlier where it is a correction; whether it is one; the snapshot; a weight."""

STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), snapshot, st.sampled_from(sorted(WORDINGS))), min_size=1, max_size=8
)


def a_house(writes: WritePolicy, *, absence_ends: bool) -> House:
    house = House(writes=writes)
    house.evaluator = TimedEvaluator({}, house.staging, absence_ends=absence_ends)
    return house


def taken(house: House, step: Step, at: datetime) -> bool:
    """The whole command for a step; whether it was refused."""
    further, correction, found, weight = step
    last = max((e.as_of for e in house.history.chain() if not e.correction), default=MONDAY)
    day = DAYS[max(0, min(len(DAYS) - 1, DAYS.index(last) + (-further if correction else further)))]
    house.evaluator.population = {**house.evaluator.population, day: found}
    house.rules = InMemoryRules(TYPES, (replace(BOND, weight=weight, version=WORDINGS[weight]), DEBT, CARD))
    try:
        house.run(day, at, correction=correction)
    except RunRefused:
        return True
    return False


def told(house: House) -> dict[str, Any]:
    """All that is derived from a history."""
    history, chain = house.history, house.history.chain()
    moments = [None, *(entry.created_at for entry in chain)]
    records = [record for subject in SUBJECTS for record in history.journey(subject)]
    return {
        "members": {t.key: [*history.members(t.key)] for t in TYPES},
        "register": {(r.subject, r.membership_type): (r.granted, r.since) for r in changes(records).made},
        "journeys": [_said(r) for r in records if r.correction or r.event in CHANGING],
        "answers": {(day, known): _members_of(house, day, known) for day in DAYS for known in moments},
    }


def _members_of(house: House, day: date, known: datetime | None) -> set[tuple[Subject, str, date | None]]:
    """Who was a member on a day, as known at a moment, and since when."""
    chain = house.history.chain()
    answers = (journeys.answering(house.history.journey(s), day, chain, known).values() for s in SUBJECTS)
    return {(r.subject, r.membership_type, r.first_granted) for found in answers for r in found if r.granted}


def _said(record: HistoryRecord) -> str:
    return str(record.content())


Fault = Callable[[pytest.MonkeyPatch], None]


def both_say_the_same(fault: Fault) -> Check:
    @given(st.booleans(), STEPS)
    def check(absence_ends: bool, steps: list[Step]) -> None:
        results, changed = (a_house(writes, absence_ends=absence_ends) for writes in WritePolicy)
        with pytest.MonkeyPatch.context() as patch:
            fault(patch)
            for number, step in enumerate(steps):
                at = moment(MONDAY) + timedelta(hours=number)
                assert taken(results, step, at) == taken(changed, step, at)
                assert told(results) == told(changed)
            for entry in changed.history.chain():
                manifest = changed.store.manifests[entry.run_id]
                assert changed.history.count(entry.run_id) == entry.decided == manifest.written
                assert manifest.decided == results.store.manifests[entry.run_id].written
            assert changed.history.table.items() <= results.history.table.items()

    return check


def nothing(_: pytest.MonkeyPatch) -> None:
    """As it is."""


def reinstated_is_no_change(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decisions, "CHANGING", CHANGING - {Event.REINSTATED})


def corrections_write_changes_alone(patch: pytest.MonkeyPatch) -> None:
    """And so do runs that take back what a correction said."""

    def partly(**said: Any) -> Manifest:
        changed_alone = said["writes"] is WritePolicy.CHANGES or said["correction"] or said["takes_back"]
        return Manifest(**said | {"writes": WritePolicy.CHANGES if changed_alone else WritePolicy.RESULTS})

    patch.setattr(running, "Manifest", partly)


def corrections_answer_for_later_days(patch: pytest.MonkeyPatch) -> None:
    """As they did, until a record of the pair's own."""
    real = journeys.answering

    def until_a_record(records: Any, day: date, _: Any, known: datetime | None = None) -> Any:
        return real([replace(record, correction=False) for record in records], day, (), known)

    patch.setattr(journeys, "answering", until_a_record)


def test_results_and_changes_say_the_same() -> None:
    """Whatever is run, corrected, run again and absent; and each run holds what its manifest counts."""
    holds(both_say_the_same, nothing)


@pytest.mark.parametrize(
    "fault", [reinstated_is_no_change, corrections_write_changes_alone, corrections_answer_for_later_days]
)
def test_a_planted_fault_is_noticed(fault: Fault) -> None:
    """An event that is left out, a correction that is not whole, the way corrections answered before."""
    notices(both_say_the_same, fault)
