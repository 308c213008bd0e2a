"""The manual of the index: what of a condition is looked up, what Spark computes, and what keeps a condition whole."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from rules_engine.logical.condition import AllOf, AnyOf, ComputedTest, Conjunct, Constants, Not, Tree
from rules_engine.logical.condition import Test as Held
from rules_engine.logical.condition import tests_of as all_tests
from rules_engine.logical.condition_reader import parts
from rules_engine.logical.operands import names
from rules_engine.logical.values import NotIndexable, Value
from rules_engine.sql.lexer import bind
from tests.spec.table import Row, cases

COLUMNS = {
    "a": "int", "b": "int", "small": "smallint", "l": "bigint", "amount": "decimal(12,2)", "huge": "decimal(38,0)", "rate": "double",
    "s": "string", "city": "string", "born": "date", "seen": "timestamp", "active": "boolean", "gold": "boolean",
    "date": "date", "month": "int", "length": "int", "two words": "string", "lower(city)": "string", "rate*a": "double",
    "fixed": "char(5)", "tags": "array<string>", "local": "timestamp_ntz", "p.k": "int",
}  # fmt: skip
CONSTANTS: dict[str, Value | None] = {
    "add_months(DATE'2024-06-01', -12)": date(2023, 6, 1),
    "DATE'2024-06-01' - 7": date(2024, 5, 25),
    "2 * 3": 6,
    "1 / 0": None,
    "upper('x')": "X",
}
AS_OF = date(2024, 6, 1)

PLACES = """
    condition                                        | parts                                     | because
    -------------------------------------------------+-------------------------------------------+---------------------------------------------------
    a > 5                                            | a                                         | a column and a number
    a > 5 AND s = 'x'                                | a & s                                     | a side of the ANDs each
    (a > 5 AND s = 'x')                              | a & s                                     | brackets around it all
    ((a > 5) AND ((s = 'x' AND b < 2)))              | a & s & b                                 | brackets in brackets
    a > 5 AND a < 9 AND a <> 7                       | a & a & a                                 | one expression asked three times
    a > 5 OR a IS NULL                               | a                                         | an OR about one expression
    (a < 1 OR a > 5) AND NOT (a = 7 OR a = 8)        | a & a                                     | nested, and still of one expression
    a > 5 OR b > 5                                   | a + b                                     | an OR about two
    (a > 5 OR b > 5) AND a > 1                       | a + b & a                                 | only that side is about two
    a > 1 AND b > 1 OR a > 2                         | a + b                                     | AND binds before OR
    NOT a > 5 AND b > 1                              | a & b                                     | NOT binds before AND
    NOT (a > 5 AND b > 1)                            | a + b                                     | the opposite of two is an OR
    5 < a                                            | a                                         | the number first
    (-5) < a                                         | a                                         | a bound number below zero stands in brackets
    a > -5 AND a > - 5                               | a & a                                     | a minus before a number
    a BETWEEN 1 AND 5 AND b = 1                      | a & b                                     | BETWEEN has an AND of its own
    (a BETWEEN 1 AND 5)                              | a                                         | BETWEEN in brackets
    a NOT BETWEEN 1 AND 5                            | a                                         | its opposite
    a BETWEEN 1 AND b                                | [a BETWEEN 1 AND b]                       | a bound that is a column
    (-5) BETWEEN a AND b                             | whole: no test                            | a number between two columns
    a IN (1, 2, 2) AND s NOT IN ('x', '')            | a & s                                     | lists, repeats and empty texts too
    a IN (1, b)                                      | whole: IN of columns                      | a list with a column
    a IN (1, '2')                                    | whole: IN of different types              | Spark casts texts, and that can fail
    city LIKE 'Ber%'                                 | city                                      | a beginning
    city LIKE 'Berlin'                               | city                                      | no wildcard is an equality
    city LIKE '%lin'                                 | [city LIKE '%lin']                        | an end
    city NOT LIKE 'B_r%'                             | [city NOT LIKE 'B_r%']                    | one character
    city LIKE 'B%n%'                                 | [city LIKE 'B%n%']                        | a wildcard within
    city LIKE '%'                                    | [city LIKE '%']                           | anything that is there
    city LIKE ''                                     | [city LIKE '']                            | an empty pattern
    city LIKE 'B#%' ESCAPE '#'                       | whole: ESCAPE                             | an escape character
    city LIKE s                                      | whole: LIKE of no literal                 | a pattern from the data
    a IS NULL AND s IS NOT NULL                      | a & s                                     | asked whether there is a value
    active                                           | active                                    | a truth value alone
    NOT active AND gold = true                       | active & gold                             | its opposite, and compared
    active IS TRUE AND gold IS NOT FALSE             | active & gold                             | two-valued
    a IS TRUE                                        | whole: IS                                 | a number is no truth value
    a IS DISTINCT FROM 5                             | a                                         | another value, or none
    a IS NOT DISTINCT FROM 5 AND s IS DISTINCT FROM 'x' | a & s                                  | as `<=>`
    a IS DISTINCT FROM NULL                          | whole: no column of a type that is compared here | a literal NULL, in words
    (a > 5) IS NULL                                  | whole: a test of a bracket                | a test of a test
    (a > 5) = (b > 5)                                | whole: a test of a bracket                | two tests compared
    a <=> 5                                          | a                                         | equality that knows NULL
    a <=> NULL                                       | whole: no column of a type that is compared here | a literal NULL
    born < DATE'2024-06-01'                          | born                                      | a day
    born < DATE '2024-06-01'                         | born                                      | a space before the day
    born <= :as_of                                   | born                                      | the day of the run is bound
    born <= add_months(:as_of, -12)                  | born                                      | what is made of it is worked out once
    born <= :as_of - 7                               | born                                      | arithmetic of literals as well
    a > 2 * 3                                        | a                                         | numbers too
    a > 1 / 0                                        | whole: a constant without a value         | it fails, so Spark shall say so
    born < DATE'2024-6-1'                            | born                                      | a day without noughts
    born < DATE'20240601'                            | whole: no date                            | a day without dashes
    born = DATE'2024-02-30'                          | whole: no date                            | no such day
    born > '2024-06-01'                              | born                                      | a text that says a day
    born > '2024-6-01'                               | whole: a comparison of different types    | another text for a day is cast
    born > '2024-02-30'                              | whole: a comparison of different types    | a text that says no day raises
    born IN ('2024-06-01', 'x')                      | whole: IN of different types              | a list in which one says no day
    seen > '2024-06-01'                              | whole: a comparison of different types    | a text for a moment is cast
    born = TIMESTAMP'2024-06-01 00:00:00'            | whole: a comparison of different types    | a moment for a day
    seen < TIMESTAMP'2024-06-01 12:30:00'            | seen                                      | a moment
    seen < TIMESTAMP'2024-06-01 12:30:00.5'          | whole: no date                            | a fraction of a second
    seen < DATE'2024-06-01'                          | whole: a comparison of different types    | a day for a moment
    local < TIMESTAMP'2024-06-01 12:30:00'           | whole: no column of a type that is compared here | a moment without a zone
    s = 5                                            | whole: a comparison of different types    | a text as a number
    a = '5'                                          | whole: a comparison of different types    | a number as a text
    s = 'a\\'b'                                      | whole: an escaped text                    | an escaped quote
    fixed = 'x'                                      | whole: no column of a type that is compared here | padded texts are left to Spark
    tags IS NULL                                     | whole: no column of a type that is compared here | no scalar
    a = b                                            | [a = b]                                   | two columns
    a = b AND s = city                               | [a = b] & [s = city]                      | each computed by itself
    a = s                                            | whole: a comparison of different types    | two columns of which one is cast
    1 = 1                                            | whole: two literals                       | about no column
    true                                             | whole: no test                            | always
    amount >= 10 AND amount < 10.5 AND amount <> .5  | amount & amount & amount                  | exact numbers in any spelling
    l = 5L AND small = 5S AND small > 1Y             | l & small & small                         | suffixes of whole numbers
    amount = 5BD AND amount = 1. AND amount > 2.5e1BD | amount & amount & amount                 | suffixes of decimals
    amount > 1e3                                     | whole: a literal of another kind          | an exponent makes a double
    amount > 1.5e3                                   | whole: a literal of another kind          | an exponent with a point too
    rate > 5D                                        | whole: a literal of another kind          | a double
    rate > 0.5 AND rate <= 3                         | rate & rate                               | a double column, exact literals
    upper('x') = s                                   | s                                         | a call of literals alone
    lower(city) = 'x'                                | lower(city)                               | a function that cannot fail
    LOWER( city ) = 'x' AND lower(city) = 'y'        | lower(city) & lower(city)                 | one expression, two spellings
    `lower(city)` = 'x' AND lower(city) = 'y'        | `lower(city)` & lower(city)               | a column that is named like a call
    lower(trim(city)) LIKE 'b%'                      | lower(trim(city))                         | a function of a function
    length(city) > 3 AND length > 3                  | length(city) & length                     | a column that is named like a function
    coalesce(a, 0) > 5 AND ifnull(amount, -1) < 0    | coalesce(a,0) & ifnull(amount,-1)         | a value for NULL
    coalesce(a, 'x') = 'x'                           | whole: a call of coalesce                 | a value of another type
    coalesce(a, b) > 5                               | whole: a call of coalesce                 | another column for NULL
    datediff(:as_of, born) > 365                     | datediff(date'2024-06-01',born)           | days between
    month(born) IN (1, 2) AND year(seen) = 2024      | month(born) & year(seen)                  | a part of a day or a moment
    month(s) = 1                                     | whole: a call of month                    | a text is read as a day, and may be none
    substring(s, 1, 2) = 'x'                         | whole: a call of substring                | a call that is not known
    isnan(rate)                                      | whole: a call of isnan                    | a call that is a test
    a <> 0 AND b / a > 2                             | whole: a division by what may be zero     | a guard stays before what it guards
    s <> '' AND CAST(s AS INT) > 2                   | whole: AS for )                           | a guard before a cast
    a > 5 AND a + b > 7                              | whole: arithmetic that can overflow       | a sum can be too large
    -a > 5                                           | whole: arithmetic                         | so can a number turned round
    5 - a > 1                                        | whole: arithmetic that can overflow       | arithmetic that begins with a literal
    amount > 5 * rate AND a > 1                      | [amount > 5 * rate] & a                   | doubles never overflow
    3 * amount - l > 100.5 AND a > 1                 | 3*amount-l & a                            | a decimal has room for every result
    `rate*a` * rate > 1 AND rate * a * rate > 1      | `rate*a`*rate & rate*a*rate               | a column that is named like a product
    amount * amount > amount + a                     | [amount * amount > amount + a]            | 25 digits of 38
    amount * amount * amount > 1                     | amount*amount*amount                      | 38 digits
    amount * amount * amount + 1 > 1                 | whole: arithmetic that can overflow       | and one more
    amount + a * b > 1                               | whole: arithmetic that can overflow       | a product of whole numbers in a sum
    amount > (a + 1) * amount                        | whole: no column                          | brackets are not looked into
    amount * length(s) > 1                           | whole: arithmetic                         | neither are calls
    amount / 2 > 1                                   | amount/2                                  | a division by a number cannot fail
    amount / 0 > 1                                   | whole: a division by zero                 | by zero it does
    huge > 0.5 AND a > 1                             | whole: a comparison that can overflow     | 38 digits before the point, one after it
    huge > amount                                    | whole: a comparison that can overflow     | of columns as well
    huge > 5 AND huge <> l                           | huge & [huge <> l]                        | room for both
    amount > 12345678901234567890123456789012345678  | whole: a comparison that can overflow     | a literal of 38 digits
    huge IN (1, 1.5)                                 | whole: a comparison that can overflow     | in a list, too
    a > 5 OR b / a > 2                               | whole: a division by what may be zero     | an OR guards as well
    NOT (a = 0 OR b / a > 2)                         | whole: a division by what may be zero     | in brackets too
    CASE WHEN a > 5 THEN b > 1 ELSE false END        | whole: no column of a type that is compared here | a CASE guards its branches
    people.a > 5 AND PEOPLE.A < 9                    | a & a                                     | the frame's name before a column
    `people`.`a` > 5 AND `a` > 5                     | a & a                                     | quoted names
    others.a > 5                                     | whole: no column of a type that is compared here | another name before it
    `p.k` > 5                                        | whole: no column                          | a point within a name
    `two words` = 'x'                                | `two words`                               | a name with a space
    date > DATE'2024-06-01' AND month = 6            | date & month                              | columns that are named like keywords
    `date` = born                                    | [`date` = born]                           | quoted as well
    a > 5 AND unknown = 1                            | whole: no column of a type that is compared here | a name that is no column
    a > 5 b                                          | whole: b                                  | more than a condition
    a NOT 5                                          | whole: no test                            | no sentence
    city COLLATE UNICODE_CI = 'x'                    | whole: arithmetic                         | another order of texts
"""

MEANINGS = """
    condition                                | says                                                      | because
    -----------------------------------------+-----------------------------------------------------------+-----------------------------------
    7 >= a                                   | a <= 7                                                    | turned so that the column is first
    7 <> a                                   | a <> 7                                                    | unequal either way
    a == 7                                   | a = 7                                                     | two signs
    a != 7                                   | a <> 7                                                    | the other sign
    a BETWEEN 1 AND 5                        | (a >= 1 and a <= 5)                                       | both ends count
    a NOT BETWEEN 1 AND 5                    | not (a >= 1 and a <= 5)                                   | neither end counts
    a BETWEEN 5 AND 1                        | (a >= 5 and a <= 1)                                       | ends the wrong way round
    a NOT IN (1, 2)                          | not a in 1, 2                                             | a list denied
    NOT NOT a = 1                            | not not a = 1                                             | denied twice
    a = 1 OR a = 2 AND a = 3                 | (a = 1 or (a = 2 and a = 3))                              | AND first
    (a = 1 OR a = 2) AND NOT a = 3           | (a = 1 or a = 2) ; not a = 3                              | brackets first
    active                                   | active true                                               | true, not merely there
    active IS NOT TRUE                       | not active <=> True                                       | false or NULL
    active IS FALSE                          | active <=> False                                          | false and not NULL
    a IS NOT NULL                            | not a null                                                | a value
    city LIKE 'Ber%'                         | city prefix Ber                                           | a beginning
    city NOT LIKE 'Ber%'                     | not city prefix Ber                                       | another beginning
    city LIKE 'Ber'                          | city = Ber                                                | no wildcard
    s = 'a AND b'                            | s = a AND b                                               | a keyword within a text
    s = ''                                   | s =                                                       | an empty text
    amount = 1.50                            | amount = 1.50                                             | a decimal as it is written
    amount IN (5, 5L, 5BD, 1., .5, 2.5e1BD)  | amount in 5, 5, 5, 1, 0.5, 25                             | every spelling of an exact number
    a > -5 AND a < (-3)                      | a > -5 ; a < -3                                           | minus
    born = DATE'2000-02-29'                  | born = 2000-02-29                                         | a leap day
    born >= :as_of - 7                       | born >= 2024-05-25                                        | worked out
    seen = TIMESTAMP'2024-06-01 12:30:00'    | seen = 2024-06-01 12:30:00+00:00                          | moments are of UTC
    a = b OR a = 1                           | (other or a = 1)                                          | what no index answers
"""

NAMES = """
    condition                                                   | names               | because
    ------------------------------------------------------------+---------------------+---------------------------------------------
    a > 5 AND `Two Words` = 'x'                                 | a, two words        | small letters, without back-ticks
    h.a = people.b                                              | h.a, people.b       | with what stands before them
    lower(city) = 'from here'                                   | city                | neither functions nor words of a text
    born < DATE'2024-06-01' - INTERVAL '3' MONTH                | born                | neither keywords nor units
    born < DATE'2024-06-01' - INTERVAL 3 DAYS                   | born                | a unit after a number
    CAST(s AS DATE) > extract(year FROM born)                   | born, s             | neither types nor fields
    date > DATE'2024-06-01' AND month = 6                       | date, month         | keywords that stand as columns
    `end` = 1 AND CASE WHEN a = 1 THEN b = 1 ELSE false END     | a, b, end           | a keyword in back-ticks is a name
    a IN (SELECT k FROM other)                                  | a, k, other, select | a sub-query is told by its first word
"""


def read(sql: str) -> tuple[Conjunct, ...]:
    return parts(bind(sql, {}, AS_OF), COLUMNS, Constants(CONSTANTS, set()), "People")


def places(sql: str) -> str:
    """The parts: ``a`` is looked up in one expression, ``a + b`` in several, and ``[a = b]`` is computed."""
    try:
        return " & ".join(map(place, read(sql)))
    except NotIndexable as why:
        return f"whole: {why}"


def place(part: Conjunct) -> str:
    tests = list(all_tests(part.tree))
    if any(isinstance(test, ComputedTest) for test in tests):
        return f"[{part.sql}]"
    return " + ".join(dict.fromkeys(test.of.name for test in tests if isinstance(test, Held)))


def told(tree: Tree) -> str:
    match tree:
        case Not(of=inner):
            return f"not {told(inner)}"
        case AllOf(of=several):
            return f"({' and '.join(map(told, several))})"
        case AnyOf(of=several):
            return f"({' or '.join(map(told, several))})"
        case Held():
            return f"{tree.of.name} {tree.operator} {', '.join(map(shown, tree.values))}".strip()
        case ComputedTest():
            return "other"


def shown(value: Value) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


@pytest.mark.parametrize("case", cases(PLACES))
def test_where_the_parts_of_a_condition_go(case: Row) -> None:
    """What is held against literals is looked up, the rest is computed, and what could raise keeps its guard."""
    assert places(case["condition"]) == case["parts"]


@pytest.mark.parametrize("case", cases(MEANINGS))
def test_what_a_part_says(case: Row) -> None:
    """Precedence, negation and literals are read as Spark reads them."""
    assert " ; ".join(told(part.tree) for part in read(case["condition"])) == case["says"]


@pytest.mark.parametrize("case", cases(NAMES))
def test_what_could_be_a_column(case: Row) -> None:
    """Nothing that could be a column is overlooked: else a condition could end up where it cannot run."""
    assert ", ".join(sorted(names(case["condition"]))) == case["names"]


def test_constants_are_asked_for_by_their_text() -> None:
    """What is not known yet is collected, and the condition stays whole until it is."""
    wanted = set[str]()
    for sql in ("born < add_months(DATE'2024-06-01', -3)", "a > 1 + 1"):
        with pytest.raises(NotIndexable, match="a constant that is not known yet"):
            parts(sql, COLUMNS, Constants({}, wanted))
    assert wanted == {"add_months(DATE'2024-06-01', -3)", "1 + 1"}


def test_the_text_of_a_part_is_exact() -> None:
    """What Spark computes is the analyst's own text, its brackets and spaces too."""
    texts = [part.sql for part in parts("(a  <b OR a=1)   AND  NOT a= b", COLUMNS, Constants({}, set()))]
    assert texts == ["(a  <b OR a=1)", "NOT a= b"]


def test_moments_are_of_utc() -> None:
    """A session's zone is pinned, so a moment without a zone is one of UTC."""
    [part] = read("seen = TIMESTAMP'2024-06-01 12:30:00'")
    assert isinstance(part.tree, Held)
    assert part.tree.values == (datetime.fromisoformat("2024-06-01T12:30:00+00:00"),)
