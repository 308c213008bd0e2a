"""
The plan without an index: one CASE a rule, packed in words, over each frame; statements in batches of 8,000 characters.

This is the engine's own plan before it had an index, kept as it was to be measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import Cell, HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.plan.standalone import batches
from rules_engine.sql.lexer import bind

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Placed = tuple[RuleVersion, Cell]
AT_ONCE = 2


def matrix(spark: SparkSession, lake: Lake, rule_set: RuleSet, work: Path) -> DataFrame:
    """One row of words per subject that has any bit: ``subject``, ``h<word>``; only for rules to which unknown is a miss."""
    cells = HitMatrix.of(rule_set)
    spark.conf.set("spark.sql.codegen.wholeStage", "true")
    facts = _run_batches(spark, rule_set, [p for p in cells.cells if p[0].form is Form.STATEMENT], work)
    spark.conf.set("spark.sql.codegen.wholeStage", "false")
    words = [f"h{word}" for word in range(cells.words)]
    parts = [_spread(rows, words) for rows in facts]
    for frame in lake.frames:
        placed = [p for p in cells.cells if p[0].form is Form.PREDICATE and p[0].frame == frame.name]
        if placed:
            rows = _words_of_rows(spark.table(frame.name), frame.subject_key, placed, rule_set)
            parts.append(_aligned(rows, words))
    once = len(parts) == 1 and not facts and all(v.frame == lake.subject for v in rule_set.versions)
    return (parts[0] if once else _together(parts, words)).where(f"({' | '.join(words)}) <> 0")


def _words_of_rows(rows: DataFrame, key: str, placed: Sequence[Placed], rule_set: RuleSet) -> DataFrame:
    from pyspark.sql import functions as F  # noqa: N812

    columns = [F.col(f"`{key}`").alias("subject")]
    for word in sorted({cell.word for _, cell in placed}):
        bits = [
            _bit(F.expr(bind(v.sql, v.parameters, rule_set.as_of)), c.mask) for v, c in placed if c.word == word
        ]  # fmt: skip
        columns.append(_either(bits).alias(f"h{word}"))
    return rows.select(*columns)


def _run_batches(spark: SparkSession, rule_set: RuleSet, placed: Sequence[Placed], work: Path) -> list[DataFrame]:
    def kept(numbered: tuple[int, list[Placed]]) -> DataFrame:
        number, batch = numbered
        path = str(work / f"batch-{number}")
        reduce(lambda a, b: a.unionAll(b), [_statement(spark, rule_set, p) for p in batch]).write.parquet(path)
        return spark.read.parquet(path)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(kept, enumerate(batches(placed))))


def _statement(spark: SparkSession, rule_set: RuleSet, placed: Placed) -> DataFrame:
    version, cell = placed
    found = spark.sql(bind(version.sql, version.parameters, rule_set.as_of))
    return found.selectExpr(f"`{found.columns[0]}` AS subject", f"{cell.word} AS word", f"{cell.mask}L AS mask")


def _aligned(rows: DataFrame, words: Sequence[str]) -> DataFrame:
    said = set(rows.columns)
    return rows.selectExpr("subject", *(word if word in said else f"0L AS {word}" for word in words))


def _spread(facts: DataFrame, words: Sequence[str]) -> DataFrame:
    return facts.selectExpr("subject", *(f"CASE WHEN word = {w[1:]} THEN mask ELSE 0L END AS {w}" for w in words))


def _together(parts: Sequence[DataFrame], words: Sequence[str]) -> DataFrame:
    from pyspark.sql import functions as F  # noqa: N812

    rows = reduce(lambda a, b: a.unionAll(b), parts)
    return rows.groupBy("subject").agg(*(F.expr(f"bit_or({word})").alias(word) for word in words))


def _bit(condition: Column, mask: int) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    return F.when(condition, F.lit(mask).cast("bigint")).otherwise(F.lit(0).cast("bigint"))


def _either(bits: Sequence[Column]) -> Column:
    if len(bits) <= 2:
        return reduce(lambda a, b: a.bitwiseOR(b), bits)
    middle = len(bits) // 2
    return _either(bits[:middle]).bitwiseOR(_either(bits[middle:]))
