"""Whom statements and conditions hit: asked together of the engine, and each alone of Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import RuleVersion
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.filled_rows import interpreted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MakeLake = Callable[[Path], Lake]


def rule_of(number: int, sql: str) -> RuleVersion:
    return small_lake.rule(f"R-{number:03}", sql)


def hits_of(
    spark: SparkSession, folder: Path, wordings: Sequence[str], lake: MakeLake = small_lake.write
) -> dict[str, set[int]]:
    """Of each wording the subjects that it hits, all of them asked together."""
    evaluator = SparkEvaluator(spark, lake(folder))
    rules = small_lake.rule_set(*(rule_of(n, sql) for n, sql in enumerate(wordings)))
    matrix = HitMatrix.of(rules)
    rows = evaluator.matrix(rules, matrix, str(folder / "work")).rows().collect()
    found = {
        version.sql: {row.subject for row in rows if row[f"h{cell.word}"] & cell.mask} for version, cell in matrix.cells
    }
    return {sql: found[sql] for sql in wordings}


def alone(
    spark: SparkSession, folder: Path, wordings: Sequence[str], lake: MakeLake = small_lake.write
) -> dict[str, set[int]]:
    """Of each wording the subjects that Spark returns for it alone, without the wordings that it refuses."""
    from pyspark.errors import AnalysisException

    evaluator = SparkEvaluator(spark, lake(folder))
    evaluator.schema(small_lake.AS_OF)
    session = interpreted(evaluator.spark)
    subjects = {row.customer_id for row in session.sql("SELECT customer_id FROM customers").collect()}
    found = dict[str, set[int]]()
    for sql in wordings:
        with suppress(AnalysisException):
            found[sql] = {row.customer_id for row in session.sql(query_of(sql)).collect()} & subjects
    return found


def query_of(sql: str) -> str:
    return sql if sql.lower().startswith(("select", "with")) else f"SELECT customer_id FROM customers WHERE {sql}"
