"""What is written elsewhere, what is said of it here, and what to write instead: which is accepted as it is said."""

import pytest

from rules_engine.model.rules import Form
from rules_engine.sql.allow_list import allowed
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_rule, example_schema
from tests.spec.table import Row, cases

CURES = """
    rule                                                     | said                            | cure                                                     | because
    ---------------------------------------------------------+---------------------------------+----------------------------------------------------------+-------------------
    iif(spend > 5, active, false)                            | if(condition, a, b)             | if(spend > 5, active, false)                             | another IF
    iif(spend > 6, active, false)                            | CASE WHEN                       | CASE WHEN spend > 6 THEN active ELSE false END           | a CASE in short
    charindex('a', name) > 0                                 | locate('x', name)               | locate('a', name) > 0                                    | SQL Server
    strpos(name, 'a') > 0                                    | instr(name, 'x')                | instr(name, 'a') > 0                                     | PostgreSQL
    name like 'a\\_%'                                         | LIKE 'a!_%' ESCAPE '!'          | name LIKE 'a!_%' ESCAPE '!'                              | a back-slash in LIKE
    name LIKE 'a!b%' ESCAPE '!'                              | write '!!' for the sign itself   | name LIKE 'a!!b%' ESCAPE '!'                             | an escape before a letter
    isnull(spend, 0) > 5                                     | coalesce(x, 0)                  | coalesce(spend, 0) > 5                                   | two arguments
    spend > 5 && active                                      | AND for '&&'                    | spend > 5 AND active                                     | C
    !active                                                  | NOT for '!'                     | NOT active                                               | C, too
    DATE '2024-06-01'::string = name                         | CAST(… AS …) for '::'           | CAST(DATE '2024-06-01' AS string) = name                 | not every reader casts the whole
    country = "FR"                                           | 'single quotes'                 | country = 'FR'                                           | double quotes
    [country] = 'FR'                                         | `back-ticks`                    | `country` = 'FR'                                         | brackets for names
    convert(int, spend) > 3                                  | CAST(x AS INT)                  | CAST(spend AS INT) > 3                                   | what cannot be parsed
    zeroifnull(spend) > 3                                    | coalesce(x, 0)                  | coalesce(spend, 0) > 3                                   | Teradata
    age(joined) > 3                                          | months_between(:as_of, day) / 12 | months_between(:as_of, joined) / 12 > 3                 | no lag
    dayname(joined) = 'Monday'                               | date_format(day, 'EEEE')        | date_format(joined, 'EEEE') = 'Monday'                   | no day
    eomonth(joined) = joined                                 | last_day(day)                   | last_day(joined) = joined                                | the month's end
    isnumeric(name)                                          | TRY_CAST(x AS DOUBLE) IS NOT NULL | TRY_CAST(name AS DOUBLE) IS NOT NULL                   | a number or not
    spend > (select percentile_approx(amount, 0.5) from orders) | percentile                   | spend > (select percentile(amount, 0.5) from orders)     | an estimate
    exists (select 1 from orders o where o.person_id = people.person_id limit 0) | In EXISTS leave it out | exists (select 1 from orders o where o.person_id = people.person_id limit 1) | no row is let pass
    date_format(joined, 'YYYY') = '2024'                     | 'yyyy-MM-dd': y year            | date_format(joined, 'yyyy') = '2024'                     | it would fail on the first day
    to_date(name, 'DD.MM.YYYY') > joined                     | M month, d day                  | to_date(name, 'dd.MM.yyyy') > joined                     | Oracle's letters
    to_date(name, 'EEE d MMM yyyy') > joined                 | such as 'yyyy-MM-dd'            | to_date(name, 'd MMM yyyy') > joined                     | written, but not read
    trunc(joined, 'DD') = joined                             | 'YEAR', 'QUARTER', 'MONTH'      | trunc(joined, 'MONTH') = joined                          | NULL for everybody
    date_trunc('MONHT', joined) = joined                     | 'MONTH', 'WEEK', 'DAY'          | date_trunc('MONTH', joined) = joined                     | NULL for everybody, too
    from_utc_timestamp(last_seen, 'Europe/Pari') > joined    | such as 'Europe/Paris'          | from_utc_timestamp(last_seen, 'Europe/Paris') > joined   | a city that nobody knows
    to_utc_timestamp(last_seen, 'UTC+25') > joined           | such as 'Europe/Paris', 'UTC' or '+01:00' | to_utc_timestamp(last_seen, '+01:00') > joined | further than the earth goes round
    next_day(joined, 'MONTAG') = joined                      | 'MON' or 'MONDAY'               | next_day(joined, 'MONDAY') = joined                      | a day in German
    try_to_date(name, 'yyyy-MM-dd') < :as_of                 | CAST(try_to_timestamp(name, 'yyyy-MM-dd') AS DATE) | CAST(try_to_timestamp(name, 'yyyy-MM-dd') AS DATE) < :as_of | Spark 3.5 has no such function
    iff(spend > 5, active, false)                            | if(condition, a, b)             | if(spend > 7, active, false)                             | Snowflake's IF
    name rlike '^[a-z]+@[a-z.]+[.][a-z]{2,}$'                | '[a-z]{2,10}'                   | name rlike '^[a-z]+@[a-z.]+[.][a-z]{2,10}$'              | the pattern that everybody has for addresses
    spend between symmetric visits and 5                     | BETWEEN least(a, b) AND greatest(a, b) | spend BETWEEN least(visits, 5) AND greatest(visits, 5) | an order of two
"""
STATEMENTS = """
    rule                                                     | said                            | cure                                                     | because
    ---------------------------------------------------------+---------------------------------+----------------------------------------------------------+-------------------
    select top 10 person_id from people                      | row_number() OVER (ORDER BY …, key) | SELECT person_id FROM (SELECT person_id, row_number() OVER (ORDER BY spend, person_id) AS place FROM people) t WHERE place <= 10 | TOP
    select person_id from people order by spend limit 10     | row_number() OVER (ORDER BY …, key) | SELECT person_id FROM (SELECT person_id, row_number() OVER (ORDER BY spend, person_id) AS place FROM people) t WHERE place <= 5 | LIMIT
    select person_id from people qualify row_number() over (partition by country order by spend, person_id) = 1 | FROM (SELECT …, row_number() OVER (…) AS place FROM …) t WHERE place = 1 | SELECT person_id FROM (SELECT person_id, row_number() OVER (PARTITION BY country ORDER BY spend, person_id) AS place FROM people) t WHERE place = 1 | QUALIFY
    select person_id from orders group by rollup(person_id)  | GROUP BY the columns you need   | SELECT person_id FROM orders GROUP BY person_id          | ROLLUP
    select * except (name) from people                       | Name the columns                | SELECT person_id, spend FROM people                      | Spark 4
    select p.person_id from people p cross join lateral (select sum(amount) as s from orders o where o.person_id = p.person_id) t where t.s > 5 | JOIN (SELECT key, sum(x) AS total FROM … GROUP BY key) t | SELECT p.person_id FROM people p JOIN (SELECT person_id, sum(amount) AS total FROM orders GROUP BY person_id) t ON t.person_id = p.person_id WHERE t.total > 5 | LATERAL
    select person_id from orders group by cube(person_id)    | GROUP BY the columns you need   | SELECT person_id FROM orders WHERE amount > 0 GROUP BY person_id | CUBE
"""


def told(form: Form, sql: str) -> str:
    """Everything that is said of a rule."""
    return " ".join(map(str, gate.faults(example_rule(form, sql), example_schema())))


@pytest.mark.parametrize("row", cases(CURES))
def test_a_condition_is_cured(row: Row) -> None:
    """The cure is said in words, nothing else is guessed, and it is accepted when it is followed to the letter."""
    said = told(Form.PREDICATE, row["rule"])
    assert row["said"] in said
    assert "Did you mean" not in said
    assert told(Form.PREDICATE, row["cure"]) == ""


@pytest.mark.parametrize("row", cases(STATEMENTS))
def test_a_statement_is_cured(row: Row) -> None:
    """The same for queries."""
    assert row["said"] in told(Form.STATEMENT, row["rule"])
    assert told(Form.STATEMENT, row["cure"]) == ""


GUESSES = """
    rule                            | guess       | because
    --------------------------------+-------------+---------------------------------
    uper(name) = 'X'                | upper       | a letter is missing
    lenght(name) > 3                | length      | two letters changed places
    startwith(name, 'X')            | startswith  | a letter is missing, too
    xyz(name) = 'X'                 |             | nothing is near
    chr_index(name, 'X') > 0        |             | char is something else
"""


@pytest.mark.parametrize("row", cases(GUESSES))
def test_a_guess_is_near(row: Row) -> None:
    """A function is proposed where a letter or two are wrong, and none that only looks alike."""
    said = told(Form.PREDICATE, row["rule"])
    assert (f"Did you mean '{row['guess']}'?" in said) if row["guess"] else "Did you mean" not in said


def test_a_function_of_elsewhere_is_no_function_of_here() -> None:
    """No name is both allowed and told to be written otherwise."""
    assert not set(allowed().functions) & set(allowed().refused_functions)


@pytest.mark.parametrize(
    "type_", ["varchar(20)", "char(2)", "character(2)", "numeric(10, 2)", "dec(10, 2)", "decimal(10, 2)", "varchar"]
)
def test_a_type_with_a_length_is_no_function(type_: str) -> None:
    """CAST takes the names of types that Spark takes; one of texts with a length is warned of, for Spark forgets it."""
    version = example_rule(
        Form.PREDICATE, f"cast(visits as {type_}) > '1'" if "char" in type_ else f"cast(visits as {type_}) > 1"
    )
    warned = [fault.code for fault in gate.examine(version, example_schema()).warnings]
    assert warned == (["SQL-905"] if "char" in type_ and "(" in type_ else [])
