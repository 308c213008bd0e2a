"""Functions within functions: what one Spark kept is worked out again by another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.spark.session import pin
from tests import composed
from tests.function_table import COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_what_is_kept_comes_out_alike_and_a_planted_difference_is_found(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same Spark finds no difference; where a value of a column is another, as on another Spark, it does."""
    monkeypatch.setattr(composed, "COMBINED", 16)
    kept = tmp_path / "kept.tsv"
    composed.write(pin(spark), kept, rules=12, seed=5)
    assert composed.compare(pin(spark), kept) == 0
    whole = kept.read_text("utf-8")
    assert len(whole.splitlines()) > 6
    for name, (type_, _) in list(COLUMNS.items()):
        monkeypatch.setitem(COLUMNS, name, (type_, ["NULL"]))
    assert composed.compare(pin(spark), kept) == 1
    assert "DIFFERS" in capsys.readouterr().out
