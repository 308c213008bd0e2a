"""An approval of content and effect: where a plan is needed, none, another or a stale one is refused in words (R-PLAN)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from rules_engine.model.rule_sets import RuleSet
from rules_repo import audit, embedded, schema
from rules_repo.changes import ChangeBook
from rules_repo.drafted import Drafts
from rules_repo.repository import Repository
from tests.functional.conftest import client, runner
from tests.functional.governed import OFFICE, TWO_RULES, Office, open_office
from tests.spec.table import Row, cases

DAY = date(2024, 6, 1)
PLANNED = 'SELECT rules.record_plan({0}, rules.content_hash({0}), clock_timestamp(), \'{{"words": "nobody flips"}}\')'
CHECKED = "SELECT rules.record_check({0}, rules.content_hash({0}), true, 'read', '4.1.1')"


@pytest.fixture(scope="module")
def office(postgres_url: str) -> Iterator[Office]:
    """
    A tenant whose approvals need a plan of at most 7 days, and changes whose plans lack something.

    1 published, 2 in review without a plan, 3 with a plan of another content, 4 approved on a plan that 5, published
    since, made stale.
    """
    url = embedded.ensure_database(postgres_url, "planned")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    made = open_office(runner(owner), url)
    made("ann", TWO_RULES)
    made.published(1)
    made("adam", "INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'effects, too', 7)")
    made("ann", "UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    made("ann", "SELECT rules.submit(2, 'bonds weigh more')")
    made("dan", "UPDATE rules.rule SET weight = 30 WHERE rule_key = 'LOAN-001'")
    made("dan", PLANNED.format(3))
    made("dan", "UPDATE rules.draft SET weight = 31 WHERE rule_key = 'LOAN-001'")
    made("dan", "SELECT rules.submit(3, 'loans weigh less')")
    rule = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
    for change, key, login in ((4, "TEN-001", "zoe"), (5, "TEN-002", "dan")):
        made(login, "SELECT rules.begin_change('more', 'tenure counts')")
        made(login, f"{rule} ('{key}', 'inclusion', 'GOLD', 10, 'customers', 'years > 5', '2024-01-01')")
        made(login, f"SELECT rules.submit({change}, 'tenure counts')")
        made("cy", PLANNED.format(change))
        made("bob", CHECKED.format(change))
        made("bob", f"SELECT rules.approve({change})")
    made("bob", "SELECT rules.schedule(5)")
    for change in (2, 3):
        made("bob", CHECKED.format(change))
    yield made
    owner.close()
    embedded.drop_database(postgres_url, "planned")


MOVES = """
    login    | statement                                                   | says                                                    | because
    ---------+-------------------------------------------------------------+---------------------------------------------------------+----------------------------------------
    bob      | SELECT rules.approve(2)                                     | nobody has planned what it would do                     | an approval is of the effect, too
    cy       | SELECT rules.approve(2)                                     | nobody has planned what it would do                     | by whomever
    postgres | SELECT rules.approve(2)                                     | nobody has planned what it would do                     | a superuser is judged by the facts
    bob      | SELECT rules.approve(3)                                     | its plan is of another content                          | a plan is of what was planned
    postgres | SELECT rules.approve(3)                                     | its plan is of another content                          | whoever asks
    bob      | SELECT rules.schedule(4)                                    | its plan is stale: change 5 was published since         | what went live in between has an effect of its own
    zoe      | SELECT rules.schedule(4)                                    | its plan is stale: change 5 was published since         | its author does not publish it either
    postgres | SELECT rules.schedule(4)                                    | its plan is stale: change 5 was published since         | nor a superuser
    postgres | UPDATE rules.change SET state = 'scheduled' WHERE id = 4    | its plan is stale                                       | nor by hand
    postgres | UPDATE rules.change SET state = 'approved' WHERE id = 2     | it needs 1 approval                                     | an approval is not skipped
    postgres | INSERT INTO rules.approval (change_id, edition, content_hash, granted) VALUES (2, 1, rules.content_hash(2), true) | nobody has planned | a row by hand is judged like the function
    ann      | SELECT rules.record_plan(2, 'abcdef', clock_timestamp(), '{}') | it was edited since it was planned                   | a plan of another content is none
    ann      | SELECT rules.record_plan(2, rules.content_hash(2), 'infinity', '{}') | no moment that has passed                      | a plan is not of the future
    ann      | SELECT rules.record_plan(2, rules.content_hash(2), clock_timestamp(), '[]') | no JSON object                          | what is no plan is none
    ann      | SELECT rules.record_plan(5, rules.content_hash(5), clock_timestamp(), '{}') | there is nothing left to plan           | what is published is not planned
    ann      | SELECT rules.record_plan(99, '', clock_timestamp(), '{}')   | Change 99: there is none                                | a number misread names no change
    ann      | INSERT INTO rules.plan_result (change_id, edition, content_hash, known_at, said) VALUES (2, 1, '', now(), '{}') | permission denied | plans are recorded by the function
    eve      | SELECT rules.record_plan(2, '', clock_timestamp(), '{}')    | permission denied                                       | the engine records none
    olga     | SELECT rules.record_plan(2, '', clock_timestamp(), '{}')    | permission denied                                       | nor an auditor
    adam     | SELECT rules.record_plan(2, '', clock_timestamp(), '{}')    | permission denied                                       | nor an admin
    postgres | UPDATE rules.plan_result SET said = '{}'                    | It is evidence                                          | a plan is not improved
    postgres | DELETE FROM rules.plan_result                               | It is evidence                                          | nor deleted
    bob      | INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'x', 0) | permission denied             | an approver does not say what is needed
    adam     | INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'x', 900) | violates check constraint   | a plan of two years ago says nothing
"""


@pytest.mark.parametrize("case", cases(MOVES))
def test_what_is_no_approval_of_an_effect_is_refused(office: Office, case: Row) -> None:
    assert case["says"] in office.refusal(case["login"], case["statement"])
    assert case["login"] in {*OFFICE, "postgres"}


def test_an_approval_names_its_plan(office: Office) -> None:
    """The database writes which one it was; a plan that is made after it is none that was approved."""
    approvals = "SELECT a.approver, a.plan_id = (SELECT max(id) FROM rules.plan_result WHERE change_id = {0}) FROM rules.approval AS a"
    assert office("olga", f"{approvals.format(5)} WHERE a.change_id = 5") == [("bob", True)]
    assert office("olga", "SELECT plan_id FROM rules.approval WHERE change_id = 1") == [(None,)]
    ((plan,),) = office("olga", "SELECT plan FROM rules.change_overview WHERE change_id = 4")
    assert isinstance(plan, dict)
    assert plan["approvals"] == [{"approver": "bob", "plan": plan["plan"]}]


def test_a_new_tenant_needs_plans_and_the_first_of_a_new_database_does(empty_database_url: str) -> None:
    """Those that are there keep what they had; a tenant that needs no approval needs no plan."""
    schema.upgrade(empty_database_url, schema.PLAN_DAYS)
    owner = client(empty_database_url)
    owner.autocommit = True
    made = open_office(runner(owner), empty_database_url)
    owner.close()
    made("ann", TWO_RULES)
    made("ann", "SELECT rules.submit(1, 'the first rules')")
    made("bob", CHECKED.format(1))
    assert "nobody has planned" in made.refusal("bob", "SELECT rules.approve(1)")
    made("adam", "INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'in a hurry', 0)")
    assert made("postgres", "SELECT rules.plan_days_of('main')") == [(30,)], "the rules are there: two admins say so"
    made("dan", PLANNED.format(1))
    made("bob", "SELECT rules.approve(1)")
    made("bob", "SELECT rules.schedule(1)")
    schema.upgrade(empty_database_url, 7)
    assert made("postgres", "SELECT rules.plan_days_of('main')") == [(30,)]
    made("adam", "INSERT INTO rules.tenant (key) VALUES ('acme')")
    assert made("postgres", "SELECT rules.plan_days_of('acme')") == [(30,)]
    assert audit.verify(empty_database_url).faults == ()


def test_a_plan_that_is_as_the_change_lets_it_be_approved_and_published(office: Office) -> None:
    """Planned again, both changes go their way; the overview has the plan; the audit agrees with every step."""
    one = "SELECT plan ->> 'stale', plan -> 'said' ->> 'words', plan ->> 'planned_by' FROM rules.change_overview"
    assert office("olga", f"{one} WHERE change_id = 4") == [
        ("its plan is stale: change 5 was published since the rules in force were read", "nobody flips", "cy")
    ]
    office("ann", PLANNED.format(4))
    assert office("bob", f"{one} WHERE change_id = 4") == [(None, "nobody flips", "ann")]
    office("bob", "SELECT rules.schedule(4)")
    office("ann", PLANNED.format(2))
    office("bob", "SELECT rules.approve(2)")
    office("bob", "SELECT rules.schedule(2)")
    standing = ChangeBook(office.url).standing(2)
    assert standing is not None
    assert standing.plan is not None
    assert standing.plan["said"] == {"words": "nobody flips"}
    assert audit.verify(office.url).faults == ()


def test_older_plans_or_none_are_said_by_two_admins(office: Office) -> None:
    """One alone proposes it; an approval still needs a plan of seven days."""
    office("adam", "INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'in a hurry', 0)")
    assert office("postgres", "SELECT rules.plan_days_of('main')") == [(7,)]
    office("postgres", "INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'indeed', 0)")
    assert office("postgres", "SELECT rules.plan_days_of('main')") == [(0,)]
    assert "its plan" not in str(office("bob", "SELECT rules.approve(3)"))


def test_a_drafted_rule_set_is_the_one_that_is_published(office: Office) -> None:
    """What a change would make of a day's rules, policies and lists is what it makes of them."""
    office("ann", "SELECT rules.begin_change('all at once', 'a test')")
    office("ann", "UPDATE rules.rule SET weight = 70, sql = 'product_type = :kind' WHERE rule_key = 'BOND-001'")
    office("ann", "INSERT INTO rules.parameter (name, value) VALUES ('kind', '\"BOND\"')")
    office("ann", "UPDATE rules.membership_type SET margin = 5 WHERE key = 'GOLD'")
    office("ann", "UPDATE rules.rule SET effective_to = '2024-03-01' WHERE rule_key = 'TEN-002'")
    change = int(str(office("postgres", "SELECT max(id) FROM rules.change")[0][0]))
    drafts, repository = Drafts(office.url), Repository(office.url)
    before = repository.rule_set(DAY, datetime.now(UTC))
    drafted = drafts.rule_set(drafts.chosen(change), before, DAY)
    assert drafts.first_day(change, DAY) == DAY
    office.published(change)
    assert _said(drafted) == _said(repository.rule_set(DAY, datetime.now(UTC)))
    assert _said(drafted) != _said(before)


def _said(rule_set: RuleSet) -> object:
    return rule_set.content()
