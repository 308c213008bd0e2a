"""What a pass over a source's rows is made of: an index over them, one over their groups too, or a plain filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules_engine.index.aggregate_predicates import NO_GROUPS, Groups
from rules_engine.index.grouped_index import GroupedIndex
from rules_engine.index.predicate_index import BoundPredicate, IndexExplanation, Source
from rules_engine.index.words import SUBJECT, hit_word
from rules_engine.spark.resolved_index import grouped
from rules_engine.spark.scan import select, sent_grouped
from rules_engine.spark.shuffle import HashPartitioning, ShuffleInput, of_facts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FEW = 8
"""
Conditions that Spark computes, and filters by, sooner than it hands rows to a worker.

Measured on 3 conditions over 3,000,000 joined rows: 7.1 CPU seconds by an index, 3.3 of them for the join.
"""


@dataclass(frozen=True)
class FilterPushDown:
    """Conditions that drop rows, a bit each: Spark makes no row that none of them keeps."""

    source: Source
    conditions: tuple[BoundPredicate, ...]

    @property
    def explanations(self) -> tuple[IndexExplanation, ...]:
        """Each is computed as it stands."""
        return tuple(IndexExplanation(each.cell, (), (each.sql,)) for each in self.conditions)

    def rows(self, spark: SparkSession) -> DataFrame:
        """A row for each word of a row that a condition keeps: ``subject, word, mask, unknown``."""
        words: dict[int, list[str]] = {}
        for bound in self.conditions:
            case = f"CASE WHEN {bound.sql} THEN {bound.cell.mask}L ELSE 0L END"
            words.setdefault(bound.cell.word, []).append(case)
        masks = {word: " | ".join(cases) for word, cases in sorted(words.items())}
        # Not the conditions joined by OR: what two of them share Spark would ask before the guards of either.
        made = Source(
            f"{self.source.sql} WHERE ({' | '.join(masks.values())}) <> 0", self.source.key, given=self.source.given
        )
        stacked = ", ".join(f"{word}, {mask}" for word, mask in masks.items())
        columns = [f"{self.source.key} AS {SUBJECT}", f"stack({len(masks)}, {stacked}) AS (word, mask)"]
        return select(spark, made, columns).where("mask <> 0").selectExpr("*", "false AS unknown")

    def sent(self, spark: SparkSession, parts: HashPartitioning) -> ShuffleInput:
        """What the conditions say, on its way to its subjects."""
        return of_facts(self.rows(spark), {hit_word(bound.cell.word) for bound in self.conditions}, parts)


def of_pass(
    spark: SparkSession, source: Source, conditions: Sequence[BoundPredicate], groups: Groups | None = None
) -> GroupedIndex | FilterPushDown:
    """What answers the conditions on a source's rows, and on their groups if there are any, at the least cost."""
    if (
        not groups
        and not source.frame
        and len(conditions) <= FEW
        and all(bound.filters and bound.sql for bound in conditions)
    ):
        return FilterPushDown(source, tuple(conditions))
    return grouped(spark, source, conditions, groups or NO_GROUPS)


def sent(spark: SparkSession, of: GroupedIndex | FilterPushDown, parts: HashPartitioning) -> ShuffleInput:
    """What a pass says, on its way to its subjects."""
    return sent_grouped(spark, of, parts) if isinstance(of, GroupedIndex) else of.sent(spark, parts)
