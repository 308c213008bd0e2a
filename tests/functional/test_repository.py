"""The repository on a real PostgreSQL: what it reads, what it publishes, and how it says what is wrong."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from rules_engine.errors import ChangeRefused, InvalidRule, RunRefused
from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, RuleVersion, Strategy, WhenUnknown
from rules_repo.repository import Repository
from tests.functional.conftest import Sql, client, runner
from tests.spec.table import Row, cases

DAY = date(2024, 7, 1)
GOLD = MembershipType("GOLD", "Gold")
BOND = RuleVersion(
    key="BOND-001",
    version=1,
    kind=Kind.INCLUSION,
    membership_type="GOLD",
    weight=50,
    form=Form.PREDICATE,
    sql="product_type = :kind AND bought_on >= :since AND amount >= :least AND :wide = (units > :units)",
    frame="holdings",
    effective=EffectivePeriod(date(2024, 1, 1)),
    when_unknown=WhenUnknown.HOLD,
    name="Holds a bond – “éclair”",
    category="products",
    rule_type="purchase",
    reason_code="BOND",
    reason_text="Holds a bond",
    owner="treasury",
    override=True,
    shadow=True,
    parameters={"kind": "BOND", "since": date(2020, 1, 1), "least": Decimal("100.50"), "wide": True, "units": 3},
    metadata={"ticket": 7, "notes": ["a", {"b": None}], "share": 0.25},
)
LOAN = replace(BOND, key="LOAN-001", kind=Kind.EXCLUSION, weight=40, override=False)


@pytest.fixture
def repository(database_url: str) -> Repository:
    return Repository(database_url)


def now() -> datetime:
    return datetime.now(UTC)


def test_what_is_published_is_what_is_read(repository: Repository) -> None:
    """Every field of a rule and a membership type survives the database, parameters with their types."""
    gold = replace(GOLD, strategy=Strategy.MAX_WEIGHT, margin=-3, veto_weight=500)
    repository.publish([BOND, LOAN], [gold])
    rule_set = repository.rule_set(DAY, now())
    assert rule_set.versions == (BOND, LOAN)
    assert rule_set.membership_types == (gold,)


def test_publishing_says_what_it_adds_changes_and_leaves(repository: Repository) -> None:
    """Unchanged content makes no new version; rules that are not named stay as they are."""
    added = repository.publish([BOND, LOAN], [GOLD])
    assert (added.added, added.membership_types) == (("BOND-001", "LOAN-001"), ("GOLD",))
    silver = replace(BOND, key="SILVER-001")
    changes = repository.publish([replace(BOND, version=9), replace(LOAN, weight=30), silver], [GOLD])
    assert (changes.added, changes.changed, changes.unchanged) == (("SILVER-001",), ("LOAN-001",), ("BOND-001",))
    assert changes.membership_types == ()
    assert [v.id for v in repository.rules()] == ["BOND-001/1", "LOAN-001/2", "SILVER-001/1"]


def test_a_dry_run_changes_nothing(repository: Repository) -> None:
    """A dry run says what would change, and takes it back."""
    repository.publish([BOND], [GOLD])
    changes = repository.publish([replace(BOND, weight=60), LOAN], [replace(GOLD, margin=5)], dry_run=True)
    assert (changes.added, changes.changed, changes.membership_types) == (("LOAN-001",), ("BOND-001",), ("GOLD",))
    assert repository.rules() == (BOND,)
    assert repository.membership_types() == (GOLD,)


def days(first: str, end: str = "") -> EffectivePeriod:
    return EffectivePeriod(date.fromisoformat(first), date.fromisoformat(end) if end else None)


TIMELINES = """
    wanted                                             | known                                                        | because
    ---------------------------------------------------+--------------------------------------------------------------+------------------------------------------------
    60 2024-01-01                                      | 2:60 2024-01-01                                              | the same days are corrected
    60 2024-06-01                                      | 1:50 2024-01-01 2024-06-01, 2:60 2024-06-01                  | days before the first one given stay
    50 2024-01-01 2024-06-01                           | 1:50 2024-01-01 2024-06-01                                   | an end retires the rule
    50 2024-03-01                                      | 1:50 2024-03-01                                              | the same wording with a later first day is moved
    50 2023-01-01                                      | 1:50 2023-01-01                                              | and so is one with an earlier first day
    50 2024-01-01 2024-06-01, 60 2024-06-01 2024-09-01 | 1:50 2024-01-01 2024-06-01, 2:60 2024-06-01 2024-09-01       | several periods are a timeline
    60 2024-01-01 2024-06-01, 50 2024-06-01            | 2:60 2024-01-01 2024-06-01, 1:50 2024-06-01                  | a known wording keeps its number
"""


@pytest.mark.parametrize("case", cases(TIMELINES))
def test_the_periods_given_are_the_days_known(repository: Repository, case: Row) -> None:
    """Publishing over '50 from 2024-01-01': what is said from the first day given on counts."""
    repository.publish([BOND], [GOLD])
    wanted = [part.split() for part in case["wanted"].split(", ")]
    repository.publish([replace(BOND, weight=int(weight), effective=days(*period)) for weight, *period in wanted])
    found = [f"{v.version}:{v.weight} {v.effective.first} {v.effective.end or ''}".strip() for v in repository.rules()]
    assert ", ".join(found) == case["known"]


def test_publication_is_all_or_nothing_with_every_fault(repository: Repository) -> None:
    """Faults of several rules are said together, and none of the rules is published."""
    overlapping = replace(LOAN, effective=days("2024-06-01"))
    bad_text = replace(BOND, key="NUL-001", sql="a = '\0'")
    unknown = replace(BOND, key="SILVER-001", membership_type="SILVER")
    with pytest.raises(ChangeRefused) as refused:
        repository.publish([BOND, LOAN, overlapping, bad_text, unknown], [GOLD, GOLD])
    assert [fault.which for fault in refused.value.faults] == [
        "Membership type GOLD",
        "Rule LOAN-001",
        "Rule NUL-001",
        "Rule SILVER-001",
    ]
    assert repository.rules() == ()


def test_a_thousand_rules_are_published_at_once(repository: Repository) -> None:
    """Bulk: one publication of 1,000 rules, and one that changes them all."""
    many = [replace(BOND, key=f"R-{number:04}") for number in range(1000)]
    repository.publish(many, [GOLD])
    repository.publish([replace(version, weight=60) for version in many])
    assert {(v.version, v.weight) for v in repository.rule_set(DAY, now()).versions} == {(2, 60)}


def test_a_publication_is_known_from_one_moment_on(repository: Repository) -> None:
    """Before it nothing of it is known, after it everything; and later edits change neither answer."""
    repository.publish([BOND], [GOLD])
    moment = now()
    before = repository.rule_set(DAY, moment)
    repository.publish([replace(BOND, weight=60), LOAN], [replace(GOLD, margin=5)])
    assert repository.rule_set(DAY, moment) == before
    first, second = repository.versions("BOND-001")
    assert first.recorded_to == second.recorded_from
    microsecond = timedelta(microseconds=1)
    assert repository.rule_set(DAY, second.recorded_from - microsecond).digest == before.digest
    at_that_moment = repository.rule_set(DAY, second.recorded_from)
    assert {v.id for v in at_that_moment.versions} == {"BOND-001/2", "LOAN-001/1"}
    assert (first.recorded_by, first.closed_by, second.closed_by) == ("postgres", "postgres", None)


def test_the_future_is_known_as_now(repository: Repository) -> None:
    """A moment after the database's now is taken as now, and the rule set says so."""
    repository.publish([BOND], [GOLD])
    assert repository.rule_set(DAY, now() + timedelta(days=9)).known_at < now() + timedelta(days=1)


def test_plain_sql_and_publication_work_on_the_same_rules(repository: Repository, database_url: str) -> None:
    """A weight changed in any client is in the next rule set."""
    repository.publish([BOND, LOAN], [GOLD])
    connection = client(database_url)
    runner(connection)("UPDATE rules.rule SET weight = 60, effective_from = '2024-06-01' WHERE rule_key = 'BOND-001'")
    connection.commit()
    connection.close()
    assert [v.id for v in repository.rule_set(DAY, now()).versions] == ["BOND-001/2", "LOAN-001/1"]
    assert [v.id for v in repository.rules(date(2024, 5, 31))] == ["BOND-001/1", "LOAN-001/1"]
    assert [v.id for v in repository.rules()] == ["BOND-001/1", "BOND-001/2", "LOAN-001/1"]


def test_stored_rows_that_make_no_rule_are_all_named(repository: Repository, sql: Sql) -> None:
    """If somebody breaks the database's checks, the run stops with the faults of every rule."""
    for relation in ("rule_version", "rule_period"):
        sql(f"ALTER TABLE rules.{relation} DISABLE TRIGGER released_only")
    for constraint in ("weight", "sql", "frame", "parameters"):
        sql(f"ALTER TABLE rules.rule_version DROP CONSTRAINT rule_version_{constraint}_check")
    row = (
        "SELECT i.id, 2, 'inclusion', 'GOLD', {}, 'predicate', 'f', {}, {} FROM rules.rule_identity AS i WHERE key = {}"
    )
    columns = "(rule_id, version, kind, membership_type, weight, form, frame, sql, parameters)"
    for values in (("0", "''", "'{}'", "'BOND-001'"), ("1", "'true'", """'{"d": {"date": "soon"}}'""", "'LOAN-001'")):
        sql(f"INSERT INTO rules.rule_version {columns} {row.format(*values)}")
    for key in ("BOND-001", "LOAN-001"):
        sql("UPDATE rules.rule SET effective_to = '2024-06-01' WHERE rule_key = %s", key)
    sql(
        "INSERT INTO rules.rule_period (rule_id, version, effective)"
        " SELECT rule_id, version, '[2024-06-01,)' FROM rules.rule_version WHERE version = 2"
    )
    with pytest.raises(InvalidRule) as invalid:
        repository.rule_set(DAY, now())
    assert sorted({fault.which for fault in invalid.value.faults}) == ["Rule BOND-001", "Rule LOAN-001"]
    assert len(invalid.value.faults) == 3


NOTHING = """
    as_of      | known                | says                                          | because
    -----------+----------------------+-----------------------------------------------+------------------------------------------
    2023-12-31 | now                  | `rules list` shows their effective periods    | no rule is in force before the first day
    2024-07-01 | 2000-01-01T00:00:00Z | 1 are as known now: they were recorded later  | nothing was known before it was recorded
"""


@pytest.mark.parametrize("case", cases(NOTHING))
def test_no_rule_in_force_is_refused(repository: Repository, case: Row) -> None:
    """A run without a rule would revoke every membership: it is refused, with the reason."""
    repository.publish([BOND], [GOLD])
    moment = now() if case["known"] == "now" else datetime.fromisoformat(case["known"])
    with pytest.raises(RunRefused, match="no rule is in force") as refused:
        repository.rule_set(date.fromisoformat(case["as_of"]), moment)
    assert case["says"] in str(refused.value)


def test_somebody_elses_open_edit_does_not_stop_a_run(repository: Repository, database_url: str) -> None:
    """A transaction that somebody forgot to commit delays no run and is no part of it."""
    repository.publish([BOND], [GOLD])
    forgotten = client(database_url)
    runner(forgotten)("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    assert repository.rule_set(DAY, now()).versions == (BOND,)
    forgotten.rollback()
    forgotten.close()


def test_a_rule_set_waits_for_a_change_that_is_being_committed(repository: Repository, database_url: str) -> None:
    """What gets its moment before the run's is in the run's rule set, however late its commit."""
    repository.publish([BOND], [GOLD])
    committing = client(database_url)
    runner(committing)("LOCK TABLE rules.settling IN EXCLUSIVE MODE")  # as who has its moment and is being committed
    with ThreadPoolExecutor() as pool:
        read = pool.submit(repository.rule_set, DAY, now())
        time.sleep(0.3)
        assert not read.done()
        committing.commit()
        assert [v.weight for v in read.result(timeout=10).versions] == [50]
    committing.close()
