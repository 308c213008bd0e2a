"""``python -m tests.gate`` asks what a run asks: the layers, and last the try, which runs what they accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rules_engine.model.rules import Form
from tests.gate import LAYERS, Line, Verdict, judge_all, spark_layers, the_try
from tests.spec.table import Row, cases, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LAST = """
    rule                                    | expected | layer  | because
    ----------------------------------------+----------+--------+------------------------------------------------------
    spend > 5                               | accept   |        | nothing is wrong with it
    100 / coalesce(spend, 0) > 1            | reject   | try    | it fails on a subject of whom nothing is known
    spend > > 5                             | reject   | gate 1 | what a layer refuses is not run
    country is null                         | accept   |        | true of nothing is warned of, for an exclusion
    cast(coalesce(country, 'x') as int) > 1 | reject   | try    | it fails beside others that do not
"""


@pytest.fixture(scope="module")
def verdicts(spark: SparkSession) -> dict[str, Verdict]:
    """The verdicts on all rows, asked together."""
    asked = [Line("row", Form.PREDICATE, row["expected"], row["rule"]) for row in rows(LAST)]
    found = judge_all(asked, LAYERS | spark_layers(spark), the_try(spark))
    return {verdict.line.sql: verdict for verdict in found}


@pytest.mark.parametrize("row", cases(LAST))
def test_the_layer_that_refuses_is_named(verdicts: dict[str, Verdict], row: Row) -> None:
    """The first layer that refuses a line is said, the try like any other; no line is wrong."""
    assert (verdicts[row["rule"]].layer, verdicts[row["rule"]].wrong) == (row["layer"], False)
