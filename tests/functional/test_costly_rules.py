"""Rules that cost much in little text, and their honest neighbours, as the layers judge them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.model.rules import Form
from tests.gate import LAYERS, Line, judge, lines, spark_layers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COSTLY = Path(__file__).parents[1] / "data" / "hostile_rules_cost.tsv"


def test_costly_rules_are_refused_and_their_neighbours_accepted(spark: SparkSession) -> None:
    """Every line of the file comes out as it says; a rule that is as costly as is allowed is accepted."""
    layers = LAYERS | spark_layers(spark)
    verdicts = [judge(line, layers) for line in lines(COSTLY)]
    assert [str(verdict) for verdict in verdicts if verdict.wrong] == []


def _chained(steps: int) -> Line:
    """A statement of so many WITH queries, each over the one before."""
    queries = ["step0 AS (SELECT customer_id, amount AS a FROM orders)"]
    queries += [f"step{at} AS (SELECT customer_id, a + 1 AS a FROM step{at - 1} WHERE a < 9)" for at in range(1, steps)]
    sql = f"WITH {', '.join(queries)} SELECT customer_id FROM step{steps - 1}"
    return Line("chained", Form.STATEMENT, "accept" if steps == 50 else "reject", sql)


def test_a_chain_that_spark_cannot_read_is_refused_by_its_name(spark: SparkSession) -> None:
    """Fifty steps are accepted, as the refusal says; a longer chain is not taken for an error of the engine."""
    layers = LAYERS | spark_layers(spark)
    short, long = (judge(_chained(steps), layers) for steps in (50, 120))
    assert not short.wrong
    assert [fault.code for fault in long.faults] == ["SQL-349"]
