"""
Five faults on the way into a night, each through ``rules run``: ``python -m tests.held_runs HOME``.

In an empty folder HOME the demo plays three days, and days like them follow until the guard rails have learnt. Then come a
column that became NULL, a load that doubles a join, a snapshot that is stale, a weight times ten and a lost part of the
customers, one at a time. Each must stop before anything is published; a normal day after them all must pass. A line each
says what stopped it; exit 1 if one was published, or the normal day was not. The weight is changed without a plan, as in a
tutorial, where nobody approves.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.functional.rules_command import RulesCommand

LANDED = date(2024, 6, 5)
"""The demo's newest day."""

DAILY = ("bonds", "customers", "holdings", "policies")
Change = Callable[[pa.Table], pa.Table]
WEIGHT = "UPDATE rules.rule SET weight = {} WHERE rule_key = 'LOY-001'"


def emptied(customers: pa.Table) -> pa.Table:
    """The days of the newest claims, all NULL."""
    at = customers.schema.get_field_index("last_claim_on")
    return customers.set_column(at, customers.schema.field(at), pa.nulls(len(customers), pa.date32()))


def doubled(holdings: pa.Table) -> pa.Table:
    """Every holding once more, under a number of its own."""
    at = holdings.schema.get_field_index("holding_id")
    again = holdings.set_column(at, holdings.schema.field(at), pc.add(holdings["holding_id"], 10**9))
    return pa.concat_tables([holdings, again])


def halved(customers: pa.Table) -> pa.Table:
    """Every second customer."""
    return customers.filter(pc.equal(pc.bit_wise_and(customers["customer_id"], 1), 0))


class Nights:
    """The demo's lake and command, and one day after the other."""

    def __init__(self, home: Path) -> None:
        self.rules, self.lake, self.day = RulesCommand(home), home / "demo" / "lake", LANDED
        self.rules.fine("demo", "--customers", 3_000)

    def land(self, frame: str = "", change: Change | None = None) -> None:
        """The next day's data are those of the day before; one frame is changed."""
        before, self.day = self.day, self.day + timedelta(days=1)
        for each in DAILY:
            shutil.copytree(self.lake / each / str(before), self.lake / each / str(self.day))
        if change:
            for file in (self.lake / frame / str(self.day)).glob("*.parquet"):
                pq.write_table(change(pq.read_table(file)), file)

    def take_back(self) -> None:
        for each in DAILY:
            shutil.rmtree(self.lake / each / str(self.day))
        self.day -= timedelta(days=1)

    @contextmanager
    def fault(self, frame: str, change: Change | None) -> Iterator[None]:
        self.land(frame, change)
        try:
            yield
        finally:
            self.take_back()

    def published(self) -> int:
        return sum(run["published"] for run in self.rules.json("runs"))

    def stopped(self, name: str, as_of: date | None = None) -> bool:
        """Whether a run of a day ends before it publishes anything; a line says by what."""
        before = self.published()
        result = self.rules("run", "--as-of", as_of or self.day, "--json")
        ended = result.exit_code in (5, 7) and self.published() == before
        codes = sorted({line for line in result.stdout.split('"') if line.startswith(("GUARD-", "LAKE-"))})
        print(f"{name:24} exit {result.exit_code}  {', '.join(codes)}", flush=True)
        return ended


def play(nights: Nights) -> bool:
    """Whether all five are stopped, and no normal day is."""
    nights.land()
    nights.rules.fine("run", "--as-of", nights.day)
    good = []
    faults: list[tuple[str, str, Change]] = [
        ("a column became NULL", "customers", emptied),
        ("a load doubles a join", "holdings", doubled),
        ("a part was lost", "customers", halved),
    ]
    for name, frame, change in faults:
        with nights.fault(frame, change):
            good.append(nights.stopped(name))
    good.append(nights.stopped("a snapshot is stale", nights.day + timedelta(days=10)))
    nights.rules.fine("sql", WEIGHT.format(400))
    with nights.fault("", None):
        good.append(nights.stopped("a weight times ten"))
    nights.rules.fine("sql", WEIGHT.format(40))
    nights.land()
    normal = nights.rules("run", "--as-of", nights.day)
    print(f"{'a normal day':24} exit {normal.exit_code}")
    return all(good) and normal.exit_code == 0


def main() -> int:
    nights = Nights(Path(sys.argv[1]))
    try:
        return 0 if play(nights) else 1
    finally:
        nights.rules.fine("down")


if __name__ == "__main__":
    sys.exit(main())
