"""The manual of statements: which are taken apart at their clauses."""

import pytest

from rules_engine.logical.select_query import conjuncts, select_query, spelled, unqualified
from tests.spec.table import Row, cases

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


@pytest.mark.parametrize("case", cases(SHAPES))
def test_the_shape_of_a_statement(case: Row) -> None:
    """Only what shares its work without a change of meaning is taken apart."""
    assert shape(case["statement"]) == case["shape"]


@pytest.mark.parametrize("case", cases(SIDES))
def test_the_sides_of_a_condition(case: Row) -> None:
    """The texts between the top-level ANDs."""
    assert " & ".join(conjuncts(case["condition"])) == case["sides"]


@pytest.mark.parametrize("case", cases(SPELLINGS))
def test_one_spelling(case: Row) -> None:
    """Sources are shared where they are spelled alike."""
    assert spelled(case["text"]) == case["spelled"]


@pytest.mark.parametrize("case", cases(STRIPPED))
def test_columns_without_their_alias(case: Row) -> None:
    """A condition moves to the frame's own pass, where the alias is not known."""
    assert unqualified(case["text"], "o") == case["without o."]
