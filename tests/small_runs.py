"""Two published runs over the small lake, the second decided against the first: what reviews are asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rules_engine.model.manifest import Manifest
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, WhenUnknown
from rules_engine.publication.staging import FolderRunStore
from rules_engine.review.effect import Effect
from rules_engine.run import evaluate, publish
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.in_memory import InMemoryHistory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


RULES = small_lake.rule_set(
    small_lake.rule("IN", "spend >= 0"),
    small_lake.rule("HIGH", "score > 1", weight=7),
    small_lake.rule("OUT", "country = 'FR'", weight=12, kind=Kind.EXCLUSION, when_unknown=WhenUnknown.HOLD),
    small_lake.rule("OLD", "joined < DATE '2010-01-01'", membership_type="PLUS", when_unknown=WhenUnknown.HIT),
    small_lake.rule("MAY", "country = 'DE'", weight=3, shadow=True),
    types=(MembershipType("GOLD", margin=2),),
)

EARLIER = replace(RULES, versions=RULES.versions[:3])


class Runs:
    """Two runs over the small lake, the second decided against the first, and what they left."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.lake = small_lake.write(folder / "lake", 300)
        self.spark, self.store, self.history = spark, FolderRunStore(str(folder / "runs")), InMemoryHistory()
        self.run(EARLIER, 1)
        self.last = self.run(RULES, 2)

    def run(self, rule_set: RuleSet, hour: int, *, published: bool = True) -> str:
        evaluator, at = SparkEvaluator(self.spark, self.lake), datetime(2024, 6, 1, hour, tzinfo=UTC)
        run_id = evaluate(rule_set, evaluator, self.store, at, evaluator.settings).run_id
        if published:
            publish(run_id, self.store, self.history, at)
        return run_id

    def manifest(self, run_id: str) -> Manifest:
        found = self.store.manifest(run_id)
        assert found is not None
        return found


Counts = dict[str, tuple[object, ...]]


def counts(effect: Effect) -> Counts:
    """Members after, and events, of each type of which there is anything."""
    return {t.membership_type: (t.after, dict(t.events)) for t in effect.types if t.events or t.after}


def counted(manifest: Manifest) -> Counts:
    """The same, as a run counted it."""
    whole = {t.membership_type: (t.members_after, dict(t.events)) for t in manifest.evaluation.types}
    return {key: said for key, said in whole.items() if any(said)}
