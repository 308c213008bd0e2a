"""
Runs in any order, killed anywhere, on a house in memory and on a model: members, journeys and register agree (R-RUN-1..3).

After every step the history holds exactly the records of the publications that were accepted, and of the last one, if
it is half-published, none but its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rules_engine import run as running
from rules_engine.errors import RulesError, RunRefused
from rules_engine.model.history import Subject
from rules_engine.ports import Inserted
from tests.in_memory import InMemoryRules
from tests.property.run_agreement import DAYS, SUBJECTS, Agreement
from tests.property.run_house import FAULTS, Killed, Parts
from tests.property.run_model import Model, Pair
from tests.unit.house import BOND, DEBT, MONDAY, TYPES, House, moment, version

CARD = replace(version("CARD-001", BOND.kind, 20), membership_type="SILVER")
WORDINGS = {20: 1, 60: 2}

HOLDS = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
NOTICES = settings(HOLDS, max_examples=400)

day = st.sampled_from(DAYS)
pick = st.integers(0, 9)
snapshot = st.dictionaries(
    st.sampled_from(SUBJECTS), st.frozensets(st.sampled_from(["BOND-001", "DEBT-001", "CARD-001"])), min_size=1
)
doom = st.sampled_from(["", "", "before the claim", "claimed", 0, 1, 2, 3, "inserted", "closed"])


class Nights(Agreement):
    """Steps on a house, judged by the model."""

    parts: ClassVar[Parts]

    @initialize(absence_ends=st.booleans(), seed=st.integers(0, 99), lake=st.lists(snapshot, min_size=5, max_size=5))
    def start(self, absence_ends: bool, seed: int, lake: list[dict[Subject, frozenset[str]]]) -> None:
        self.house = House(history=self.parts.history())
        self.lake, self.weight, self.now = dict(zip(DAYS, lake, strict=True)), 20, moment(MONDAY)
        self.house.evaluator = self.parts.evaluator(self.lake, self.house.staging, absence_ends=absence_ends)
        self.model = Model(absence_ends)
        self.digests: dict[str, str] = {}
        self.order = random.Random(seed)
        self.register, self.fed = self.parts.register(), set[Pair | tuple[Subject, str]]()
        self.reweigh(20)

    def at(self, late: bool) -> datetime:
        """Each step an hour later, by a clock that may be more than a day behind."""
        self.now += timedelta(hours=1)
        return self.now - timedelta(hours=30 if late else 0)

    def known(self) -> list[str]:
        """The publications that an evaluator is told of."""
        return [entry.run_id for entry in self.house.store.chain()]

    def learn(self, known: list[str], day: date, at: datetime, *, correction: bool) -> None:
        """Tell the model of the evaluation that came to its end, and of the one that did not."""
        manifests = self.house.store.manifests
        for run in sorted({*manifests}):
            if manifests[run].digest != self.digests.get(run):
                assert run not in self.model.chain, "what was published was evaluated anew"
                self.digests[run] = manifests[run].digest
                self.model.evaluated(run, known, day, self.lake[day], self.weight, at, correction=correction)
                before = self.model.nights[run].before
                assert manifests[run].previous_run == (before and before[0])
        for run in {*self.house.store.opened} - {*manifests}:
            self.model.begun(run, known, at)
            self.model.nights.pop(run, None)

    def same(self, known: list[str], day: date) -> str | None:
        """The run that answers for a day, if nothing that it was decided from has changed."""
        last = self.model.answers_for(known, day)
        night = self.model.nights[last] if last else None
        return last if night and (night.snapshot, night.weight) == (self.lake[day], self.weight) else None

    @rule(day=day, taken=snapshot)
    def take_snapshot(self, day: date, taken: dict[Subject, frozenset[str]]) -> None:
        """The lake's day is another now: subjects drop out, come back, are hit by other rules."""
        self.lake[day] = taken

    @rule(day=day, subject=st.sampled_from(SUBJECTS), hit=st.none() | st.frozensets(st.just("BOND-001")))
    def lose_or_find(self, day: date, subject: int, hit: frozenset[str] | None) -> None:
        """One subject is absent, or back."""
        kept = {known: rules for known, rules in self.lake[day].items() if known != subject}
        self.lake[day] = kept if hit is None else {**kept, subject: hit}

    @rule(weight=st.sampled_from(sorted(WORDINGS)))
    def reweigh(self, weight: int) -> None:
        self.weight = weight
        worded = replace(BOND, weight=weight, version=WORDINGS[weight])
        self.house.rules = InMemoryRules(TYPES, (worded, DEBT, CARD))

    @rule(day=day, correction=st.booleans(), late=st.booleans(), doomed=st.sampled_from([False, False, False, True]))
    def evaluate(self, day: date, correction: bool, late: bool, doomed: bool) -> None:
        """By a step that sees no history: it knows the copy of the chain."""
        known, at, evaluations = self.known(), self.at(late), self.house.evaluator.evaluations
        same = self.same(known, day)
        self.house.evaluator.doomed = doomed
        try:
            run = self.house.evaluate(day, at, correction=correction)
            assert same in (run, None)
            assert same or (run not in known and self.model.in_order(known, day, correction=correction))
        except RunRefused:
            assert not same
            assert not self.model.in_order(known, day, correction=correction)
        except Killed:
            assert doomed
        finally:
            self.house.evaluator.doomed = False
        assert not same or self.house.evaluator.evaluations == evaluations
        self.learn(known, day, at, correction=correction)

    def some(self, number: int) -> str | None:
        """An opened run: a number that means one of those there are, mostly the newest."""
        opened = [*self.house.store.opened][::-1]
        return opened[min(number // 3, len(opened) - 1)] if opened else None

    @rule(number=pick, doom=doom)
    def publish(self, number: int, doom: str | int) -> None:
        """A run, whatever became of it: evaluated or not, published or not, in its order or not."""
        if run := self.some(number):
            self.attempt(lambda: self.house.publish(run), run, doom)

    @rule(days=st.tuples(day, day), corrections=st.tuples(st.booleans(), st.booleans()), swapped=st.booleans())
    def overlap(self, days: tuple[date, date], corrections: tuple[bool, bool], swapped: bool) -> None:
        """Two are evaluated before either is published."""
        for each, correction in zip(days, corrections, strict=True):
            self.evaluate(each, correction, late=False, doomed=False)
        for number in (0, 3) if swapped else (3, 0):
            self.publish(number, doom="")

    @precondition(lambda self: self.model.chain)
    @rule(number=pick, doom=doom)
    def publish_again(self, number: int, doom: str | int) -> None:
        """What is in the chain is finished if it is not whole, else it is as it was."""
        run = self.model.chain[-1 - number % len(self.model.chain)]
        self.attempt(lambda: self.house.publish(run), run, doom)

    @rule(later=st.integers(0, 2), late=st.booleans(), lost=st.booleans(), doom=doom)
    def night(self, later: int, late: bool, lost: bool, doom: str | int) -> None:
        """The whole command on the newest day or a later one: it always comes to its end, unless it is killed."""
        last = self.model.newest(self.model.chain)
        first = DAYS.index(self.model.nights[last].day) if last else 0
        self.command(DAYS[min(first + later, len(DAYS) - 1)], late, lost, doom, correction=False)

    @precondition(lambda self: self.model.newest(self.model.chain))
    @rule(earlier=st.integers(0, 3), late=st.booleans(), doom=doom)
    def correct(self, earlier: int, late: bool, doom: str | int) -> None:
        """The whole command on an earlier day, whether it had a run or not: it always comes to its end likewise."""
        last = self.model.nights[self.model.newest(self.model.chain) or ""]
        self.command(DAYS[max(0, DAYS.index(last.day) - earlier)], late, False, doom, correction=True)

    def command(self, day: date, late: bool, lost: bool, doom: str | int, *, correction: bool) -> None:
        known, at = list(self.model.chain), self.at(late)
        if lost:
            self.house.store.copied = ()
        self.history.doom = doom
        try:
            run = self.house.run(day, at, correction=correction).manifest.run_id
            killed = False
        except Killed:
            killed = True
        self.learn(known, day, at, correction=correction)
        if killed:
            self.after_death()
            return
        self.history.doom = ""
        if run not in self.model.chain:
            assert self.model.may_follow(run)
            self.model.chain.append(run)
        assert run == self.model.answers_for(self.model.chain, day)
        self.model.half = False

    def attempt(self, publish: Callable[[], Inserted], run: str, doom: str | int) -> None:
        """The house publishes if and only if the model says so; either finishes what was begun before."""
        self.history.doom = doom
        try:
            publish()
            assert run in self.model.chain or self.model.may_follow(run), f"{run} was published"
            self.model.chain += [] if run in self.model.chain else [run]
            self.model.half = False
        except RulesError:
            assert run not in self.model.chain
            assert not self.model.may_follow(run)
            self.model.half = False
        except Killed:
            self.after_death(run)
        self.history.doom = ""

    def after_death(self, *runs: str) -> None:
        """Killed before or after the claim: one publication more at most, and one that may be."""
        entries = self.history.chain()
        for entry in entries[len(self.model.chain) :]:
            assert self.model.may_follow(entry.run_id)
            assert entry.run_id in runs or not runs
            self.model.chain.append(entry.run_id)
        self.model.half = bool(entries) and not entries[-1].closed


def played(parts: Parts, chosen: settings) -> None:
    """The machine on a house of these parts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, fault in parts.patched.items():
            patch.setattr(running, name, fault)
        run_state_machine_as_test(type("Played", (Nights,), {"parts": parts}), settings=chosen)


def test_house_and_model_agree() -> None:
    """Whatever is evaluated, published, killed, corrected and absent in whatever order."""
    played(Parts(), HOLDS)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_machine_notices(fault: str) -> None:
    """The same steps fail on a house in which one thing is wrong on purpose."""
    with pytest.raises((AssertionError, RulesError)):
        played(FAULTS[fault], NOTICES)
