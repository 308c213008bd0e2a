"""
What workers count of the work they do, told to the driver beside the rows (R-RUN-4).

An accumulator holds a number for each kind of count, source and partition. A task that is tried again tells the same
numbers under the same names, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

READ, SENT, RECEIVED, MERGED, BARE = "read", "sent", "received", "merged", "bare"
"""Rows read of a source, sent of it, received of it; subjects brought together, and those of them without a bit."""


XOR, SUM = "xor", "sum"
"""Hashes of decisions, combined in two ways whose order is nothing."""


class Outcome(NamedTuple):
    """Decisions that are counted together; or, where they are ``carried``, members who are gone and stay members."""

    membership_type: str
    granted: bool = True
    event: str = ""
    reason: str = ""
    carried: bool = False


class Left(NamedTuple):
    """Members of a type that the run before left."""

    membership_type: str


Count = Callable[[Hashable, int, int], None]
"""Told a kind of count, the number of a source, and how many."""


def uncounted(_kind: Hashable, _source: int, _number: int) -> None:
    """Where nobody counts."""
