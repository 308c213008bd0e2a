"""A publication from executors, one of which is killed in the middle: the table beside what was staged."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from multiprocessing import SimpleQueue
from pathlib import Path

import psutil

from bench import staged_run
from jobs.insert_on_executors import Place, insert
from rules_engine.java import find_java
from rules_engine.model.history import HistoryRecord
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.ports import History, Inserted, silent
from rules_engine.publication.dynamodb import DynamoDBHistory
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import publish
from rules_engine.spark import session
from tests import class_archive
from tests.contract.conftest import new_table
from tests.nights import Figures

CUSTOMERS, FILES = 1_000, 8
RATE = 200.0
"""Writes a second of all tasks: slow enough to be killed in the middle."""

ROOT = Path(__file__).parents[1]
EXECUTOR = "CoarseGrainedExecutorBackend"


def killed(folder: str, endpoint: str, said: SimpleQueue[tuple[Figures, int, Inserted]]) -> None:
    """
    On a cluster of two executors, in a process of its own, as it takes a Spark of its own.

    Said are the figures, how many records were there when the executor was killed, and what the publication told.
    """
    store = staged_run.made(Path(folder), CUSTOMERS, files=FILES)
    place = Place(new_table(), "bigint", endpoint, rate=RATE)
    history = place.history()
    history._stream = False
    history.create()
    java, work = find_java(Path(folder) / "java"), Path(folder) / "work"
    more = {"spark.executorEnv.PYTHONPATH": str(ROOT), "spark.executor.extraJavaOptions": class_archive.read(java)}
    spark = session.start(java, work, master="local-cluster[2,1,1024]", memory="1g", more=more, quick=True)
    struck: list[int] = []
    killer = threading.Thread(target=_kill_one, args=(history, struck), daemon=True)
    try:
        killer.start()
        way = partial(insert, spark, store, history, place, silent)
        done = publish(staged_run.RUN, store, history, staged_run.CREATED_AT, way)
    finally:
        session.stop(spark)
    said.put((figures(history, store), struck[0], done))


def _kill_one(history: DynamoDBHistory, struck: list[int]) -> None:
    """Kill an executor outright once a tenth of the records is there; `count` would wait until no more are written."""
    while (there := history._counted(staged_run.RUN)) < 4 * CUSTOMERS // 10:
        time.sleep(0.2)
    os.kill(next(_executors()), signal.SIGKILL)
    struck.append(there)


def _executors() -> Iterator[int]:
    """The process ids of this program's executors."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # a worker of Python that ended in the meantime
            if EXECUTOR in " ".join(child.cmdline()):
                yield child.pid


def figures(history: History, store: FolderRunStore) -> Figures:
    """The table against what was staged, record by record."""
    staged = store.decisions(staged_run.RUN, HitMatrix.of(store.rule_set(staged_run.RUN)))
    wanted = {(record.subject, record.membership_type): record.content_hash for record in staged}
    read = [record for record in history.records() if isinstance(record, HistoryRecord)]
    held = Counter((record.subject, record.membership_type) for record in read)
    hashes = {(record.subject, record.membership_type): record.content_hash for record in read}
    return Figures(
        cases=1,
        missing=len(wanted.keys() - held.keys()),
        double=held.total() - len(held),
        altered=sum(wanted.get(pair) != said for pair, said in hashes.items()),
    )
