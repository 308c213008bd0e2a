"""
Random legal histories in plain SQL, after which the audit must verify: ``python -m tests.audit_histories --histories 10000``.

A history is some steps by logins of two tenants, each in a session of its own settings, some of them several in one
transaction. What the database refuses is part of it. Many histories grow one chain, which is verified after each group.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

from rules_repo import audit, embedded, schema
from rules_repo.connection import bare
from tests.history_steps import KINDS, STEPS

TENANTS = {"main": ("ann", "dan", "bob", "cy", "adam", "zoe"), "acme": ("eli", "fay", "gus", "hal", "ida", "zoe")}
ROLES = {
    **dict.fromkeys(("ann", "dan", "eli", "fay"), "rules_analyst"),
    **dict.fromkeys(("bob", "cy", "gus", "hal"), "rules_approver"),
    **dict.fromkeys(("adam", "ida", "jo"), "rules_admin"),
    "zoe": "rules_analyst, rules_approver",
    "olga": "rules_auditor",
    "otto": "rules_auditor",
}
SETTINGS = {
    "DateStyle": ("ISO, YMD", "ISO, DMY", "SQL, DMY", "SQL, MDY", "Postgres, DMY", "Postgres, MDY", "German"),
    "TimeZone": ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "+13:45"),
    "IntervalStyle": ("postgres", "postgres_verbose", "sql_standard", "iso_8601"),
    "extra_float_digits": ("-15", "0", "1", "3"),
    "lc_monetary": ("C",),
    "bytea_output": ("hex", "escape"),
}


class Histories:
    """A database with the logins of two tenants, and a chain that grows."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.counts: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._open: dict[str, Bare] = {}

    def begin(self) -> None:
        """Hire everybody, and let each into the tenants that are theirs."""
        with bare(self.url) as owner:
            owner.autocommit = True
            cursor = owner.cursor()
            for login, roles in ROLES.items():
                cursor.execute(
                    f"DO $$ BEGIN CREATE ROLE {login} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
                )
                cursor.execute(f"GRANT {roles} TO {login}")
            cursor.execute("INSERT INTO rules.tenant VALUES ('acme', 'Another mutual', 0) ON CONFLICT DO NOTHING")
            members = [(tenant, login) for tenant, logins in TENANTS.items() for login in logins]
            for tenant, login in [*members, ("main", "olga"), ("acme", "otto"), ("main", "jo"), ("acme", "jo")]:
                cursor.execute("INSERT INTO rules.tenant_login VALUES (%s, %s) ON CONFLICT DO NOTHING", (tenant, login))

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open = {}

    def one(self) -> None:
        """One history: 4 to 12 transactions, of which some hold several steps and some are rolled back."""
        tenant = self._chance.choice([*TENANTS])
        for _ in range(self._chance.randint(4, 12)):
            if self._chance.random() < 0.1:
                tenant = self._chance.choice([*TENANTS])
            self._transaction(tenant)

    def _transaction(self, tenant: str) -> None:
        login = self._chance.choice(TENANTS[tenant] + TENANTS[tenant][:4] * 2)
        connection = self._connection(login)
        cursor = connection.cursor()
        try:
            self._dress(cursor, tenant)
            for _ in range(1 if self._chance.random() < 0.6 else self._chance.randint(2, 4)):
                cursor.execute("SAVEPOINT step")
                kind, statement = self._step(login)
                try:
                    cursor.execute(statement)
                    self.counts[kind] += 1
                except psycopg2.Error:
                    self.counts[f"{kind}, refused"] += 1
                    cursor.execute("ROLLBACK TO SAVEPOINT step")
            if self._chance.random() < 0.07:
                connection.rollback()
                self.counts["rolled back"] += 1
            connection.commit()
        except psycopg2.Error:
            self.counts["refused at commit"] += 1
            connection.rollback()

    def _connection(self, login: str) -> Bare:
        if login not in self._open or self._chance.random() < 0.02:
            if login in self._open:
                self._open.pop(login).close()
            self._open[login] = psycopg2.connect(self.url.replace("postgres@", f"{login}@", 1))
        return self._open[login]

    def _dress(self, cursor: psycopg2.extensions.cursor, tenant: str) -> None:
        """Settings of the session, as its user likes them."""
        for name, values in SETTINGS.items():
            if self._chance.random() < 0.4:
                cursor.execute(f"SET {name} = '{self._chance.choice(values)}'")
        cursor.execute(f"SET rules.tenant = '{tenant}'")

    def _step(self, login: str) -> tuple[str, str]:
        kind = self._chance.choice([kind for role in ROLES[login].split(", ") for kind in KINDS[role]])
        return kind, STEPS[kind](self._chance)


def verified(url: str) -> tuple[int, list[str]]:
    """How many entries there are, and the faults that a superuser and the auditor of each tenant are told."""
    verdicts = {login: audit.verify(url.replace("postgres@", f"{login}@", 1)) for login in ("postgres", "olga", "otto")}
    told = [f"{login}: {fault}" for login, verdict in verdicts.items() for fault in verdict.faults]
    return verdicts["postgres"].entries, told


@contextmanager
def a_server() -> Iterator[str]:
    """A server that loses all if it is killed, with a database to copy whose logins are hired."""
    with tempfile.TemporaryDirectory(prefix="rules-postgres-") as place:
        url = embedded.start(Path(place) / "data")
        try:
            with bare(url) as owner:
                owner.autocommit = True
                for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                    owner.cursor().execute(f"ALTER SYSTEM SET {setting}")
                owner.cursor().execute("SELECT pg_reload_conf()")
            template = embedded.ensure_database(url, "hired")
            schema.upgrade(template)
            Histories(template, 0).begin()
            yield url
        finally:
            embedded.stop(Path(place) / "data")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--group", type=int, default=50, help="Histories of one chain, after which it is verified.")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    began, alarms, entries, counts = time.monotonic(), 0, 0, Counter[str]()
    with a_server() as server:
        for first in range(0, said.histories, said.group):
            url = embedded.ensure_database(server, "histories", template="hired")
            histories = Histories(url, said.seed * 1_000_003 + first)
            for _ in range(min(said.group, said.histories - first)):
                histories.one()
            histories.close()
            found, told = verified(url)
            entries, alarms, counts = entries + found, alarms + len(told), counts + histories.counts
            print(
                f"{first + said.group} histories, {entries} entries, {alarms} alarms", *told[:5], sep="\n  ", flush=True
            )
            embedded.drop_database(server, "histories")
    for kind, times in sorted(counts.items()):
        print(f"{times:8} {kind}")
    print(f"{said.histories} histories: {alarms} false alarms in {entries} entries, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
