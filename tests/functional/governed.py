"""A database where four eyes are needed, the logins of an office, and changes in every state."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg2

from tests.functional.conftest import Sql, client, runner

OFFICE = {
    "ann": "rules_analyst",
    "dan": "rules_analyst",
    "bob": "rules_approver",
    "cy": "rules_approver",
    "eve": "rules_engine",
    "olga": "rules_auditor",
    "adam": "rules_admin",
    "zoe": "rules_analyst, rules_approver",
}

TWO_RULES = """
    INSERT INTO rules.membership_type (key, name) VALUES ('GOLD', 'Gold');
    INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES
        ('BOND-001', 'inclusion', 'GOLD', 50, 'holdings', 'product_type = ''BOND''', '2024-01-01'),
        ('LOAN-001', 'exclusion', 'GOLD', 40, 'holdings', 'product_type = ''LOAN''', '2024-01-01');
"""


@dataclass(frozen=True)
class Office:
    """Plain SQL by login, each statement committed at once."""

    url: str
    asked: str = ", '4.1.1'"
    """Which Spark a check asked, as the last argument of its function; there was none before revision 0004."""

    def connection(self, login: str) -> psycopg2.extensions.connection:
        """A connection of one login; whoever asks closes it."""
        return client(self.url.replace("postgres@", f"{login}@", 1))

    def __call__(self, login: str, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run one statement as a login that connects for it alone."""
        connection = self.connection(login)
        connection.autocommit = True
        try:
            return runner(connection)(statement, *values)
        finally:
            connection.close()

    def refusal(self, login: str, statement: str, *values: object) -> str:
        """What a statement is refused with; AssertionError if it is not."""
        try:
            self(login, statement, *values)
        except psycopg2.Error as refused:
            return refused.diag.message_primary or str(refused)
        raise AssertionError(f"{login} was not refused: {statement}")

    def approved(self, change: int, by: str = "bob") -> None:
        """Check and approve a change as somebody who did not write it."""
        self(by, f"SELECT rules.record_check(%s, rules.content_hash(%s), true, 'read'{self.asked})", change, change)
        self(by, "SELECT rules.approve(%s)", change)

    def published(self, change: int, by: str = "bob") -> None:
        """Take a draft to its publication."""
        self(by if by == "postgres" else "postgres", "SELECT rules.submit(%s, 'a test')", change)
        self.approved(change, by)
        self(by, "SELECT rules.schedule(%s)", change)


def open_office(sql: Sql, url: str, asked: str = Office.asked) -> Office:
    """Hire everybody, in a database where one approval is needed."""
    for login, roles in OFFICE.items():
        sql(
            f"DO $$ BEGIN CREATE ROLE {login} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
        sql(f"GRANT {roles} TO {login}")
    return Office(url, asked)


def in_every_state(office: Office) -> None:
    """1 published, 2 draft of ann, 3 in review and 4 approved of dan, 5 empty, 6 withdrawn, 7 zoe's, 8 the superuser's."""
    rule = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
    office("ann", TWO_RULES)
    office.published(1)
    office("ann", "UPDATE rules.rule SET weight = 60 WHERE rule_key = 'BOND-001'")
    office("dan", "UPDATE rules.rule SET weight = 30 WHERE rule_key = 'LOAN-001'")
    office("dan", "SELECT rules.submit(3, 'loans weigh less')")
    office("bob", f"SELECT rules.record_check(3, rules.content_hash(3), true, 'read'{office.asked})")
    office("dan", f"{rule} ('TEN-001', 'inclusion', 'GOLD', 10, 'customers', 'years > 5', '2024-01-01')")
    office("dan", "SELECT rules.submit(4, 'tenure counts')")
    office.approved(4)
    office("dan", "SELECT rules.begin_change('nothing yet')")
    office("dan", "SELECT rules.begin_change('given up')")
    office("dan", "SELECT rules.withdraw(6)")
    for login, key in (("zoe", "ZOE-001"), ("postgres", "ROOT-001")):
        office(login, f"{rule} ('{key}', 'inclusion', 'GOLD', 10, 'customers', 'true', '2024-01-01')")
    office("zoe", "SELECT rules.submit(7, 'why not')")
    office("postgres", "SELECT rules.submit(8, 'in a hurry')")
    office("bob", f"SELECT rules.record_check(8, rules.content_hash(8), true, 'read'{office.asked})")
    office("bob", "SELECT rules.record_check(7, rules.content_hash(7), false, 'it hits everybody.')")
