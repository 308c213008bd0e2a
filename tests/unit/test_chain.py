"""The chain of publications over the in-memory ports: what may come next, and what a correction changes (R-RUN-1..3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest

from rules_engine import run as running
from rules_engine.errors import RulesError, RunInterrupted, RunRefused
from rules_engine.model import journeys
from rules_engine.model.decisions import Event
from rules_engine.model.manifest import manifest_from
from rules_engine.proving import prove
from rules_engine.run import settled
from tests.in_memory import InMemoryHistory, InMemoryRunStore
from tests.unit.house import MONDAY, POPULATION, TUESDAY, WEDNESDAY, BreakingHistory, House, moment

DAYS = (MONDAY, TUESDAY, WEDNESDAY)


def test_what_was_decided_against_another_past_is_not_published() -> None:
    """Evaluate Monday, evaluate Tuesday, publish both: the second is refused, and says which day to evaluate again."""
    house = House()
    monday, tuesday = house.evaluate(MONDAY), house.evaluate(TUESDAY)
    house.publish(monday)
    with pytest.raises(RunRefused) as refused:
        house.publish(tuesday)
    told = "it was decided against an empty history; what stands is run {0}, published since. Evaluate the day again: `rules run --as-of 2024-06-04`."
    assert told.format(monday) in str(refused.value)
    assert house.history.count(tuesday) == 0
    house.publish(house.evaluate(TUESDAY))
    assert house.events(1) == [Event.GRANTED, Event.REVOKED_LAPSED]


def steps_in_all_orders() -> list[tuple[tuple[str, date], ...]]:
    """Every order of evaluating and publishing three days in which a day is evaluated before it is published."""
    steps = [(what, day) for day in DAYS for what in ("evaluate", "publish")]
    kept = []
    for order in permutations(steps):
        if all(order.index(("evaluate", day)) < order.index(("publish", day)) for day in DAYS):
            kept.append(order)
    return kept


def test_nights_that_overlap_leave_no_member_without_an_end() -> None:
    """In all 90 orders whoever is a member now is one by the last published day, and every event follows from the last."""
    for order in steps_in_all_orders():
        house, runs = House(), dict[date, str]()
        for what, day in order:
            try:
                if what == "evaluate":
                    runs[day] = house.evaluate(day, at=moment(day))
                elif day in runs:
                    house.publish(runs[day])
            except RunRefused:
                continue
        chain = house.history.chain()
        assert all(entry.closed for entry in chain), order
        assert [entry.as_of for entry in chain] == sorted(entry.as_of for entry in chain), order
        assert [entry.previous_run for entry in chain] == [None, *(entry.run_id for entry in chain)][: len(chain)], (
            order
        )
        undisturbed = House()
        for entry in chain:
            undisturbed.run(entry.as_of)
        now, then = (dict(each.history.table) for each in (house, undisturbed))
        assert {k: (r.event, r.hits) for k, r in now.items()} == {k: (r.event, r.hits) for k, r in then.items()}, order


def test_of_two_publishers_one_wins() -> None:
    """Both decided against the same run: the number is claimed once, and the loser wrote nothing."""
    house = House()
    house.run(MONDAY)
    first = house.evaluate(TUESDAY)
    house.reweigh(60, number=2)
    second = house.evaluate(TUESDAY, at=moment(TUESDAY, hour=9))

    class Late(InMemoryHistory):
        """A history whose number is taken between looking at the chain and claiming."""

        def claim(self, entry):  # type: ignore[no-untyped-def]
            if entry.run_id == second:
                house_of_the_other.publish(first)
            return super().claim(entry)

    house.history = Late(**vars(house.history))
    house_of_the_other = replace(house, history=house.history)
    house_of_the_other.store = house.store
    with pytest.raises(RunRefused, match="another run was published in the meantime"):
        house.publish(second)
    assert (house.history.count(first), house.history.count(second)) == (3, 0)


def test_an_earlier_day_is_refused_in_words() -> None:
    """Who is a member now follows from the newest day: an earlier one does not come next (R-RUN-2)."""
    house = House()
    house.run(MONDAY)
    house.run(WEDNESDAY)
    before, opened = dict(house.history.table), {*house.store.opened}
    with pytest.raises(RunRefused, match=r"the newest published day is 2024-06-05.*say --correction"):
        house.run(TUESDAY, at=moment(WEDNESDAY, hour=12))
    assert house.history.table == before
    assert {*house.store.opened} == opened, "an hour's evaluation would be for nothing"


def test_an_earlier_day_evaluated_before_is_refused_when_it_is_published() -> None:
    """The publisher looks at the chain as it is then."""
    house = House()
    tuesday = house.evaluate(TUESDAY)
    house.run(WEDNESDAY)
    with pytest.raises(RunRefused, match="the newest published day is 2024-06-05"):
        house.publish(tuesday)


def test_a_correction_answers_for_its_day_and_changes_no_other() -> None:
    """Its records are marked; members, the newest run and the events of later days stay as they are."""
    house = House()
    for day in DAYS:
        house.run(day)
    members, newest = list(house.history.members("GOLD")), house.history.chain()[-1]
    house.evaluator.population = {**POPULATION, TUESDAY: {**POPULATION[TUESDAY], 1: frozenset({"BOND-001"})}}
    house.reweigh(25, number=2)
    outcome = house.run(TUESDAY, at=moment(WEDNESDAY, hour=12), correction=True)
    corrected = [r for r in house.history.journey(1) if r.correction]
    assert [(r.as_of, r.event, r.granted) for r in corrected] == [(TUESDAY, Event.RETAINED, True)]
    assert outcome.manifest.previous_run == house.history.chain()[0].run_id
    assert list(house.history.members("GOLD")) == members
    thursday = date(2024, 6, 6)
    house.evaluator.population = {**house.evaluator.population, thursday: POPULATION[WEDNESDAY]}
    assert house.run(thursday).manifest.previous_run == newest.run_id


def test_a_correction_takes_back_what_its_day_granted() -> None:
    """A pair of the day that nothing speaks for any more is answered too: the day's earlier record says member."""
    house = House()
    house.run(TUESDAY)
    assert house.events(2) == [Event.GRANTED]
    house.evaluator.population = {**POPULATION, TUESDAY: {1: frozenset(), 2: frozenset(), 3: frozenset()}}
    house.reweigh(25, number=2)
    house.run(TUESDAY, at=moment(WEDNESDAY), correction=True)
    assert [(r.granted, r.correction) for r in house.history.journey(2)] == [(True, False), (False, True)]


def test_a_correction_of_a_day_to_come_is_refused() -> None:
    """There is nothing to correct after the newest published day."""
    house = House()
    house.run(MONDAY)
    with pytest.raises(RunRefused, match="there is nothing to correct: the newest published day is 2024-06-03"):
        house.run(TUESDAY, correction=True)


def test_a_created_date_that_was_given_is_taken_or_refused() -> None:
    """Never silently another one: who names a moment before the newest publication is told so (R-HIST-2)."""
    house = House()
    house.run(TUESDAY)
    ports = (house.rules, house.evaluator, house.store, house.history)
    with pytest.raises(RunRefused, match="it is not after 2024-06-04T08:00:00"):
        running.run(*ports, WEDNESDAY, moment(MONDAY), {}, exact=True)
    later = moment(WEDNESDAY, hour=3)
    assert running.run(*ports, WEDNESDAY, later, {}, exact=True).manifest.created_at == "2024-06-05T03:00:00.000000Z"


def test_a_correction_of_what_was_pruned_is_refused_by_name() -> None:
    """What its day decided is to be decided again, and is not there."""
    house = House()
    for day in DAYS:
        house.run(day)
    tuesday = house.history.chain()[1].run_id
    del house.staging[house.store.folder(tuesday)], house.staging[f"{house.store.folder(tuesday)}/standing"]
    house.reweigh(25, number=2)
    with pytest.raises(RunRefused, match=f"Run {tuesday}"):
        house.run(TUESDAY, at=moment(WEDNESDAY, hour=12), correction=True)


def test_absent_is_not_lapsed() -> None:
    """A subject that is not in the snapshot is not decided; its standing is carried on, counted, and there on return."""
    lost = {**POPULATION, TUESDAY: {2: frozenset({"BOND-001"}), 3: frozenset()}}
    house = House()
    house.evaluator.population = lost
    outcomes = [house.run(day) for day in DAYS]
    assert house.events(1) == [Event.GRANTED, Event.RETAINED]
    gold = [next(t for t in o.manifest.evaluation.types if t.membership_type == "GOLD") for o in outcomes]
    assert [(t.members_before, t.absent, t.members_after) for t in gold] == [(0, 0, 1), (1, 1, 2), (2, 0, 2)]


def test_absence_ends_memberships_where_the_lake_says_so() -> None:
    """With an event and a reason of its own; whoever comes back is reinstated."""
    house = House()
    house.evaluator.population = {**POPULATION, TUESDAY: {2: frozenset({"BOND-001"}), 3: frozenset()}}
    house.evaluator.absence_ends = True
    for day in DAYS:
        house.run(day)
    assert house.events(1) == [Event.GRANTED, Event.REVOKED_ABSENT, Event.REINSTATED]


@pytest.mark.parametrize("absence_ends", [False, True])
def test_a_merge_ends_memberships_whatever_absence_does(absence_ends: bool) -> None:
    """By an event that names the survivor, counted apart from the absent; step by step; parted again it is decided."""
    house = House()
    bond = frozenset({"BOND-001"})
    house.evaluator.population = {MONDAY: {1: bond, 2: bond}, TUESDAY: {2: bond}, WEDNESDAY: {3: bond}}
    house.evaluator.absence_ends = absence_ends
    house.evaluator.merged = {TUESDAY: {1: 2}, WEDNESDAY: {1: 2, 2: 3}}
    outcomes = [house.run(day) for day in DAYS]
    gold = [next(t for t in o.manifest.evaluation.types if t.membership_type == "GOLD") for o in outcomes]
    counts = [(t.members_before, t.absent, t.events.get("MERGED_INTO", 0), t.members_after) for t in gold]
    assert counts == [(0, 0, 0, 2), (2, 0, 1, 1), (1, 0, 1, 1)]
    assert house.events(1) == [Event.GRANTED, Event.MERGED_INTO]
    assert house.events(2) == [Event.GRANTED, Event.RETAINED, Event.MERGED_INTO]
    steps = [(r.subject, r.merged_into, r.as_of) for r in journeys.merges(1, house.history.journey)]
    assert steps == [(1, 2, TUESDAY), (2, 3, WEDNESDAY)]
    assert [*house.history.members("GOLD")] == [3]
    thursday = WEDNESDAY + timedelta(days=1)
    house.evaluator.population = {thursday: {1: bond, 3: bond}}
    house.evaluator.merged = {thursday: {2: 3}}
    house.run(thursday)
    assert house.events(1)[2:] == [Event.REINSTATED]
    assert not list(journeys.merges(1, house.history.journey))
    assert not prove(house.history, house.store).faults


@pytest.mark.parametrize("inserts", [0, 1, 2, 3])
def test_whoever_comes_next_finishes_what_was_begun(inserts: int) -> None:
    """Killed after the claim and any number of inserts: the next night finishes it and leaves the undisturbed table."""
    undisturbed, killed = House(), House()
    for house in (undisturbed, killed):
        house.run(MONDAY)
    tuesday = killed.evaluate(TUESDAY)
    killed.history = BreakingHistory(**vars(killed.history), inserts=inserts or 1)
    if inserts:
        with pytest.raises(RunInterrupted):
            killed.publish(tuesday)
    for house in (undisturbed, killed):
        for day in (TUESDAY, WEDNESDAY) if inserts == 0 or house is undisturbed else (WEDNESDAY,):
            try:
                house.run(day)
            except RunInterrupted:
                house.run(day)
    assert killed.history.table == undisturbed.history.table
    assert [e.content() for e in killed.history.chain()] == [e.content() for e in undisturbed.history.chain()]


def test_a_run_begun_elsewhere_is_said_to_be_in_the_way() -> None:
    """Its staged decisions are not here: it is named, and nothing is evaluated."""
    house = House(history=BreakingHistory())
    with pytest.raises(RunInterrupted):
        house.run(MONDAY)
    elsewhere = House(history=house.history)
    with pytest.raises(RunRefused, match="it is half-published, and what it staged is not here"):
        elsewhere.run(TUESDAY)
    assert elsewhere.evaluator.evaluations == 0


def test_a_predecessor_that_was_altered_stops_the_next_run() -> None:
    """What the next run is decided against must be, byte for byte, what was published (R-RUN-5)."""
    house = House()
    monday = house.run(MONDAY).manifest.run_id
    house.staging[house.store.folder(monday)].pop()
    with pytest.raises(RunRefused, match=r"its bytes are not those.*bring back what it staged"):
        house.run(TUESDAY)


def test_a_history_without_a_chain_is_continued() -> None:
    """A history and runs of the version before: the run published last becomes the first entry."""
    house = House()
    monday = house.run(MONDAY).manifest
    first_form = monday.content()
    for later in ("previous_digest", "correction", "files", "format"):
        del first_form[later]
    house.store.keep_manifest(monday.run_id, manifest_from(first_form))
    house.history = InMemoryHistory(house.history.table)
    house.store.copied = ()
    tuesday = house.run(TUESDAY).manifest
    assert tuesday.previous_run == monday.run_id
    assert [entry.run_id for entry in house.history.chain()] == [monday.run_id, tuesday.run_id]


def test_a_chain_is_not_adopted_from_runs_that_the_history_does_not_hold() -> None:
    """Another history, empty, and a folder full of runs: what was published elsewhere is nobody's past here."""
    house = House()
    house.run(MONDAY)
    assert settled(house.store, InMemoryHistory(), moment(TUESDAY)).chain == ()
    assert settled(InMemoryRunStore({}), InMemoryHistory(), moment(TUESDAY)).chain == ()


def test_the_copy_of_the_chain_follows_the_history() -> None:
    """The evaluator reads a copy; one that is behind is brought up before anything is decided."""
    house = House()
    house.run(MONDAY)
    house.store.copied = ()
    assert house.run(TUESDAY).manifest.previous_run is not None
    with pytest.raises(RulesError):
        house.run(MONDAY, at=moment(WEDNESDAY), run_id="again")
