"""What the rows of a subject come to, as far as workers work it out exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rules_engine.index.value_types import ComparisonType, comparison_type, digits, is_whole, scaled
from rules_engine.sql.tokens import Kind, tokens

WHOLE = {"tinyint": 3, "smallint": 5, "int": 10}
"""Types of whole numbers of which no sum of rows overflows, with their digits."""
MORE = 10
"""Digits that Spark's sum of decimals has before those of its argument."""
ORDERED = {"tinyint", "smallint", "int", "bigint", "date"}
"""Types of which the least and the greatest is told, beside decimals."""
TOLD_APART = {"tinyint", "smallint", "int", "bigint", "date", "string", "boolean"}
"""Types whose different values are counted, beside decimals."""


class Aggregate(NamedTuple):
    """What the rows of a subject that meet a filter come to: ``count``, ``distinct``, ``sum``, ``min`` or ``max``."""

    function: str
    column: str
    """Empty: rows are counted, whatever is in them."""
    filter: int | None
    """Its number; None for all rows."""
    type: str
    """Spark's type of the column."""

    @property
    def comes_to(self) -> str:
        """Spark's type of the value."""
        if self.function in {"min", "max"}:
            return self.type
        if self.function == "sum" and self.type not in WHOLE:
            precision, scale = digits(self.type)
            return f"decimal({precision + MORE},{scale})"
        return "bigint"

    @property
    def domain(self) -> ComparisonType:
        """How the value is compared: as the whole number that it is added up, or compared, as."""
        if self.function == "sum" and self.type not in WHOLE:
            return scaled(digits(self.type)[1])
        return ComparisonType(comparison_type(self.comes_to).scalar, scaled(0).array)

    @property
    def most(self) -> int:
        """No value of the column, as a whole number, is as large."""
        return int(10 ** (WHOLE.get(self.type) or digits(self.type)[0]))

    def __str__(self) -> str:
        argument = f"DISTINCT {self.column}" if self.function == "distinct" else self.column or "*"
        return f"{'count' if self.function == 'distinct' else self.function}({argument})"


def aggregate(call: str, number: int | None, columns: Mapping[str, str]) -> Aggregate | None:
    """A call of an aggregate function, filtered; None for one that workers do not work out exactly."""
    function, _, argument = call[:-1].partition("(")
    function, words = function.strip().lower(), tokens(argument)
    if function == "count" and argument.strip() in {"*", "1"}:
        return Aggregate("count", "", number, "")
    if function == "count" and words and words[0].word == "distinct":
        function, words = "distinct", words[1:]
    if len(words) != 1 or words[0].kind not in {Kind.WORD, Kind.QUOTED} or words[0].word not in columns:
        return None
    type_ = columns[words[0].word]
    decimal = is_whole(type_)
    fits = {
        "count": True,
        "distinct": decimal or type_ in TOLD_APART,
        "sum": decimal or type_ in WHOLE,
        "min": decimal or type_ in ORDERED,
        "max": decimal or type_ in ORDERED,
    }
    return Aggregate(function, words[0].word, number, type_) if fits.get(function) else None
