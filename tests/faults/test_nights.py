"""Nights that go wrong, in short: `python -m tests.faults` runs them over PostgreSQL and DynamoDB Local too."""

from __future__ import annotations

import random

import pytest

from tests.faults.__main__ import KINDS, overlapping
from tests.in_memory import InMemoryHistory
from tests.nights import Unguarded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disturbed_nights_leave_what_undisturbed_ones_leave(kind: str, seed: int) -> None:
    """Nothing missing, double or altered, and no member without a later revocation (R-RUN-1, R-HIST-6)."""
    found = KINDS[kind](InMemoryHistory, random.Random(seed))
    assert found.cases > 0
    assert (found.missing, found.double, found.altered, found.unrevoked) == (0, 0, 0, 0)


def test_control_without_a_guard_members_stay_for_ever() -> None:
    """A history that lets everybody have every number is found out by the same look."""
    found = overlapping(lambda: Unguarded(InMemoryHistory()), random.Random(1))
    assert found.missing > 0
    assert found.unrevoked > 0
