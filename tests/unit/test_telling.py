"""What is told of a publication on its way: records of how many, how many a second, and not too often."""

from __future__ import annotations

from jobs.telling import Telling, inserting
from tests.unit.house import MONDAY, House


def test_records_of_how_many_and_the_rate() -> None:
    """Told once in so many seconds, at the rate since the beginning, and at the end whenever that is."""
    told: list[tuple[str, float]] = []
    clock = iter([0.0, 0.1, 2.0, 2.1, 4.0])
    telling = Telling(lambda what, share: told.append((what, share)), 4_000, every=1.0, clock=lambda: next(clock))
    for _ in range(4):
        telling(1_000)
    assert told == [
        ("Publishing 4,000 records", 0.0),
        ("Publishing: 2,000 of 4,000 records, 1,000 a second", 0.5),
        ("Publishing: 4,000 of 4,000 records, 1,000 a second", 1.0),
    ]


def test_a_run_of_no_records_is_told_too() -> None:
    """Nothing to publish is no division by nothing."""
    told: list[str] = []
    Telling(lambda what, _: told.append(what), 0)(0)
    assert told[0] == "Publishing 0 records"


def test_the_manifest_says_how_many_there_are() -> None:
    """What is inserted is told against the number that the manifest says."""
    house, told = House(), list[str]()
    run = house.evaluate(MONDAY)
    done = inserting(house.store, house.history, lambda what, _: told.append(what))(run)
    assert (done.inserted, told[0]) == (2, "Publishing 2 records")
    assert told[-1].startswith("Publishing: 2 of 2 records, ")
