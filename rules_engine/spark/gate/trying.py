"""
Rules run under limits for what becomes of them: each is answered for by itself, and none for another.

Two are run at once, or many in one plan; so one that takes too long, or all the memory, can take them from others.
Whoever was late or without memory beside others is run again alone. A rule that was cancelled and keeps its core or
its thread all the same is refused by name, and what is left is not tried here, for nothing here can be trusted to have
time for it: it is said of each that it was not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.model.failing import Limits
from rules_engine.model.rules import RuleVersion
from rules_engine.spark.failure.messages import UNTRIED, too_long
from rules_engine.spark.gate.plan_tree import in_words
from rules_engine.spark.standalone_queries import AT_ONCE
from rules_engine.spark.timeouts import TookTooLong, kept, within
from rules_engine.sql.allow_list import refuse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Rules = Sequence[RuleVersion]
Run = Callable[[Rules], list[RuleVersion]]
"""Runs rules together and returns the true ones; raises what one raises. Of several, each has a task of its number."""

_MEMORY = ("OutOfMemoryError", "StackOverflowError", "UNABLE_TO_ACQUIRE_MEMORY", "COLLECTION_SIZE_LIMIT_EXCEEDED")


@dataclass(slots=True)
class Tried:
    """The rules that are true, those that failed, and those that are to be run again, alone."""

    true: list[RuleVersion] = field(default_factory=list)
    failed: list[tuple[RuleVersion, Fault]] = field(default_factory=list)
    again: list[RuleVersion] = field(default_factory=list)

    def add(self, other: Tried) -> None:
        self.true += other.true
        self.failed += other.failed
        self.again += other.again


class Trial:
    """
    One Spark in which rules are run under ``limits``.

    Where ``forgiving``, a rule that fails on the data is let pass: what time and memory cannot hold is not.
    """

    def __init__(self, spark: SparkSession, limits: Limits) -> None:
        self._spark, self._limits = spark, limits
        self._keepers: list[str] = []
        self._spoilt = False
        """Whether work goes on of which it is not known whose it is, so that another's being late may be due to it."""

    def each(self, run: Run, versions: Rules, *, forgiving: bool = False) -> Tried:
        """Rules one by one, a few at once; those that were late or without memory once more, by themselves."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            several = pool.map(lambda version: self._alone(run, version, forgiving, beside=True), versions)
            found = Tried()
            for one in several:
                found.add(one)
        again, found.again = found.again, []
        for version in again:
            found.add(self._alone(run, version, forgiving, beside=False))
        return found

    def together(self, run: Run, versions: Rules, *, forgiving: bool = False, in_one_task: bool = False) -> Tried:
        """
        Rules in one plan, which may take as long as one of them; by halves where one of them fails on the data.

        Each has a task of its number, or all have one: then it is not known which of them is late.
        """
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        if len(versions) == 1 or self._keepers:
            return self.each(run, versions, forgiving=forgiving)
        try:
            return Tried(within(self._spark, lambda: run(versions), self._limits, [versions[0].id]))
        except TookTooLong as late:
            goes_on = kept(self._spark, late)
            held = set() if in_one_task else set(goes_on.tasks)
            self._spoilt = self._spoilt or goes_on.planning or len(held) < len(goes_on.tasks)
            found = Tried(failed=[self._keeps(version, late) for at, version in enumerate(versions) if at in held])
            left = [version for at, version in enumerate(versions) if at not in held]
            found.add(self.each(run, left, forgiving=forgiving))
            return found
        except (PySparkException, Py4JError) as problem:
            if _of_memory(problem):
                return self.each(run, versions, forgiving=forgiving)
        middle, found = len(versions) // 2, Tried()
        for half in (versions[:middle], versions[middle:]):
            found.add(self.together(run, half, forgiving=forgiving, in_one_task=in_one_task))
        return found

    def _alone(self, run: Run, version: RuleVersion, forgiving: bool, *, beside: bool) -> Tried:
        """One rule; ``beside`` others, to which its being late may be due."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        if self._keepers:
            return Tried(failed=[(version, self._untried())])
        try:
            return Tried(within(self._spark, lambda: run([version]), self._limits, [version.id]))
        except TookTooLong as late:
            if kept(self._spark, late):
                return Tried(failed=[self._keeps(version, late)])
            reason = too_long(late)
            fault = Fault("", reason.what, reason.remedy, reason.code)
        except (PySparkException, Py4JError) as problem:
            if not _of_memory(problem):
                failed = [] if forgiving else [(version, refuse("SQL-402", name=in_words(problem)))]
                return Tried(failed=failed)
            fault = refuse("SQL-403", name=in_words(problem))
        if self._spoilt or self._keepers:
            fault = self._untried()
        return Tried(again=[version]) if beside else Tried(failed=[(version, fault)])

    def _keeps(self, version: RuleVersion, late: TookTooLong) -> tuple[RuleVersion, Fault]:
        self._keepers.append(version.key)
        reason = too_long(late, stuck=True)
        return version, Fault("", reason.what, reason.remedy, reason.code)

    def _untried(self) -> Fault:
        named = f"rule {' and '.join(self._keepers)}" if self._keepers else "another rule of these"
        what = f"it was not tried to the end: {named} could not be stopped when its time was over."
        return Fault("", what, f"Mend {named}, or take it out; then ask again.", UNTRIED)


def _of_memory(problem: Exception) -> bool:
    said = str(problem)
    return any(word in said for word in _MEMORY)
