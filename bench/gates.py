"""``python -m bench.gates``: what all gates of a rule set take, by a Spark that was just started, as `rules check` starts it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import data, mixed_data
from bench.measure import Meter
from bench.rule_sets import data_of, rule_set
from rules_engine.java import find_java
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator

CUSTOMERS = 2_000
"""So that frames have types; gates read no row of them."""


def main() -> None:
    """Check a set of rules once, and print a line: a second set would find a JVM that is warm."""
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("rules", nargs="?", default="all-1000")
    reads.add_argument("--work", type=Path, default=Path("build") / "bench")
    told = reads.parse_args()
    rules, load, place = rule_set(told.rules), os.getloadavg()[0], told.work / "data"
    if data_of(told.rules) is mixed_data:
        lake = mixed_data.lake(mixed_data.made(CUSTOMERS, 1, place))
    else:
        lake = data.lake(data.made(data.Population(CUSTOMERS), place))
    with TemporaryDirectory() as work:
        spark = session.start(find_java(told.work / "java"), Path(work), "local[2]", "4g", quick=True)
        try:
            evaluator = SparkEvaluator(spark, lake)
            evaluator.snapshots(rules.as_of)
            with Meter() as meter:
                evaluator.check(rules)
        finally:
            spark.stop()
    cost = meter.cost
    print(f"{told.rules}: {len(rules.versions):,} rules, {cost.wall:.1f} s, CPU {cost.cpu:.1f} s (load {load:.1f})")


if __name__ == "__main__":
    main()
