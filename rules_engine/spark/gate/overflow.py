"""
Sums that are NULL where they overflow, and may do so on the way to a whole that fits: then the order of rows decides.

A sum of decimals has room for ten more digits than they have, up to 38; one of whole numbers has those of a BIGINT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.spark.gate.spark_trees import expressions
from rules_engine.sql.allow_list import refuse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TRIED = frozenset({"try_sum", "try_avg"})
_ROOM = 28
"""The most digits of a decimal whose sum has room for ten thousand million rows."""


def overflow_warnings(spark: SparkSession, plan: Any, words: Set[str]) -> Iterator[Fault]:
    """What is said of an analysed plan whose rule names one of :data:`TRIED`; once."""
    for name, kind in (("try_sum", "Sum"), ("try_avg", "Average")):
        if name in words and any(
            _is_tight(get(), kind) for short, get in expressions(spark, plan, is_plan=True) if short == kind
        ):
            yield refuse("SQL-910", name=name)


def _is_tight(call: Any, kind: str) -> bool:
    """Whether so many digits are summed that others than the sum's own may overflow; a mean of a BIGINT is floating."""
    type_ = str(call.child().dataType().simpleString())
    digits = re.match(r"decimal\((\d+)", type_)
    return int(digits[1]) > _ROOM if digits else (type_, kind) == ("bigint", "Sum")
