"""From the outcomes of all passes to one row of packed words per subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rules_engine.index.predicate_index import PredicateIndex
from rules_engine.index.words import SUBJECT
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.plan.planner import Plan
from rules_engine.spark import parquet
from rules_engine.spark.scan import handed
from rules_engine.spark.shuffle import HashPartitioning, ShuffleInput, of_memberships, shuffled
from rules_engine.spark.work_counts import WorkCounts
from rules_engine.worker.decide import Decide, TypeRules
from rules_engine.worker.decision_rows import schemas
from rules_engine.worker.index_probe import IndexProbe
from rules_engine.worker.merge import ArrivedRows, Finalisation, Merge, ProbeAndFinalise

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Origin(NamedTuple):
    """Where a source's rows are from: the frame of which it gives every one, if it does, and its name for people."""

    frame: str
    name: str


class Deciding(NamedTuple):
    """What decides from a hit matrix; see :class:`rules_engine.worker.decide.Decide`."""

    types: tuple[TypeRules, ...]
    as_of: date
    hands_on: bool
    ends: bool


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
    sources: tuple[Origin, ...]

    def stage(self, folder: str, decide: Deciding) -> None:
        """The matrix, and what is decided from it, as Parquet in folders below one, in place of what is there."""
        subject = pa.int64() if self.subject_type == "bigint" else pa.string()
        columns = schemas(self.worker.finalisation.words, subject, hands_on=decide.hands_on)
        of = Decide(self.worker.blocks, decide.types, decide.as_of, decide.hands_on, decide.ends, self.counts)
        parquet.write_parts(self.given, of, columns, folder)

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
    spark: SparkSession, matrix: HitMatrix, plan: Plan, of_subjects: PredicateIndex, subject_type: str
) -> HitMatrixJob:
    """The hit matrix where the subjects' own rows say everything."""
    finalisation = Finalisation.of(matrix, of_subjects.outputs, plan.terms)
    given = handed(spark, of_subjects.source, of_subjects.columns)
    as_sent, counts = given.withColumn(SUBJECT, given[SUBJECT].cast(subject_type)), WorkCounts.of(spark)
    settler = ProbeAndFinalise(finalisation, IndexProbe(of_subjects), counts)
    return HitMatrixJob(
        as_sent, settler, subject_type, counts, (Origin(of_subjects.source.frame, of_subjects.source.frame),)
    )


def merged(
    matrix: HitMatrix,
    plan: Plan,
    sent: Sequence[ShuffleInput],
    parts: HashPartitioning,
    before: DataFrame | None = None,
) -> HitMatrixJob:
    """
    The hit matrix from what several sources say.

    The first has a row for each subject of the subject frame; what others say of anybody else is dropped. ``before``
    are earlier memberships, which come to their subjects with them.
    """
    finalisation = Finalisation.of(matrix, {name for source in sent for name in source.words}, plan.terms)
    arrived = tuple(ArrivedRows(source.schema, source.words, source.aggregator) for source in sent)
    counts = WorkCounts.of(sent[0].given.sparkSession)
    stood = [] if before is None else [of_memberships(before, parts)]
    gatherer = Merge(finalisation, arrived, plan.carried, counts, stood[0].schema if stood else None)
    sources = tuple(Origin(source.frame, source.frame or "queries") for source in sent)
    sources += (Origin("", "decisions before"),) * len(stood)
    return HitMatrixJob(shuffled([*sent, *stood], parts, counts), gatherer, parts.subject_type, counts, sources)
