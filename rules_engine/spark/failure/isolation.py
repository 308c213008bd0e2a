"""
Rules that fail while they run: found by running them apart, named, and held or not (R-ENG-6).

A run evaluates rules together, so what Spark raises names a stage and no rule. Then, and only then, rules are run
apart for the failure alone: first each frame without any rule, for a file that cannot be read fails every rule over
it; then the conditions of a frame together and by halves, and every other rule by itself. A set that takes longer
than one rule may is halved, too, so that no search waits as long as the run did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, InvalidRule, RunInterrupted, RunRefused, raise_all
from rules_engine.index.words import RuleBit
from rules_engine.lake.unread import unread
from rules_engine.model.failing import Failure, HeldType, Limits, OnFailure
from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.schemas import Schema
from rules_engine.plan.standalone import runs_alone
from rules_engine.spark.failure.messages import ASK_LESS, GONE, UNREAD, UNSURVIVED, Reason, reason_of, too_long
from rules_engine.spark.small_frames import SessionOf, few_rows
from rules_engine.spark.standalone_queries import rows_of_batch
from rules_engine.spark.timeouts import TookTooLong, settled, within
from rules_engine.sql.lexer import bind

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, slots=True)
class ActiveRules:
    """
    The part of a rule set that is evaluated: all of it, or what is left without the held types.

    The layout of the matrix stays that of the whole rule set; the bits of held types are never set.
    """

    rule_set: RuleSet
    matrix: HitMatrix
    held: tuple[HeldType, ...] = ()
    apart: bool = False
    """Whether each statement is a query of its own: asked together they failed, and none failed by itself."""

    @property
    def held_types(self) -> frozenset[str]:
        return frozenset(held.membership_type for held in self.held)

    def without(self, failures: Sequence[Failure]) -> ActiveRules:
        """
        What is left once the types of these rules are held.

        Raises:
            InvalidRule: If nothing is left that could be decided.
        """
        types = {failure.membership_type for failure in failures}
        versions = tuple(v for v in self.rule_set.versions if v.membership_type not in types)
        if not versions:
            raise InvalidRule(*(failure.fault() for failure in failures), *_held_all(types))
        held = tuple(_held_type(key, self.rule_set, failures) for key in sorted(types))
        cells = tuple((v, cell) for v, cell in self.matrix.cells if v.membership_type not in types)
        slices = tuple(part for part in self.matrix.slices if part[0] not in types)
        left = replace(self.matrix, cells=cells, slices=slices)
        return replace(self, rule_set=replace(self.rule_set, versions=versions), matrix=left, held=(*self.held, *held))


def retry_without_failing(
    attempt: Callable[[ActiveRules], None], live: ActiveRules, apart: FaultIsolation, policy: OnFailure
) -> ActiveRules:
    """
    Evaluate, and again without the types of rules that fail, until it succeeds; what was left is returned.

    Where no rule fails by itself, it is what they share: once more, with every statement as a query of its own.

    Raises:
        InvalidRule: If rules fail and are not held, or could not be stopped.
        RunRefused: If it is a frame that cannot be read.
        RunInterrupted: If it fails and no rule fails by itself, or Spark is gone, so that none can be tried.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    while True:
        try:
            attempt(live)
        except (PySparkException, Py4JError, ConnectionError, TookTooLong) as problem:
            found = apart.failures(live)
            if not found and (live.apart or not _of_data(problem)):
                raise _unnamed(problem, apart) from problem
            if not found:
                live = replace(live, apart=True)
                continue
            if policy is OnFailure.ABORT or apart.stuck:
                raise InvalidRule(*(failure.fault() for failure in found)) from problem
            live = live.without(found)
        else:
            return live


class FaultIsolation:
    """Runs rules of one day apart from each other, for their failures and not for their hits."""

    def __init__(self, spark: SparkSession, lake: Lake, schema: Schema, as_of: date, limits: Limits) -> None:
        self._spark, self._lake, self._schema, self._as_of, self._limits = spark, lake, schema, as_of, limits
        self.stuck = False
        """Whether work that was cancelled goes on, so that nothing more can be learnt, nor evaluated."""

    def failures(self, live: ActiveRules) -> list[Failure]:
        """
        Every rule that fails by itself, in the rule set's order; none where cancelled work goes on.

        Raises:
            RunInterrupted: If Spark is gone, and which frame it was reading then.
            RunRefused: Naming every frame that cannot be read.
        """
        self._rest()
        if self.stuck:  # what is asked now may wait for a core that never comes free
            return []
        if not self._survived():
            raise RunInterrupted(GONE)
        raise_all(RunRefused, self._unreadable())
        alone = [placed for placed in live.matrix.cells if runs_alone(placed[0])]
        with few_rows(self._spark, self._schema, alone) as session_of:
            found = [failure for rules in self._sets(live) for failure in self._failing(rules, session_of)]
        order = {version.id: place for place, version in enumerate(live.rule_set.versions)}
        return sorted(found, key=lambda failure: order[failure.rule])

    def _sets(self, live: ActiveRules) -> Iterator[list[RuleBit]]:
        """Conditions of a frame together; what is run as a query of its own, alone."""
        together: dict[str, list[RuleBit]] = {}
        for placed in live.matrix.cells:
            if runs_alone(placed[0]):
                yield [placed]
            else:
                together.setdefault(placed[0].frame.lower(), []).append(placed)
        yield from together.values()

    def _failing(self, rules: list[RuleBit], session_of: SessionOf) -> list[Failure]:
        if self.stuck:
            return []
        reason = self._tried(lambda: self._rows(rules, session_of), rules[0][0].id)
        if reason is None:
            return []
        if not self.stuck and not self._survived():
            self.stuck, reason = True, UNSURVIVED
        elif len(rules) > 1:
            middle = len(rules) // 2
            return self._failing(rules[:middle], session_of) + self._failing(rules[middle:], session_of)
        said = (reason.what, reason.remedy, reason.code)
        return [Failure(version.id, version.membership_type, *said) for version, _ in rules]

    def _tried(self, rows: Callable[[], DataFrame], rule: str) -> Reason | None:
        """Why these rows cannot be had, or not in the time that one rule may take; None where they can."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            work = lambda: rows().write.format("noop").mode("overwrite").save()  # noqa: E731
            within(self._spark, work, self._limits, [rule])
        except TookTooLong as late:
            self.stuck = late.left_behind
            self._rest()
            return too_long(late, stuck=self.stuck)
        except (PySparkException, Py4JError, ConnectionError) as problem:
            return reason_of(problem)
        return None

    def _rows(self, rules: list[RuleBit], session_of: SessionOf) -> DataFrame:
        from pyspark.sql import functions as F  # noqa: N812

        if runs_alone(rules[0][0]):
            return rows_of_batch(session_of(rules), rules, self._lake, self._as_of)
        conditions = (F.expr(bind(v.sql, v.parameters, self._as_of)).alias(f"c{i}") for i, (v, _) in enumerate(rules))
        return self._spark.table(rules[0][0].frame).select(*conditions)

    def _unreadable(self) -> Iterator[Fault]:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        for frame in self._lake.frames:
            try:
                self._spark.table(frame.name).write.format("noop").mode("overwrite").save()
            except (PySparkException, Py4JError, ConnectionError) as problem:
                if not self._survived():
                    which = f"Frame '{frame.name}'"
                    raise RunInterrupted(Fault(which, UNREAD.what, UNREAD.remedy, UNREAD.code)) from problem
                yield unread(frame, problem)

    def _survived(self) -> bool:
        """Whether Spark still computes anything at all."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return int(self._spark.range(1).count()) == 1
        except (PySparkException, Py4JError, ConnectionError):
            return False

    def _rest(self) -> None:
        """Let cancelled tasks end, if Spark is there: what runs beside them is slow through no fault of its own."""
        from py4j.protocol import Py4JError

        with suppress(Py4JError, ConnectionError):
            self.stuck = self.stuck or not settled(self._spark)


def refusals(rule_set: RuleSet, refused: InvalidRule) -> list[Failure]:
    """
    The rules that a gate refuses, as failures, one a rule.

    Raises:
        InvalidRule: As it was, if it tells of anything that is no rule of the set.
    """
    faults: dict[str, list[Fault]] = {}
    for fault in refused.faults:
        faults.setdefault(fault.which, []).append(fault)
    found = []
    for version in rule_set.versions:
        if said := faults.pop(f"Rule {version.key}", []):
            what, remedy = _together(f.what for f in said), _together(f.remedy for f in said)
            found.append(Failure(version.id, version.membership_type, what, remedy, said[0].code))
    if faults:
        raise refused
    return found


def _together(texts: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(filter(None, texts)))


def _held_type(key: str, rule_set: RuleSet, failures: Sequence[Failure]) -> HeldType:
    versions = sum(v.membership_type == key for v in rule_set.versions)
    return HeldType(key, versions, tuple(f for f in failures if f.membership_type == key))


def _held_all(types: set[str]) -> Iterator[Fault]:
    what = "every membership type would be held, so there is nothing to decide. Nothing was published."
    yield Fault(f"Membership types {', '.join(sorted(types))}", what)


def _of_data(problem: Exception) -> bool:
    """Whether it is what Spark says of a plan or of rows, and no limit and no lack of memory."""
    return not isinstance(problem, TookTooLong | ConnectionError) and reason_of(problem).remedy != ASK_LESS


def _unnamed(problem: Exception, apart: FaultIsolation) -> RunInterrupted | InvalidRule:
    """The error where no rule could be named for sure: those that ran, where they could not be run apart."""
    if isinstance(problem, TookTooLong) and apart.stuck:
        reason = too_long(problem, stuck=True)
        return InvalidRule(Fault(f"Rule {' or '.join(problem.rules)}", reason.what, reason.remedy, reason.code))
    if isinstance(problem, TookTooLong):
        reason, again = too_long(problem), "Run it again, with a higher limit."
    else:
        reason, again = reason_of(problem), "Run it again."
    what = f"Spark stopped: {reason.what} Run apart, no frame and no rule fails."
    remedy = f"Nothing was published. {again}"
    return RunInterrupted(Fault("The run", what, remedy, reason.code))
