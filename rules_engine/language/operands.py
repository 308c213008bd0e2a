"""
The operands of a bound condition: literals, constant expressions, and expressions of one column that cannot raise.

What is read here is only what is recognised: whatever else stands there makes the condition
:class:`~rules_engine.language.condition.Opaque`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from rules_engine.language.condition import (
    DATE,
    NUMBER,
    TEXT,
    TIMESTAMP,
    Constants,
    Expression,
    Opaque,
    Value,
    family,
    family_of,
)
from rules_engine.language.lexical import Kind, Token, tokens

OPERATORS = {"+", "-", "*", "/", "%", "||", "&", "^", "~", "["}
_UNITS = {"interval", "year", "years", "month", "months", "week", "weeks", "day", "days", "date", "timestamp", "div"}
KEYWORDS = frozenset(
    "and or not in is null like between true false case when then else end date timestamp interval as distinct escape "
    "year years month months week weeks day days hour hours minute minutes second seconds from both leading trailing "
    "for div".split()
)
"""Words in a condition that are no columns unless they are quoted."""
_NAMED_SO = frozenset(
    "date timestamp year years month months week weeks day days hour hours minute minutes second seconds".split()
)
"""Keywords that are columns where they stand as one: ``date > DATE'2024-01-01'``."""
_WHOLE = re.compile(r"([0-9]+)[LSY]?", re.IGNORECASE)
_EXACT = re.compile(r"([0-9.]+)(?:BD)?|([0-9.]+E[+-]?[0-9]+)BD", re.IGNORECASE)
_PLAIN = re.compile(r"[a-z0-9_.]+")
_FUNCTIONS: Mapping[str, tuple[frozenset[str], str]] = {
    **dict.fromkeys(
        "year month day dayofmonth dayofweek weekday quarter weekofyear dayofyear".split(),
        (frozenset({DATE, TIMESTAMP}), NUMBER),
    ),
    **dict.fromkeys("lower upper lcase ucase trim ltrim rtrim".split(), (frozenset({TEXT}), TEXT)),
    **dict.fromkeys("length char_length character_length".split(), (frozenset({TEXT}), NUMBER)),
}
"""Functions of one column that never raise: what they take, and what they make of it."""
_OR_ELSE = {"coalesce", "ifnull", "nvl"}
_DAYS_BETWEEN = {"datediff", "date_diff"}


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal, or an expression without a column, by its value."""

    value: Value


Operand = Expression | Constant


def names(sql: str) -> frozenset[str]:
    """Everything in a condition that could be a column, as :func:`parts` looks it up."""
    words = tokens(sql)
    found = set[str]()
    for place, token in enumerate(words):
        after = words[place + 1].text if place + 1 < len(words) else ""
        before = words[place - 1].text if place else ""
        if after in {"(", "."} or not _names_something(words, place):
            continue
        found.add(f"{words[place - 2].word}.{token.word}" if before == "." else token.word)
    return frozenset(found)


def _names_something(words: Sequence[Token], place: int) -> bool:
    token = words[place]
    if token.kind is not Kind.WORD:
        return token.kind is Kind.QUOTED
    if token.word in _NAMED_SO:
        return not _is_of_literal(words, place)
    return token.word not in KEYWORDS


def _is_of_literal(words: Sequence[Token], place: int) -> bool:
    """Whether a word such as DATE or DAY belongs to a literal, an interval or a type, and is no column."""
    after = words[place + 1] if place + 1 < len(words) else None
    before = words[place - 1] if place else None
    if before is not None and (before.kind in {Kind.NUMBER, Kind.TEXT} or before.word == "as"):
        return True
    return after is not None and (after.kind is Kind.TEXT or after.word == "from")


class OperandReader:
    """Reads tokens from left to right; ``at`` is the next one."""

    def __init__(self, sql: str, columns: Mapping[str, str], constants: Constants, frame: str) -> None:
        if "\\" in sql:
            raise Opaque("an escaped text")
        self.sql, self.columns, self.constants, self.frame = sql, columns, constants, frame.lower()
        self.tokens = tokens(sql)
        self.at = 0

    def operands(self) -> Iterator[tuple[Operand, int, int]]:
        while True:
            first = self.at
            yield self.operand(), first, self.at
            if not self.took(","):
                self.take(")")
                return

    def operand(self) -> Operand:
        first = self.at
        if (plain := self._literal()) is not None and self.text() not in OPERATORS and not self._is_word_operator():
            return plain
        self.at = first
        if self._skip_constant():
            if self.tokens[self.at - 1].text in OPERATORS:
                raise Opaque("arithmetic")
            return self._constant(self.sql[self.tokens[first].start : self.tokens[self.at - 1].end])
        self.at = first
        found = self._expression()
        if self.text() in OPERATORS or self._is_word_operator():
            raise Opaque("arithmetic")
        return found

    def _is_word_operator(self) -> bool:
        return self.word() in {"div", "collate", "at"}

    def is_number_in_brackets(self) -> bool:
        return [t.text for t in self.tokens[self.at : self.at + 2]] == ["(", "-"]

    def _literal(self) -> Constant | None:
        """A literal, the next token or two or four; None where something else is next."""
        if self.is_number_in_brackets():
            self.at += 1
            found = self._literal()
            return found if found is not None and self.took(")") else None
        sign = -1 if self.took("-") else 1
        token = self.next()
        if token is None:
            return None
        self.at += 1
        if token.kind is Kind.NUMBER:
            return Constant(_number(token.text, sign))
        return self._written(token) if sign > 0 else None

    def _written(self, token: Token) -> Constant | None:
        """A text, a truth value, or the day or moment that the next token is."""
        if token.kind is Kind.TEXT:
            return Constant(token.text[1:-1])
        following = self.next()
        if token.word in {"date", "timestamp"} and following is not None and following.kind is Kind.TEXT:
            self.at += 1
            return Constant(_moment(token.word, following.text[1:-1]))
        truth = token.kind is Kind.WORD and token.word in {"true", "false"}
        return Constant(token.word == "true") if truth else None

    def _skip_constant(self) -> bool:
        """Step over an expression that names no column; whether there was one."""
        depth, first = 0, self.at
        while (token := self.next()) is not None:
            if token.text == "(":
                depth += 1
            elif token.text == ")":
                depth -= 1
            elif depth == 0 and not self._goes_on(token):
                break
            if depth < 0:
                break
            if not self._is_constant(token):
                return False
            self.at += 1
        return self.at > first

    def _goes_on(self, token: Token) -> bool:
        """Whether a token outside brackets can still be of an arithmetic expression."""
        plain = token.kind in {Kind.NUMBER, Kind.TEXT} or token.text in OPERATORS
        return plain or self._is_unit(token) or self._is_called(self.at) or token.word in {"true", "false"}

    def _is_constant(self, token: Token) -> bool:
        if token.kind is Kind.WORD:
            return self._is_unit(token) or token.word in {"true", "false"} or self._is_called(self.at)
        return token.kind in {Kind.NUMBER, Kind.TEXT} or token.text in {*OPERATORS, "(", ")", ","}

    def _is_unit(self, token: Token) -> bool:
        known = token.kind is Kind.WORD and token.word in _UNITS
        return known and (token.word not in self.columns or _is_of_literal(self.tokens, self.at))

    def _is_called(self, at: int) -> bool:
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        return self.tokens[at].kind is Kind.WORD and following is not None and following.text == "("

    def _constant(self, sql: str) -> Constant:
        if sql not in self.constants.known:
            self.constants.wanted.add(sql)
            raise Opaque("a constant that is not known yet")
        value = self.constants.known[sql]
        if value is None:
            raise Opaque("a constant without a value")
        return Constant(value)

    def _expression(self) -> Expression:
        first = self.at
        name = self.word()
        if not self._is_called(self.at):
            return self._column()
        self.at += 2
        found = [operand for operand, _, _ in self.operands()]
        text = "".join(t.text if t.kind is Kind.TEXT else t.word for t in self.tokens[first : self.at])
        sql = self.sql[self.tokens[first].start : self.tokens[self.at - 1].end]
        return Expression(text, _family_of_call(name, found), sql)

    def _column(self) -> Expression:
        first, name = self.at, self._name()
        if self.took("."):
            name = f"{name}.{self._name()}" if name != self.frame else self._name()
        if self.text() == "." or not (kind := family(self.columns.get(name, ""))):
            raise Opaque("no column of a type that is compared here")
        normal = name if _PLAIN.fullmatch(name) else f"`{name}`"
        return Expression(normal, kind, self.sql[self.tokens[first].start : self.tokens[self.at - 1].end])

    def _name(self) -> str:
        token = self.next()
        if token is None or token.kind not in {Kind.WORD, Kind.QUOTED} or "." in token.text:
            raise Opaque("no column")
        self.at += 1
        return token.word

    def next(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def text(self) -> str:
        token = self.next()
        return token.text if token is not None else ""

    def word(self) -> str:
        token = self.next()
        return token.word if token is not None and token.kind is Kind.WORD else ""

    def took(self, word: str) -> bool:
        if word in {self.word(), self.text()}:
            self.at += 1
            return True
        return False

    def take(self, word: str) -> None:
        if not self.took(word):
            raise Opaque(f"{self.text()} for {word}")


def _family_of_call(name: str, found: list[Operand]) -> str:
    match found:
        case [Expression(family=of)] if name in _FUNCTIONS and of in _FUNCTIONS[name][0]:
            return _FUNCTIONS[name][1]
        case [Expression(family=of), Constant(value=value)] if name in _OR_ELSE and family_of(value) == of:
            return of
        case [Expression(family="date"), Constant(value=date())] if name in _DAYS_BETWEEN:
            return NUMBER
        case [Constant(value=date()), Expression(family="date")] if name in _DAYS_BETWEEN:
            return NUMBER
    raise Opaque(f"a call of {name}")


def _number(text: str, sign: int) -> Value:
    """An exact number; one with an exponent is a double, and so is what is compared with it."""
    minus = "-" if sign < 0 else ""
    if whole := _WHOLE.fullmatch(text):
        return int(f"{minus}{whole[1]}")
    if exact := _EXACT.fullmatch(text):
        return Decimal(f"{minus}{exact[1] or exact[2]}")
    raise Opaque("a literal of another kind")


def _moment(word: str, text: str) -> Value:
    try:
        if word == "date":
            return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as problem:
        raise Opaque("no date") from problem
