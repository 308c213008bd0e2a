"""Cases that take minutes each: the first of them, or all where the environment says EVERY_CASE."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")


def first_or_every(cases: Sequence[Case]) -> Sequence[Case]:
    """
    What a test is to be shown on: one case is enough where the others take the same way through the code.

    >>> first_or_every(["one", "another"])[0]
    'one'
    """
    return cases if "EVERY_CASE" in os.environ else cases[:1]
