"""The manual of statements: which are taken apart at their clauses, and which ask of a subject what rows it has."""

import pytest

from rules_engine.logical.select_query import (
    Asked,
    aggregates,
    conjuncts,
    of_subjects,
    select_query,
    spelled,
    unqualified,
)
from rules_engine.model.frames import Schema
from tests.spec.table import Row, cases

SCHEMA = Schema(
    "people",
    "person_id",
    {"people": {"person_id": "bigint"}, "orders": {"Person": "bigint"}, "products": {"product": "string"}},
    {"people": "person_id", "orders": "Person"},
)

SHAPES = """
    statement                                                                  | shape                                       | because
    ---------------------------------------------------------------------------+---------------------------------------------+-----------------------------------------------
    SELECT person FROM orders WHERE amount > 5                                 | rows of orders by person: amount > 5        | a filter
    select  Person  from  Orders  o                                            | rows of Orders  o by Person:                | no filter, own spelling
    SELECT DISTINCT o.person AS id FROM orders o WHERE a = 1                   | rows of orders o by o.person: a = 1         | DISTINCT, an alias and a new name change nothing
    SELECT ALL person FROM orders                                              | none                                        | a word that is not read
    SELECT person, amount FROM orders                                          | none                                        | two columns
    SELECT person + 1 FROM orders                                              | none                                        | no plain column
    SELECT max(person) FROM orders                                             | none                                        | an aggregate
    SELECT * FROM orders                                                       | none                                        | every column
    SELECT o.person id FROM orders o                                           | none                                        | a new name without AS
    SELECT o.person FROM orders o JOIN products p ON p.id = o.id WHERE p.a = 1 | rows of orders o JOIN products p ON p.id = o.id by o.person: p.a = 1 | a join
    SELECT x FROM (SELECT x, a FROM t WHERE b = 1) AS s WHERE a = 1            | rows of (SELECT x, a FROM t WHERE b = 1) AS s by x: a = 1 | a query within
    WITH s AS (SELECT x FROM t) SELECT x FROM s WHERE x > 1                    | rows of WITH s AS (SELECT x FROM t) s by x: x > 1 | a query given before
    SELECT x FROM t WHERE a = (SELECT max(a) FROM t)                           | rows of t by x: a = (SELECT max(a) FROM t)  | a query in the filter stays in it
    SELECT x FROM t WHERE a = CASE WHEN b = 1 THEN 1 ELSE 2 END                | rows of t by x: a = CASE WHEN b = 1 THEN 1 ELSE 2 END | a CASE
    SELECT x FROM t WHERE s = 'GROUP BY x'                                     | rows of t by x: s = 'GROUP BY x'            | a clause within a text
    SELECT x FROM t WHERE `group` = 1                                          | rows of t by x: `group` = 1                 | a clause's name in back-ticks
    SELECT person FROM orders GROUP BY person                                  | groups of orders by person:  having         | groups without a condition
    SELECT person FROM orders WHERE a = 1 GROUP BY person HAVING sum(b) > 2    | groups of orders by person: a = 1 having sum(b) > 2 | groups with one
    SELECT o.person FROM orders o GROUP BY person                              | none                                        | a key in another spelling
    SELECT person FROM orders GROUP BY `Person`                                | groups of orders by person:  having         | only quoted otherwise
    SELECT person FROM orders GROUP BY 1                                       | none                                        | a key by its number
    SELECT person FROM orders GROUP BY person, product                         | none                                        | groups of more than the key
    SELECT person FROM orders GROUP BY ALL                                     | none                                        | groups by what is selected
    SELECT person FROM orders GROUP BY person WITH ROLLUP                      | none                                        | groups of groups
    SELECT person FROM orders HAVING count(*) > 1                              | none                                        | HAVING without groups
    SELECT x FROM t UNION SELECT x FROM u                                      | none                                        | two queries
    SELECT x FROM t ORDER BY x LIMIT 3                                         | none                                        | the first few
    SELECT x FROM t WHERE a IS DISTINCT FROM b                                 | none                                        | a second FROM
    SELECT x FROM t LATERAL VIEW explode(tags) s AS tag                        | none                                        | a row for each of a list
    SELECT x FROM t TABLESAMPLE (10 PERCENT)                                   | none                                        | some of the rows
    SELECT 1                                                                   | none                                        | no source
    a > 5                                                                      | none                                        | no statement
"""

OF_SUBJECTS = """
    statement                                                                                                   | asks                                          | because
    ------------------------------------------------------------------------------------------------------------+-----------------------------------------------+-----------------------------------------------
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id)         | 1 of orders:                                  | any row
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE c.person_id = o.person AND o.a > 1) | 1 of orders: a > 1                        | the sides of the equality turned
    SELECT DISTINCT person_id FROM people WHERE EXISTS (SELECT o.a FROM orders AS o WHERE o.a > 1 AND o.PERSON = people.person_id AND b = 2) | 1 of orders: a > 1 AND b = 2 | DISTINCT, and the equality in the midst
    SELECT c.person_id FROM people c WHERE c.x = 1 AND NOT EXISTS (SELECT * FROM orders WHERE orders.person = c.person_id) AND y = 2 | not 1 of orders: if x = 1 AND y = 2 | no row, with conditions of the subject
    SELECT c.person_id FROM people c WHERE NOT NOT EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id) | none                                          | denied twice
    SELECT c.person_id FROM people c WHERE NOT (EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id))   | none                                          | denied in brackets
    SELECT c.person_id FROM people c WHERE x = 1 OR EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id) | none                                         | an OR
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id) OR x = 1 | none                                         | an OR behind it
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id) = true  | none                                          | EXISTS compared
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT max(a) FROM orders o WHERE o.person = c.person_id)    | none                                          | an aggregate has a row even of nothing
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id LIMIT 0) | none                                          | the first few rows
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT a FROM orders o WHERE o.person = c.person_id GROUP BY a HAVING count(*) > 1) | none                   | groups of its own
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id OR o.a = 1) | none                                       | an OR beside the equality
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id AND o.a > c.x) | none                                    | a second word about the subject
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person <=> c.person_id)       | none                                          | another equality
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.buyer = c.person_id)          | none                                          | another column than the key
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE person = c.person_id)           | none                                          | the key without its frame
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.a = 1)                        | none                                          | rows of anybody
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders c WHERE c.person = c.person_id)         | none                                          | one alias for both
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM products o WHERE o.product = c.person_id)      | none                                          | a frame without a subject
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o JOIN products p ON p.a = o.a WHERE o.person = c.person_id) | none                     | a join within
    SELECT c.person_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id) AND EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id AND o.a = 1) | none | two questions
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) >= 2    | 2 of orders:                                  | at least so many
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) > 2     | 3 of orders:                                  | more than so many
    SELECT c.person_id FROM people c WHERE (SELECT COUNT( * ) FROM orders o WHERE o.person = c.person_id AND o.a = 1) < 2 | not 2 of orders: a = 1              | fewer than so many
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) <= 2    | not 3 of orders:                              | at most so many
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) > 0     | 1 of orders:                                  | more than none
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) < 1     | not 1 of orders:                              | fewer than one
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) <= 0    | not 1 of orders:                              | none at most
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) = 0     | none                                          | exactly so many
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) >= 0    | none                                          | always
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) < 0     | none                                          | never
    SELECT c.person_id FROM people c WHERE (SELECT count(*) FROM orders o WHERE o.person = c.person_id) >= 1.5  | none                                          | no whole number
    SELECT c.person_id FROM people c WHERE NOT (SELECT count(*) FROM orders o WHERE o.person = c.person_id) > 1 | none                                          | a count denied
    SELECT c.person_id FROM people c WHERE (SELECT count(a) FROM orders o WHERE o.person = c.person_id) > 1     | none                                          | a count of values
    SELECT c.person_id FROM people c WHERE (SELECT sum(a) FROM orders o WHERE o.person = c.person_id) > 1       | none                                          | a sum
    SELECT c.person_id FROM people c WHERE x = 'select' AND EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id) | none                                 | a text that looks like a question
    SELECT c.person_id FROM people c WHERE c.x = 1                                                              | none                                          | no question
    SELECT c.other_id FROM people c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.person = c.person_id)          | none                                          | another column is returned
    SELECT o.person FROM orders o WHERE EXISTS (SELECT 1 FROM people c WHERE c.person_id = o.person)            | none                                          | not of the subjects
    EXISTS (SELECT 1 FROM orders o WHERE o.person = people.person_id) AND x = 1                                 | 1 of orders: if x = 1                         | a condition on the subject
    people.x BETWEEN 1 AND 2 AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.person = people.person_id)          | not 1 of orders: if x BETWEEN 1 AND 2         | an AND that is no joint
    EXISTS (SELECT 1 FROM orders o WHERE o.person = person_id)                                                  | none                                          | the subject's key without its frame
"""

SIDES = """
    condition                                   | sides                                        | because
    --------------------------------------------+----------------------------------------------+-------------------------------
    a = 1 AND b = 2                             | a = 1 & b = 2                                | one joint
    a BETWEEN 1 AND 2 AND b NOT BETWEEN 3 AND 4 | a BETWEEN 1 AND 2 & b NOT BETWEEN 3 AND 4    | the AND of BETWEEN is none
    (a = 1 AND b = 2) AND c = 3                 | (a = 1 AND b = 2) & c = 3                    | brackets keep theirs
    a = 1 AND b = 2 OR c = 3                    | a = 1 AND b = 2 OR c = 3                     | an OR holds it all together
    a = CASE WHEN b AND c THEN 1 END AND d = 2  | a = CASE WHEN b AND c THEN 1 END & d = 2     | so does a CASE
    a = 'x AND y' AND `and` = 1                 | a = 'x AND y' & `and` = 1                    | texts and names are no words
"""

AGGREGATES = """
    having                                | aggregates                | because
    --------------------------------------+---------------------------+------------------------------------------
    count(*) > 1 AND sum(a) < 5           | count(*) & sum(a)         | two
    NOT (max(a) > 5 OR min(a) IN (1, 2))  | max(a) & min(a)           | brackets are no calls
    sum(coalesce(a, 0)) > 5               | sum(coalesce(a, 0))       | a call within belongs to it
    avg( a ) BETWEEN 1 AND 2              | avg( a )                  | spaces
    a > 5                                 |                           | none
    round(sum(a), 2) > 5                  | none                      | a call around one
    first(a) = 1                          | none                      | one that depends on the order
    sum(a) OVER () > 5                    | none                      | over a window
    count(*) FILTER (WHERE a = 1) > 5     | none                      | with a filter of its own
"""

SPELLINGS = """
    text                  | spelled              | because
    ----------------------+----------------------+----------------------------------------
    FROM  Orders   `O`    | from orders o        | small letters, one space, no back-ticks
    a='A'                 | a = 'A'              | texts as they are
    `a b`                 | `a b`                | a name with a space is one word
"""

STRIPPED = """
    text                       | without o.                 | because
    ---------------------------+----------------------------+-------------------------------
    o.a = 1 AND O.b = `o`.c    | a = 1 AND b = c            | in any spelling
    o.o = 1                    | o = 1                      | a column of the same name
    x.o.a = 1                  | x.o.a = 1                  | a part of another name
    s = 'o.a' AND p.a = o . a  | s = 'o.a' AND p.a =  a     | texts and other aliases stay
"""


def shape(sql: str) -> str:
    found = select_query(sql)
    if found is None:
        return "none"
    having = f" having {found.having}" if found.grouped else ""
    kind = "groups" if found.grouped else "rows"
    return f"{kind} of {found.given}{found.source} by {found.key}: {found.where}{having}".strip()


def asks(sql: str) -> str:
    frame = "" if sql.startswith("SELECT") else "people"
    found = of_subjects(sql, SCHEMA, frame=frame)
    if found is None:
        return "none"
    of = found.asked
    where = f" if {found.where}" if found.where else ""
    return f"{'not ' * of.denied}{of.least} of {of.source}: {of.where}{where}".replace(":  ", ": ").strip()


@pytest.mark.parametrize("case", cases(SHAPES))
def test_the_shape_of_a_statement(case: Row) -> None:
    """Only what shares its work without a change of meaning is taken apart."""
    assert shape(case["statement"]) == case["shape"]


@pytest.mark.parametrize("case", cases(OF_SUBJECTS))
def test_what_a_statement_asks_of_other_rows(case: Row) -> None:
    """A question about the subject's own rows of one frame is one that an index answers; any other stays as it is."""
    assert asks(case["statement"]) == case["asks"]


@pytest.mark.parametrize("case", cases(SIDES))
def test_the_sides_of_a_condition(case: Row) -> None:
    """The texts between the top-level ANDs."""
    assert " & ".join(conjuncts(case["condition"])) == case["sides"]


@pytest.mark.parametrize("case", cases(AGGREGATES))
def test_the_aggregates_of_a_having(case: Row) -> None:
    """Each aggregate becomes a column of the groups; where one cannot be told, none does."""
    found = aggregates(case["having"])
    told = "none" if found is None else " & ".join(case["having"][first:after] for first, after in found)
    assert told == case["aggregates"]


@pytest.mark.parametrize("case", cases(SPELLINGS))
def test_one_spelling(case: Row) -> None:
    """Sources are shared where they are spelled alike."""
    assert spelled(case["text"]) == case["spelled"]


@pytest.mark.parametrize("case", cases(STRIPPED))
def test_columns_without_their_alias(case: Row) -> None:
    """A condition moves to the frame's own pass, where the alias is not known."""
    assert unqualified(case["text"], "o") == case["without o."]


def test_the_key_is_that_of_the_asked_frame() -> None:
    """The rows that are asked name the subject in a column of their own."""
    found = of_subjects("EXISTS (SELECT 1 FROM orders o WHERE o.person = people.person_id)", SCHEMA, frame="people")
    assert found is not None
    assert found.asked == Asked("orders", "person", "", 1, denied=False)
