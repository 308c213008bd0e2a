"""Rules that cost much in little text, and their honest neighbours, as the layers judge them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.gate import LAYERS, judge, lines, spark_layers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COSTLY = Path(__file__).parents[1] / "data" / "hostile_rules_cost.tsv"


def test_costly_rules_are_refused_and_their_neighbours_accepted(spark: SparkSession) -> None:
    """Every line of the file comes out as it says; a rule that is as costly as is allowed is accepted."""
    layers = LAYERS | spark_layers(spark)
    verdicts = [judge(line, layers) for line in lines(COSTLY)]
    assert [str(verdict) for verdict in verdicts if verdict.wrong] == []
