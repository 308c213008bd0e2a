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
from collections.abc import Callable
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Bare  # noqa: N812  the driver's connection

from rules_repo import audit, embedded, schema
from rules_repo.connection import bare

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
KEYS = [f"R-{n}" for n in range(12)]
NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from, reason_code, category)"
OWN = "SELECT change_id FROM rules.change_overview WHERE state = '{}' ORDER BY random() LIMIT 1"


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
            cursor.execute("INSERT INTO rules.tenant VALUES ('acme', 'Another mutual') ON CONFLICT DO NOTHING")
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


Chance = random.Random


def _inserted(chance: Chance) -> str:
    key, weight = chance.choice(KEYS), chance.randint(0, 99)
    first = f"current_date + {chance.randint(-400, 400)}"
    code = chance.choice(["NULL", "'C1'", "'C2'"])
    category = chance.choice(["NULL", "'loans'"])
    return f"{NEW} VALUES ('{key}', 'inclusion', 'GOLD', {weight}, 'f', 'a > {weight}', {first}, {code}, {category})"


def _reworded(chance: Chance) -> str:
    words = chance.choice(
        [
            f"weight = {chance.randint(1, 99)}",
            f"name = 'é \"{chance.random()}\" \\n'",
            f"effective_to = current_date + {chance.randint(1, 500)}",
            f"weight = {chance.randint(1, 99)}, effective_from = current_date + {chance.randint(1, 90)}",
            f"parameters = '{{\"least\": {chance.randint(-5, 5)}.50}}'",
            f'metadata = \'{{"n": 1.{chance.randint(0, 9)}0, "t": "ü"}}\'',
        ]
    )
    return (
        f"UPDATE rules.{chance.choice(['rule', 'rule', 'draft'])} SET {words} WHERE rule_key = '{chance.choice(KEYS)}'"
    )


def _moved(function: str, state: str, more: str = "") -> Callable[[Chance], str]:
    return lambda chance: f"SELECT rules.{function}(({OWN.format(state)}){more})"


def _checked(chance: Chance) -> str:
    passed = chance.random() < 0.9
    return (
        f"SELECT rules.record_check(c.change_id, c.content_hash, {passed}, 'read') FROM rules.change_overview AS c"
        " WHERE c.state = 'in review' ORDER BY random() LIMIT 1"
    )


def _judged(chance: Chance) -> str:
    saw = chance.choice(["", ", left(c.content_hash, 12)"])
    return (
        f"SELECT rules.record_check(c.change_id, c.content_hash, true, 'read'), rules.approve(c.change_id{saw})"
        " FROM rules.change_overview AS c WHERE c.state = 'in review' ORDER BY random() LIMIT 1"
    )


def _at_once(chance: Chance) -> str:
    """An attempt at firing early what waits for the commit."""
    names = chance.choice(["ALL", "ALL", "rules.settle", "rules.audited"])
    return f"SET CONSTRAINTS {names} {chance.choice(['IMMEDIATE', 'DEFERRED'])}"


STEPS: dict[str, Callable[[Chance], str]] = {
    "rule inserted": _inserted,
    "rule reworded": _reworded,
    "draft taken back": lambda chance: f"DELETE FROM rules.draft WHERE rule_key = '{chance.choice(KEYS)}'",
    "membership type added": lambda chance: "INSERT INTO rules.membership_type (key, name) VALUES ('GOLD', 'Gold')",
    "membership type changed": lambda chance: (
        f"UPDATE rules.membership_type SET margin = {chance.randint(1, 9)} WHERE key = 'GOLD'"
    ),
    "parameter added": lambda chance: (
        f"INSERT INTO rules.parameter (name, value) VALUES ('p{chance.randint(1, 3)}', '{chance.randint(1, 9)}.50')"
    ),
    "parameter changed": lambda chance: (
        f"UPDATE rules.parameter SET value = '{chance.randint(1, 9)}' WHERE name = 'p{chance.randint(1, 3)}'"
    ),
    "list added": lambda chance: (
        "INSERT INTO rules.reference_list (name, columns, rows) VALUES"
        f""" ('l{chance.randint(1, 2)}', '{{"code": "string"}}', '["XA"]')"""
    ),
    "list changed": lambda chance: (
        f"""UPDATE rules.reference_list SET rows = '["X{chance.randint(1, 9)}"]' WHERE name = 'l{chance.randint(1, 2)}'"""
    ),
    "change begun": lambda chance: "SELECT rules.begin_change('another', 'a test')",
    "change joined": _moved("work_on", "draft"),
    "change left": lambda chance: "SET rules.change = ''",
    "change retitled": lambda chance: (
        f"UPDATE rules.change SET title = 'T{chance.random()}', reason = 'because' WHERE id = ({OWN.format('draft')})"
    ),
    "change submitted": _moved("submit", "draft", ", 'a test'"),
    "change withdrawn": _moved("withdraw", "draft"),
    "change checked": _checked,
    "change approved": _judged,
    "change rejected": _moved("reject", "in review", ", 'why?'"),
    "approval taken back": _moved("reject", "approved", ", 'on second thoughts'"),
    "change published": _moved("schedule", "approved"),
    "rule paused": lambda chance: (
        f"SELECT rules.pause('{chance.choice(KEYS)}', 'odd', current_date + {chance.randint(1, 12)})"
    ),
    "rule resumed": lambda chance: f"SELECT rules.resume('{chance.choice(KEYS)}', 'fine')",
    "releases frozen": lambda chance: "SELECT rules.freeze_releases('year end', now() + interval '1 day')",
    "freeze lifted": lambda chance: "SELECT rules.lift_freeze('over')",
    "approvals set": lambda chance: (
        f"INSERT INTO rules.governance (approvals_needed, reason) VALUES ({chance.choice([0, 1, 1, 1, 2])}, 'so')"
    ),
    "login let in": lambda chance: (
        f"INSERT INTO rules.tenant_login (tenant, login) VALUES (rules.tenant(), 'guest{chance.randint(1, 3)}')"
    ),
    "login dismissed": lambda chance: f"SELECT rules.dismiss('guest{chance.randint(1, 3)}')",
    "tenant described": lambda chance: (
        f"UPDATE rules.tenant SET description = 'D{chance.random()}' WHERE key = rules.tenant()"
    ),
    "category described": lambda chance: (
        "INSERT INTO rules.category (key) VALUES ('loans') ON CONFLICT DO NOTHING"
        if chance.random() < 0.5
        else f"UPDATE rules.category SET description = 'D{chance.random()}'"
    ),
    "constraints set": _at_once,
}

KINDS = {
    "rules_analyst": [
        *("rule inserted",) * 6,
        *("rule reworded",) * 8,
        *("change submitted",) * 12,
        *("change published",) * 4,
        *("membership type added", "membership type added", "membership type changed", "parameter added"),
        *("parameter changed", "list added", "list changed", "change begun", "change joined", "change left"),
        *("change retitled", "change withdrawn", "draft taken back", "rule paused", "rule resumed"),
        *("category described", "constraints set"),
    ],
    "rules_approver": [
        *("change approved",) * 10,
        *("change published",) * 10,
        *("change checked", "change rejected", "approval taken back", "rule paused", "rule resumed", "constraints set"),
    ],
    "rules_admin": [
        *("releases frozen", "freeze lifted", "freeze lifted", "freeze lifted", "approvals set", "login let in"),
        *("login dismissed", "tenant described", "rule paused", "rule resumed", "constraints set"),
    ],
}


def verified(url: str) -> list[str]:
    """The faults that a superuser and the auditor of each tenant are told."""
    logins = ("postgres", "olga", "otto")
    return [
        f"{login}: {fault}"
        for login in logins
        for fault in audit.verify(url.replace("postgres@", f"{login}@", 1)).faults
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--group", type=int, default=100, help="Histories of one chain, after which it is verified.")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    began, alarms, entries, counts = time.monotonic(), 0, 0, Counter[str]()
    with tempfile.TemporaryDirectory(prefix="rules-postgres-") as place:
        server = embedded.start(Path(place) / "data")
        with bare(server) as owner:
            owner.autocommit = True
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                owner.cursor().execute(f"ALTER SYSTEM SET {setting}")
            owner.cursor().execute("SELECT pg_reload_conf()")
        for first in range(0, said.histories, said.group):
            url = embedded.ensure_database(server, "histories")
            schema.upgrade(url)
            histories = Histories(url, said.seed * 1_000_003 + first)
            histories.begin()
            for _ in range(min(said.group, said.histories - first)):
                histories.one()
            histories.close()
            told = verified(url)
            alarms += len(told)
            entries += audit.verify(url).entries
            counts += histories.counts
            print(
                f"{first + said.group} histories, {entries} entries, {alarms} alarms", *told[:5], sep="\n  ", flush=True
            )
            embedded.drop_database(server, "histories")
        embedded.stop(Path(place) / "data")
    for kind, times in sorted(counts.items()):
        print(f"{times:8} {kind}")
    print(f"{said.histories} histories: {alarms} false alarms in {entries} entries, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
