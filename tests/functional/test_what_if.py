"""R-WHATIF: everybody decided again from what a run found is a whole evaluation of the other rules, on Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rules_engine.errors import RulesError
from rules_engine.publication.staging import FolderRunStore
from rules_engine.review.scenario import Scenario, applied, sweep
from rules_engine.review.staged import local_tables
from rules_engine.review.what_if import review, swept, what_if
from tests.in_memory import InMemoryHistory
from tests.small_runs import EARLIER, RULES, Runs, counted, counts
from tests.spec.table import cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCENARIO = Scenario(weights=["OUT=17", "HIGH=9"], margins=["GOLD=8"], without=["OLD"])


@pytest.fixture(scope="module")
def runs(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(spark, tmp_path_factory.mktemp("what-if"))


def test_a_scenario_is_a_whole_evaluation_of_its_rules(runs: Runs, tmp_path: Path) -> None:
    """Members and events are those of a run of the other rules that was decided against the same run."""
    known = review(runs.store, None, local_tables)
    effect = what_if(known, SCENARIO)
    assert effect.changes
    assert known.run.manifest.run_id == runs.last
    other = Runs.__new__(Runs)
    other.__dict__ |= {**runs.__dict__, "store": FolderRunStore(str(tmp_path / "runs")), "history": InMemoryHistory()}
    other.run(EARLIER, 1)
    assert counts(effect) == counted(other.manifest(other.run(applied(SCENARIO, RULES), 2)))


def test_a_run_asked_about_as_it_was_is_that_run(runs: Runs) -> None:
    """Without another weight everybody stands as the run's manifest says."""
    effect = what_if(review(runs.store, runs.last, local_tables), Scenario())
    assert not effect.changes
    assert counts(effect) == counted(runs.manifest(runs.last))
    assert effect.shadows[0].gained + effect.shadows[0].lost > 0


def test_a_sweep_is_a_scenario_for_each_weight(runs: Runs) -> None:
    """Each point has the members that the scenario of that weight has; 0 is without the rule."""
    known = review(runs.store, None, local_tables)
    _, points = swept(known, known.rule_set, sweep("OUT=0..30/10", known.rule_set))
    for point in points:
        said = Scenario(weights=[f"OUT={point.weight}"]) if point.weight else Scenario(without=["OUT"])
        (gold,) = (t for t in what_if(known, said).types if t.membership_type == "GOLD")
        assert (point.members, point.gained, point.lost) == (gold.after, gold.gained, gold.lost)


REFUSED = """
    option     | said           | names                     | why
    weights    | IN             | --weight IN=VALUE         | a key without a value
    weights    | HIGHT=3        | Did you mean 'HIGH'?      | a rule that the run does not know
    weights    | IN=0           | --without KEY             | a weight is above zero
    weights    | IN=1.5         | Give a whole number.      | a weight is whole
    margins    | GOLD=x         | Give a whole number.      | a margin is whole
    strategies | GOLD=most      | any_exclusion_blocks      | the strategies that there are
    ties       | GOLD=keep      | its tie policy is 'keep'  | a tie policy needs a margin of 1
    without    | NOBODY         | There are                 | a rule that is not there cannot be left out
"""


@pytest.mark.parametrize("row", cases(REFUSED))
def test_a_scenario_that_means_nothing_is_refused_in_words(row: dict[str, str]) -> None:
    with pytest.raises(RulesError) as refused:
        applied(Scenario(**{row["option"]: [row["said"]]}), RULES)
    assert row["names"] in str(refused.value)


def test_weights_to_sweep_are_from_low_to_high() -> None:
    """What is no span of weights is refused with an example that is one."""
    for said in ("IN", "IN=5", "IN=9..1", "IN=-1..3", "IN=0..100000"):
        with pytest.raises(RulesError, match=r"IN=0\.\.100"):
            sweep(said, RULES)
