"""A policy of a membership type holds from a day on: a future margin, and past days by the policy of their day (R-REPO-3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from rules_engine.errors import ChangeRefused
from rules_engine.model.rule_sets import freeze, thaw
from rules_engine.model.rules import MembershipType
from rules_repo import audit, embedded, exchange, schema
from rules_repo.drafted import Drafts, first_day_of, of_file
from rules_repo.repository import Repository
from tests.functional.conftest import Sql, client, runner
from tests.functional.governed import TWO_RULES, Office, open_office
from tests.functional.tampering import quietly
from tests.spec.table import rows

TODAY = datetime.now(UTC).date()
DAY, LATER = TODAY + timedelta(days=10), TODAY + timedelta(days=20)
ON = "SELECT margin FROM rules.membership_types(%s) WHERE key = 'GOLD'"
MOVED = "UPDATE rules.membership_type SET margin = {}, effective_from = '{}' WHERE key = 'GOLD' AND effective_from {}"


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    """Four eyes, two rules of GOLD, and its margin of 25 from DAY on, which went all the way as change 2."""
    url = embedded.ensure_database(postgres_url, "policy_days")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    made = open_office(runner(owner), url)
    owner.close()
    made("ann", TWO_RULES)
    made.published(1)
    made("ann", MOVED.format(25, DAY, "< '2000-01-01'"))
    made.published(2)
    yield made
    embedded.drop_database(postgres_url, "policy_days")


def test_a_margin_of_a_day_to_come_goes_the_way_of_a_rule(office: Office) -> None:
    """Drafted, shown against what counts then, planned on its day, approved by another, scheduled; days before it stay."""
    drafts, repository, moment = Drafts(office.url), Repository(office.url), datetime.now(UTC)
    office("ann", MOVED.format(40, LATER, f"= '{DAY}'"))
    assert office("bob", "SELECT object, period::text, field, was, becomes FROM rules.diff(3)") == [
        (f"membership type GOLD from {LATER}", f"[{LATER},)", "margin", "25", "40")
    ]
    assert drafts.first_day(3, TODAY) == LATER
    change, days = drafts.chosen(3), (TODAY, DAY, LATER)
    planned = [drafts.rule_set(change, repository.rule_set(day, moment), day) for day in days]
    assert [each.membership_type("GOLD").margin for each in planned] == [1, 25, 40]
    assert [office("eve", ON, day) for day in days] == [[(1,)], [(25,)], [(25,)]]
    office("ann", "SELECT rules.submit(3, 'dearer')")
    assert "approve" in office.refusal("ann", "SELECT rules.schedule(3)")
    office.approved(3)
    office("bob", "SELECT rules.schedule(3)")
    assert office("bob", "SELECT state, policies FROM rules.change_overview WHERE change_id = 3") == [
        ("scheduled", f"GOLD from {LATER}")
    ]
    assert [office("eve", ON, day) for day in days] == [[(1,)], [(25,)], [(40,)]]
    known = "SELECT margin FROM rules.membership_types(%s, %s)"
    assert office("eve", known, LATER, moment) == [(25,)]
    assert audit.verify(office.url).faults == ()


def test_a_run_decides_by_the_policy_of_its_day(office: Office) -> None:
    """The rule set of a past day is the same before and after, by its digest; frozen, it says from when its policy counts."""
    repository, now = Repository(office.url), datetime.now(UTC)
    found = {day: repository.rule_set(day, now) for day in (TODAY, DAY, LATER)}
    assert found[TODAY].membership_type("GOLD") == MembershipType("GOLD", "Gold")
    assert found[DAY].membership_type("GOLD") == MembershipType("GOLD", "Gold", margin=25, effective_from=DAY)
    assert found[LATER].digest == found[DAY].digest != found[TODAY].digest
    assert thaw(freeze(found[DAY])) == found[DAY]
    office("ann", MOVED.format(40, LATER, f"= '{DAY}'"))
    office.published(3)
    assert repository.rule_set(DAY, datetime.now(UTC)).digest == found[DAY].digest


def test_a_policy_is_corrected_for_its_own_days(office: Office) -> None:
    """UPDATE of a row that keeps its day drafts that policy anew; the others stay, and what was known stays known."""
    moment = datetime.now(UTC)
    office("ann", "UPDATE rules.membership_type SET margin = 7 WHERE key = 'GOLD' AND effective_from < '2000-01-01'")
    office.published(3)
    assert [office("eve", ON, day) for day in (TODAY, DAY)] == [[(7,)], [(25,)]]
    assert office("eve", "SELECT margin FROM rules.membership_types(%s, %s)", TODAY, moment) == [(1,)]
    assert office("olga", "SELECT count(*) FROM rules.membership_type_history") == [(3,)]
    assert audit.verify(office.url).faults == ()


REFUSED = f"""
    statement                                                                              | refused because
    ---------------------------------------------------------------------------------------+-----------------------------------
    {MOVED.format(3, LATER, "< '2000-01-01'")} | on {LATER} it is not the policy of 0001-01-01 that counts
    {MOVED.format(3, DAY, "< '2000-01-01'")} | on {DAY} it is not the policy of 0001-01-01 that counts
    {MOVED.format(3, TODAY, f"= '{DAY}'")} | on {TODAY} it is not the policy of {DAY} that counts
    {MOVED.format(3, "infinity", f"= '{DAY}'")} | its day infinity is none from 0001-01-01 to 9999-12-31
    {MOVED.format(3, "0044-03-15 BC", f"= '{DAY}'")} | its day 0044-03-15 BC is none from 0001-01-01 to 9999-12-31
    INSERT INTO rules.membership_type (key, effective_from) VALUES ('NEW', '2030-01-01') | there is none, and the first policy of one counts from the beginning
    INSERT INTO rules.membership_type (key) VALUES ('GOLD') | Membership type GOLD: it is there already
    INSERT INTO rules.membership_type (key, effective_from) VALUES ('GOLD', '{DAY}') | Membership type GOLD from {DAY}: it is there already
"""


def test_a_policy_that_fits_no_day_is_refused(office: Office) -> None:
    """In words, and nothing is drafted; the engine may draft none at all."""
    for case in rows(REFUSED):
        assert case["refused because"] in office.refusal("ann", case["statement"])
    assert "permission denied" in office.refusal("eve", MOVED.format(3, LATER, f"= '{DAY}'"))
    assert office("olga", "SELECT count(*) FROM rules.draft_policy WHERE open") == [(0,)]


def test_a_later_policy_waits_for_the_type_that_another_change_adds(office: Office) -> None:
    """Published before it, the type would have no policy on the days before."""
    office("dan", "INSERT INTO rules.membership_type (key, name) VALUES ('SILVER', 'Silver')")
    later = "INSERT INTO rules.membership_type (key, margin, effective_from) VALUES ('SILVER', 9, '2030-01-01')"
    office("ann", later)
    assert "Membership type SILVER: it is in another open change" in office.refusal(
        "ann", "SELECT rules.submit(4, 'x')"
    )
    office.published(3)
    office.published(4)
    both = "SELECT margin, effective_from FROM rules.membership_type WHERE key = 'SILVER' ORDER BY 2"
    assert office("bob", both) == [(1, date.min), (9, date(2030, 1, 1))]
    assert audit.verify(office.url).faults == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rules.membership_type_version SET effective_from = '2024-01-01' WHERE margin = 25",
        "UPDATE rules.draft_policy SET content = content || '{\"effective_from\": \"2024-01-01\"}' WHERE key LIKE 'GOLD from%'",
    ],
    ids=["the policy", "its draft"],
)
@pytest.mark.parametrize("anew", [False, True], ids=["chain as it was", "chain made anew"])
def test_a_day_that_is_moved_behind_the_audits_back_is_found(office: Office, statement: str, anew: bool) -> None:
    """The day is evidence as the margin is."""
    quietly(office, statement, anew=anew)
    assert audit.verify(office.url).faults != ()


POLICIES = (
    MembershipType("GOLD", "Gold", margin=10),
    MembershipType("GOLD", "Gold", margin=20, effective_from=date(2024, 8, 1)),
    MembershipType("GOLD", "Gold", margin=30, effective_from=date(2024, 9, 1)),
)


@pytest.mark.parametrize("kind", ["yaml", "csv", "xlsx"])
def test_files_keep_every_policy(database_url: str, sql: Sql, tmp_path: Path, kind: str) -> None:
    """Imported at once, exported, imported again: nothing is left to change; a plan of the file is of its day."""
    repository = Repository(database_url)
    repository.propose((), POLICIES)
    known = repository.membership_types()
    assert tuple(policy for policy in known if policy.key == "GOLD") == POLICIES
    assert [sql(ON, day)[0][0] for day in ("2024-07-31", "2024-08-01", "2024-09-01")] == [10, 20, 30]
    path = tmp_path / f"rules.{kind}"
    beside = exchange.Beside(types=tmp_path / "types.csv") if kind == "csv" else exchange.ALONE
    exchange.write(exchange.RuleFile(known, repository.rules()), path, beside)
    read = exchange.read(path, beside)
    assert read.membership_types == known
    assert repository.propose(read.versions, read.membership_types).change is None
    before = repository.rule_set(date(2024, 8, 15), datetime.now(UTC))
    corrected = MembershipType("GOLD", "Gold", margin=5)
    assert of_file(before, (), [corrected], before.as_of).membership_type("GOLD").margin == 20
    assert first_day_of((), POLICIES[2:], before.as_of) == date(2024, 9, 1)


def test_a_file_without_a_first_policy_is_refused(database_url: str, sql: Sql) -> None:
    """All that is wrong at once; nothing is drafted."""
    later = MembershipType("SILVER", effective_from=date(2024, 8, 1))
    with pytest.raises(ChangeRefused) as refused:
        Repository(database_url).propose((), [later, later, MembershipType("TIN", effective_from=date(2024, 8, 1))])
    said = str(refused.value)
    assert "SILVER from 2024-08-01: it is given twice" in said
    assert "Membership type TIN: there is none, and the first policy" in said
    assert sql("SELECT count(*) FROM rules.draft_policy WHERE open") == [(0,)]
