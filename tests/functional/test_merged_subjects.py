"""Nights on Spark in which subjects were merged into others, as a frame of the lake says (R-LAKE-5, R-RUN-3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.columns import OnBreach
from rules_engine.model.frames import Absent, Frame, Lake
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation
from rules_engine.model.merged_subjects import MergedSubjects
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.property.test_evaluation import digest_by_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALL = small_lake.rule_set(small_lake.rule("ALL-001", "customer_id > 0"))
INTO = pa.int64()


def lake_of(folder: Path, customers: int, merged: Mapping[str, Any], **said: Any) -> Lake:
    """The small lake with a frame of merged subjects."""
    lake = small_lake.write(folder, customers)
    small_lake.put(folder / "merged", merged)
    frame = Frame("merged", str(folder / "merged"), key=("customer_id",), on_breach=said.pop("on_breach", None))
    return replace(lake, frames=(*lake.frames, frame), merged=MergedSubjects("merged", "into"), **said)


def of(pairs: Mapping[int, int | None]) -> dict[str, Any]:
    return {"customer_id": pa.array(pairs.keys(), INTO), "into": pa.array(pairs.values(), INTO)}


@pytest.mark.parametrize("absent", Absent)
def test_a_merge_ends_memberships_and_names_the_survivor(spark: SparkSession, tmp_path: Path, absent: Absent) -> None:
    """Of members who are gone those who were merged, once, and no others; whoever is there is decided."""
    nights: list[tuple[int, dict[int, int | None]]] = [(12, {}), (8, {9: 1, 10: 9, 2: 3}), (8, {9: 1, 10: 9})]
    counted: list[Evaluation] = []
    folders: list[str] = []
    for number, (customers, merged) in enumerate(nights):
        evaluator = SparkEvaluator(spark, lake_of(tmp_path / f"lake-{number}", customers, of(merged), absent=absent))
        folders.append(str(tmp_path / f"run-{number}"))
        counted.append(evaluator.evaluate(ALL, HitMatrix.of(ALL), folders[-1], folders[-2] if number else None))
    ends = absent is Absent.END
    counts = [each.types[0] for each in counted]
    assert [(c.members_before, c.events.get("MERGED_INTO", 0), c.absent, c.members_after) for c in counts] == [
        (0, 0, 0, 12),
        (12, 2, 0 if ends else 2, 8 if ends else 10),
        (8 if ends else 10, 0, 0 if ends else 2, 8 if ends else 10),
    ]
    assert not [fault for each in counts for fault in each.faults()]
    staged = spark.read.parquet(f"{folders[1]}/decisions")
    rows = {row.subject: (row.event, row.reason, row.merged_into) for row in staged.collect() if row.subject > 8}
    gone = {11: ("REVOKED_ABSENT", "ABSENT", None), 12: ("REVOKED_ABSENT", "ABSENT", None)} if ends else {}
    assert rows == {9: ("MERGED_INTO", "MERGED", 1), 10: ("MERGED_INTO", "MERGED", 9), **gone}
    assert counted[1].decisions_digest == digest_by_spark(staged)


WRONG = {
    "two survivors": ({"customer_id": [9, 9], "into": [1, 2]}, "LAKE-205"),
    "nobody": (of({9: None}), "LAKE-201"),
    "into itself": (of({9: 9}), "LAKE-203"),
    "round": (of({9: 10, 10: 11, 11: 9, 12: 9}), "LAKE-203"),
    "no subject": ({"customer_id": pa.array([None], INTO), "into": [1]}, "LAKE-206"),
    "another type": ({"customer_id": [9], "into": ["1"]}, "LAKE-108"),
    "no column": ({"customer_id": [9], "INTO_ID": [1]}, "LAKE-108"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_merges_stops_the_run(spark: SparkSession, tmp_path: Path, case: str) -> None:
    """Though no rule names the frame: with a code, before anything is decided."""
    merged, code = WRONG[case]
    evaluator = SparkEvaluator(spark, lake_of(tmp_path, 12, merged))
    with pytest.raises(RunRefused) as refused:
        evaluator.check_lake(ALL.as_of, ALL)
    assert [fault.code for fault in refused.value.faults] == [code]


def test_merges_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    """A frame that no rule uses would let everything by."""
    with pytest.raises(RunRefused, match='on_breach = "stop"'):
        lake_of(tmp_path, 2, of({}), on_breach=OnBreach.HOLD)


def test_the_declaration_is_part_of_the_runs_identity(tmp_path: Path) -> None:
    """A lake that says nothing of merges names the same runs as before; one that does names others."""
    lake = lake_of(tmp_path, 2, of({}))
    assert (
        replace(lake, merged=None).digest != lake.digest != replace(lake, merged=MergedSubjects("merged", "x")).digest
    )
