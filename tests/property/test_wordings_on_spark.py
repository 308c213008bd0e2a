"""One question in many wordings: each says what Spark says of it alone, all say the same, and hardly any runs alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlglot import exp

from rules_engine.logical import (
    aggregate_conditions,
    block_reader,
    case_conditions,
    disjunctive_form,
    join_reader,
    left_joins,
    made_frames,
    normal_form,
    other_subjects,
    placed_rows,
    rewrites,
    subject_aggregates,
    summed_cases,
)
from rules_engine.logical.join_reader import Left
from rules_engine.logical.joined_conditions import beside
from rules_engine.logical.joined_rows import HeldRow
from rules_engine.logical.left_joins import _look_up as look_up
from rules_engine.logical.merged_blocks import with_missing
from rules_engine.logical.query_blocks import Block
from rules_engine.logical.rewrites import _of_truth as of_truth
from rules_engine.logical.subject_aggregates import SubjectAggregateReader
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.schemas import Schema
from rules_engine.plan import planner, shared_aggregation, shared_windows
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import plan
from rules_engine.plan.shared_aggregation import _made as made
from rules_engine.plan.shared_aggregation import arguments, beside_aggregates, joined_source, shared
from rules_engine.plan.shared_windows import _numbered as numbered
from rules_engine.spark.dimension_lists import values
from rules_engine.spark.evaluator import SparkEvaluator
from tests import small_lake
from tests.asked_together import alone, hits_of, rule_of
from tests.property.questions import NO_OTHERS
from tests.property.wordings import MEANINGS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALL = [*chain(*MEANINGS.values(), NO_OTHERS)]


@pytest.fixture(scope="module")
def expected(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[int]]:
    """Spark's answer to one wording of each meaning, for all of them, and to every other question."""
    found = alone(spark, tmp_path_factory.mktemp("alone"), [*(said[0] for said in MEANINGS.values()), *NO_OTHERS])
    return found | {sql: found[said[0]] for said in MEANINGS.values() for sql in said}


def test_every_wording_hits_whom_spark_returns_for_it(
    spark: SparkSession, tmp_path: Path, expected: dict[str, set[int]]
) -> None:
    """NULL keys, NULL values, orphans, repeats in what is looked up, subjects without rows: all are in the lake."""
    found = hits_of(spark, tmp_path, ALL)
    assert [sql for sql in ALL if found[sql] != expected[sql]] == []


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_meaning_is_of_some(meaning: str, expected: dict[str, set[int]]) -> None:
    """Neither nobody nor everybody: what its wordings say is told apart from what they do not."""
    assert 0 < len(expected[MEANINGS[meaning][0]]) < 60


def test_hardly_any_wording_runs_as_a_query_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    """Of those that say what rows are there, or what they come to, at most one in twenty."""
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path))
    wordings = [*chain(*MEANINGS.values())]
    rules = small_lake.rule_set(*(rule_of(n, sql) for n, sql in enumerate(wordings)))
    matrix, schema = HitMatrix.of(rules), evaluator.schema(small_lake.AS_OF)
    bound = bound_rules(matrix, schema, small_lake.AS_OF)
    known = values(evaluator.spark, values_wanted(bound))
    own = [version.sql for version, _ in plan(matrix, bound, schema, known).alone]
    assert len(own) <= 0.05 * len(wordings), own


def as_left_join(select: exp.Select) -> None:
    for join in select.args.get("joins") or []:
        if (join.args.get("side") or "").upper() == "FULL":
            join.set("side", "LEFT")


def _unasked(query: exp.Select | None) -> exp.Select | None:
    if query is not None:
        query.set("where", None)
    return query


def _as_null(held: HeldRow) -> HeldRow:
    return held._replace(aggregates=tuple(each._replace(counts=False) for each in held.aggregates))


def _of_subject(held: HeldRow) -> HeldRow:
    of = (each._replace(rows=each.rows._replace(key="r0.customer_id")) for each in held.aggregates)
    return held._replace(aggregates=tuple(of))


def _by_subject(held: HeldRow) -> HeldRow:
    return held._replace(aggregates=tuple(each._replace(by="") for each in held.aggregates))


def _as_inner_join(*said: Any) -> tuple[exp.Join, exp.Column] | None:
    found = look_up(*said)
    if found:
        found[0].set("side", None)
    return found


def _as_join(_: object, left: Left, conditions: list[exp.Expr], block: Block, *_others: object) -> list[exp.Expr]:
    block.where += [*left.inner.where, *left.on]
    return conditions


def _as_not_exists(block: Block, schema: Schema) -> Block:
    found = with_missing(block, schema)
    return replace(found, missing=dict.fromkeys(found.missing, False))


def _as_looked_up(block: Block, schema: Schema) -> Block:
    return replace(with_missing(block, schema), missing={})


LEFT = "SELECT c.customer_id FROM customers c LEFT JOIN holdings h ON h.customer_id = c.customer_id"
FAULTS = {
    "NOT IN is taken for NOT EXISTS": (block_reader, "is_given", lambda *_: True, " NOT IN ("),
    "NOT IN of a row's value is taken for NOT EXISTS": (
        normal_form,
        "with_missing",
        _as_not_exists,
        "country NOT IN (",
    ),
    "a look-up without a row is taken for one with a row": (
        normal_form,
        "with_missing",
        _as_looked_up,
        "LEFT ANTI JOIN products p ON p.product = h.product AND p.type = 'bond' GROUP BY",
    ),
    "a count of nothing is no count": (normal_form, "counted", lambda of: (tuple(of), False), "(SELECT count(*) FROM"),
    "nothing is true of no row": (aggregate_conditions, "holds", lambda *_: False, "HAVING count(CASE"),
    "a LEFT JOIN is taken for a join": (join_reader, "rejects_null", lambda *_: True, f"{LEFT} WHERE"),
    "EXCEPT is taken for INTERSECT": (disjunctive_form, "denied", lambda asked: asked, " EXCEPT "),
    "NOT of both is taken for both": (
        disjunctive_form,
        "_inwards",
        lambda of: of.this.unnest() if isinstance(of, exp.Not) else of,
        "WHERE NOT ((",
    ),
    "AND is taken for OR": (disjunctive_form, "_both", lambda one, other: one + other, "INTERSECT"),
    "two filters are taken for one": (
        aggregate_conditions,
        "aggregates",
        lambda _: [],
        " FILTER (WHERE product = 'BOND') > ",
    ),
    "a group by two columns is taken for one by the subject": (
        planner,
        "shared",
        lambda rows, asked, by=(): shared(rows, asked),
        "GROUP BY customer_id, ",
    ),
    "a row is held against any subject's value": (
        planner,
        "joined_source",
        lambda rows, wheres, schema: joined_source(rows._replace(ties=()), wheres, schema),
        "h.balance < c.spend",
    ),
    "bool_and is taken for bool_or": (
        rewrites,
        "_of_truth",
        lambda _, true, false: of_truth(exp.LogicalOr(), true, false),
        "bool_and(",
    ),
    "what max_by orders by is taken for its value": (
        shared_aggregation,
        "arguments",
        lambda written: arguments(written)[::-1],
        "max_by(h.balance, ",
    ),
    "a FULL JOIN is taken for a LEFT JOIN": (
        rewrites,
        "_full_join",
        as_left_join,
        "SELECT h.customer_id FROM customers c FULL",
    ),
    "what is not true is taken for what is false": (
        case_conditions,
        "is_not_true",
        lambda of: exp.Not(this=exp.Paren(this=of.copy())),
        "CASE WHEN c.spend",
    ),
    "all rows before are taken for the last one": (
        placed_rows,
        "rows_between",
        lambda _: "ROWS BETWEEN CURRENT ROW AND CURRENT ROW",
        "ROWS BETWEEN 1 PRECEDING",
    ),
    "the rows that meet one filter are numbered for another": (
        shared_windows,
        "_numbered",
        lambda filters, schema: numbered({before: [*chain(*filters.values())] for before in [*filters][:1]}, schema),
        "ORDER BY spend DESC, customer_id) AS n FROM customers WHERE",
    ),
    "groups that their HAVING drops are counted": (
        shared_aggregation,
        "_made",
        lambda groups, schema: made(groups._replace(having=groups.having and ""), schema),
        "HAVING sum(balance) > 0) t GROUP BY",
    ),
    "the first side of UNION ALL is taken for both": (
        made_frames,
        "_sides",
        lambda query: [query.this],
        "UNION ALL SELECT customer_id, spend",
    ),
    "a group that may be missing is taken for one that is there": (
        SubjectAggregateReader,
        "_left",
        _as_join,
        "coalesce(a.n, 0) = coalesce(b.m, 0)",
    ),
    "a count of no rows beside another is taken for NULL": (
        planner,
        "beside_aggregates",
        lambda several, schema: beside_aggregates([(_as_null(held), bound) for held, bound in several], schema),
        "(SELECT count(*) FROM holdings h WHERE h.customer_id = c.customer_id) = (SELECT",
    ),
    "what is greater than the last is taken for what is greater than the first": (
        subject_aggregates,
        "_BEYOND",
        {exp.GT: exp.Min, exp.GTE: exp.Min, exp.LT: exp.Max, exp.LTE: exp.Max},
        "AND x.balance",
    ),
    "a row without a value is taken for one that others come after": (
        subject_aggregates,
        "_or_null",
        lambda condition, *_: condition,
        "AND x.balance > h.balance) AND",
    ),
    "what all rows come to is taken for what the subject's do": (
        planner,
        "beside_aggregates",
        lambda several, schema: beside_aggregates([(_of_subject(held), bound) for held, bound in several], schema),
        "spend > (SELECT avg(balance)",
    ),
    "a row's own value is taken for its subject": (
        planner,
        "beside_aggregates",
        lambda several, schema: beside_aggregates([(_by_subject(held), bound) for held, bound in several], schema),
        "= h.holding_id AND o.spend > 3)",
    ),
    "a set is taken for a list": (rewrites, "_is_set", lambda _: False, "size(collect_set("),
    "a row without the key that is looked up is taken for none": (
        left_joins,
        "_look_up",
        _as_inner_join,
        ") IS NULL AND h.",
    ),
    "a CASE that gives points is taken for one that must be met": (
        summed_cases,
        "_shortest",
        lambda _, number: [(True,) * number],
        " THEN 1 ELSE 0 END + CASE",
    ),
    "what rows come to beside a subject is not asked": (
        disjunctive_form,
        "beside",
        lambda query, schema: _unasked(beside(query, schema)),
        "NULLIF(COUNT(h.holding_id), 0) >= 0.3",
    ),
    "the farthest of other subjects is taken for the nearest": (
        other_subjects,
        "_FARTHEST",
        {exp.GT: exp.Min, exp.GTE: exp.Min, exp.LT: exp.Max, exp.LTE: exp.Max},
        "o.country = c.country AND o.spend > c.spend",
    ),
    "how many are beyond a subject is taken for its place": (
        other_subjects._Reader,
        "_place",
        lambda *_: ("rank()", 0),
        "SELECT COUNT(*) FROM customers x",
    ),
    "what no row comes to is what a row of NULL comes to": (block_reader, "passes_over_null", lambda *_: True, LEFT),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, set[int]], fault: str
) -> None:
    """A reading that takes one question for another gives other hits."""
    module, name, wrong, about = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)
    asked = [sql for sql in NO_OTHERS if about in sql]
    found = hits_of(spark, tmp_path, asked)
    assert [sql for sql in asked if found[sql] != expected[sql]]
