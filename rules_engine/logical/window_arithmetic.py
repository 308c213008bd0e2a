"""Comparisons of what is made of a row's columns and windows: exact in 64 bits, and no row makes them raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, localcontext
from typing import NamedTuple

from sqlglot import exp

from rules_engine.logical.arithmetic import Numeric, number, of_literal, of_type
from rules_engine.logical.comparisons import SIGNS
from rules_engine.logical.values import NotIndexable
from rules_engine.logical.window_query import Comparison, Days, Sum, Term, Window, type_of

FAR = 2**62
"""No sum is as far from zero."""

_EXACT = Context(prec=200, traps=[Inexact])
"""Numbers of 38 digits are added and multiplied without losing any."""


class _Typed(NamedTuple):
    """A sum, and the type that Spark gives it."""

    of: Sum
    type: Numeric


@dataclass(frozen=True)
class ComparisonReader:
    """Reads comparisons between what is made of columns, whose Spark types are given, and of what ``value`` finds."""

    types: Mapping[str, str]
    value: Callable[[exp.Expr], Window | Days | str | None]
    """A window, or the name of a column."""

    def comparison(self, node: exp.Expr) -> Comparison | None:
        """What a node says; None for what is none, and for a window held against a number: that is looked up."""
        sign = SIGNS.get(type(node))
        if sign is None or not isinstance(node, exp.Binary):
            return None
        try:
            with localcontext(_EXACT):
                return self._same_type(node, sign) or self._numbers(node, sign)
        except (NotIndexable, Inexact):
            return None

    def _same_type(self, node: exp.Binary, sign: str) -> Comparison | None:
        """Two values of one type, a number or not, held against each other as they are."""
        left, right = (self.value(side.unnest()) for side in (node.left, node.right))
        if left is None or right is None:
            return None
        types = {type_of(side, self.types) for side in (left, right)}
        if len(types) != 1 or types == {""}:  # a window that workers do not work out has none
            return None
        sides = (Sum((Term(each, 0, Decimal(1)),), Decimal(0)) for each in (left, right))
        return Comparison(next(sides), sign, next(sides), 0)

    def _numbers(self, node: exp.Binary, sign: str) -> Comparison | None:
        left, right = self._sum(node.left), self._sum(node.right)
        if any(_is_looked_up(one.of, other.of) for one, other in ((left, right), (right, left))):
            return None
        left.type.wider(right.type)
        found = Comparison(left.of, sign, right.of, max(left.type.scale, right.type.scale))
        return found if all(self._fits(side, found.places) for side in (left.of, right.of)) else None

    def _sum(self, node: exp.Expr) -> _Typed:
        """
        A node as a sum.

        Raises:
            NotIndexable: If it is none, is not exact, or could raise.
        """
        node = node.unnest()
        if isinstance(node, exp.Add | exp.Sub):
            left, right = self._sum(node.left), self._sum(node.right)
            right_of = right.of if isinstance(node, exp.Add) else _times(right.of, Decimal(-1))
            terms, added = (*left.of.terms, *right_of.terms), left.of.number + right_of.number
            return _Typed(Sum(terms, added), left.type.plus(right.type))
        if isinstance(node, exp.Mul):
            left, right = self._sum(node.left), self._sum(node.right)
            factor, of = (left.of, right.of) if not left.of.terms else (right.of, left.of)
            if factor.terms:
                raise NotIndexable("a product of two columns")
            return _Typed(_times(of, factor.number), left.type.times(right.type))
        minus = isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
        literal = node.this if minus else node
        if isinstance(literal, exp.Literal) and not literal.is_string:
            written = number(literal.name, -1 if minus else 1)
            type_ = of_literal(written)
            assert isinstance(written, int | Decimal)
            assert type_ is not None
            return _Typed(Sum((), Decimal(written)), type_)
        value = self.value(node)
        type_ = of_type(type_of(value, self.types)) if value is not None else None
        if value is None or type_ is None or type_.double:
            raise NotIndexable("no exact number")
        return _Typed(Sum((Term(value, type_.scale, Decimal(1)),), Decimal(0)), type_)

    def _fits(self, side: Sum, places: int) -> bool:
        """Whether a side is far from what 64 bits cannot hold, whatever its columns are; a column alone always is."""
        most = abs(side.number.scaleb(places))
        if not most and [(each.times, each.places) for each in side.terms] == [(Decimal(1), places)]:
            return True
        for each in side.terms:
            of = of_type(type_of(each.value, self.types))
            assert of is not None
            most += abs(each.times).scaleb(places - each.places + of.precision)
        return most < FAR


def _is_looked_up(one: Sum, other: Sum) -> bool:
    """Whether what a window comes to is held against a number that is written out."""
    alone = not one.number and len(one.terms) == 1 and one.terms[0].times == 1
    return alone and not isinstance(one.terms[0].value, str) and not other.terms


def _times(of: Sum, factor: Decimal) -> Sum:
    return Sum(tuple(each._replace(times=each.times * factor) for each in of.terms), of.number * factor)
