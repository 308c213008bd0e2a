"""What every source of rule sets does alike: the repository on PostgreSQL, and a frozen file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from rules_engine.errors import InvalidRule, RunRefused
from rules_engine.model.rule_sets import RuleSet, freeze
from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, RuleVersion
from rules_engine.ports import RuleSource
from rules_repo.frozen import FrozenRules, write
from rules_repo.repository import Repository
from tests.in_memory import InMemoryRules

DAY = date(2024, 7, 1)
TYPES = (
    MembershipType("GOLD", "Gold", margin=90),
    MembershipType("GOLD", "Gold", margin=10, effective_from=date(2024, 7, 1)),
    MembershipType("GOLD", "Gold", margin=30, effective_from=date(2024, 7, 2)),
    MembershipType("FAMILY"),
)
BOND = RuleVersion(
    key="BOND-001",
    version=1,
    kind=Kind.INCLUSION,
    membership_type="GOLD",
    weight=50,
    form=Form.PREDICATE,
    sql="product_type = 'BOND'",
    frame="holdings",
    effective=EffectivePeriod(date(2024, 1, 1), date(2025, 1, 1)),
    parameters={"since": date(2020, 1, 1)},
    metadata={"ticket": 7},
)
VERSIONS = (
    BOND,
    replace(BOND, key="LOAN-001", kind=Kind.EXCLUSION),
    replace(BOND, key="TEN-001", form=Form.STATEMENT, frame="", sql="SELECT customer_id FROM customers"),
)


@pytest.fixture(params=["repository", "frozen file", "in memory"])
def source(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> RuleSource:
    if request.param == "in memory":
        return InMemoryRules(TYPES, VERSIONS)
    repository = Repository(database_url)
    repository.publish(VERSIONS, TYPES)
    if request.param == "repository":
        return repository
    return FrozenRules(write(repository.rule_set(DAY, datetime.now(UTC)), tmp_path))


def test_a_rule_set_holds_what_is_in_force(source: RuleSource) -> None:
    """All versions and, of each membership type, the policy of the day, as published, with the days on which they count."""
    expected = RuleSet(DAY, datetime.now(UTC), TYPES[1::2], VERSIONS)
    found = source.rule_set(DAY, datetime.now(UTC))
    assert (found.versions, found.membership_types) == (expected.versions, expected.membership_types)
    assert (found.as_of, found.digest) == (DAY, expected.digest)


def test_the_same_question_has_the_same_answer(source: RuleSource) -> None:
    """Asked twice as known at one moment, the rule sets are equal in every byte."""
    moment = datetime.now(UTC)
    assert freeze(source.rule_set(DAY, moment)) == freeze(source.rule_set(DAY, moment))


def test_a_rule_set_is_of_a_moment_that_is_past(source: RuleSource) -> None:
    """It says as known at which moment it is, never a later one than asked for."""
    moment = datetime.now(UTC)
    found = source.rule_set(DAY, moment).known_at
    assert found <= moment
    assert found.utcoffset() is not None


def test_a_day_on_which_no_rule_is_known_to_be_in_force_is_refused(source: RuleSource) -> None:
    """A run without a rule would revoke every membership."""
    with pytest.raises(RunRefused, match="2025-01-01"):
        source.rule_set(date(2025, 1, 1), datetime.now(UTC))


@pytest.mark.parametrize("gone", ["repository", "frozen file"])
def test_a_source_that_cannot_be_reached_is_refused(gone: str, tmp_path: Path) -> None:
    """The operator reads which source it was."""
    sources: dict[str, RuleSource] = {
        "repository": Repository("postgresql://nobody@127.0.0.1:1/gone"),
        "frozen file": FrozenRules(tmp_path / "gone.json"),
    }
    with pytest.raises(RunRefused, match="gone"):
        sources[gone].rule_set(DAY, datetime.now(UTC))


def test_a_frozen_file_is_named_by_its_day_and_digest(tmp_path: Path) -> None:
    """Equal rule sets have one file, others another; nothing half-written is left beside it."""
    rule_set = RuleSet(DAY, datetime(2024, 7, 1, tzinfo=UTC), TYPES[1::2], VERSIONS)
    path = write(rule_set, tmp_path / "frozen")
    assert path == write(rule_set, tmp_path / "frozen")
    assert path.name == f"rule-set-2024-07-01-{rule_set.digest[:16]}.json"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_an_altered_frozen_file_is_noticed(tmp_path: Path) -> None:
    """A weight changed in the file no longer gives the digest it names."""
    path = write(RuleSet(DAY, datetime(2024, 7, 1, tzinfo=UTC), TYPES[1::2], VERSIONS), tmp_path)
    path.write_text(path.read_text().replace('"weight":50', '"weight":60', 1))
    with pytest.raises(InvalidRule, match="altered") as invalid:
        FrozenRules(path).rule_set(DAY, datetime.now(UTC))
    assert str(path) in str(invalid.value)


def test_a_frozen_set_without_rules_is_refused(tmp_path: Path) -> None:
    """A run without a rule would revoke every membership, wherever the rules come from."""
    path = write(RuleSet(DAY, datetime(2024, 7, 1, tzinfo=UTC), TYPES[1::2], ()), tmp_path)
    with pytest.raises(RunRefused, match="no rule is in force"):
        FrozenRules(path).rule_set(DAY, datetime.now(UTC))
