"""
Reads a bound condition as a conjunction of tests of single expressions, for an index over them.

It is read only where it can be taken apart without changing what it means: no
part may raise on a row that the condition as a whole would not have reached
(a division, a cast of a text, arithmetic that overflows), so a condition with
anything else in it is :class:`~rules_engine.logical.condition.NotIndexable` and
stays whole. The gates have accepted the text before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rules_engine.logical.arithmetic import compared, of_literal
from rules_engine.logical.condition import (
    BOOLEAN,
    DATE,
    TEXT,
    AllOf,
    AnyOf,
    ComputedTest,
    Conjunct,
    Constants,
    Expression,
    Not,
    Test,
    Tree,
    day_in_text,
    family_of,
)
from rules_engine.logical.operands import OPERATORS, Constant, Operand, OperandReader
from rules_engine.logical.values import NotIndexable

_COMPARED = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "<=>": "<=>"}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def parts(sql: str, columns: Mapping[str, str], constants: Constants, frame: str = "") -> tuple[Conjunct, ...]:
    """
    A bound condition's parts, in order.

    ``columns`` are the source's, in small letters, with Spark's types; the name of its ``frame`` may
    stand before them. Where constants are wanted, the answer is not final: ask again once they are known.

    Raises:
        Opaque: If any of it is not recognised, or could raise.
    """
    return tuple(_ConditionReader(sql, columns, constants, frame).parts())


class _ConditionReader(OperandReader):
    """Tests of operands, joined by AND, OR and NOT."""

    def parts(self) -> Iterator[Conjunct]:
        found = list(self._joined("and", self._negated))
        if self.word() == "or":
            self.at = 0
            found = [(self._either(), 0, len(self.tokens))]
        if self.at != len(self.tokens):
            raise NotIndexable(self.tokens[self.at].text)
        for tree, first, after in found:
            yield from self._flat(tree, first, after)

    def _flat(self, tree: Tree, first: int, after: int) -> Iterator[Conjunct]:
        """A part in brackets that is a conjunction itself is its parts."""
        if isinstance(tree, AllOf) and self.tokens[first].text == "(":
            inner = self.sql[self.tokens[first].end : self.tokens[after - 1].start]
            yield from parts(inner, self.columns, self.constants, self.frame)
        else:
            yield Conjunct(self.sql[self.tokens[first].start : self.tokens[after - 1].end], tree)

    def _joined(self, word: str, one: Callable[[], Tree]) -> Iterator[tuple[Tree, int, int]]:
        while True:
            first = self.at
            tree = one()
            yield tree, first, self.at
            if not self.took(word):
                return

    def _either(self) -> Tree:
        found = tuple(tree for tree, _, _ in self._joined("or", self._all))
        return found[0] if len(found) == 1 else AnyOf(found)

    def _all(self) -> Tree:
        found = tuple(tree for tree, _, _ in self._joined("and", self._negated))
        return found[0] if len(found) == 1 else AllOf(found)

    def _negated(self) -> Tree:
        return Not(self._negated()) if self.took("not") else self._test()

    def _test(self) -> Tree:
        if self.text() == "(" and not self.is_number_in_brackets():
            self.at += 1
            inner = self._either()
            self.take(")")
            if self.text() in {*_COMPARED, *OPERATORS} or self.word() in {"is", "in", "between", "like", "not"}:
                raise NotIndexable("a test of a bracket")
            return inner
        left = self.operand()
        if (sign := _COMPARED.get(self.text())) is not None:
            self.at += 1
            return _compared(left, sign, self.operand())
        if self.took("is"):
            return self._is(left)
        denied = self.took("not")
        tree = self._listed(left, denied=denied)
        return Not(tree) if denied else tree

    def _is(self, left: Operand) -> Tree:
        denied = self.took("not")
        if not isinstance(left, Expression):
            raise NotIndexable("IS of a literal")
        if self.took("null"):
            tree: Tree = Test(left, "null")
        elif self.took("distinct") and self.took("from"):
            same = _compared(left, "<=>", self.operand())
            return same if denied else Not(same)
        elif left.family == BOOLEAN and self.word() in {"true", "false"}:
            tree = Test(left, "<=>", (self.took("true") or not self.took("false"),))
        else:
            raise NotIndexable("IS")
        return Not(tree) if denied else tree

    def _listed(self, left: Operand, *, denied: bool) -> Tree:
        if self.took("in"):
            self.take("(")
            return _in(left, [operand for operand, _, _ in self.operands()])
        if self.took("between"):
            low = self.operand()
            self.take("and")
            high = self.operand()
            return AllOf((_compared(left, ">=", low), _compared(left, "<=", high)))
        if self.took("like"):
            return _like(left, self.operand())
        if denied or not isinstance(left, Expression) or left.family != BOOLEAN:
            raise NotIndexable("no test")
        return Test(left, "true")


def _compared(left: Operand, sign: str, right: Operand) -> Tree:
    if isinstance(left, Constant):
        left, sign, right = right, _TURNED.get(sign, sign), left
    if not isinstance(left, Expression):
        raise NotIndexable("two literals")
    if isinstance(right, Constant):
        right = _held_against(left, right)
        if family_of(right.value) != left.family:
            raise NotIndexable("a comparison of different types")
        compared(left.numeric, of_literal(right.value))
        return Test(left, sign, (right.value,))
    if left.family != right.family:
        raise NotIndexable("a comparison of different types")
    compared(left.numeric, right.numeric)
    return ComputedTest()


def _held_against(left: Operand, right: Constant) -> Constant:
    """A literal as Spark casts it to what it is held against: a text that says a day, to a day."""
    of_day = isinstance(left, Expression) and left.family == DATE and isinstance(right.value, str)
    day = day_in_text(str(right.value)) if of_day else None
    return Constant(day) if day else right


def _in(left: Operand, found: list[Operand]) -> Tree:
    values = tuple(_held_against(left, operand).value for operand in found if isinstance(operand, Constant))
    if not isinstance(left, Expression) or len(values) != len(found):
        raise NotIndexable("IN of columns")
    if any(family_of(value) != left.family for value in values):
        raise NotIndexable("IN of different types")
    for value in values:
        compared(left.numeric, of_literal(value))
    return Test(left, "in", values)


def _like(left: Operand, pattern: Operand) -> Tree:
    if not isinstance(left, Expression) or left.family != TEXT:
        raise NotIndexable("LIKE of no text")
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        raise NotIndexable("LIKE of no literal")
    start = pattern.value.removesuffix("%")
    if "%" in start or "_" in start or not start:
        return ComputedTest()
    return Test(left, "=" if start == pattern.value else "prefix", (start,))
