"""
A bound statement taken apart at its clauses, where it is of a shape that shares work with others.

``SELECT key FROM source WHERE …`` asks rows, ``… GROUP BY key HAVING …`` asks
groups, and ``SELECT key FROM subjects WHERE EXISTS (SELECT … FROM frame WHERE
frame.key = subjects.key AND …)`` asks the rows of another frame. Whatever is
of another shape is left as it is: :func:`select_query` says None. The gates have
accepted the text before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules_engine.model.frames import Schema
from rules_engine.sql.lexer import Kind, Token, tokens

_CLAUSES = ("select", "from", "where", "group", "having")
_OTHERS = {
    "union", "intersect", "except", "minus", "order", "limit", "window", "lateral", "qualify", "with", "sort",
    "cluster", "distribute", "offset", "pivot", "unpivot", "tablesample", "values", "set",
}  # fmt: skip
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_BEFORE_BRACKETS = {"and", "or", "not", "in", "between"}
_AGGREGATES = {"count", "sum", "min", "max", "avg", "mean", "count_if", "bool_or", "bool_and", "every", "some"}


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


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a condition on the subject asks of the rows of another frame.

    True of a subject with at least ``least`` rows in ``source`` that meet
    ``where``; ``denied``, of the others.
    """

    source: str
    key: str
    where: str
    least: int
    denied: bool


@dataclass(frozen=True, slots=True)
class OfSubjects:
    """A condition on the subject's own row (``where``, may be empty) and on the rows of one other frame."""

    where: str
    asked: Asked


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


def of_subjects(sql: str, schema: Schema, *, frame: str = "") -> OfSubjects | None:
    """
    A statement about the subject frame, or with ``frame`` a condition on it, that asks the rows of one other frame.

    None for any other shape; what is inside may yet turn out not to be readable.
    """
    if frame:
        outer, where = frame.lower(), sql
    else:
        found = select_query(sql)
        if found is None or found.grouped or found.given:
            return None
        name, outer = frame_and_alias(found.source)
        where = found.where
        if (
            name != schema.subject.lower()
            or found.key.lower().rpartition(".")[2].strip("`") != schema.subject_key.lower()
        ):
            return None
    conditions = conjuncts(where)
    asking = [text for text in conditions if re.search(r"(?i)\bselect\b", text)]
    if len(asking) != 1 or (asked := _asked(asking[0], outer, schema)) is None:
        return None
    rest = [unqualified(text, outer) for text in conditions if text is not asking[0]]
    return OfSubjects(" AND ".join(rest), asked)


def clauses(sql: str) -> dict[str, str] | None:
    """The texts of a query's clauses by their keyword; None for set operations, order, limit and the like."""
    words = tokens(sql)
    starts = _starts(words)
    return {clause: _clause(sql, words, starts, clause) for clause in starts} if starts else None


def listed(words: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens between the commas that stand in no brackets."""
    item, depth = list[Token](), 0
    for token in words:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and not depth:
            yield item
            item = []
        else:
            item.append(token)
    yield item


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


def aggregates(having: str) -> tuple[tuple[int, int], ...] | None:
    """Where the aggregate calls of a HAVING clause stand; None where one of them cannot be told."""
    words = tokens(having)
    found: list[tuple[int, int]] = []
    for place, token in enumerate(words):
        called = token.kind is Kind.WORD and place + 1 < len(words) and words[place + 1].text == "("
        if token.word in _BEFORE_BRACKETS or not called or (found and token.start < found[-1][1]):
            continue
        if token.word not in _AGGREGATES:
            return None
        closing = _closing(words, place + 1)
        if any(t.word in {"over", "filter"} for t in words[closing + 1 : closing + 2]):
            return None
        found.append((token.start, words[closing].end))
    return tuple(found)


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


def _asked(sql: str, outer: str, schema: Schema) -> Asked | None:
    """``[NOT] EXISTS (…)``, or ``(SELECT count(*) …)`` compared with a whole number."""
    words = tokens(sql)
    denied = words[0].word == "not"
    words = words[denied:]
    if words[0].word == "exists" and _closing(words, 1) == len(words) - 1:
        return _of_rows(sql[words[1].end : words[-1].start], outer, schema, 1, denied=denied, counts=False)
    if denied or words[0].text != "(" or _closing(words, 0) != len(words) - 3 or words[-1].kind is not Kind.NUMBER:
        return None
    inner, sign, number = sql[words[0].end : words[-3].start], words[-2].text, words[-1].text
    if not number.isdigit() or not spelled(inner).startswith("select count ( * ) from "):
        return None
    least = int(number) + (sign in {">", "<="})
    if least < 1 or sign not in {">", ">=", "<", "<="}:
        return None
    return _of_rows(inner, outer, schema, least, denied=sign in {"<", "<="}, counts=True)


def _of_rows(inner: str, outer: str, schema: Schema, least: int, *, denied: bool, counts: bool) -> Asked | None:
    words = tokens(inner)
    starts = _starts(words)
    if starts is None or {"group", "having"} & set(starts) or "where" not in starts:
        return None
    if any(token.text == "(" for token in _after(words, starts, "select")) and not counts:
        return None  # an aggregate has a row even where nothing meets the condition
    source = _clause(inner, words, starts, "from")
    frame, alias = frame_and_alias(source)
    key = schema.subject_key_of(frame).lower() if frame else ""
    conditions = conjuncts(_clause(inner, words, starts, "where"))
    same = {
        f"{alias} . {key} = {outer} . {schema.subject_key.lower()}",
        f"{outer} . {schema.subject_key.lower()} = {alias} . {key}",
    }
    rest = [text for text in conditions if spelled(text) not in same]
    mentions = any(f" {outer} . " in f" {spelled(text)} " for text in rest)
    if not key or alias == outer or len(rest) != len(conditions) - 1 or mentions:
        return None
    return Asked(frame, key, " AND ".join(unqualified(text, alias) for text in rest), least, denied)


def unqualified(sql: str, alias: str) -> str:
    """A text without the alias before its columns; nothing else of it is changed."""
    words, kept, at = tokens(sql), list[str](), 0
    for before, token, dot in zip((None, *words), words, words[1:], strict=False):
        first = before is None or before.text != "."
        if first and token.word == alias and token.kind is not Kind.TEXT and dot.text == ".":
            kept.append(sql[at : token.start])
            at = dot.end
    return "".join([*kept, sql[at:]])


def _closing(words: Sequence[Token], opening: int) -> int:
    depth = 0
    for place in range(opening, len(words)):
        depth += (words[place].text == "(") - (words[place].text == ")")
        if depth == 0:
            return place
    return -1


def _joined(words: Sequence[Token]) -> str:
    return "".join(token.word for token in words)
