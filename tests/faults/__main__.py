"""
`python -m tests.faults`: nights that go wrong, each kind with its figures, over memory, PostgreSQL and DynamoDB Local.

Every line must show 0 missing, 0 double, 0 altered and 0 members without a later revocation; the control, which has no
guard, must not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

from botocore.exceptions import ReadTimeoutError

from rules_engine.errors import RulesError
from rules_engine.ports import History
from rules_engine.publication import dynamodb_local
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.pace import Pace
from rules_engine.publication.postgres import PostgresHistory
from rules_repo import embedded
from tests import lost_executor, nights
from tests.contract.conftest import JARS, new_table
from tests.faults.test_lost_spark import in_its_own_process
from tests.faults.test_publication import LosingReplies, Throttling
from tests.in_memory import InMemoryHistory
from tests.nights import Figures, Unguarded
from tests.unit.house import moment

Make = Callable[[], History]
HURRIED = Pace(sleep=lambda _: None, attempts=5000)
POINTS = 20
"""Points of a publication at which it is killed."""


def orders() -> Iterator[list[tuple[str, date]]]:
    """All orders of evaluating and publishing three days, each evaluated before it is published."""
    days = [nights.MONDAY + timedelta(days=n) for n in range(3)]
    steps = [(what, day) for day in days for what in ("evaluate", "publish")]
    for order in permutations(steps):
        if all(order.index(("evaluate", day)) < order.index(("publish", day)) for day in days):
            yield list(order)


def killed(make: Make, chance: random.Random) -> Figures:
    """Killed at each of the points in turn."""
    total = Figures()
    for point in range(POINTS):
        found, struck = nights.killed_and_continued(nights.population(chance), make(), point)
        assert struck or point > 12, f"nothing was killed at point {point}"
        total += found
    return total


def overlapping(make: Make, chance: random.Random) -> Figures:
    """Every order in memory; ten of them, drawn by chance, where the history is a server's."""
    all_orders = list(orders())
    chosen = all_orders if isinstance(make(), InMemoryHistory | Unguarded) else chance.sample(all_orders, 10)
    return sum((nights.in_order(nights.population(chance), make(), order) for order in chosen), Figures())


def from_a_start_line(make: Make, chance: random.Random) -> Figures:
    """Two publishers of different runs, and of the same, let go at once."""
    total = Figures()
    for same in (False, True) * 5:
        people, history = nights.population(chance), make()
        house = nights.a_house(people, history)
        first, second, *_ = sorted(people)
        house.run(first)
        runs = [house.evaluate(second)]
        if same:
            runs *= 2
        else:
            house.reweigh(21, number=2)
            runs.append(house.evaluate(second, at=moment(second, 9)))
        start, refused = threading.Barrier(2), []

        def publish(run: str, house: Any = house, start: Any = start, refused: Any = refused) -> None:
            start.wait()
            try:
                nights.next_process(house, house.history).publish(run)
            except RulesError as error:
                refused.append(error)

        several = [threading.Thread(target=publish, args=(run,)) for run in runs]
        for thread in several:
            thread.start()
        for thread in several:
            thread.join()
        entries = history.chain()
        assert [entry.closed for entry in entries] == [True, True]
        assert len(refused) == (0 if same else 1), refused
        counts = [history.count(run) for run in {*runs}]
        whole = sorted(counts) == sorted([entries[1].decided, *([] if same else [0])])
        total += Figures(1, len(refused), altered=0 if whole else 1)
    return total


def paused(make: Make, chance: random.Random) -> Figures:
    """A publisher that stands still between its claim and its records, until others have finished it and gone on."""
    total = Figures()
    for _ in range(5):
        people, history = nights.population(chance), make()
        house, (first, second, third) = nights.a_house(people, history), sorted(people)
        house.run(first)
        run = house.evaluate(second)
        arrived, go_on = threading.Event(), threading.Event()

        class Paused(nights.Passing):
            def insert(self, records: Any, arrived: Any = arrived, go_on: Any = go_on) -> Any:
                arrived.set()
                go_on.wait()
                return super().insert(records)

        sleeper = threading.Thread(target=nights.next_process(house, Paused(history)).publish, args=(run,))
        sleeper.start()
        arrived.wait()
        nights.next_process(house, history).run(third)
        go_on.set()
        sleeper.join()
        total += nights.figures(history, nights.days_of(history), people)
    return total


def clocks(make: Make, chance: random.Random) -> Figures:
    """Clocks a day ahead, a day behind, and standing still."""
    errors = [timedelta(days=1), -timedelta(days=1), timedelta(0), -timedelta(days=2), timedelta(hours=30)]
    total = Figures()
    for _ in range(5):
        total += nights.with_clocks(nights.population(chance), make(), [chance.choice(errors) for _ in range(3)])
    return total


def disturbed(client: Any) -> Callable[[Make, random.Random], Figures]:
    """Three nights over a DynamoDB whose calls go wrong."""

    def nights_of(_: Make, chance: random.Random) -> Figures:
        history = DynamoDBHistory(new_table(), "bigint", client, HURRIED, stream=False)
        history.create()
        people = nights.population(chance, subjects=40)
        house = nights.a_house(people, history)
        for day in sorted(people):
            house.run(day)
        assert client.faults > 0
        return nights.figures(history, nights.days_of(history), people)

    return nights_of


def lost_an_executor(endpoint: str) -> Figures:
    """A publication from the executors of a small cluster."""
    with tempfile.TemporaryDirectory() as folder:
        found, there, done = in_its_own_process(lost_executor.killed, folder, endpoint)
    assert 0 < there < done.inserted + done.already_there, "it was not killed in the middle"
    assert done.already_there > 0, "nothing was inserted again"
    figures: Figures = found
    return figures


@contextmanager
def servers(wanted: bool) -> Iterator[dict[str, Make]]:
    """Where histories are made: in memory, and on servers of their own."""
    if not wanted:
        yield {"memory": InMemoryHistory}
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        url = embedded.ensure_database(embedded.start(Path(folder) / "postgres"), "faults")
        client = connect(dynamodb_local.start(Path(folder) / "dynamodb", JARS), None)

        def on_postgres() -> History:
            history = PostgresHistory(url, new_table(), "bigint")
            history.create()
            return history

        def on_dynamodb() -> History:
            history = DynamoDBHistory(new_table(), "bigint", client, HURRIED, stream=False)
            history.create()
            return history

        try:
            yield {"memory": InMemoryHistory, "postgresql": on_postgres, "dynamodb": on_dynamodb}
        finally:
            embedded.stop(Path(folder) / "postgres")
            dynamodb_local.stop(Path(folder) / "dynamodb")


KINDS: dict[str, Callable[[Make, random.Random], Figures]] = {
    f"killed at {POINTS} points, then the next night": killed,
    "evaluate and publish of three nights in all orders": overlapping,
    "two publishers from a start line": from_a_start_line,
    "a publisher paused past everybody else": paused,
    "clocks a day off": clocks,
}


def lines(makes: dict[str, Make], seed: int) -> Iterator[tuple[str, str, Figures]]:
    for name, kind in KINDS.items():
        for place, make in makes.items():
            yield name, place, kind(make, random.Random(seed))
    if "dynamodb" in makes:
        client = makes["dynamodb"]()._calls._client  # type: ignore[attr-defined]
        for share in (0.1, 0.5, 0.9):
            kind = disturbed(Throttling(client, share))
            yield f"throttled {share:.0%}", "dynamodb", kind(makes["dynamodb"], random.Random(seed))
        lost = LosingReplies(client, 0.5, ReadTimeoutError(endpoint_url="http://dynamodb"))
        yield (
            "half of the replies lost after the commit",
            "dynamodb",
            disturbed(lost)(makes["dynamodb"], random.Random(seed)),
        )
        yield (
            "an executor killed in the middle of a publication",
            "dynamodb",
            lost_an_executor(client.meta.endpoint_url),
        )
    yield (
        "CONTROL, no guard: all orders",
        "memory",
        overlapping(lambda: Unguarded(InMemoryHistory()), random.Random(seed)),
    )


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--memory", action="store_true", help="no servers: in memory alone")
    told = asked.parse_args()
    titles = ("cases", "refused", "missing", "double", "altered", "unrevoked")
    print(f"{'kind':52} {'history':10}" + "".join(f"{title:>10}" for title in titles))
    wrong = 0
    with servers(not told.memory) as makes:
        for name, place, found in lines(makes, told.seed):
            print(f"{name:52} {place:10}" + "".join(f"{getattr(found, title):>10}" for title in titles), flush=True)
            wrong += bool(found.faults) != name.startswith("CONTROL")
    print("As it must be." if not wrong else f"{wrong} lines are not as they must be.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
