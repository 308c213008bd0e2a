"""What a stretch of work costs: wall, CPU of the process tree, and its peak memory."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import psutil

EVERY = 0.05
"""Seconds between two looks at the memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the wall, CPU seconds of all processes together, and the most memory they held at once, in bytes."""

    wall: float
    cpu: float
    peak: int

    def as_json(self) -> dict[str, float]:
        return asdict(self)


class Meter:
    """Measures what its ``with`` block costs this process and those below it; the answer is ``cost``."""

    def __enter__(self) -> Meter:
        self.peak, self._over = 0, threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._cpu, self._started = cpu_seconds(), time.perf_counter()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall, cpu = time.perf_counter() - self._started, cpu_seconds() - self._cpu
        self._over.set()
        self._sampler.join()
        self.cost = Cost(round(wall, 4), round(cpu, 3), self.peak)

    def _sample(self) -> None:
        while True:
            self.peak = max(self.peak, sum(memory(process) for process in tree()))
            if self._over.wait(EVERY):
                return


def tree() -> list[psutil.Process]:
    """This process and all below it."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def memory(process: psutil.Process) -> int:
    """Resident bytes of one process; 0 when it has just ended, or was just forked: it shows its parent's as its own."""
    with suppress(psutil.Error):
        above = process.parent()
        forked = above is not None and above.cmdline() == process.cmdline()
        return 0 if forked else int(process.memory_info().rss)
    return 0


def high_water() -> int:
    """The sum of the most each living process of the tree ever held (VmHWM), in bytes; 0 where that is not told."""
    return sum(_high_water(process.pid) for process in tree())


def _high_water(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
    return 0


def cpu_seconds() -> float:
    """CPU seconds of the tree so far, of those children that ended, too."""
    seconds = 0.0
    for process in tree():
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system + getattr(times, "children_user", 0.0)
            seconds += getattr(times, "children_system", 0.0)
    return seconds
