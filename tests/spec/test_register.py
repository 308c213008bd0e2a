"""The manual of the register: which row some records of one pair come to (R-HIST-7)."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from rules_engine.model.history import HistoryRecord
from rules_engine.model.register import Row as RegisterRow
from rules_engine.model.register import applied, changed, changes
from tests.contract.history_records import granted, never, revoked
from tests.spec.table import Row, cases

# Each record is what it says and its day in June 2024: g granted, r revoked, n never granted; `c` after it a correction.
# `row` is the record that the row is told by, with the day of the first grant after `since`; empty where there is none.
ROWS = """
    records      | row | since | because
    -------------+-----+-------+-------------------------------------------------------------
                 |     |       | nobody decided
    n3           |     |       | never granted: no row
    n3 n4        |     |       | still never
    g3           | g3  | 3     | a member
    g3 g3        | g3  | 3     | the same record again is nothing new
    n2 g3        | g3  | 3     | a member in the end
    g3 r4        | r4  | 3     | revoked, and the row stays
    g3 r4 r5     | r5  | 3     | the newest record tells it, the event stays revoked
    g3 r4 g6     | g6  | 6     | the newest record says when it first was
    g3c          |     |       | a correction makes no row
    g3 r4c       | g3  | 3     | a correction revokes nobody
    r4 g9c       | r4  | 3     | a correction grants nothing
"""

# Runs that overlapped, before publications were a chain, wrote these. They are read in their order.
FORGETFUL = """
    records      | row | since | because
    -------------+-----+-------+-------------------------------------------------------------
    g3 n4        | n4  | 3     | the newest record says no member, and the first grant is known
    g3 n4 g5     | g5  | 5     | a member again
    g3 n4 n5     | n5  | 3     | the newest tells it
"""


def record(text: str) -> HistoryRecord:
    made = {"g": granted, "r": revoked, "n": never}[text[0]](1, day=int(text[1:].rstrip("c")))
    return replace(made, correction=text.endswith("c"))


def told(row: RegisterRow | None) -> tuple[str, str]:
    """The cells of a row."""
    if row is None:
        return "", ""
    kind = "g" if row.granted else "n" if row.event == "NOT_GRANTED" else "r"
    return f"{kind}{row.as_of.day}", str(row.since.day) if row.since else ""


def one_by_one(records: list[HistoryRecord]) -> RegisterRow | None:
    """The row after each record in turn, by the guard that every register keeps."""
    row = None
    for each in records:
        asked = changes([each])
        for given, makes in [(g, True) for g in asked.made] + [(g, False) for g in asked.changed]:
            row = changed(row, given, makes=makes)
    return row


@pytest.mark.parametrize("case", cases(ROWS))
def test_the_row_of_some_records(case: Row) -> None:
    """In any order, all at once or one by one."""
    for records in permutations([record(text) for text in case["records"].split()]):
        at_once = changes(records).made
        assert told(at_once[0] if at_once else None) == (case["row"], case["since"])
        assert told(one_by_one(list(records))) == (case["row"], case["since"])


@pytest.mark.parametrize("case", cases(FORGETFUL))
def test_the_row_of_records_that_forgot_a_grant(case: Row) -> None:
    """In their order: at once, one by one, and folded."""
    records = [record(text) for text in case["records"].split()]
    folded: RegisterRow | None = None
    for each in records:
        folded = applied(folded, each)
    for row in (folded, changes(records).made[0], one_by_one(records)):
        assert told(row) == (case["row"], case["since"])
