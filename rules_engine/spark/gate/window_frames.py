"""How many rows Spark looks at for each row that it computes a window function for."""

from __future__ import annotations

from rules_engine.spark.gate.plan_tree import Node
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.sizes import whole_number
from rules_engine.sql.allow_list import allowed

AGAIN, SORTED = 12, 500
"""Steps for a row that is looked at again, and for one of an aggregate that sorts what it holds for every answer."""

NEAR = 10
"""Rows by which a frame may end after the current one, or begin before it, and still differ from row to row."""
_PICKING = frozenset("CumeDist DenseRank First Lag Last Lead NTile NthValue PercentRank Rank RowNumber".split())
"""They look at a few rows, whatever the frame."""
_SORTING = frozenset("Percentile Median PercentileCont PercentileDisc HyperLogLogPlusPlus".split())


def steps_in_frame(expression: Node, rows: float) -> float:
    """
    The steps of one row of a window expression over parts of so many rows.

    A frame that begins at the first row is kept from row to row; every other is gone through again.
    """
    function, specification = expression.children
    name = short(function.children[0]) if short(function) == "AggregateExpression" else short(function)
    begin, end = specification.children[-1].children or (None, None)
    if name in _PICKING or begin is None or end is None:
        return 1
    each = SORTED if name in _SORTING else AGAIN
    if short(begin) == "UnboundedPreceding$":
        grows = short(end) != "UnboundedFollowing$"
        return each * rows if grows and name in _SORTING else each
    if short(end) == "UnboundedFollowing$":
        return each * rows
    if "RangeFrame" in str(specification.children[-1].fields.get("frameType")):
        return each * min(rows, allowed().estimates.group)
    places = [0 if short(bound) == "CurrentRow$" else whole_number(bound) for bound in (begin, end)]
    if places[0] is None or places[1] is None:
        return each * rows
    return each * min(rows, max(1, places[1] - places[0] + 1))


def moves(frame: Node, *, last: bool) -> bool:
    """Whether a frame begins or ends near the current row; asked of the ``last`` row, whether it ends so."""
    ranged = "RangeFrame" in str(frame.fields.get("frameType"))
    return any(
        short(bound) == "CurrentRow$" or (not ranged and abs(whole_number(bound) or NEAR + 1) <= NEAR)
        for bound in frame.children[1 if last else 0 :]
    )
