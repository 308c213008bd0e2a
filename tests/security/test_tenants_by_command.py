"""The tenant that is named is the one of session, tables and folders; no command takes another's (R-HIST-9)."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from jobs import evaluate_step, freeze_step, publish_step
from rules_engine.errors import RunRefused
from rules_repo.connection import of_tenant
from tests import small_lake
from tests.functional.conftest import client, runner
from tests.functional.governed import open_office
from tests.functional.rules_command import RulesCommand
from tests.security.attackers import SECRET, Siege
from tests.spec.table import Row, cases

WHO_NAMES_WHAT = """
    login    | tenant | command              | says                                    | because
    ---------+--------+----------------------+-----------------------------------------+---------------------------------------------
    amy      |        | list                 | belongs to several tenants              | a login of several says which
    amy      |        | check                | belongs to several tenants              | whatever it asks
    amy      |        | run                  | does not belong to it                   | the tenant without a name is none of its
    amy      |        | members GOLD         | does not belong to it                   | a history is a tenant's, too
    amy      |        | register rebuild     | does not belong to it                   | and so is a register
    amy      | acme   | list                 |                                         | and then it is that one
    amy      | main   | list                 |                                         | each of them
    pat      |        | list                 |                                         | a login of one need not say which
    pat      | main   | list                 | does not belong to it                   | another tenant's rules
    pat      | main   | run                  | does not belong to it                   | nor is it run for another
    pat      | main   | register rebuild     | does not belong to it                   | nor into another's register
    ann      | acme   | list                 | does not belong to it                   | the first tenant's logins are nobody else's
    ann      | acme   | run                  | does not belong to it                   | the first tenant's rules go into no other's tables
    ann      | nobody | list                 | does not belong to it                   | a slip of the finger is no tenant
    olga     | acme   | audit log            | does not belong to it                   | the story of rules
"""


@pytest.mark.parametrize("row", cases(WHO_NAMES_WHAT))
def test_a_command_works_for_the_tenant_that_is_named_or_not_at_all(siege: Siege, tmp_path: Path, row: Row) -> None:
    """A login of several tenants says which, one of another is refused, and then nothing was written."""
    small_lake.write(tmp_path / "lake")
    before = siege.state(), made(siege)
    url = siege.office.url.replace("postgres@", f"{row['login']}@", 1)
    named = {"RULES_TENANT": row["tenant"]} if row["tenant"] else {}
    command = RulesCommand(
        tmp_path, {"RULES_DATABASE_URL": url, "RULES_LAKE": str(tmp_path / "lake/frames.toml"), **named}
    )
    done = command(*row["command"].split())
    if row["says"]:
        assert done.exit_code
        assert row["says"] in done.stderr, done.stderr
        assert not [path for path in tmp_path.rglob("*") if "runs" in path.parts]
    else:
        assert done.exit_code == 0, done.stderr
    of_acme = row["tenant"] == "acme" or row["login"] == "pat"
    assert (SECRET in done.stdout) == (of_acme and not row["says"])
    assert (siege.state(), made(siege)) == before


def made(siege: Siege) -> list[tuple[object, ...]]:
    """The tables that there are beside the rules."""
    return siege("postgres", "SELECT schemaname, tablename FROM pg_tables WHERE schemaname ~ '^history' ORDER BY 1, 2")


def test_a_database_that_was_never_parted_is_whoevers_it_is(database_url: str) -> None:
    """Its one tenant has the name that its operator gives; once there is another, that name is nobody's."""
    assert of_tenant(database_url, "mutual") == database_url
    office = open_office(runner(autocommitting(database_url)), database_url)
    anns = database_url.replace("postgres@", "ann@", 1)
    assert of_tenant(anns, "mutual") == anns
    office("postgres", "INSERT INTO rules.tenant_login VALUES ('main', 'ann')")
    assert of_tenant(anns, "mutual") == anns
    office("postgres", "INSERT INTO rules.tenant VALUES ('acme', 'Another mutual')")
    with pytest.raises(RunRefused, match="belongs to main"):
        of_tenant(anns, "mutual")


def autocommitting(url: str) -> psycopg2.extensions.connection:
    """A connection of the owner."""
    connection = client(url)
    connection.autocommit = True
    return connection


FREEZES = """
    login | tenant | says                        | because
    ------+--------+-----------------------------+---------------------------------
    amy   |        | belongs to several tenants  | a login of several says which
    pat   | main   | does not belong to it       | another's rules are not frozen
    ann   | acme   | does not belong to it       | nor the first tenant's as another's
"""


@pytest.mark.parametrize("row", cases(FREEZES))
def test_a_rule_set_is_frozen_of_the_tenant_that_is_named(
    siege: Siege, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    """The step of a cluster is refused likewise, and writes no file."""
    monkeypatch.setenv("RULES_DATABASE_URL", siege.office.url.replace("postgres@", f"{row['login']}@", 1))
    tenant = ["--tenant", row["tenant"]] if row["tenant"] else []
    words = ["--as-of", "2024-06-01", "--known-at", "2030-01-01T00:00:00Z", "--target", str(tmp_path / "set.json")]
    with pytest.raises(Exception, match=row["says"]):
        freeze_step.step([*words, *tenant])
    assert list(tmp_path.iterdir()) == []


def test_steps_are_told_environment_and_tenant_and_no_table() -> None:
    """Names of tables are made of them, below the step: none can be said."""
    for step in (evaluate_step, publish_step):
        options = {option for action in step.ARGUMENTS._actions for option in action.option_strings}
        assert {"--environment", "--tenant"} <= options
        assert not [option for option in options if "table" in option]
