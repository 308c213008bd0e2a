"""Runs that others overtook between their evaluation and their publication, and what was half done (R-RUN-1, R-RUN-2)."""

from __future__ import annotations

import pytest

from rules_engine.errors import RunInterrupted, RunRefused
from rules_engine.model.journeys import answering
from rules_engine.model.publications import Publication
from tests.in_memory import InMemoryHistory
from tests.unit.house import MONDAY, POPULATION, TUESDAY, WEDNESDAY, BreakingHistory, House, moment

GRANTING = {**POPULATION, TUESDAY: {**POPULATION[TUESDAY], 1: frozenset({"BOND-001"})}}
"""Tuesday grants subject 1 what it does not grant in POPULATION."""


class KilledByClaiming(InMemoryHistory):
    """A history whose process is killed once it has claimed."""

    def claim(self, entry: Publication) -> bool:
        super().claim(entry)
        raise KeyboardInterrupt


def test_a_correction_takes_back_the_one_before_it() -> None:
    """Of two that were decided against the same past the second is refused; evaluated again it answers for the day."""
    house = House()
    house.run(TUESDAY)
    house.evaluator.population = GRANTING
    house.reweigh(25, number=2)
    granting = house.evaluate(TUESDAY, at=moment(WEDNESDAY), correction=True)
    house.evaluator.population = POPULATION
    house.reweigh(30, number=3)
    denying = house.evaluate(TUESDAY, at=moment(WEDNESDAY, hour=9), correction=True)
    house.publish(granting)
    with pytest.raises(RunRefused, match=rf"run {granting}, published since, answers for 2024-06-04.*--correction"):
        house.publish(denying)
    house.publish(house.evaluate(TUESDAY, at=moment(WEDNESDAY, hour=10), correction=True))
    assert answering(house.history.journey(1), TUESDAY, house.history.chain())["GOLD"].granted is False


def test_the_next_run_of_a_day_takes_back_its_correction() -> None:
    """What a correction granted is answered by the day's next run too, though that is decided against no correction."""
    house = House()
    house.run(TUESDAY)
    house.evaluator.population = GRANTING
    house.reweigh(25, number=2)
    house.run(TUESDAY, at=moment(WEDNESDAY), correction=True)
    house.evaluator.population = POPULATION
    house.reweigh(30, number=3)
    house.run(TUESDAY, at=moment(WEDNESDAY, hour=9))
    assert [(r.granted, r.correction) for r in house.history.journey(1)] == [(True, True), (False, False)]


def test_a_run_that_waited_for_a_correction_is_evaluated_under_a_later_date() -> None:
    """Evaluated, not published, and overtaken: the command evaluates it as another run, and does not refuse it for ever."""
    house = House()
    house.run(MONDAY)
    waited = house.evaluate(TUESDAY)
    house.reweigh(25, number=2)
    house.run(MONDAY, at=moment(TUESDAY, hour=9), correction=True)
    house.reweigh(20, number=1)
    assert house.run(TUESDAY, at=moment(TUESDAY, hour=10)).manifest.run_id != waited


def test_what_was_claimed_is_not_evaluated_anew() -> None:
    """Killed right after the claim: whoever evaluates knows of it, so that what was claimed can be finished."""
    house = House(history=KilledByClaiming())
    monday = house.evaluate(MONDAY)
    with pytest.raises(KeyboardInterrupt):
        house.publish(monday)
    assert house.evaluate(MONDAY) == monday
    assert house.evaluator.evaluations == 1
    house.history = InMemoryHistory(**vars(house.history))
    assert house.run(TUESDAY).finished == monday


def test_a_copy_that_was_lost_is_there_before_what_was_begun_is_finished() -> None:
    """Killed again while it is finished: whoever evaluates next knows what was published."""
    house = House(history=KilledByClaiming())
    with pytest.raises(KeyboardInterrupt):
        house.run(MONDAY)
    house.history = BreakingHistory(**vars(house.history))
    house.store.copied = ()
    with pytest.raises(RunInterrupted):
        house.run(TUESDAY)
    house.evaluate(MONDAY)
    assert house.evaluator.evaluations == 1
    assert house.run(TUESDAY).manifest.previous_run == house.history.chain()[0].run_id


def test_a_correction_takes_back_what_the_one_before_it_could_not() -> None:
    """Subject 2 was absent from the first correction's snapshot, and is back in the second's: the day's grant is gone."""
    house = House()
    house.run(TUESDAY)
    for weight, number, snapshot in (25, 2, {1: frozenset[str]()}), (30, 3, {1: frozenset[str](), 2: frozenset[str]()}):
        house.evaluator.population = {**POPULATION, TUESDAY: snapshot}
        house.reweigh(weight, number)
        house.run(TUESDAY, at=moment(WEDNESDAY, hour=number), correction=True)
    assert [(r.granted, r.correction) for r in house.history.journey(2)] == [(True, False), (False, True)]
