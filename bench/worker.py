"""One contestant in a process of its own: a cold run, then warm ones. Reads a job, writes what it cost."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import measure
from bench.contestant import Run, Task
from bench.contestants import contestant
from bench.facts import digest
from bench.measure import Meter
from bench.rule_sets import data_of, rule_set
from rules_engine.java import find_java

ENOUGH = 60.0
"""Seconds a run may take and still be repeated more than once."""


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement: who, on which rules, over how many subjects."""

    contestant: str
    rules: str
    customers: int
    folder: str
    """Of the data, made before."""

    work: str
    seed: int = 1
    cores: int = 2
    memory: str = "4g"
    warm: int = 2

    @classmethod
    def load(cls, path: Path) -> Job:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def run(job: Job) -> dict[str, Any]:
    """What a job cost: ``cold`` and each of ``warm`` (seconds, bytes), the seconds before them, and the facts found."""
    work = Path(job.work)
    lake = data_of(job.rules).lake(Path(job.folder))
    rules = rule_set(job.rules, job.seed)
    task = Task(rules, lake, job.customers, work, find_java(work.parent / "java"), job.cores, job.memory)
    started = time.perf_counter()
    with contestant(job.contestant)(task) as open_run:
        up = time.perf_counter()
        open_run.prepare()
        prepared = time.perf_counter()
        costs = [_cost(open_run, work, 0)]
        for number in range(1, 1 + (job.warm if costs[0]["wall"] < ENOUGH else min(job.warm, 1))):
            costs.append(_cost(open_run, work, number))
        high_water = measure.high_water()
        found = open_run.facts(work / "hits-0")
        return {
            "start": round(up - started, 2),
            "prepared": round(prepared - up, 2),
            "cold": costs[0],
            "warm": costs[1:],
            "high_water": high_water,
            "rows": getattr(open_run, "rows", job.customers),
            "hits": found and sum(count for count, _ in found.values()),
            "digest": found and digest(found),
            "decided": open_run.decided(work / "hits-0"),
        }


def _cost(open_run: Run, work: Path, number: int) -> dict[str, float]:
    with Meter() as meter:
        open_run.run(work / f"hits-{number}")
    if number:
        shutil.rmtree(work / f"hits-{number}", ignore_errors=True)
    return meter.cost.as_json()


if __name__ == "__main__":
    given, answer = map(Path, sys.argv[1:])
    answer.write_text(json.dumps(run(Job.load(given))), encoding="utf-8")
