"""The manual of regular expressions: what is understood, what is refused, and why."""

import pytest

from rules_engine.sql.regular_expressions import Unsound, judge
from tests.spec.table import Row, cases

ACCEPTED = """
    pattern                                        ; because
    -----------------------------------------------+------------------------------------------
    Smith                                          ; characters, anywhere
    ^Smith$                                        ; the whole text
    gr[ae]y                                        ; one of some characters
    ^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$              ; an account number
    ^[a-z0-9._-]+@[a-z0-9-]+[.][a-z]{2,4}$         ; repeats without end that end at other characters
    ^[^@ ]+@example[.](com|org)$                   ; alternatives in brackets
    ^(Mc|Mac)[A-Z]                                 ; a beginning
    ^.*[.]de$                                      ; one repeat that is given back
    ^([^@]+)@(.+)$                                 ; brackets around repeats change nothing
    (?:GB|FR)                                      ; brackets that keep nothing
    a|b|cd                                         ; alternatives, anywhere
    colou?r                                        ; one or none
    ^Größe [0-9]+$                                 ; letters of other languages
    [0-9]{3}-?[0-9]{4}                             ; a number, anywhere
    ^[a-z]{2,}$                                    ; two or more
    [-a-z_]                                        ; a dash at an end of a class
"""
REFUSED = """
    pattern                                        ; said                          ; because
    -----------------------------------------------+-------------------------------+------------------------------------
    ^(a|b)*$                                       ; repeats a bracket             ; Java goes down a level a letter
    (.*a){20}                                      ; repeats a bracket             ; twenty repeats in each other
    (a?){20}                                       ; repeats a bracket             ; a million ways to match nothing
    (a+)+                                          ; repeats a bracket             ; the classic
    ^(a+|b)c$                                      ; in an alternative             ; no end in one of two
    [a-z]+@                                        ; may begin anywhere            ; every letter is a beginning
    .*x                                            ; may begin anywhere            ; the same
    ^.*a.*b                                        ; after a repeat of the same    ; two that give back to each other
    ^[a-z]+[a-m]+$                                 ; after a repeat of the same    ; two that share letters
    ^a*b?a*c$                                      ; after a repeat of the same    ; the b may be missing
    a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaa              ; too many ways                 ; two to the eleventh
    [ab]{0,99}[bc]{0,99}                           ; too many ways                 ; a hundred times a hundred
    ^a|b$                                          ; alternatives beside           ; one would be anchored, the other not
    (a)\\1                                         ; not understood                ; what was found before
    (?=a)                                          ; not understood                ; a look ahead
    (?i)abc                                        ; not understood                ; a flag
    a*?                                            ; not understood                ; a repeat that prefers little
    a++                                            ; not understood                ; a repeat that gives nothing back
    [a-z&&[^b]]                                    ; not understood                ; a class of classes
    [z-a]                                          ; not understood                ; from back to front
    [a--z]                                         ; not understood                ; a dash that means two things
    []a]                                           ; not understood                ; a class that ends at once
    a{2                                            ; not understood                ; a brace that is not closed
    a{1000}                                        ; repeats {1000}                ; more than a hundred
    a{3,2}                                         ; repeats {3,2}                 ; more than the most
    (a                                             ; not understood                ; a bracket that is not closed
    a)                                             ; not understood                ; a bracket that was not opened
    a^b                                            ; not understood                ; a beginning in the middle
    a$b                                            ; not understood                ; an end in the middle
    (a|)                                           ; not understood                ; an alternative of nothing
    [[:alpha:]]                                    ; not understood                ; a class of another language
    *a                                             ; not understood                ; a repeat of nothing
"""


def table(text: str) -> list[object]:
    """A table whose columns are parted by semicolons, for patterns hold bars."""
    bars = text.replace("|", "\u2502").replace(";", "|")
    return cases(bars)


@pytest.mark.parametrize("row", table(ACCEPTED))
def test_a_pattern_that_ends_soon(row: Row) -> None:
    """Nothing is said."""
    judge(row["pattern"].replace("\u2502", "|"))


@pytest.mark.parametrize("row", table(REFUSED))
def test_a_pattern_that_may_not(row: Row) -> None:
    """It is said what it does."""
    with pytest.raises(Unsound) as refused:
        judge(row["pattern"].replace("\u2502", "|"))
    assert row["said"] in refused.value.what
    assert refused.value.instead


def test_a_pattern_of_nothing_or_too_much() -> None:
    """An empty one is met by everybody, a long one is no pattern."""
    for pattern in ("", "a" * 201):
        with pytest.raises(Unsound, match="characters"):
            judge(pattern)
