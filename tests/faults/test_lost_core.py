"""A rule that cannot be stopped while rules are tried: it alone is refused, on the only core that there is."""

from __future__ import annotations

import multiprocessing
from functools import partial

import pytest

from rules_engine.model.failing import Limits
from rules_engine.model.rules import Form
from tests.every_case import first_or_every
from tests.faults.test_lost_spark import in_its_own_process
from tests.gate import SCHEMA, Line, Try, judge_all, local_spark, rule_of, the_try, the_try_afresh

SHORT = Limits(planning_seconds=0, rule_seconds=6)
DEAF = "repeat(coalesce(country, 'a'), 100000) LIKE '%a%a%ab'"
"""Spark tries every way to split 100,000 letters, and does not listen meanwhile; where nothing is known, too."""
DEAF_WHEN_FILLED = "repeat(country, 100000) LIKE '%a%a%ab'"

HONEST = (
    Line("before", Form.PREDICATE, "accept", "spend > 5"),
    Line("after", Form.PREDICATE, "accept", "country = 'GB'"),
    Line("query", Form.STATEMENT, "accept", "SELECT customer_id FROM orders WHERE amount > 5"),
    Line(
        "another", Form.STATEMENT, "accept", "SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) > 1"
    ),
)
SHAPES = {
    "a condition": Line("deaf", Form.PREDICATE, "reject", DEAF),
    "a condition over values": Line("deaf", Form.PREDICATE, "reject", DEAF_WHEN_FILLED),
    "a query": Line("deaf", Form.STATEMENT, "reject", f"SELECT customer_id FROM customer WHERE {DEAF}"),
    "a query over values": Line("deaf", Form.STATEMENT, "reject", f"SELECT customer_id FROM customer WHERE {DEAF_WHEN_FILLED}"),
}  # fmt: skip

Said = dict[str, list[str]]
"""By a rule's tag the codes that it met."""


def _tried(line: Line, afresh: bool, said: multiprocessing.SimpleQueue[Said]) -> None:
    """On a single core, in a process of its own: what becomes of the rules, the deaf one among them."""
    asked = [HONEST[0], line, *HONEST[1:]]
    with local_spark() as spark:
        assert the_try(spark, Limits(0, 0))((rule_of(HONEST[0]),), SCHEMA) == ()  # a JVM that has begun is quick
        tried: Try = (the_try_afresh if afresh else the_try)(spark, SHORT)
        verdicts = judge_all(asked, {}, tried, SCHEMA)
    said.put({verdict.line.tag: [fault.code for fault in verdict.faults] for verdict in verdicts})


@pytest.mark.parametrize("shape", first_or_every(["a query over values", "a condition", "a query"]))
def test_a_rule_that_keeps_the_only_core_is_refused_by_name(shape: str) -> None:
    """It is said that it took too long; of no other that, but of those that were left that they were not tried."""
    said = in_its_own_process(partial(_tried, SHAPES[shape], False))
    assert said.pop("deaf") == ["RUN-102"]
    assert {tag: codes for tag, codes in said.items() if codes not in ([], ["RUN-104"])} == {}


def test_the_others_are_tried_in_a_fresh_spark() -> None:
    """After the fourth shape, a condition over values, every honest rule is accepted."""
    said = in_its_own_process(partial(_tried, SHAPES["a condition over values"], True))
    assert said == {"deaf": ["RUN-102"]} | {line.tag: [] for line in HONEST}
