"""Which rules are not tried over plausible rows: those whose text says that a few rows cost little."""

import pytest

from rules_engine.sql.gate import gate
from tests.gate import SCHEMA
from tests.small_lake import rule
from tests.spec.table import Row, cases

RULES = """
    statement                                                                                 | little | because
    ------------------------------------------------------------------------------------------+--------+-----------------------------
    SELECT customer_id FROM customer WHERE country IN ('GB', 'FR') AND spend * 2 > 1000     | yes    | comparisons and arithmetic
    SELECT customer_id FROM customer WHERE email LIKE '%@example.com'                        | yes    | a pattern that looks once
    SELECT customer_id FROM customer WHERE email LIKE '%a%b%'                                | no     | a pattern that looks again
    SELECT customer_id FROM customer WHERE email RLIKE '^[a-z]+$'                            | no     | a regular expression
    SELECT customer_id FROM customer WHERE concat(email, email) = country                    | no     | a text that grows
    SELECT customer_id FROM customer WHERE levenshtein(email, country) < 3                   | no     | every letter with every other
    SELECT customer_id FROM customer WHERE year(joined) = 2020 AND upper(country) = 'GB'  | yes    | functions that make no more
    SELECT customer_id FROM orders GROUP BY customer_id HAVING sum(amount) > 10               | yes    | a sum of few rows
    WITH a AS (SELECT customer_id FROM orders) SELECT customer_id FROM a                      | no     | a query that may be named often
"""


@pytest.mark.parametrize("case", cases(RULES))
def test_a_rule_costs_little_by_what_it_is_made_of(case: Row) -> None:
    """As the table says."""
    said = gate.reading(rule("R-1", sql=case["statement"]), SCHEMA)
    assert said is not None
    assert said.costs_little == (case["little"] == "yes")


def test_many_frames_are_no_little_cost() -> None:
    """Joins of three rows each are rows by powers of three."""
    joins = " ".join(f"JOIN orders o{n} ON o{n}.customer_id = c.customer_id" for n in range(4))
    for those, little in (("", True), (joins, False)):
        said = gate.reading(rule("R-1", sql=f"SELECT c.customer_id FROM customer c {those}"), SCHEMA)
        assert said is not None
        assert said.costs_little == little
