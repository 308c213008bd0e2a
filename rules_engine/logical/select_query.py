"""
A bound statement's clauses, as exact texts, where it is a query of one column.

Whatever is of another shape is left as it is: :func:`select_query` says None. The gates have accepted the text before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules_engine.sql.tokens import Kind, Token, tokens

_CLAUSES = ("select", "from", "where", "group", "having")
_OTHERS = {
    "union", "intersect", "except", "minus", "order", "limit", "window", "lateral", "qualify", "with", "sort",
    "cluster", "distribute", "offset", "pivot", "unpivot", "tablesample", "values", "set",
}  # fmt: skip
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class SelectQuery:
    """A query of one column: exact texts of its clauses, empty where it has none."""

    given: str
    key: str
    source: str
    where: str
    having: str
    grouped: bool

    @property
    def core(self) -> tuple[str, ...]:
        """What questions share that can be put together: WITH, source and key in one spelling."""
        return spelled(self.given), spelled(self.source), spelled(self.key)


def select_query(sql: str) -> SelectQuery | None:
    """The clauses of a query without set operations, order or limit that returns one plain column."""
    given, sql = with_clause(sql)
    words = tokens(sql)
    starts = _starts(words)
    if starts is None:
        return None
    item = _after(words, starts, "select")
    if item and item[0].word == "distinct":
        item = item[1:]
    key = _plain_column(item)
    source, having = _clause(sql, words, starts, "from"), _clause(sql, words, starts, "having")
    group = _after(words, starts, "group")[1:]
    if not key or not source or (group and _joined(group) != _joined(key)) or (having and not group):
        return None
    text = sql[key[0].start : key[-1].end]
    return SelectQuery(given, text, source, _clause(sql, words, starts, "where"), having, bool(group))


def conjuncts(sql: str) -> tuple[str, ...]:
    """The texts between the top-level ANDs of a condition; the whole where it has a top-level OR."""
    words = tokens(sql)
    cuts, ranges = [0], 0
    for place, word, depth in _with_depth(words):
        if depth:
            continue
        if word == "or":
            return (sql.strip(),)
        ranges += word == "between"
        if word == "and" and ranges:
            ranges -= 1
        elif word == "and":
            cuts += [place, place + 1]
    cuts.append(len(words))
    pairs = zip(cuts[::2], cuts[1::2], strict=True)
    return tuple(sql[words[a].start : words[b - 1].end] for a, b in pairs if b > a)


def spelled(sql: str) -> str:
    """A text in one spelling: words in small letters, one space between."""
    return " ".join(t.text if t.kind is Kind.TEXT or not _PLAIN.fullmatch(t.word) else t.word for t in tokens(sql))


def with_clause(sql: str) -> tuple[str, str]:
    """The WITH clause of a query, empty where it has none, and the rest."""
    words = tokens(sql)
    if not words or words[0].word != "with":
        return "", sql
    outermost = (words[place].start for place, word, depth in _with_depth(words) if word == "select" and not depth)
    at = next(outermost, 0)
    return sql[:at], sql[at:]


def _starts(words: Sequence[Token]) -> dict[str, int] | None:
    """Where the clauses start at the outermost level, in their order; None for another shape."""
    found: dict[str, int] = {}
    for place, word, depth in _with_depth(words):
        if depth or words[place].kind is not Kind.WORD:
            continue
        if word in _OTHERS or (word in found and word in _CLAUSES):
            return None
        if word in _CLAUSES:
            found[word] = place
    order = [found[word] for word in _CLAUSES if word in found]
    return found if found.get("select") == 0 and order == sorted(order) and "from" in found else None


def _with_depth(words: Sequence[Token]) -> Iterator[tuple[int, str, int]]:
    """Each token's place, word and depth of brackets and CASEs; what opens and closes counts as inside."""
    depth = 0
    for place, token in enumerate(words):
        word = token.word if token.kind is not Kind.QUOTED else ""
        opens, closes = word in {"(", "case"}, word in {")", "end"}
        yield place, word, depth + opens
        depth += opens - closes


def _after(words: Sequence[Token], starts: dict[str, int], clause: str) -> Sequence[Token]:
    """The tokens of a clause without its keyword."""
    if clause not in starts:
        return ()
    first = starts[clause] + 1
    return words[first : min((at for at in starts.values() if at >= first), default=len(words))]


def _clause(sql: str, words: Sequence[Token], starts: dict[str, int], clause: str) -> str:
    found = _after(words, starts, clause)
    return sql[found[0].start : found[-1].end] if found else ""


def _plain_column(item: Sequence[Token]) -> Sequence[Token]:
    """``column`` or ``alias.column``, without its new name; nothing for anything else."""
    if len(item) > 2 and item[-2].word == "as":
        item = item[:-2]
    named = [token for token in item[::2] if token.kind in {Kind.WORD, Kind.QUOTED}]
    dots = [token for token in item[1::2] if token.text == "."]
    return item if len(item) in {1, 3} and len(named) + len(dots) == len(item) else ()


def frame_and_alias(source: str) -> tuple[str, str]:
    """A source that is one frame, and the name it goes by; empty for any other."""
    match [token for token in tokens(source) if token.word != "as"]:
        case [frame]:
            return frame.word, frame.word
        case [frame, alias] if {frame.kind, alias.kind} <= {Kind.WORD, Kind.QUOTED}:
            return frame.word, alias.word
    return "", ""


def unqualified(sql: str, alias: str) -> str:
    """A text without the alias before its columns; nothing else of it is changed."""
    words, kept, at = tokens(sql), list[str](), 0
    for before, token, dot in zip((None, *words), words, words[1:], strict=False):
        first = before is None or before.text != "."
        if first and token.word == alias and token.kind is not Kind.TEXT and dot.text == ".":
            kept.append(sql[at : token.start])
            at = dot.end
    return "".join([*kept, sql[at:]])


def binds(sql: str, name: str) -> bool:
    """Whether a variable of a lambda goes by a name, or by that of a column for which it would then be taken."""
    words = tokens(sql)
    if not any(token.text == "->" for token in words):
        return False
    if any(token.word == name and after.text != "." for token, after in pairwise(words)):
        return True
    variables = {each.word for token, after in pairwise(words) if after.text == "->" for each in _before(words, token)}
    of_name = {third.word for first, _, third in zip(words, words[1:], words[2:], strict=False) if first.word == name}
    return not variables.isdisjoint(of_name)


def _before(words: Sequence[Token], last: Token) -> Sequence[Token]:
    """The variables of a lambda, of which the last word before the arrow is given: one, or some in brackets."""
    if last.text != ")":
        return [last]
    end = words.index(last)
    return words[max(at for at in range(end) if words[at].text == "(") + 1 : end]


def _joined(words: Sequence[Token]) -> str:
    return "".join(token.word for token in words)
