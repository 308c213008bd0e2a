"""
Arithmetic that cannot raise: sums, differences, products and quotients by a number other than zero, of doubles, and of
decimals that hold every result.

In ANSI mode a whole number that grows too large raises, and a decimal that needs more than 38 digits. Of decimals
Spark makes room for every result, as long as 38 digits are enough: a product has ``p1 + p2 + 1`` of them, a sum
``max(p1 - s1, p2 - s2) + max(s1, s2) + 1``, a quotient ``p1 - s1 + s2 + max(6, s1 + p2 + 1)`` (the rules of SQL:2011
as Hive took them). So what is found here to be exact or double never raises, on whatever row it is worked out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from rules_engine.logical.values import NotIndexable, Value
from rules_engine.sql.tokens import Kind, Token, tokens

MOST_DIGITS = 38
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 20}
"""Digits of the decimal that Spark makes of a whole number to calculate with it and a decimal."""


_WHOLE = re.compile(r"([0-9]+)[LSY]?", re.IGNORECASE)
_EXACT = re.compile(r"([0-9.]+)(?:BD)?|([0-9.]+E[+-]?[0-9]+)BD", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number as Spark types it: decimal digits in all and after the point; ``whole`` are no decimals yet."""

    precision: int = 0
    scale: int = 0
    whole: bool = False
    double: bool = False

    def plus(self, other: Numeric) -> Numeric:
        """The type of a sum or a difference."""
        scale = max(self.scale, other.scale)
        before = max(self.precision - self.scale, other.precision - other.scale)
        return self._with(other, before + scale + 1, scale)

    def times(self, other: Numeric) -> Numeric:
        """The type of a product."""
        return self._with(other, self.precision + other.precision + 1, self.scale + other.scale)

    def over(self, divisor: Value) -> Numeric:
        """
        The type of a quotient by a number that is not zero; of a decimal ``s1 + p2 + 1`` places, or six.

        Two whole numbers are divided as doubles.
        """
        other = of_literal(divisor)
        if other is None or not divisor:
            raise NotIndexable("a division by zero")
        if self.double or other.double or (self.whole and other.whole):
            return Numeric(double=True)
        digits = len(str(abs(divisor))) if isinstance(divisor, int) else other.precision
        scale = max(6, self.scale + digits + 1)
        return self._with(other, self.precision - self.scale + other.scale + scale, scale)

    def wider(self, other: Numeric) -> Numeric:
        """
        The type in which two numbers are compared, or one of them is taken.

        Raises:
            Opaque: If it has not room for all of both, so that a number that is too large for it raises.
        """
        if self.double or other.double or (self.whole and other.whole):
            return other if other.double else self
        scale = max(self.scale, other.scale)
        before = max(self.precision - self.scale, other.precision - other.scale)
        if before + scale > MOST_DIGITS:
            raise NotIndexable("a comparison that can overflow")
        return Numeric(before + scale, scale)

    def _with(self, other: Numeric, precision: int, scale: int) -> Numeric:
        if self.double or other.double:
            return Numeric(double=True)
        if (self.whole and other.whole) or precision > MOST_DIGITS:
            raise NotIndexable("arithmetic that can overflow")
        return Numeric(precision, scale)


def of_type(type_: str) -> Numeric | None:
    """What a column of a Spark SQL type is to arithmetic; None for other types."""
    if type_ == "double":
        return Numeric(double=True)
    if type_ in _DIGITS:
        return Numeric(_DIGITS[type_], whole=True)
    if type_.startswith("decimal("):
        precision, scale = (int(digits) for digits in type_[8:-1].split(","))
        return Numeric(precision, scale)
    return None


def compared(left: Numeric | None, right: Numeric | None) -> None:
    """
    Whether two numbers can be held against each other; of None nothing is known but that it is no decimal.

    Raises:
        Opaque: If that could raise.
    """
    if left is not None and right is not None:
        left.wider(right)


def of_literal(value: Value) -> Numeric | None:
    """What a number written out is; a whole one is given the digits of its type, which are not too few. Else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        digits = 10 if abs(value) < 2**31 else 20
        return Numeric(max(digits, len(str(abs(value)))), whole=abs(value) < 2**63)
    if isinstance(value, Decimal):
        written, exponent = value.as_tuple().digits, value.as_tuple().exponent
        scale = max(0, -int(exponent))
        return Numeric(max(len(written) + max(0, int(exponent)), scale), scale)
    return Numeric(double=True) if isinstance(value, float) else None


def number(text: str, sign: int = 1) -> Value:
    """An exact number; one with an exponent is a double, and so is what is compared with it."""
    minus = "-" if sign < 0 else ""
    if whole := _WHOLE.fullmatch(text):
        return int(f"{minus}{whole[1]}")
    if exact := _EXACT.fullmatch(text):
        return Decimal(f"{minus}{exact[1] or exact[2]}")
    raise NotIndexable("a literal of another kind")


class Cursor:
    """Steps over a condition's tokens from left to right; ``at`` is the next one."""

    def __init__(self, sql: str, tokens: Sequence[Token], columns: Mapping[str, str], frame: str) -> None:
        self.sql, self.tokens, self.columns, self.frame = sql, tokens, columns, frame.lower()
        self.at = 0

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
            raise NotIndexable(f"{self.text()} for {word}")

    def since(self, first: int) -> str:
        """The text from a token to the one before the next."""
        return self.sql[self.tokens[first].start : self.tokens[self.at - 1].end]

    def column_name(self) -> str:
        """A column's name, without its frame's before it."""
        name = self._name()
        if self.took("."):
            name = f"{name}.{self._name()}" if name != self.frame else self._name()
        if self.text() == ".":
            raise NotIndexable("no column of a type that is compared here")
        return name

    def _name(self) -> str:
        token = self.next()
        if token is None or token.kind not in {Kind.WORD, Kind.QUOTED} or "." in token.text:
            raise NotIndexable("no column")
        self.at += 1
        return token.word


class ArithmeticReader(Cursor):
    """Reads sums of products of columns and numbers, divided by numbers; brackets and calls are not looked into."""

    def sum(self) -> Numeric:
        """
        Step over a sum.

        Raises:
            Opaque: If it could raise on some row, or is not recognised.
        """
        found = self._product()
        while self.text() in {"+", "-"}:
            self.at += 1
            found = found.plus(self._product())
        return found

    def _product(self) -> Numeric:
        found = self._factor()
        while self.text() in {"*", "/"}:
            self.at += 1
            found = found.over(self._divisor()) if self.tokens[self.at - 1].text == "/" else found.times(self._factor())
        return found

    def _divisor(self) -> Value:
        token = self.next()
        if token is None or token.kind is not Kind.NUMBER:
            raise NotIndexable("a division by what may be zero")
        self.at += 1
        return number(token.text)

    def _factor(self) -> Numeric:
        token = self.next()
        if token is not None and token.kind is Kind.NUMBER:
            self.at += 1
            found = of_literal(number(token.text))
        elif token is not None and token.kind in {Kind.WORD, Kind.QUOTED}:
            known = of_type(self.columns.get(self.column_name(), ""))
            found = known if self.text() != "(" else None
        else:
            found = None
        if found is None:
            raise NotIndexable("arithmetic")
        return found


class Against(NamedTuple):
    """A call of an aggregate function, held against a number of the subject's own row that cannot raise."""

    call: str
    sign: str
    expression: str
    number: Numeric


def exact_number(expression: str, types: Mapping[str, str]) -> Numeric | None:
    """A number that can be worked out exactly for every row; None for any other."""
    reader = ArithmeticReader(expression, tokens(expression), types, "")
    try:
        found = reader.sum()
    except NotIndexable:
        return None
    return found if reader.next() is None and not found.double else None
