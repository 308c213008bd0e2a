"""Who owns the rules, who has more rights than the roles give, and that a migration needs no superuser (issue of least privilege)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules_engine.errors import RunRefused
from rules_repo import audit, embedded, privileges, schema
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, Office, open_office
from tests.spec.table import Row, cases


@pytest.fixture(scope="module")
def apart() -> Iterator[str]:
    """A server of these tests' own: they make roles that no other test should meet."""
    with tempfile.TemporaryDirectory(prefix="rules-privileges-") as place:
        folder = Path(place) / "data"
        yield embedded.start(folder)
        embedded.stop(folder)


def as_superuser(url: str, *statements: str) -> None:
    connection = client(url)
    connection.autocommit = True
    for statement in statements:
        runner(connection)(statement)
    connection.close()


@pytest.fixture(scope="module")
def migrated(apart: str) -> str:
    """A database that its owner, no superuser, has upgraded."""
    as_superuser(apart, "CREATE ROLE dba LOGIN CREATEROLE", "CREATE DATABASE owned OWNER dba")
    url = apart.replace("/postgres?", "/owned?")
    schema.upgrade(url.replace("postgres@", "dba@"))
    return url


def test_the_owner_of_a_database_migrates_it(migrated: str) -> None:
    """No superuser is needed, and whoever migrates does not own the rules afterwards."""
    assert schema.current(migrated) == schema.HEAD
    assert audit.verify(migrated).faults == ()
    assert privileges.excesses(migrated) == ()
    connection = client(migrated)
    owners = runner(connection)(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname IN ('rule_version', 'rule')"
    )
    assert sorted(owners) == [("rules_owner",), ("rules_views",)]
    sql = runner(connection)
    assert sql("SELECT pg_has_role('dba', 'rules_owner', 'USAGE'), pg_has_role('dba', 'rules_owner', 'SET')") == [
        (False, False)
    ]
    connection.close()


def test_work_goes_on_in_a_database_that_its_owner_migrated(migrated: str) -> None:
    """Drafts, checks, approvals and publications are those of any other database."""
    connection = client(migrated)
    connection.autocommit = True
    office = open_office(runner(connection), migrated)
    office("ann", TWO_RULES)
    office("ann", "SELECT rules.submit(1, 'the first rules')")
    office.approved(1)
    office("bob", "SELECT rules.schedule(1)")
    assert office("eve", "SELECT rule_key FROM rules.rule_set('2024-06-01')") == [("BOND-001",), ("LOAN-001",)]
    assert audit.verify(migrated).faults == ()
    connection.close()


def test_an_owner_with_rights_of_its_own_is_refused(apart: str) -> None:
    """Somebody who may make roles could have made the owner before, with a login."""
    url = embedded.ensure_database(apart, "tricked")
    as_superuser(apart, "DO $$ BEGIN CREATE ROLE rules_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    as_superuser(apart, "ALTER ROLE rules_owner LOGIN")
    try:
        with pytest.raises(Exception, match="must have no rights of its own") as refused:
            schema.upgrade(url)
        assert isinstance(refused.value, RunRefused) or "rules_owner" in str(refused.value)
    finally:
        as_superuser(apart, "ALTER ROLE rules_owner NOLOGIN")


EXCESSES = """
    given                                                  | taken                                                      | says                                     | because
    -------------------------------------------------------+------------------------------------------------------------+------------------------------------------+--------------------------------------
    ALTER ROLE ann CREATEROLE                              | ALTER ROLE ann NOCREATEROLE                                | Login ann: it can make                   | one login could be two people
    ALTER ROLE bob BYPASSRLS                               | ALTER ROLE bob NOBYPASSRLS                                 | Login bob: it sees every tenant          | walls between tenants
    ALTER ROLE cy SUPERUSER                                | ALTER ROLE cy NOSUPERUSER                                  | Login cy: it is a superuser              | nothing binds it
    GRANT pg_write_all_data TO dan                         | REVOKE pg_write_all_data FROM dan                          | Login dan: it has pg_write_all_data      | it writes past the views
    GRANT pg_read_all_stats TO dan                         | REVOKE pg_read_all_stats FROM dan                          | Login dan: it has pg_read_all_stats      | it reads what others ask
    GRANT pg_monitor TO dan                                | REVOKE pg_monitor FROM dan                                 | Login dan: it has pg_monitor: it reads the statements of others | so does who is a member of its group
    ALTER ROLE dan REPLICATION                             | ALTER ROLE dan NOREPLICATION                               | Login dan: it reads every tenant's rows  | what is sent has no walls
    GRANT SET ON PARAMETER session_replication_role TO dan | REVOKE SET ON PARAMETER session_replication_role FROM dan  | Login dan: it may set session_replication_role | references are checked by triggers
    GRANT TEMPORARY ON DATABASE many TO ann                | REVOKE TEMPORARY ON DATABASE many FROM ann                 | Login ann: it has TEMPORARY              | objects of one's own begin an attack
    GRANT CREATE ON DATABASE many TO ann                   | REVOKE CREATE ON DATABASE many FROM ann                    | Login ann: it has CREATE                 | so do schemas
    GRANT TEMPORARY ON DATABASE many TO PUBLIC             | REVOKE TEMPORARY ON DATABASE many FROM PUBLIC              | everybody may make temporary tables      | the default of PostgreSQL
    GRANT rules_approver TO ann WITH ADMIN OPTION          | REVOKE rules_approver FROM ann                             | Login ann: it may make any login one of rules_approver | an author makes his approver
    ALTER DATABASE many OWNER TO ann                       | ALTER DATABASE many OWNER TO postgres                      | Login ann: it owns the database          | it may drop all, and set sessions
    CREATE VIEW seen AS SELECT * FROM rules.rule_version   | DROP VIEW IF EXISTS seen                                   | View seen: it shows rules of every tenant with the rights of | a report beside the walls
    CREATE MATERIALIZED VIEW kept AS SELECT * FROM rules.rule_version | DROP MATERIALIZED VIEW IF EXISTS kept           | Materialized view kept: it shows         | one that is stored
    CREATE PUBLICATION many FOR TABLE rules.rule_version   | DROP PUBLICATION IF EXISTS many                            | Publication many: it sends the rows of every tenant | whoever subscribes sees no walls
    GRANT rules_owner TO olga                              | REVOKE rules_owner FROM olga                               | Login olga: it is the owner of the rules | an owner switches triggers off
    ALTER TABLE rules.approval OWNER TO adam               | ALTER TABLE rules.approval OWNER TO rules_owner            | rules.approval: it belongs to adam       | an owner needs no grant
    ALTER SCHEMA rules OWNER TO adam                       | ALTER SCHEMA rules OWNER TO rules_owner                    | rules.schema: it belongs to adam         | nor does the schema's
"""


@pytest.fixture(scope="module")
def many(apart: str) -> str:
    url = embedded.ensure_database(apart, "many")
    schema.upgrade(url)
    connection = client(url)
    connection.autocommit = True
    open_office(runner(connection), url)
    connection.close()
    return url


@pytest.mark.parametrize("case", cases(EXCESSES))
def test_too_much_is_named_with_what_takes_it_away(many: str, case: Row) -> None:
    """`rules doctor` tells each, and the statement it gives for a grant takes it away."""
    assert privileges.excesses(many) == ()
    as_superuser(many, case["given"])
    try:
        faults = privileges.excesses(many)
        assert any(case["says"] in str(fault) for fault in faults), faults
        for fault in faults:
            if fault.remedy.startswith(("ALTER", "REVOKE", "DROP")):
                as_superuser(many, fault.remedy.rstrip("."))
        if "superuser" not in case["says"] and "belongs" not in case["says"] and "everybody" not in case["says"]:
            assert not any(case["says"] in str(fault) for fault in privileges.excesses(many))
    finally:
        as_superuser(many, case["taken"])
    assert Office(many)("ann", "SELECT rules.tenant()") == [("main",)]


def test_transactions_that_may_be_prepared_are_named() -> None:
    """A login that prepares one keeps a change from its author, by no more than looking at it, and nobody sees who."""
    with tempfile.TemporaryDirectory(prefix="rules-postgres-") as place:
        folder = Path(place) / "data"
        root = client(embedded.start(folder))
        root.autocommit = True
        root.cursor().execute("ALTER SYSTEM SET max_prepared_transactions = 2")
        root.close()
        embedded.stop(folder)
        url = embedded.ensure_database(embedded.start(folder), "prepared")
        schema.upgrade(url)
        owner = client(url)
        owner.autocommit = True
        office = open_office(runner(owner), url)
        office("ann", TWO_RULES)
        zoe = office.connection("zoe")
        zoe.autocommit = True
        for statement in ("BEGIN", "SELECT rules.work_on(1)", "PREPARE TRANSACTION 'it''s'"):
            zoe.cursor().execute(statement)
        waits = "SET lock_timeout = '200ms'; UPDATE rules.draft SET weight = 5 WHERE rule_key = 'BOND-001'"
        assert "lock timeout" in office.refusal("ann", waits)
        said = [str(fault) for fault in privileges.excesses(url)]
        assert said[0].startswith("Server: max_prepared_transactions is 2")
        assert "Prepared transaction it's: zoe left it open" in said[1]
        owner.cursor().execute(privileges.excesses(url)[1].remedy.rstrip("."))
        assert len(privileges.excesses(url)) == 1
        office("ann", waits)
        zoe.close()
        owner.close()
        embedded.stop(folder)
