"""Each measurement in a process of its own, one after the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import cohort_data, data, mixed_data
from bench.profiles import Line, Profile
from bench.results import Measured
from bench.rule_sets import data_of
from bench.worker import Job


@dataclass(frozen=True, slots=True)
class Setting:
    """What all measurements of a run have in common; ``work`` is a folder for data and scratch files."""

    customers: int
    work: Path
    seed: int
    cores: int
    memory: str
    longest: float
    """Seconds after which a contestant is stopped."""

    warm: int | None = None
    """Warm runs, where the line's own number is not wanted."""


def measure(profile: Profile, only: list[str], setting: Setting, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Measure line by line; what a contestant leaves behind is removed."""
    for line, contestant in profile.only(only):
        tell(f"{line.name} / {contestant} …")
        yield _measured(line, contestant, setting)


def _measured(line: Line, contestant: str, setting: Setting) -> Measured:
    work = setting.work / "contestant"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    job = _job(line, contestant, setting, work)
    job.save(work / "job.json")
    load = round(psutil.getloadavg()[0], 1)
    problem = _run(work, setting.longest)
    if problem:
        return Measured(line.name, contestant, load=load, problem=problem)
    found = json.loads((work / "answer.json").read_text(encoding="utf-8"))
    shutil.rmtree(work, ignore_errors=True)
    return Measured(line.name, contestant, load=load, **found | {"warm": tuple(found["warm"])})


def _job(line: Line, contestant: str, setting: Setting, work: Path) -> Job:
    about, subjects = data_of(line.rules), setting.customers * line.times
    if about is cohort_data:
        subjects = cohort_data.PERSONS
        folder = cohort_data.made(setting.seed, setting.work / "data")
    elif about is mixed_data:
        folder = mixed_data.made(subjects, setting.seed, setting.work / "data")
    else:
        folder = data.made(data.Population(subjects, setting.seed, line.skewed), setting.work / "data")
    return Job(
        contestant=contestant,
        rules=line.rules,
        customers=subjects,
        folder=str(folder.resolve()),
        work=str(work.resolve()),
        seed=setting.seed,
        cores=setting.cores,
        memory=line.memory.get(contestant, setting.memory),
        warm=line.warm if setting.warm is None else setting.warm,
    )


def _run(work: Path, longest: float) -> str:
    """Run the job in a folder; what went wrong, empty if nothing did."""
    with (work / "log").open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "bench.worker", str(work / "job.json"), str(work / "answer.json")]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(longest)
        except subprocess.TimeoutExpired:
            return f"stopped after {longest:g} s"
        finally:
            _end(process)
    lines = (work / "log").read_text(encoding="utf-8").splitlines()
    return "" if code == 0 else next((text for text in reversed(lines) if text.strip()), f"ended with {code}")[:300]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it began: a JVM outlives its Python, tidies its folder and takes the next one's time."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
