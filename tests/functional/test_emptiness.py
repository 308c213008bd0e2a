"""What rules say of a subject of whom nothing is known: each is run over empty rows (R-EVAL-6)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.play import RULES
from rules_engine.lake import declaration
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, Kind, RuleVersion, WhenUnknown
from rules_engine.model.schemas import Schema
from rules_engine.spark.gate.null_input import null_input
from rules_engine.sql.gate import gate
from rules_repo import exchange
from tests.gate import SCHEMA, Line, lines
from tests.small_lake import rule, rule_set
from tests.spec.table import Row, cases, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATA = Path(__file__).parents[1] / "data"
SMALL = Schema(
    subject="customers",
    subject_key="customer_id",
    columns={
        "customers": {
            "customer_id": "bigint",
            "country": "string",
            "joined": "date",
            "spend": "decimal(12,2)",
            "active": "boolean",
            "tags": "array<string>",
        },
        "holdings": {
            "holding_id": "bigint",
            "customer_id": "bigint",
            "product": "string",
            "balance": "decimal(12,2)",
            "role": "string",
        },
        "products": {"product": "string", "type": "string"},
    },
    subject_keys={"customers": "customer_id", "holdings": "customer_id"},
)

CONDITIONS = """
    rule                                                             | inclusion | exclusion | because
    -----------------------------------------------------------------+-----------+-----------+---------------------------------------------
    country = 'GB'                                                   |           |           | unknown is not true
    NOT (country = 'GB')                                             |           |           | neither is its negation
    active                                                           |           |           | a column that is empty
    country IS NOT NULL AND spend > 10                               |           |           | what must be known is said
    customer_id IS NOT NULL                                          |           |           | everybody, and it says so
    country IS NULL                                                  | SQL-401   | SQL-904   | missing data speaks
    NOT coalesce(active, false)                                      | SQL-401   | SQL-904   | a default and a negation
    coalesce(spend, 0) < 10                                          | SQL-401   | SQL-904   | a default
    spend > 10 OR country IS NULL                                    | SQL-401   | SQL-904   | one arm is enough
    CASE WHEN country = 'GB' THEN false ELSE true END                | SQL-401   | SQL-904   | the arm of what is left
    NOT country <=> 'GB'                                             | SQL-401   | SQL-904   | an equality that is never unknown
    1 = 1                                                            | SQL-401   | SQL-904   | it asks nothing
    coalesce(size(tags), 0) = 0                                      | SQL-401   | SQL-904   | an array that is not there
    joined <= :as_of                                                 |           |           | a date that is not there
    100 / coalesce(spend, 0) > 1                                     | SQL-402   | SQL-402   | the default is a divisor
    CAST(coalesce(country, 'none') AS int) > 1                       | SQL-402   | SQL-402   | the default is no number
    100 / spend > 1                                                  |           |           | nothing divided by nothing is unknown
    customer_id IN (SELECT customer_id FROM holdings WHERE role = 'PRIMARY')     |         |         | a row that is there and says nothing
    EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = customers.customer_id) |        |         | any row at all, and none is empty
    country IS NULL AND EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = customers.customer_id) | SQL-401 | SQL-904 | the row is there, the column is empty
"""

STATEMENTS = """
    rule                                                                              | inclusion | exclusion | because
    ----------------------------------------------------------------------------------+-----------+-----------+------------------------------------
    SELECT customer_id FROM customers WHERE country = 'GB'                            |           |           | a column that is empty is no country
    SELECT customer_id FROM customers WHERE country IS NULL                           | SQL-401   | SQL-904   | an empty column is what is asked for
    SELECT customer_id FROM customers                                                 | SQL-401   | SQL-904   | everybody
    SELECT customer_id FROM holdings                                                  |           |           | whoever has a row: not everybody
    SELECT c.customer_id FROM customers c JOIN holdings h ON c.customer_id = h.customer_id |      |           | whoever has a row, by a join
    SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product     |           |           | no key is no key of anything
    SELECT customer_id FROM holdings WHERE coalesce(role, 'NONE') <> 'PRIMARY'        | SQL-401   | SQL-904   | a row, empty in the column asked for
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 10    |           |           | a sum of nothing
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING count(*) >= 1        |           |           | a row counts, whatever is in it
    SELECT c.customer_id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = c.customer_id) | | | whoever has no row at all
    SELECT c.customer_id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = c.customer_id AND h.role = 'SECONDARY') | SQL-904 | SQL-904 | no such row: absent and empty are one
    SELECT customer_id FROM customers EXCEPT SELECT customer_id FROM holdings WHERE role = 'SECONDARY' | SQL-904 | SQL-904 | the same, by EXCEPT
    SELECT c.customer_id FROM customers c LEFT JOIN holdings h ON h.customer_id = c.customer_id AND h.role = 'SECONDARY' WHERE h.customer_id IS NULL | SQL-904 | SQL-904 | the same, by an outer join
    SELECT customer_id FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM holdings WHERE role = 'SECONDARY') | SQL-904 | SQL-904 | the same, by NOT IN
    SELECT customer_id FROM holdings WHERE coalesce(role, 'NONE') <> 'PRIMARY' OR balance > 5 | SQL-904 | SQL-904 | perhaps an empty column, perhaps not
    SELECT customer_id FROM customers WHERE spend > 5 UNION SELECT customer_id FROM holdings | SQL-904 | SQL-904 | perhaps an empty column, perhaps a row
    SELECT customer_id FROM holdings WHERE 100 / coalesce(balance, 0) > 1             | SQL-402   | SQL-402   | a default that divides
"""


def said(spark: SparkSession, *versions: RuleVersion, schema: Schema = SMALL) -> dict[str, str]:
    """Rule key to the code it meets, of those that meet one."""
    found = null_input(spark, schema, rule_set(*versions))
    return {fault.which.removeprefix("Rule "): fault.code for fault in (*found.refusals, *found.warnings)}


@pytest.fixture(scope="module")
def codes(spark: SparkSession) -> dict[str, str]:
    """What each row of the tables meets, as an inclusion and as an exclusion, all run together."""
    table = [row["rule"] for row in (*rows(CONDITIONS), *rows(STATEMENTS))]
    told = [rule(f"{kind}-{at}", sql, kind=kind) for kind in Kind for at, sql in enumerate(table)]
    assert gate.check(rule_set(*told), SMALL) == (), "the rows are rules that every gate accepts"
    found = said(spark, *told)
    return {f"{version.kind} {version.sql}": found.get(version.key, "") for version in told}


@pytest.mark.parametrize("row", [*cases(CONDITIONS), *cases(STATEMENTS)])
def test_a_rule_over_nothing(codes: dict[str, str], row: Row) -> None:
    """Truth out of nothing: refused for an inclusion, warned of for an exclusion; failing is refused for both."""
    assert (codes[f"inclusion {row['rule']}"], codes[f"exclusion {row['rule']}"]) == (
        row["inclusion"],
        row["exclusion"],
    )


def test_a_condition_over_another_frame_is_run_over_a_row_of_it(spark: SparkSession) -> None:
    """A holding of which nothing is known says nothing; a default makes it say something."""
    told = [
        rule("KNOWN", "role <> 'PRIMARY'", frame="holdings"),
        rule("GUESSED", "coalesce(role, '') <> 'PRIMARY'", frame="HOLDINGS"),
    ]
    assert said(spark, *told) == {"GUESSED": "SQL-401"}


def test_an_unknown_that_counts_as_a_hit_is_no_truth_out_of_nothing(spark: SparkSession) -> None:
    """The rule says itself what unknown means: that is a decision, not an accident."""
    assert said(spark, rule("SAID", "spend > 10", when_unknown=WhenUnknown.HIT)) == {}


def test_messages_say_what_to_write_instead(spark: SparkSession) -> None:
    """Which rule, what happens, what to do; of a failure, what Spark said of it."""
    told = [rule("TRUE", "country IS NULL"), rule("FAILS", "1 / coalesce(spend, 0) > 1")]
    fails, true = null_input(spark, SMALL, rule_set(*told)).refusals
    assert str(true).startswith("Rule TRUE: it is true where every column is empty")
    assert "customer_id IS NOT NULL" in true.remedy
    assert "zero" in fails.what.lower()


def test_a_key_of_text(spark: SparkSession) -> None:
    """Subjects named by text are run over in the same way."""
    columns = {
        frame: {name: "string" if name == "customer_id" else type_ for name, type_ in found.items()}
        for frame, found in SMALL.columns.items()
    }
    schema = replace(SMALL, columns=columns)
    told = [
        rule("EMPTY", "SELECT customer_id FROM customers WHERE spend IS NULL"),
        rule("FULL", "SELECT customer_id FROM customers WHERE customer_id = 'A'"),
    ]
    assert said(spark, *told, schema=schema) == {"EMPTY": "SQL-401"}


CONSTANTS = """
    rule                                                                   | said    | because
    -----------------------------------------------------------------------+---------+------------------------------------------
    joined > make_date(2024, 13, 1)                                        | SQL-404 | no month
    make_date(2024, 2, 29) < joined                                        |         | a day that there is
    spend > 1 / 0                                                          | SQL-404 | no value
    CASE WHEN spend > 5 THEN 1 / 0 > 1 ELSE active END                     |         | a branch may be met by nobody
    spend > CAST(300 AS TINYINT)                                           | SQL-404 | too large
    spend > CAST(300 AS SMALLINT)                                          |         | a SMALLINT holds it
    spend > CAST(12345.67 AS DECIMAL(4, 2))                                | SQL-404 | too narrow
    spend > 99999999999999999999999999999999999999                         | SQL-404 | no room for two decimals beside it
    joined > to_date('2024-13-01', 'yyyy-MM-dd')                           | SQL-404 | Spark reads it while it plans
    joined <= add_months(:as_of, -24)                                      |         | what most rules work out
    SELECT customer_id FROM holdings WHERE balance > abs(-2147483648)      | SQL-404 | in a statement, too
    2147483647 + 1 > spend                                                 | SQL-404 | Spark 3.5 meets it over an empty row first
    1 / 0 > 1 AND spend > 5                                                | SQL-404 | and so does any other
    SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 1 / 0 | SQL-404 | after a group
"""
"""Values that rules write out, and Spark works out whatever the data."""


def test_a_constant_that_cannot_be_worked_out_is_refused(spark: SparkSession) -> None:
    """What ends every run is refused before the first, among others and by its own name; advice is what a rule can do."""
    table = rows(CONSTANTS)
    told = [rule(f"R-{number}", row["rule"]) for number, row in enumerate(table)]
    assert said(spark, *told) == {f"R-{number}": row["said"] for number, row in enumerate(table) if row["said"]}
    (fault,) = null_input(spark, SMALL, rule_set(told[0])).refusals
    assert fault.what.startswith(
        "it fails whatever the data, for a value that it writes out: Invalid value for MonthOf"
    )
    assert "ansi" not in fault.what


def test_one_that_fails_hides_no_other(spark: SparkSession) -> None:
    """Rules share a plan; what fails is found among them, and the others are judged as if alone."""
    told = [rule(f"GOOD-{n}", f"spend > {n}") for n in range(20)]
    told[7] = rule("FAILS", "1 / coalesce(spend, 0) > 1")
    told[13] = rule("TRUE", "country IS NULL")
    assert said(spark, *told) == {"FAILS": "SQL-402", "TRUE": "SQL-401"}


def test_the_rules_of_the_demo_are_let_pass(spark: SparkSession) -> None:
    """No inclusion of the demo speaks for anybody out of nothing, and no rule of it fails on nothing."""
    lake = declaration.load(RULES.with_name("frames.toml"))
    schema = Schema(
        subject=lake.subject,
        subject_key=lake.subject_key,
        columns={frame.name: {c.name: c.type for c in frame.columns} for frame in lake.frames},
        subject_keys={frame.name: frame.subject_key for frame in lake.frames if frame.subject_key},
    )
    assert null_input(spark, schema, _numbered(exchange.read(RULES).versions)).refusals == ()


@pytest.mark.parametrize("corpus", ["berka", "german_credit"])
def test_the_rules_of_the_corpora_are_let_pass(spark: SparkSession, corpus: str) -> None:
    """Rules that other systems made: as inclusions none is refused, none needs a warning."""
    about = json.loads((DATA / "corpora_rules.json").read_text("utf-8"))[corpus]
    key, subject = about["subject_key"], about["subject_frame"]
    keys = {frame: key for frame, columns in about["columns"].items() if key in columns}
    told = [
        rule(each["rule_id"], each.get("sql_select") or each["sql_condition"], frame=_frame(each, subject))
        for each in about["rules"]
    ]
    assert said(spark, *told, schema=Schema(subject, key, about["columns"], keys)) == {}


OUT_OF_NOTHING = """
    rule                                                   | because
    -------------------------------------------------------+--------------------------------------
    spend is null                                          | asks for nothing known
    spend > 5 and country = 'GB' or joined is null         | asks for nothing known in one arm
    nullif(country, '') is null                            | empty text and no text alike
    isnull(spend)                                          | asks for nothing known, as a function
    country is distinct from 'GB'                          | an inequality that is never unknown
    (spend > 5) is not true                                | unknown is not true
    (spend > 5) is unknown                                 | unknown, said outright
    element_at(map('GB', 1, 'FR', 2), 'GB') = 1            | asks for no column
    true                                                   | everybody
    select customer_id from customer                       | everybody, by a statement
    SELECT DISTINCT customer_id FROM customer              | everybody once
    select c.customer_id from customer c                   | everybody, aliased
    select `c`.`customer_id` from `customer` `c`           | everybody, quoted
    (select customer_id from customer) union (select customer_id from orders) | everybody and more
    (select customer_id from customer)                     | everybody, in brackets
    with a as (with b as (select customer_id from customer) select customer_id from b) select customer_id from a | everybody, step by step
    with a as (select customer_id from customer) select customer_id from a union all select customer_id from a | everybody twice
    select cast(customer_id as bigint) as customer_id from customer | everybody, cast
    select customer_id from customer order by spend desc   | everybody, in order
    select all customer_id from customer                   | everybody, with repeats
    select cast(customer_id as int) as customer_id from customer | everybody, cast to less
    select customer_id from customer union distinct select customer_id from orders | everybody and more, each once
    with a as (select customer_id from customer), b as (select customer_id from orders) select * from a union select * from b | everybody and more, by name
    (spend is null) = (country is null)                    | both unknown alike
    greatest(spend, 5, customer_id) > least(1, 2)          | the greatest of what is known is a literal
    interval '2' year > interval '18' month                | asks for no column, but two spans
    log(10, spend) > 2 or ln(spend) > 1 or log10(spend) > 1 or exp(1) > 2 | one arm asks for no column
    size(array_distinct(array(country, email))) = 1        | two unknowns are one
    select customer_id from customer order by spend desc nulls last, customer_id asc nulls first | everybody, in an order without ties
    element_at(array(1, 2, 3), 1) = 1                      | asks for no column, but a list
    try_element_at(array(1, 2, 3), 5) is null              | asks for no column, past the end
    size(map_keys(map('a', 1))) = 1                        | asks for no column, but a map
    array_contains(transform(array(1, 2), x -> x + 1), 3)  | asks for no column, by a lambda
    try_cast(country as decimal(10,2)) is null             | no number and no text alike
    try_divide(spend, 0) is null                           | unknown whoever it is
    case when spend > 5 then case when country = 'GB' then true when country = 'FR' then spend > 10 end else joined is null end | nothing known is its ELSE
"""


def test_of_the_honest_rules_those_are_refused_that_are_true_of_nothing(spark: SparkSession) -> None:
    """As inclusions: the ones listed, and no other; none fails."""
    told = list(lines(DATA / "honest_rules.tsv"))
    made = [
        RuleVersion(f"LINE-{at}", 1, Kind.INCLUSION, "ANY", 1, line.form, line.sql, _about(line))
        for at, line in enumerate(told)
    ]
    found = said(spark, *made, schema=SCHEMA)
    refused = {told[int(key.removeprefix("LINE-"))].sql for key, code in found.items() if code != "SQL-904"}
    print(*sorted(refused ^ {row["rule"] for row in rows(OUT_OF_NOTHING)}), sep="\n")
    assert refused == {row["rule"] for row in rows(OUT_OF_NOTHING)}


def _about(line: Line) -> str:
    return SCHEMA.subject if line.form is Form.PREDICATE else ""


def _frame(entry: dict[str, str], subject: str) -> str:
    return "" if "sql_select" in entry else entry.get("frame", subject)


def _numbered(versions: Iterable[RuleVersion]) -> RuleSet:
    """All versions, those of other days too, each under a key of its own."""
    return rule_set(*(replace(v, key=f"{v.key}-{at}") for at, v in enumerate(versions)))
