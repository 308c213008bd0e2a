"""What the machine of runs is played on: ports in memory that can be killed anywhere, and ports with a planted fault."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from rules_engine import run as running
from rules_engine.errors import Fault
from rules_engine.model import publications
from rules_engine.model.history import HistoryRecord
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation, Manifest
from rules_engine.model.publications import Chain, Publication
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import History, Inserted, Progress, RunStore, Taken, untold
from tests.in_memory import InMemoryEvaluator, InMemoryHistory
from tests.in_memory_register import InMemoryRegister
from tests.streams import AnyRecordCounts


class Killed(BaseException):
    """The process is gone: nothing of it goes on."""


@dataclass
class DoomedHistory(InMemoryHistory):
    """A history whose process is killed once: around a claim, after so many records, or around closing."""

    doom: str | int = ""

    def _dies(self, where: str | int) -> None:
        if self.doom == where:
            self.doom = ""
            raise Killed

    def claim(self, entry: Publication) -> bool:
        self._dies("before the claim")
        claimed = super().claim(entry)
        self._dies("claimed")
        return claimed

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        given = list(records)
        if isinstance(self.doom, int) and self.doom < len(given):
            super().insert(given[: self.doom])
            self._dies(self.doom)
        return super().insert(given)

    def close(self, entry: Publication) -> None:
        self._dies("inserted")
        super().close(entry)
        self._dies("closed")


class TimedEvaluator(InMemoryEvaluator):
    """Names a snapshot by its content, takes another time at each evaluation, and is killed if it is told to be."""

    doomed = False

    def snapshots(self, as_of: date) -> dict[str, str]:
        rows = sorted((subject, sorted(hit)) for subject, hit in self.population[as_of].items())
        return {"subjects": f"{as_of} {rows}"}

    def evaluate(
        self,
        rule_set: RuleSet,
        matrix: HitMatrix,
        folder: str,
        previous: str | None,
        progress: Progress,
        corrected: Sequence[str] = (),
    ) -> Evaluation:
        evaluation = super().evaluate(rule_set, matrix, folder, previous, progress, corrected)
        if self.doomed:
            raise Killed
        return replace(evaluation, seconds={"evaluate": float(self.evaluations)})


@dataclass
class Parts:
    """What a house is built of; a planted fault puts another in its place."""

    history: type[DoomedHistory] = DoomedHistory
    evaluator: type[TimedEvaluator] = TimedEvaluator
    register: type[InMemoryRegister] = InMemoryRegister
    patched: dict[str, Callable[..., object]] = field(default_factory=dict)


class AbsentAreRevoked(TimedEvaluator):
    """Ends the membership of whoever is absent, whatever the lake says."""

    def evaluate(self, *given: Any) -> Evaluation:  # type: ignore[override]
        self.absence_ends = True
        return super().evaluate(*given)


class CorrectionsCount(InMemoryRegister):
    """Takes a correction for news."""

    def apply(self, records: Collection[HistoryRecord]) -> int:
        return super().apply([replace(record, correction=False) for record in records])


class RevokedRowsGo(InMemoryRegister):
    """Keeps nobody who is no member."""

    def apply(self, records: Collection[HistoryRecord]) -> int:
        changed = super().apply(records)
        self.table = {key: row for key, row in self.table.items() if row.granted}
        return changed


def any_predecessor(chain: Chain, run: Publication) -> Iterable[Fault]:
    """Publishes on top of whatever stands."""
    return publications.day_faults(chain, run.as_of, correction=run.correction)


def closed_first(entry: Publication, manifest: Manifest, store: RunStore, history: History, *given: Any) -> Inserted:
    """Closes before the records are there."""
    history.close(entry)
    return INSERT(entry, manifest, store, history, *given)


INSERT = running._insert
FAULTS = {
    "any-predecessor": Parts(patched={"order_faults": any_predecessor}),
    "absent-are-revoked": Parts(evaluator=AbsentAreRevoked),
    "corrections-are-the-newest-run": Parts(
        patched={"predecessor": lambda chain, *_, **__: chain[-1] if chain else None}
    ),
    "corrections-count-in-the-register": Parts(register=CorrectionsCount),
    "closed-first": Parts(patched={"_insert": closed_first}),
    "the-rest-is-left": Parts(patched={"unfinished": lambda chain: None}),
    "nothing-is-taken-back": Parts(patched={"taken_back": lambda *_, **__: (), "decided_faults": lambda *_: ()}),
    "any-record-counts": Parts(register=AnyRecordCounts),
    "revoked-rows-go": Parts(register=RevokedRowsGo),
}
