"""Long lists of values: they are read in parts, for Spark prints a list in the square of its length, and read whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from rules_engine.spark.gate.analysed_plan import analysed_faults
from rules_engine.spark.gate.long_lists import PART, shown
from rules_engine.spark.gate.parsed_plan import read
from rules_engine.spark.gate.plan_tree import tree, walk
from rules_engine.spark.gate.resolution import spark_faults
from rules_engine.spark.sandbox import active, handles, rule_session
from rules_engine.sql.reference.examples import example_rule, example_schema
from tests.gate import AS_OF
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LENGTH = 3 * PART + 7


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> SparkSession:
    """A rule session over the example frames."""
    return rule_session(spark, example_schema())


def written(rule: str) -> str:
    """A rule with long lists in the places of NUMBERS, TEXTS, DAYS and PAIRS."""
    many = range(LENGTH)
    return (
        rule.replace("NUMBERS", ", ".join(map(str, many)))
        .replace("TEXTS", ", ".join(f"'C{one}'" for one in many))
        .replace("DAYS", ", ".join(f"DATE '20{one % 90 + 10}-01-01'" for one in many))
        .replace("PAIRS", ", ".join(f"({one}, 'C{one}')" for one in many))
    )


ACCEPTED = """
    rule                                                                           | because
    -------------------------------------------------------------------------------+--------------------------------------------
    visits in (NUMBERS)                                                            | numbers
    spend not in (NUMBERS)                                                         | numbers that are cast
    upper(name) in (TEXTS) or country not in (TEXTS)                               | texts, of a computed value, and twice
    joined in (DAYS)                                                               | days
    (visits, name) in (PAIRS)                                                      | several values at once
    case when visits in (NUMBERS) then 'a' else 'b' end = 'a'                      | within a CASE
    (visits in (NUMBERS)) = (name in (TEXTS))                                      | compared with each other
    exists(tags, t -> t in (TEXTS))                                                | within a lambda
    (select max(o.amount) from orders o) in (NUMBERS)                              | asked of a query
    exists (select 1 from orders o where o.person_id = people.person_id and o.amount in (NUMBERS)) | within a sub-query
    exists (select 1 from orders o where o.person_id = people.person_id and o.order_id in (select p.person_id from people p where p.name in (TEXTS))) | within one of another
    select person_id from people where visits in (NUMBERS)                         | in a query
    with a as (select person_id from people where visits in (NUMBERS)), b as (select person_id from a where person_id in (NUMBERS)) select person_id from b | in WITH
    select person_id from (with a as (select person_id from people where visits in (NUMBERS)) select person_id from a) | in WITH further in
    select person_id from orders group by person_id having count(distinct kind) in (NUMBERS) | of groups
    select person_id from (select person_id, max(spend) over w as m from people window w as (partition by visits in (NUMBERS) order by person_id)) where m > 5 | in a window that is named
    select p.person_id from people p join orders o on o.person_id = p.person_id and o.amount in (NUMBERS) | in a join
"""


@pytest.mark.parametrize("row", cases(ACCEPTED))
def test_a_long_list_is_read_whole_and_in_parts(session: SparkSession, row: Row) -> None:
    """Each value that Spark would print of the whole list is there, and no list is long."""
    form = Form.STATEMENT if row["rule"].startswith(("select", "with")) else Form.PREDICATE
    version = example_rule(form, written(row["rule"]))
    with active(session):
        found = read(session, version, AS_OF)
        lists = [node for node in found.nodes if node.name == "expressions.In"]
        whole = [node for node, _ in walk(tree(found.made.toJSON()))]
        assert analysed_faults(session, found, version, example_schema()) == ()
    assert len(lists) >= 4
    assert max(len(node.children) for node in lists) <= PART + 1
    if " over w " not in row["rule"]:  # of windows that are named Spark prints nothing
        assert not values(whole) - values(found.nodes)
    assert spark_faults(session, version, example_schema(), AS_OF) == ()


def values(nodes: object) -> Counter[str]:
    """The constants of a tree."""
    return Counter(str(node.fields.get("value")) for node in nodes if node.name == "expressions.Literal")  # type: ignore[attr-defined]


REFUSED = """
    rule                                                                       | code    | because
    ---------------------------------------------------------------------------+---------+-----------------------------------------------
    joined in (DAYS, 'today')                                                  | SQL-341 | the clock, behind many days
    spend in (NUMBERS, rand())                                                 | SQL-303 | chance, behind many numbers
    name in (TEXTS, reflect('a', 'b'), TEXTS)                                  | SQL-303 | native code, between many texts
    visits in (NUMBERS, assert_true(false))                                    | SQL-303 | what ends the run
    visits in (NUMBERS, length(concat(name, (select max(x.name) from payroll x)))) | SQL-304 | a frame that is not declared
    visits in (NUMBERS, 'x')                                                   | SQL-354 | a text that is no number
    name in (TEXTS, name rlike '(a+)+b')                                       | SQL-118 | a pattern
"""


@pytest.mark.parametrize("row", cases(REFUSED))
def test_what_stands_in_a_long_list_is_judged(session: SparkSession, row: Row) -> None:
    """A value far behind is no less a value."""
    version = example_rule(Form.PREDICATE, written(row["rule"]))
    assert row["code"] in {fault.code for fault in spark_faults(session, version, example_schema(), AS_OF)}


def test_a_short_list_is_printed_as_it_is(session: SparkSession) -> None:
    """Nothing is parted that is not long, however long the rule."""
    made = handles(session).parser.parseExpression(f"x in (1, 2) and y in ({', '.join(['5'] * PART)}) and f(1, 2, 3)")
    assert shown(session, made, "," * PART) == made.toJSON()
