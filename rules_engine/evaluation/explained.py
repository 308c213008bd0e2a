"""Where each rule of a set goes when it is evaluated, and why: told without reading a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from rules_engine.evaluation.indexing import index
from rules_engine.evaluation.planning import plan
from rules_engine.evaluation.predicate_index import TakenApart
from rules_engine.model.frames import Schema
from rules_engine.model.hitmatrix import Cell, HitMatrix

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where one rule version goes.

    ``looked_up`` are the expressions that the index holds for it, ``computed``
    the conditions that Spark works out for it, ``whole`` says why its
    condition was not taken apart, if it was not.
    """

    rule: str
    where: str
    looked_up: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    whole: str = ""


def places(spark: SparkSession, matrix: HitMatrix, schema: Schema, as_of: date) -> list[Place]:
    """Every version's place, in the rule set's order. The frames are views of the session; Spark types them only."""
    planned = plan(matrix, schema, as_of)
    found: dict[Cell, list[TakenApart]] = {}
    for source, bounds in [(planned.subjects, planned.of_subjects), *planned.passes]:
        for placed in index(spark, source, bounds).taken_apart:
            first = Cell(placed.cell.word % matrix.words, placed.cell.mask)
            found.setdefault(first, []).append(placed)
    return [_place(version.id, planned.why[version.id], found.get(cell, ())) for version, cell in matrix.cells]


def _place(rule: str, why: str, placed: Sequence[TakenApart]) -> Place:
    where, _, reason = why.partition(": ")
    looked_up = dict.fromkeys(name for each in placed for name in each.expressions)
    computed = dict.fromkeys(sql for each in placed for sql in each.computed)
    whole = next((each.whole for each in placed if each.whole), reason)
    return Place(rule, where, tuple(looked_up), tuple(computed), whole)
