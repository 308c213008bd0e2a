"""The manual of effective periods: the first day counts and the end day does not (R-REPO-4)."""

from datetime import date, timedelta

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.rules import EffectivePeriod
from tests.spec.table import Row, cases

COVERS = """
    first      | end        | day        | counts | because
    -----------+------------+------------+--------+--------------------------------------
    2024-03-01 | 2024-06-01 | 2024-02-29 | no     | the day before the first
    2024-03-01 | 2024-06-01 | 2024-03-01 | yes    | the first day counts
    2024-03-01 | 2024-06-01 | 2024-05-31 | yes    | the day before the end counts
    2024-03-01 | 2024-06-01 | 2024-06-01 | no     | the end day does not count
    2024-03-01 |            | 2024-03-01 | yes    | an open end counts from its first day
    2024-03-01 |            | 9999-12-31 | yes    | an open end never ends
    2024-03-01 |            | 2024-02-29 | no     | an open end has a beginning
    2024-03-01 | 2024-03-02 | 2024-03-01 | yes    | a period of one day
"""

OVERLAPS = """
    one                   | other                 | overlap | because
    ----------------------+-----------------------+---------+-----------------------------------
    2024-03-01 2024-06-01 | 2024-06-01 2024-09-01 | no      | successors share no day
    2024-03-01 2024-06-01 | 2024-05-31 2024-09-01 | yes     | one shared day
    2024-03-01 2024-06-01 | 2024-07-01 2024-09-01 | no      | a gap between them
    2024-03-01 2024-06-01 | 2024-04-01 2024-05-01 | yes     | one within the other
    2024-03-01 2024-06-01 | 2024-03-01 2024-06-01 | yes     | the same period
    2024-03-01            | 2024-06-01 2024-09-01 | yes     | an open end meets what comes later
    2024-03-01            | 2024-01-01 2024-03-01 | no      | an open end follows what has ended
    2024-03-01            | 2030-01-01            | yes     | two open ends always meet
"""


def period(cell: str) -> EffectivePeriod:
    """``first end`` as a period; without an end until further notice."""
    days = [date.fromisoformat(part) for part in cell.split()]
    return EffectivePeriod(*days)


@pytest.mark.parametrize("row", cases(COVERS))
def test_the_days_a_period_covers(row: Row) -> None:
    """A version counts from its first day to the day before its end."""
    covers = period(f"{row['first']} {row['end']}").covers(date.fromisoformat(row["day"]))
    assert covers is (row["counts"] == "yes")


@pytest.mark.parametrize("row", cases(OVERLAPS))
def test_two_periods_overlap_if_they_share_a_day(row: Row) -> None:
    """Overlap is sharing a day, and the order of the two does not matter."""
    one, other = period(row["one"]), period(row["other"])
    assert one.overlaps(other) is other.overlaps(one) is (row["overlap"] == "yes")


@pytest.mark.parametrize("days", [0, -1])
def test_a_period_without_a_day_cannot_be_built(days: int) -> None:
    """An end on or before the first day is refused, with both days named."""
    first = date(2024, 3, 1)
    with pytest.raises(InvalidRule, match=f"ends on {first + timedelta(days)} and starts on 2024-03-01"):
        EffectivePeriod(first, first + timedelta(days))
