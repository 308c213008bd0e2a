"""
Conditions that say for whom they are unknown although they ask ``IN (SELECT …)``.

Spark works ``x IN (SELECT …)`` out by a join, and where it is a value and not all of a filter it is false where it
should be NULL: where x is NULL, or nothing matches and the query returned a NULL. So it is written out here: true if
x is in it; false if the query returns nothing; NULL if x or what is returned is NULL; else false.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules_engine.sql.tokens import Kind, Token, tokens

_BEFORE = frozenset("and or not when then else case".split())
"""Words after which a condition begins."""
_COMPARED = frozenset("= == <> != < <= > >= <=> is like ilike rlike regexp between in end".split())
"""What makes of an operand something else than a value."""
_JOINED = frozenset({"and", "or", "not", "("})


class _Asked(NamedTuple):
    """One ``x [NOT] IN (query)``, by the places of its tokens: where x begins, IN, and the last bracket."""

    first: int
    within: int
    last: int
    negated: bool


class Untold(Exception):
    """An ``IN (SELECT …)`` of which it cannot be said for whom it is unknown; its argument is how it is written."""


def conditions(sql: str) -> tuple[str, str]:
    """What is true of the rows to keep, and what is NULL where it is unknown; both as written if nothing asks IN."""
    if not asks_in(sql):
        return sql, sql
    try:
        exact = told(sql)
    except Untold:  # refused where it is to be known (SQL-146)
        return sql, sql
    return sql if is_plain(sql) else exact, exact


def asks_in(sql: str) -> bool:
    """Whether a condition asks ``IN (SELECT …)`` of its own rows, not within another query."""
    words = tokens(sql)
    return any(True for _ in _places(words, _pairs(words)))


def is_plain(sql: str) -> bool:
    """Whether each ``IN (SELECT …)`` is combined by AND, OR and NOT alone: there Spark keeps just the right rows."""
    words = tokens(sql)
    pairs = _pairs(words)
    for _, last in _places(words, pairs):
        after = words[last + 1].word if last + 1 < len(words) else ")"
        if after not in {"and", "or", ")"} or not _is_combined(words, pairs, last):
            return False
    return not any(word.word == "case" and word.kind is Kind.WORD for word in words)


def told(sql: str) -> str:
    """
    A condition, with what asks ``IN (SELECT …)`` written out so that it is NULL where it is unknown.

    Raises:
        Untold: For one of several columns, or of something that is more than a value.
    """
    words = tokens(sql)
    pairs = _pairs(words)
    for within, last in reversed([*_places(words, pairs)]):
        asked = _asked(words, pairs, within, last)
        value = sql[words[asked.first].start : words[within - 1 - asked.negated].end]
        query = sql[words[within + 1].end : words[last].start]
        written = _written(value, query)
        start, end = words[asked.first].start, words[last].end
        sql = f"{sql[:start]}({'NOT ' if asked.negated else ''}{written}){sql[end:]}"
    return sql


def _written(value: str, query: str) -> str:
    nothing = f"EXISTS (SELECT 1 FROM ({query}) AS asked(value) WHERE value IS NULL)"
    return (
        f"(CASE WHEN {value} IN ({query}) THEN true WHEN NOT EXISTS ({query}) THEN false "
        f"WHEN ({value}) IS NULL OR {nothing} THEN NULL ELSE false END)"
    )


def _places(words: Sequence[Token], pairs: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Each IN of a query, with the last bracket of that; what lies within a query is left to it."""
    at = 0
    while at < len(words):
        token = words[at]
        if token.text == "(" and _is_query(words, at):
            if at and words[at - 1].word == "in" and words[at - 1].kind is Kind.WORD:
                yield at - 1, pairs[at]
            at = pairs[at]
        at += 1


def _is_query(words: Sequence[Token], at: int) -> bool:
    while at < len(words) and words[at].text == "(":
        at += 1
    return at < len(words) and words[at].kind is Kind.WORD and words[at].word in {"select", "with"}


def _pairs(words: Sequence[Token]) -> dict[int, int]:
    """Brackets that belong together, each by the other's place."""
    found, open_ = dict[int, int](), list[int]()
    for at, token in enumerate(words):
        if token.text == "(":
            open_.append(at)
        elif token.text == ")" and open_:
            found[at] = open_.pop()
            found[found[at]] = at
    return found


def _asked(words: Sequence[Token], pairs: dict[int, int], within: int, last: int) -> _Asked:
    negated = words[within - 1].word == "not"
    at = end = within - 1 - negated
    while at >= 0:
        token = words[at]
        if token.text == ")":
            at = pairs[at] - 1
            continue
        if token.text in {"(", ",", "->"} or (token.kind is Kind.WORD and token.word in _BEFORE):
            break
        if token.word in _COMPARED and token.kind is not Kind.QUOTED:
            raise Untold(_shown(words, at, within))
        at -= 1
    first = at + 1
    ranged = at >= 0 and words[at].word == "and" and _is_between(words, pairs, at)
    several = words[first].text == "(" and pairs[first] == end and _has_comma(words, pairs, first)
    if ranged or several or first > end:
        raise Untold(_shown(words, first, within))
    return _Asked(first, within, last, negated)


def _is_between(words: Sequence[Token], pairs: dict[int, int], at: int) -> bool:
    """Whether an AND is that of BETWEEN."""
    at -= 1
    while at >= 0 and words[at].text != "(" and words[at].word not in {"and", "or"}:
        if words[at].word == "between":
            return True
        at = pairs[at] - 1 if words[at].text == ")" else at - 1
    return False


def _has_comma(words: Sequence[Token], pairs: dict[int, int], opening: int) -> bool:
    at = opening + 1
    while at < pairs[opening]:
        if words[at].text == ",":
            return True
        at = pairs[at] + 1 if words[at].text == "(" else at + 1
    return False


def _is_combined(words: Sequence[Token], pairs: dict[int, int], last: int) -> bool:
    """Whether the brackets around an IN hold conditions, and no argument of a function."""
    closing = last + 1
    while closing < len(words):
        if words[closing].text == "(":
            closing = pairs[closing]
        elif words[closing].text == ")":
            opening = pairs[closing]
            if opening and words[opening - 1].word not in _JOINED:
                return False
            after = words[closing + 1].word if closing + 1 < len(words) else ")"
            if after not in {"and", "or", ")"}:
                return False
        closing += 1
    return True


def _shown(words: Sequence[Token], first: int, within: int) -> str:
    return " ".join(token.text for token in words[first : within + 1])[:60]
