"""The steps of random histories: what analysts, approvers and admins write in plain SQL, and how often."""

from __future__ import annotations

import random
from collections.abc import Callable

KEYS = [f"R-{n}" for n in range(12)]
NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from, reason_code, category)"
OWN = "SELECT change_id FROM rules.change_overview WHERE state = '{}' ORDER BY random() LIMIT 1"

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
        f"SELECT rules.record_check(c.change_id, c.content_hash, {passed}, 'read', '4.1.1') FROM rules.change_overview AS c"
        " WHERE c.state = 'in review' ORDER BY random() LIMIT 1"
    )


def _judged(chance: Chance) -> str:
    saw = chance.choice(["", ", left(c.content_hash, 12)"])
    return (
        f"SELECT rules.record_check(c.change_id, c.content_hash, true, 'read', '4.1.1'), rules.approve(c.change_id{saw})"
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
