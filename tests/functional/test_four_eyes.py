"""The life of a change in plain SQL: what each step makes, and what takes it back (R-REPO-5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from rules_repo import audit, embedded
from rules_repo.repository import Repository
from tests.functional.conftest import Sql, client, runner
from tests.functional.governed import TWO_RULES, Office, open_office
from tests.functional.racing import Racers, one_round
from tests.spec.table import Row, cases

RULES = "SELECT rule_key, version, weight::integer FROM rules.rule ORDER BY 1, 2"
BOTH = [("BOND-001", 1, 50), ("LOAN-001", 1, 40)]
EDIT = "UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'"


@pytest.fixture
def office(empty_database_url: str, governed_template: str, postgres_url: str) -> Iterator[Office]:
    """Two rules, published by four eyes as change 1."""
    name = empty_database_url.rpartition("/")[2].partition("?")[0]
    embedded.drop_database(postgres_url, name)
    return Office(embedded.ensure_database(postgres_url, name, template=governed_template))


def state(office: Office, change: int) -> object:
    ((found,),) = office("ann", "SELECT state FROM rules.change_overview WHERE change_id = %s", change)
    return found


def test_a_draft_leaves_the_live_version_in_force(office: Office) -> None:
    """What counts and what the engine reads change at the publication, not at the edit, the review or the approval."""
    steps = (
        lambda: office("ann", EDIT),
        lambda: office("ann", "SELECT rules.submit(2, 'bonds matter more')"),
        lambda: office.approved(2),
    )
    for step in steps:
        step()
        assert office("ann", RULES) == BOTH
        assert office("eve", "SELECT weight::integer FROM rules.rule_set('2024-06-01') ORDER BY 1") == [(40,), (50,)]
    office("bob", "SELECT rules.schedule(2)")
    assert office("ann", RULES) == [("BOND-001", 2, 60), ("LOAN-001", 1, 40)]


VOIDING = """
    edit                                                                                                    | because
    --------------------------------------------------------------------------------------------------------+--------------------------------------
    UPDATE rules.draft SET weight = 70 WHERE rule_key = 'BOND-001'                                          | another weight was not approved
    UPDATE rules.rule SET name = 'Bonds' WHERE rule_key = 'BOND-001'                                        | nor was another name
    DELETE FROM rules.draft WHERE rule_key = 'BOND-001'                                                     | nor its being taken back
    UPDATE rules.draft SET effective_to = '2030-01-01' WHERE rule_key = 'BOND-001'                          | nor other days
    SELECT rules.work_on(2); UPDATE rules.rule SET weight = 30 WHERE rule_key = 'LOAN-001'                  | nor one more rule
    SELECT rules.work_on(2); UPDATE rules.membership_type SET margin = 5 WHERE key = 'GOLD'                 | nor another policy
    UPDATE rules.draft SET weight = 70 WHERE edited; UPDATE rules.draft SET weight = 60 WHERE edited        | an edit that is undone was one
"""


@pytest.mark.parametrize("case", cases(VOIDING))
def test_an_edit_voids_the_approval(office: Office, case: Row) -> None:
    """Approved, edited: a draft again, which nobody can publish before it is approved anew."""
    office("ann", EDIT)
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    office.approved(2)
    office("ann", case["edit"])
    assert state(office, 2) == "draft"
    assert "Only an approved change" in office.refusal("bob", "SELECT rules.schedule(2)")
    if "DELETE" not in case["edit"]:
        office("ann", "SELECT rules.submit(2)")
        assert "nobody but its authors has checked" in office.refusal("bob", "SELECT rules.approve(2)")


def test_whoever_edits_becomes_an_author(office: Office) -> None:
    """zoe, analyst and approver, edits ann's change once: from then on she cannot approve it, bob can."""
    office("ann", EDIT)
    office("zoe", "SELECT rules.work_on(2); UPDATE rules.draft SET weight = 70 WHERE rule_key = 'BOND-001'")
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    assert "zoe wrote it" in office.refusal("zoe", "SELECT rules.approve(2)")
    office.approved(2)
    assert state(office, 2) == "approved"


def test_two_approvals_are_of_two_people(office: Office) -> None:
    """Where two are needed, one person approving twice is one."""
    office("adam", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, 'auditors ask for it')")
    office("ann", EDIT)
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    office.approved(2)
    assert state(office, 2) == "in review"
    assert "bob has approved it already" in office.refusal("bob", "SELECT rules.approve(2)")
    office("cy", "SELECT rules.approve(2)")
    assert state(office, 2) == "approved"


def test_a_rejected_change_can_be_mended(office: Office) -> None:
    """Back to its authors with the reason; handed in again it can be approved."""
    office("ann", EDIT)
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    office("bob", "SELECT rules.reject(2, 'by how much?')")
    assert state(office, 2) == "draft"
    office("ann", "UPDATE rules.draft SET weight = 55 WHERE rule_key = 'BOND-001'")
    office.published(2)
    assert office("ann", RULES)[0] == ("BOND-001", 2, 55)


def test_a_withdrawn_change_frees_its_rules(office: Office) -> None:
    """Another change can draft them at once."""
    office("ann", EDIT)
    assert "being changed in change 2" in office.refusal("dan", EDIT)
    office("ann", "SELECT rules.withdraw(2)")
    office("dan", EDIT)
    assert office("dan", "SELECT change_id, author FROM rules.draft") == [(3, "dan")]


STATES = """
    days                           | state     | because
    -------------------------------+-----------+----------------------------------------
    current_date, NULL             | live      | its first day is today
    current_date + 5, NULL         | scheduled | its first day is to come
    current_date - 9, current_date | retired   | its last day has passed
"""


@pytest.mark.parametrize("case", cases(STATES))
def test_a_published_change_is_scheduled_live_and_retired(office: Office, case: Row) -> None:
    """The last three states follow from the days that it published."""
    columns = "(rule_key, kind, membership_type, weight, frame, sql, effective_from, effective_to)"
    office("ann", f"INSERT INTO rules.rule {columns} VALUES ('N', 'inclusion', 'GOLD', 1, 'f', 'true', {case['days']})")
    office.published(2)
    assert state(office, 2) == case["state"]


def test_a_paused_rule_does_not_count_and_is_known_to_have_been_paused(office: Office) -> None:
    """From its first day to its end or its resumption; before it was paused, it was known to count."""
    keys = "SELECT rule_key FROM rules.rule_set(current_date + %s, coalesce(%s, clock_timestamp()))"
    ((before,),) = office("ann", "SELECT clock_timestamp()")
    office("ann", "SELECT rules.pause('BOND-001', 'counts foreign bonds', current_date + 3)")
    ((paused,),) = office("ann", "SELECT clock_timestamp()")
    assert office("ann", keys, 0, None) == office("ann", keys, 2, None) == [("LOAN-001",)]
    assert office("ann", keys, 3, None) == office("ann", keys, 0, before) == [("BOND-001",), ("LOAN-001",)]
    assert "is paused from" in office.refusal("bob", "SELECT rules.pause('BOND-001', 'too', current_date + 2)")
    office("bob", "SELECT rules.resume('BOND-001', 'mended upstream')")
    assert office("ann", keys, 0, None) == [("BOND-001",), ("LOAN-001",)]
    assert office("ann", keys, 0, paused) == [("LOAN-001",)]
    known = Repository(office.url).rule_set(datetime.now(UTC).date(), datetime.fromisoformat(str(paused)))
    assert [v.key for v in known.versions] == ["LOAN-001"]


def test_nothing_is_published_in_a_freeze(office: Office) -> None:
    """Drafts and approvals go on; the publication waits until the freeze is lifted or over."""
    office("adam", "SELECT rules.freeze_releases('year end', now() + interval '1 day')")
    office("ann", EDIT)
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    office.approved(2)
    assert "adam froze the rules (year end)" in office.refusal("bob", "SELECT rules.schedule(2)")
    office("adam", "SELECT rules.lift_freeze('the books are closed')")
    office("bob", "SELECT rules.schedule(2)")
    assert state(office, 2) == "live"
    reasons = office(
        "olga", "SELECT DISTINCT reason FROM rules.audit_entry WHERE relation = 'release_freeze' ORDER BY 1"
    )
    assert reasons == [("the books are closed",), ("year end",)]


def test_a_tenant_sees_its_own_rules(office: Office) -> None:
    """Two tenants in one database: same keys, other rules, and no login sees past its own, views and tables alike."""
    office("adam", "INSERT INTO rules.tenant VALUES ('acme', 'Another mutual')")
    for login in ("ann", "bob", "adam", "eve"):
        office("postgres", "INSERT INTO rules.tenant_login VALUES ('main', %s)", login)
    for login in ("dan", "cy", "olga"):
        office("postgres", "INSERT INTO rules.tenant_login VALUES ('acme', %s)", login)
    assert office("dan", RULES) == []
    office("dan", TWO_RULES.replace("50,", "10,"))
    office("dan", "SELECT rules.submit(2, 'our own')")
    assert "there is none" in office.refusal("bob", "SELECT rules.reject(2, 'not mine')")
    office(
        "cy", "SELECT rules.record_check(2, (SELECT content_hash FROM rules.change_overview), true, 'read', '4.1.1')"
    )
    assert "nobody has planned" in office.refusal("cy", "SELECT rules.approve(2)"), "a new tenant approves effects, too"
    office("cy", "SELECT rules.record_plan(2, rules.content_hash(2), clock_timestamp(), '{}')")
    office("cy", "SELECT rules.approve(2)")
    office("cy", "SELECT rules.schedule(2)")
    assert office("dan", RULES) == [("BOND-001", 1, 10), ("LOAN-001", 1, 40)]
    assert office("ann", RULES) == BOTH
    assert office("eve", "SELECT weight::integer FROM rules.rule_set('2024-06-01')") == [(50,), (40,)]
    assert office("olga", "SELECT DISTINCT tenant FROM rules.rule_version") == [("acme",)]
    assert office("olga", "SELECT DISTINCT tenant FROM rules.audit_entry WHERE relation = 'rule_period'") == [("acme",)]
    assert "belongs to no tenant" in office.refusal("zoe", RULES)
    assert "Choose one: SET rules.tenant" in office.refusal("postgres", RULES)
    assert office("postgres", f"SET rules.tenant = 'acme'; {RULES}") == office("dan", RULES)


CHECKS = """
    login    | more                                   | approves | because
    ---------+----------------------------------------+----------+-------------------------------------------------
    bob      |                                        |          | nobody was asked
    postgres |                                        |          | whoever says so
    bob      | , ''                                   |          | an empty word is none
    bob      | , NULL                                 |          | nor is nothing
    zoe      | , '4.1.1'                              | bob      | somebody else's check that asked Spark is enough
    bob      | , '3.5.8', 'abc123', '0.1.0+12ab'      | bob      | with frames and gates, as the tools say it
    bob      | , spark => '4.0.2-amzn-0'              | bob      | by name, of a Spark of AWS
"""


@pytest.mark.parametrize("case", cases(CHECKS))
def test_a_check_that_asked_no_spark_is_worth_less(office: Office, case: Row) -> None:
    """An approval does not take it, by whatever login and way; its cure, followed to the letter, is accepted."""
    office("ann", EDIT)
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    said = office(case["login"], f"SELECT rules.record_check(2, rules.content_hash(2), true, 'read'{case['more']})")
    assert ("it is worth less" in str(said)) == (not case["approves"])
    for login in ("bob", "cy", "postgres") if not case["approves"] else ():
        assert "its check asked no Spark" in office.refusal(login, "SELECT rules.approve(2)")
    if not case["approves"]:
        by_hand = "INSERT INTO rules.approval (change_id, edition, content_hash, granted) VALUES (2, 1, rules.content_hash(2), true)"
        cure = office.refusal("postgres", by_hand).partition("tried it on: ")[2].partition(". That")[0]
        office("bob", cure)
    office("bob", "SELECT rules.approve(2), rules.schedule(2)")
    (checks,) = office("ann", "SELECT checks FROM rules.change_overview WHERE change_id = 2")[0]
    assert isinstance(checks, list)
    assert any(check["spark_version"] for check in checks)
    assert audit.verify(office.url).faults == ()


def test_a_tenant_may_choose_checks_without_spark(office: Office) -> None:
    """Two admins say so where there are rules, as it is said with the number of approvals; and one takes it back."""
    office("ann", EDIT)
    office("ann", "SELECT rules.submit(2, 'bonds matter more')")
    office("bob", "SELECT rules.record_check(2, rules.content_hash(2), true, 'read')")
    chosen = "INSERT INTO rules.governance (approvals_needed, reason, without_spark) VALUES (1, 'none here', {})"
    office("adam", chosen.format("true"))
    assert "its check asked no Spark" in office.refusal("bob", "SELECT rules.approve(2)")
    office("adam", chosen.format("true"))
    assert "its check asked no Spark" in office.refusal("bob", "SELECT rules.approve(2)")
    office("postgres", chosen.format("true"))
    office("bob", "SELECT rules.approve(2)")
    office("adam", chosen.format("false"))
    assert "its check asked no Spark" in office.refusal("bob", "SELECT rules.schedule(2)")
    office("bob", "SELECT rules.record_check(2, rules.content_hash(2), true, 'tried', '4.1.1'), rules.schedule(2)")
    assert "is no version of Spark" in office.refusal(
        "ann", "SELECT rules.record_check(2, rules.content_hash(2), true, 'x', 'unsaid')"
    )
    assert audit.verify(office.url).faults == ()


TAMPERING = """
    statement                                                                          | says                                   | because
    -----------------------------------------------------------------------------------+----------------------------------------+---------------------------------------
    UPDATE rules.audit_entry SET login = 'zoe' WHERE position = 20                     | Audit entry 20: it was altered         | who did it was rewritten
    UPDATE rules.audit_entry SET after = jsonb_set(after, '{weight}', '51') WHERE relation = 'rule_version' | it was altered | what was done was rewritten
    DELETE FROM rules.audit_entry WHERE position = 20                                  | Audit entry 20: it is missing          | an entry was taken out
    UPDATE rules.audit_entry SET hash = repeat('0', 64) WHERE position = 20            | Audit entry 20: it was altered         | a hash was rewritten
    UPDATE rules.audit_entry SET position = position + 1000 WHERE position > 20        | Audit entry 21: it is missing          | entries were renumbered
    DELETE FROM rules.audit_entry WHERE position > 27                                  | a publication that did not happen      | the newest entries were cut off
    UPDATE rules.rule_version SET weight = 51 WHERE rule_id = 1                        | it is not what the audit says of it    | a wording was edited
    UPDATE rules.rule_period SET effective = '[2023-01-01,)' WHERE rule_id = 1         | it is not what the audit says of it    | days were edited
    DELETE FROM rules.approval                                                         | it is gone                             | an approval was deleted
    UPDATE rules.change SET author = 'zoe'                                             | it is not what the audit says of it    | an author was exchanged
    INSERT INTO rules.approval (change_id, tenant, edition, content_hash, granted, approver) VALUES (1, 'main', 1, '', true, 'cy') | the audit does not know it | an approval was made up
"""


@pytest.mark.parametrize("case", cases(TAMPERING))
def test_tampering_by_a_superuser_is_found(office: Office, case: Row) -> None:
    """With every trigger switched off anything can be written; the audit's proof names the first thing that is wrong."""
    assert audit.verify(office.url).faults == ()
    relation = case["statement"].split("rules.")[1].split()[0]
    office("postgres", f"ALTER TABLE rules.{relation} DISABLE TRIGGER ALL")
    office("postgres", case["statement"])
    office("postgres", f"ALTER TABLE rules.{relation} ENABLE TRIGGER ALL")
    faults = audit.verify(office.url).faults
    assert case["says"] in str(faults[0])


def test_the_audit_says_who_when_why_before_and_after(office: Office) -> None:
    """An edit of a draft, seen by an auditor."""
    office("ann", EDIT)
    office.published(2)
    found = office(
        "olga",
        "SELECT login, operation, before ->> 'state', after ->> 'state', reason FROM rules.audit_entry"
        " WHERE relation = 'change' AND row_key = '{\"id\": 2}' ORDER BY position",
    )
    assert found[-1] == ("bob", "UPDATE", "approved", "scheduled", "a test")
    assert found[0][:2] == ("ann", "INSERT")
    assert [e.login for e in audit.log(office.url, "BOND-001", 3)] == ["bob"] * 3


def test_the_function_and_the_repository_give_the_same_rule_set(office: Office) -> None:
    """R-REPO-4: the two clocks have one answer."""
    office("ann", "UPDATE rules.rule SET weight = 60, effective_from = '2024-06-01' WHERE rule_key = 'BOND-001'")
    office.published(2)
    repository = Repository(office.url)
    for day, expected in (("2024-05-31", 50), ("2024-06-01", 60)):
        told = office("eve", "SELECT rule_key, version, weight::integer FROM rules.rule_set(%s)", day)
        found = repository.rule_set(date.fromisoformat(day), datetime.now(UTC)).versions
        assert sorted((v.key, v.version, v.weight) for v in found) == sorted(told)
        assert ("BOND-001", expected) in [(key, weight) for key, _, weight in told]


def test_an_engine_login_reads_the_rule_set_through_the_repository(office: Office) -> None:
    """A run's login needs no right on any table."""
    reading = Repository(office.url.replace("postgres@", "eve@"))
    assert len(reading.rule_set(date(2024, 6, 1), datetime.now(UTC)).versions) == 2


ROUNDS = 200


def test_of_two_who_race_one_wins_and_the_other_is_told(office: Office) -> None:
    """200 rounds of each race; never two winners, nor none, and what was published is what the winners said."""
    race = Racers(office)
    for number in range(ROUNDS):
        one_round(race, number)
    race.close()
    assert office("ann", RULES)[0] == ("BOND-001", ROUNDS + 1, 50 + ROUNDS)
    assert audit.verify(office.url).faults == ()


@pytest.fixture(scope="module")
def governed_template(postgres_url: str) -> Iterator[str]:
    """The name of a database with two rules that four eyes published."""
    from rules_repo import schema

    url = embedded.ensure_database(postgres_url, "governed")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    run: Sql = runner(owner)
    made = open_office(run, url)
    made("ann", TWO_RULES)
    made.published(1)
    owner.close()
    yield "governed"
    embedded.drop_database(postgres_url, "governed")
