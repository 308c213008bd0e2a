"""Shared parameters: drafted, approved and known like rules, named in SQL as :name (R-REPO-2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rules_repo import audit, embedded, schema
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, Office, open_office

KNOWN = "SELECT rule_key, parameters FROM rules.rule_set('2024-06-01', coalesce(%s, clock_timestamp()))"
NAMING = "UPDATE rules.rule SET sql = 'balance >= :least AND x <> :leastwise' WHERE rule_key = 'BOND-001'"
OWN = "UPDATE rules.rule SET sql = 'a > :least', parameters = '{\"least\": 5}' WHERE rule_key = 'LOAN-001'"
FIRST = [("BOND-001", {"least": {"bigint": 500}}), ("LOAN-001", {"least": {"bigint": 5}})]


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    """Two rules that name a shared parameter, published by four eyes as changes 1 and 2."""
    url = embedded.ensure_database(postgres_url, "parameters")
    schema.upgrade(url)
    owner = client(url)
    owner.autocommit = True
    made = open_office(runner(owner), url)
    made("ann", TWO_RULES)
    made.published(1)
    made("ann", "INSERT INTO rules.parameter VALUES ('least', '500', 'The least balance that counts')")
    for edit in (NAMING, OWN):
        made("ann", edit)
    assert made("ann", "SELECT * FROM rules.parameter") == []
    made.published(2)
    yield made
    owner.close()
    embedded.drop_database(postgres_url, "parameters")


def test_a_rule_has_the_shared_parameters_that_it_names(office: Office) -> None:
    """Its own go before them; another value counts once it is published, and what was known stays known."""
    assert office("eve", KNOWN, None) == FIRST
    ((before,),) = office("ann", "SELECT clock_timestamp()")
    office("ann", "UPDATE rules.parameter SET value = '750.50' WHERE name = 'least'")
    assert [row[2:] for row in office("ann", "SELECT * FROM rules.diff(3)")] == [
        ("value", '{"bigint": 500}', '{"decimal": "750.50"}')
    ]
    office.published(3)
    assert office("eve", KNOWN, None)[0] == ("BOND-001", {"least": {"decimal": "750.50"}})
    assert office("eve", KNOWN, before) == FIRST
    assert audit.verify(office.url).faults == ()


REFUSED = {
    "UPDATE rules.parameter SET value = 'null'": "its value is null",
    "INSERT INTO rules.parameter VALUES ('as_of', '1')": "no usable name",
    "INSERT INTO rules.parameter VALUES ('least', '1')": "it is there already",
    "UPDATE rules.parameter SET name = 'most'": "its name is permanent",
    "DELETE FROM rules.parameter": "a parameter is never deleted",
    "INSERT INTO rules.parameter_version (parameter_id, value) VALUES (1, '{\"bigint\": 1}')": "only an approved change",
}


def test_what_is_wrong_with_a_parameter_is_said(office: Office) -> None:
    """Also to a superuser."""
    for statement, says in REFUSED.items():
        assert says in office.refusal("postgres", statement)
