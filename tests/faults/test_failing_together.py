"""What rules share may fail where none of them does by itself: then each is asked alone, and decided by that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import RuleVersion
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.for_review import stage_hits
from tests.faults import faulty_lake
from tests.faults.faulty_lake import BAD
from tests.small_lake import rule, rule_set
from tests.spec.table import rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JOINED = "SELECT h.customer_id FROM holdings h JOIN customers c ON c.customer_id = h.customer_id WHERE c.month <> 13"
GUARDED = """
    rule                                                                                                 | because
    -----------------------------------------------------------------------------------------------------+------------------------------------------------
    {JOINED} GROUP BY h.customer_id HAVING 9 / max(h.balance) > 0                                        | a quotient of groups that the join leaves out
    {JOINED} GROUP BY h.customer_id HAVING sum(h.units) > 0                                              | a sum of rows that the join leaves out
    SELECT customer_id FROM holdings WHERE customer_id IN (SELECT customer_id FROM customers WHERE month <> 13) GROUP BY customer_id HAVING sum(units) > 0 | the same of IN
"""
NUMBERED = [*enumerate(rows(GUARDED.replace("{JOINED}", JOINED)))]


def guarded() -> list[RuleVersion]:
    return [rule(f"GUARDED_{number}", row["rule"]) for number, row in NUMBERED]


def hits(spark: SparkSession, place: Path, *rules: RuleVersion) -> dict[str, set[int]]:
    evaluator = SparkEvaluator(spark, faulty_lake.write(place / "lake"))
    asked = rule_set(*rules)
    evaluator.check(asked)
    stage_hits(evaluator, asked, str(place / "staged"))
    staged = spark.read.parquet(str(place / "staged" / "hits")).collect()
    cells = HitMatrix.of(asked).cells
    return {v.key: {row.subject for row in staged if row[f"h{cell.word}"] & cell.mask} for v, cell in cells}


@pytest.mark.parametrize("number", [number for number, _ in NUMBERED], ids=[row["because"] for _, row in NUMBERED])
def test_a_rule_that_works_alone_works_with_others(spark: SparkSession, tmp_path: Path, number: int) -> None:
    """It hits all but the one whom its own condition keeps away, and of whom it would raise."""
    found = hits(spark, tmp_path, guarded()[number], rule("ALL", "customer_id > 0"))
    assert found == {f"GUARDED_{number}": {*faulty_lake.IDS} - {BAD}, "ALL": {*faulty_lake.IDS}}


def test_only_what_fails_by_itself_is_named(spark: SparkSession, tmp_path: Path) -> None:
    """In the company of those that fail together with others alone."""
    with pytest.raises(InvalidRule) as refused:
        hits(spark, tmp_path, *guarded(), rule("FAILS", "100 / spend > 5"))
    assert [fault.which for fault in refused.value.faults] == ["Rule FAILS"]
