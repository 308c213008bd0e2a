"""What a session sets of how SQL is read changes nothing of how the schema's functions are read."""

from __future__ import annotations

import pytest

from tests.security.attackers import Siege
from tests.security.sessions import refused, session

SETTINGS = (
    *("SET standard_conforming_strings = off", "SET quote_all_identifiers = on", "SET transform_null_equals = on"),
    *(
        "SET DateStyle = 'German, DMY'",
        "SET IntervalStyle = sql_standard",
        "SET search_path = rules, pg_temp",
        "SET array_nulls = off",
    ),
    *("SET backslash_quote = on", "SET plpgsql.extra_errors = 'all'", "SET plpgsql.variable_conflict = 'use_column'"),
    *(
        "SET xmloption = document",
        "SET TimeZone = 'Asia/Kathmandu'",
        "SET extra_float_digits = -15",
        "SET bytea_output = 'escape'",
    ),
)
HONEST = (
    "SELECT rules.pause('BOND-001', 'a reason', current_date + 1)",
    "SELECT rules.resume('BOND-001', 'a reason')",
    "UPDATE rules.rule SET weight = weight + 1 WHERE rule_key = 'BOND-001'",
    "INSERT INTO rules.parameter (name, value) VALUES ('least', '5')",
    """INSERT INTO rules.reference_list (name, columns, rows) VALUES ('risk', '{"code": "string", "d": "decimal(12,2)",
        "x": "date"}', '[{"code": "XA", "d": "1.5", "x": "2024-01-01"}]')""",
)
WRONG = (
    "SELECT rules.pause('BOND-001', '  ', current_date + 1)",
    "INSERT INTO rules.parameter (name, value) VALUES ('b', '{\"date\": \"dddd-dd-dd\"}')",
    "INSERT INTO rules.parameter (name, value) VALUES ('b', '{\"bigint\": 99999999999999999999}')",
    "UPDATE rules.rule SET sql = '  ' WHERE rule_key = 'BOND-001'",
    "SELECT rules.submit(2, '  ')",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_edit_is_judged_alike_in_every_session(siege: Siege, setting: str) -> None:
    """R7, R12: what is honest is accepted and what is wrong refused, however the session reads texts and names."""
    with session(siege, "ann", setting) as ann:
        assert [refused(ann, "BEGIN", honest) for honest in HONEST[:1]] == [""]
        for statement in (*HONEST[1:], "ROLLBACK"):
            ann(statement)
    with session(siege, "ann", setting) as ann:
        assert all(refused(ann, wrong, "ROLLBACK") for wrong in WRONG)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_schema_has_one_digest(siege: Siege, setting: str) -> None:
    """R12: the catalogue reads alike in every session, or a style of days would look like tampering."""
    with session(siege, "olga", setting) as olga:
        assert olga("SELECT rules.catalogue_digest()") == siege("olga", "SELECT rules.catalogue_digest()")
