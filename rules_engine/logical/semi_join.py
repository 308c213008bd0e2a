"""
Questions over frames that are joined by their keys, taken apart: which condition asks what of which frame.

``SELECT h.key FROM rows h JOIN subjects s ON s.key = h.key JOIN kinds k ON k.kind = h.kind WHERE …`` is true of a
subject that meets the conditions on ``s`` and has a row that meets those on ``h``, and whose kind is among those of
the rows that meet the conditions on ``k``. Whatever is of another shape is left as it is. The gates have accepted the
text before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules_engine.logical.condition import Constants, family
from rules_engine.logical.condition_reader import parts
from rules_engine.logical.operands import names
from rules_engine.logical.select_query import conjuncts, select_query, unqualified
from rules_engine.logical.values import NotIndexable
from rules_engine.model.frames import Schema
from rules_engine.sql.lexer import Kind, Token, tokens

WHOLE = {"tinyint", "smallint", "int", "bigint"}


class DimensionInList(NamedTuple):
    """The values of a column of a frame, in the rows that meet a condition (empty: in all)."""

    frame: str
    column: str
    where: str
    once: bool = False
    """Whether each value must be in one such row, so that what is joined with them is counted once."""


Values = Mapping[DimensionInList, Sequence[str] | None]
"""Their literals as SQL; None where they are too many, or no plain literals."""


@dataclass(frozen=True, slots=True)
class JoinSide:
    """What is asked of one row of a frame: conditions, and columns whose values are among others."""

    frame: str
    where: tuple[str, ...]
    among: tuple[tuple[str, DimensionInList], ...]

    def condition(self, values: Values) -> str | None:
        """It as SQL, empty where nothing is asked; None where values are not known."""
        found = list(self.where)
        for column, among in self.among:
            if (literals := values.get(among)) is None:
                return None
            nothing = f"`{column}` IS NULL AND `{column}` IS NOT NULL"
            found.append(f"`{column}` IN ({', '.join(literals)})" if literals else nothing)
        return " AND ".join(found)


@dataclass(frozen=True, slots=True)
class Joined:
    """What is asked of a row of one frame and, unless that is None, of the subject's own row."""

    rows: JoinSide
    subject: JoinSide | None


class Relation(NamedTuple):
    """A frame of a FROM, and the name it goes by."""

    frame: str
    alias: str


def semi_join(sql: str, schema: Schema) -> Joined | None:
    """
    A statement over joined frames, one of which has rows of subjects.

    None for any other shape, and where a condition could raise on a row that the join leaves out.
    """
    found = select_query(sql)
    if found is None or found.grouped or found.given:
        return None
    read = relations(found.source)
    if read is None or len(read[0]) < 2:
        return None
    return Reader(read[0], schema).joined(found.key, [*read[1], *conjuncts(found.where)])


class Reader:
    """One statement's relations, by their aliases, and what is said of them."""

    def __init__(self, relations: Sequence[Relation], schema: Schema, *, once: bool = False) -> None:
        self.schema, self.once = schema, once
        self.frames = {relation.alias: relation.frame for relation in relations}
        self.said: dict[str, list[str]] = {alias: [] for alias in self.frames}
        self.ties: list[tuple[tuple[str, str], tuple[str, str]]] = []

    def joined(self, key: str, conditions: Sequence[str]) -> Joined | None:
        """What is asked of each, where that is all that is said; ``key`` may be empty where it is known to be right."""
        known = all(self.schema.columns_of(frame) is not None for frame in self.frames.values())
        rows, subject = self._of_subjects(key) if known and all(map(self._takes, conditions)) else ("", "")
        among = self._among(rows, subject) if rows else None
        if among is None:
            return None
        sides = [JoinSide(self.frames[of], tuple(self.said[of]), tuple(among[of])) for of in (rows, subject) if of]
        return Joined(sides[0], sides[1] if subject else None) if all(map(self._safe, sides)) else None

    def _of_subjects(self, key: str) -> tuple[str, str]:
        """The relation whose rows are asked, and that of the subject's own row beside it; empty for none."""
        keys = {alias: self.schema.subject_key_of(frame).lower() for alias, frame in self.frames.items()}
        own = [alias for alias, of in keys.items() if of and self.frames[alias] == self.schema.subject.lower()]
        others = [alias for alias, of in keys.items() if of and alias not in own]
        named = {f"{alias}.{of}" for alias, of in keys.items() if of}
        if len(own) > 1 or len(others) > 1 or not named or (key and key.lower().replace("`", "") not in named):
            return "", ""
        if not (own and others):
            return (others or own)[0], ""
        rows, subject = others[0], own[0]
        return (rows, subject) if self._tied((rows, keys[rows]), (subject, keys[subject])) else ("", "")

    def _takes(self, condition: str) -> bool:
        """Note a condition on one relation, or an equality of two."""
        mentioned = {name.rpartition(".")[0] for name in names(condition)}
        if not mentioned or not mentioned <= {*self.frames}:
            return False
        if len(mentioned) == 1:
            (alias,) = mentioned
            self.said[alias].append(unqualified(condition, alias))
            return True
        match [token.word for token in tokens(condition)]:
            case [left, ".", column, "=", right, ".", other]:
                self.ties.append(((left, column), (right, other)))
                return True
        return False

    def _tied(self, left: tuple[str, str], right: tuple[str, str]) -> bool:
        """Whether two columns are held equal; if so it is done with."""
        for tie in ((left, right), (right, left)):
            if tie in self.ties:
                self.ties.remove(tie)
                return True
        return False

    def _among(self, rows: str, subject: str) -> dict[str, list[tuple[str, DimensionInList]]] | None:
        """What columns of rows or of the subject are held equal to; None unless each other relation is tied once."""
        found: dict[str, list[tuple[str, DimensionInList]]] = {rows: [], subject: []}
        left = {*self.frames} - {rows, subject}
        for one, other in self.ties:
            (of, column), (alias, key) = (one, other) if other[0] in left else (other, one)
            if of not in found or alias not in left or not self._same_type((of, column), (alias, key)):
                return None
            left.remove(alias)
            among = DimensionInList(self.frames[alias], key, " AND ".join(self.said[alias]), self.once)
            if not self._safe(JoinSide(among.frame, tuple(self.said[alias]), ())):
                return None
            found[of].append((column, among))
        return None if left else found

    def _same_type(self, *columns: tuple[str, str]) -> bool:
        types = {self.schema.types_of(self.frames[alias]).get(column, "") for alias, column in columns}
        return types == {"string"} or (bool(types) and types <= WHOLE)

    def _safe(self, side: JoinSide) -> bool:
        """Whether its conditions raise on no row, so that they can be asked of rows that the join leaves out."""
        return all(raises_nowhere(text, self.schema.types_of(side.frame), side.frame) for text in side.where)


def raises_nowhere(condition: str, types: Mapping[str, str], frame: str) -> bool:
    """Whether a condition on a frame's columns, with their types, can be asked of any row."""
    if not all(family(types.get(name, "")) for name in names(condition)):
        return False
    try:
        return bool(parts(condition, types, Constants({}, set()), frame))
    except NotIndexable:
        return False


def relations(source: str) -> tuple[list[Relation], list[str]] | None:
    """The frames of inner joins and the conditions after ON; None for any other FROM."""
    words = tokens(source)
    relations: list[Relation] = []
    conditions: list[str] = []
    for first, after in _joins(words):
        piece = words[first:after]
        on = next((at for at, token in enumerate(piece) if token.word == "on"), len(piece))
        named = [token for token in piece[:on] if token.word != "as"]
        if not 1 <= len(named) <= 2 or any(token.kind not in {Kind.WORD, Kind.QUOTED} for token in named):
            return None
        if bool(relations) != (on < len(piece)):
            return None
        relations.append(Relation(named[0].word, named[-1].word))
        if on < len(piece):
            conditions += conjuncts(source[piece[on].end : piece[-1].end])
    distinct = {relation.alias for relation in relations}
    return (relations, conditions) if len(distinct) == len(relations) else None


def _joins(words: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """From where to where the relations go, each with its ON; nothing else is between them but ``[INNER] JOIN``."""
    first = 0
    for place, token in enumerate(words):
        if token.kind is Kind.WORD and token.word == "join":
            yield first, place - (words[place - 1].word == "inner")
            first = place + 1
    yield first, len(words)
