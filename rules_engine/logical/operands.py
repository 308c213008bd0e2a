"""
The operands of a bound condition: literals, constant expressions, and expressions of one column that cannot raise.

What is read here is only what is recognised: whatever else stands there makes the condition
:class:`~rules_engine.logical.condition.NotIndexable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from rules_engine.logical.arithmetic import ArithmeticReader, Numeric, number, of_literal, of_type
from rules_engine.logical.condition import DATE, NUMBER, TEXT, TIMESTAMP, Constants, Expression, family, family_of
from rules_engine.logical.values import NotIndexable, Value
from rules_engine.sql.tokens import Kind, Token, tokens

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


class OperandReader(ArithmeticReader):
    """Reads what is compared."""

    def __init__(self, sql: str, columns: Mapping[str, str], constants: Constants, frame: str) -> None:
        if "\\" in sql:
            raise NotIndexable("an escaped text")
        super().__init__(sql, tokens(sql), columns, frame)
        self.constants = constants

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
                return self._arithmetic(first)
            return self._constant(self.since(first))
        self.at = first
        found = self._expression()
        return self._arithmetic(first) if self.text() in OPERATORS or self._is_word_operator() else found

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
            return Constant(number(token.text, sign))
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
            raise NotIndexable("a constant that is not known yet")
        value = self.constants.known[sql]
        if value is None:
            raise NotIndexable("a constant without a value")
        return Constant(value)

    def _expression(self) -> Expression:
        first = self.at
        name = self.word()
        if not self._is_called(self.at):
            return self._column()
        self.at += 2
        found = [operand for operand, _, _ in self.operands()]
        return Expression(
            self._spelled(first), _family_of_call(name, found), self.since(first), _numeric_of_call(found)
        )

    def _column(self) -> Expression:
        first, name = self.at, self.column_name()
        if not (kind := family(self.columns.get(name, ""))):
            raise NotIndexable("no column of a type that is compared here")
        return Expression(_quoted(name), kind, self.since(first), of_type(self.columns[name]))

    def _arithmetic(self, first: int) -> Expression:
        self.at = first
        numeric = self.sum()
        if self.text() in OPERATORS or self._is_word_operator():
            raise NotIndexable("arithmetic")
        return Expression(self._spelled(first), NUMBER, self.since(first), numeric)

    def _spelled(self, first: int) -> str:
        """The text from a token on without spaces, in small letters but for texts; names that need quotes keep them."""
        return "".join(map(_normal, self.tokens[first : self.at]))


def _normal(token: Token) -> str:
    if token.kind is Kind.TEXT:
        return token.text
    return _quoted(token.word) if token.kind is Kind.QUOTED else token.word


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f"`{name}`"


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
    raise NotIndexable(f"a call of {name}")


def _numeric_of_call(found: Sequence[Operand]) -> Numeric | None:
    """Of the calls that are known only "or else" can give a decimal: one with room for both."""
    match found:
        case [Expression(numeric=Numeric() as left), Constant(value=value)] if right := of_literal(value):
            return left.wider(right)
    return None


def _moment(word: str, text: str) -> Value:
    try:
        if word == "date":
            return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as problem:
        raise NotIndexable("no date") from problem
