"""From the outcomes of all passes to one row of packed words per subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rules_engine.index.predicate_index import PredicateIndex
from rules_engine.index.words import SUBJECT
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.plan.planner import Plan
from rules_engine.spark import parquet
from rules_engine.spark.scan import handed
from rules_engine.spark.shuffle import HashPartitioning, ShuffleInput, shuffled
from rules_engine.spark.work_counts import WorkCounts
from rules_engine.worker.index_probe import IndexProbe
from rules_engine.worker.merge import ArrivedRows, Finalisation, Merge, ProbeAndFinalise

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class HitMatrixJob(NamedTuple):
    """
    A hit matrix as workers make it of the rows they are given: one row of words per subject that has any bit.

    Columns: ``subject``, ``h<word>`` for every word and ``u<word>`` where an
    outcome can be unknown (bigint).
    """

    given: DataFrame
    worker: ProbeAndFinalise | Merge
    subject_type: str
    """``bigint`` or ``string``."""
    counts: WorkCounts
    frames: tuple[str, ...]
    """Of each source the frame of which it gives every row; empty where it is a query."""

    def rows(self) -> DataFrame:
        """The matrix, computed anew wherever it is read."""
        words = (f"{name} bigint NOT NULL" for name in self.worker.finalisation.words)
        return self.given.mapInArrow(self.worker, ", ".join([f"{SUBJECT} {self.subject_type}", *words]))

    def write(self, path: str) -> None:
        """The matrix as Parquet, in place of what is at ``path``."""
        subject = pa.field(SUBJECT, pa.int64() if self.subject_type == "bigint" else pa.string())
        words = (pa.field(name, pa.int64(), nullable=False) for name in self.worker.finalisation.words)
        parquet.write(self.given, self.worker, pa.schema([subject, *words]), path)


def of_subjects_alone(
    spark: SparkSession, matrix: HitMatrix, of_subjects: PredicateIndex, subject_type: str
) -> HitMatrixJob:
    """The hit matrix where the subjects' own rows say everything."""
    finalisation = Finalisation.of(matrix, of_subjects.outputs)
    given = handed(spark, of_subjects.source, of_subjects.columns)
    as_sent, counts = given.withColumn(SUBJECT, given[SUBJECT].cast(subject_type)), WorkCounts.of(spark)
    settler = ProbeAndFinalise(finalisation, IndexProbe(of_subjects), counts)
    return HitMatrixJob(as_sent, settler, subject_type, counts, (of_subjects.source.frame,))


def merged(matrix: HitMatrix, plan: Plan, sent: Sequence[ShuffleInput], parts: HashPartitioning) -> HitMatrixJob:
    """
    The hit matrix from what several sources say.

    The first has a row for each subject of the subject frame; what others say of anybody else is dropped.
    """
    finalisation = Finalisation.of(
        matrix, {name for source in sent for name in source.words}, plan.conjoined, plan.negated
    )
    arrived = tuple(ArrivedRows(source.schema, source.words, source.aggregator) for source in sent)
    counts = WorkCounts.of(sent[0].given.sparkSession)
    gatherer = Merge(finalisation, arrived, plan.carried, counts)
    frames = tuple(source.frame for source in sent)
    return HitMatrixJob(shuffled(sent, parts, counts), gatherer, parts.subject_type, counts, frames)
