"""A run that takes the place of its day's answers decides the pairs of those who are there, once (R-RUN-2, R-RUN-3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rules_engine.model.frames import Absent
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.ports import silent
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import rule, rule_set, write

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

ALL, NOBODY = (rule_set(rule("ALL-001", sql)) for sql in ("customer_id > 0", "customer_id < 0"))


@pytest.mark.parametrize("absent", list(Absent))
def test_pairs_of_absent_subjects_are_not_decided_again(spark: SparkSession, tmp_path: Path, absent: Absent) -> None:
    """Of the day's twelve members ten are there, two ended or carried on; each pair is decided at most once."""
    before, day, corrected = (str(tmp_path / part) for part in ("before", "day", "corrected"))
    twelve = SparkEvaluator(spark, write(tmp_path / "twelve", customers=12))
    for folder, on in (before, None), (day, before):
        twelve.evaluate(ALL, HitMatrix.of(ALL), folder, on)
    ten = SparkEvaluator(spark, replace(write(tmp_path / "ten", customers=10), absent=absent))
    counted = ten.evaluate(NOBODY, HitMatrix.of(NOBODY), corrected, before, silent, [day, day])
    decided = [row.subject for row in spark.read.parquet(f"{corrected}/decisions").collect()]
    assert sorted(decided) == [*range(1, 13 if absent is Absent.END else 11)]
    assert counted.types[0].absent == (0 if absent is Absent.END else 2)


def test_what_the_day_granted_to_those_who_are_there_is_taken_back(spark: SparkSession, tmp_path: Path) -> None:
    """Without a run before: whoever is there is decided, not granted; whoever is not is left out."""
    day, corrected = str(tmp_path / "day"), str(tmp_path / "corrected")
    twelve = SparkEvaluator(spark, write(tmp_path / "twelve", customers=12))
    twelve.evaluate(ALL, HitMatrix.of(ALL), day, None)
    ten = SparkEvaluator(spark, write(tmp_path / "ten", customers=10))
    ten.evaluate(NOBODY, HitMatrix.of(NOBODY), corrected, None, silent, [day])
    rows = spark.read.parquet(f"{corrected}/decisions").collect()
    assert sorted((row.subject, row.granted) for row in rows) == [(subject, False) for subject in range(1, 11)]
