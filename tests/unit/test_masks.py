"""Sensitive values in samples and explanations: who sees them, and which texts may hold one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules_engine.lake.declaration import parse
from rules_engine.model.frames import Lake
from rules_engine.review.effect import Cause
from rules_engine.review.masks import Masks
from rules_engine.review.preview import Preview
from rules_engine.review.seen import ClauseSeen
from tests.small_lake import rule
from tests.spec.table import Row, cases

LAKE = """
subject = "people"
[frames.people]
path = "people"
key = ["id"]
subject_key = "id"
[frames.people.columns]
id = "bigint"
country = "string"
email = { type = "string", sensitive = true }
"""
SAMPLES = """
    rule                                                    | sample    | shown | because
    --------------------------------------------------------+-----------+-------+--------------------------------------------
    email LIKE 'a%' AND country = 'FR'                      | email     | ***   | a sensitive column
    email LIKE 'a%' AND country = 'FR'                      | country   | x     | another column of the same rule
    lower(people.email) = 'a'                               | `p`.EMAIL | ***   | qualified, quoted and in capitals
    country = 'email'                                       | country   | x     | a word within a text names no column
    SELECT id FROM people WHERE country = 'FR'              | country   | x     | a statement that names none
    SELECT id FROM (SELECT id, email AS e FROM people) AS p | e         | ***   | a statement can give it another name
    SELECT id FROM (SELECT * FROM people) AS p              | anything  | ***   | a star is every column
    email IS NOT NULL                                       | subject   | x     | the subject's key is not sensitive here
"""


def lake(text: str = LAKE) -> Lake:
    return parse(text, "/data")


@pytest.mark.parametrize("row", cases(SAMPLES))
def test_samples_hide_what_may_hold_a_sensitive_value(row: Row) -> None:
    """By the sample's name and by the rule's own text; nothing is masked to whoever sees."""
    found = Preview(1, 1, 0, "", (), ({row["sample"]: "x"},))
    version = rule("R-1", row["rule"], frame="" if row["rule"].startswith("SELECT") else "people")
    (sample,) = Masks.of(lake(), sees=False).preview(found, version).samples
    assert sample == {row["sample"]: row["shown"]}
    assert Masks.of(lake(), sees=True).preview(found, version) == found


def test_subjects_are_unnamed_where_their_key_is_sensitive() -> None:
    """In samples of previews and plans; how many there are stays."""
    masks = Masks.of(lake(LAKE.replace('id = "bigint"', 'id = { type = "bigint", sensitive = true }')), sees=False)
    found = masks.preview(Preview(1, 1, 0, "", (), ({"subject": "7"},)), rule("R-1", "id > 1", frame="people"))
    assert found.samples == ({"subject": "***"},)
    cause = Cause(("R-1",), 2, 1, (7, 8), (9,))
    assert masks._unnamed(cause) == replace(cause, gains=("***", "***"), losses=("***",))


CLAUSES = """
    clause                   | read | because
    -------------------------+------+------------------------------------------------
    COUNT(*) >= 3            | 5    | how many rows there are is nobody's value
    count( * ) > 1           | 5    | however it is written
    COUNT(email) > 1         | ***  | of a column that is sensitive
    max(e) > 1               | ***  | the statement may have given it another name
    COUNT(*) > length(e)     | ***  | it is held against one
"""


@pytest.mark.parametrize("row", cases(CLAUSES))
def test_counts_stay_in_statements_that_name_a_sensitive_column(row: Row) -> None:
    """Of the clauses of a group, one on the number of its rows shows it."""
    seen = Masks.of(lake(), sees=False)._clause(ClauseSeen(row["clause"], True, read="5", needed="3"), whole=True)
    assert seen.read == row["read"]


def test_nothing_sensitive_is_nothing_masked() -> None:
    """A lake without such a column is shown as before."""
    assert Masks.of(lake(LAKE.replace(", sensitive = true", "")), sees=False) == Masks()
