"""
Rules that fail while they run: each is named, and none changes a decision it should not (R-ENG-6).

Every fault of the table has a membership type of its own, which an honest inclusion grants to everybody, and is in it
twice, as an inclusion and as an exclusion. Three days: decided, held because the rules of the table
came, decided again because they went.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.failing import OnFailure
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation, Manifest
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, RuleVersion
from rules_engine.spark.evaluator import SparkEvaluator
from tests.faults import faulty_lake
from tests.small_lake import AS_OF, rule, rule_set
from tests.spec.table import Row, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FAULTS = """
    frame     | rule                                                                                        | says                            | because
    ----------+---------------------------------------------------------------------------------------------+---------------------------------+-----------------------------------------
    customers | 100 / spend > 5                                                                             | DIVIDE_BY_ZERO                  | one customer spent nothing
    customers | 10 % (n - 2147483647) = 1                                                                   | REMAINDER_BY_ZERO               | a remainder of nothing
    customers | CAST(code AS INT) > 3                                                                       | CAST_INVALID_INPUT              | one code is no number
    customers | CAST(code AS DECIMAL(5,2)) > 3                                                              | CAST_INVALID_INPUT              | one code is no decimal
    customers | CAST(code AS BOOLEAN)                                                                       | CAST_INVALID_INPUT              | a code is no truth
    customers | int(code) > 5                                                                                | CAST_INVALID_INPUT              | a cast by its short name
    customers | CAST(born AS DATE) < :as_of                                                                 | CAST_INVALID_INPUT              | 31 February
    customers | to_date(born, 'yyyy-MM-dd') < :as_of                                                        | CANNOT_PARSE_TIMESTAMP          | 31 February in a format
    customers | to_number(code, '999') > 3                                                                  | INVALID_FORMAT                  | one code is no number of that format
    customers | make_date(2024, month, 1) < :as_of                                                          | DATETIME_FIELD_OUT_OF_BOUNDS    | month 13
    customers | n + n > 5                                                                                   | ARITHMETIC_OVERFLOW             | an int grows too large
    customers | big * 2 > 5                                                                                 | ARITHMETIC_OVERFLOW             | a bigint grows too large
    customers | CAST(big AS INT) > 5                                                                        | CAST_OVERFLOW                   | a bigint is no int
    customers | amount * amount > 1                                                                         | NUMERIC_VALUE_OUT_OF_RANGE      | a decimal grows too large
    customers | CAST(amount AS DECIMAL(5,2)) > 1                                                            | NUMERIC_VALUE_OUT_OF_RANGE      | a decimal does not fit
    customers | element_at(tags, 2) = 'b'                                                                   | INVALID_ARRAY_INDEX             | one list is shorter
    customers | element_at(tags, month - 13) = 'b'                                                          | INVALID_                        | elements are counted from 1
    customers | n > (SELECT units FROM holdings WHERE product = 'BOND')                                     | SCALAR_SUBQUERY_TOO_MANY_ROWS   | a value that is many
    customers | EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = customers.customer_id AND 9 / h.balance > 1) | DIVIDE_BY_ZERO          | a fault within a sub-query
    holdings  | 10 / balance > 1                                                                            | DIVIDE_BY_ZERO                  | a fault in another frame
    statement | SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(units) > 1                 | ARITHMETIC_OVERFLOW             | a sum grows too large
    statement | SELECT customer_id FROM holdings GROUP BY customer_id HAVING 9 / max(balance) > 1           | DIVIDE_BY_ZERO                  | a fault after grouping
    statement | SELECT h.customer_id FROM holdings h JOIN customers c ON c.customer_id = h.customer_id WHERE CAST(c.code AS INT) > 1 | CAST_INVALID_INPUT | a fault after a join
"""
KINDS = [Kind.INCLUSION, Kind.EXCLUSION]
DAYS = [AS_OF, AS_OF + timedelta(days=1), AS_OF + timedelta(days=2)]
NUMBERED = list(enumerate(rows(FAULTS)))
NAMED = [row["because"] for _, row in NUMBERED]


def faulty() -> list[RuleVersion]:
    return [
        rule(
            f"{kind.name}_{number}", row["rule"], kind=kind, membership_type=f"TYPE_{number}", weight=50,
            frame="" if row["frame"] == "statement" else row["frame"],
        )
        for number, row in NUMBERED for kind in KINDS
    ]  # fmt: skip


def honest(day: date, more: list[RuleVersion]) -> RuleSet:
    """An inclusion of everybody in every type of the table, and two rules about GOLD."""
    granting = [rule(f"ALL_{number}", "customer_id > 0", membership_type=f"TYPE_{number}") for number, _ in NUMBERED]
    gold = [rule("GOLD_1", "country = 'GB'"), rule("GOLD_2", "spend > 8", kind=Kind.EXCLUSION, weight=20)]
    return rule_set(*granting, *gold, *more, as_of=day)


Staged = Mapping[tuple[int, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Played:
    """What three days staged and counted, and what the second would have without the faulty rules."""

    days: list[Staged]
    evaluations: list[Evaluation]
    without: Staged
    refused: InvalidRule
    left_by_refused: bool


@pytest.fixture(scope="module")
def played(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Played:
    place = tmp_path_factory.mktemp("faults")
    evaluator = SparkEvaluator(spark, faulty_lake.write(place / "lake"), on_failure=OnFailure.HOLD)

    def run(rules: RuleSet, folder: str, previous: str | None) -> tuple[Staged, Evaluation]:
        evaluator.check(rules)
        before = str(place / previous) if previous else None
        evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(place / folder), before)
        found = spark.read.parquet(str(place / folder / "decisions")).collect()
        return {(r["subject"], r["membership_type"]): r.asDict() for r in found}, evaluation

    first = run(honest(DAYS[0], []), "day-1", None)
    second = run(honest(DAYS[1], faulty()), "day-2", "day-1")
    third = run(honest(DAYS[2], []), "day-3", "day-2")
    without, _ = run(honest(DAYS[1], []), "other-day-2", "day-1")
    evaluator.on_failure = OnFailure.ABORT
    rules = honest(DAYS[1], faulty())
    with pytest.raises(InvalidRule) as refused:
        evaluator.evaluate(rules, HitMatrix.of(rules), str(place / "refused"), None)
    left = (place / "refused" / "decisions").exists()
    ended = [first, second, third]
    return Played([day for day, _ in ended], [e for _, e in ended], without, refused.value, left)


@pytest.mark.parametrize(("number", "row"), NUMBERED, ids=NAMED)
def test_a_failing_rule_is_named_and_its_type_held(played: Played, number: int, row: Row) -> None:
    """Held, its type has no decision of the day, its members stay, and the next day goes on from the first."""
    type_ = f"TYPE_{number}"
    (held,) = [h for h in played.evaluations[1].held if h.membership_type == type_]
    assert sorted(failure.rule for failure in held.failures) == [f"EXCLUSION_{number}/1", f"INCLUSION_{number}/1"]
    assert all(row["says"] in failure.what and failure.code == "RUN-101" for failure in held.failures)
    assert [pair for pair in played.days[1] if pair[1] == type_] == []
    (counts,) = [t for t in played.evaluations[1].types if t.membership_type == type_]
    everybody = len(faulty_lake.IDS)
    assert (counts.members_before, counts.members_after, counts.decided, held.versions) == (everybody, everybody, 0, 3)
    for subject in faulty_lake.IDS:
        again = played.days[2][subject, type_]
        assert (again["event"], again["first_granted"]) == ("RETAINED", DAYS[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("number", "row"), NUMBERED, ids=NAMED)
def test_a_failing_rule_stops_the_run_by_default(played: Played, number: int, row: Row, kind: Kind) -> None:
    """All failing rules are named at once, each with Spark's reason and its type; nothing was decided."""
    (fault,) = [f for f in played.refused.faults if f.which == f"Rule {kind.name}_{number}"]
    assert row["says"] in fault.what
    assert f"It decides about TYPE_{number}." in fault.what
    assert (bool(fault.remedy), fault.code) == (True, "RUN-101")


def test_only_the_failing_rules_are_named(played: Played) -> None:
    """No honest rule is blamed, and nothing was staged that could be published."""
    assert len(played.refused.faults) == len(faulty())
    assert not played.left_by_refused


def test_other_types_are_decided_as_without_the_failing_rules(played: Played) -> None:
    """Not one decision of the day differs from a run that never had the failing rules."""
    gold = {pair: row for pair, row in played.without.items() if pair[1] == "GOLD"}
    assert played.days[1] == gold
    assert sorted({row["event"] for row in gold.values()}) == ["NOT_GRANTED", "RETAINED"]


def test_no_reason_repeats_a_value(played: Played) -> None:
    """What a rule failed on can be personal data: a reason names the condition, never the row's value."""
    said = [failure.what for held in played.evaluations[1].held for failure in held.failures]
    assert [what for what in said if "n/a" in what or "1980" in what or "2147483647" in what] == []


def test_a_held_run_balances(played: Played) -> None:
    """The manifest adds up without the held types' rules, and each run begins with what the one before it left."""
    manifests = [
        Manifest(f"day-{i}", day, "", "", versions, {}, {}, "1", None, evaluation)
        for i, (day, evaluation, versions) in enumerate(zip(DAYS, played.evaluations, _sizes(), strict=True))
    ]
    for manifest in manifests:
        manifest.balance()
    for earlier, later in pairwise(manifests):
        later.follows(earlier)
    assert played.evaluations[1].evaluated_pairs == len(faulty_lake.IDS) * 2


def _sizes() -> list[int]:
    return [len(honest(day, more).versions) for day, more in zip(DAYS, ([], faulty(), []), strict=True)]
