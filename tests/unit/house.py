"""One installation over the in-memory ports, three days of data, and ports that break."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from rules_engine import run as running
from rules_engine.errors import Fault, InvalidRule, RunInterrupted
from rules_engine.model.decisions import Event, WritePolicy
from rules_engine.model.history import HistoryRecord, Subject
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, RuleVersion
from rules_engine.ports import Inserted, Progress, Taken, untold
from rules_engine.run import Outcome
from tests.in_memory import InMemoryEvaluator, InMemoryHistory, InMemoryRules, InMemoryRunStore, Staging

Population = Mapping[date, Mapping[Subject, frozenset[str]]]

MONDAY = date(2024, 6, 3)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
FIRST_OF_JUNE = date(2024, 6, 1)


def moment(day: date, hour: int = 8) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def version(key: str, kind: Kind, weight: int, number: int = 1, *, first: date = FIRST_OF_JUNE) -> RuleVersion:
    return RuleVersion(
        key, number, kind, "GOLD", weight, Form.PREDICATE, "told", "subjects", EffectivePeriod(first)
    )  # fmt: skip


BOND = version("BOND-001", Kind.INCLUSION, 20)
DEBT = version("DEBT-001", Kind.EXCLUSION, 50)
TYPES = (MembershipType("GOLD"), MembershipType("SILVER"))

POPULATION: Population = {
    MONDAY: {1: frozenset({"BOND-001"}), 2: frozenset({"BOND-001", "DEBT-001"}), 3: frozenset()},
    TUESDAY: {1: frozenset(), 2: frozenset({"BOND-001"}), 3: frozenset({"DEBT-001"})},
    WEDNESDAY: {1: frozenset({"BOND-001"}), 2: frozenset({"BOND-001"}), 3: frozenset()},
}


@dataclass
class House:
    """One installation: its rules, data, runs and history."""

    rules: InMemoryRules = field(default_factory=lambda: InMemoryRules(TYPES, (BOND, DEBT)))
    staging: Staging = field(default_factory=dict)
    history: InMemoryHistory = field(default_factory=InMemoryHistory)
    writes: WritePolicy = WritePolicy.RESULTS

    def __post_init__(self) -> None:
        self.evaluator = InMemoryEvaluator(POPULATION, self.staging)
        self.store = InMemoryRunStore(self.staging)

    def run(
        self, as_of: date, at: datetime | None = None, run_id: str | None = None, *, correction: bool = False
    ) -> Outcome:
        ports, created_at = (self.rules, self.evaluator, self.store, self.history), at or moment(as_of)
        said = {"run_id": run_id, "writes": self.writes, "correction": correction}
        return running.run(*ports, as_of, created_at, {"ansi": "on"}, **said)

    def evaluate(self, as_of: date, at: datetime | None = None, *, correction: bool = False) -> str:
        """Evaluate and stage a day's run alone; its id."""
        created_at = at or moment(as_of)
        rule_set = self.rules.rule_set(as_of, created_at)
        ports = (rule_set, self.evaluator, self.store, created_at, {"ansi": "on"})
        return running.evaluate(*ports, writes=self.writes, correction=correction).run_id

    def publish(self, run_id: str) -> Inserted:
        return running.publish(run_id, self.store, self.history, moment(WEDNESDAY))

    def reweigh(self, weight: int, number: int) -> None:
        """What an analyst's change leaves: another wording of BOND-001 in force."""
        self.rules = replace(self.rules, versions=(replace(BOND, weight=weight, version=number), DEBT))

    def events(self, subject: int) -> list[Event]:
        return [record.event for record in self.history.journey(subject)]


@dataclass
class BreakingHistory(InMemoryHistory):
    """A history whose process is killed once, after so many inserts."""

    inserts: int = 1

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        if not self.inserts:
            return super().insert(records)
        doomed, self.inserts = self.inserts, 0
        super().insert([record for record, _ in zip(records, range(doomed), strict=False)])
        raise RunInterrupted(Fault("The history", "it was killed.", "Run the same id again."))


@dataclass
class ForgetfulHistory(InMemoryHistory):
    """A history that says it inserted everything and drops the last record."""

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        given = list(records)
        super().insert(given[:-1])
        return Inserted(len(given), 0)


class MiscountingEvaluator(InMemoryEvaluator):
    """An evaluator that says it evaluated one pair more than there are."""

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
        return replace(evaluation, evaluated_pairs=evaluation.evaluated_pairs + 1)


class RefusingEvaluator(InMemoryEvaluator):
    """An evaluator that can resolve no rule."""

    def check(self, rule_set: RuleSet) -> None:
        raise InvalidRule(*(Fault(f"Rule {v.key}", "it cannot be resolved.") for v in rule_set.versions))
