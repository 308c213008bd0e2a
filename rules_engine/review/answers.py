"""What rules answer of some subjects, each rule by itself, as a run would have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from rules_engine.index.words import SUBJECT
from rules_engine.model.frames import Lake
from rules_engine.model.history import Subject
from rules_engine.model.hitmatrix import Cell
from rules_engine.model.rules import RuleVersion, WhenUnknown
from rules_engine.plan.standalone import batches
from rules_engine.review.turning import Outcome
from rules_engine.spark.standalone_queries import rows_of_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Answers = Mapping[Subject, Mapping[str, Outcome]]
"""Subject to version id to what it was; a rule that is not there missed."""


def answers(
    spark: SparkSession,
    versions: Sequence[RuleVersion],
    lake: Lake,
    as_of: date,
    subjects: Iterable[Subject] | None = None,
) -> Answers:
    """
    What each rule is of each of the subjects, or of everybody, over the views of a session.

    A rule is a hit where any row is true, unknown where none is and any is unknown; what that counts as is not asked.
    """
    placed = [(replace(v, when_unknown=WhenUnknown.HOLD), Cell(n, 1)) for n, v in enumerate(versions)]
    if not placed:
        return {}
    rows = [rows_of_batch(spark, batch, lake, as_of) for batch in batches(placed)]
    found: DataFrame = reduce(lambda a, b: a.unionAll(b), rows)
    if subjects is not None:
        found = found.where(found[SUBJECT].isin(*subjects))
    told: dict[Subject, dict[str, Outcome]] = {}
    for row in found.select(SUBJECT, "word", "unknown").distinct().collect():
        of_subject, rule = told.setdefault(row[0], {}), versions[row[1]].id
        if of_subject.get(rule) is not Outcome.HIT:
            of_subject[rule] = Outcome.UNKNOWN if row[2] else Outcome.HIT
    return told
