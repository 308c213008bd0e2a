"""Every text that a login writes has a bound, in the database and in the model alike (R-REPO-6); what was there before stays."""

from __future__ import annotations

import json
from typing import Any

import psycopg2
import pytest

from rules_engine.model import lengths
from rules_repo import audit, schema
from tests.functional.conftest import TWO_RULES, client, runner
from tests.functional.governed import open_office
from tests.functional.test_migrations import at
from tests.security.attackers import Siege
from tests.spec.table import Row, cases

LONG = """
    login | statement                                                                           | field       | most    | because
    ------+-------------------------------------------------------------------------------------+-------------+---------+--------------------
    ann   | UPDATE rules.rule SET name = {} WHERE rule_key = 'BOND-001'                         | name        | 200     | a rule's name
    ann   | UPDATE rules.draft SET owner = {} WHERE rule_key = 'BOND-001'                       | owner       | 200     | of a draft, too
    ann   | UPDATE rules.rule SET frame = {} WHERE rule_key = 'BOND-001'                        | frame       | 200     | the frame
    ann   | UPDATE rules.rule SET reason_code = {} WHERE rule_key = 'BOND-001'                  | reason code | 200     | one that is new is kept as a reason
    ann   | UPDATE rules.rule SET reason_text = {} WHERE rule_key = 'BOND-001'                  | reason text | 4000    | what decisions quote
    ann   | UPDATE rules.rule SET sql = {} WHERE rule_key = 'BOND-001'                          | sql         | 131072  | as much as the gates read
    ann   | UPDATE rules.rule SET parameters = jsonb_build_object('p', {}) WHERE rule_key = 'BOND-001' | parameters | 65536 | values of a rule
    ann   | UPDATE rules.membership_type SET name = {}                                          | name        | 200     | of a membership type
    ann   | INSERT INTO rules.parameter (name, value, description) VALUES ('p', '1', {})        | description | 4000    | of a parameter
    ann   | INSERT INTO rules.parameter (name, value) VALUES ('p', to_jsonb({}))                | value       | 4000    | its value
    ann   | INSERT INTO rules.reference_list (name, columns, rows, description) VALUES ('l', '{{"a": "string"}}', '[]', {}) | description | 4000 | of a list
    ann   | INSERT INTO rules.category (key) VALUES ({})                                        | key         | 200     | a category
    ann   | INSERT INTO rules.category (key, description) VALUES ('k', {})                      | description | 4000    | what belongs there
    ann   | INSERT INTO rules.rule_type (key, description) VALUES ('k', {})                     | description | 4000    | a type of rules
    ann   | INSERT INTO rules.reason_code (code, text) VALUES ('k', {})                         | text        | 4000    | a reason in words
    ann   | SELECT rules.begin_change({})                                                       | title       | 200     | what a change is called
    ann   | SELECT rules.begin_change('t', {})                                                  | reason      | 4000    | why
    ann   | UPDATE rules.change SET title = {} WHERE id = 2                                     | title       | 200     | afterwards, too
    ann   | SELECT rules.submit(2, {})                                                          | reason      | 4000    | when it is handed in
    bob   | SELECT rules.reject(3, {})                                                          | reason      | 4000    | when it is sent back
    bob   | SELECT rules.record_check(3, rules.content_hash(3), true, {}, '4.1.1')              | findings    | 65536   | what a check found
    bob   | SELECT rules.record_plan(3, rules.content_hash(3), clock_timestamp(), jsonb_build_object('a', {})) | said | 1000000 | a plan
    bob   | SELECT rules.pause('BOND-001', {}, (now() AT TIME ZONE 'UTC')::date + 3)            | reason      | 4000    | of a pause
    adam  | SELECT rules.freeze_releases({}, now() + interval '1 day')                          | reason      | 4000    | of a freeze
    adam  | INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, {})              | reason      | 4000    | of governance
    adam  | INSERT INTO rules.tenant (key, description) VALUES ('new', {})                      | description | 4000    | of a tenant
    adam  | INSERT INTO rules.tenant_login VALUES ('main', {})                                  | login       | 63      | no login has a longer name
"""


@pytest.mark.parametrize("case", cases(LONG))
def test_a_text_that_is_too_long_is_refused(siege: Siege, case: Row) -> None:
    """It is told which text it is, how long it is, and how long it may be; nothing is kept of it."""
    before, most = siege.state(), int(case["most"])
    told = siege.strike(case["login"], case["statement"].format(f"repeat('x', {most + 1})"))
    assert (
        f"in its {case['field']} are {most}" in told
        or f"in its {case['field']} are {most + 1}" in told
        or (case["field"] in ("parameters", "said", "value") and f"in its {case['field']} are " in told)
    )
    assert f"and {most} are the most" in told
    assert siege.state() == before


def test_fifty_million_characters_are_refused(siege: Siege) -> None:
    """A description of that length reached every listing."""
    with pytest.raises(psycopg2.Error, match="50000000 characters, and 4000 are the most"):
        siege("ann", "INSERT INTO rules.category (key, description) VALUES ('k', repeat('x', 50000000))")


def test_as_much_as_is_allowed_is_kept(fresh: Siege) -> None:
    """The bound itself is within bounds, through draft, approval, publication and audit; so is a pause that is cut short."""
    fresh(
        "ann",
        "UPDATE rules.rule SET name = repeat('é', 200), reason_text = repeat('y', 4000) WHERE rule_key = 'BOND-001'",
    )
    fresh("ann", "SELECT rules.submit(2, repeat('z', 4000))")
    fresh.office.approved(2)
    fresh("bob", "SELECT rules.schedule(2)")
    fresh("bob", "SELECT rules.pause('BOND-001', repeat('p', 4000), (now() AT TIME ZONE 'UTC')::date + 3)")
    fresh("cy", "SELECT rules.resume('BOND-001', repeat('r', 4000))")
    assert fresh("bob", "SELECT length(name) FROM rules.rule WHERE rule_key = 'BOND-001'") == [(200,)]
    assert audit.verify(fresh.office.url).faults == ()


def test_the_model_and_the_database_have_the_same_bounds(siege: Siege) -> None:
    """What a file says too long is told before it is sent, by the numbers that the database goes by."""
    ask = """
        SELECT c.relname::text, string_to_array(encode(substring(t.tgargs FOR length(t.tgargs) - 1), 'escape'), '\\000')
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE t.tgname = 'bounded'
    """
    held: dict[str, Any] = {}
    for relation, words in siege("postgres", ask):
        assert isinstance(words, list)
        held[str(relation)] = json.loads(words[2])
        assert (relation == "reference_list") == (words[3:] == [str(lengths.CELL)])
    assert held["draft"] == held["rule"]
    for kind, longest in lengths.LONGEST.items():
        assert held[kind] == {name: most for name, most in longest.items() if name != "metadata"}
    columns = """
        SELECT c.relname || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'rules'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
            AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'text[]'::regtype)
            AND EXISTS (SELECT FROM aclexplode(coalesce(a.attacl, c.relacl)) AS g WHERE g.privilege_type IN ('INSERT', 'UPDATE')
                AND g.grantee::regrole::text ~ '^rules_(analyst|approver|admin)$')
    """
    written = {str(column).partition(".")[::2] for (column,) in siege("postgres", columns)}
    bounded = {(relation, name) for relation, longest in held.items() for name in longest}
    assert sorted({f"{relation}.{name}" for relation, name in written - bounded} ^ ELSEWHERE) == []


ELSEWHERE = {
    *("rule.rule_key", "membership_type.key", "parameter.name", "reference_list.name", "tenant.key"),
    *("rule.kind", "draft.kind", "rule.form", "draft.form", "rule.when_unknown", "draft.when_unknown"),
    *("membership_type.strategy", "membership_type.tie", "rule.membership_type", "draft.membership_type"),
    *("rule.metadata", "draft.metadata", "governance.tenant", "tenant_login.tenant"),
}
"""Texts that a login writes by hand and that a pattern, a list, a reference or another check bounds."""


@pytest.mark.parametrize("field", sorted(lengths.LONGEST["rule"].keys() - {"metadata"}))
def test_a_whole_time_line_has_the_same_bounds(fresh: Siege, field: str) -> None:
    """What `rules import` drafts with, called by hand; a text that the rule has already may stay."""
    rule = {"rule_key": "N-1", "kind": "inclusion", "membership_type": "GOLD", "weight": 5, "frame": "f", "sql": "true"}
    text: Any = "x" * (lengths.LONGEST["rule"][field] + 1)
    wanted = {**rule, "effective_from": "2024-01-01", field: {"p": text} if field == "parameters" else text}
    draft = "SELECT rules.draft_timelines(2, %s::jsonb)"
    with pytest.raises(psycopg2.Error, match=f"Rule N-1: in its {field.replace('_', ' ')} are .* are the most"):
        fresh("ann", draft, json.dumps([wanted]))
    fresh("ann", draft, json.dumps([{**rule, "effective_from": "2024-01-01"}]))


@pytest.mark.parametrize("revision", ["0008"])
def test_what_was_longer_before_stays(empty_database_url: str, revision: str) -> None:
    """Published and drafted before there were bounds: it is read, edited in other columns, approved, published, and verifies."""
    url = at(empty_database_url, revision)
    connection = client(url)
    connection.autocommit = True
    sql = runner(connection)
    office = open_office(sql, url)
    long = "repeat('x', 100000)"
    office("ann", TWO_RULES)
    office("ann", f"UPDATE rules.draft SET name = {long}, reason_code = 'R', reason_text = {long}")
    office("ann", f"INSERT INTO rules.category (key, description) VALUES ('c', {long})")
    list_ = f"INSERT INTO rules.reference_list (name, columns, rows, description) VALUES ('l', '{{\"a\": \"string\"}}', to_jsonb(ARRAY[{long}]), {long})"
    office("ann", list_)
    office.published(1)
    office("ann", "UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    office("ann", f"UPDATE rules.change SET title = {long}, reason = {long} WHERE id = 2")
    office("ann", "SELECT rules.submit(2)")
    office("dan", f"UPDATE rules.rule SET owner = {long} WHERE rule_key = 'LOAN-001'")
    schema.upgrade(url)
    assert audit.verify(url).faults == ()
    office.approved(2)
    office("bob", "SELECT rules.schedule(2)")
    office("dan", "UPDATE rules.rule SET weight = 70 WHERE rule_key = 'LOAN-001'")
    office("dan", "UPDATE rules.reference_list SET description = 'shorter' WHERE name = 'l'")
    office("dan", "SELECT rules.submit(3, 'why')")
    office.approved(3)
    office("bob", "SELECT rules.schedule(3)")
    assert office("eve", "SELECT length(name) FROM rules.rule_set('2024-06-01')") == [(100_000,), (100_000,)]
    kept = {"rule_key": "BOND-001", "kind": "inclusion", "membership_type": "GOLD", "weight": 80, "frame": "holdings"}
    kept |= {"sql": "true", "effective_from": "2024-01-01", "name": "x" * 100_000}
    assert office("ann", "SELECT rules.draft_timelines(rules.begin_change('as a file'), %s::jsonb)", json.dumps([kept]))
    assert "in its name are 100001" in office.refusal("ann", f"UPDATE rules.rule SET name = {long} || 'x'")
    assert audit.verify(url).faults == ()
    connection.close()
