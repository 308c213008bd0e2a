"""
Work of Spark under a clock: jobs that take too long are cancelled, plans that take too long are left behind.

A job can be cancelled from outside; what a driver's thread plans cannot. So the work is done in a thread of its
own, its jobs under a tag of their own, and whoever waits for it cancels the tag when its time is over. Where no
job has begun when the time for planning is over, there is nothing to cancel: the thread is left behind, and jobs
that it may begin later are cancelled. It takes a core of the driver until it ends, or until the process does.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rules_engine.model.failing import Limits
from rules_engine.spark.sandbox import active

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVERY = 0.1
"""Seconds between two looks at work that has a limit."""

GRACE = 30.0
"""Seconds that cancelled work gets to end; the driver may be in the middle of a plan."""

SETTLED = 90.0
"""Seconds that cancelled tasks get to end: ``session.GUARDED`` kills those that do not."""

HEARS = 3.0
"""Seconds after which cancelled work that goes on is taken to hear nothing."""

NO_LIMITS = Limits(0, 0)

_T = TypeVar("_T")
_NUMBERS = itertools.count(1)
_TASK = re.compile(r"task (\d+)\.\d+ in stage (\d+)\.")


class TookTooLong(Exception):
    """
    Work for ``rules`` (version ids) went on beyond its limit, in seconds.

    ``left_behind`` says that it could not be cancelled, and goes on in a thread of the driver; ``tag`` is that of its
    jobs, and ``done`` is set when its thread ends.
    """

    def __init__(
        self,
        seconds: float,
        rules: Sequence[str],
        *,
        planning: bool,
        left_behind: bool,
        tag: str = "",
        done: threading.Event | None = None,
    ) -> None:
        self.seconds, self.rules, self.planning, self.left_behind = seconds, tuple(rules), planning, left_behind
        self.tag, self.done = tag, done or threading.Event()
        super().__init__(f"{'planning' if planning else 'running'} took longer than {seconds:g} s")


def within(spark: SparkSession, work: Callable[[], _T], limits: Limits, rules: Sequence[str]) -> _T:
    """
    What ``work`` returns or raises, done under ``limits`` for each of ``rules``, versions by their id.

    Raises:
        TookTooLong: If it took longer than they allow together.
    """
    if limits == NO_LIMITS:
        return work()
    return _Watched(spark, work, rules).result(limits.planning_seconds * len(rules), limits.rule_seconds * len(rules))


def settled(spark: SparkSession) -> bool:
    """Wait until no task runs any more; False where some still do after :data:`SETTLED` seconds."""
    over = time.monotonic() + SETTLED
    while _running_tasks(spark):
        if time.monotonic() > over:
            return False
        time.sleep(EVERY)
    return True


@dataclass(frozen=True, slots=True)
class Kept:
    """What cancelled work still holds: a thread of the driver that plans, cores of it by the numbers of their tasks."""

    planning: bool = False
    tasks: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.planning or bool(self.tasks)


def kept(spark: SparkSession, late: TookTooLong) -> Kept:
    """
    What cancelled work does not give back: cores within :data:`HEARS` seconds, its thread within :data:`GRACE`.

    On a cluster no task is seen: there an executor that does not hear is killed (``session.GUARDED``).
    """
    over = time.monotonic() + (GRACE if late.planning else HEARS)
    while found := Kept(late.left_behind and not late.done.is_set(), _tasks_of(spark, late.tag)):
        if time.monotonic() > over:
            break
        time.sleep(EVERY)
    return found


class _Watched(Generic[_T]):
    """One piece of work in a thread of its own."""

    def __init__(self, spark: SparkSession, work: Callable[[], _T], rules: Sequence[str]) -> None:
        self._spark, self._work, self._rules = spark, work, rules
        self._tag = f"rules-{next(_NUMBERS)}"
        self._returned: list[_T] = []
        self._raised: BaseException | None = None
        self._done, self._begun = threading.Event(), False
        # A daemon: left behind, it must not keep the process from ending.
        threading.Thread(target=self._do, daemon=True, name=self._tag).start()

    def result(self, planning: float, running: float) -> _T:
        started = time.monotonic()
        while not self._done.wait(EVERY):
            passed = time.monotonic() - started
            if running and passed > running:
                raise self._stopped(running, planning=False)
            if planning and passed > planning and not self._jobs_begun():
                raise self._stopped(planning, planning=True)
        if self._raised:
            raise self._raised
        return self._returned[0]

    def _do(self) -> None:
        context = self._spark.sparkContext
        try:
            context.addJobTag(self._tag)
            context.setInterruptOnCancel(True)
            for form in ("short", "long"):  # else Spark looks for the line of code of every step of every plan
                context.setLocalProperty(f"callSite.{form}", self._tag)
            with active(self._spark):
                self._returned.append(self._work())
        except BaseException as problem:
            self._raised = problem
        finally:
            self._done.set()

    def _jobs_begun(self) -> bool:
        self._begun = self._begun or bool(_tracker(self._spark).getJobIdsForTag(self._tag))
        return self._begun

    def _stopped(self, limit: float, *, planning: bool) -> TookTooLong:
        """Cancel what runs; if it does not end, go on cancelling whatever it may begin."""
        ends = time.monotonic() + (EVERY if planning else GRACE)
        while not self._done.is_set() and time.monotonic() < ends:
            self._cancel()
        if left_behind := not self._done.is_set():
            threading.Thread(target=self._cancel_to_the_end, daemon=True).start()
        return TookTooLong(
            limit, self._rules, planning=planning, left_behind=left_behind, tag=self._tag, done=self._done
        )

    def _cancel(self) -> None:
        self._spark.sparkContext.cancelJobsWithTag(self._tag)
        self._done.wait(EVERY)

    def _cancel_to_the_end(self) -> None:
        from py4j.protocol import Py4JError

        with suppress(Py4JError, OSError, AttributeError):  # Spark was stopped, and the work with it
            while not self._done.wait(EVERY):
                self._cancel()


def _tracker(spark: SparkSession) -> Any:
    return spark.sparkContext._jsc.sc().statusTracker()


def _running_tasks(spark: SparkSession) -> int:
    """Asked of the scheduler: the status tracker may have a task that began just now ten seconds later."""
    context = spark.sparkContext._jsc
    scheduler = context.sc().taskScheduler() if context else None
    if scheduler is None:  # Spark was stopped, and its tasks with it
        return 0
    return sum(map(int, scheduler.runningTasksByExecutors().values().mkString(" ").split()))


def _tasks_of(spark: SparkSession, tag: str) -> tuple[int, ...]:
    """The numbers, within their stages, of the tasks of a tag that are under way in this JVM, whatever Spark says."""
    if not (running := list(_running(spark))):
        return ()
    tracker = _tracker(spark)
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForTag(tag)]
    stages = {str(stage) for job in jobs if job.isDefined() for stage in job.get().stageIds()}
    return tuple(sorted(int(task) for task, stage in running if stage in stages))


def _running(spark: SparkSession) -> Iterator[tuple[str, str]]:
    """Tasks by number and stage; a thread without a task keeps the name of its last, so its stack is looked at."""
    for entry in getattr(spark._jvm, "java.lang.Thread").getAllStackTraces().entrySet():
        named = _TASK.search(str(entry.getKey().getName()))
        if named and any("Executor$TaskRunner.run" in str(frame) for frame in entry.getValue()):
            yield named[1], named[2]
