"""The Spark plan, the naive plan and decide() agree."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from sqlglot import exp

from rules_engine.logical.query_tree import NotUnderstoodError, query_tree
from rules_engine.model.decisions import Decision, Event, Reason, Standing, Tally, decide
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, Strategy, Tie, WhenUnknown
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.sql.allow_list import Category, allowed
from rules_engine.worker.weighing import EVENTS, REASONS, STANDINGS, Numbers, Sides, Weighing, decided
from tests import naive
from tests.small_lake import put, rule, rule_set, write

SQL_OF_CUSTOMERS = [
    "country = 'GB'",
    "country IN ('GB', 'FR') AND NOT (spend IS NULL)",
    "coalesce(spend, 0) >= 3.50",
    "spend > 10",
    "NOT (spend > 10)",
    "country LIKE 'G%'",
    "country <=> NULL",
    "score > 1",
    "score = 0",
    "isnan(score) OR score < 0",
    "datediff(:as_of, joined) >= 3650",
    "joined <= add_months(:as_of, -120)",
    "CASE WHEN spend > 10 THEN country = 'GB' ELSE false END",
    "spend <> 0 AND 100 / spend > 5",
    "upper(country) <> 'FR'",
    "EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = customers.customer_id AND h.balance > 5)",
    "customer_id NOT IN (SELECT customer_id FROM holdings WHERE product = 'BOND')",
    "spend > 3 AND NOT EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = customers.customer_id AND h.role = 'PRIMARY')",
    "country NOT IN ('GB', 'DE') OR spend BETWEEN 2 AND 9.99",
    "NOT (country LIKE 'F%' OR spend IS NULL)",
    "score <= 1 AND score >= -1.5",
    "length(country) = 2 AND lower(country) LIKE 'g%'",
    "spend >= 3.505",
    "month(joined) IN (1, 2, 6) AND year(joined) > 2000",
    "joined BETWEEN DATE'2000-01-01' AND date_sub(:as_of, 1000)",
]
SQL_OF_HOLDINGS = [
    "product = 'BOND'",
    "balance > 10 AND role = 'PRIMARY'",
    "balance > 10",
    "role = 'SECONDARY' OR balance IS NULL",
]
STATEMENTS = [
    "SELECT customer_id FROM holdings WHERE role = 'SECONDARY'",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 10",
    "SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE p.type = 'bond'",
    "WITH rich AS (SELECT customer_id FROM customers WHERE spend > 10) SELECT customer_id FROM rich",
    "SELECT customer_id FROM holdings WHERE role = 'PRIMARY' GROUP BY customer_id HAVING sum(balance) > 5 AND count(*) > 1",
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING 100 / count(*) > 30",
    "SELECT customer_id FROM holdings WHERE product = 'BOND' GROUP BY customer_id",
    "SELECT c.customer_id FROM customers c WHERE NOT EXISTS "
    "(SELECT 1 FROM holdings h WHERE h.customer_id = c.customer_id AND h.balance > 5)",
    "SELECT c.customer_id FROM customers AS c WHERE c.spend > 5 AND EXISTS "
    "(SELECT 1 FROM holdings h WHERE c.customer_id = h.customer_id AND (h.role = 'PRIMARY' OR h.balance IS NULL))",
    "SELECT customer_id FROM customers c WHERE c.country = 'GB' AND "
    "(SELECT count(*) FROM holdings h WHERE h.customer_id = c.customer_id AND h.role = 'PRIMARY') < 2",
    "SELECT c.customer_id FROM customers c WHERE "
    "(SELECT count(*) FROM holdings h WHERE h.customer_id = c.customer_id AND h.balance * 2 > 3) >= 2",
    "SELECT h.customer_id FROM holdings h JOIN products p ON p.product = h.product WHERE p.type <> 'bond' AND h.balance > 3",
    "SELECT t.customer_id FROM (SELECT customer_id, balance, row_number() OVER (PARTITION BY customer_id "
    "ORDER BY balance DESC NULLS LAST, product, role) AS place FROM holdings) t WHERE t.place <= 1 AND t.balance > 4",
    "SELECT t.customer_id FROM (SELECT customer_id, balance, row_number() OVER (PARTITION BY customer_id "
    "ORDER BY balance DESC NULLS LAST, product, role) AS place FROM holdings) t WHERE t.place = 2",
    "WITH held AS (SELECT customer_id, count(*) AS n FROM holdings GROUP BY customer_id) "
    "SELECT c.customer_id FROM customers c JOIN held ON held.customer_id = c.customer_id WHERE held.n > 1 AND c.spend > 2",
    "WITH held AS (SELECT customer_id, count(*) AS n FROM holdings GROUP BY customer_id) "
    "SELECT c.customer_id FROM customers c JOIN held ON held.customer_id = c.customer_id WHERE held.n = 1",
]
TYPES = (
    MembershipType("GOLD"),
    MembershipType("KEEP", tie=Tie.KEEP),
    MembershipType("OPEN", margin=-10),
    MembershipType("STRICT", strategy=Strategy.ANY_EXCLUSION_BLOCKS, margin=15),
    MembershipType("HEAVY", strategy=Strategy.MAX_WEIGHT, veto_weight=40),
)


def random_rules(seed: int, size: int) -> RuleSet:
    """A rule set of every kind, form, policy and meaning of unknown."""
    chance = random.Random(seed)
    versions = []
    for number in range(size):
        frame, sql = chance.choice(
            [("customers", s) for s in SQL_OF_CUSTOMERS * 3]
            + [("holdings", s) for s in SQL_OF_HOLDINGS * 3]
            + [("", s) for s in STATEMENTS]
        )
        said = {
            "kind": chance.choice([Kind.INCLUSION, Kind.INCLUSION, Kind.EXCLUSION]),
            "membership_type": chance.choice(TYPES).key,
            "weight": chance.choice([10, 20, 30, 50]),
            "when_unknown": chance.choice([WhenUnknown.MISS, WhenUnknown.MISS, WhenUnknown.HIT, WhenUnknown.HOLD]),
            "shadow": chance.random() < 0.1,
            "metadata": {"true_when_empty": True},
        }
        versions.append(rule(f"R-{number}", sql, **said, **({"frame": frame} if frame else {})))
    return rule_set(*versions, types=TYPES)


@pytest.fixture(scope="module")
def place(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SparkEvaluator, dict[object, naive.Outcomes]]:
    """One small lake for the module, and what the naive queries over it have answered so far."""
    return SparkEvaluator(spark, write(tmp_path_factory.mktemp("lake"))), {}


Place = tuple[SparkEvaluator, dict[object, naive.Outcomes]]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_staged_decisions_are_those_of_the_naive_plan(place: Place, tmp_path: Path, seed: int) -> None:
    """Two days of random rule sets: sums, reasons and events equal one query per rule and decide()."""
    evaluator, asked = place
    spark, lake = evaluator.spark, evaluator.lake
    before: dict[naive.Pair, Standing] = {}
    previous = None
    for day, rules in enumerate([random_rules(seed, 60), random_rules(seed + 100, 30)]):
        evaluator.check(rules)
        folder = str(tmp_path / f"run-{day}")
        evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), folder, previous)
        expected = naive.decisions(spark, lake, rules, before, asked)
        staged = spark.read.parquet(f"{folder}/decisions")
        assert evaluation.decisions_digest == digest_by_spark(staged)
        rows = staged.collect()
        found = {(r["subject"], r["membership_type"]): r for r in rows}
        assert found.keys() == expected.keys()
        for pair, (tally, decision) in expected.items():
            row = found[pair]
            assert (row["inclusion_sum"], row["exclusion_sum"]) == (tally.inclusion_sum, tally.exclusion_sum), pair
            assert Decision(row["granted"], Reason(row["reason"]), Event(row["event"])) == decision, pair
        members = {t.membership_type: t.members_after for t in evaluation.types}
        granted = [pair[1] for pair, (_, decision) in expected.items() if decision.granted]
        assert members == {key: granted.count(key) for key in members}
        before = {p: _standing(found[p]) for p in found}
        previous = folder


def digest_by_spark(staged: DataFrame) -> str:
    """What the digest of a run is, by Spark's own hash of what was staged: it does not depend on who decides."""
    columns = (
        "subject, membership_type, granted, reason, event, inclusion_sum, exclusion_sum, inclusion_hits, "
        "exclusion_hits, words, first_granted, merged_into"
    )
    hashes = [row[0] for row in staged.selectExpr(f"xxhash64({columns})").collect()]
    return f"{len(hashes)}-{reduce(xor, hashes, 0) & _LONG:016x}-{sum(hashes) & _LONG:016x}"


_LONG = 2**64 - 1


def test_hits_are_counted_once_per_subject_and_unknown_apart(place: Place, tmp_path: Path) -> None:
    """Per rule the matrix holds exactly the subjects that one query of the rule finds, and those it leaves unknown."""
    evaluator, asked = place
    rules = random_rules(7, 50)
    matrix = HitMatrix.of(rules)
    evaluator.check(rules)
    evaluation = evaluator.evaluate(rules, matrix, str(tmp_path / "run"), None)
    for version in rules.versions:
        true, unknown = naive.outcomes(evaluator.spark, evaluator.lake, version, rules, asked)
        hits = true | unknown if version.when_unknown is WhenUnknown.HIT else true
        assert evaluation.hits_per_rule[version.id] == len(hits), version
    assert evaluation.evaluated_pairs == 60 * 50


RARE = """
    percentile(balance, 0.5) > 1 | approx_count_distinct(product) > 1 | stddev(balance) > 1 | corr(balance, holding_id) > 0
    size(collect_set(product)) > 1 | abs(try_sum(balance)) > 5 | median(balance) > 1 AND count(*) > 1
"""


def test_rare_aggregates_are_asked_of_groups(place: Place, tmp_path: Path) -> None:
    """What the logical reading does not know as an aggregate is no call about one row: such a rule runs alone."""
    evaluator, asked = place
    texts = [f"SELECT customer_id FROM holdings GROUP BY customer_id HAVING {each.strip()}" for each in split(RARE)]
    rules = rule_set(*(rule(f"R-{number}", text) for number, text in enumerate([*texts, *STATEMENTS[:2]])))
    evaluator.check(rules)
    evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    for version in rules.versions:
        true, _ = naive.outcomes(evaluator.spark, evaluator.lake, version, rules, asked)
        assert evaluation.hits_per_rule[version.id] == len(true) > 0, version.sql


def test_nan_is_more_than_every_number_whoever_wrote_the_file(spark: SparkSession, tmp_path: Path) -> None:
    """Alone as in a shared pass: the statistics of a Parquet file need not count NaN."""
    lake = write(tmp_path / "lake")
    put(
        tmp_path / "lake" / "customers",
        {
            "customer_id": pa.array(range(1, 9), pa.int64()),
            "country": pa.array(["GB"] * 8),
            "joined": pa.array([None] * 8, pa.date32()),
            "spend": pa.array([None] * 8, pa.decimal128(12, 2)),
            "score": pa.array([1.5, float("nan")] * 4),
        },
    )
    evaluator = SparkEvaluator(spark, lake)
    shared, alone = "SELECT customer_id FROM customers WHERE score > 5", " EXCEPT ALL SELECT customer_id FROM holdings"
    rules = rule_set(rule("R-1", shared), rule("R-2", f"{shared}{alone} WHERE balance > 1e9"))
    evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    assert [*evaluation.hits_per_rule.values()] == [4, 4]
    assert evaluator.spark.sql(shared).count() == 4, "of files that are not held in memory"


def split(text: str) -> list[str]:
    return [each for line in text.strip().split("\n") for each in line.split("|")]


def test_no_aggregate_is_read_as_a_call_about_one_row() -> None:
    """Each of the list is one that the logical reading knows, or its statement is not read."""
    aggregates = [name for name, known in allowed().functions.items() if known.category is Category.AGGREGATE]
    for name in aggregates:
        try:
            root = query_tree(f"SELECT k FROM t GROUP BY k HAVING {name}(x) > 1").root
        except NotUnderstoodError:
            continue
        assert list(root.find_all(exp.AggFunc)), name
    assert len(aggregates) > 30


def _standing(row: object) -> Standing:
    if row["granted"]:  # type: ignore[index]
        return Standing.MEMBER
    return Standing.FORMER if row["first_granted"] else Standing.NEVER  # type: ignore[index]


Decide = Callable[[Tally, MembershipType, Standing], Decision]


def _disagreements(judge: Decide) -> int:
    """How often the worker's arithmetic and ``judge`` differ over every small tally, policy and standing."""
    policies = [
        MembershipType(f"P{n}", strategy=s, margin=m, tie=t, veto_weight=v)
        for n, (s, m, t, v) in enumerate(itertools.product(Strategy, (-10, 0, 1, 15), Tie, (None, 20)))
        if t is Tie.DENY or m == 1
    ]
    sides = [(0, 0, 0), (1, 10, 10), (2, 20, 10), (1, 20, 20), (2, 30, 20)]
    cases = [
        (Tally(ih, eh, i, e, im, em, held), policy, standing)
        for (ih, i, im), (eh, e, em), held, policy, standing in itertools.product(
            sides, sides, (False, True), policies, Standing
        )
        if ih or eh or held
    ]
    found = Counter[bool]()
    for policy in policies:
        of_type = [(tally, standing) for tally, each, standing in cases if each is policy]
        sides = Sides(
            {k: numbers(of_type, f"{k.value}_hits") for k in Kind}, {k: numbers(of_type, f"{k.value}_sum") for k in Kind},
            {k: numbers(of_type, f"{k.value}_max") for k in Kind}, numbers(of_type, "held").astype(bool),
        )  # fmt: skip
        codes = np.array([STANDINGS.index(standing) for _, standing in of_type], dtype=np.int8)
        made = decided(sides, Weighing.of(policy), codes)
        for row, (tally, standing) in enumerate(of_type):
            said = Decision(bool(made.granted[row]), REASONS[made.reason[row]], EVENTS[made.event[row]])
            found[said != judge(tally, policy, standing) or not made.decided[row]] += 1
    return found[True]


def numbers(cases: list[tuple[Tally, Standing]], name: str) -> Numbers:
    return np.array([getattr(tally, name) for tally, _ in cases], dtype=np.int64)


def test_the_arithmetic_of_columns_is_decide() -> None:
    """Every combination of sums, counts, strategy, margin, tie, veto, held and standing."""
    assert _disagreements(decide) == 0


def test_a_wrong_definition_is_noticed() -> None:
    """Control: a decide() that grants ties disagrees with the plan."""

    def grants_ties(tally: Tally, policy: MembershipType, before: Standing) -> Decision:
        decision = decide(tally, policy, before)
        if decision.reason is Reason.TIE and not decision.granted:
            return Decision(True, decision.reason, decision.event)
        return decision

    assert _disagreements(grants_ties) > 0
