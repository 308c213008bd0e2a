"""The benchmark measures what it says: made data stays the same, contestants find the same, ratios are read right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import cohort_data, cohorts, data, decided, facts, mixed_data, on_spark, report
from bench.contestant import Contestant, Task
from bench.contestants import NAMES
from bench.data import Population
from bench.in_duckdb import CONTESTANTS as IN_DUCKDB
from bench.in_zen import CONTESTANTS as IN_ZEN
from bench.profiles import Ratio, profiles
from bench.results import Measured, Results, load
from bench.rule_sets import MAKERS, VERSIONS, rule_set
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rule_sets import RuleSet
from rules_engine.plan.bound_rules import bound_rules, values_wanted
from rules_engine.plan.planner import plan
from rules_engine.spark import dimension_lists
from rules_engine.spark.evaluator import SparkEvaluator

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of 500 customers."""
    return data.made(Population(CUSTOMERS), tmp_path_factory.mktemp("data"))


def task(rules: RuleSet, folder: Path, work: Path) -> Task:
    return Task(rules, data.lake(folder), CUSTOMERS, work, java_home=work, cores=1)


def found(contestant: Contestant, given: Task, sink: Path) -> facts.Facts | None:
    with contestant(given) as run:
        run.prepare()
        run.run(sink)
        return run.facts(sink)


def found_on_spark(name: str, spark: SparkSession, given: Task, sink: Path) -> facts.Facts | None:
    run = on_spark.RUNS[name](spark, given)
    run.prepare()
    run.run(sink)
    return run.facts(sink)


@pytest.fixture(scope="module")
def by_union(spark: SparkSession, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> facts.Facts:
    """What 30 rules of all kinds find, asked one query a rule."""
    work = tmp_path_factory.mktemp("union")
    answer = found_on_spark("union", spark, task(rule_set("all-30"), folder, work), work / "hits")
    assert answer
    return answer


def test_data_is_made_from_its_seed_alone() -> None:
    """The same seed gives the same rows, another seed other rows."""
    once, again = (data.customers(Population(400), 0, 400) for _ in range(2))
    assert once.equals(again)
    assert not once.equals(data.customers(Population(400, seed=2), 0, 400))
    assert data.holdings(Population(400), 0, 400).equals(data.holdings(Population(400), 0, 400))


def test_each_customer_has_25_columns_and_three_holdings() -> None:
    """A customer is a row of 25 columns; each has three holdings, and a skewed one 100,000 more."""
    assert data.customers(Population(50), 0, 50).num_columns == 25
    held = data.holdings(Population(50, skewed=1), 0, 50)
    counted = held.group_by("customer_id").aggregate([("holding_id", "count")]).to_pydict()
    of = dict(zip(counted["customer_id"], counted["holding_id_count"], strict=True))
    assert of[0] == 100_003
    assert {of[customer] for customer in range(1, 50)} == {3}


def test_holdings_of_a_later_file_go_on_where_the_one_before_ended() -> None:
    """Keys of holdings never repeat, skewed customers or not."""
    population = Population(20, skewed=3)
    first, second = (data.holdings(population, at, 10)["holding_id"].to_pylist() for at in (0, 10))
    assert second[0] == first[-1] + 1 == len(first)


@pytest.mark.parametrize("name", MAKERS)
def test_rules_are_made_from_their_name_and_seed_alone(name: str) -> None:
    """A rule set of one name has one digest a seed."""
    assert rule_set(f"{name}-8").digest == rule_set(f"{name}-8").digest
    assert rule_set(f"{name}-8").digest != rule_set(f"{name}-8", seed=2).digest


def test_a_set_of_all_kinds_has_the_stated_shares() -> None:
    """Of 100 rules 70 are about the customer, 25 about holdings and 5 are complete SELECTs; 1,000 have several types."""
    frames = [version.frame for version in rule_set("all-100").versions]
    assert frames.count("customers") == 70
    assert len(rule_set("all-1000").membership_types) == 8


def test_an_unknown_kind_of_rules_names_the_known_ones() -> None:
    """A name that is mistyped is told what could have been meant."""
    with pytest.raises(ValueError, match="customers, holdings"):
        rule_set("horses-7")


@pytest.mark.parametrize("name", ["customers-60", "holdings-40", "selects-12", "with-2"])
def test_made_rules_pass_every_gate(name: str, spark: SparkSession, folder: Path, tmp_path: Path) -> None:
    """What is measured is what analysts could have written: no gate refuses it (the check would raise)."""
    lake = cohort_data.lake(cohort_data.made(1, tmp_path)) if name.startswith("with") else data.lake(folder)
    SparkEvaluator(spark, lake).check(rule_set(name))


def test_cohort_queries_are_as_long_as_said() -> None:
    """From 5,000 to 15,000 characters, and of very different lengths."""
    sizes = [len(version.sql) for version in rule_set("with-40").versions]
    assert min(sizes) >= cohorts.SHORTEST
    assert max(sizes) <= cohorts.LONGEST
    assert max(sizes) > 2 * min(sizes)


@pytest.mark.parametrize("name", ["ours", "ours-decided", "fused", "loop"])
def test_spark_contestants_find_what_plain_queries_find(
    name: str, spark: SparkSession, folder: Path, tmp_path: Path, by_union: facts.Facts
) -> None:
    """Whatever the plan on Spark, the same subjects hit the same rules."""
    assert found_on_spark(name, spark, task(rule_set("all-30"), folder, tmp_path), tmp_path / "hits") == by_union


@pytest.mark.parametrize("name", IN_DUCKDB)
def test_duckdb_finds_what_plain_queries_find(name: str, folder: Path, tmp_path: Path, by_union: facts.Facts) -> None:
    """Rules mean the same after translation, in both forms of the query."""
    assert found(IN_DUCKDB[name], task(rule_set("all-30"), folder, tmp_path), tmp_path / "hits") == by_union


@pytest.mark.parametrize("rules", ["mixed-40", "worded-60"])
def test_duckdb_and_spark_decide_the_same(spark: SparkSession, tmp_path: Path, rules: str) -> None:
    """Rules of another hand, and ten questions in six wordings, pass every gate; hits and decisions are equal, and a changed weight is noticed."""
    lake = mixed_data.lake(mixed_data.made(400, 1, tmp_path))
    given = Task(rule_set(rules), lake, 400, tmp_path, java_home=tmp_path, cores=1)
    assert found_on_spark("ours-decided", spark, given, tmp_path / "spark") == found(
        IN_DUCKDB["duckdb-decided"], given, tmp_path / "duckdb"
    )
    decisions = decided.digest(tmp_path / "spark" / "decisions")
    assert decisions == decided.digest(tmp_path / "duckdb")
    first, *others = given.rule_set.versions
    changed = replace(given.rule_set, versions=(replace(first, weight=first.weight + 1), *others))
    found(IN_DUCKDB["duckdb-decided"], replace(given, rule_set=changed), tmp_path / "changed")
    assert decided.digest(tmp_path / "changed") != decisions


def test_no_wording_of_the_ten_questions_is_a_query_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    """At most one in twenty would do; all sixty are read."""
    rules = rule_set("worded-60")
    evaluator = SparkEvaluator(spark, mixed_data.lake(mixed_data.made(400, 1, tmp_path)))
    matrix, schema = HitMatrix.of(rules), evaluator.schema(rules.as_of)
    bound = bound_rules(matrix, schema, rules.as_of)
    planned = plan(matrix, bound, schema, dimension_lists.values(evaluator.spark, values_wanted(bound)))
    assert [version.sql for version, _ in planned.alone] == []


def test_duckdb_and_spark_find_the_same_cohorts(spark: SparkSession, tmp_path: Path) -> None:
    """The WITH queries mean the same after translation, and find somebody."""
    lake = cohort_data.lake(cohort_data.made(1, tmp_path))
    given = Task(rule_set("with-2"), lake, cohort_data.PERSONS, tmp_path, java_home=tmp_path, cores=1)
    answer = found_on_spark("one-by-one", spark, given, tmp_path / "spark")
    assert answer
    assert answer == found(IN_DUCKDB["duckdb-rows"], given, tmp_path / "duckdb")


@pytest.mark.parametrize("name", IN_ZEN)
def test_zen_finds_what_duckdb_finds(name: str, folder: Path, tmp_path: Path) -> None:
    """Every made predicate on the customer has a translation that means the same, unknown outcomes included."""
    given = task(rule_set("customers-200"), folder, tmp_path)
    answer = found(IN_ZEN[name], given, tmp_path / "zen")
    assert answer
    assert answer == found(IN_DUCKDB["duckdb"], given, tmp_path / "duckdb")


def test_most_rules_are_hit_by_some(by_union: facts.Facts) -> None:
    """A rule that nobody hits measures little: of 30 rules over 500 customers two in three are hit."""
    assert len(by_union) >= 20


def test_a_digest_sees_one_other_subject() -> None:
    """Facts with equal counts and other subjects have another digest."""
    one, other = ({"A": (1, int(facts.mixed(number)))} for number in (data.np.array(5), data.np.array(6)))
    assert facts.digest(one) != facts.digest(other)
    assert facts.digest({"B": (2, 3), **one}) == facts.digest({**one, "B": (2, 3)})


def test_a_scan_reads_what_the_rules_name(spark: SparkSession, folder: Path, tmp_path: Path) -> None:
    """It writes one row a frame and says nothing of rules."""
    assert found_on_spark("scan", spark, task(rule_set("all-30"), folder, tmp_path), tmp_path / "read") is None
    assert {path.name for path in (tmp_path / "read").iterdir()} == {"customers", "holdings", "products"}


def test_profiles_name_what_there_is() -> None:
    """Each line's contestants and rules exist, and each ratio is between measures that the profile takes."""
    for profile in profiles().values():
        taken = {f"{line.name}/{contestant}" for line, contestant in profile.only([])}
        for line, contestant in profile.only([]):
            assert contestant in NAMES
            assert line.rules.rpartition("-")[0] in {*MAKERS, *VERSIONS}
        for name in (n for r in (*profile.ratios, *profile.bounds) for n in (r.over, r.under) if n):
            assert any(t.startswith(name.rpartition("/")[0].rstrip("*")) for t in taken), (profile.name, name)


def test_only_what_is_asked_for_is_measured() -> None:
    """A contestant is named alone, or a line of that many customers with one of its contestants."""
    full = profiles()["full"]
    assert {contestant for _, contestant in full.only(["ours"])} == {"ours"}
    assert [line.name for line, _ in full.only(["all-100 x10/ours"])] == ["all-100 x10"]


def measured(contestant: str, warm: float, digest: str = "d") -> Measured:
    cost = {"wall": warm, "cpu": 2 * warm, "peak": 1e9}
    slow = cost | {"wall": 9.0, "peak": 3e9}
    return Measured("all-10", contestant, 100, cold=slow, warm=(cost, slow), hits=7, digest=digest)


def results(*entries: Measured) -> Results:
    return Results("short", 100, date(2024, 6, 1).isoformat(), {}, {}, entries)


@pytest.fixture
def both() -> Results:
    return results(measured("ours", 1.0), measured("duckdb", 4.0), measured("duckdb-rows", 2.0))


def test_a_ratio_takes_the_quickest_warm_runs(both: Results) -> None:
    """Of several forms of one engine the quickest counts; peaks are those of all runs; what is missing gives none."""
    measures = both.measures()
    assert Ratio("", "all-10/ours/warm", "all-10/duckdb*/warm").value(measures) == 0.5
    assert Ratio("", "all-10/ours/peak", unit=1e9).value(measures) == 3.0
    assert Ratio("", "all-10/ours/cold", "all-10/ours/cpu-per-row").value(measures) == pytest.approx(450)
    assert Ratio("", "all-10/zen/warm", "all-10/ours/warm").value(measures) is None


def test_contestants_that_disagree_are_named(both: Results) -> None:
    """Other hits for the same rules are told with who found them; equal ones are not."""
    assert not list(both.disagreements())
    (told,) = results(*both.measured, measured("fused", 1.0, "other")).disagreements()
    assert "fused found other" in told


def test_results_come_back_from_their_file(both: Results, tmp_path: Path) -> None:
    """What is read back is what was measured."""
    both.save(tmp_path / "kept.json")
    assert load(tmp_path / "kept.json") == both


def test_a_broken_bound_is_told_and_a_kept_one_is_not(both: Results) -> None:
    """A bound is held against what was measured; one whose contestant failed is broken, too."""
    ratio = Ratio("ours ÷ duckdb", "all-10/ours/warm", "all-10/duckdb/warm", most=0.3)
    profile = replace(profiles()["short"], bounds=(ratio,), ratios=())
    assert not list(report.broken(profile, both))
    (told,) = report.broken(replace(profile, bounds=(replace(ratio, most=0.2),)), both)
    assert "0.25, the bound is ≤ 0.2" in told
    failed = results(both.measured[0], Measured("all-10", "duckdb", problem="stopped after 9 s"))
    (told,) = report.broken(profile, failed)
    assert "nothing to compare" in told
    assert "stopped after 9 s" in report.table(profile, failed)
    assert "| ours ÷ duckdb | – | ≤ 0.3 | 0.25 | yes |" in report.table(profile, both)
