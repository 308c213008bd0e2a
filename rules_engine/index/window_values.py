"""Which columns a value of a row among the rows of its subject is made of, and whether they can be ordered."""

from __future__ import annotations

from rules_engine.index.aggregates import ORDERED
from rules_engine.index.value_types import is_whole
from rules_engine.logical.window_query import Comparison, Days, RowValue


def is_ordered(type_: str) -> bool:
    """Whether values of a type are ordered as the whole numbers that they are looked up as."""
    return is_whole(type_) or type_ in ORDERED


def columns_of(of: RowValue | str) -> frozenset[str]:
    """The columns that a value is made of."""
    if isinstance(of, str):
        return frozenset({of})
    if isinstance(of, Comparison):
        return frozenset().union(*(columns_of(each.value) for each in (*of.left.terms, *of.right.terms)))
    if isinstance(of, Days):
        return columns_of(of.until) | columns_of(of.since)
    return frozenset({by.column for by in of.order} | ({of.column} if of.column else set()))
