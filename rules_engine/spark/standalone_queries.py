"""Complete SELECTs in batches: one plan for all is slower than one by one, and one by one shares nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from rules_engine.index.words import SUBJECT, RuleBit
from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import Cell
from rules_engine.model.rules import Form, RuleVersion, WhenUnknown
from rules_engine.model.schemas import Schema
from rules_engine.sql.lexer import bind
from rules_engine.sql.unknown import conditions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


AT_ONCE = 2
"""Batches under way at once: while one is planned on the driver, another computes."""


def rows_of_batch(spark: SparkSession, batch: Sequence[RuleBit], lake: Lake, as_of: date) -> DataFrame:
    """One batch as rows ``subject, word, mask, unknown``, each true or unknown outcome once or more."""
    from pyspark.sql import functions as F  # noqa: N812

    parts = []
    for version, cell in batch:
        if version.form is Form.STATEMENT:
            parts.append(_outcomes(statement(spark, version, as_of, lake), cell))
            continue
        rows, key = spark.table(version.frame), lake.frame(version.frame).subject_key
        true, exact = conditions(bind(version.sql, version.parameters, as_of))
        parts.append(_outcomes(rows.where(F.expr(true)).select(f"`{key}`"), cell))
        if version.when_unknown is not WhenUnknown.MISS:
            parts.append(_outcomes(rows.where(F.expr(exact).isNull()).select(f"`{key}`"), cell, unknown=True))
    return reduce(lambda a, b: a.unionAll(b), parts)


Limited = Callable[[Callable[[], "DataFrame"], Sequence[str]], "DataFrame"]
"""Does the work it is given, within the time that the rules of these version ids may take."""


def run_batches(
    work: Sequence[list[RuleBit]],
    rows: Callable[[list[RuleBit]], DataFrame],
    keep: Callable[[DataFrame, int], DataFrame],
    limited: Limited = lambda done, _: done(),
) -> list[DataFrame]:
    """Run batches, a few at once; ``keep`` computes a batch and holds its rows."""

    def run(number: int, batch: list[RuleBit]) -> DataFrame:
        return limited(lambda: keep(rows(batch), number), [version.id for version, _ in batch])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(len(work)), work))


def statement(spark: SparkSession, version: RuleVersion, as_of: date, keys: Lake | Schema) -> DataFrame:
    """A statement as a DataFrame of one column, its subjects, perhaps with repeats; evidence is left out."""
    found = spark.sql(bind(version.sql, version.parameters, as_of))
    place = keys.key_among(found.columns)
    assert place is not None, f"Rule {version.key} returns no column that is the key: it was accepted by no gate"
    return found if len(found.columns) == 1 else found.select(f"`{found.columns[place]}`")


def _outcomes(found: DataFrame, cell: Cell, *, unknown: bool = False) -> DataFrame:
    """
    A column of subjects as rows ``subject, word, mask, unknown``; repeats are left for the gathering.

    One step, for at each one Spark looks at the whole plan below it again.
    """
    from pyspark.sql import functions as F  # noqa: N812

    return found.select(
        F.col(f"`{found.columns[0]}`").alias(SUBJECT),
        F.lit(cell.word).alias("word"),
        F.lit(cell.mask).cast("bigint").alias("mask"),
        F.lit(unknown).alias("unknown"),
    )
