"""Orders that are none, orders that may tie, and orders that tell apart whatever the rule tells apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form, Kind, RuleVersion
from rules_engine.spark.gate import analysed_plan
from rules_engine.spark.gate.gate import RuleGate
from rules_engine.spark.sandbox import rule_session
from tests.gate import AS_OF, SCHEMA, Line, judge, rule_of, spark_layers
from tests.small_lake import rule_set
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.gate import Layer


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> SparkSession:
    """A rule session over the frames of the files of rules."""
    return rule_session(spark, SCHEMA)


@pytest.fixture(scope="module")
def layers(spark: SparkSession) -> dict[str, Layer]:
    """Gate 2b alone: the judgement does not lean on gate 1."""
    return {"gate 2b": spark_layers(spark)["gate 2b"]}


OVER = """
    frame    | used                 | picks                                                              | said    | because
    ---------+----------------------+--------------------------------------------------------------------+---------+-------------------------------------------
    customer | spend                | row_number() over (order by 1, 2)                                  | SQL-344 | constants
    customer | spend                | ntile(4) over (order by customer_id * 0)                           | SQL-344 | a column that does not matter
    customer | spend                | lag(spend) over (partition by country order by (country, country)) | SQL-344 | what the window is parted by
    customer | spend                | rank() over (order by 'x')                                         | SQL-344 | a rank of one
    customer | spend                | rank() over (partition by country order by country)                | SQL-344 | a rank of one in each part
    customer | spend                | sum(spend) over (order by null rows 5 preceding)                   | SQL-344 | rows of any order
    customer | spend                | first_value(spend) over (partition by country)                     | SQL-344 | no order at all
    customer | spend                | last_value(spend) over (order by joined)                           | SQL-344 | the last of rows that tie
    orders   | amount               | row_number() over (order by customer_id)                           | SQL-344 | a key that is another frame's
    customer | spend                | row_number() over (partition by country order by spend)            | SQL-901 | two may spend the same
    customer | spend                | row_number() over (order by country, joined)                       | SQL-901 | two orders, and still no key
    customer | email                | lag(email) over (partition by country order by joined)             | SQL-901 | the row before of several
    customer | email                | first_value(email) over (partition by country order by joined)     | SQL-901 | the first of several
    customer | spend                | sum(spend) over (order by joined rows unbounded preceding)         | SQL-901 | a sum up to one of several
    customer | spend                | row_number() over (order by upper(email))                          | SQL-901 | what is told apart is taken together
    customer | spend                | max_by(spend, joined) over (partition by country)                  | SQL-901 | the greatest of several
    customer | spend                | row_number() over (partition by country order by spend, customer_id) |       | the key
    customer | spend                | row_number() over (order by -customer_id)                          |         | the key, backwards
    customer | spend                | ntile(10) over (order by struct(spend, customer_id))               |         | the key in a struct
    customer | spend                | rank() over (partition by country order by spend)                  |         | rows that tie have one rank
    customer | spend                | sum(spend) over (order by joined)                                  |         | rows that tie have one sum
    customer | spend                | sum(spend) over (partition by country)                             |         | all rows
    customer | spend                | first_value(spend) over (partition by country order by spend)      |         | whichever row, one value
    customer | spend                | max_by(spend, customer_id) over (partition by country)             |         | the greatest of one
    customer | spend                | row_number() over (partition by customer_id order by country)      |         | one row in each part
    orders   | customer_id as c     | row_number() over (partition by customer_id order by customer_id)  |         | rows of a part are alike
    orders   | amount               | lag(amount) over (partition by customer_id order by amount)        |         | rows that tie are alike
    orders   | amount               | row_number() over (partition by customer_id order by amount desc)  |         | in all that is used
    customer | spend                | row_number() over (order by timestamp(joined), customer_id)        |         | a cast and the key
"""


@pytest.mark.parametrize("row", cases(OVER))
def test_what_is_picked_by_an_order(session: SparkSession, layers: dict[str, Layer], row: Row) -> None:
    """Where all rows tie a rule is refused; where some may, it is warned of; where it does not matter, nothing is said."""
    sql = f"select customer_id from (select customer_id, {row['used']}, {row['picks']} as p from {row['frame']}) where p is not null"
    assert said(session, layers, sql) == row["said"]


QUERIES = """
    rule                                                                                                     | said    | because
    ---------------------------------------------------------------------------------------------------------+---------+---------------------------------------------
    select max_by(customer_id, 1) as customer_id from customer group by country                              | SQL-344 | a constant
    select max_by(customer_id, country) as customer_id from customer group by country                        | SQL-344 | what the group is made by
    select max_by(customer_id, upper(country)) as customer_id from customer where country = 'GB'             | SQL-344 | what the filter holds still
    select customer_id from orders group by customer_id having min_by(amount, customer_id) > 5               | SQL-344 | the subject itself
    select max_by(customer_id, spend) as customer_id from customer group by country                          | SQL-901 | two may spend the same most
    select max_by(customer_id, struct(spend, customer_id)) as customer_id from customer group by country     |         | the cure
    select customer_id from orders group by customer_id having max_by(amount, amount) > 5                    |         | the value itself
    select customer_id from customer where spend > (select max_by(c.spend, c.customer_id) from customer c)   |         | the key of a frame
    select customer_id from (select c.customer_id, o.amount, row_number() over (order by c.customer_id, o.amount) as p from customer c join orders o using (customer_id)) where p = 1 | | all columns of a join
    select customer_id from (select c.customer_id, c.spend, c.country, row_number() over (partition by c.country order by c.customer_id) as p from customer c join (select customer_id, count(*) n from orders group by customer_id) o on o.customer_id = c.customer_id) where p = 1 | | one row a key, joined to one
    select customer_id from (select customer_id, n, row_number() over (order by customer_id) as p from (select customer_id, count(*) as n from orders group by customer_id)) where p = 1 | | a key made by grouping
    with w as (select customer_id, spend from customer) select customer_id from (select customer_id, spend, row_number() over (order by customer_id) as p from w) where p = 1 | | the key through WITH
    with w as (select distinct customer_id, amount from orders) select customer_id from (select customer_id, amount, row_number() over (order by customer_id, amount) as p from w) where p = 1 | | all columns of distinct rows
    select customer_id from (select customer_id, spend, row_number() over (order by joined, customer_id) as p, row_number() over (order by spend, customer_id) as q from customer) where p = q | | two windows
    select customer_id from (select customer_id, spend, row_number() over (order by customer_id) as p from (select customer_id, spend from customer union all select customer_id, amount from orders)) where p = 1 | SQL-344 | a key twice over
    select customer_id from (select c.customer_id, o.amount, row_number() over (partition by c.customer_id order by c.country) as p from customer c left join orders o on o.customer_id = c.customer_id) where p = 1 and amount > 5 | SQL-344 | what follows from the key
    select max(customer_id) as customer_id from customer having try_sum(customer_id) is null                 | SQL-910 | a sum that overflows in one order alone
    select customer_id from (select customer_id, try_sum(customer_id) over () as s from customer) where s is null | SQL-910 | of a window
    select customer_id from customer where spend > (select try_avg(cast(amount as decimal(38, 2))) from orders) | SQL-910 | a mean of as many digits as there are
    select customer_id from customer group by customer_id having try_sum(cast(customer_id as decimal(28, 2))) > 5 |   | digits to spare
    select customer_id from orders group by customer_id having try_sum(amount) > 5 and try_avg(customer_id) > 5 |      | room enough
    select customer_id from orders group by customer_id having sum(cast(amount as double)) >= 0.6            | SQL-912 | three floating numbers, in one order
    select customer_id from orders group by customer_id having avg(customer_id / 3) = 0.2                    | SQL-912 | a division of whole numbers is floating
    select customer_id from customer where spend > (select 2 * mean(float(amount)) from orders)              | SQL-912 | within another query
    select customer_id from orders group by customer_id having sum(cast(double(amount) as decimal(27, 6))) >= 0.6 |    | decimals of them
    select customer_id from (select customer_id, sum(double(spend)) over (partition by country order by customer_id) as s from customer) where s > 5 | | floating numbers in the order of a key
    select customer_id from (select customer_id, sum(double(spend)) over (partition by country) as s from customer) where s > 5 | SQL-912 | in no order
    select customer_id from (select customer_id, sum(double(spend)) over (order by customer_id) as s from customer) where s > (select sum(double(amount)) from orders) | SQL-912 | one of two
    select customer_id from orders group by customer_id having stddev(amount) > 5                            | SQL-912 | a deviation is of doubles, whatever it is of
    select customer_id from orders group by customer_id having variance(customer_id) > 5                     | SQL-912 | of whole numbers, too
    select customer_id from customer where spend > (select corr(amount, customer_id) from orders)            | SQL-912 | of two columns
    select customer_id from orders group by customer_id having avg(customer_id) > 5 and sum(amount) > 5      |         | whole numbers and decimals are exact
"""


@pytest.mark.parametrize("row", cases(QUERIES))
def test_what_is_picked_of_a_query(session: SparkSession, layers: dict[str, Layer], row: Row) -> None:
    """Keys are followed through joins, groups, WITH and sub-queries, and no further than they go."""
    assert said(session, layers, row["rule"]) == row["said"]


def said(session: SparkSession, layers: dict[str, Layer], sql: str) -> str:
    """The code of the refusal, else of the warning, else nothing."""
    line = Line("x", Form.STATEMENT, "accept", sql)
    found = judge(line, layers).faults or analysed_plan.warnings(session, rule_of(line), SCHEMA, AS_OF)
    return ", ".join(fault.code for fault in found)


CURES = """
    rule                                                                                                    | cure                                                    | because
    --------------------------------------------------------------------------------------------------------+---------------------------------------------------------+--------------------------
    select customer_id from (select customer_id, row_number() over (partition by country order by spend) as p from customer) where p = 1 | Add to ORDER BY what tells the rows apart: customer_id. | the key
    select customer_id from (select customer_id, amount, row_number() over (order by customer_id) as p from orders) where p = 1 | Add to ORDER BY what tells the rows apart: amount. | what else is used
    select customer_id from (select customer_id, amount, row_number() over (order by amount, customer_id) as v, row_number() over (order by customer_id) as p from orders) where p = 1 and v = 1 | Add to ORDER BY what tells the rows apart: amount. | no window beside it
    select max_by(customer_id, spend) as customer_id from customer group by country | Write max_by(x, struct(y, x)) for max_by(x, y): of rows that tie in y it takes the greatest x. | the value itself
"""


@pytest.mark.parametrize("row", cases(CURES))
def test_the_cure_names_what_is_missing(session: SparkSession, layers: dict[str, Layer], row: Row) -> None:
    """Whoever follows it to the letter is told nothing more (test_what_is_picked_by_an_order has the rules so mended)."""
    line = Line("x", Form.STATEMENT, "accept", row["rule"])
    found = judge(line, layers).faults or analysed_plan.warnings(session, rule_of(line), SCHEMA, AS_OF)
    assert [fault.remedy for fault in found] == [row["cure"]]


BY_DECLARED_KEY = """
    picks                                                                                  | no key  | order_id | shop, number | because
    ---------------------------------------------------------------------------------------+---------+----------+--------------+--------------------------------
    first_value(number) over (partition by customer_id order by amount, order_id)          | SQL-901 |          | SQL-901      | the key, after what is asked
    row_number() over (partition by customer_id order by order_id)                         | SQL-901 |          | SQL-901      | the key alone
    row_number() over (partition by customer_id order by shop, number)                     | SQL-901 | SQL-901  |              | a key of two columns
    row_number() over (partition by customer_id, shop order by number)                     | SQL-901 | SQL-901  |              | the rest of it within a part
    row_number() over (partition by customer_id order by number)                           | SQL-901 | SQL-901  | SQL-901      | half a key
"""


@pytest.mark.parametrize("row", cases(BY_DECLARED_KEY))
@pytest.mark.parametrize("key", ["no key", "order_id", "shop, number"])
def test_the_declared_key_of_a_frame_tells_its_rows_apart(spark: SparkSession, row: Row, key: str) -> None:
    """Of frames whose rows are several to a subject, too: a run sees that no two rows share it before it trusts it."""
    orders = {
        "customer_id": "bigint",
        "amount": "decimal(12,2)",
        "order_id": "bigint",
        "shop": "string",
        "number": "int",
    }
    keys = {} if key == "no key" else {"Orders": tuple(key.upper().split(", "))}
    schema = replace(SCHEMA, columns={**SCHEMA.columns, "orders": orders}, keys=keys)
    asked = f"select customer_id from (select *, {row['picks']} as p from orders) where p = 1"
    version, session = rule_of(Line("x", Form.STATEMENT, "accept", asked)), rule_session(spark, schema)
    found = analysed_plan.faults(session, version, schema, AS_OF) or analysed_plan.warnings(
        session, version, schema, AS_OF
    )
    assert ", ".join(fault.code for fault in found) == row[key]


def test_a_run_is_told_of_ties_by_the_plan(spark: SparkSession) -> None:
    """The gate of a run warns of what gate 1 cannot see, and is silent where gate 1 sees too much."""
    picks = {
        "TIES": "row_number() over (partition by country order by joined, email)",
        "ALIKE": "row_number() over (partition by customer_id order by spend)",
    }
    versions = [
        RuleVersion(key, 1, Kind.EXCLUSION, "ANY", 1, Form.STATEMENT, f"select customer_id from (select customer_id, spend, {pick} as p from customer) where p = 1")
        for key, pick in picks.items()
    ]  # fmt: skip
    gate, asked = RuleGate(spark, SCHEMA), rule_set(*versions)
    gate.check(asked)
    assert [fault.which for fault in gate.warnings(asked) if fault.code == "SQL-901"] == ["Rule TIES"]
