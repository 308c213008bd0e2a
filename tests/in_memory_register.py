"""The register in memory: rows and numbers in dictionaries, for tests and for reading."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.history import HistoryRecord, Subject, Unreadable
from rules_engine.model.register import Row, changed, changes, check_numbers, number_of


@dataclass
class InMemoryRegister:
    """A register: rows by number and membership type, the numbers both ways, and what was set apart."""

    table: dict[tuple[str, str], Row] = field(default_factory=dict)
    numbers: dict[Subject, str] = field(default_factory=dict)
    poison: dict[str, tuple[Unreadable, str]] = field(default_factory=dict)
    whole: int | None = None

    def create(self) -> None:
        """A dictionary is there already."""

    def apply(self, records: Collection[HistoryRecord]) -> int:
        asked = changes(records)
        return sum(self._put(row, makes=True) for row in asked.made) + sum(
            self._put(row, makes=False) for row in asked.changed if row.subject in self.numbers
        )

    def _put(self, row: Row, *, makes: bool) -> bool:
        number = self._issued(row.subject) if makes else self.numbers[row.subject]
        key = (number, row.membership_type)
        before = self.table.get(key)
        after = changed(before, replace(row, number=number), makes=makes)
        if after is not None:
            self.table[key] = after
        return after != before

    def _issued(self, subject: Subject) -> str:
        taken = set(self.numbers.values())
        offers = (number_of(subject, attempt) for attempt in count())
        return self.numbers.get(subject) or self.numbers.setdefault(subject, next(n for n in offers if n not in taken))

    def adopt(self, numbers: Mapping[Subject, str]) -> int:
        check_numbers(numbers)
        owners = {number: subject for subject, number in self.numbers.items()}
        new = 0
        for subject, number in numbers.items():
            if self.numbers.get(subject, number) != number or owners.get(number, subject) != subject:
                raise RunRefused(
                    Fault(f"Subject {subject}", f"number {number} is not its.", "Nobody's number changes.")
                )
            new += subject not in self.numbers
            owners[number], self.numbers[subject] = subject, number
        return new

    def number(self, subject: Subject) -> str | None:
        return self.numbers.get(subject)

    def member(self, number: str) -> tuple[Row, ...]:
        return tuple(self.table[key] for key in sorted(key for key in self.table if key[0] == number))

    def rows(self, subjects: Collection[Subject]) -> tuple[Row, ...]:
        return tuple(row for row in self.table.values() if row.subject in set(subjects))

    def members(self, membership_type: str, after: Subject | None, limit: int) -> tuple[Row, ...]:
        of_type = [row for row in self.table.values() if row.granted and row.membership_type == membership_type]
        ordered = sorted(of_type, key=lambda row: row.subject)
        return tuple(islice((r for r in ordered if after is None or r.subject > after), limit))  # type: ignore[operator]

    def every(self) -> Iterator[Row]:
        return iter(list(self.table.values()))

    def remove(self, row: Row) -> None:
        if self.table.get((row.number, row.membership_type)) == row:
            del self.table[row.number, row.membership_type]

    def set_apart(self, sequence: str, what: Unreadable, content: str) -> None:
        self.poison.setdefault(sequence, (what, content))

    def apart(self) -> int:
        return len(self.poison)

    def through(self) -> int | None:
        return self.whole

    def keep_through(self, number: int) -> None:
        self.whole = max(number, self.whole if self.whole is not None else number)
