"""A preview counts whom a run would find, and its clauses leave what each leaves by itself (R-PLAN)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.review.answers import answers
from rules_engine.review.preview import Preview, preview
from rules_engine.review.turning import Outcome
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.sql.lexer import bind
from tests.small_lake import AS_OF, rule, write
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULES = """
    frame     | sql                                                                 | clauses | because
    ----------+---------------------------------------------------------------------+---------+------------------------------
    customers | country = 'GB' AND spend > 1 AND joined <= :as_of                    | 3       | one row a subject
    customers | country = 'FR' OR score > 0                                         | 2       | any of them
    customers | spend <> 0 AND 1 / spend > 0.2                                      | 2       | one that fails by itself
    customers | EXISTS (SELECT 1 FROM holdings AS h WHERE h.customer_id = customers.customer_id) AND spend > 1 | 2 | it asks other rows
    holdings  | product = 'BOND' AND balance > 3                                    | 2       | many rows, some of nobody
                | SELECT customer_id FROM holdings WHERE balance > 0 GROUP BY customer_id HAVING COUNT(*) >= 2 | 2 | groups
                | SELECT h.customer_id FROM holdings AS h JOIN products AS p ON p.product = h.product WHERE p.type = 'bond' AND h.balance > 1 | 2 | a join
                | SELECT customer_id FROM holdings WHERE balance > 10 UNION SELECT customer_id FROM customers WHERE spend > 5 | 0 | a query of another shape
"""


@pytest.fixture(scope="module")
def evaluator(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkEvaluator:
    place: Path = tmp_path_factory.mktemp("preview")
    return SparkEvaluator(spark, write(place))


@pytest.mark.parametrize("case", cases(RULES))
def test_counts_are_those_of_a_run(evaluator: SparkEvaluator, case: Row) -> None:
    """Hits, unknown and misses add up to everybody, samples are hits, and the last clause in order leaves the hits."""
    version = rule("P-1", case["sql"], frame=case["frame"].strip())
    schema = evaluator.schema(AS_OF)
    found = preview(evaluator.spark, evaluator.lake, schema, version, AS_OF)
    everybody = {row[0] for row in evaluator.spark.table("customers").select("customer_id").collect()}
    told = answers(evaluator.spark, [version], evaluator.lake, AS_OF, everybody)
    outcomes = [told.get(subject, {}).get("P-1/1", Outcome.MISS) for subject in everybody]
    counted = [outcomes.count(each) for each in (Outcome.HIT, Outcome.UNKNOWN, Outcome.MISS)]
    assert [found.hits, found.unknown, found.misses] == counted
    hit = {str(subject) for subject, of in told.items() if of.get("P-1/1") is Outcome.HIT}
    assert {sample["subject"] for sample in found.samples} <= hit
    assert len(found.samples) == min(10, len(hit))
    assert len(found.parts) == int(case["clauses"]) - ("1 / spend" in case["sql"])
    if found.parts and found.joined != "or":
        assert found.parts[-1].in_order >= found.hits
    _each_alone(evaluator, found, case["frame"].strip())


def _each_alone(evaluator: SparkEvaluator, found: Preview, frame: str) -> None:
    """Each clause of a condition, asked by itself."""
    for part in found.parts if frame else ():
        key = evaluator.lake.frame(frame).subject_key
        asked = f"SELECT DISTINCT {key} AS subject FROM {frame} WHERE {bind(part.sql, {}, AS_OF)}"
        among = f"SELECT count(*) FROM ({asked}) WHERE subject IN (SELECT customer_id FROM customers)"
        assert evaluator.spark.sql(among).collect()[0][0] == part.alone
