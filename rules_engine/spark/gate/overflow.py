"""
Sums of which the order of rows decides: NULL where they overflow on the way to a whole that fits, or rounded on it.

A sum of decimals has room for ten more digits than they have, up to 38; one of whole numbers has those of a BIGINT. A
floating sum is rounded at each step: 0.1 + 0.2 + 0.3 is more than 0.3 + 0.2 + 0.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any

from rules_engine.errors import Fault
from rules_engine.spark.gate.machine import FLOATING
from rules_engine.spark.gate.spark_trees import expressions
from rules_engine.sql.allow_list import refuse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DEVIATIONS = {
    "StddevPop": "stddev_pop", "StddevSamp": "stddev", "VariancePop": "var_pop", "VarianceSamp": "variance",
    "Corr": "corr", "CovPopulation": "covar_pop", "CovSample": "covar_samp",
    "Skewness": "skewness", "Kurtosis": "kurtosis",
}  # fmt: skip
"""Aggregates that add up floating numbers whatever they are asked of."""
SUMS = {"Average": "avg", "Sum": "sum", **DEVIATIONS}
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


def rounding_warnings(spark: SparkSession, plan: Any, in_order: Set[str]) -> Iterator[Fault]:
    """What is said of a plan that sums floating numbers; once for each kind of sum that is not all ``in_order``."""
    asked = SUMS.keys() - in_order
    calls = ((short, get) for short, get in expressions(spark, plan, is_plan=True) if short in asked)
    floating = {
        short for short, get in calls if short in DEVIATIONS or get().child().dataType().simpleString() in FLOATING
    }
    for short in sorted(floating):
        name = SUMS[short]
        exact = f"write {name}(CAST(x AS DECIMAL(27, 6)))"
        yield refuse("SQL-912", name=name, hint=f"round it: round({name}(…), 6)" if short in DEVIATIONS else exact)


def _is_tight(call: Any, kind: str) -> bool:
    """Whether so many digits are summed that others than the sum's own may overflow; a mean of a BIGINT is floating."""
    type_ = str(call.child().dataType().simpleString())
    digits = re.match(r"decimal\((\d+)", type_)
    return int(digits[1]) > _ROOM if digits else (type_, kind) == ("bigint", "Sum")
