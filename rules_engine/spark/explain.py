"""Where each rule of a set goes when it is evaluated, why, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from rules_engine.index.grouped_index import GroupedIndex
from rules_engine.index.predicate_index import IndexExplanation
from rules_engine.logical.select_query import spelled
from rules_engine.model.frames import Lake
from rules_engine.model.hitmatrix import Cell, HitMatrix
from rules_engine.model.schemas import Schema
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import Pass as Read
from rules_engine.plan.planner import plan
from rules_engine.plan.standalone import batches
from rules_engine.ports import Progress, silent
from rules_engine.spark.dimension_lists import values
from rules_engine.spark.passes import FilterPushDown, of_pass, sent
from rules_engine.spark.shuffle import HashPartitioning, ShuffleInput, shuffled
from rules_engine.spark.small_frames import few_rows
from rules_engine.spark.standalone_queries import rows_of_batch
from rules_engine.worker.exchange import read_blocks
from rules_engine.worker.merge import ArrivedRows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where one rule version goes.

    ``looked_up`` are the expressions that the index holds for it, ``computed``
    the conditions that Spark works out for it, ``whole`` says why its
    condition was not taken apart, if it was not. ``seconds`` is an equal share
    of what each pass that it takes part in took.
    """

    rule: str
    where: str
    looked_up: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    whole: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pass:
    """Rows that are read once for several rules, or a batch of queries; ``seconds`` of wall time, by itself."""

    reads: str
    rules: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Explained:
    """The places of all versions, in the rule set's order, and the passes in the order in which they are run."""

    places: tuple[Place, ...]
    passes: tuple[Pass, ...]


@dataclass(frozen=True)
class _Work:
    """A pass that was not run yet: what it reads, the first bits of its rules, and its rows when asked for."""

    reads: str
    cells: frozenset[Cell]
    rows: Callable[[], DataFrame]


def explained(
    spark: SparkSession,
    matrix: HitMatrix,
    schema: Schema,
    lake: Lake,
    as_of: date,
    progress: Progress = silent,
) -> Explained:
    """
    Plan the rules, and run each pass by itself to see what it costs; its rows go nowhere.

    The frames are views of the session, and the rules must have been accepted. A run reads the passes
    together, so its time is less than their sum; the first pass also pays for what Spark does once.
    """
    rules = bound_rules(matrix, schema, as_of)
    planned = plan(matrix, rules, schema, values(spark, values_wanted(rules)))
    passes = [Read(planned.subjects, planned.of_subjects), *planned.passes]
    indexes = [of_pass(spark, *each) for each in passes if each.of_rows or each.groups]
    found: dict[Cell, list[IndexExplanation]] = {}
    for part in (part for of in indexes for part in of.explanations):
        found.setdefault(_first(part.cell, matrix), []).append(part)
    parts = HashPartitioning.of(spark, 0, 0, "string" if schema.subject_type == "string" else "bigint")
    work = [_of_index(spark, of, matrix, parts) for of in indexes]
    with few_rows(spark, schema, planned.alone) as session_of:
        for batch in batches(planned.alone):
            cells = frozenset(cell for _, cell in batch)
            rows = partial(rows_of_batch, session_of(batch), batch, lake, as_of)
            work.append(_Work("queries of their own", cells, rows))
        measured = tuple(_run(work, progress))
    shares = dict[Cell, float]()
    for cell, took in ((cell, took) for of, took in zip(work, measured, strict=True) for cell in of.cells):
        shares[cell] = shares.get(cell, 0.0) + took.seconds / took.rules
    places = (_place(v.id, planned.why[v.id], found.get(cell, ()), shares[cell]) for v, cell in matrix.cells)
    return Explained(tuple(places), measured)


def _run(work: Sequence[_Work], progress: Progress) -> Iterator[Pass]:
    for number, each in enumerate(work):
        progress(f"Measuring {each.reads}", number / len(work))
        started = time.monotonic()
        each.rows().write.format("noop").mode("overwrite").save()
        yield Pass(each.reads, len(each.cells), round(time.monotonic() - started, 3))


def _of_index(
    spark: SparkSession, of: GroupedIndex | FilterPushDown, matrix: HitMatrix, parts: HashPartitioning
) -> _Work:
    cells = frozenset(_first(part.cell, matrix) for part in of.explanations)
    return _Work(of.source.frame or spelled(of.source.sql)[:60], cells, lambda: _settled(sent(spark, of, parts), parts))


def _settled(rows: ShuffleInput, parts: HashPartitioning) -> DataFrame:
    """Rows of one source brought to their subjects, and what these come to; nothing of it is handed on."""
    arrived = ArrivedRows(rows.schema, rows.words, rows.aggregator)
    return shuffled([rows], parts).mapInArrow(_Come(arrived), "nothing int")


@dataclass(frozen=True)
class _Come:
    arrived: ArrivedRows

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        (rows,) = read_blocks(batches, [self.arrived.schema])
        subjects, aggregator = rows.column(0).unique(), self.arrived.aggregator
        against = aggregator.index.groups.against if aggregator else ()
        own = {held.expression: pa.nulls(len(subjects), pa.int64()) for held in against}
        self.arrived.by_subject(rows, subjects, own)
        yield from ()


def _first(cell: Cell, matrix: HitMatrix) -> Cell:
    """The first bit of a rule that may have several."""
    return Cell(cell.word % matrix.words, cell.mask)


def _place(rule: str, why: str, placed: Sequence[IndexExplanation], seconds: float) -> Place:
    where, _, reason = why.partition(": ")
    looked_up = dict.fromkeys(name for each in placed for name in each.expressions)
    computed = dict.fromkeys(sql for each in placed for sql in each.computed)
    whole = next((each.whole for each in placed if each.whole), reason)
    return Place(rule, where, tuple(looked_up), tuple(computed), whole, round(seconds, 4))
