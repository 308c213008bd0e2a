"""
What people write who come from other databases, spreadsheets and data frames: what is said, and what to write instead.

Every cure, followed to the letter, is accepted by every gate.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, MembershipType, RuleVersion
from rules_engine.spark.gate.gate import RuleGate
from rules_engine.spark.session import pin
from rules_engine.sql.reference.examples import example_schema
from rules_engine.sql.reference.mistakes import documented, mistakes
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def versions(texts: list[str]) -> tuple[RuleVersion, ...]:
    """The texts as exclusions, which may be true of nothing."""
    forms = [Form.STATEMENT if text.lower().startswith("select") else Form.PREDICATE for text in texts]
    return tuple(
        RuleVersion(
            f"R-{n:03}", 1, Kind.EXCLUSION, "GOLD", 10, form, text, frame="" if form is Form.STATEMENT else "people"
        )
        for n, (text, form) in enumerate(zip(texts, forms, strict=True))
    )  # fmt: skip


def refused(gate: RuleGate, texts: list[str]) -> dict[str, str]:
    """What the gates say of each text that they refuse."""
    said: dict[str, str] = {}
    rule_set = RuleSet(date(2024, 6, 1), datetime(2024, 6, 1, tzinfo=UTC), (MembershipType("GOLD"),), versions(texts))
    try:
        gate.check(rule_set)
    except InvalidRule as found:
        for fault in found.faults:
            text = texts[int(fault.which.rpartition("-")[2])]
            said[text] = f"{said.get(text, '')} {fault.what} {fault.remedy}"
    return said


@pytest.fixture(scope="module")
def gate(spark: SparkSession) -> RuleGate:
    return RuleGate(spark, example_schema())


def test_every_mistake_is_told_with_its_cure(gate: RuleGate) -> None:
    """What was written is refused, in words that name what to write."""
    found = refused(gate, [*dict.fromkeys(row["mistake"] for row in mistakes())])
    assert [
        (r["mistake"], found.get(r["mistake"])) for r in mistakes() if r["says"] not in found.get(r["mistake"], "")
    ] == []


def test_every_cure_is_accepted(gate: RuleGate) -> None:
    """Followed to the letter."""
    assert refused(gate, [*dict.fromkeys(row["write"] for row in mistakes())]) == {}


def test_there_are_sixty_mistakes_of_people_from_everywhere() -> None:
    """From each of the places that people come from."""
    assert len(mistakes()) >= 60
    assert {"PostgreSQL", "SQL Server", "Oracle", "MySQL", "Excel", "pandas"} <= {row["from"] for row in mistakes()}


IN_SILENCE = """
    expression                                                                       | is    | because
    ---------------------------------------------------------------------------------+-------+-----------------------------------
    (SELECT x FROM VALUES (NULL), (1) AS t (x) ORDER BY x DESC LIMIT 1) IS NULL       | false | NULL is last in descending order
    (SELECT x FROM VALUES (NULL), (1) AS t (x) ORDER BY x LIMIT 1) IS NULL            | true  | and first in ascending order
    double('NaN') >= 0.9                                                              | true  | NaN is above every number
    3 / 2 = 1.5                                                                       | true  | whole numbers are divided whole
    3 div 2 = 1                                                                       | true  | div cuts
    try_divide(1, 0) IS NULL                                                          | true  | a division that may fail
    'FR' = 'fr'                                                                       | false | letters are compared as written
    '' IS NULL                                                                        | false | an empty text is a text
    extract(dow FROM DATE '2024-06-02') = 1                                          | true  | the first day is Sunday
    add_months(DATE '2024-02-29', 12) = DATE '2025-02-28'                             | true  | a birthday on 29 February
"""
CURES = [
    "rate >= 0.9 AND NOT isnan(rate)",
    "visits div 2 = 1",
    "try_divide(spend, visits) > 1",
    "SELECT person_id FROM (SELECT person_id, row_number() OVER (ORDER BY spend DESC NULLS FIRST, person_id) AS place"
    " FROM people) t WHERE place <= 10",
]


@pytest.mark.parametrize("case", cases(IN_SILENCE))
def test_what_differs_in_silence_is_as_the_page_says(spark: SparkSession, case: Row) -> None:
    """As Spark answers with our settings."""
    assert str(pin(spark).sql(f"SELECT {case['expression']}").first()[0]).lower() == case["is"]


def test_what_the_page_says_against_it_is_accepted(gate: RuleGate) -> None:
    """Followed to the letter."""
    assert refused(gate, CURES) == {}


def test_the_page_is_current() -> None:
    """docs/coming-from.md is what `python -m rules_engine.sql.reference.mistakes` writes."""
    assert Path("docs/coming-from.md").read_text("utf-8") == documented()
