"""The hits of a rule set as plans without an index find them: slower, and without the faults that an index can have."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench import fused
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.spark.evaluator import SparkEvaluator
from tests import naive
from tests.acceptance.compare import hits_of


def hits_by_plan(evaluator: SparkEvaluator, rule_set: RuleSet, work: Path) -> dict[str, pd.DataFrame]:
    """
    The name of a plan to rows rule_id, customer_id: a query a rule, and one CASE a rule over each frame.

    Rules to which unknown is a hit are not for them: they say what is true.
    """
    spark, lake = evaluator.spark, evaluator.lake
    asked: dict[object, naive.Outcomes] = {}
    pairs = (
        (version.key, str(subject))
        for version in rule_set.versions
        for subject in naive.outcomes(spark, lake, version, rule_set, asked)[0]
    )
    of_queries = pd.DataFrame(pairs, columns=["rule_id", "customer_id"])
    fused.matrix(spark, lake, rule_set, work / "fused-work").write.parquet(str(work / "fused"))
    return {"naive": of_queries, "fused": hits_of(HitMatrix.of(rule_set), pd.read_parquet(work / "fused"))}
