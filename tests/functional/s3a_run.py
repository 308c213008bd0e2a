"""A run over a lake on S3, in a JVM of its own: `python -m tests.functional.s3a_run ENDPOINT WORK`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rules_engine.java import find_java
from rules_engine.lake import declaration
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark import session
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import AS_OF, DECLARATION, rule, rule_set

HADOOP_AWS = "org.apache.hadoop:hadoop-aws:3.4.2"


def main(endpoint: str, work: Path) -> None:
    """Evaluate three rules over s3a://lake and print what was counted."""
    more = {
        "spark.jars.packages": HADOOP_AWS,
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": "eu-west-1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.access.key": "test",
        "spark.hadoop.fs.s3a.secret.key": "test",
    }
    spark = session.start(find_java(work / "java"), work, "local[2]", "2g", more)
    evaluator = SparkEvaluator(spark, declaration.parse(DECLARATION, "s3a://lake"))
    rules = rule_set(
        rule("A", "country = 'GB'"),
        rule("B", "product = 'BOND'", frame="holdings"),
        rule("C", "SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 10"),
    )
    evaluator.check(rules)
    evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), "s3a://lake/runs/one", None)
    found = {"hits": dict(evaluation.hits_per_rule), "snapshots": dict(evaluator.snapshots(AS_OF))}
    found["digest"] = evaluation.decisions_digest
    print(json.dumps(found))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
