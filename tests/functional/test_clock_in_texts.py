"""Texts that Spark would read as its clock, texts that it would cast unasked, and the ways round them that are left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rules_engine.model.rules import Form
from rules_engine.spark.gate.parsed_plan import read
from rules_engine.spark.gate.plan_tree import CATALYST, Node, tree
from rules_engine.spark.gate.texts import may_hold_text
from rules_engine.spark.sandbox import active, handles, java, rows_of, rule_session
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.day_words import is_pattern
from rules_engine.sql.moments import fixes_a_year, is_day, is_moment
from rules_engine.sql.reference.examples import example_rule, example_schema
from tests.gate import AS_OF, FORMS, LAYERS, Layer, Line, judge, lines, spark_layers
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOSTILE = list(lines(Path(__file__).parents[1] / "data" / "hostile_rules_2.tsv"))


@pytest.fixture(scope="module")
def layers(spark: SparkSession) -> dict[str, Layer]:
    """Every layer in order."""
    return LAYERS | spark_layers(spark)


def test_hostile_rules_of_these_kinds_are_refused(layers: dict[str, Layer]) -> None:
    """Every line of the file is refused, whichever layer refuses."""
    assert [str(v) for v in (judge(line, layers) for line in HOSTILE) if v.accepted] == []


SAID = """
    form   | rule                                                                 | code    | because
    -------+----------------------------------------------------------------------+---------+----------------------------------------------
    cond   | joined < 'today'                                                     | SQL-341 | a word that Spark reads as its clock
    cond   | joined < lower('TODAY')                                              | SQL-341 | a computed one
    cond   | timestamp(joined) < '12:30'                                          | SQL-341 | half past twelve today
    cond   | datediff('now', joined) > 30                                         | SQL-341 | an argument
    cond   | coalesce(array(joined), array('today')) = array(joined)              | SQL-341 | in an array
    cond   | cast(email as timestamp) > joined                                    | SQL-341 | half past twelve in the data
    cond   | to_date(email) > joined                                              | SQL-341 | without a pattern it is a cast
    cond   | to_timestamp('12:30', 'HH:mm') > joined                              | SQL-342 | a pattern of no day
    cond   | country = 8                                                          | SQL-343 | every country is read as a number
    select | select c.customer_id from customer c join (values (date_trunc('day', '00:00'))) as t(d) on timestamp(c.joined) = t.d | SQL-341 | worked out before the plan is shown
    cond   | joined >= '2024-06-01'                                               |         | a day written out
    cond   | joined >= '2024-06-01 12:00:00'                                      |         | and its time
    cond   | timestamp(joined) >= '2024-06-01T12:00:00Z'                          |         | and its zone
    cond   | joined in ('2024-06-01', '2024-06-02')                               |         | several
    cond   | datediff(:as_of, '2024-01-01') > 5                                   |         | a day as an argument
    cond   | try_cast(country as date) < :as_of                                   |         | a day in the data, and nothing else
    cond   | cast(concat(country, '-01') as date) < :as_of                        |         | put together from the data
    cond   | to_date(email, 'yyyy-MM-dd') > joined                                |         | a pattern
    cond   | to_date(email, 'dd.MM.yyyy') > joined                                |         | another
    cond   | to_timestamp(email, 'yyyy-MM-dd HH:mm') > joined                     |         | of a moment
    cond   | cast(country as int) = 8                                             |         | a cast that is asked for
    cond   | int(country) = 8                                                     |         | as a function
    cond   | try_cast(country as int) = 8                                         |         | that never fails
    cond   | spend > '5'                                                          |         | a constant is read once
    cond   | country = '8'                                                        |         | text against text
    select | select c.customer_id from customer c join (values (date '2024-06-01', array('x'))) as t(d, x) on c.joined = t.d | | days written out
"""


@pytest.mark.parametrize("row", cases(SAID))
def test_what_is_said_of_a_text(layers: dict[str, Layer], row: Row) -> None:
    """A text that could be the clock is refused with its cure, and one that cannot is accepted."""
    verdict = judge(Line("x", FORMS[row["form"]], "accept", row["rule"]), layers)
    assert [fault.code for fault in verdict.faults] == ([row["code"]] if row["code"] else [])


TEXTS = """
    text                             | day   | moment | because
    ---------------------------------+-------+--------+-----------------------------------
    2024-06-01                       | yes   | yes    | a day
    2024-02-30                       |       |        | a day that never was
    2024-6-1                         |       |        | digits left out
    20240601                         |       |        | no dashes
    2024                             |       |        | a year
    2024-06                          |       |        | a month
    2024-W05-1                       |       |        | a week
    +2024-06-01                      |       |        | a sign
    today                            |       |        | the clock
    12:30                            |       |        | a time of today
    T12:30                           |       |        | another
    2024-06-01 12:30                 |       | yes    | a moment
    2024-06-01T12:30:15.5            |       | yes    | with its fraction
    2024-06-01 12:30:15.123456       |       | yes    | with all of it
    2024-06-01 12:30:15Z             |       | yes    | with its zone
    2024-06-01 12:30:15+02:00        |       | yes    | with another
    2024-06-01 25:00:00              |       |        | no such hour
    2024-06-01 now                   |       |        | words after it
    ２０２４-06-01                   |       |        | digits of another alphabet
"""


@pytest.mark.parametrize("row", cases(TEXTS))
def test_days_and_moments_are_written_in_one_way(row: Row) -> None:
    """Everything else is left to no reader."""
    assert (is_day(row["text"]), is_moment(row["text"])) == (bool(row["day"]), bool(row["moment"]))


PATTERNS = """
    pattern               | year | because
    ----------------------+------+----------------------------
    yyyy-MM-dd            | yes  | a day
    dd.MM.uuuu            | yes  | another letter
    yyyy                  | yes  | the first of January
    HH:mm                 |      | a time
    MM-dd                 |      | any year's
    'y'HH                 |      | a letter y
    [yyyy-MM-dd ]HH:mm    |      | a day that may be left out
"""


@pytest.mark.parametrize("row", cases(PATTERNS))
def test_a_pattern_asks_for_a_year(row: Row) -> None:
    """A year in quotes or in brackets is none."""
    assert fixes_a_year(row["pattern"]) == bool(row["year"])


def test_what_holds_no_text_holds_none(spark: SparkSession) -> None:
    """Of every expression in the examples of all functions: where text is ruled out, Spark's own type has none."""
    session = rule_session(spark, example_schema())
    wrong, asked = set[str](), 0
    with active(session):
        for function in allowed().functions.values():
            form = Form.STATEMENT if function.statement else Form.PREDICATE
            plan = read(session, example_rule(form, function.example), AS_OF).made
            if form is Form.PREDICATE:
                plan = handles(session).filter(plan, rows_of(session, "people"))
            plan = handles(session).state.executePlan(plan, handles(session).skip).analyzed()
            for expression in _expressions(plan):
                for node, own in _beside(tree(expression.toJSON()), expression):
                    asked += 1
                    if not may_hold_text(node) and "string" in own.dataType().catalogString():
                        wrong.add(node.name)
    assert wrong == set()
    assert asked > 1000


def _expressions(plan: Any) -> Iterator[Any]:
    own, below = plan.expressions(), plan.children()
    if not plan.getClass().getName().endswith("View"):
        yield from (own.apply(at) for at in range(own.size()))
        for at in range(below.size()):
            yield from _expressions(below.apply(at))


def _beside(node: Node, own: Any) -> Iterator[tuple[Node, Any]]:
    """Each node of a tree with Spark's own; those without a type are left out."""
    if "Sort" not in node.name and "Window" not in node.name and "Frame" not in node.name:
        yield node, own
    for at, child in enumerate(node.children):
        yield from _beside(child, own.children().apply(at))


LETTERS = [letter * n for letter in "yMLdDEaSGQqHhKkmsVzXxZO" for n in range(1, 10)]
"""Runs of which patterns are made."""


def test_patterns_that_are_let_pass_write_and_read_days(spark: SparkSession) -> None:
    """A pattern that only fails at night is refused by day: of those let pass Spark writes and reads every one."""
    made = java(spark, f"{CATALYST}util.TimestampFormatter")
    zone = java(spark, "java.time.ZoneOffset").UTC
    for pattern in ("[yyyy]-MM", "dd.MM.yyyy HH:mm", *filter(is_pattern, LETTERS)):
        assert made.apply(pattern, zone, False).format(0)
    reading = [letters for letters in LETTERS if is_pattern(letters, read=True)]
    for pattern in reading:
        made.apply(pattern, zone, True).validatePatternString(True)
    assert len(reading) > 30
