"""Published versions never change, and what was known stays known (R-REPO-4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg2
import pytest

from tests.functional.conftest import Sql, client, runner
from tests.spec.table import Row, cases

KNOWN = "SELECT rule_key, version, weight FROM rules.rule_set('2024-07-01', %s)"

FORBIDDEN = """
    statement                                                              | says                                   | because
    -----------------------------------------------------------------------+----------------------------------------+-----------------------------------------------
    UPDATE rules.rule_version SET weight = 60                              | Publish the next version               | a published wording is never edited
    DELETE FROM rules.rule_version                                         | what was published is never changed    | a published wording is never deleted
    TRUNCATE rules.rule_version CASCADE                                    | what was published is never changed    | nor are all of them
    UPDATE rules.rule_identity SET key = 'X'                               | what was published is never changed    | keys are permanent
    DELETE FROM rules.rule_period                                          | Retire the rule                        | a period is closed, not deleted
    TRUNCATE rules.rule_period                                             | Retire the rule                        | nor are all periods
    UPDATE rules.rule_period SET effective = '[2020-01-01,)'               | only the end can be set, once          | the days of a recorded period are fixed
    UPDATE rules.rule_period SET version = 2                               | only the end can be set, once          | so is its version
    UPDATE rules.rule_period SET recorded = '[2020-01-01,)'                | only the end can be set, once          | what is known cannot be dated back
    UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), lower(recorded) + interval '1 us') | not in the past | an end cannot be dated back either
    UPDATE rules.rule_period SET recorded_by = 'me'                        | only the end can be set, once          | who recorded it is fixed
    UPDATE rules.membership_type_version SET margin = 5                    | only the end can be set, once          | policies are superseded, not edited
    DELETE FROM rules.membership_type_version                              | what was published is never changed    | nor deleted
    UPDATE rules.membership_type_identity SET key = 'X'                    | what was published is never changed    | keys of membership types are permanent
    INSERT INTO rules.rule_period (rule_id, version, effective, recorded) SELECT rule_id, version, '[2020-01-01,2020-02-01)', '[2020-01-01,)' FROM rules.rule_period | never dated back | new knowledge begins when it is made
"""


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("case", cases(FORBIDDEN))
def test_not_even_the_owner_edits_what_was_published(unchanged: Sql, case: Row, role: str) -> None:
    """A superuser who owns the tables is refused, also with ordinary triggers switched off for the session."""
    unchanged(f"SET session_replication_role = {role}")
    with pytest.raises(psycopg2.Error) as refused:
        unchanged(case["statement"])
    assert case["says"] in str(refused.value)
    unchanged("RESET session_replication_role")
    assert unchanged("SELECT rule_key, weight FROM rules.rule ORDER BY 1") == [("BOND-001", 50), ("LOAN-001", 40)]


def test_a_closed_period_is_closed_for_good(sql: Sql) -> None:
    """The end of what was recorded is set once."""
    sql("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    with pytest.raises(psycopg2.Error, match="only the end can be set, once"):
        sql("UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), NULL) WHERE NOT upper_inf(recorded)")


def test_the_database_refuses_overlap_whoever_writes(sql: Sql) -> None:
    """Two periods of one rule that share a day and a moment cannot both be stored, not even without the triggers."""
    sql("ALTER TABLE rules.rule_period DISABLE TRIGGER released_only")
    with pytest.raises(psycopg2.errors.ExclusionViolation):
        sql(
            "INSERT INTO rules.rule_period (rule_id, version, effective)"
            " SELECT rule_id, version, '[2030-01-01,2031-01-01)' FROM rules.rule_period LIMIT 1"
        )


EDITS = """
    edit                                                                                                   | because
    -------------------------------------------------------------------------------------------------------+--------------------------------------
    UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'                                          | a correction
    UPDATE rules.rule SET weight = 60, effective_from = '2024-06-01' WHERE rule_key = 'BOND-001'           | a version from a later day on
    UPDATE rules.rule SET effective_to = '2024-06-01'                                                      | retirement of everything
    UPDATE rules.rule SET effective_from = '2024-08-01'                                                    | a first day moved past the day asked about
    INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES ('N', 'inclusion', 'GOLD', 1, 'f', 'true', '2024-01-01') | a new rule
"""


@pytest.mark.parametrize("case", cases(EDITS))
def test_an_edit_changes_what_is_known_now_and_not_what_was(sql: Sql, case: Row) -> None:
    """Asked as known at a moment before the edit, the answer is the same before and after it."""
    ((moment,),) = sql("SELECT clock_timestamp()")
    before = sql(KNOWN, moment)
    sql(case["edit"])
    assert sql(KNOWN, moment) == before
    ((now,),) = sql("SELECT clock_timestamp()")
    assert sql(KNOWN, now) != before


def test_a_membership_type_is_known_as_it_was(sql: Sql) -> None:
    """The policy of a membership type has the same clock."""
    ((moment,),) = sql("SELECT clock_timestamp()")
    sql("UPDATE rules.membership_type SET margin = 5, strategy = 'max_weight' WHERE key = 'GOLD'")
    policy = "SELECT strategy, margin FROM rules.membership_types('2024-07-01', %s) WHERE key = 'GOLD'"
    assert sql(policy, moment) == [("weight_sum", 1)]
    assert sql("SELECT strategy, margin FROM rules.membership_types('2024-07-01') WHERE key = 'GOLD'") == [
        ("max_weight", 5)
    ]


def test_a_transaction_left_open_does_not_change_what_was_known(database_url: str, sql: Sql) -> None:
    """A change is known from its commit on, however long before that it was typed."""
    other = client(database_url)
    runner(other)("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    ((while_open,),) = sql("SELECT clock_timestamp()")
    before = sql(KNOWN, while_open)
    other.commit()
    other.close()
    assert sql(KNOWN, while_open) == before
    assert ("BOND-001", 2, 60) in sql(KNOWN, datetime.max)


def test_a_transaction_is_known_at_one_moment(database_url: str, sql: Sql) -> None:
    """Three edits in one transaction are three versions; only the last was ever known to anybody else."""
    other = client(database_url)
    for weight in (60, 70):
        runner(other)("UPDATE rules.rule SET weight = %s WHERE rule_key = 'BOND-001'", weight)
    runner(other)("UPDATE rules.membership_type SET margin = 5 WHERE key = 'GOLD'")
    runner(other)("SET CONSTRAINTS ALL DEFERRED")
    runner(other)("UPDATE rules.rule SET weight = 90")
    other.commit()
    other.close()
    history: list[tuple[Any, ...]] = sql(
        "SELECT version, weight, recorded_from, recorded_to FROM rules.rule_history"
        " WHERE rule_key = 'BOND-001' ORDER BY version"
    )
    ((moment,),) = sql("SELECT recorded_from FROM rules.membership_type_history WHERE margin = 5")
    assert [row[:2] for row in history] == [(1, 50), (4, 90)]
    assert history[0][3] == history[1][2] == moment
    assert sql("SELECT count(*) FROM rules.rule_version WHERE rule_id = 1") == [(4,)]


def test_no_client_says_when_it_is_committed(database_url: str, sql: Sql) -> None:
    """A moment that is given before the commit would be over when others come to know of it: the transaction is refused."""
    other = client(database_url)
    runner(other)("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    with pytest.raises(psycopg2.Error, match="recorded and judged when it is committed"):
        runner(other)("SET CONSTRAINTS ALL IMMEDIATE")
    other.close()
    assert sql("SELECT max(weight) FROM rules.rule_history WHERE rule_key = 'BOND-001'") == [(50,)]


def test_every_version_is_signed(sql: Sql) -> None:
    """Who, when and the hash of the wording are the database's to write; equal wordings have equal hashes."""
    for weight in (60, 50):
        sql("UPDATE rules.rule SET weight = %s WHERE rule_key = 'BOND-001'", weight)
    found = sql("SELECT content_hash, created_by FROM rules.rule_version WHERE rule_id = 1 ORDER BY version")
    assert found[0] == found[2] != found[1]
    assert {row[1] for row in found} == {"postgres"}


def test_everything_in_the_schema_is_explained(sql: Sql) -> None:
    """Every table, view, column and function carries a comment: the analysts' manual is in the database."""
    unexplained = sql(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE n.nspname = 'rules' AND c.relkind IN ('r', 'v')"
        " AND (obj_description(c.oid) IS NULL OR a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL)"
        " UNION ALL SELECT proname, NULL FROM pg_proc WHERE pronamespace = 'rules'::regnamespace"
        " AND obj_description(oid) IS NULL"
    )
    assert unexplained == []
