"""Conditions of Spark's analysed plans: the terms that they are made of, and the columns that these read."""

from __future__ import annotations

from collections.abc import Sequence

from rules_engine.spark.gate.plan_tree import Node, number
from rules_engine.spark.gate.spread import ATTRIBUTE
from rules_engine.spark.gate.spread_names import EXPRESSIONS

EQUAL = {f"{EXPRESSIONS}EqualTo", f"{EXPRESSIONS}EqualNullSafe"}


def conjuncts(conditions: Sequence[Node]) -> list[Node]:
    """The terms that all hold where a condition does; of an OR those that every arm has."""
    terms: list[Node] = []
    for condition in conditions:
        if condition.name == f"{EXPRESSIONS}And":
            terms += conjuncts(condition.children)
        elif condition.name == f"{EXPRESSIONS}Or":
            one, other = ({_text(t): t for t in conjuncts([arm])} for arm in condition.children)
            terms += [term for text, term in one.items() if text in other]
        else:
            terms.append(condition)
    return terms


def _text(node: Node) -> str:
    """An expression in one spelling, so that two can be compared."""
    parts = sorted(map(_text, node.children)) if node.name in EQUAL else list(map(_text, node.children))
    parts += map(_text, node.beside)
    return f"{node.name}:{number(node)}:{node.fields.get('value')}:{node.fields.get('dataType')}({','.join(parts)})"


def own_columns(node: Node) -> set[int]:
    """The numbers of the columns that an expression reads of its own rows."""
    if node.name == f"{EXPRESSIONS}OuterReference":
        return set()
    own = {number(node) or 0} if node.name == ATTRIBUTE else set()
    return own.union(*map(own_columns, node.children))
