"""The manual of refusals: what a rule may not say, the code it gets, and the position it is told (R-ENG-7)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rules_engine.model.rules import Form, WhenUnknown
from rules_engine.sql.allow_list import refusals
from rules_engine.sql.gate import gate
from rules_engine.sql.reference.examples import example_rule, example_schema
from tests.spec.table import Row, cases, rows

PREDICATES = """
    rule                                                                         | code    | because
    -----------------------------------------------------------------------------+---------+-----------------------------------------------------
    country = @home                                                              | SQL-003 | a character of other languages
    spend > 5 /* much                                                            | SQL-004 | a comment that stays open
    spend > 5 /* a /* b */ or true */                                            | SQL-004 | some readers end it at the first */
    spend > 5 */                                                                 | SQL-004 | a comment that never began
    spend > 5 /*+ x */                                                           | SQL-004 | a hint is no comment
    -- nothing else                                                              | SQL-001 | a comment alone asks nothing
    name = 'a\\b'                                                                | SQL-005 | a back-slash is read in two ways
    country = "FR"                                                               | SQL-006 | double quotes are a text to some, a name to others
    spend > 5; spend > 6                                                         | SQL-007 | one rule, one condition
    country = '${env:HOME}'                                                      | SQL-008 | replaced before anybody reads it
    country = 'FR                                                                | SQL-009 | a quote that stays open
    name = 'O''Brien'                                                            | SQL-010 | OBrien on Spark 3.5, O'Brien on 4
    (spend > 5                                                                   | SQL-013 | a bracket never closed
    spend > 5)                                                                   | SQL-013 | a bracket never opened
    spend > :least                                                               | SQL-014 | a parameter nobody declared
    country <> NULL                                                              | SQL-145 | a comparison that is unknown for everybody
    email::int > 1                                                               | SQL-021 | a cast that fails at the first text
    DATE '2024-06-01'::string > email                                            | SQL-015 | a cast of a text, or of a day
    not visits => 5                                                              | SQL-015 | an operator of other languages
    country = r'FR'                                                              | SQL-016 | a prefix changes what the text means
    1e > 5                                                                       | SQL-017 | neither a name nor a number
    spend > > 5                                                                  | SQL-101 | two operators
    spend > 5 and                                                                | SQL-101 | a half sentence
    true as active                                                               | SQL-101 | a condition has no name
    true from people                                                             | SQL-101 | a condition is not a query
    name in 'FR'                                                                 | SQL-101 | IN without brackets
    spend > any (select amount from orders)                                      | SQL-103 | not in Spark
    my_function(name) = 1                                                        | SQL-104 | nobody knows this function
    joined < current_date                                                        | SQL-105 | the clock without brackets
    last_seen < now()                                                            | SQL-105 | the clock as a function
    country = current_user()                                                     | SQL-106 | who runs it is no matter
    rand() < 0.5                                                                 | SQL-107 | another answer each time
    name rlike '^(a)*$'                                                          | SQL-118 | a regular expression that repeats a bracket
    regexp_like(name, '(.*a){20}')                                               | SQL-118 | the same by a function
    name rlike country                                                           | SQL-118 | whatever somebody wrote
    regexp(name, '(a+)+b')                                                       | SQL-118 | by a name that sqlglot does not know
    `RegExp` (lower(name), '(.*a){25}')                                          | SQL-118 | the same, quoted, in other letters and before a blank
    exists(tags, t -> regexp(t, concat('(a+)', '+b')))                           | SQL-118 | put together from texts, in a lambda
    regexp(name, country)                                                        | SQL-118 | whatever somebody wrote, by that name
    regexp_replace(name, 'a', 'b') = 'b'                                         | SQL-108 | a function whose expressions nobody judges
    reflect('java.lang.System', 'getenv', 'HOME') = 'x'                          | SQL-109 | native code
    `reflect`('java.lang.System', 'getenv', 'HOME') = 'x'                        | SQL-109 | native code in back-ticks
    exists(tags, t -> reflect('a', 'b') = t)                                     | SQL-109 | native code in a lambda
    length(repeat(name, 2000000000)) > 0                                         | SQL-110 | a text of any length
    from_json(name, 'a int').a = 1                                               | SQL-111 | parsing at run time
    assert_true(false) is null                                                   | SQL-112 | it stops the run
    aes_decrypt(name, 'k') is null                                               | SQL-113 | it needs a key
    lpad(name, 2000000000, 'x') = 'x'                                            | SQL-114 | too long a text
    lpad(name, visits, 'x') = 'x'                                                | SQL-114 | a length that is not written out
    round(spend, 2000000000) > 1                                                 | SQL-114 | too many digits
    name like '%a%a%a%a%b'                                                       | SQL-115 | more than three wildcards
    name like country                                                            | SQL-115 | a pattern from the data
    name like '50!x' escape '!'                                                  | SQL-115 | an escape before a letter ends the run
    name like 'x!' escape '!'                                                    | SQL-115 | an escape that stands last
    joined < date 'today'                                                        | SQL-116 | the clock as a date
    joined < date '2024-02-30'                                                   | SQL-116 | a day that never was
    cast(name as binary) is null                                                 | SQL-117 | a type without a use
    exists (select 1 from payroll)                                               | SQL-120 | a table in a sub-query
    tenure > 5                                                                   | SQL-122 | a column nobody declared
    people.tenure > 5                                                            | SQL-122 | a column the named frame does not have
    persons.spend > 5                                                            | SQL-123 | a qualifier nobody declared
    exists (select 1 from orders o where o.amount > people.spend)                | SQL-131 | every order against every person
    size(tags) > 0 and explode(tags) = 'x'                                       | SQL-132 | a generator changes the number of rows
    spend + 1                                                                    | SQL-140 | a number is not true
    'true'                                                                       | SQL-140 | a text is not true
    null                                                                         | SQL-140 | nothing is not true
    (true, false)                                                                | SQL-140 | two truths are not one
    cast(name as varchar(20)) = 'Smith'                                          | SQL-905 | a warning: nothing is cut
    *                                                                            | SQL-140 | a star is not true
    name                                                                         | SQL-140 | a column of texts
    case when active then 'yes' else 'no' end                                    | SQL-140 | a CASE of texts
    max(spend) > 1                                                               | SQL-141 | an aggregate of which rows
    row_number() over (order by person_id) = 1                                   | SQL-142 | a place among which rows
    person_id not in (select person_id from orders)                              | SQL-902 | a warning: one NULL and nobody is hit
    country not in ('FR', NULL)                                                  | SQL-906 | NULL is neither equal nor unequal
    country in ('FR', NULL) and active                                           | SQL-906 | it looks like a search for NULL
    spend between 5 and 1                                                        | SQL-906 | the greater value stands first
    joined between DATE '2024-06-30' and DATE '2024-06-01'                       | SQL-906 | of days, too
    concat(name, NULL) = 'FR'                                                    | SQL-906 | however it is joined
    visits + NULL > 5                                                            | SQL-906 | so is a sum
    case country when NULL then true else false end                              | SQL-906 | NULL is equal to nothing
    country like '[FB]%'                                                         | SQL-906 | brackets are those of SQL Server
    country like 'FR*'                                                           | SQL-906 | stars are those of file names
    spend / 0 > 1                                                                | SQL-908 | it ends every run
    mod(visits, 0) = 1 or active                                                 | SQL-908 | so does a remainder
    pmod(visits, 0) = 1                                                          | SQL-908 | by another name
    split_part(name, ' ', 0) = 'Mary'                                            | SQL-908 | parts are numbered from 1
    element_at(tags, 0) = 'gold'                                                 | SQL-908 | so are the elements of a list
    country = 'СANADA'                                                           | SQL-907 | the first letter is Cyrillic
    country in ('FR', 'Ｂ')                                                      | SQL-907 | a letter of full width
    name = 'ΑLPHA'                                                               | SQL-907 | a Greek one
    name = 'OrlÃ©ans'                                                            | SQL-907 | UTF-8 that was read as something else
    name = 'Orle\u0301ans'                                                            | SQL-907 | an accent by itself
    name = 'L’Oréal'                                                             | SQL-907 | an apostrophe that a word processor made
    country = 'FR '                                                              | SQL-909 | a space that nobody sees
    country in ('FR', ' BE')                                                     | SQL-909 | in a list, too
    country = 'F%'                                                               | SQL-906 | LIKE was meant
    extract(dow from joined) = 0                                                 | SQL-906 | Sunday is 1
    dayofweek(joined) in (0, 6)                                                  | SQL-906 | among others, too
    month(joined) = 13                                                           | SQL-906 | no month
    rate >= 0.9                                                                  | SQL-911 | so is NaN
    not (active or rate < 0.9)                                                   | SQL-911 | by another way
    exists (select 1 from orders where amount > 5)                               | SQL-914 | whoever has ordered, all are hit
    active and not exists (select 1 from orders)                                 | SQL-914 | nor is its absence anybody's
    exists (select 1 from orders o where o.person_id = person_id)                | SQL-913 | the nearest frame has the column, too
    exists (select 1 from orders where person_id = person_id)                    | SQL-914 | so it is tied to nobody
    spend <> spend                                                               | SQL-913 | of one's own row, too
    country = 'FR' and country = 'BE'                                            | SQL-906 | OR was meant
    active and (country = 'FR' and spend > 3) and country in ('BE', 'GB')        | SQL-906 | whatever stands between
    spend > 5 and spend < 3                                                      | SQL-906 | no number is both
    spend > 5 and 5 >= spend                                                     | SQL-906 | an end that one of the two leaves out
    spend between 1 and 5 and spend = 7                                          | SQL-906 | beyond a range
    joined < DATE '2020-01-01' and joined >= DATE '2024-01-01'                   | SQL-906 | no day is both
    active or (spend < -2 and spend > -1)                                        | SQL-906 | a part that counts for nothing
    person_id in (select order_id from orders where visits > 3)                  | SQL-916 | no column of orders: it is people's
    exists (select 1 from orders o where o.person_id = people.person_id and country is null) | SQL-916 | of any form
    country <> 'FR' or country <> 'BE'                                           | SQL-915 | NOT IN was meant
    spend <> 1 or (active or 2 <> spend)                                         | SQL-915 | two numbers that are not it
    lower(country) = 'FR'                                                        | SQL-906 | no text in small letters is in capitals
    upper(country) = 'Fr'                                                        | SQL-906 | nor the other way round
    email = 'jane.doe@example.com'                                               | SQL-903 | a warning: rules are copied into logs
"""

STATEMENTS = """
    rule                                                                                   | code    | because
    ---------------------------------------------------------------------------------------+---------+-------------------------------------------
    drop view people                                                                       | SQL-102 | a command
    from people                                                                            | SQL-102 | FROM first
    with a as (table orders) select person_id from a                                       | SQL-103 | TABLE reads what it names
    select person_id from people limit 10                                                  | SQL-103 | any ten rows
    select person_id from people tablesample (10 percent)                                  | SQL-103 | any tenth of the rows
    select person_id from people group by cube(person_id, country)                         | SQL-103 | a sum for every subset
    select any_value(person_id) as person_id from people group by country                  | SQL-107 | any of them
    select person_id from payroll                                                          | SQL-120 | a table nobody declared
    select value as person_id from text.`/etc/passwd`                                      | SQL-121 | a file
    select person_id from other.people                                                     | SQL-121 | another database
    select person_id from people join orders on people.person_id = orders.person_id        | SQL-124 | either of two columns
    with people as (select 1 as person_id) select person_id from people                    | SQL-125 | a query that hides a frame
    with recursive r(n) as (select 1 union all select n + 1 from r) select n as person_id from r | SQL-126 | without end
    select person_id from people join lateral (select 1) t                                 | SQL-127 | a query that cannot be checked
    select p.person_id from people p join orders o on p.person_id < o.person_id            | SQL-130 | an inequality alone
    select p.person_id from people p cross join orders o                                   | SQL-130 | all with all
    select p.person_id from people p, orders o where o.amount > 5                          | SQL-130 | all with all by a comma
    select p.person_id from people p join orders o on p.person_id = o.person_id or true    | SQL-130 | an equality that need not hold
    select p.person_id from people p left join orders o on o.amount > 5 where p.person_id = o.person_id | SQL-130 | an outer join's equality in WHERE
    select person_id from people lateral view explode(array(1, 2)) t as x                  | SQL-132 | rows made from nothing
    select person_id from (select person_id, first_value(kind) over (partition by person_id) as kind from orders) where kind = 'gift' | SQL-136 | the first of no order
    select person_id from orders group by person_id having element_at(collect_list(kind), 1) = 'gift' | SQL-137 | the first of any order
    select p.person_id from people p join (values ('FR', rpad('a', 900, 'a') like '%a%b')) as v(k, yes) on v.k = p.country where v.yes | SQL-138 | a pattern in VALUES
    select country, spend from people                                                      | SQL-143 | evidence without the key
    select person_id, person_id from people                                                | SQL-143 | the key twice
    select * from people p join orders o on p.person_id = o.person_id                      | SQL-143 | the key of two frames
    select * from people natural join orders                                               | SQL-143 | columns that cannot be counted
    select email from people                                                               | SQL-144 | something else than the key
    select count(*) from orders                                                            | SQL-144 | how many there are is nobody
    select person_id from (select person_id, row_number() over (partition by country order by spend) as place from people) where place = 1 | SQL-901 | a warning: ties
"""

DOUBLED = ", ".join(f"c{n + 1} as (select person_id, concat(n, n) as n from c{n})" for n in range(20))
READ_TWICE = ", ".join(
    f"c{n + 1} as (select a.person_id from c{n} a join c{n} b on a.person_id = b.person_id)" for n in range(10)
)

LARGE = {
    "SQL-001": (Form.PREDICATE, " \n\t ", "nothing is written"),
    "SQL-002": (Form.PREDICATE, "visits in (" + "1, " * 45_000 + "1)", "a list that belongs into a frame"),
    "SQL-011": (Form.PREDICATE, "country = 'FR\u202e'", "a mark that turns the text around"),
    "SQL-020": (Form.PREDICATE, "country = 'Le\u00a0Mans'", "a space that no typed text is equal to"),
    "SQL-012": (Form.PREDICATE, "(" * 41 + "active" + ")" * 41, "brackets"),
    "SQL-012 case": (Form.PREDICATE, "case when active then " * 41 + "true" + " end" * 41, "CASE in CASE"),
    "SQL-147 case": (Form.PREDICATE, "case when visits > 1 then 1 else " * 13 + "2" + " end" * 13 + " > 1", "2 to the 13th"),
    "SQL-147 between": (Form.PREDICATE, "cast(" * 9 + "visits" + " between 0 and 1 as int)" * 9 + " > 1", "3 to the 9th"),
    "SQL-147 interval": (Form.PREDICATE, "last_seen" + " - interval 1 hour" * 15 + " > :as_of", "2 to the 15th"),
    "SQL-147 named interval": (Form.STATEMENT, "select person_id from (select person_id, last_seen, last_seen - timestamp '2024-01-01 00:00:00' as lasted from people) t where last_seen" + " - lasted" * 15 + " > :as_of", "2 to the 15th"),
    "SQL-147 decode": (Form.PREDICATE, "decode(" * 9 + "visits" + ", 1, 2, 3)" * 9 + " > 1", "3 to the 9th"),
    "SQL-018": (Form.PREDICATE, "spend > " + "9" * 61, "a number beyond any type"),
    "SQL-133": (Form.STATEMENT, f"with c0 as (select person_id from people), {READ_TWICE} select person_id from c10", "2 to the 10th"),
    "SQL-134": (Form.STATEMENT, f"with c0 as (select person_id, name as n from people), {DOUBLED} select person_id from c20 where n <> ''", "2 to the 20th"),
    "SQL-135": (Form.PREDICATE, " or ".join(f"visits={n}" for n in range(1001)), "Spark's parser overflows"),
}  # fmt: skip


def codes(form: Form, sql: str) -> list[str]:
    """The codes a rule meets; of one that is accepted, its warnings."""
    version = example_rule(form, sql)
    found = gate.faults(version, example_schema()) or gate.examine(version, example_schema()).warnings
    return [fault.code for fault in found]


@pytest.mark.parametrize("row", cases(PREDICATES))
def test_predicates(row: Row) -> None:
    """A predicate that may not be is refused with its code."""
    assert row["code"] in codes(Form.PREDICATE, row["rule"])


@pytest.mark.parametrize("row", cases(STATEMENTS))
def test_statements(row: Row) -> None:
    """A statement that may not be is refused with its code."""
    assert row["code"] in codes(Form.STATEMENT, row["rule"])


@pytest.mark.parametrize("sql", ["concat_ws('-', name, NULL) = 'x'", "name || NULL IS NULL"])
def test_what_is_true_of_somebody_is_not_warned_of(sql: str) -> None:
    """concat_ws leaves NULL out, and IS NULL is true of it."""
    assert "SQL-906" not in codes(Form.PREDICATE, sql)


@pytest.mark.parametrize("name", LARGE)
def test_sizes(name: str) -> None:
    """What is too much is refused before it costs anything."""
    form, sql, _ = LARGE[name]
    version = example_rule(form, sql) if sql.strip() else None
    found = codes(form, sql) if version else [f.code for f in gate.lexer.faults(sql, {})]
    assert name.split(maxsplit=1)[0] in found


def test_a_parameter_without_a_literal() -> None:
    """The value of a parameter can be the fault (SQL-019)."""
    version = example_rule(Form.PREDICATE, "visits > :least", least=2**70)
    assert [f.code for f in gate.faults(version, example_schema())] == ["SQL-019"]


UNTOLD = """
    rule                                                                     | because
    -------------------------------------------------------------------------+---------------------------------
    (person_id, spend) not in (select person_id, amount from orders)         | two columns, of which one may be unknown
    name = country in (select true)                                          | a comparison without brackets
    spend between 1 and 2 in (select amount from orders)                     | the end of BETWEEN
    case when active then 1 end in (select order_id from orders)             | a CASE without brackets
"""


@pytest.mark.parametrize("row", cases(UNTOLD))
def test_what_unknown_would_mean_of_it_cannot_be_told(row: Row) -> None:
    """SQL-146: refused where the rule says what unknown means of it, and only there."""
    version = example_rule(Form.PREDICATE, row["rule"])
    before, after = (
        [fault.code for fault in gate.faults(replace(version, when_unknown=when), example_schema())]
        for when in (WhenUnknown.MISS, WhenUnknown.HOLD)
    )
    assert after == [*before, "SQL-146"]


UNREACHED = {"SQL-199"}
"""The gate breaking is a defect: tests look for it everywhere and find none."""


SPARKS = ("SQL-3", "SQL-4", "SQL-904", "SQL-910", "SQL-912")
"""Codes of what Spark is asked: their rows are in test_spark_gates.py, test_join_keys.py, test_orders_that_tie.py and test_emptiness.py of tests/functional."""


def test_every_refusal_has_a_row() -> None:
    """No code of the pure gates is documented without a rule that meets it."""
    shown = {row["code"] for table in (PREDICATES, STATEMENTS) for row in rows(table)}
    pure = {code for code in refusals() if not code.startswith(SPARKS)}
    assert pure == shown | {name.split()[0] for name in LARGE} | {"SQL-019", "SQL-146"} | UNREACHED


SUGGESTIONS = """
    form      | rule                                            | position | said                                      | because
    ----------+-------------------------------------------------+----------+-------------------------------------------+------------------------------
    predicate | active and spent > 5                            | 11       | Did you mean 'spend'?                     | a column
    predicate | people.visit > 5                                | 0        | Did you mean 'visits'?                    | a column of a frame
    predicate | uper(name) = 'X'                                | 0        | Did you mean 'upper'?                     | a function
    statement | select person_id from poeple                    | 22       | Did you mean 'people'?                    | a frame
    statement | select person_id from people p where q.spend > 5 | 37      | What can be seen: p.                      | an alias
    statement | select person_id from people p where people.spend > 5 | 37 | What can be seen: p.                      | the frame behind its alias
    statement | select p.person_id from people p join orders o on p.person_id > o.person_id | 38 | Write ON a.key = b.key | a join
"""


@pytest.mark.parametrize("row", cases(SUGGESTIONS))
def test_what_to_write_instead(row: Row) -> None:
    """A fault says where, and what was probably meant."""
    (fault,) = gate.faults(example_rule(Form(row["form"]), row["rule"]), example_schema())
    assert fault.position == int(row["position"])
    assert row["said"] in fault.remedy
    assert fault.which == "Rule EXAMPLE"


OF_VALUES = r"""
    rule                        | value     | says    | because
    ----------------------------+-----------+---------+------------------------------------------
    name like :p                | 'a\\_b%'   |         | a sign before what it takes the meaning of
    name like :p                | 'C:\\temp' | SQL-115 | a back-slash before a letter ends the run
    name like any ('a%', :p)    | 'a\\'      | SQL-115 | one that stands last, among others
    name like :p escape '!'     | 'a\\'      |         | where the sign is another one
    spend / :p > 1              | 0         | SQL-908 | it ends every run
    visits % :p = 1             | Decimal(0) | SQL-908 | so does a remainder
    visits % :p = 1             | 2         |         | and no other number
    spend / :p > 1              | True      |         | a truth is no number
"""


@pytest.mark.parametrize("row", cases(OF_VALUES))
def test_the_value_of_a_parameter_counts_as_if_it_were_written(row: Row) -> None:
    """What ends the run whatever the data is told by the pure gates."""
    version = replace(
        example_rule(Form.PREDICATE, row["rule"]), parameters={"p": eval(row["value"], {"Decimal": Decimal})}
    )
    reading = gate.reading(version, example_schema())
    said = gate.faults(version, example_schema()) or (reading.warnings if reading else ())
    assert ", ".join(fault.code for fault in said) == row["says"]
