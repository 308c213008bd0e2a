"""
Nights that go wrong over a history: what is compared with the table that undisturbed nights leave.

A night is a day's run over the in-memory evaluator and run store; the history is a real one or that in memory. Whatever
is disturbed, the history must hold what its chain's runs would have left one after the other: nothing missing, double
or altered, and no member whom no later run revokes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from rules_engine.errors import RulesError
from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.publications import Chain, Publication
from rules_engine.ports import History, Inserted, Taken, untold
from tests.in_memory import InMemoryHistory
from tests.unit.house import MONDAY, House, Population, moment

Wrap = Callable[[History], History]


class Killed(BaseException):
    """A process that is gone: nothing catches it."""


@dataclass
class Passing:
    """A history that does what it is asked; others disturb it."""

    history: History

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        return self.history.insert(records, taken)

    def journey(self, subject: Subject) -> tuple[HistoryRecord, ...]:
        return self.history.journey(subject)

    def count(self, run_id: str) -> int:
        return self.history.count(run_id)

    def members(self, membership_type: str) -> Iterator[Subject]:
        return self.history.members(membership_type)

    def chain(self) -> Chain:
        return self.history.chain()

    def claim(self, entry: Publication) -> bool:
        return self.history.claim(entry)

    def close(self, entry: Publication) -> None:
        self.history.close(entry)


@dataclass
class Mortal(Passing):
    """A history whose process is killed before its ``last`` step: a call, or a record that is handed over."""

    last: int = -1
    steps: int = 0

    def _step(self) -> None:
        if self.steps == self.last:
            raise Killed
        self.steps += 1

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        given: list[HistoryRecord] = []
        for record in records:
            try:
                self._step()
            except Killed:
                self.history.insert(given)  # what was under way arrives all the same
                raise
            given.append(record)
        done = self.history.insert(given)
        self._step()
        return done

    def count(self, run_id: str) -> int:
        self._step()
        return super().count(run_id)

    def claim(self, entry: Publication) -> bool:
        self._step()
        mine = super().claim(entry)
        self._step()
        return mine

    def close(self, entry: Publication) -> None:
        self._step()
        super().close(entry)
        self._step()


@dataclass
class Unguarded(Passing):
    """The control: a history that lets everybody have every number, as there was none before."""

    own: list[Publication] = field(default_factory=list)

    def chain(self) -> Chain:
        return ()

    def claim(self, entry: Publication) -> bool:
        self.own.append(entry)
        return True

    def close(self, entry: Publication) -> None:
        """Nobody asks."""


@dataclass(frozen=True)
class Figures:
    """What differs from undisturbed nights, and what it was asked of."""

    cases: int = 0
    refused: int = 0
    missing: int = 0
    double: int = 0
    altered: int = 0
    unrevoked: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def faults(self) -> int:
        return self.missing + self.double + self.altered + self.unrevoked


def population(chance: random.Random, days: int = 3, subjects: int = 12) -> Population:
    """Who is in the snapshot of each day, and which rules hit whom: people come, go and change."""
    kinds = [frozenset[str](), frozenset({"BOND-001"}), frozenset({"DEBT-001"}), frozenset({"BOND-001", "DEBT-001"})]
    return {
        MONDAY + timedelta(days=day): {
            subject: chance.choice(kinds) for subject in range(1, subjects + 1) if chance.random() < 0.9
        }
        for day in range(days)
    }


def a_house(people: Population, history: History) -> House:
    house = House(history=history)  # type: ignore[arg-type]  any history will do
    house.evaluator.population = people
    return house


def next_process(house: House, history: History) -> House:
    """Another process at the same runs and data: it knows what was staged, and nothing else."""
    other = a_house(house.evaluator.population, history)
    other.staging, other.evaluator, other.store, other.rules = house.staging, house.evaluator, house.store, house.rules
    return other


def said(record: HistoryRecord) -> tuple[Any, ...]:
    """All of a record but the run's id and created date, which a day evaluated again has anew."""
    content = record.content()
    return tuple(str(value) for name, value in content.items() if name not in ("run_id", "created_at"))


def figures(history: History, days: Sequence[date], people: Population, refused: int = 0) -> Figures:
    """The history beside one in which these days were published one after the other, undisturbed."""
    undisturbed = a_house(people, InMemoryHistory())
    for day in days:
        undisturbed.run(day)
    missing = double = altered = 0
    for subject in sorted({subject for those in people.values() for subject in those}):
        wanted = Counter(said(record) for record in undisturbed.history.journey(subject))
        found = Counter(said(record) for record in history.journey(subject))
        double += sum(n - 1 for n in found.values() if n > 1)
        lost, more = (wanted - found).total(), {*found} - {*wanted}
        altered += min(lost, len(more))
        missing += lost - min(lost, len(more))
        double += len(more) - min(lost, len(more))
    unrevoked = {*history.members("GOLD")} - {*undisturbed.history.members("GOLD")}
    return Figures(1, refused, missing, double, altered, len(unrevoked))


def days_of(history: History) -> list[date]:
    return [entry.as_of for entry in history.chain()]


def in_order(people: Population, history: History, steps: Iterable[tuple[str, date]]) -> Figures:
    """Days evaluated and published in some order; what is refused is left, as an operator would."""
    house, runs, refused = a_house(people, history), dict[date, str](), 0
    for what, day in steps:
        try:
            if what == "evaluate":
                runs[day] = house.evaluate(day, at=moment(day))
            elif day in runs:
                house.publish(runs[day])
        except RulesError:
            refused += 1
    published = days_of(history) or [entry.as_of for entry in getattr(history, "own", [])]
    return figures(history, sorted(published), people, refused)


def killed_and_continued(people: Population, history: History, last: int) -> tuple[Figures, bool]:
    """Three nights, each killed before its ``last`` step once and then run again; says whether any was killed."""
    house, struck = a_house(people, history), False
    for day in sorted(people):
        mortal = next_process(house, Mortal(history, last))
        try:
            mortal.run(day)
        except Killed:
            struck = True
            if last % 2:
                next_process(house, history).run(day)  # the same command again; else the next night finds it
    next_process(house, history).run(max(people), at=moment(max(people), hour=20))
    return figures(history, days_of(history), people), struck


def with_clocks(people: Population, history: History, off: Sequence[timedelta]) -> Figures:
    """Nights on machines whose clocks are off."""
    house = a_house(people, history)
    for day, error in zip(sorted(people), off, strict=False):
        house.run(day, at=moment(day) + error)
    found = figures(history, days_of(history), people)
    created = [entry.created_at for entry in history.chain()]
    return found if created == sorted(set(created)) else found + Figures(altered=1)
