"""A run that is killed, refused or miscounted over the in-memory ports: what is written, and what a second try leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from rules_engine import run as running
from rules_engine.errors import InvalidRule, RunInterrupted, RunRefused
from rules_engine.model.decisions import Event
from rules_engine.ports import Inserted
from tests.unit.house import (
    MONDAY,
    POPULATION,
    TUESDAY,
    WEDNESDAY,
    BreakingHistory,
    ForgetfulHistory,
    House,
    MiscountingEvaluator,
    RefusingEvaluator,
    moment,
)


def test_the_first_opening_fixes_the_created_date() -> None:
    """A run tried again later writes the moment of its first try (R-HIST-2)."""
    house = House(history=BreakingHistory())
    with pytest.raises(RunInterrupted):
        house.run(MONDAY, at=moment(MONDAY))
    outcome = house.run(MONDAY, at=moment(TUESDAY))
    assert outcome.manifest.created_at == "2024-06-03T08:00:00.000000Z"
    assert {r.created_at for r in house.history.table.values()} == {moment(MONDAY)}


def test_a_killed_rule_changed_back_keeps_its_name() -> None:
    """The third run of a day, killed while it publishes, is completed under the same id."""
    house = House()
    house.run(MONDAY)
    house.reweigh(60, number=2)
    house.run(MONDAY, at=moment(MONDAY, hour=12))
    house.reweigh(20, number=1)
    house.history = BreakingHistory(**vars(house.history))
    with pytest.raises(RunInterrupted):
        house.run(MONDAY, at=moment(MONDAY, hour=16))
    house.run(MONDAY, at=moment(MONDAY, hour=17))
    assert len(house.store.runs()) == 3
    assert house.events(2)[-1] is Event.REVOKED_EXCLUDED


@pytest.mark.parametrize("inserts", [1, 2, 3])
def test_a_killed_run_run_again_leaves_the_undisturbed_table(inserts: int) -> None:
    """Killed between or after any of its inserts and run again, history is as if nothing had happened (R-HIST-6)."""
    undisturbed, killed = House(), House()
    for house in (undisturbed, killed):
        house.run(MONDAY)
    undisturbed.run(TUESDAY)
    killed.history = BreakingHistory(**vars(killed.history), inserts=inserts)
    with pytest.raises(RunInterrupted):
        killed.run(TUESDAY)
    outcome = killed.run(TUESDAY, at=moment(WEDNESDAY))
    assert outcome.inserted == Inserted(3 - inserts, inserts)
    assert killed.history.table == undisturbed.history.table


def test_a_run_killed_between_evaluation_and_publication_is_completed() -> None:
    """An evaluated run that was never published is found, decided the same, and published (R-HIST-6)."""
    undisturbed, killed = House(), House()
    undisturbed.run(MONDAY)
    rule_set = killed.rules.rule_set(MONDAY, moment(MONDAY))
    running.evaluate(rule_set, killed.evaluator, killed.store, moment(MONDAY), {"ansi": "on"})
    assert not killed.history.table
    killed.run(MONDAY, at=moment(TUESDAY))
    assert killed.history.table == undisturbed.history.table


def test_two_runs_of_one_moment_have_two_created_dates() -> None:
    """A run opened at or before the created date of the one it follows is dated just after it: clocks may disagree."""
    house = House()
    house.run(MONDAY)
    house.reweigh(60, number=2)
    created = [house.run(MONDAY, at=at).manifest.created_at for at in (moment(MONDAY), moment(MONDAY, hour=1))]
    assert created[0] == "2024-06-03T08:00:00.000001Z"
    assert created[1] == created[0], "the same inputs again: the same run"
    assert [r.created_at.microsecond for r in house.history.journey(2)] == [0, 1]


def test_a_run_that_does_not_balance_publishes_nothing() -> None:
    """No manifest is kept and no record is written of a run whose counts do not add up (R-OPS-4)."""
    house = House()
    house.evaluator = MiscountingEvaluator(POPULATION, house.staging)
    with pytest.raises(RunRefused, match="7 pairs were evaluated; 3 subjects × 2 rules are 6"):
        house.run(MONDAY)
    (status,) = house.store.runs()
    assert (house.history.table, status.decided, status.published) == ({}, None, None)


def test_a_later_try_that_does_not_balance_leaves_nothing_to_publish() -> None:
    """An earlier try's manifest does not vouch for what a later, broken try staged."""
    house = House()
    house.evaluate(MONDAY)
    house.evaluator = MiscountingEvaluator(POPULATION, house.staging)
    with pytest.raises(RunRefused, match="pairs were evaluated"):
        house.run(MONDAY)
    (status,) = house.store.runs()
    with pytest.raises(RunRefused, match="it was not evaluated to its end"):
        running.publish(status.run_id, house.store, house.history, moment(MONDAY))


def test_a_manifest_that_was_altered_is_not_published() -> None:
    """Publication checks the balance again, whoever kept the manifest."""
    house = House()
    rule_set = house.rules.rule_set(MONDAY, moment(MONDAY))
    manifest = running.evaluate(rule_set, house.evaluator, house.store, moment(MONDAY), {})
    altered = replace(manifest, evaluation=replace(manifest.evaluation, subjects=4))
    house.store.keep_manifest(manifest.run_id, altered)
    with pytest.raises(RunRefused, match="6 pairs were evaluated; 4 subjects"):
        running.publish(manifest.run_id, house.store, house.history, moment(MONDAY))
    assert not house.history.table


def test_staged_decisions_that_were_altered_are_not_published() -> None:
    """Before the first insert, and before anything is claimed (R-RUN-5); as they were, they are published."""
    house = House()
    run = house.evaluate(MONDAY)
    staged = house.staging[house.store.folder(run)]
    kept, staged[0] = staged[0], replace(staged[0], subject=99)
    with pytest.raises(RunRefused, match="its bytes are not those that were decided and counted"):
        house.publish(run)
    assert (dict(house.history.table), house.history.chain()) == ({}, ())
    staged[0] = kept
    assert house.publish(run).inserted == len(staged)


def test_a_history_that_lost_a_record_is_found_out() -> None:
    """What the history holds is counted, not believed; the run stays unpublished."""
    house = House(history=ForgetfulHistory())
    with pytest.raises(RunInterrupted, match="the history holds 1 of its records after 2 new and 0 known ones"):
        house.run(MONDAY)
    assert [r.published for r in house.store.runs()] == [None]


def test_staged_decisions_that_were_lost_are_found_out() -> None:
    """The history is half full from an earlier try, and what is staged now is less: not published."""
    house = House(history=BreakingHistory())
    with pytest.raises(RunInterrupted):
        house.run(MONDAY)
    (status,) = house.store.runs()
    house.staging[status.folder].pop()
    with pytest.raises(RunRefused, match="its bytes are not those that were decided and counted"):
        house.publish(status.run_id)
    assert house.history.count(status.run_id) == 1


def test_a_killed_run_is_finished_by_the_next_one() -> None:
    """Wednesday finishes what Tuesday began, and is decided against it (R-RUN-1)."""
    house = House()
    house.run(MONDAY)
    house.history = BreakingHistory(**vars(house.history))
    with pytest.raises(RunInterrupted):
        house.run(TUESDAY)
    wednesday = house.run(WEDNESDAY)
    tuesday = wednesday.finished
    assert tuesday is not None
    assert wednesday.manifest.previous_run == tuesday
    assert house.history.count(tuesday) == 3
    assert [(entry.number, entry.closed) for entry in house.history.chain()] == [(1, True), (2, True), (3, True)]


def test_rules_that_cannot_be_resolved_stop_the_run_before_it_is_opened() -> None:
    """Every fault is told and nothing was opened, staged or written (R-ENG-6)."""
    house = House()
    house.evaluator = RefusingEvaluator(POPULATION, house.staging)
    with pytest.raises(InvalidRule) as refused:
        house.run(MONDAY)
    assert len(refused.value.faults) == 2
    assert (house.store.runs(), house.staging, house.history.table) == ((), {}, {})


def test_a_day_without_rules_is_refused() -> None:
    """A day on which no rule is in force is the operator's mistake, and nothing was written."""
    house = House()
    with pytest.raises(RunRefused, match="no rule is in force"):
        house.run(date(2024, 5, 31))
    assert not house.history.table
