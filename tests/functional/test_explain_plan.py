"""`rules run --explain-plan`: where each rule goes, why, and what that costs, without a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import small_lake
from tests.functional.rules_command import RulesCommand

PLACES = {
    "country = 'GB' AND spend >= 10": ("condition on customers", "looks up country, spend"),
    "upper(trim(country)) = 'GB' AND country LIKE '%B'": (
        "condition on customers",
        "looks up upper(trim(country)); computes country LIKE '%B'",
    ),
    "spend <> 0 AND 100 / spend > 5": (
        "condition on customers",
        "computes spend <> 0 AND 100 / spend > 5; whole: a division by what may be zero",
    ),
    "SELECT h.customer_id FROM holdings h WHERE h.product = 'BOND'": ("condition on holdings", "looks up product"),
    "SELECT c.customer_id FROM customers c WHERE c.country = 'GB' AND "
    "EXISTS (SELECT 1 FROM holdings h WHERE h.customer_id = c.customer_id AND h.balance > 5)": (
        "asks the rows of holdings",
        "looks up country, balance",
    ),
    "SELECT customer_id FROM holdings WHERE balance > 5 UNION SELECT customer_id FROM customers WHERE spend > 5": (
        "asks the rows of holdings; asks customers",
        "looks up spend, balance",
    ),
    "SELECT customer_id FROM holdings GROUP BY customer_id HAVING stddev(balance) > 5": (
        "a query of its own",
        "the aggregate stddev",
    ),
}
"""A rule's condition to where it goes and why."""

RULE = """
  - {{key: PLAN-{number}, name: Rule {number}, kind: inclusion, membership_type: GOLD, weight: 10,{frame}
     effective: {{from: 2024-01-01}}, sql: "{sql}"}}"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RulesCommand]:
    """The command with rules of every place, and the small lake."""
    home = tmp_path_factory.mktemp("home")
    small_lake.write(home / "lake")
    command = RulesCommand(home, {"RULES_TENANT": "acme-eu", "RULES_LAKE": str(home / "lake" / "frames.toml")})
    (home / "rules.yaml").write_text(yaml(), encoding="utf-8")
    command.open(home / "rules.yaml")
    yield command
    command.fine("down")


def yaml() -> str:
    frames = ["" if sql.startswith("SELECT") else " frame: customers," for sql in PLACES]
    numbered = enumerate(zip(PLACES, frames, strict=True))
    texts = "".join(RULE.format(number=number, sql=sql, frame=frame) for number, (sql, frame) in numbered)
    return f"membership_types: [{{key: GOLD, name: Gold}}]\nrules:{texts}\n"


def test_every_rule_has_a_place_and_a_reason(rules: RulesCommand, spark: object) -> None:
    """A table of rules, where they go and why; nothing is kept, so there is no run."""
    shown = rules.fine("run", "--as-of", "2024-06-01", "--explain-plan")
    for number, (where, because) in enumerate(PLACES.values()):
        line = next(line for line in shown.splitlines() if line.startswith(f"PLAN-{number}"))
        assert (where in line, because in line) == (True, True), line
    assert shown.splitlines()[-1] == "7 rules: 6 share passes, 1 are queries of their own."
    assert rules.json("runs") == []


def test_a_program_gets_the_parts(rules: RulesCommand, spark: object) -> None:
    """In JSON the expressions that are looked up and the conditions that are computed are lists."""
    explained = rules.json("run", "--as-of", "2024-06-01", "--explain-plan")
    place = next(place for place in explained["places"] if place["rule"] == "PLAN-1/1")
    assert place.pop("seconds") > 0
    assert place == {
        "rule": "PLAN-1/1",
        "where": "condition on customers",
        "looked_up": ["upper(trim(country))"],
        "computed": ["country LIKE '%B'"],
        "whole": "",
    }


def test_what_passes_cost_is_shared_by_their_rules(rules: RulesCommand, spark: object) -> None:
    """A pass costs what it took by itself, a rule an equal share of its passes: the shares add up to all of it."""
    explained = rules.json("run", "--as-of", "2024-06-01", "--explain-plan")
    passes = {each["reads"]: each for each in explained["passes"]}
    assert {name: each["rules"] for name, each in passes.items()} == {
        "customers": 5, "holdings": 3, "queries of their own": 1
    }  # fmt: skip
    cost = {place["rule"]: place["seconds"] for place in explained["places"]}
    assert sum(cost.values()) == pytest.approx(sum(each["seconds"] for each in passes.values()), abs=0.01)
    assert cost["PLAN-4/1"] == pytest.approx(
        passes["customers"]["seconds"] / 5 + passes["holdings"]["seconds"] / 3, abs=0.01
    )
