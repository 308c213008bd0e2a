"""What a run read of one subject, out of the run's own snapshots, and what of it would have to be otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rules_engine.model.frames import Lake
from rules_engine.model.history import HistoryRecord
from rules_engine.model.rule_sets import RuleSet
from rules_engine.review.answers import answers
from rules_engine.review.nearest import nearest_facts
from rules_engine.review.seen import seen
from rules_engine.review.snapshot import Reopened, reopened
from rules_engine.review.turning import Case, Outcome
from rules_engine.review.why import Why

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def with_values(known: Why, spark: SparkSession, lake: Lake, rule_set: RuleSet, *, nearest: bool = False) -> Why:
    """
    The same with the values that the run read, out of its own snapshots.

    Raises:
        RunRefused: If the subjects' frame is there no more as the run read it.
    """
    record = known.record
    opened = reopened(spark, lake, record.snapshots, rule_set.reference_lists)
    here = [v for v in known.case.versions if not opened.missing_for(v)]
    found = answers(opened.spark, here, opened.lake, rule_set.as_of, [record.subject]).get(record.subject, {})
    outcomes = {**known.case.outcomes, **{v.id: found.get(v.id, Outcome.MISS) for v in here}}
    case = replace(known.case, outcomes=outcomes)
    values = seen(opened, known.case.versions, record.subject, rule_set.as_of)
    facts = nearest_facts(opened, case, record.subject, rule_set.as_of) if nearest else None
    told = known.told or len(here) == len(known.case.versions)
    return Why(record, case, told, values, opened.gone, _odd(record, case, opened), facts)


def _odd(record: HistoryRecord, case: Case, opened: Reopened) -> tuple[str, ...]:
    """The rules that hit by the record and not by the snapshot, or the other way round."""
    hit = {f"{h.key}/{h.version}" for h in record.hits}
    asked = [v for v in case.versions if not v.shadow and not opened.missing_for(v)]
    return tuple(v.id for v in asked if (v.id in hit) != case.is_hit(v))
