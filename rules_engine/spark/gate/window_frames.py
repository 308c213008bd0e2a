"""How many rows Spark looks at for each row that it computes a window function for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

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
        return each * min(rows, _values_in_range(specification.children[-2], [begin, end]))
    places = [0 if short(bound) == "CurrentRow$" else whole_number(bound) for bound in (begin, end)]
    if places[0] is None or places[1] is None:
        return each * rows
    return each * min(rows, max(1, places[1] - places[0] + 1))


def _values_in_range(order: Node, bounds: Sequence[Node]) -> float:
    """
    How many values of its order a frame of a range spans, at most; infinite where that is not to be told.

    Spark goes through a frame again where the order's value is another, not for each row of one value: so all rows of
    a frame are gone through as often as it spans values, however many rows have each.
    """
    if all(short(bound) == "CurrentRow$" for bound in bounds):
        return 1
    places, type_ = list(map(_place, bounds)), str(order.children[0].fields.get("dataType"))
    if places[0] is None or places[1] is None:
        return math.inf
    if type_.startswith("timestamp"):
        return allowed().estimates.group if all(abs(place) <= _YEAR for place in places if place) else math.inf
    scale = re.fullmatch(r"decimal\(\d+,(\d+)\)", type_)
    if not scale and type_ not in {"date", "byte", "short", "integer", "long"}:
        return math.inf
    return 1 + float(max(places[1] - places[0], Decimal(0))) * 10.0 ** int(scale[1] if scale else 0)


_YEAR = 366
_UNITS = {"interval year": 31, "interval month": 31, "interval year to month": 31}
"""Days of one of the units in which Spark keeps such an interval; of the others it counts microseconds."""


def _place(bound: Node) -> Decimal | None:
    """How far from the current row's value a range begins or ends: in days, if by an interval."""
    sign = 1
    while short(bound) in {"Cast", "UnaryMinus"}:
        sign, bound = -sign if short(bound) == "UnaryMinus" else sign, bound.children[0]
    if short(bound) == "CurrentRow$":
        return Decimal(0)
    type_ = str(bound.fields.get("dataType"))
    try:
        value = sign * Decimal(str(bound.fields.get("value")))
    except InvalidOperation:
        return None
    return value * _UNITS.get(type_, 1) / (_DAY if type_.startswith("interval") and type_ not in _UNITS else 1)


_DAY = 24 * 60 * 60 * 1_000_000


def moves(frame: Node, *, last: bool) -> bool:
    """Whether a frame begins or ends near the current row; asked of the ``last`` row, whether it ends so."""
    ranged = "RangeFrame" in str(frame.fields.get("frameType"))
    return any(
        short(bound) == "CurrentRow$" or (not ranged and abs(whole_number(bound) or NEAR + 1) <= NEAR)
        for bound in frame.children[1 if last else 0 :]
    )
