"""The manual of clauses: where a condition is taken apart, and what each clause holds against what (R-WHY)."""

from itertools import product

import pytest

from rules_engine.review.clauses import Clause, comparison, taken_apart
from tests.spec.table import Row, cases

SHAPES = """
    condition                                | clauses                                  | because
    -----------------------------------------+------------------------------------------+-----------------------------------
    a = 1                                    | a = 1                                    | one clause
    a = 1 AND b = 2                          | and(a = 1; b = 2)                        | two
    a = 1 AND b = 2 OR c = 3                 | or(and(a = 1; b = 2); c = 3)             | AND binds tighter
    a = 1 AND (b = 2 OR c = 3)               | and(a = 1; or(b = 2; c = 3))             | brackets
    ((a = 1) and (b = 2))                    | and(a = 1; b = 2)                        | brackets around all
    (a = 1) OR (b = 2)                       | or(a = 1; b = 2)                         | brackets around each, not all
    a BETWEEN 1 AND 2 AND b = 3              | and(a BETWEEN 1 AND 2; b = 3)            | the AND of a range joins nothing
    NOT (a = 1 AND b = 2)                    | NOT (a = 1 AND b = 2)                    | what a NOT denies stays whole
    CASE WHEN a AND b THEN c END = 1 OR d    | or(CASE WHEN a AND b THEN c END = 1; d)  | a CASE stays whole
    s = 'a AND b' AND `or` = 1               | and(s = 'a AND b'; `or` = 1)             | texts and quoted names
    exists(xs, x -> x > 1 AND x < 3) OR b    | or(exists(xs, x -> x > 1 AND x < 3); b)  | within a call
    a IN (SELECT x FROM t WHERE y AND z)     | a IN (SELECT x FROM t WHERE y AND z)     | a query stays whole
"""


def drawn(clause: Clause) -> str:
    return f"{clause.joined}({'; '.join(map(drawn, clause.of))})" if clause.of else clause.sql


@pytest.mark.parametrize("case", cases(SHAPES))
def test_a_condition_is_taken_apart(case: Row) -> None:
    """At its ANDs and ORs alone."""
    assert drawn(taken_apart(case["condition"])) == case["clauses"]


COMPARED = """
    clause                        | left     | needed                | because
    ------------------------------+----------+-----------------------+-----------------------------
    premium >= 1600               | premium  | at least <1600>       | a bound
    a.b < c + 1                   | a.b      | less than <c + 1>     | of another column
    code IN ('A', upper('b'))     | code     | one of <'A'>, <upper('b')> | a list
    code NOT IN ('A')             | code     | not <'A'>             | a list of one, denied
    x NOT BETWEEN 1 AND 2         | x        | not from <1> to <2>   | a range, denied
    end_on IS NULL                | end_on   | no value              | nothing
    end_on IS NOT NULL            | end_on   | a value               | anything
    is_joint                      | is_joint | true                  | a column by itself
    NOT (is_joint)                | is_joint | false                 | and denied
    NOT x = 1                     | x        | not <1>               | a comparison denied
    a = 1 = b                     | none     | none                  | two signs
    NOT (is_joint OR x = 1)       | none     | none                  | two clauses denied together
    NOT (x BETWEEN 1 AND 2)       | x        | not from <1> to <2>   | the AND of a range joins none
    EXISTS (SELECT 1 FROM t)      | none     | none                  | other rows
"""


@pytest.mark.parametrize("case", cases(COMPARED))
def test_a_clause_says_what_it_needs(case: Row) -> None:
    """The left side is read, the right sides are needed, in words."""
    found = comparison(case["clause"])
    told = (found.left, found.needed([f"<{text}>" for text in found.right])) if found else ("none", "none")
    assert told == (case["left"], case["needed"])


def test_clauses_decide_as_sql_does() -> None:
    """The truth of the whole from that of its clauses, unknown ones too, beside Python's own reading of the tables."""
    rank = {False: 0, None: 1, True: 2}
    whole = taken_apart("a AND (b OR c)")
    for a, b, c in product(rank, repeat=3):
        expected = min(a, max(b, c, key=rank.__getitem__), key=rank.__getitem__)
        assert whole.truth({"a": a, "b": b, "c": c}) == expected
