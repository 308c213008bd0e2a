"""
Publishing a run beside the least that its store asks for: PostgreSQL's COPY, and a bare loop of boto3's calls.

    python -m bench.publication [--rounds N] [--postgres CUSTOMERS] [--dynamodb CUSTOMERS] [--whole CUSTOMERS]

Staged decisions of every customer and four membership types are published by the product's own code, checks, chain and
reconciliation included. The bare ones are given what is written already: lines of COPY in a file, statements in memory.
Both in turn in one process, on a server and into tables of their own; each round is a new server and a new process, and
the other one begins. Goals: DynamoDB Local at 0.8 of the bare loop, PostgreSQL at half of the bare COPY, a million
customers under 3 GB, whatever the store holds of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from bench import staged_run
from bench.measure import Meter
from bench.publication_report import write
from bench.staged_run import RUN
from rules_engine.model.history import HistoryRecord
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.publication import dynamodb_local
from rules_engine.publication.dynamodb import BATCH, DynamoDBHistory, connect
from rules_engine.publication.dynamodb_items import ATTRIBUTES, item_of
from rules_engine.publication.postgres import PostgresHistory
from rules_engine.publication.postgres_copy import AT_ONCE, COLUMNS, line
from rules_engine.publication.staging import FolderRunStore
from rules_engine.run import publish
from rules_repo import embedded

ROOT = Path(__file__).parent.parent
POSTGRES, DYNAMODB = "postgresql", "dynamodb-local"


@dataclass(frozen=True, slots=True)
class Job:
    """What one process measures, one after the other: ``bare`` or ``ours``, into new tables of the store at ``url``."""

    store: str
    customers: int
    order: tuple[str, ...]
    url: str
    server: int
    """The process id of the store."""

    work: str


def postgres_ways(job: Job, staged: FolderRunStore, table: str) -> tuple[Any, Callable[[], None]]:
    """A history on PostgreSQL, and a COPY of the same rows into such a table by one statement."""
    history = PostgresHistory(job.url, table, "bigint")
    history.create()
    lines = Path(job.work) / f"{job.customers}.copy"
    if not lines.exists() and "bare" in job.order:
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(line(record, "bigint") for record in _records(staged))

    def copy() -> None:
        connection = psycopg2.connect(job.url)
        with connection, connection.cursor() as cursor, lines.open("rb") as file:
            cursor.copy_expert(f'COPY history."{table}" ({COLUMNS}) FROM STDIN', file, AT_ONCE)
        connection.close()

    return history, copy


def dynamodb_ways(job: Job, staged: FolderRunStore, table: str) -> tuple[Any, Callable[[], None]]:
    """A history on DynamoDB, and a loop of the same calls."""
    client = connect(job.url, None)
    history = DynamoDBHistory(table, "bigint", client, stream=False)
    history.create()
    values = ", ".join(f"'{name}': ?" for name in ATTRIBUTES)
    insert = f'INSERT INTO "{table}" VALUE {{{values}}}'
    items = (item_of(record, "bigint") for record in (_records(staged) if "bare" in job.order else ()))
    statements = ({"Statement": insert, "Parameters": [item[name] for name in ATTRIBUTES]} for item in items)
    calls = list(iter(lambda: list(islice(statements, BATCH)), []))

    def loop() -> None:
        for call in calls:
            client.batch_execute_statement(Statements=call)

    return history, loop


WAYS = {POSTGRES: postgres_ways, DYNAMODB: dynamodb_ways}


def work(job: Job) -> list[dict[str, Any]]:
    """What each of the job's turns cost: seconds, CPU seconds of the publisher and of the store, peak memory."""
    staged = staged_run.made(Path(job.work), job.customers)
    found = []
    for turn, way in enumerate(job.order):
        history, bare = WAYS[job.store](job, staged, f"bench_{os.getpid()}_{turn}")
        for said in ("published.json", "chain.json"):  # the same run is published again, into another history
            for place in (staged.root, staged.folder(RUN)):
                (Path(place) / said).unlink(missing_ok=True)
        time.sleep(1)  # until the store has counted the sessions that ended
        before = server_seconds(job.server)
        with Meter() as meter:
            if way == "bare":
                bare()
            else:
                publish(RUN, staged, history, staged_run.CREATED_AT)
        time.sleep(1)
        store = round(server_seconds(job.server) - before, 3)
        found.append({"way": way, "turn": turn, "store_cpu": store, **meter.cost.as_json()})
    return found


def server_seconds(pid: int) -> float:
    """CPU seconds so far of a store's processes; a PostgreSQL server counts those of the sessions that ended."""
    own = psutil.Process(pid)
    times = own.cpu_times()
    living = [child.cpu_times() for child in own.children(recursive=True)]
    ended = times.children_user + times.children_system
    return float(times.user + times.system + ended + sum(each.user + each.system for each in living))


def _records(staged: FolderRunStore) -> Iterable[HistoryRecord]:
    return staged.decisions(RUN, HitMatrix.of(staged.rule_set(RUN)))


@contextmanager
def served(store: str, folder: Path) -> Iterator[tuple[str, int]]:
    """A new server in a folder: its URL and process id."""
    if store == POSTGRES:
        url = embedded.ensure_database(embedded.start(folder / "postgres"), "bench")
        try:
            yield url, int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        finally:
            embedded.stop(folder / "postgres")
    else:
        url = dynamodb_local.start(folder / "dynamodb", ROOT / "build" / "dynamodb-local")
        try:
            yield url, int(json.loads((folder / "dynamodb" / "server.json").read_text())["pid"])
        finally:
            dynamodb_local.stop(folder / "dynamodb")


def measured(store: str, customers: int, order: tuple[str, ...], made: Path) -> dict[str, Any]:
    """One round: what its turns cost, and how busy the machine was before."""
    staged_run.made(made, customers)
    in_memory = store == DYNAMODB and Path("/dev/shm").is_dir()  # it waits for the disk ten times as long as it works
    folder = Path(tempfile.mkdtemp(prefix="rules-bench-", dir="/dev/shm" if in_memory else None))
    folder.chmod(0o755)
    load = round(os.getloadavg()[0], 1)
    try:
        with served(store, folder) as (url, server):
            job = Job(store, customers, order, url, server, str(made))
            command = [sys.executable, "-m", "bench.publication", "--job", json.dumps(asdict(job))]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    turns = json.loads(told.stdout)
    return {"store": store, "customers": customers, "records": 4 * customers, "load": load, "turns": turns}


def rounds(told: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for number in range(told.rounds):
        for store, customers in ((POSTGRES, told.postgres), (DYNAMODB, told.dynamodb)):
            if customers:
                order = ("bare", "ours") if number % 2 else ("ours", "bare")
                yield measured(store, customers, order * 2, told.work)
    if told.whole:
        yield measured(POSTGRES, told.whole, ("ours",), told.work)


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench.publication", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--postgres", type=int, default=75_000, help="customers; 0 leaves it out")
    parser.add_argument("--dynamodb", type=int, default=5_000, help="customers; 0 leaves it out")
    parser.add_argument("--whole", type=int, default=1_000_000, help="customers of one publication into PostgreSQL")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench" / "publication")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.job:
        given = json.loads(told.job)
        print(json.dumps(work(Job(**given | {"order": tuple(given["order"])}))))
        return
    found: list[dict[str, Any]] = []
    for one in rounds(told):
        found.append(one)
        for turn in one["turns"]:
            print(one["store"], f"{one['records']:,}", f"load {one['load']}", turn, file=sys.stderr, flush=True)
        write(found, told.results / "publication")
    print((told.results / "publication.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
