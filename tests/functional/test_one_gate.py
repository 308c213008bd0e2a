"""One gate everywhere: what a run refuses is refused when it is written, imported, checked, or looked at before (K20)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyspark
import pytest

from rules_engine import java
from rules_engine.errors import InvalidRule
from rules_engine.model.failing import OnFailure
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.sql import gates
from tests import small_lake
from tests.functional.people import RULES, People, people, through
from tests.small_lake import rule, rule_set
from tests.spec.table import Row, cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["people"]

REFUSED = """
    sql                                        | code    | because
    -------------------------------------------+---------+------------------------------------------------------------
    reflect('java.lang.Runtime', 'x') = 'y'    | SQL-109 | the text alone tells it
    income > 5                                 | SQL-122 | the frames do
    to_date(country) < DATE '2024-01-01'       | SQL-341 | a text that may be no date
    spend > joined                             | SQL-311 | only Spark knows what it cannot resolve
    customer_id IS NULL OR true                | SQL-401 | only a try shows that it is true of nobody
"""
"""What the layers of the gate refuse, from the first to the last."""


@pytest.mark.parametrize("case", cases(REFUSED))
def test_every_path_asks_the_same_gates(people: People, tmp_path: Path, case: Row) -> None:
    """Written, edited and imported it is refused with nothing drafted; drafted in SQL, the check says it."""
    words = "--kind inclusion --type GOLD --weight 10 --frame customers --from 2024-01-01".split()
    bad = RULES.replace("upper(trim(country)) = 'GB'", f'"{case["sql"]}"')
    (tmp_path / "bad.yaml").write_text(bad)
    tries = (
        ("rules", "new", "BAD-001", *words, "--sql", case["sql"]),
        ("rules", "edit", "GOLD-001", "--sql", case["sql"]),
        ("import", tmp_path / "bad.yaml"),
    )
    for asked in tries:
        code, faults = people.ann.refused(*asked)
        assert (code, {f["code"] for f in faults}) == (3, {case["code"]}), asked
    assert len(people.ann.json("change", "list")) == 1
    people.office("ann", f"UPDATE rules.rule SET sql = $x${case['sql']}$x$ WHERE rule_key = 'GOLD-001'")
    number = people.ann.json("change", "list")[0]["change_id"]
    people.ann.fine("change", "submit", number, "--reason", "a test")
    code, faults = people.bob.refused("change", "check", number)
    assert (code, {f["code"] for f in faults}) == (3, {case["code"]})


def test_all_that_is_wrong_is_told_at_once(people: People, tmp_path: Path) -> None:
    """A membership type that the database does not know hides nothing that a gate refuses, nor the other way round."""
    words = "--kind inclusion --type SILVER --weight 10 --frame customers --from 2024-01-01".split()
    (tmp_path / "bad.yaml").write_text(
        RULES.replace("upper(trim(country)) = 'GB'", "income > 5").replace(
            "membership_type: GOLD", "membership_type: SILVER", 1
        )
    )
    tries = (
        ("rules", "new", "BAD-001", *words, "--sql", "income > 5"),
        ("rules", "edit", "GOLD-001", "--type", "SILVER", "--sql", "income > 5"),
        ("import", tmp_path / "bad.yaml"),
    )
    for asked in tries:
        _, faults = people.ann.refused(*asked)
        told = " ".join(f["what"] for f in faults)
        assert "membership type 'SILVER' does not exist" in told, asked
        assert "column 'income' is not a column" in told, asked


def test_a_check_says_whom_it_asked(people: People) -> None:
    """Which Spark, and which frames: the verdict is of those and of the text, and stands in the database."""
    people.ann.fine("rules", "edit", "GOLD-001", "--weight", 40)
    people.ann.fine("change", "submit", 2, "--reason", "a test")
    findings = people.bob.json("change", "check", 2)["findings"]
    assert findings.startswith("no gate refuses anything. (Asked: Spark ")
    kept = "SELECT findings, spark_version, length(schema_digest), gate_version FROM rules.check_result WHERE change_id = 2"
    assert people.office("postgres", kept) == [(findings, pyspark.__version__, 64, gates.version())]
    assert f"Spark {pyspark.__version__}, frames " in people.bob.fine("change", "show", 2)


def test_the_rules_of_tomorrow_are_asked_about_today(people: People) -> None:
    """A rule in force that lost its column is found before the night."""
    assert "all 2 rules in force are accepted" in people.ann.fine("check")
    people.ann.fine("rules", "edit", "GOLD-001", "--sql", "score > 1")
    through(people, 2)
    lake = people.ann.home / "lake" / "frames.toml"
    lake.write_text(lake.read_text().replace('score = "double"\n', ""))
    code, faults = people.ann.refused("check", "--as-of", "2024-06-01")
    assert (code, [(f["which"], f["code"]) for f in faults]) == (3, [("Rule GOLD-001", "SQL-122")])


def test_a_day_without_is_warned_of_wherever_it_is_written(people: People, tmp_path: Path) -> None:
    """K17: edited, imported, checked and planned; and nobody is refused for it."""
    gap = RULES.replace("{from: 2024-01-01}\n    metadata", "{from: 2024-01-01, to: 2024-01-02}\n    metadata")
    (tmp_path / "gap.yaml").write_text(gap)
    assert "it counts on one day alone" in people.ann("import", tmp_path / "gap.yaml", "--dry-run").stderr
    people.ann.fine("rules", "retire", "GOLD-002", "--on", "2026-06-30")
    more = people.ann(
        *("rules", "new", "GOLD-002", "--kind", "exclusion", "--type", "GOLD", "--weight", 25, "--frame", "holdings"),
        *("--sql", "product = 'LOAN'", "--from", "2026-07-01"),
    )
    assert "it does not count for 1 day, from 2026-06-30 until 2026-07-01" in more.stderr
    number = people.ann.json("change", "list")[0]["change_id"]
    people.ann.fine("change", "submit", number, "--reason", "a test")
    assert any("for 1 day, from 2026-06-30" in said for said in people.bob.json("change", "check", number)["warnings"])
    assert "for 1 day, from 2026-06-30" in people.bob("plan", "--change", number, "--no-record").stderr


def test_without_a_lake_it_is_said_that_nobody_was_asked(people: People, tmp_path: Path) -> None:
    """The draft is kept, the message says who has to be asked, and what cannot ask is no check."""
    people.ann.settings["RULES_LAKE"] = str(tmp_path / "nowhere.toml")
    result = people.ann("rules", "edit", "GOLD-001", "--weight", 40)
    assert result.exit_code == 0
    assert "No gate was asked: " in result.stderr
    assert "rules change check" in result.stderr
    assert people.ann("change", "check", 2).exit_code == 5


def test_without_spark_the_check_says_so_and_is_worth_less(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates that only read are asked, and an approval is refused; `rules doctor` and `rules check` know such rules."""
    people.ann.fine("rules", "edit", "GOLD-001", "--weight", 40)
    people.ann.fine("change", "submit", 2, "--reason", "a test")
    with monkeypatch.context() as machine:
        machine.setattr(java, "ACCEPTED", ())  # every Java of this machine is too old
        told = people.bob("change", "check", 2)
        assert (told.exit_code, "Spark was not asked: Java: 17 or 21 is needed" in told.stderr) == (0, True)
        assert "its check asked no Spark" in str(people.bob.refused("change", "approve", 2))
    assert "no Spark asked" in people.bob.fine("change", "show", 2)
    people.adam.fine("db", "govern", "--approvals", 1, "--without-spark", "--reason", "one admin alone")
    assert "its check asked no Spark" in str(people.bob.refused("change", "approve", 2))
    people.office("bob", "SELECT rules.record_check(2, rules.content_hash(2), true, 'tried it', '4.1.1')")
    people.office("bob", "SELECT rules.approve(2), rules.schedule(2)")

    def checks() -> tuple[str, bool]:
        return next((f["found"], f["fine"]) for f in people.bob.json("doctor")["findings"] if f["what"] == "Checks")

    assert checks() == ("checked by hand: GOLD-001", False)
    assert "Recorded as the check of 1 changes" in people.bob("check").stderr
    assert checks() == (
        "2 rules in force or to come were checked by these gates, on this Spark, under these frames",
        True,
    )
    lake = people.ann.home / "lake" / "frames.toml"
    lake.write_text(lake.read_text().replace('score = "double"\n', ""))
    assert checks() == ("checked under other frames: GOLD-001, GOLD-002", False)


def test_a_refused_rule_holds_its_type_and_no_other(spark: SparkSession, tmp_path: Path) -> None:
    """Under hold its type has no decision and is named with the gate's reason; by default the run is refused."""
    lake = small_lake.write(tmp_path / "lake")
    texts = ("income > 5", "spend > 'x' AND")
    bad = [rule(f"BAD_{n}", text, membership_type="SILVER") for n, text in enumerate(texts)]
    more = rule("SILVER_1", "customer_id > 0", membership_type="SILVER")
    rules = rule_set(rule("GOLD_1", "customer_id > 0"), *bad, more)
    evaluator = SparkEvaluator(spark, lake, on_failure=OnFailure.HOLD)
    evaluator.check(rules)
    evaluation = evaluator.evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    decided = spark.read.parquet(str(tmp_path / "run" / "decisions"))
    assert {row.membership_type for row in decided.select("membership_type").distinct().collect()} == {"GOLD"}
    (held,) = evaluation.held
    assert [f.rule for f in held.failures] == ["BAD_0/1", "BAD_1/1"]
    assert held.failures[0].code == "SQL-122"
    evaluator.on_failure = OnFailure.ABORT
    with pytest.raises(InvalidRule) as refused:
        evaluator.check(rules)
    assert {fault.which for fault in refused.value.faults} == {"Rule BAD_0", "Rule BAD_1"}


def test_where_every_type_would_be_held_the_run_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """There is nothing left to decide."""
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path / "lake"), on_failure=OnFailure.HOLD)
    with pytest.raises(InvalidRule, match="every membership type would be held"):
        evaluator.check(rule_set(rule("BAD_1", "income > 5")))
