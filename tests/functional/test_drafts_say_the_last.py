"""A draft says what was written last, or the edit is refused: an edit that is taken back does not stay (K16)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from rules_engine.errors import ChangeRefused
from rules_engine.model.rules import MembershipType
from rules_repo import schema
from rules_repo.repository import Repository
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, Office, open_office
from tests.spec.table import Row, cases

NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql) VALUES"
RULE = "UPDATE rules.rule SET {} WHERE rule_key = 'BOND-001'"

OWN = """
    CREATE DOMAIN public."E" AS text;
    CREATE FUNCTION public.same("where" text) RETURNS text LANGUAGE sql AS 'SELECT "where"';
    CREATE FUNCTION public.edits() RETURNS text LANGUAGE sql AS
        $$UPDATE rules.rule SET weight = 50 WHERE rule_key = 'BOND-001'; SELECT 'o'$$;
"""
"""What a database may hold beside the rules, by names that make statements hard to read."""


@pytest.fixture
def office(empty_database_url: str) -> Iterator[Office]:
    """Two rules, a list and a parameter, published; nothing is drafted."""
    schema.upgrade(empty_database_url)
    owner = client(empty_database_url)
    owner.autocommit = True
    made = open_office(runner(owner), empty_database_url)
    made("ann", TWO_RULES)
    made("ann", """INSERT INTO rules.parameter (name, value, description) VALUES ('least', '5', 'years')""")
    made(
        "ann",
        """INSERT INTO rules.reference_list (name, columns, rows) VALUES ('risky', '{"code": "string"}', '["XA"]')""",
    )
    made.published(1)
    made("postgres", OWN)
    yield made
    owner.close()


def drafted(office: Office) -> dict[str, Any]:
    """What ann's change says of the fields that the table names; what it does not say is as published."""
    said: dict[str, Any] = {}
    for row in office(
        "ann", "SELECT weight::int, name, effective_to::text, sql FROM rules.draft WHERE rule_key = 'BOND-001'"
    ):
        said |= dict(zip(("weight", "name", "until", "sql"), row, strict=True))
    for key, content in office("postgres", "SELECT key, content FROM rules.draft_policy WHERE open"):
        said |= {f"{key}.{field}": value for field, value in dict(content).items()}  # type: ignore[call-overload]
    return said


TAKEN_BACK = """
    statements | field | says | because
    -----------+-------+------+--------
    R weight = 25; R weight = 50 | weight | 50 | the weight is the published one again
    R weight = 25; R weight = 50, name = 'x' | weight | 50 | beside another edit
    R weight = 25, name = 'x'; R weight = 50 | name | x | and what else was drafted stays
    R weight = 25; R name = 'x' | weight | 25 | what an update does not speak of stays as drafted
    R weight = 25; R name = 'weight' | weight | 25 | a text that names a column is no edit of it
    R weight = 25; R name = 'x' -- not the weight | weight | 25 | nor is a comment
    R weight = 25; R weight = 30 | weight | 30 | the second of two edits
    R weight = 25; R "weight" = 50 , name = 'y' | weight | 50 | with the name of the column in quotes
    R weight = 25; update rules.rule as r set owner = 'o' , weight=50 where r.rule_key = 'BOND-001' and r.weight = 50 | weight | 50 | in small letters, with an alias
    R weight = 25; UPDATE rules.rule SET name = 'x' WHERE rule_key = 'BOND-001' AND weight = 50 | weight | 25 | a column that is asked is not edited
    R effective_to = '2027-01-01'; R effective_to = NULL | until | None | an end taken back
    R effective_to = '2027-01-01'; R effective_to = NULL, weight = 25 | until | None | beside another edit, too
    R sql = 'a = 1'; R sql = 'product_type = ''BOND''', name = 'x' | sql | product_type = 'BOND' | a wording
    R weight = 25; R sql = E'a = 1\\nAND b = \\'it\\', weight = 9' | weight | 25 | a text of several lines, written E'…', that speaks of a weight
    R weight = 25; R sql = E'a = \\'b\\'' , weight = 50 | weight | 50 | after a text like that
    R weight = 25; R sql = 'e''a', name = e'it\\'s --', weight=50 | weight | 50 | between texts that look like another form
    R weight = 25; R owner = same("where" => 'o'), weight = 50 | weight | 50 | beside a name that is a word of SQL
    R weight = 25; R owner = 'o' --an owner{CR}, weight = 50 | weight | 50 | in lines that end in a carriage return alone
    R weight = 25; R (owner, name) = ('o', 'x') | weight | 25 | a list of columns that leaves it out
    M name = 'Golden'; M name = 'Gold' | GOLD.name | Gold | a membership type
    M margin = 30; M name = 'Golden' | GOLD.margin | 30 | of which the rest stays
    M margin = 30, name = 'Golden'; M margin = 1 | GOLD.name | Golden | whichever field is taken back
    P value = '6'; P value = '5' | least.value | {'bigint': 5} | a parameter
    P value = '6'; P description = 'of membership' | least.value | {'bigint': 6} | of which the value stays
    L rows = '["XB"]'; L rows = '["XA"]' | risky.rows | [{'code': 'XA'}] | a list
    L rows = '["XB"]'; L description = 'countries' | risky.rows | [{'code': 'XB'}] | of which the rows stay
"""
SHORT = {
    "R ": "UPDATE rules.rule SET {} WHERE rule_key = 'BOND-001'",
    "M ": "UPDATE rules.membership_type SET {} WHERE key = 'GOLD'",
    "P ": "UPDATE rules.parameter SET {} WHERE name = 'least'",
    "L ": "UPDATE rules.reference_list SET {} WHERE name = 'risky'",
}


def whole(statement: str) -> str:
    said, dash, comment = statement.partition(" -- ")
    sets = SHORT.get(said[:2])
    return (sets.format(said[2:]) if sets else said) + dash + comment


@pytest.mark.parametrize("case", cases(TAKEN_BACK))
def test_what_was_written_last_is_drafted(office: Office, case: Row) -> None:
    """Whatever was published before, and whichever view was edited."""
    for statement in case["statements"].split("; "):
        office("ann", whole(statement).replace("\\\\", "\\").replace("{CR}", "\r"))
    assert str(drafted(office).get(case["field"], "")) == case["says"]


UNCLEAR = """
    statement | because
    ----------+--------
    WITH x AS (SELECT 1) UPDATE rules.rule SET weight = 50 WHERE rule_key = 'BOND-001' | it does not begin with the update
    UPDATE rules.rule SET (weight, name) = (50, 'x') WHERE rule_key = 'BOND-001' | several columns at once
    UPDATE rules.rule SET name = weight::text WHERE rule_key = 'BOND-001' | the column is asked for another one
    UPDATE rules.rule SET weight = 50, name = (SELECT 'x') WHERE rule_key = 'BOND-001' | a query within
    DO 'BEGIN UPDATE rules.rule SET weight = 50 WHERE rule_key = ''BOND-001''; END' | a program
    UPDATE rules.rule SET weight = 50, name = $$A$$ WHERE rule_key = 'BOND-001' | texts of another form
    UPDATE rules.rule SET owner = concat('a', weight = 50) WHERE rule_key = 'BOND-001' | a comparison within brackets
    UPDATE rules.rule SET owner = (ARRAY['a', (weight = 50)::text])[1] WHERE rule_key = 'BOND-001' | and within an array
    UPDATE rules.rule SET owner = 'o', U&"z0077eight" UESCAPE 'z' = 50 WHERE rule_key = 'BOND-001' | a column by its code points
    UPDATE rules.rule SET owner = $é$it's$é$, weight = 50, metadata = jsonb_build_object('a', $é$it's$é$) WHERE rule_key = 'BOND-001' | texts of another form, marked by no letter of ASCII
    UPDATE rules.rule SET owner = "E"'\\', weight = 50 WHERE rule_key = 'BOND-001' AND '' = '' | a type by the name of a form of texts
    UPDATE rules.rule SET owner = edits() WHERE rule_key = 'LOAN-001' | an update within another
    UPDATE rules.rule SET weight = 50, name = '--\\' WHERE rule_key = 'BOND-001' | a text that ends elsewhere by another setting
"""


@pytest.mark.parametrize("case", cases(UNCLEAR))
def test_what_is_not_plain_is_refused_with_what_to_write(office: Office, case: Row) -> None:
    """The advice works when it is followed, and nothing was changed before."""
    office("ann", RULE.format("weight = 25"))
    with pytest.raises(
        psycopg2.Error, match="change 2 has drafted its weight, and this statement does not say plainly"
    ) as said:
        office("ann", case["statement"].replace("\\\\", "\\"))
    assert drafted(office)["weight"] == 25
    told = str(said.value.diag.message_primary).removesuffix(".")
    again, _, stays = told.partition("statement of its own: ")[2].partition(
        ". If what is drafted is to stay, amend the draft: "
    )
    office("ann", stays.replace("…", "name = 'y'"))
    assert drafted(office)["weight"] == 25
    assert drafted(office)["name"] == "y"
    office("ann", again.replace("…", "50"))
    assert drafted(office).get("weight", 50) == 50


def test_what_is_drafted_of_several_periods_is_told_apart(office: Office) -> None:
    """Of a rule with one period the key says which; of one with several the notice says the days, too."""
    connection = client(office.url.replace("postgres@", "ann@", 1))
    connection.autocommit = True
    sql = runner(connection)
    sql(RULE.format("weight = 25"))
    sql(RULE.format("weight = 30, effective_from = '2026-05-01'"))
    sql("UPDATE rules.draft SET effective_to = '2027-01-01' WHERE effective_from = '2026-05-01'")
    said = [str(notice).partition(": drafted")[0].removeprefix("NOTICE:  ") for notice in connection.notices]
    assert said == [
        "Rule BOND-001",
        "Rule BOND-001 from 2026-05-01 to further notice",
        "Rule BOND-001 from 2026-05-01 to 2027-01-01",
    ]
    connection.close()


def test_a_file_with_a_known_key_in_other_capitals_is_refused_dry_and_not(office: Office) -> None:
    """All of them at once, and those that were published before stay editable."""
    repository = Repository(office.url.replace("postgres@", "ann@", 1))
    bond, loan = (rule for rule in repository.rules())
    of_these = [replace(bond, key="bond-001"), replace(loan, key="New"), replace(loan, key="NEW")]
    for dry_run in (True, False):
        with pytest.raises(ChangeRefused) as said:
            repository.propose(of_these, [MembershipType("gold")], dry_run=dry_run)
        assert [fault.which for fault in said.value.faults] == ["Membership type gold", "Rule New", "Rule bond-001"]
    with pytest.raises(ChangeRefused, match=r"type 'GOLDD' does not exist. Did you mean 'GOLD'\?"):
        repository.propose([replace(bond, membership_type="GOLDD")], dry_run=True)
    office("ann", RULE.format("weight = 25"))
    office("ann", "SELECT rules.withdraw(2)")
    office("ann", f"{NEW} ('tried', 'inclusion', 'GOLD', 5, 'customers', 'true')")
    office("ann", "SELECT rules.withdraw(3)")
    office("ann", f"{NEW} ('TRIED', 'inclusion', 'GOLD', 5, 'customers', 'true')")  # nobody has 'tried' now


def test_two_authors_do_not_amend_each_other_unseen(office: Office) -> None:
    """An update that changes nothing of what is published is refused too while somebody else drafts the rule."""
    office("ann", RULE.format("weight = 25"))
    assert "it is being changed in change 2 of ann" in office.refusal("dan", RULE.format("weight = 50"))
    office("ann", "UPDATE rules.parameter SET value = '6'")
    assert "it is being changed in change" in office.refusal("dan", "UPDATE rules.parameter SET value = '5'")


def test_a_draft_amended_by_its_own_view_says_the_last(office: Office) -> None:
    """rules.draft shows what is drafted, so there every update is plain."""
    office("ann", RULE.format("weight = 25, name = 'x'"))
    office("ann", "UPDATE rules.draft SET weight = 50")
    assert drafted(office)["weight"] == 50


def test_an_import_of_what_is_published_does_not_leave_a_draft_unseen(office: Office) -> None:
    """A file that says what is published, of a rule that its importer has drafted otherwise, is refused in words."""
    office("ann", RULE.format("weight = 25"))
    repository = Repository(office.url.replace("postgres@", "ann@", 1))
    with pytest.raises(ChangeRefused, match="Rule BOND-001: you have drafted it otherwise in change 2"):
        repository.propose(repository.rules(), repository.membership_types())
    office("ann", "SELECT rules.withdraw(2)")
    assert repository.propose(repository.rules(), repository.membership_types()).change is None


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Pago_Pago"])
def test_days_are_of_utc_whatever_the_zone_of_the_session(office: Office, zone: str) -> None:
    """K18: in one of the two it is another day now; the day that is stored is said, or shown."""
    ((today, end),) = office(
        "ann", "SELECT d::text, (d + 2)::text FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS d) t"
    )
    there = f"SET TimeZone = '{zone}'; "
    (said,) = office("bob", f"{there} SELECT rules.pause('BOND-001', 'odd', '{end}')")
    assert said == (f"Rule BOND-001: paused from {today} to {end}.",)
    refused = office.refusal("bob", f"{there} SELECT rules.pause('LOAN-001', 'odd', '{today}')")
    assert f"would last from {today} to {today}" in refused
    office(
        "ann",
        there + "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql)"
        " VALUES ('NEW-001', 'inclusion', 'GOLD', 10, 'customers', 'a > 1')",
    )
    assert office("ann", "SELECT effective_from::text FROM rules.draft WHERE rule_key = 'NEW-001'") == [(today,)]
