"""WITH queries put where they are named: the same question, in the wording that has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rules_engine.logical.select_query import with_clause
from rules_engine.sql.lexer import Kind, Token, tokens

_AFTER_A_NAME = {
    "where", "join", "on", "group", "having", "order", "left", "right", "full", "inner", "cross", "semi", "anti",
    "union", "intersect", "except", "minus", "limit", "using", "lateral", "window", "natural", "tablesample", "pivot",
    "unpivot",
}  # fmt: skip
"""Words behind the name of a relation that are no alias of it."""


def put_in_place(sql: str) -> str:
    """
    A statement without WITH; as it is where it has none, or one of a shape that is not read here.

    A query is put in wherever its name stands behind FROM or JOIN, under its alias or its own name.
    """
    given, rest = with_clause(sql)
    if not given:
        return sql
    texts = dict[str, str]()
    for name, query in _named(given):
        inner = _placed(query, texts)
        if not name or inner is None or name in texts:
            return sql
        texts[name] = inner
    return _placed(rest, texts) or sql


def _named(given: str) -> Iterator[tuple[str, str]]:
    """Each name of a WITH clause and its query; an empty name for another shape."""
    words, at = tokens(given), 1
    while at < len(words):
        shape = [token.word for token in words[at + 1 : at + 3]] == ["as", "("] and words[at].kind is Kind.WORD
        end = _closing(words, at + 2) if shape else 0
        if not end or (end + 1 < len(words) and words[end + 1].text != ","):
            yield "", ""
            return
        yield words[at].word, given[words[at + 2].end : words[end].start]
        at = end + 2


def _closing(words: Sequence[Token], opening: int) -> int:
    depth = 0
    for place in range(opening, len(words)):
        depth += (words[place].text == "(") - (words[place].text == ")")
        if not depth:
            return place
    return 0


def _placed(sql: str, texts: Mapping[str, str]) -> str | None:
    """A query with the named ones put in; None where a name stands where it might mean something else."""
    words, pieces, at = tokens(sql), list[str](), 0
    for place, token in enumerate(words):
        if token.kind is not Kind.WORD or token.word not in texts:
            continue
        before = words[place - 1].word if place else ""
        after = words[place + 1] if place + 1 < len(words) else None
        if before in {"from", "join"}:
            aliased = after is not None and (
                after.word == "as" or (after.kind is Kind.WORD and after.word not in _AFTER_A_NAME)
            )
            pieces += [sql[at : token.start], f"({texts[token.word]})", "" if aliased else f" {token.text}"]
            at = token.end
        elif after is None or after.text != "." or before == ".":
            return None
    return "".join([*pieces, sql[at:]])
