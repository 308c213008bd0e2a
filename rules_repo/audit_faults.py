"""Faults of an audit, counted in full and told in part: many of one kind never hide the one of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rules_engine.errors import Fault

BACKUP = "Compare with a backup from before; who had superuser rights since then?"
RESTORE = "Restore it from a backup, and find out who wrote it."


@dataclass(slots=True)
class Findings:
    """What was found, by what it is about: the chain, a table, the catalogue; of each the first ``most`` are kept."""

    most: int = 5
    counts: Counter[str] = field(default_factory=Counter)
    _kept: dict[str, list[Fault]] = field(default_factory=dict)

    def add(self, about: str, which: str, what: str, remedy: str = BACKUP) -> None:
        self.counts[about] += 1
        if self.counts[about] <= self.most:
            self._kept.setdefault(about, []).append(Fault(which, what, remedy))

    @property
    def total(self) -> int:
        return self.counts.total()

    def told(self) -> Iterator[Fault]:
        """The faults that were kept, and for what is not told how many more there are."""
        for about, kept in self._kept.items():
            yield from kept
            if more := self.counts[about] - len(kept):
                yield Fault(
                    about, f"{more} more of its faults are not shown.", "They are counted; mend the first ones."
                )
