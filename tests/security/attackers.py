"""Logins that mean harm, what an ordinary DBA might grant them by the way, and how it is seen that they have done any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from tests.functional.conftest import runner
from tests.functional.governed import OFFICE, Office

ACME = {"pat": "rules_analyst, rules_approver", "kim": "rules_approver", "max": "rules_admin, rules_auditor"}
"""Logins of another tenant."""
BOTH = {"amy": "rules_analyst"}
"""An analyst of two governed tenants and of a tutorial."""
LOGINS = (*OFFICE, *ACME, *BOTH)
ROLES = "rules_analyst", "rules_approver", "rules_engine", "rules_auditor", "rules_admin"
SECRET = "S3CR3T"
"""Stands in whatever acme says; whoever does not belong to acme never reads it."""

RIGHTS = {
    "none": (),
    "objects": (
        "GRANT TEMPORARY, CREATE ON DATABASE {database} TO {login}",
        "CREATE SCHEMA IF NOT EXISTS own_{login} AUTHORIZATION {login}",
    ),
    "writes": ("GRANT pg_write_all_data TO {login}",),
    "reads": ("GRANT pg_read_all_data TO {login}",),
    "tends": ("GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO {login}", "GRANT pg_maintain TO {login}"),
    "two roles": ("GRANT rules_analyst, rules_approver TO {login}",),
    "roles": ("ALTER ROLE {login} CREATEROLE",),
}
TAKEN_BACK = {
    "objects": (
        "REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM {login}",
        "DROP SCHEMA IF EXISTS own_{login} CASCADE",
    ),
    "writes": ("REVOKE pg_write_all_data FROM {login}",),
    "reads": ("REVOKE pg_read_all_data FROM {login}",),
    "tends": ("REVOKE pg_monitor, pg_signal_backend, pg_checkpoint FROM {login}", "REVOKE pg_maintain FROM {login}"),
    "roles": ("ALTER ROLE {login} NOCREATEROLE",),
}

TABLES = """
    SELECT c.relname, EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant')
    FROM pg_class AS c WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""
POWER = """
    SELECT 'superuser', rolname::text FROM pg_roles WHERE rolsuper
    UNION ALL SELECT 'member', roleid::regrole || ' ' || member::regrole FROM pg_auth_members
        WHERE roleid::regrole::text ~ '^(rules_|pg_)' OR roleid IN (SELECT oid FROM pg_roles WHERE rolsuper)
    UNION ALL SELECT 'schema', line FROM rules.catalogue() AS line ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Siege:
    """A database under attack."""

    office: Office

    def __call__(self, login: str, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.office(login, statement, *values)

    def strike(self, login: str, *statements: str) -> str:
        """Try statement by statement over one connection, whatever is refused; all that the login has seen."""
        connection = self.office.connection(login)
        connection.autocommit = True
        seen = []
        try:
            for statement in (*statements, "COMMIT"):
                try:
                    seen.append(str(runner(connection)(statement)))
                except psycopg2.Error as refused:
                    seen.append(f"refused: {refused.pgcode} {refused}")
            seen += connection.notices
        finally:
            connection.close()
        return "\n".join(seen)

    def state(self, tenant: str = "") -> list[tuple[object, ...]]:
        """What every table holds, of one tenant or of all, row by row."""
        digest = "SELECT '{0}', md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), '')) FROM rules.{0} AS t"
        return self(
            "postgres",
            " UNION ALL ".join(
                digest.format(relation) + (f" WHERE tenant = '{tenant}'" if tenant else "")
                for relation, of_tenants in self("postgres", TABLES)
                if of_tenants or not tenant
            ),
        )

    def power(self) -> list[tuple[object, ...]]:
        """Who is superuser or a member of what, and every function, grant, trigger and policy of the schema."""
        return self("postgres", POWER)

    @contextmanager
    def granted(self, login: str, *rights: str) -> Iterator[None]:
        """Rights that an administrator gives by the way, and takes back."""
        ((database, maintains),) = self(
            "postgres", "SELECT current_database(), EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_maintain')"
        )

        def said(by: Mapping[str, tuple[str, ...]]) -> None:
            for statement in (each for right in rights for each in by.get(right, ())):
                if maintains or "pg_maintain" not in statement:  # PostgreSQL has it from 17 on
                    self("postgres", statement.format(database=database, login=login))

        try:
            said(RIGHTS)
            yield
        finally:
            said(TAKEN_BACK)
            if "two roles" in rights:
                self.employ(login)

    def employ(self, login: str) -> None:
        """The login with the roles of its work and no others."""
        roles = {**OFFICE, **ACME, **BOTH}[login]
        exists = "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL"
        self("postgres", f"DO $$ BEGIN CREATE ROLE {login} LOGIN; {exists}; END $$")
        self("postgres", f"REVOKE {', '.join(ROLES)} FROM {login}; GRANT {roles} TO {login}")


def two_tenants(siege: Siege) -> None:
    """Beside main, with changes 1 to 8: acme with change 9 published, 10 a draft, 11 approved; and the tutorial play."""
    for login in LOGINS:
        siege.employ(login)
    siege("postgres", "INSERT INTO rules.tenant VALUES ('acme', 'Another mutual', 0), ('play', 'A tutorial', 0)")
    for tenant, logins in (("main", (*OFFICE, "amy")), ("acme", (*ACME, "amy")), ("play", ("amy",))):
        for login in logins:
            siege("postgres", "INSERT INTO rules.tenant_login VALUES (%s, %s)", tenant, login)
    for statement in ("category (key)", "rule_type (key)", "reason_code (code)"):
        siege("ann", f"INSERT INTO rules.{statement} VALUES ('main')")
    play = "SET rules.tenant = 'play'; "
    siege("postgres", f"{play}INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'a tutorial')")
    rule = (
        "INSERT INTO rules.rule (rule_key, name, kind, membership_type, weight, frame, sql, effective_from, reason_code,"
        f" reason_text, category) VALUES ('{{}}', '{SECRET}', 'inclusion', 'GOLD', 50, 'holdings', '{SECRET} = 1',"
        f" '2024-01-01', '{SECRET}', '{SECRET}', '{SECRET}')"
    )
    siege("pat", f"INSERT INTO rules.category (key) VALUES ('{SECRET}')")
    siege("pat", "INSERT INTO rules.membership_type (key) VALUES ('GOLD')")
    siege("pat", rule.format("BOND-001"))
    for statement in (f"SELECT rules.submit(9, '{SECRET}')", "SELECT rules.work_on(9)"):
        siege("pat", statement)
    siege.office.approved(9, "kim")
    siege("kim", "SELECT rules.schedule(9)")
    siege("pat", f"SELECT rules.begin_change('{SECRET}', '{SECRET}')")
    siege("pat", rule.format("LOAN-001"))
    siege("pat", f"SELECT rules.begin_change('{SECRET} too', '{SECRET}')")
    siege("pat", "UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    siege("pat", "SELECT rules.submit(11)")
    siege.office.approved(11, "kim")
    siege("amy", f"{play}INSERT INTO rules.membership_type (key) VALUES ('GOLD')")
