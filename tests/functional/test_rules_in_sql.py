"""Analysts edit rules by plain SQL, from any client, and are refused in words (R-REPO-2, 3, 4, 6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from console.statement import execute
from rules_engine.errors import ChangeRefused
from tests.functional.conftest import Sql, client, runner
from tests.spec.table import Row, cases

PERIODS = """
    SELECT version, weight, effective_from::text, effective_to::text FROM rules.rule
    WHERE rule_key = 'BOND-001' ORDER BY effective_from
"""
NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from"

EDITS = """
    statement                                                    | periods                                  | because
    -------------------------------------------------------------+------------------------------------------+--------------------------------------------------
    SET weight = 60                                              | 2 60 2024-01-01 -                        | a correction holds for the days of what it corrects
    SET weight = 60, effective_from = '2024-06-01'               | 1 50 2024-01-01 2024-06-01, 2 60 2024-06-01 - | a later first day leaves the days before it alone
    SET weight = 60, effective_from = '2023-06-01'               | 2 60 2023-06-01 -                        | an earlier first day is part of the correction
    SET effective_to = '2025-01-01'                              | 1 50 2024-01-01 2025-01-01               | retiring a rule makes no version
    SET effective_to = 'infinity'                                | 1 50 2024-01-01 -                        | for ever is until further notice
    SET effective_from = '2024-02-01'                            | 1 50 2024-02-01 -                        | moving the first day alone moves it
    SET weight = 60, effective_from = '2024-06-01', effective_to = '2024-09-01' | 1 50 2024-01-01 2024-06-01, 2 60 2024-06-01 2024-09-01 | a version can be bounded when it is made
    SET weight = 50                                              | 1 50 2024-01-01 -                        | the same content makes no version
    SET weight = weight + 10, name = 'Holds a bond'              | 2 60 2024-01-01 -                        | several columns make one version
    SET kind = 'INCLUSION'                                       | 1 50 2024-01-01 -                        | capital letters are no change of kind
"""


@pytest.mark.parametrize("case", cases(EDITS))
def test_an_update_makes_versions_and_periods(sql: Sql, case: Row) -> None:
    """UPDATE on rules.rule is all it takes."""
    sql(f"UPDATE rules.rule {case['statement']} WHERE rule_key = 'BOND-001'")
    found = [" ".join(["-" if cell is None else str(cell) for cell in row]) for row in sql(PERIODS)]
    assert ", ".join(found) == case["periods"]


REFUSALS = """
    statement                                               | says                                              | because
    --------------------------------------------------------+---------------------------------------------------+-----------------------------------------------
    UPDATE rules.rule SET weight = 0                        | weight 0 is not a whole number from 1             | a weight of zero says nothing
    UPDATE rules.rule SET weight = -20                      | said by its kind, never by a negative weight      | a negative weight is an exclusion in disguise
    UPDATE rules.rule SET weight = 60.5                     | weight 60.5 is not a whole number                 | half a weight is not rounded in silence
    UPDATE rules.rule SET weight = 3000000000               | weight 3000000000 is not a whole number           | a weight beyond the largest is refused in words
    UPDATE rules.rule SET weight = NULL                     | weight (left out) is not a whole number           | a weight cannot be taken away
    UPDATE rules.rule SET sql = '  '                        | its SQL is empty. Write a condition               | empty SQL would hit nobody
    UPDATE rules.rule SET membership_type = 'SILVER'        | membership type 'SILVER' does not exist. Name one that does (FAMILY, GOLD) | an unknown membership type would be granted to nobody
    UPDATE rules.rule SET kind = 'bonus'                    | its kind 'bonus' is none of inclusion, exclusion  | a rule speaks for or against
    UPDATE rules.rule SET form = 'query'                    | its form 'query' is none of predicate, statement  | there are two forms
    UPDATE rules.rule SET frame = ''                        | it is a predicate and names no frame              | a predicate is about the rows of a frame
    UPDATE rules.rule SET form = 'statement'                | A statement names its own                         | a statement with a frame is ambiguous
    UPDATE rules.rule SET when_unknown = 'maybe'            | none of miss, hit, hold                           | unknown has three meanings
    UPDATE rules.rule SET category = 'bonds'                | INSERT INTO rules.category (key) VALUES ('bonds') | an unknown category may be a slip of the pen
    UPDATE rules.rule SET rule_type = 'x'                   | rule type 'x' does not exist                      | an unknown rule type may be one too
    UPDATE rules.rule SET parameters = '[1]'                | its parameters are no JSON object                 | parameters have names
    UPDATE rules.rule SET parameters = '{"Min": 1}'         | parameter 'Min' has no usable name                | names of parameters are small letters
    UPDATE rules.rule SET parameters = '{"d": {"date": "2024-02-30"}}' | parameter 'd' is {"date": "2024-02-30"} | a day that does not exist is no value
    UPDATE rules.rule SET parameters = '{"d": null}'        | parameter 'd' is null                             | nothing is no value
    UPDATE rules.rule SET metadata = '5'                    | its metadata are no JSON object                   | metadata have names
    UPDATE rules.rule SET effective_to = '2023-01-01'       | it holds no day                                   | a rule cannot end before it begins
    UPDATE rules.rule SET effective_from = NULL             | needs a first day                                 | every rule begins some day
    UPDATE rules.rule SET rule_key = 'BOND-002'             | its key is permanent                              | decisions name the key for ever
    UPDATE rules.rule SET version = 7                       | versions are numbered by the database             | numbers follow each other
    DELETE FROM rules.rule                                  | Retire it instead: UPDATE rules.rule SET effective_to | retire is not delete
    UPDATE rules.rule SET override = true, kind = 'exclusion' | Only an inclusion can override                  | an exclusion has nothing to override
    UPDATE rules.membership_type SET margin = 1.5           | margin 1.5 is not a whole number                  | a margin is a whole number
    UPDATE rules.membership_type SET strategy = 'vote'      | strategy 'vote' is none of weight_sum             | strategies are known ones
    UPDATE rules.membership_type SET tie = 'grant', margin = 5 | Set the margin to 1                            | a tie is not granted where a narrow win is not
    UPDATE rules.membership_type SET veto_weight = 0        | veto weight 0 is not a whole number above zero    | a veto of zero would always block
    UPDATE rules.membership_type SET key = 'X' WHERE key = 'GOLD' | its key is permanent                        | rules and history name the membership type
    DELETE FROM rules.membership_type                       | a membership type is never deleted                | past decisions name it
    INSERT INTO rules.membership_type (key) VALUES ('GOLD') | it is there already. Change it: UPDATE            | one key is one membership type
    INSERT INTO rules.membership_type (key) VALUES ('G D')  | its key is not of letters                         | keys are written into tables and files
"""


@pytest.mark.parametrize("case", cases(REFUSALS))
def test_a_bad_statement_is_refused_in_words(unchanged: Sql, case: Row) -> None:
    """The refusal says which rule, what is wrong and what to do; nothing changes."""
    before = (
        unchanged("SELECT * FROM rules.rule ORDER BY 1"),
        unchanged("SELECT * FROM rules.membership_type ORDER BY 1"),
    )
    with pytest.raises(psycopg2.Error) as refused:
        unchanged(case["statement"])
    assert case["says"] in str(refused.value)
    assert refused.value.pgcode == "RR001"
    assert (
        unchanged("SELECT * FROM rules.rule ORDER BY 1"),
        unchanged("SELECT * FROM rules.membership_type ORDER BY 1"),
    ) == before


NO_VALUES = """
    assignment                       | says                                                        | because
    ---------------------------------+-------------------------------------------------------------+-----------------------------------
    weight = 'ten'                   | Value 'ten': it is not a number. Write its digits           | a weight in words
    effective_from = '2024-02-30'    | Value '2024-02-30': it is not a day. Write it as            | a day that there is not
    effective_from = 'soon'          | Value 'soon': it is not a day. Write it as                  | a day in words
    shadow = 'maybe'                 | Value 'maybe': it is not true or false. Write one           | neither of two
    parameters = 'years: 10'         | A value: it is not JSON. Write it as                        | another way to write names
"""


@pytest.mark.parametrize("case", cases(NO_VALUES))
def test_our_command_says_in_words_what_postgresql_refuses_itself(database_url: str, case: Row) -> None:
    """A text that is no value of its column never reaches the rules; in psql PostgreSQL's own words stand."""
    with pytest.raises(ChangeRefused) as refused:
        execute(database_url, f"UPDATE rules.rule SET {case['assignment']}")
    assert case["says"] in str(refused.value.faults[0])


BAD_INSERTS = """
    columns           | values                                                                 | says                                | because
    ------------------+------------------------------------------------------------------------+-------------------------------------+-----------------------------------------
                      | 'BOND-001', 'inclusion', 'GOLD', 10, 'holdings', 'true', '2024-06-01'  | overlaps the one of version 1, which counts from 2024-01-01 to further notice | two versions on one day would both count
    , effective_to    | 'BOND-001', 'inclusion', 'GOLD', 10, 'holdings', 'true', '2023-06-01', '2024-01-02' | overlaps the one of version 1 | one shared day is enough to overlap
                      | 'BOND 2', 'inclusion', 'GOLD', 10, 'holdings', 'true', '2024-06-01'    | its key is not of letters           | a key with a blank is refused
                      | NULL, 'inclusion', 'GOLD', 10, 'holdings', 'true', '2024-06-01'        | Rule (no key)                       | a rule has a key
                      | 'X', NULL, NULL, NULL, 'holdings', NULL, '2024-06-01'                  | its kind (left out)                 | what must be there is asked for
"""


@pytest.mark.parametrize("case", cases(BAD_INSERTS))
def test_a_bad_rule_is_not_inserted(unchanged: Sql, case: Row) -> None:
    """INSERT is checked like UPDATE, and against the days already taken."""
    with pytest.raises(psycopg2.Error) as refused:
        unchanged(f"{NEW}{case['columns']}) VALUES ({case['values']})")
    assert case["says"] in str(refused.value)
    assert unchanged("SELECT count(*) FROM rules.rule") == [(2,)]


def test_all_faults_of_a_row_are_said_at_once(unchanged: Sql) -> None:
    """Four faults in one statement are four lines."""
    with pytest.raises(psycopg2.Error) as refused:
        unchanged(
            "UPDATE rules.rule SET weight = 0, sql = '', kind = 'x', membership_type = 'y' WHERE rule_key = 'BOND-001'"
        )
    lines = (refused.value.diag.message_primary or "").splitlines()
    assert len(lines) == 4
    assert all(line.startswith("Rule BOND-001: ") for line in lines)


def test_an_insert_fills_in_what_may_be_left_out(sql: Sql) -> None:
    """Form, parameters with their types, defaults: an analyst writes the least."""
    sql(
        "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, sql, parameters) VALUES"
        " ('TEN-001', 'inclusion', 'GOLD', 10, 'SELECT id FROM customers WHERE years >= :least',"
        """ '{"least": 5, "rate": 2.50, "country": "GB", "on": true}')"""
    )
    found = sql(
        "SELECT version, form, frame, when_unknown, parameters, effective_from, effective_to FROM rules.rule"
        " WHERE rule_key = 'TEN-001'"
    )
    parameters = {
        "least": {"bigint": 5},
        "rate": {"decimal": "2.50"},
        "country": {"string": "GB"},
        "on": {"boolean": True},
    }
    ((today,),) = sql("SELECT (now() AT TIME ZONE 'UTC')::date")
    assert found == [(1, "statement", "", "miss", parameters, today, None)]


def test_a_reason_text_comes_from_the_catalogue_of_reasons(sql: Sql) -> None:
    """A code without a text gets the catalogue's; a new code with a text enters it."""
    sql("UPDATE rules.rule SET reason_code = 'BOND', reason_text = 'Holds a bond' WHERE rule_key = 'BOND-001'")
    sql("UPDATE rules.rule SET reason_code = 'BOND' WHERE rule_key = 'LOAN-001'")
    assert sql("SELECT DISTINCT reason_text FROM rules.rule") == [("Holds a bond",)]


def test_a_retired_rule_can_be_published_again_for_later_days(sql: Sql) -> None:
    """INSERT of a known key takes days that are free, as the next version."""
    sql("UPDATE rules.rule SET effective_to = '2024-06-01' WHERE rule_key = 'BOND-001'")
    sql(f"{NEW}) VALUES ('BOND-001', 'inclusion', 'GOLD', 30, 'holdings', 'true', '2025-01-01')")
    assert [row[:3] for row in sql(PERIODS)] == [(1, 50, "2024-01-01"), (2, 30, "2025-01-01")]


def test_a_later_version_needs_its_period_named_where_there_are_several(sql: Sql) -> None:
    """The refusal of an update that hits an ended period says how to name the right one."""
    sql("UPDATE rules.rule SET weight = 60, effective_from = '2024-06-01' WHERE rule_key = 'BOND-001'")
    later = "UPDATE rules.rule SET weight = 70, effective_from = '2025-01-01' WHERE rule_key = 'BOND-001'"
    with pytest.raises(psycopg2.Error, match="If another period is meant, name it"):
        sql(later)
    sql(f"{later} AND effective_to IS NULL")
    assert [row[:2] for row in sql(PERIODS)] == [(1, 50), (2, 60), (3, 70)]


def test_two_analysts_editing_one_rule_do_not_lose_an_edit(database_url: str, sql: Sql) -> None:
    """The later of two is refused if what it saw is gone."""
    first, second = client(database_url), client(database_url)
    runner(first)("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    with ThreadPoolExecutor() as pool:
        edit = pool.submit(runner(second), "UPDATE rules.rule SET name = 'Bonds' WHERE rule_key = 'BOND-001'")
        while not sql("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", second.info.backend_pid):
            assert not edit.done()
        first.commit()
        refusal = edit.exception(timeout=10)
    first.close()
    second.close()
    assert "changed by somebody else in the meantime" in str(refusal)
    assert sql("SELECT weight, name FROM rules.rule WHERE rule_key = 'BOND-001'") == [(60, "")]


def test_an_analyst_needs_rights_on_the_views_alone(database_url: str, sql: Sql) -> None:
    """Who has the analyst's role may edit the view and publish, without any right on the tables behind it."""
    sql("DROP ROLE IF EXISTS analyst")
    sql("CREATE ROLE analyst LOGIN")
    sql("GRANT rules_analyst TO analyst")
    as_analyst = client(database_url.replace("postgres@", "analyst@"))
    as_analyst.autocommit = True
    try:
        runner(as_analyst)("UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            runner(as_analyst)("INSERT INTO rules.rule_identity (key) VALUES ('X')")
    finally:
        as_analyst.close()
        found = sql("SELECT created_by, recorded_by FROM rules.rule_history WHERE version = 2")
        sql("DROP OWNED BY analyst; DROP ROLE analyst")
    assert found == [("analyst", "analyst")]
