"""Reference lists: drafted, approved and known like rules, part of the rule set that rules look them up in (R-REPO-2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from rules_engine.errors import InvalidRule
from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rule_sets import freeze, thaw
from rules_repo import audit, embedded, schema
from rules_repo.repository import Repository
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, Office, open_office
from tests.spec.table import Row, cases

NEW = """INSERT INTO rules.reference_list VALUES ('high_risk', '{"code": "string"}', '["XB", "XA"]', 'Where not')"""
KNOWN = "SELECT name, rows FROM rules.reference_lists(coalesce(%s, clock_timestamp()))"
DAY = date(2024, 6, 1)


@pytest.fixture(scope="module")
def listed(postgres_url: str) -> Iterator[str]:
    """The name of a database with two rules and a reference list, published by four eyes as change 1."""
    url = embedded.ensure_database(postgres_url, "listed")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    made = open_office(runner(owner), url)
    made("ann", TWO_RULES)
    made("ann", NEW)
    made.published(1)
    owner.close()
    yield "listed"
    embedded.drop_database(postgres_url, "listed")


@pytest.fixture
def office(postgres_url: str, listed: str) -> Iterator[Office]:
    yield Office(embedded.ensure_database(postgres_url, "of_lists", template=listed))
    embedded.drop_database(postgres_url, "of_lists")


def test_a_list_is_known_like_a_rule(office: Office) -> None:
    """Its next rows count once they are published, and what was known stays known."""
    before = [("high_risk", [{"code": "XB"}, {"code": "XA"}])]
    ((moment,),) = office("ann", "SELECT clock_timestamp()")
    office("ann", """UPDATE rules.reference_list SET rows = rows || '["XC"]' WHERE name = 'high_risk'""")
    assert office("eve", KNOWN, None) == before
    assert [row[2] for row in office("ann", "SELECT * FROM rules.diff(2)")] == ["rows"]
    office.published(2)
    assert office("eve", KNOWN, None) == [("high_risk", [{"code": "XB"}, {"code": "XA"}, {"code": "XC"}])]
    assert office("eve", KNOWN, moment) == before
    assert office("ann", "SELECT state FROM rules.change_overview WHERE change_id = 2") == [("live",)]
    assert audit.verify(office.url).faults == ()


def test_a_rule_set_holds_its_lists_and_is_named_by_them(office: Office) -> None:
    """Frozen and read again it is the same; with other rows it has another digest; without lists it has the one it had."""
    repository = Repository(office.url.replace("postgres@", "eve@"))
    first = repository.rule_set(DAY, datetime.now(UTC))
    assert first.reference_lists == (
        ReferenceList("high_risk", {"code": "string"}, ({"code": "XA"}, {"code": "XB"}), "Where not"),
    )
    assert thaw(freeze(first)) == first
    office("ann", """UPDATE rules.reference_list SET rows = '["XA", "XB", "XC"]'""")
    office.published(2)
    assert repository.rule_set(DAY, datetime.now(UTC)).digest != first.digest
    assert "reference_lists" not in type(first)(DAY, first.known_at, first.membership_types, first.versions).content()


def test_the_order_of_rows_is_no_difference() -> None:
    """The same rows in another order are the same list: one digest."""
    rows = {"code": "XA", "since": None}, {"code": "XB", "since": "2024-01-01"}
    columns = {"since": "date", "code": "string"}
    assert ReferenceList("a", columns, rows) == ReferenceList("a", columns, rows[::-1])


REFUSED = """
    statement                                                                                        | says                                            | because
    -------------------------------------------------------------------------------------------------+-------------------------------------------------+---------------------------------------
    INSERT INTO rules.reference_list VALUES ('High Risk', '{"c": "string"}', '[]')                   | it has no usable name                           | SQL names it
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "text"}', '[]')                             | its columns are {"c": "text"}                   | a type is one that Spark has
    INSERT INTO rules.reference_list VALUES ('n', '{}', '[]')                                        | its columns are {}                              | a list has a column
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "string"}', '{"c": "XA"}')                  | its rows are no list                            | one row is a list of one
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "string"}', '["XA", 5]')                    | in its row 2, c is 5 and not of type string     | the row is named
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "bigint"}', '[5.5]')                        | in its row 1, c is 5.5 and not of type bigint   | nothing is rounded
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "decimal(4,2)"}', '[99.99, 100]')           | in its row 2, c is "100" and not of type        | nor cut
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "decimal(4,2)"}', '[1.005]')                | in its row 1, c is "1.005" and not of type      | at either end
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "date"}', '["2024-02-30"]')                 | not of type date                                | that day never was
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "decimal(5,2)"}', '["1.5", "12,50"]')       | in its row 2, c is "12,50" and not of type decimal(5,2) | a comma is no point
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "decimal(5,2)"}', '[{"c": "abc"}]')         | in its row 1, c is "abc" and not of type decimal(5,2)   | nor a word a number
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "string"}', '[{"d": "XA"}]')                | names the column d, which it does not have      | a slip of the pen adds no column
    INSERT INTO rules.reference_list VALUES ('n', '{"c": "string", "d": "string"}', '["XA"]')        | is "XA" and no object                           | of two columns it must be said which
    INSERT INTO rules.reference_list SELECT 'n', '{"c": "bigint"}', jsonb_agg(i) FROM generate_series(1, 10001) AS i | 10000 are the most              | data belongs into the lake
    INSERT INTO rules.reference_list VALUES ('high_risk', '{"code": "string"}', '[]')                | it is there already                             | a list is not overwritten by the way
    UPDATE rules.reference_list SET name = 'low_risk'                                                | its name is permanent                           | rules name it
    DELETE FROM rules.reference_list                                                                 | it is never deleted                             | past rule sets hold it
    UPDATE rules.reference_list_version SET rows = '[]'                                              | only the end can be set                         | what was published is never changed
    INSERT INTO rules.reference_list_version (list_id, columns, rows) VALUES (1, '{"c": "string"}', '[]') | only an approved change is published       | nor is anything published past the review
    DELETE FROM rules.reference_list_version                                                         | change it: UPDATE                               | nor deleted
"""


@pytest.mark.parametrize("case", cases(REFUSED))
def test_what_is_wrong_with_a_list_is_said(unlisted: Office, case: Row) -> None:
    """Also to a superuser."""
    assert case["says"] in unlisted.refusal("postgres", case["statement"])


@pytest.fixture(scope="module")
def unlisted(postgres_url: str, listed: str) -> Iterator[Office]:
    """One database for all statements that must be refused."""
    yield Office(embedded.ensure_database(postgres_url, "unlisted", template=listed))
    embedded.drop_database(postgres_url, "unlisted")


MALFORMED = """
    columns            | row                | says                             | because
    -------------------+--------------------+----------------------------------+---------------------------------
    {"c": "string"}    | {"c": 5}           | its c 5 is not of type string    | a file written by hand is read as strictly
    {"c": "date"}      | {"c": "20240101"}  | is not of type date              | one day has one spelling
    {"c": "bigint"}    | {"c": true}        | is not of type bigint            | true is no number
    {"c": "decimal(4)"}| {"c": "1"}         | its column 'c' of type           | a decimal says both of its sizes
    {"c": "string"}    | {"d": "XA"}        | Its columns are c                | no column is guessed
"""


@pytest.mark.parametrize("case", cases(MALFORMED))
def test_a_malformed_list_is_no_value(case: Row) -> None:
    """What the model accepts Spark can read."""
    import json

    with pytest.raises(InvalidRule, match=case["says"].replace("(", r"\(")):
        ReferenceList("n", json.loads(case["columns"]), (json.loads(case["row"]),))
