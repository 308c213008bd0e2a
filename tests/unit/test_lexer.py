"""L0: tokens, the faults of a text, and the binding of parameters."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.errors import InvalidRule
from rules_engine.sql.lexer import bind, blanked, faults, place
from rules_engine.sql.tokens import Kind, tokens
from tests.spec.table import Row, cases

DAY = date(2024, 6, 1)

BINDINGS = """
    text                       | bound                                | because
    ---------------------------+--------------------------------------+----------------------------------------------
    joined < :as_of            | joined < DATE'2024-06-01'            | the run's day is always there
    joined<:as_of              | joined<DATE'2024-06-01'              | no space is needed after an operator
    joined < :AS_OF            | joined < DATE'2024-06-01'            | names ignore case
    spend > :least             | spend > 12.50BD                      | a decimal keeps its scale
    spend > :debt              | spend > (-3.5BD)                     | a negative decimal stands in brackets
    x = :few                   | x = 3                                | a small number is an int, as if it were written
    x = :many                  | x = 3000000000L                      | a large number is a bigint
    x - :minus                 | x - (-3)                             | a negative number never makes a comment
    x = :yes                   | x = TRUE                             | a truth
    n = :name                  | n = 'O\\'Brien'                      | an apostrophe is escaped
    n = :path                  | n = 'a\\\\b'                         | a back-slash is escaped
    n = :money                 | n = '\\u0024{env:HOME}'              | a dollar cannot begin a substitution
    n = ':as_of'               | n = ':as_of'                         | a quoted text is left alone
    n = `:as_of`               | n = `:as_of`                         | so is a quoted name
    a = /* :x */ :few          | a =          3                       | a comment becomes blanks, as long as it was
    a = '/* :few */'           | a = '/* :few */'                     | what looks like a comment in a text is text
    a  =\t:few  and  'x  '='y' | a  =\t3  and  'x  '='y'              | spaces are kept as they are
"""

VALUES = {
    "least": Decimal("12.50"),
    "debt": Decimal("-3.5"),
    "few": 3,
    "many": 3_000_000_000,
    "minus": -3,
    "yes": True,
    "name": "O'Brien",
    "path": "a\\b",
    "money": "${env:HOME}",
}


@pytest.mark.parametrize("row", cases(BINDINGS))
def test_binding(row: Row) -> None:
    """Parameters become typed literals, and nothing else of the text changes."""
    assert bind(row["text"], VALUES, DAY) == row["bound"]


@pytest.mark.parametrize("text", ["x = :unknown", "x = :nam"])
def test_an_undeclared_parameter_is_not_bound(text: str) -> None:
    """Binding refuses what is not declared, with the nearest name."""
    with pytest.raises(InvalidRule) as refusal:
        bind(text, VALUES, DAY)
    assert refusal.value.faults[0].code == "SQL-014"


@pytest.mark.parametrize("value", [2**63, Decimal("NaN"), Decimal("1E+40"), Decimal("1E-40"), "a\x00b", "a\u202eb"])
def test_a_value_without_a_literal_is_refused(value: object) -> None:
    """A value that Spark has no literal for is refused before it is written."""
    assert [f.code for f in faults("x = :v", {"v": value})] == ["SQL-019"]  # type: ignore[dict-item]


POSITIONS = """
    text                     | code    | position | because
    -------------------------+---------+----------+-------------------------------------
    country = @home          | SQL-003 | 10       | the character itself
    a = 1 /* b               | SQL-004 | 6        | where the comment begins
    a = 1 /* b /* c */       | SQL-004 | 6        | where the outer one begins
    a = 1 /* b */ + @        | SQL-003 | 16       | comments count, too
    a = 'x' 'y'              | SQL-010 | 8        | the second text
    a = r'x'                 | SQL-016 | 5        | the text after its prefix
    a = 1 and (b = 2         | SQL-013 | 15       | the end, for a bracket never closed
    a = :b                   | SQL-014 | 4        | the parameter
"""


@pytest.mark.parametrize("row", cases(POSITIONS))
def test_a_fault_says_where(row: Row) -> None:
    """The position counts characters from 0."""
    (fault,) = faults(row["text"], {})
    assert (fault.code, fault.position) == (row["code"], int(row["position"]))


def test_all_faults_of_a_text_are_found_at_once() -> None:
    """Six things are wrong, and all six are said in the order of the text."""
    codes = [f.code for f in faults('a = "x" */ b\n; c => 5 > :d and e = @f', {})]
    assert codes == ["SQL-006", "SQL-004", "SQL-007", "SQL-015", "SQL-014", "SQL-003"]


@pytest.mark.parametrize("letter", ["ı", "ſ", "\u212a", "с", "＝", "\u00a0", "\u000b", "\u2028", "\u00ad"])
def test_look_alikes_are_no_letters(letter: str) -> None:
    """Characters that fold to ASCII letters, or look like them or like spaces, are refused outside texts."""
    assert "SQL-003" in {f.code for f in faults(f"{letter}dentifier > 1", {})}


@given(st.text())
def test_tokens_and_spaces_are_the_text(text: str) -> None:
    """No character is lost: between two tokens there is nothing but white space and comments, which are blanked."""
    end, text = 0, blanked(text)
    for token in tokens(text):
        assert not text[end : token.start].strip(" \t\r\n")
        assert text[token.start : token.end] == token.text
        end = token.end
    assert not text[end:].strip(" \t\r\n")


@given(st.text(min_size=1))
def test_a_text_that_passes_holds_no_second_language(text: str) -> None:
    """Whatever passes L0 is ASCII outside texts and comments, and has no back-slash or substitution there."""
    if not faults(text, {}):
        assert "\\" not in blanked(text)
        assert len(blanked(text)) == len(text)
        assert "${" not in text
        outside = "".join(t.text for t in tokens(text) if t.kind is not Kind.TEXT)
        assert outside.isascii()
        assert not set(outside) & set('";#$?{}[]@')


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])))
def test_a_bound_text_is_one_token(value: str) -> None:
    """A text parameter never ends its own quote."""
    bound = bind("x = :v", {"v": value}, DAY).removeprefix("x = ")
    inside = bound[1:-1].replace("\\\\", "").replace("\\'", "")
    assert bound[0] == bound[-1] == "'"
    assert "'" not in inside


SHORT_CASTS = """
    text                           | read
    a::int > 1                     | CAST(a AS int) > 1
    -t.a::decimal(10, 2) > 1       | -CAST(t.a AS decimal(10, 2)) > 1
    upper(a)::string::int = 5      | CAST(CAST(upper(a) AS string) AS int) = 5
    not (a + 1)::int in (1, 2)     | not CAST((a + 1) AS int) in (1, 2)
    '2024-06-01'::date < :day      | CAST('2024-06-01' AS date) < :day
    :day::string = `b`::string     | CAST(:day AS string) = CAST(`b` AS string)
    a = 'x::int'                   | a = 'x::int'
    a in (1, 2)::int               | a in (1, 2)::int
    date '2024-06-01'::string = a  | date '2024-06-01'::string = a
    case when a then b end::int    | case when a then b end::int
    sum(a) over (order by b)::int  | sum(a) over (order by b)::int
    a:: > 1                        | a:: > 1
"""


@pytest.mark.parametrize("row", cases(SHORT_CASTS))
def test_a_short_cast_is_written_out_where_all_readers_cast_the_same(row: Row) -> None:
    """What stays as it was written is refused."""
    assert blanked(row["text"]) == row["read"]
    refused = "SQL-015" in {fault.code for fault in faults(row["text"], {"day": 1})}
    assert refused == ("::" in row["read"].replace("'x::int'", ""))


@pytest.mark.parametrize("row", cases(SHORT_CASTS))
def test_a_place_in_what_is_read_is_one_in_the_text(row: Row) -> None:
    """Each word of what is read, but for the casts that were written out, is found where it was written."""
    text, read = row["text"], blanked(row["text"])
    said = [token for token in tokens(read) if token.text not in {"CAST", "AS", "(", ")"}]
    assert all(text.startswith(token.text, place(text, token.start)) for token in said)


def test_many_short_casts_are_refused_before_they_are_slow() -> None:
    """Within each other they are as deep as brackets may be, and no deeper."""
    assert [fault.code for fault in faults("a" + "::int" * 500 + " > 1", {})] == ["SQL-015"]
