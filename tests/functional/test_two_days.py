"""No accepted rule reads a clock: on two days of it, in two zones of the machine, plans and answers are the same (R-ENG-8)."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from rules_engine.spark.sandbox import rule_session
from rules_engine.sql.allow_list import Category, allowed
from tests.dated_rules import dated_mutant
from tests.gate import SCHEMA, Line, lines
from tests.mutants import worlds
from tests.spec.table import Row, cases
from tests.two_days import TwoDays, TwoOrders, accepted, taken_back

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATA = Path(__file__).parents[1] / "data"
OF_DAYS = {f.name for f in allowed().functions.values() if f.category is Category.DATE} | {"joined", "cast", "try_cast"}


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> SparkSession:
    """A rule session over the frames of the files of rules."""
    return rule_session(spark, SCHEMA)


@pytest.fixture(scope="module")
def days(spark: SparkSession) -> TwoDays:
    """Two days of the clock over the same rows."""
    return TwoDays(spark, SCHEMA)


def frame(line: Line) -> str:
    """The frame of a predicate."""
    return SCHEMA.subject if line.form is Form.PREDICATE else ""


def test_honest_rules_are_the_same_on_two_days(days: TwoDays) -> None:
    """Every honest rule that has to do with days."""
    about = [line for line in lines(DATA / "honest_rules.tsv") if OF_DAYS & set(re.findall(r"\w+", line.sql.lower()))]
    assert [line.sql for line in about if days.differ(line.form, line.sql, frame(line))] == []
    assert len(about) > 60


def test_seconds_of_years_to_come_are_taken_back(days: TwoDays) -> None:
    """From 2010 on the two zones are a day apart: a rule about 2033 is no reader of the clock."""
    assert not days.differ(Form.PREDICATE, "to_timestamp(2000000000) > joined", SCHEMA.subject)
    assert days.differ(Form.PREDICATE, "current_timestamp() > joined", SCHEMA.subject)


def test_whatever_is_accepted_is_the_same_on_two_days(session: SparkSession, days: TwoDays) -> None:
    """Honest rules with texts that could be the clock put into them, as far as they are still accepted."""
    world, random = worlds([])[0], Random(16)
    made = [dated_mutant(world, random) for _ in range(150)]
    passed = [line for line in made if accepted(session, line)]
    assert [line.sql for line in passed if days.differ(line.form, line.sql, frame(line))] == []
    assert len(passed) > 8


READ = """
    rule                                                                            | because
    --------------------------------------------------------------------------------+----------------------------------------
    joined < 'today'                                                                | a word for a day
    joined < date 'today'                                                           | a literal
    joined < concat('to', 'day')                                                    | a computed word
    timestamp(joined) < '12:30'                                                     | a time of today
    coalesce(joined, 'now') = joined                                                | an argument
    exists (select 1 from values (cast('00:00' as timestamp)) as t(v) where datediff(t.v, joined) % 2 = 0) | worked out while Spark analyses
    datediff(date(try_cast(email as timestamp)), date '2000-01-01') % 2 = 0         | a time of today, in the data
    current_date() > joined                                                         | the clock by its name
"""


@pytest.mark.parametrize("row", cases(READ))
def test_a_rule_that_reads_the_clock_is_noticed(session: SparkSession, days: TwoDays, row: Row) -> None:
    """With the gates switched off, two days tell such a rule; with them on it is refused."""
    assert days.differ(Form.PREDICATE, row["rule"], "customer")
    assert not accepted(session, Line("x", Form.PREDICATE, "reject", row["rule"]))


@pytest.mark.parametrize(
    "cast",
    ["try_cast(email as date)", "try_cast(concat(email, '') as date)", "try_cast(coalesce('today', email) as date)"],
)
def test_a_day_in_the_data_is_read_by_no_clock(session: SparkSession, days: TwoDays, cast: str) -> None:
    """Of texts that come with the rows, 'today' and '12:30' among them, a cast to a day reads only days."""
    sql = f"{cast} is not null"
    assert accepted(session, Line("x", Form.PREDICATE, "accept", sql))
    assert not days.differ(Form.PREDICATE, sql, "customer")
    _, hit = next(iter(days.days.values())).of(Form.PREDICATE, taken_back(sql), "customer")
    assert len(hit) == (2 if "coalesce" not in cast else 0)


CHANCE = """
    rule                                                                                                                 | because
    ---------------------------------------------------------------------------------------------------------------------+------------------------------
    select customer_id from (select customer_id, row_number() over (order by 1) as p from customer) where p < 5          | an order by nothing
    select customer_id from (select customer_id, row_number() over (partition by country order by joined) as p from customer) where p = 1 | an order that ties
    select max_by(customer_id, country) as customer_id from customer group by country                                    | the most of equals
"""


@pytest.mark.parametrize("row", cases(CHANCE))
def test_an_answer_left_to_chance_is_noticed(spark: SparkSession, row: Row) -> None:
    """What the oracle of the mutants finds with the rows in two orders."""
    assert TwoOrders(spark, SCHEMA).differ(Form.STATEMENT, row["rule"])
