"""How fast and how patiently a remote store is written to (R-HIST-6)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """
    Threads, rate and patience of a writer.

    ``rate`` is in writes per second, None for as fast as the store takes them.
    ``attempts`` counts tries in a row that got nothing done: with the waits
    given here, between two and three minutes. Waits are in seconds, doubled
    from try to try and multiplied by ``jitter``, a number from 0 to 1.
    """

    workers: int = 8
    rate: float | None = None
    attempts: int = 150
    first_wait: float = 0.05
    longest_wait: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def tries(self) -> Iterator[int]:
        """The numbers of the tries, from 0, with a rest before each but the first."""
        for attempt in range(self.attempts):
            if attempt:
                self.rest(attempt)
            yield attempt

    def rest(self, failed: int) -> None:
        """Wait after so many tries in a row that got nothing done, at least one."""
        self.sleep(self.jitter() * min(self.longest_wait, self.first_wait * 2 ** min(failed - 1, 30)))


class Turnstile:
    """Lets writes through at the pace's rate, whichever thread they come from."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._free_at = pace.clock()
        self._lock = threading.Lock()

    def enter(self, writes: int) -> None:
        """Wait until so many writes may begin."""
        if self._pace.rate is None:
            return
        with self._lock:
            now = self._pace.clock()
            start = max(now, self._free_at)
            self._free_at = start + writes / self._pace.rate
        if start > now:
            self._pace.sleep(start - now)
