"""
Conditions that raise of no row: what arithmetic, COALESCE, NULLIF and calls of days make of typed values.

A whole number raises where its type has no room for it, a decimal where 38 digits have not (:mod:`arithmetic` has the
rules), a division where the divisor is 0. Counts are bounded: no lake has ten to the fifteenth rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.arithmetic import MOST_DIGITS, Numeric, number, of_literal, of_type
from rules_engine.logical.comparisons import COMPARE, tables
from rules_engine.logical.condition import BOOLEAN, DATE, NUMBER, TEXT, TIMESTAMP, day_in_text, family
from rules_engine.logical.join_sides import is_written_day
from rules_engine.logical.query_tree import QueryTree, is_stand_in
from rules_engine.logical.values import NotIndexable

COUNT = "count"
"""In place of a type: of a number of rows."""
_DIGITS_OF_INT = 10
_COUNTED, _INT, _BIGINT, _PLACES = 15, 9, 18, 6
"""Digits: of a count, that each whole type has room for, and that Spark keeps after the point of any quotient."""
_FEW = 5
"""Digits of the days that are added to a day."""
_DATES, _ANY_TEXT = {DATE, TIMESTAMP}, {TEXT}
_CALLS: Mapping[str, tuple[tuple[set[str], ...], str, int]] = {
    **dict.fromkeys(("datediff", "date_diff"), ((_DATES, _DATES), "int", 8)),
    **dict.fromkeys(("year", "quarter", "month", "day", "dayofmonth"), ((_DATES,), "int", 7)),
    **dict.fromkeys(("date_add", "date_sub"), ((_DATES, {NUMBER}), "date", 0)),
    **dict.fromkeys(("lower", "upper", "trim"), ((_ANY_TEXT,), "string", 0)),
    "date_trunc": ((_ANY_TEXT, _DATES), "timestamp", 0),
    "trunc": ((_DATES, _ANY_TEXT), "date", 0),
}
"""Calls that never raise: of what, of which type, and of how many digits at most."""
_INTERVAL = "interval"
_OF_DAYS = re.compile(r"interval\s*'?\d{1,5}'?\s*(day|week)s?", re.IGNORECASE)


class _Value(NamedTuple):
    """A value's family; of a number its type, and how many digits it has at most."""

    family: str
    type: Numeric | None = None
    digits: int = 0


@dataclass(frozen=True)
class TotalReader:
    """Tells of conditions whether they raise; ``type_of`` is the type of a column, aggregate or window, or COUNT."""

    tree: QueryTree
    type_of: Callable[[exp.Expr], str]

    def is_total(self, condition: exp.Expr) -> bool:
        """Whether it raises of no row; False where that is not told."""
        try:
            self._check(condition)
        except NotIndexable:
            return False
        return True

    def type_made(self, value: exp.Expr) -> str:
        """Spark's type of a value that raises of no row; empty where that is not told."""
        try:
            found = self._value(value)
        except NotIndexable:
            return BOOLEAN if self.is_total(value) else ""
        if found.type is None:
            return "string" if found.family == TEXT else found.family
        if found.type.whole:
            return "bigint" if found.type.precision > _DIGITS_OF_INT else "int"
        return "double" if found.type.double else f"decimal({found.type.precision},{found.type.scale})"

    def _check(self, node: exp.Expr) -> None:
        bare = node.unnest()
        if isinstance(bare, exp.And | exp.Or):
            for side in (bare.left, bare.right):
                self._check(side)
        elif isinstance(bare, exp.Not) or (isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Boolean)):
            self._check(bare.this)
        elif isinstance(bare, exp.Column | exp.Placeholder | exp.Window):
            if self._value(bare).family != BOOLEAN:
                raise NotIndexable("a value that is cast to a truth")
        elif not isinstance(bare, exp.Is) or not isinstance(bare.expression, exp.Null):
            for one, other in _compared(bare):
                values = [self._value(one), self._value(other)]
                if DATE not in {of.family for of in values} or not any(map(self._says_a_day, (one, other))):
                    _held(*values)
        else:
            self._value(bare.this)

    def _says_a_day(self, node: exp.Expr) -> bool:
        """Whether it is a text that Spark casts to a day where it is held against one."""
        text = self.tree.text(node.unnest()) or ""
        return text[:1] == text[-1:] == "'" and day_in_text(text[1:-1]) is not None

    def _value(self, node: exp.Expr) -> _Value:
        bare = node.unnest()
        if not tables(bare) and (text := self.tree.text(bare)) and is_written_day(text):
            return _Value(DATE)
        match bare:
            case exp.Column() if is_stand_in(bare) and not bare.table:
                found = _written(self.tree.text(bare) or "")
            case exp.Column() | exp.Placeholder() | exp.Window():
                found = _typed(self.type_of(bare))
            case exp.Literal(is_string=False):
                found = _literal(bare.name)
            case exp.Neg() | exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
                found = self._worked_out(bare)
            case exp.Coalesce():
                found = reduce(_either, map(self._value, (bare.this, *bare.expressions)))
            case exp.Case() if bare.this is None:
                found = self._chosen(bare)
            case exp.Anonymous():
                found = self._called(self.tree.called(bare), bare.expressions)
            case _:
                raise NotIndexable("another value")
        return found

    def _worked_out(self, node: exp.Expr) -> _Value:
        if isinstance(node, exp.Neg):
            return _sum(self._value(node.this), _literal("0"))
        left, right = node.this, node.expression
        if isinstance(node, exp.Add | exp.Sub) and self._value(right).family == _INTERVAL:
            if self._value(left).family not in _DATES:
                raise NotIndexable("arithmetic of what is no day")
            return self._value(left)
        if isinstance(node, exp.Div):
            return _quotient(self._value(left), self._value(self._divisor(right.unnest())))
        return (_product if isinstance(node, exp.Mul) else _sum)(self._value(left), self._value(right))

    def _chosen(self, node: exp.Case) -> _Value:
        """A value of CASE, each WHEN of which raises of no row."""
        for each in node.args["ifs"]:
            self._check(each.this)
        values = [*(each.args["true"] for each in node.args["ifs"]), node.args.get("default")]
        told = [each for each in values if each is not None and not isinstance(each, exp.Null)]
        return reduce(_either, map(self._value, told))

    def _called(self, name: str, arguments: list[exp.Expr]) -> _Value:
        values = [self._value(each) for each in arguments]
        if name == "nullif" and len(values) == 2:
            _held(*values)
            return values[0]
        of, made, digits = _CALLS.get(name, ((), "", 0))
        known = len(of) == len(values) and all(value.family in some for value, some in zip(values, of, strict=True))
        far = any(value.type is not None and not (value.type.whole and value.digits <= _FEW) for value in values)
        if not known or far:
            raise NotIndexable("another call")
        found = _typed(made)
        return found._replace(digits=digits) if digits else found

    def _divisor(self, node: exp.Expr) -> exp.Expr:
        """What a number is divided by, that is not 0: ``nullif(x, 0)``, or a number that is written out."""
        if isinstance(node, exp.Literal) and not node.is_string and float(node.name):
            return node
        called = self.tree.called(node) == "nullif" and len(node.expressions) == 2
        zero = node.expressions[1].unnest() if called else None
        if not isinstance(zero, exp.Literal) or zero.is_string or float(zero.name):
            raise NotIndexable("a division by what may be 0")
        return node


def _compared(node: exp.Expr) -> list[tuple[exp.Expr, exp.Expr]]:
    """The values that a condition holds against each other."""
    if isinstance(node, exp.Between):
        return [(node.this, node.args[name]) for name in ("low", "high")]
    if isinstance(node, exp.In) and node.expressions:
        return [(node.this, each) for each in node.expressions]
    if type(node) in COMPARE or isinstance(node, exp.NullSafeEQ):
        return [(node.this, node.expression)]
    raise NotIndexable("another condition")


def _typed(type_: str) -> _Value:
    if type_ == COUNT:
        return _Value(NUMBER, of_type("bigint"), _COUNTED)
    known, kind = of_type(type_), family(type_)
    if not kind or (kind == NUMBER and known is None):
        raise NotIndexable("a type that is not told")
    return _Value(kind, known, known.precision if known else 0)


def _literal(text: str) -> _Value:
    value = number(text)
    known = of_literal(value)
    if known is None:
        raise NotIndexable("a literal of another kind")
    return _Value(NUMBER, known, len(str(value)) if known.whole else known.precision)


def _written(text: str) -> _Value:
    """A text, a day, or a number with an exponent or a suffix."""
    word = text[:5].lower()
    if _OF_DAYS.fullmatch(text):
        return _Value(_INTERVAL)
    return _Value(TEXT) if text[:1] == "'" else _Value(DATE) if word in {"date'", "date "} else _literal(text)


def _numbers(one: _Value, other: _Value) -> tuple[Numeric, Numeric]:
    if one.type is None or other.type is None:
        raise NotIndexable("arithmetic of what is no number")
    return one.type, other.type


def _held(one: _Value, other: _Value) -> None:
    """Refuse two values whose comparison casts one of them, or has no room for both."""
    if one.type and other.type:
        one.type.wider(other.type)
    elif one.family != other.family or one.type or other.type:
        raise NotIndexable("a comparison that casts")


def _either(one: _Value, other: _Value) -> _Value:
    _held(one, other)
    if one.type is None or other.type is None:
        return one
    wider = max(one.type, other.type, key=lambda of: of.precision) if one.type.whole and other.type.whole else None
    return _Value(one.family, wider or one.type.wider(other.type), max(one.digits, other.digits))


def _sum(one: _Value, other: _Value) -> _Value:
    left, right = _numbers(one, other)
    if left.whole and right.whole:
        return _whole(left, right, max(one.digits, other.digits) + 1)
    found = left.plus(right)
    return _Value(NUMBER, found, found.precision)


def _product(one: _Value, other: _Value) -> _Value:
    left, right = _numbers(one, other)
    if left.whole and right.whole:
        return _whole(left, right, one.digits + other.digits)
    found = left.times(right)
    return _Value(NUMBER, found, found.precision)


def _whole(left: Numeric, right: Numeric, digits: int) -> _Value:
    """What two whole numbers come to, in the wider of their types."""
    found = max(left, right, key=lambda of: of.precision)
    if digits > (_BIGINT if found.precision > _DIGITS_OF_INT else _INT):
        raise NotIndexable("arithmetic that can overflow")
    return _Value(NUMBER, found, digits)


def _quotient(one: _Value, other: _Value) -> _Value:
    """Of decimals Spark keeps the digits before the point, and as many after it as there is room for."""
    left, right = _numbers(one, other)
    if left.double or right.double or (left.whole and right.whole):
        return _Value(NUMBER, Numeric(double=True))
    before, places = left.precision - left.scale + right.scale, max(_PLACES, left.scale + right.precision + 1)
    if before + _PLACES > MOST_DIGITS:
        raise NotIndexable("a quotient that can overflow")
    scale = min(places, MOST_DIGITS - before)
    return _Value(NUMBER, Numeric(before + scale, scale), before + scale)
