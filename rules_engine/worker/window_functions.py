"""
What rows come to among the rows of their subject: their number in an order, a value of a row before or after them.

Runs beside Spark's executors, where all rows of some subjects are. Values are compared as the whole numbers that
they are looked up as; NULL comes first or last, as the order says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rules_engine.index.bitmap_index import Bits, Flags
from rules_engine.index.value_types import comparison_type
from rules_engine.logical.window_query import Comparison, Days, RowValue, SortKey, Sum, Window

BEYOND = np.int64(2**63 - 1)
"""Where NULL stands in an order: no decimal of 18 digits, day or whole number of 32 bits is there."""


_HOLDS: dict[str, Callable[[Bits, Bits], Flags]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "=": np.equal,
    "<>": np.not_equal,
}


class Known(NamedTuple):
    """Values of rows as whole numbers, and which of them are no value."""

    values: Bits | Flags
    null: Flags


@dataclass
class Ranking:
    """The rows of some subjects, those of a subject behind each other from ``starts`` on; an order is made once."""

    columns: Mapping[str, pa.Array]
    types: Mapping[str, str]
    starts: NDArray[np.intp]
    rows: int
    _orders: dict[tuple[SortKey, ...], NDArray[np.intp]] = field(default_factory=dict)
    _known: dict[RowValue | str, Known] = field(default_factory=dict)

    def aggregate(self, of: RowValue) -> pa.Array:
        """A value of each row, NULL where there is none."""
        found = self._value(of)
        return pa.array(found.values, mask=found.null)

    def _value(self, of: RowValue | str) -> Known:
        if of not in self._known:
            self._known[of] = self._worked_out(of)
        return self._known[of]

    def _worked_out(self, of: RowValue | str) -> Known:
        if isinstance(of, str):
            return self._column(of)
        if isinstance(of, Comparison):
            left, right = self._sum(of.left, of.places), self._sum(of.right, of.places)
            return Known(_HOLDS[of.sign](left.values, right.values), left.null | right.null)
        if isinstance(of, Days):
            until, since = self._value(of.until), self._value(of.since)
            return Known(until.values - since.values, until.null | since.null)
        return self._before(of) if of.column else self._numbers(of)

    def _sum(self, of: Sum, places: int) -> Known:
        number = int(of.number.scaleb(places))
        values: Bits = np.full(self.rows, number, dtype=np.int64)
        null: Flags = np.zeros(self.rows, dtype=bool)
        for each in of.terms:
            found = self._value(each.value)
            values += found.values * int(each.times.scaleb(places - each.places))
            null |= found.null
        return Known(values, null)

    def _column(self, name: str) -> Known:
        column, of = self.columns[name], comparison_type(self.types[name])
        assert of.array is not None
        return Known(of.array(column), column.is_null().to_numpy(zero_copy_only=False))

    def _numbers(self, of: Window) -> Known:
        found: Bits = np.empty(self.rows, dtype=np.int64)
        found[self._order(of.order)] = np.arange(self.rows) - np.repeat(self.starts, self._sizes) + 1
        return Known(found, np.zeros(self.rows, dtype=bool))

    def _before(self, of: Window) -> Known:
        """The column of the row that stands so many rows before, or after, in the order."""
        order, column = self._order(of.order), self._value(of.column)
        first: Bits = np.repeat(self.starts, self._sizes)
        at: Bits = np.arange(self.rows) - of.offset
        outside = (at < first) | (at >= first + np.repeat(self._sizes, self._sizes))
        there = order[np.clip(at, 0, self.rows - 1)]
        values: Bits = np.empty(self.rows, dtype=np.int64)
        null: Flags = np.empty(self.rows, dtype=bool)
        values[order], null[order] = column.values[there], outside | column.null[there]
        return Known(values, null)

    def _order(self, by: tuple[SortKey, ...]) -> NDArray[np.intp]:
        """The rows, those of a subject behind each other, in an order."""
        if by not in self._orders:
            keys = [key for each in reversed(by) for key in self._keys(each)]
            subjects: Bits = np.repeat(np.arange(len(self.starts)), self._sizes)
            self._orders[by] = np.lexsort([*keys, subjects])
        return self._orders[by]

    def _keys(self, by: SortKey) -> list[NDArray[np.generic]]:
        """What a column orders rows by, that which counts most last."""
        values, null = self._value(by.column)
        keys: NDArray[np.generic] = ~values if by.descending else values
        if not null.any():
            return [keys]
        beyond = ~BEYOND if by.nulls_first else BEYOND
        keys = np.where(null, beyond, keys)
        return [keys, ~null if by.nulls_first else null] if self.types[by.column] == "bigint" else [keys]

    @property
    def _sizes(self) -> NDArray[np.intp]:
        return np.diff(self.starts, append=self.rows)
