"""Statements that nobody thought of: what they hit together is what Spark returns for each alone."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from rules_engine.logical import join_reader
from tests import small_lake
from tests.made_statements import Maker, made, others
from tests.property.misread import MISREAD

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONSTRUCTS = {
    "having", "there", "within", "scalar", "joined", "two_joined", "rows_joined", "windows", "groups", "sets", "other_groups",
    "named", "looked_up", "condition", "of_customers", "window_of_customers", "FILTER", "two values", "a value of the subject",
    "beyond", "among_last", "of_all", "lists", "by_key", "placed_groups", "first_of_all", "of_others", "windows_of_two", "paired", "fanned", "of_products", "put_together", "one_in_another",
    "told_beside", "counted_among", "windows_joined", "more_groups", "points", "others_there", "others_counted", "self_joined", "listed", "filtered_groups",
    "own_calls", "look-up within rows", "groups of windows", "OVER (PARTITION BY customer_id", "OVER (PARTITION BY customer_id, product",
    "OVER (PARTITION BY role", "OVER (PARTITION BY role, customer_id", "OVER (PARTITION BY product",
}  # fmt: skip
SOME = [*made(Random(31), 30)]


def test_everything_is_made() -> None:
    """A construct that is never made is never compared."""
    maker = Maker(Random(1))
    assert len({maker.statement() for _ in range(600)}) > 500
    assert {name for name, number in maker.made.items() if number} == CONSTRUCTS


def test_they_hit_whom_spark_returns_for_each_alone(spark: SparkSession, tmp_path: Path) -> None:
    """More are asked by ``python -m tests.made_statements``."""
    somebody, differ = others(spark, tmp_path, SOME)
    assert differ == []
    assert somebody > 14


def test_what_was_misread_once_hits_whom_spark_returns(spark: SparkSession, tmp_path: Path) -> None:
    """Whoever attacked the reader found these."""
    somebody, differ = others(spark, tmp_path, MISREAD, small_lake.write)
    assert differ == []
    assert 10 < somebody < len(MISREAD)


def test_a_planted_fault_is_noticed(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LEFT JOIN that is taken for a join."""
    monkeypatch.setattr(join_reader, "rejects_null", lambda *_: True)
    asked = [sql for sql in made(Random(5), 600) if "LEFT JOIN holdings x" in sql and "IS NULL" in sql]
    assert others(spark, tmp_path, asked[:8])[1] != []
