"""
Questions about what a subject's rows come to beside the subject's own row, taken apart.

``WITH t AS (SELECT key, sum(x) AS total FROM rows WHERE … GROUP BY key) SELECT s.key FROM subjects s JOIN t ON t.key =
s.key WHERE t.total > 2 * s.y AND …`` asks the rows of a frame what they come to, the subject's row, and holds one
against the other. Whatever is of another shape is left as it is. The gates have accepted the text before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules_engine.logical.arithmetic import ArithmeticReader, Numeric
from rules_engine.logical.operands import names
from rules_engine.logical.select_query import (
    clauses,
    conjuncts,
    frame_and_alias,
    listed,
    select_query,
    unqualified,
    with_clause,
)
from rules_engine.logical.semi_join import JoinSide, Reader, raises_nowhere, relations
from rules_engine.logical.values import NotIndexable
from rules_engine.model.frames import Schema
from rules_engine.sql.lexer import Token, tokens

_SIGNS = {"<", "<=", ">", ">=", "=", "<>"}


class Against(NamedTuple):
    """A call of an aggregate function, held against a number of the subject's own row that cannot raise."""

    call: str
    sign: str
    expression: str
    number: Numeric


@dataclass(frozen=True, slots=True)
class Totals:
    """
    What is asked of the rows of a frame together, and of the subject's own row.

    ``pieces`` is the text of a condition around its aggregate ``calls``, one more of them.
    """

    rows: JoinSide
    pieces: tuple[str, ...]
    calls: tuple[str, ...]
    against: tuple[Against, ...]
    of_subject: str


def group_by_query(sql: str, schema: Schema) -> Totals | None:
    """A statement over the totals of one frame's rows; None for any other shape, or where a condition could raise."""
    given, rest = with_clause(sql)
    named = _named_query(given)
    found = select_query(rest) if named else None
    if named is None or found is None or found.grouped:
        return None
    name, inner = named
    read = relations(found.source)
    grouped = _grouped(inner, schema)
    if read is None or grouped is None or len(read[0]) != 2:
        return None
    frames = {relation.frame: relation.alias for relation in read[0]}
    if {*frames} != {name, schema.subject.lower()} or name in map(str.lower, schema.columns):
        return None
    outer = _Outer(frames[schema.subject.lower()], frames[name], grouped, schema)
    conditions = [*read[1], *conjuncts(found.where)]
    return outer.totals() if outer.is_key(found.key) and all(map(outer.takes, conditions)) else None


@dataclass(frozen=True)
class _Grouped:
    """The query that adds up: the rows that it reads, the key's name, and the calls by theirs."""

    rows: JoinSide
    key: str
    calls: Mapping[str, str]


@dataclass
class _Outer:
    """The query around it: conditions on the subject's row (``own``), on totals, and on both."""

    own: str
    totalled: str
    grouped: _Grouped
    schema: Schema
    of_subject: list[str] = field(default_factory=list)
    of_totals: list[str] = field(default_factory=list)
    against: list[Against] = field(default_factory=list)
    tied: bool = False

    def is_key(self, key: str) -> bool:
        return key.lower().replace("`", "") in {self._own_key, f"{self.totalled}.{self.grouped.key}"}

    @property
    def _own_key(self) -> str:
        return f"{self.own}.{self.schema.subject_key.lower()}"

    @property
    def _types(self) -> dict[str, str]:
        return self.schema.types_of(self.schema.subject)

    def takes(self, condition: str) -> bool:
        """Note a condition; False for one that cannot be taken apart."""
        words = [token.word for token in tokens(condition)]
        tie = [[*left.split("."), *right.split(".")] for left, right in self._keys]
        if [word for word in words if word not in {".", "="}] in tie and words.count("=") == 1:
            self.tied = True
            return True
        of = {name.rpartition(".")[0] for name in names(condition)}
        if of == {self.own}:
            text = unqualified(condition, self.own)
            self.of_subject.append(text)
            return raises_nowhere(text, self._types, self.schema.subject)
        if of == {self.totalled}:
            self.of_totals.append(condition)
            return all(name.partition(".")[2] in self.grouped.calls for name in names(condition))
        return of == {self.own, self.totalled} and self._holds_against(condition)

    @property
    def _keys(self) -> tuple[tuple[str, str], tuple[str, str]]:
        one, other = self._own_key, f"{self.totalled}.{self.grouped.key}"
        return (one, other), (other, one)

    def _holds_against(self, condition: str) -> bool:
        """``totals.name > …`` with a number of the subject's row on the right."""
        words = tokens(condition)
        match [token.word for token in words[:4]]:
            case [alias, ".", name, sign] if alias == self.totalled and name in self.grouped.calls and sign in _SIGNS:
                expression = unqualified(condition[words[3].end :].strip(), self.own)
                number = _number(expression, self._types)
                if number is not None:
                    self.against.append(Against(self.grouped.calls[name], sign, expression, number))
                return number is not None
        return False

    def totals(self) -> Totals | None:
        """What was noted, where the two are joined by the subject's key."""
        if not self.tied:
            return None
        text = " AND ".join(self.of_totals)
        pieces, calls, at = list[str](), list[str](), 0
        words = tokens(text)
        for place, token in enumerate(words):
            if token.word == self.totalled and [t.text for t in words[place + 1 : place + 2]] == ["."]:
                pieces.append(text[at : token.start])
                calls.append(self.grouped.calls[words[place + 2].word])
                at = words[place + 2].end
        of_subject = " AND ".join(self.of_subject)
        return Totals(self.grouped.rows, (*pieces, text[at:]), tuple(calls), tuple(self.against), of_subject)


def _named_query(given: str) -> tuple[str, str] | None:
    """The one name of a WITH clause, and its query."""
    words = tokens(given)
    if len(words) < 6 or words[2].word != "as" or words[3].text != "(" or words[-1].text != ")":
        return None
    depth = 0
    for token in words[3:-1]:
        depth += (token.text == "(") - (token.text == ")")
        if not depth:
            return None
    return words[1].word, given[words[3].end : words[-1].start]


def _grouped(inner: str, schema: Schema) -> _Grouped | None:
    read = clauses(inner)
    if read is None or not {"select", "from", "group"} <= {*read} <= {"select", "from", "where", "group"}:
        return None
    rows = _rows(read["from"], read.get("where", ""), schema)
    if rows is None:
        return None
    side, alias = rows
    key = schema.subject_key_of(side.frame).lower()
    items = [_item(item, read["select"], alias) for item in listed(tokens(read["select"]))]
    grouped = unqualified(read["group"].strip()[2:].strip(), alias).lower().replace("`", "")
    calls = {name: text for name, text in items if text != key}
    if not key or grouped != key or (key, key) not in items or len(calls) != len(items) - 1:
        return None
    return _Grouped(side, key, calls)


def _rows(source: str, where: str, schema: Schema) -> tuple[JoinSide, str] | None:
    """What is asked of the rows that are added up, and the alias of their frame."""
    frame, alias = frame_and_alias(source)
    if frame:
        types = schema.types_of(frame)
        asked = tuple(unqualified(text, alias) for text in conjuncts(where)) if where else ()
        return (
            (JoinSide(frame, asked, ()), alias) if all(raises_nowhere(text, types, frame) for text in asked) else None
        )
    read = relations(source)
    if read is None:
        return None
    found = Reader(read[0], schema, once=True).joined("", [*read[1], *(conjuncts(where) if where else ())])
    if found is None or found.subject is not None:
        return None
    return found.rows, next(relation.alias for relation in read[0] if relation.frame == found.rows.frame)


def _item(item: Sequence[Token], select: str, alias: str) -> tuple[str, str]:
    """The name of a column of a SELECT, and what it is."""
    named = [token for token in item if token.word != "as"]
    if len(named) in {1, 3} and named[-1].text != ")":
        text = unqualified(select[item[0].start : item[-1].end], alias).lower().replace("`", "")
        return text, text
    return named[-1].word, unqualified(select[named[0].start : named[-2].end], alias)


def _number(expression: str, types: Mapping[str, str]) -> Numeric | None:
    """A number that can be worked out for every subject."""
    reader = ArithmeticReader(expression, tokens(expression), types, "")
    try:
        found = reader.sum()
    except NotIndexable:
        return None
    return found if reader.next() is None and not found.double else None
