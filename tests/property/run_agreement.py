"""What must hold after every step over runs: the house says what the model says, of chain, history, members and registers."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis.stateful import RuleBasedStateMachine, invariant

from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.journeys import answering
from rules_engine.model.register import Row
from tests.in_memory_register import InMemoryRegister
from tests.property.run_house import DoomedHistory
from tests.property.run_model import Answer, Decided, Model
from tests.unit.house import MONDAY, TYPES, House

DAYS = tuple(MONDAY + timedelta(days=number) for number in range(5))
SUBJECTS = range(1, 5)


class Agreement(RuleBasedStateMachine):
    """A house and a model, a register that was fed all along, and the keys of the records that it was given."""

    house: House
    model: Model
    register: InMemoryRegister
    fed: set[tuple[Subject, str]]
    order: random.Random

    @property
    def history(self) -> DoomedHistory:
        assert isinstance(self.house.history, DoomedHistory)
        return self.house.history

    def said(self) -> dict[str, Decided]:
        """What each publication decided, of the half-published one what the history holds of it."""
        said = {run: own for run, own, _ in self.model.replayed()}
        if self.model.half:
            last = self.model.chain[-1]
            there = {(r.subject, r.membership_type) for r in self.history.table.values() if r.run_id == last}
            said[last] = {pair: answer for pair, answer in said[last].items() if pair in there}
        return said

    @invariant()
    def the_chain_is_whole(self) -> None:
        """Numbers have no gap, each run stands where it was accepted, and none but the last is open."""
        entries = self.history.chain()
        assert [e.number for e in entries] == [*range(1, len(entries) + 1)]
        assert [e.run_id for e in entries] == self.model.chain
        assert [e.closed for e in entries] == [True] * (len(entries) - self.model.half) + [False] * self.model.half
        befores = [self.model.nights[run].before for run in self.model.chain]
        assert [e.previous_run for e in entries] == [before and before[0] for before in befores]

    @invariant()
    def the_history_is_the_model(self) -> None:
        """Not a record more, less, or another."""
        there: dict[str, Decided] = {run: {} for run in self.model.chain}
        for r in self.history.table.values():
            assert (r.as_of, r.correction) == (self.model.nights[r.run_id].day, self.model.nights[r.run_id].correction)
            there[r.run_id][r.subject, r.membership_type] = _answer(r)  # type: ignore[index]
        assert there == self.said()

    @invariant()
    def journeys_agree(self) -> None:
        """About every day; and about the last of a day's publications what it decided of whoever was there."""
        said = self.said()
        stands = {run: after for run, _, after in self.model.replayed()}
        for asked in DAYS:
            found = {
                (subject, key): record
                for subject in SUBJECTS
                for key, record in answering(self.history.journey(subject), asked, self.history.chain()).items()
            }
            assert {pair: _answer(record) for pair, record in found.items()} == self.model.as_of(said, asked)
            last = self.model.answers_for(self.model.chain, asked)
            if last and not (self.model.half and last == self.model.chain[-1]):
                present = self.model.nights[last].snapshot
                granted = {p for p, r in found.items() if r.granted and r.as_of == asked and p[0] in present}
                assert granted == {p for p, a in stands[last].items() if a[0] and p[0] in present}, f"{last} of {asked}"

    @invariant()
    def members_agree(self) -> None:
        """With the newest records, and with how all stand after the newest run, those who were absent too."""
        now = self.model.now(self.said())
        found = {(subject, t.key) for t in TYPES for subject in self.history.members(t.key)}
        assert found == {pair for pair, (answer, _) in now.items() if answer[0]}
        newest = self.model.newest(self.model.chain)
        if newest and not self.model.half:
            stands = {run: after for run, _, after in self.model.replayed()}[newest]
            assert found == {pair for pair, answer in stands.items() if answer[0]}

    @invariant()
    def registers_agree(self) -> None:
        """One fed all along, one built now: in any order, with repetitions, revoked rows and numbers stay."""
        table, numbers = self.history.table, dict(self.register.numbers)
        fresh = [table[key] for key in table if key not in self.fed]
        again = self.order.choices([*table.values()], k=3) if table else []
        built = type(self.register)()
        for register, given in (self.register, [*fresh, *again]), (built, [*table.values(), *again]):
            self.order.shuffle(given)
            while given:
                size = self.order.randint(1, 5)
                register.apply(given[:size])
                del given[:size]
        self.fed |= {*table}
        wanted = {p: (a, run) for p, (a, run) in self.model.now(self.said()).items() if a[2]}
        for register in (self.register, built):
            assert {(r.subject, r.membership_type): _stands(r) for r in register.every()} == wanted
        assert self.register.numbers.items() >= numbers.items()


def _answer(record: HistoryRecord) -> Answer:
    return record.granted, record.event.value, record.first_granted


def _stands(row: Row) -> tuple[Answer, str]:
    return (row.granted, row.event, row.since), row.run_id
