"""
Conditions that raise of no row: what arithmetic, COALESCE, NULLIF and calls of days make of typed values.

A whole number raises where its type has no room for it, a decimal where 38 digits have not (:mod:`arithmetic` has the
rules), a division where the divisor is 0. Counts are bounded: no lake has ten to the fifteenth rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from sqlglot import exp

from rules_engine.logical.comparisons import COMPARE, tables
from rules_engine.logical.condition import BOOLEAN, DATE, NUMBER, TEXT, TIMESTAMP, day_in_text
from rules_engine.logical.plain_calls import OF_UNITS
from rules_engine.logical.query_tree import QueryTree, is_stand_in
from rules_engine.logical.rewrites import decimal
from rules_engine.logical.typed_values import (
    DIGITS_OF_INT,
    INT_DIGITS,
    INTERVAL,
    MONTHS,
    SOME,
    TypedValue,
    cast_to,
    either,
    held,
    is_written_day,
    literal,
    made_of,
    opposite_of,
    product,
    quotient,
    sum_of,
    typed,
    written,
)
from rules_engine.logical.values import NotIndexable

_FEW, _YEAR, _DAYS = 5, 7, 8
"""Digits of the days that are added to a day, of a year, and of the days between days."""
_PARTS = {"year", "quarter", "month", "day"}
"""What EXTRACT takes of a day."""
_DATES, _ANY_TEXT = {DATE, TIMESTAMP}, {TEXT}
_CALLS: Mapping[str, tuple[tuple[set[str], ...], str, int]] = {
    **dict.fromkeys(("datediff", "date_diff"), ((_DATES, _DATES), "int", 8)),
    **dict.fromkeys(("year", "quarter", "month", "day", "dayofmonth"), ((_DATES,), "int", 7)),
    **dict.fromkeys(("date_add", "date_sub"), ((_DATES, {NUMBER}), "date", 0)),
    **dict.fromkeys(("lower", "upper", "trim", "ltrim", "rtrim", "reverse"), ((_ANY_TEXT,), "string", 0)),
    **dict.fromkeys(("left", "right"), ((_ANY_TEXT, {NUMBER}), "string", 0)),
    **dict.fromkeys(("substring", "substr"), ((_ANY_TEXT, {NUMBER}, {NUMBER}), "string", 0)),
    **dict.fromkeys(("replace", "translate"), ((_ANY_TEXT, _ANY_TEXT, _ANY_TEXT), "string", 0)),
    **dict.fromkeys(("startswith", "endswith", "contains"), ((_ANY_TEXT, _ANY_TEXT), "boolean", 0)),
    **dict.fromkeys(("instr", "locate"), ((_ANY_TEXT, _ANY_TEXT), "int", 9)),
    "date_trunc": ((_ANY_TEXT, _DATES), "timestamp", 0),
    "trunc": ((_DATES, _ANY_TEXT), "date", 0),
    "date_format": ((_DATES, _ANY_TEXT), "string", 0),
    "months_between": ((_DATES, _DATES), "double", 0),
    "add_months": ((_DATES, {NUMBER}), "date", 0),
    "last_day": ((_DATES,), "date", 0),
    **dict.fromkeys(("dayofweek", "weekday", "dayofyear", "weekofyear"), ((_DATES,), "int", 3)),
    **dict.fromkeys(("length", "char_length", "character_length"), ((_ANY_TEXT,), "int", 9)),
}
"""Calls that never raise: of what, of which type, and of how many digits at most."""


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
            return "bigint" if found.type.precision > DIGITS_OF_INT else "int"
        return "double" if found.type.double else f"decimal({found.type.precision},{found.type.scale})"

    def _check(self, node: exp.Expr) -> None:
        bare = node.unnest()
        if isinstance(bare, exp.And | exp.Or):
            for side in (bare.left, bare.right):
                self._check(side)
        elif isinstance(bare, exp.Not) or (isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Boolean)):
            self._check(bare.this)
        elif isinstance(bare, exp.Column | exp.Placeholder | exp.Window | exp.Anonymous | exp.Coalesce | exp.Case):
            if self._value(bare).family != BOOLEAN:
                raise NotIndexable("a value that is cast to a truth")
        elif isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null):
            self._value(bare.this)
        else:
            self._check_compared(bare)

    def _check_compared(self, node: exp.Expr) -> None:
        if isinstance(node, exp.RegexpLike) and not (self.tree.text(node.expression) or "").startswith("'"):
            raise NotIndexable("an expression that is not written out")
        for one, other in _compared(node):
            values = [self._value(one), self._value(other)]
            if DATE not in {of.family for of in values} or not any(map(self._says_a_day, (one, other))):
                held(*values)

    def _says_a_day(self, node: exp.Expr) -> bool:
        """Whether it is a text that Spark casts to a day where it is held against one."""
        text = self.tree.text(node.unnest()) or ""
        return text[:1] == text[-1:] == "'" and day_in_text(text[1:-1]) is not None

    def _value(self, node: exp.Expr) -> TypedValue:
        bare = node.unnest()
        if not tables(bare) and (text := self.tree.text(bare)) and is_written_day(text):
            return TypedValue(DATE)
        match bare:
            case exp.Column() if is_stand_in(bare) and not bare.table:
                found = written(self.tree.text(bare) or "")
            case exp.Column() | exp.Placeholder() | exp.Window() | exp.AggFunc():
                found = typed(self.type_of(bare))
            case exp.Literal(is_string=False):
                found = literal(bare.name)
            case exp.Neg() | exp.Add() | exp.Sub() | exp.Mul() | exp.Div() | exp.Mod():
                found = self._worked_out(bare)
            case exp.Boolean():
                found = TypedValue(BOOLEAN)
            case exp.Predicate() | exp.And() | exp.Or() | exp.Not():
                self._check(bare)
                found = TypedValue(BOOLEAN)
            case _:
                found = self._made(bare)
        return found

    def _made(self, node: exp.Expr) -> TypedValue:
        """What a cast, a choice or a call makes of values."""
        match node:
            case exp.TryCast():
                return cast_to(self._value(node.this), node.args["to"].sql("spark").lower().replace(" ", ""))
            case exp.Coalesce():
                return reduce(either, map(self._value, (node.this, *node.expressions)))
            case exp.Case() if node.this is None:
                return self._chosen(node)
            case exp.Extract():
                told = node.this.name.lower() in _PARTS and self._value(node.expression).family in _DATES
                return typed("int" if told else "")._replace(digits=_YEAR)
            case exp.Anonymous():
                return self._called(self.tree.called(node), node.expressions)
        raise NotIndexable("another value")

    def _worked_out(self, node: exp.Expr) -> TypedValue:
        if isinstance(node, exp.Mod):
            return self._rest(node)
        if isinstance(node, exp.Neg):
            return opposite_of(self._value(node.this))
        left, right = node.this, node.expression
        if isinstance(node, exp.Add | exp.Sub) and self._value(right).family in {INTERVAL, MONTHS}:
            if self._value(left).family not in _DATES:
                raise NotIndexable("arithmetic of what is no day")
            return self._value(left)
        if isinstance(node, exp.Sub) and [self._value(end).family for end in (left, right)] == [DATE, DATE]:
            return TypedValue(INTERVAL)
        if isinstance(node, exp.Div):
            return quotient(self._value(left), self._value(self._divisor(right.unnest())))
        return (product if isinstance(node, exp.Mul) else sum_of)(self._value(left), self._value(right))

    def _rest(self, node: exp.Mod) -> TypedValue:
        """What is left of a whole number that is divided by one that is written out."""
        value, by = self._value(node.this), decimal(node.expression.unnest())
        if value.type is None or not value.type.whole or not by or by != int(by) or by >= 10**INT_DIGITS:
            raise NotIndexable("the rest of another division")
        return value

    def _chosen(self, node: exp.Case) -> TypedValue:
        """A value of CASE, each WHEN of which raises of no row."""
        for each in node.args["ifs"]:
            self._check(each.this)
        values = [*(each.args["true"] for each in node.args["ifs"]), node.args.get("default")]
        told = [each for each in values if each is not None and not isinstance(each, exp.Null)]
        if not told:
            raise NotIndexable("a CASE without a value")
        return reduce(either, map(self._value, told))

    def _called(self, name: str, arguments: list[exp.Expr]) -> TypedValue:
        if name in OF_UNITS and arguments and isinstance(arguments[0], exp.Var):
            ends = {self._value(each).family for each in arguments[1:]}
            return typed("bigint" if ends <= _DATES else "")._replace(digits=_DAYS)
        values = [self._value(each) for each in arguments]
        places = decimal(arguments[1]) if name == "round" and arguments[1:] else Decimal(0)
        if (told := made_of(name, values, places)) is not None:
            return told
        of, made, digits = _CALLS.get(name, ((), "", 0))
        known = len(of) == len(values) and all(value.family in some for value, some in zip(values, of, strict=True))
        far = any(value.type is not None and not (value.type.whole and value.digits <= _FEW) for value in values)
        if not known or far:
            raise NotIndexable("another call")
        found = typed(made)
        return found._replace(digits=digits) if digits else found

    def _divisor(self, node: exp.Expr) -> exp.Expr:
        """What a number is divided by, that is not 0: ``nullif(x, 0)``, or a number that is written out."""
        if isinstance(node, exp.Literal) and not node.is_string and float(node.name):
            return node
        if isinstance(node, exp.Placeholder) and self.type_of(node) == SOME:
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
    if type(node) in COMPARE or isinstance(node, exp.NullSafeEQ | exp.RegexpLike):
        return [(node.this, node.expression)]
    raise NotIndexable("another condition")
