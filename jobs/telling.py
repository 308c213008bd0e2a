"""How far a publication is, told while it goes on: records of how many, and how many a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.ports import History, Inserted, Progress, RunStore
from rules_engine.run import Insert

Clock = Callable[[], float]


@dataclass
class Telling:
    """
    Told of records that are done with, from whichever thread, it tells how far a publication is.

    Once in so many seconds, and at the end.
    """

    progress: Progress
    total: int
    every: float = 0.2
    clock: Clock = time.monotonic
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._started = self._told = self.clock()
        self.progress(f"Publishing {self.total:,} records", 0.0)

    def __call__(self, more: int) -> None:
        with self._lock:
            self.done += more
            now = self.clock()
            if now - self._told < self.every and self.done < self.total:
                return
            self._told = now
            rate = self.done / max(now - self._started, 0.001)
            words = f"Publishing: {self.done:,} of {self.total:,} records, {rate:,.0f} a second"
            self.progress(words, min(1.0, self.done / max(self.total, 1)))


def inserting(store: RunStore, history: History, progress: Progress) -> Insert:
    """How a history inserts a run's staged decisions, telling how far it is."""

    def insert(run_id: str) -> Inserted:
        records = store.decisions(run_id, HitMatrix.of(store.rule_set(run_id)))
        manifest = store.manifest(run_id)
        return history.insert(records, Telling(progress, manifest.written if manifest else 0))

    return insert
