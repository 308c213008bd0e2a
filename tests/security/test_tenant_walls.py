"""Nobody changes or reads what another tenant's is, whatever he may do in his own (R-REPO-6)."""

from __future__ import annotations

import pytest

from tests.functional.governed import OFFICE
from tests.security.attackers import RIGHTS, SECRET, Siege
from tests.security.own_objects import calls
from tests.spec.table import Row, cases

NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
SWITCH = "set_config('rules.tenant', '{}', false)"
EDITS = (
    "UPDATE rules.rule SET weight = weight + 1",
    "UPDATE rules.draft SET weight = weight + 1",
    "DELETE FROM rules.draft",
    f"{NEW} ('OWN-001', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01')",
    "UPDATE rules.membership_type SET margin = 2",
    "INSERT INTO rules.parameter (name, value) VALUES ('least', '5')",
    """INSERT INTO rules.reference_list (name, columns, rows) VALUES ('risk', '{"code": "string"}', '["XA"]')""",
    "UPDATE rules.change SET title = 'mine'",
    "UPDATE rules.category SET description = 'mine'",
    "INSERT INTO rules.reason_code (code, text) VALUES ('mine', 'mine')",
    "INSERT INTO rules.governance (tenant, approvals_needed, reason) VALUES ('acme', 9, 'mine')",
    "INSERT INTO rules.governance (tenant, approvals_needed, reason) VALUES ('acme', 0, 'mine')",
    "INSERT INTO rules.tenant_login VALUES ('acme', session_user)",
    "INSERT INTO rules.tenant_login VALUES ('acme', 'zoe')",
    "UPDATE rules.tenant_login SET tenant = 'acme'",
    "UPDATE rules.tenant SET description = 'mine' WHERE key = 'acme'",
    "DELETE FROM rules.tenant_login WHERE tenant = 'acme'",
    "SELECT rules.dismiss('pat')",
    "SELECT rules.pause('BOND-001', 'mine', current_date + 3)",
    "SELECT rules.freeze_releases('mine', now() + interval '1 day')",
)
"""What somebody does in his own tenant, aimed at another."""
AIMS = (
    "",
    "SET rules.tenant = 'acme'",
    "SET rules.change = '10'",
    "SELECT rules.work_on(11)",
    "SET rules.tenant = 'main'",
)


@pytest.mark.parametrize("rights", [(), tuple(RIGHTS)], ids=["as hired", "with every right"])
@pytest.mark.parametrize("login", OFFICE)
def test_another_tenants_rules_stay_as_they_are(siege: Siege, login: str, rights: tuple[str, ...]) -> None:
    """R4: every function with the numbers and keys of another tenant, and every edit aimed at it, as every login."""
    before = siege.state("acme"), siege.power()
    with siege.granted(login, *rights):
        tries = [*calls(siege, login), *(f"{aim}; {edit}" for aim in AIMS for edit in EDITS)]
        seen = siege.strike(login, *tries)
    assert SECRET not in seen
    assert (siege.state("acme"), siege.power()) == before


PUBLISHED = "rule_version", "rule_period", "membership_type_version", "release"
SWITCHES = """
    first                                              | then                                                          | because
    ---------------------------------------------------+---------------------------------------------------------------+-------------------------------------------
    SET rules.tenant = 'play'; SET rules.change = '10' | UPDATE rules.rule SET weight = weight + 1                     | a change is not of the tenant that is chosen
    SET rules.tenant = 'acme'; SELECT rules.work_on(10) | SET rules.tenant = 'play'; INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES ('P-1', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01') | a change is chosen in one tenant and used in the tutorial
    SET rules.tenant = 'play'                          | SELECT rules.draft_timelines(10, '[{"rule_key": "LOAN-001", "kind": "inclusion", "membership_type": "GOLD", "weight": 5, "frame": "f", "sql": "a"}]') | a tutorial's edit is published at once
    SET rules.tenant = 'play'                          | SELECT rules.publish_at_once(10)                              | a tutorial's leave is no other tenant's
    SET rules.tenant = 'play'                          | SELECT rules.publish_at_once(11)                              | not of what is approved there either
    SET rules.tenant = 'play'                          | SELECT rules.schedule(11)                                     | a publication is the tenant's own
    SET rules.tenant = 'play'                          | SELECT rules.submit(10, 'x')                                  | as is what is handed in
    SET rules.tenant = 'play'                          | SELECT rules.withdraw(10)                                     | as is what is withdrawn
    SET rules.tenant = 'play'                          | SELECT rules.record_check(10, (SELECT rules.content_hash(10)), true) | as is a check
    SET rules.tenant = 'acme'                          | SELECT rules.publish_at_once(10), set_config('rules.tenant', 'play', false) | a switch after the call does not help
    SET rules.tenant = 'play'                          | SELECT set_config('rules.tenant', 'acme', false), rules.publish_at_once(10) | nor before it, for acme needs an approval
    SET rules.tenant = 'play'                          | UPDATE rules.rule SET weight = 7 WHERE set_config('rules.tenant', 'acme', false) = 'acme' | nor in the middle of an edit
    SET rules.tenant = 'acme'                          | UPDATE rules.rule SET weight = 7 WHERE set_config('rules.tenant', 'play', false) = 'play' | nor the other way round
    SET rules.tenant = 'acme'                          | DELETE FROM rules.draft WHERE set_config('rules.tenant', 'play', false) = 'play' | a draft of one is not taken back in another
    SET rules.tenant = 'acme'                          | UPDATE rules.draft SET weight = 7 WHERE set_config('rules.tenant', 'play', false) = 'play' | nor amended
    SET rules.tenant = 'acme'                          | UPDATE rules.membership_type SET margin = 3 WHERE set_config('rules.tenant', 'play', false) = 'play' | nor a membership type
    SET rules.tenant = 'acme'                          | BEGIN; UPDATE rules.rule SET weight = 7; SET rules.tenant = 'play'; SELECT rules.publish_at_once(max(id)) FROM rules.change; COMMIT | nor within one transaction
"""


@pytest.mark.parametrize("case", cases(SWITCHES))
def test_a_tutorial_lends_no_leave_to_another_tenant(siege: Siege, case: Row) -> None:
    """R4: an analyst of a tutorial and of governed tenants, who switches between sessions, statements and rows."""
    looks = [
        f"SELECT tenant, count(*) FROM rules.{table} WHERE tenant <> 'play' GROUP BY 1 ORDER BY 1"
        for table in PUBLISHED
    ]
    before = [siege("postgres", look) for look in looks]
    with siege.granted("amy", "objects", "two roles"):
        siege.strike("amy", *case["first"].split("; "), case["then"])
    assert [siege("postgres", look) for look in looks] == before
    mixed = "SELECT count(*) FROM rules.{} AS d JOIN rules.change AS c ON c.id = d.change_id WHERE d.tenant <> c.tenant"
    for table in (
        "draft_rule",
        "draft_row",
        "draft_policy",
        "change_author",
        "approval",
        "check_result",
        "plan_result",
        *PUBLISHED[:3],
    ):
        assert siege("postgres", mixed.format(table)) == [(0,)]


LEAKS = """
    statement                                                                        | because
    ---------------------------------------------------------------------------------+-------------------------------------------
    SELECT * FROM rules.{} WHERE CAST(to_jsonb({})::text AS integer) = 0             | an error quotes what it fails on
    SELECT * FROM rules.{} AS t WHERE pg_temp.seen(t::text)                          | a cheap function is asked before the barrier
    SELECT * FROM rules.{} AS t WHERE t::text LIKE '%S3CR_T%'                        | plain reading
    SELECT 1 / (CASE WHEN t::text LIKE '%S3CR_T%' THEN 0 ELSE 1 END) FROM rules.{} AS t | a division tells
    EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM rules.{} AS t WHERE t::text LIKE '%S3CR_T%' | a plan shows values
    DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM rules.{}; FETCH ALL FROM c   | a cursor
    SELECT row_to_json(t) FROM rules.{} AS t TABLESAMPLE SYSTEM (100)                | a sample
    TABLE rules.{}                                                                   | the short form
    SELECT * FROM pg_stats WHERE schemaname = 'rules' AND tablename = '{}'           | statistics hold common values
    SELECT * FROM pg_stats_ext WHERE schemaname = 'rules' AND tablename = '{}'       | of several columns too
"""
CHEAP = (
    "CREATE FUNCTION pg_temp.seen(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
    " $$ BEGIN RAISE NOTICE '%', t; RETURN true; END $$"
)
ELSEWHERE = (
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_prepared_statements",
    "SELECT * FROM pg_cursors",
    "SELECT rules.content_hash(9), rules.content_hash(10), rules.content_hash(11)",
    "SELECT * FROM rules.diff(10)",
    "SELECT rules.diff('BOND-001/1', 'BOND-001/2')",
    "SELECT rules.history('BOND-001')",
    "SELECT rules.published_by(9)",
    "SELECT rules.approvers_of(11)",
    "SELECT * FROM rules.audit_chain()",
    "SELECT pg_get_viewdef(oid) FROM pg_class WHERE relnamespace = 'rules'::regnamespace AND relkind = 'v'",
    "INSERT INTO rules.category (tenant, key) SELECT 'acme', 'S3CR' || '3T'",
)


@pytest.mark.parametrize("login", OFFICE)
def test_nothing_of_another_tenant_is_seen(siege: Siege, login: str) -> None:
    """R5: no view, table, message, plan or statistic shows what acme says, to whoever may read all tables of main."""
    siege("postgres", "ANALYZE")
    relations = siege(
        "postgres", "SELECT relname FROM pg_class WHERE relnamespace = 'rules'::regnamespace AND relkind IN ('r', 'v')"
    )
    asked = [row.values[0]["statement"] for row in cases(LEAKS)]  # type: ignore[attr-defined]
    tries = [leak.replace("{}", relation) for (relation,) in relations for leak in asked]
    assert SECRET not in siege.strike(login, "SELECT * FROM pg_statistic")
    with siege.granted(login, "objects", "reads", "two roles"):
        for tenant in ("main", "acme"):
            seen = siege.strike(login, f"SET rules.tenant = '{tenant}'", CHEAP, *tries, *ELSEWHERE)
            assert SECRET not in seen, [line for line in seen.splitlines() if SECRET in line][:3]


def test_a_leak_would_be_seen(siege: Siege) -> None:
    """The proof that this test can fail: whoever belongs to acme sees by the same statements what it says."""
    with siege.granted("pat", "objects"):
        seen = siege.strike("pat", CHEAP, "SELECT * FROM rules.rule AS t WHERE pg_temp.seen(t::text)")
    assert SECRET in seen


def test_what_two_tenants_name_alike_is_two_things(siege: Siege) -> None:
    """R5: categories, rule types and reason codes belong to one tenant: no clash of keys tells of another's."""
    for statement in (
        "INSERT INTO rules.category (key) VALUES ('{}')",
        "INSERT INTO rules.reason_code (code, text) VALUES ('{}', 'x')",
    ):
        assert siege("ann", statement.format(SECRET)) == []
    assert siege("pat", f"SELECT description FROM rules.category WHERE key = '{SECRET}'") == [("",)]
