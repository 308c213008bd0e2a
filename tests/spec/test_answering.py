"""The manual of questions about the past: which record answers for a day, as known at a moment (R-HIST-8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from rules_engine.model.history import HistoryRecord
from rules_engine.model.journeys import answering, newest, of_run
from rules_engine.model.publications import Publication
from tests.contract.history_records import granted, published
from tests.spec.table import Row, cases

# Each record is `day/created`, days in June 2024; `c` after it marks a correction. A day alone was published, the subject
# absent. The answer is one of the records, or nothing.
ANSWERS = """
    records             | as of | known | answer | because
    --------------------+-------+-------+--------+--------------------------------------------------------------
                        | 3     | 30    |        | nobody ever decided
    3/3                 | 2     | 30    |        | the day is before the first record
    3/3                 | 3     | 30    | 3/3    | its own day
    3/3                 | 9     | 30    | 3/3    | a record stands until the next one
    3/3 4/4             | 3     | 30    | 3/3    | a later day says nothing about an earlier one
    3/3 4/4             | 4     | 30    | 4/4    | the latest day that is not after the one asked about
    3/3 4/4             | 4     | 3     | 3/3    | what was created later was not known
    3/3                 | 3     | 2     |        | nothing was known yet
    3/5                 | 3     | 4     |        | a day that was decided late was not known before
    3/3 3/4             | 3     | 30    | 3/4    | of one day, what was created last
    3/3 3/4             | 3     | 3     | 3/3    | unless it was not known yet
    3/3 4/4 3/6c        | 3     | 30    | 3/6c   | a correction answers for its day
    3/3 4/4 3/6c        | 3     | 5     | 3/3    | before it was made, what it corrects answered
    3/3 4/4 3/6c        | 4     | 30    | 4/4    | a correction does not answer for a later day that has a record
    3/3 7/7 3/8c        | 5     | 30    | 3/8c   | between two days that were published it answers as the corrected one did
    3/3 5 3/8c          | 5     | 30    | 3/3    | of a day that was published, and said nothing, it does not
    3/3 5 3/8c          | 4     | 30    | 3/8c   | but of the day before
    3/3 5 3/8c          | 3     | 7     | 3/3    | what it corrects, before it was made
    3/3 9/9 5c 3/8c     | 6     | 30    | 3/3    | nor of a day that had a correction of its own
    3/3 3/6c 3/7c       | 3     | 30    | 3/7c   | a correction of a correction
"""


def record(text: str) -> HistoryRecord:
    day, created = (int(part.rstrip("c")) for part in text.split("/"))
    at = datetime(2024, 6, created, 20, tzinfo=UTC)
    return replace(granted(1, day=day), as_of=date(2024, 6, day), created_at=at, correction=text.endswith("c"))


def entry(number: int, text: str) -> Publication:
    """What was published of a day; one without a record, on the day itself."""
    day, _, created = text.rstrip("c").partition("/")
    at = datetime(2024, 6, int(created or day), 20, tzinfo=UTC)
    return replace(published(number, day=int(day)), created_at=at, correction=text.endswith("c"))


@pytest.mark.parametrize("case", cases(ANSWERS))
def test_the_record_that_answers(case: Row) -> None:
    """Whatever the order in which the records are given."""
    told = case["records"].split()
    given, chain = [record(text) for text in told if "/" in text], [entry(*each) for each in enumerate(told, 1)]
    known = datetime(2024, 6, int(case["known"]), 23, tzinfo=UTC)
    expected = {"GOLD": record(case["answer"])} if case["answer"] else {}
    for records in permutations(given):
        assert answering(records, date(2024, 6, int(case["as of"])), chain, known) == expected


def test_now_is_as_much_as_is_known() -> None:
    """Without a moment everything counts, and each membership type has an answer of its own."""
    records = [record("3/3"), record("4/4"), granted(1, "PLUS", day=3)]
    assert answering(records, date(2024, 6, 9), [entry(1, "3/3"), entry(2, "4/4")]) == {
        "GOLD": records[1],
        "PLUS": records[2],
    }


def test_a_correction_is_not_how_a_subject_stands_now() -> None:
    """The newest record is the last that is no correction, and a run's records are its own."""
    records = [record("3/3"), record("4/4"), replace(record("3/6c"), run_id="run-9")]
    assert newest(records) == {"GOLD": records[1]}
    assert of_run(records, "run-9") == {"GOLD": records[2]}
