"""What is shown of a decision is what the run read, and evaluating it again gives the decision (R-WHY)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rules_engine.errors import RunRefused
from rules_engine.model.decisions import Standing
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, MembershipType, RuleVersion, WhenUnknown
from rules_engine.publication.staged_hits import bits_of
from rules_engine.review.answers import Answers, answers
from rules_engine.review.moves import Move, held_against, values_near
from rules_engine.review.nearest import nearest_facts
from rules_engine.review.seen import RuleSeen, seen
from rules_engine.review.snapshot import Reopened, reopened
from rules_engine.review.turning import Case, Outcome
from rules_engine.spark.evaluator import SparkEvaluator
from tests.shown import outcomes_shown
from tests.small_lake import AS_OF, rule, rule_set, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AGAINST, HOLD = Kind.EXCLUSION, WhenUnknown.HOLD
RULES = rule_set(
    rule("R-1", "country = 'GB' AND (spend >= 10 OR joined < DATE '2010-01-01')", weight=30),
    rule("R-2", "country NOT IN ('FR', 'DE')", when_unknown=WhenUnknown.HIT, weight=5),
    rule("R-3", "spend BETWEEN 1 AND 20", kind=AGAINST, weight=20, when_unknown=HOLD),
    rule("R-4", "score > 1 OR (joined IS NULL AND spend > 0)", weight=12),
    rule("R-5", "product = 'BOND' AND balance > 3", frame="holdings", weight=25),
    rule("R-6", "role = 'SECONDARY'", frame="holdings", kind=AGAINST, weight=10, when_unknown=HOLD),
    rule("R-7", "SELECT customer_id FROM holdings WHERE balance > 0 GROUP BY customer_id HAVING COUNT(*) >= 2", weight=8),
    rule(
        "R-8",
        "SELECT h.customer_id FROM holdings AS h JOIN products AS p ON p.product = h.product "
        "WHERE p.type = 'credit' AND h.balance > :least",
        kind=AGAINST, weight=15, parameters={"least": 1},
    ),
    rule("R-9", "EXISTS (SELECT 1 FROM holdings AS h WHERE h.customer_id = customers.customer_id) AND spend > 3"),
    rule("R-10", "SELECT customer_id FROM customers WHERE score > 0 UNION SELECT customer_id FROM holdings WHERE balance > 10", shadow=True),
    types=(MembershipType("GOLD", margin=5),),
)  # fmt: skip


@dataclass
class Ran:
    """A run over the small lake, and its frames opened again."""

    folder: str
    rules: RuleSet
    opened: Reopened
    told: Answers

    def case(self, subject: int) -> Case:
        policy = self.rules.membership_type("GOLD")
        return Case(self.rules.versions, policy, self.told.get(subject, {}), Standing.NEVER)


@pytest.fixture(scope="module")
def ran(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Evaluated as a run does, then opened by the names of its snapshots."""
    place: Path = tmp_path_factory.mktemp("why")
    lake = write(place)
    evaluator = SparkEvaluator(spark, lake)
    evaluator.schema(AS_OF)  # opens the frames
    evaluator.matrix(RULES, HitMatrix.of(RULES), str(place / "work")).write(str(place / "run" / "hits"))
    opened = reopened(spark, lake, evaluator.snapshots(AS_OF))
    return Ran(str(place / "run"), RULES, opened, answers(opened.spark, RULES.versions, opened.lake, AS_OF))


def test_each_rule_is_what_the_run_staged(ran: Ran) -> None:
    """Of every subject: what hit, and what was unknown, where that counts for something; and so are the decisions."""
    for subject in range(1, 61):
        found = bits_of(ran.folder, HitMatrix.of(RULES), subject)
        assert found is not None
        case = ran.case(subject)
        assert {v.id for v in RULES.versions if case.is_hit(v)} == found[0]
        unknown = {v.id for v in RULES.versions if v.when_unknown is HOLD and case.outcome(v) is Outcome.UNKNOWN}
        assert unknown == {rule for rule in found[1] if rule in {"R-3/1", "R-6/1"}}


def outcome(found: RuleSeen, *, predicate: bool) -> Outcome:
    """A statement names subjects: there is nothing unknown about it."""
    truths = [row.truth for row in found.rows]
    return Outcome.HIT if True in truths else Outcome.UNKNOWN if None in truths and predicate else Outcome.MISS


def test_the_clauses_shown_evaluate_to_the_answers(ran: Ran) -> None:
    """The clauses on the values that are shown, evaluated by themselves, are as shown, and come to what the rule was."""
    asked, said = list[str](), list[Any]()
    for subject in range(1, 7):
        for version_id, found in seen(ran.opened, RULES.versions, subject, AS_OF).items():
            version = next(v for v in RULES.versions if v.id == version_id)
            said_of = outcome(found, predicate=bool(version.frame))
            assert said_of is ran.told.get(subject, {}).get(version_id, Outcome.MISS), (subject, version_id)
            for sql, truth in _evaluable(version, found, ran.opened):
                asked.append(sql)
                said.append(truth)
    assert len(asked) > 40
    (row,) = ran.opened.spark.sql(f"SELECT {', '.join(f'{sql} AS c{n}' for n, sql in enumerate(asked))}").collect()
    assert [*row] == said


def test_what_is_shown_of_everybody_comes_to_the_answers(ran: Ran) -> None:
    """Of all subjects at once: clauses give the rows, values that are shown the clauses, rows the rule's answer."""
    shown = 0
    for version in RULES.versions:
        told = outcomes_shown(ran.opened, version, AS_OF)
        assert not any(count for what, count in told.counts.items() if what.startswith("WRONG")), version.id
        counted = {Outcome.HIT} if told.counts["rules shown as a whole"] else {Outcome.HIT, Outcome.UNKNOWN}
        for subject in range(1, 61):
            said = ran.told.get(subject, {}).get(version.id)
            assert told.outcomes.get(subject) == (said if said in counted else None), (version.id, subject)
        shown += told.counts["sets of values evaluated"]
    assert shown > 60


def _evaluable(version: RuleVersion, found: RuleSeen, opened: Reopened) -> Iterator[tuple[str, Any]]:
    """The clauses over one frame's columns with the shown values put in their place."""
    if version.form == "statement" or "SELECT" in version.sql:
        return
    types = opened.schema.types_of(version.frame)
    for row in found.rows:
        values = {
            name: f"CAST({'NULL' if text is None else repr(text)} AS {types[name]})"
            for name, text in row.columns.items()
        }
        for clause in row.clauses:
            words = clause.sql
            for name, value in values.items():
                words = words.replace(name, value)
            yield f"({words})", clause.truth


def test_values_stand_beside_what_was_needed(ran: Ran) -> None:
    """A miss by one: the group's count beside the least that was asked for."""
    subject = next(s for s in range(1, 61) if ran.told.get(s, {}).get("R-7/1") is None)
    found = seen(ran.opened, [v for v in RULES.versions if v.key == "R-7"], subject, AS_OF)["R-7/1"]
    assert "rows meet: balance > 0" in found.note
    hit = next(s for s in range(1, 61) if ran.told.get(s, {}).get("R-7/1") is Outcome.HIT)
    (group,) = seen(ran.opened, [v for v in RULES.versions if v.key == "R-7"], hit, AS_OF)["R-7/1"].rows
    (clause,) = group.clauses
    assert (clause.subject_of, clause.needed, clause.truth) == ("COUNT(*)", "at least 2", True)
    assert int(clause.read or 0) >= 2


def test_the_nearest_facts_turn_it_and_none_nearer_does(ran: Ran) -> None:
    """Each is asked again among everybody else; one column is told only if one will do, and then no nearer one does."""
    turned = 0
    for subject in (1, 4):
        case = ran.case(subject)
        found = nearest_facts(ran.opened, case, subject, AS_OF)
        nearer = [move for move in _singles(ran, subject) if not found.moves or len(found.moves) > 1]
        nearer += [move for move in _singles(ran, subject) if found.moves and move.distance < found.moves[0].distance]
        assert not any(_turns(ran, case, subject, nearer))
        if found.moves:
            turned += 1
            assert found.decision is not None
            assert found.decision.granted != case.decision.granted
            assert Case(case.versions, case.policy, found.outcomes, case.before).decision == found.decision
    assert turned


def _singles(ran: Ran, subject: int) -> list[Move]:
    """Moves of the subject's own row, made here by hand: each column to each literal of the rules and beside it."""
    (row,) = ran.opened.spark.table("customers").where(f"customer_id = {subject}").collect()
    held = [h for h in held_against(RULES.versions, ran.opened.schema, ran.opened.lake) if h.frame == "customers"]
    types = ran.opened.schema.types_of("customers")
    texts = [f"try_cast(({h.against or 'NULL'}) AS {types[h.column]})" for h in held]
    (values,) = ran.opened.spark.sql(f"SELECT {', '.join(texts)}").collect()
    return [
        Move("customers", 0, h.column, row[h.column], near)
        for h, value in zip(held, values, strict=True)
        for near in values_near(value)
        if near != row[h.column]
    ]


def _turns(ran: Ran, case: Case, subject: int, moves: list[Move]) -> Iterator[bool]:
    """Each move by itself: the subject's row in the frame is another, and all rules are asked."""
    from rules_engine.review.nearest import _asked_again, _rows_of

    known = _rows_of(ran.opened, subject)
    for move in islice(moves, 3):
        outcomes = _asked_again(ran.opened, case, subject, known, (move,), AS_OF)
        yield Case(case.versions, case.policy, outcomes, case.before).decision.granted != case.decision.granted


def test_a_snapshot_that_is_gone_is_said(spark: SparkSession, tmp_path: Path) -> None:
    """A frame that was landed anew is not read in its place; without the subjects' own there is nothing to show."""
    lake = write(tmp_path)
    names = SparkEvaluator(spark, lake).snapshots(AS_OF)
    (tmp_path / "holdings" / "part-0.parquet").touch()
    opened = reopened(spark, lake, names)
    assert opened.gone == {"holdings": names["holdings"]}
    found = seen(opened, RULES.versions, 1, AS_OF)
    assert "is gone" in found["R-5/1"].note
    assert found["R-1/1"].rows
    (tmp_path / "customers" / "part-0.parquet").unlink()
    with pytest.raises(RunRefused, match="the snapshot that the run read"):
        reopened(spark, lake, names)
