"""Tampering as an owner or a superuser does it: with the triggers off, put on again as they were, the chain made anew."""

from __future__ import annotations

import hashlib
import json

from rules_repo import audit
from rules_repo.audit_chain import SAID
from tests.functional.conftest import client, runner
from tests.functional.governed import TWO_RULES, Office

TABLES = """
    SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r'
        AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
"""
ALWAYS = """
    SELECT format('ALTER TABLE rules.%I ENABLE ALWAYS TRIGGER %I', c.relname, t.tgname) FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r' AND NOT t.tgisinternal
"""


def quietly(office: Office, statement: str, anew: bool) -> None:
    """Run a statement with every trigger off, make the chain anew if wanted, and leave the triggers as they were."""
    connection = client(office.url)
    sql = runner(connection)
    sql("SET rules.tenant = 'main'")
    tables = [name for (name,) in sql(TABLES)]
    for name in tables:
        sql(f"ALTER TABLE rules.{name} DISABLE TRIGGER ALL")
    sql(statement)
    if anew:
        chained_anew(sql)
    for name in tables:
        sql(f"ALTER TABLE rules.{name} ENABLE TRIGGER ALL")
    for (enabling,) in sql(ALWAYS):
        sql(enabling)
    connection.commit()
    connection.close()


def chained_anew(sql: object) -> None:
    """Number the entries from 1 in their order, and compute every link again."""
    run = sql
    assert callable(run)
    run("SET LOCAL timezone = 'UTC'")
    entries = run(f"SELECT {SAID}, ctid::text FROM rules.audit_entry AS e ORDER BY e.position")
    run("ALTER TABLE rules.audit_entry DROP CONSTRAINT audit_entry_pkey")
    head = ""
    for position, (_, *said, _, _, place) in enumerate(entries, 1):
        whole = [str(position), *said, head]
        before, head = head, hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).hexdigest()
        run(
            "UPDATE rules.audit_entry SET position = %s, previous = %s, hash = %s WHERE ctid = %s::tid",
            position,
            before,
            head,
            place,
        )
    run("ALTER TABLE rules.audit_entry ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (position)")


def live_in(office: Office) -> None:
    """Change 1 published, 2 published by ann and bob, 3 in review; a parameter, a list, a pause, a lifted freeze, two tenants."""
    office("ann", TWO_RULES)
    office.published(1)
    office("ann", "INSERT INTO rules.category (key) VALUES ('bonds')")
    office(
        "ann", "UPDATE rules.rule SET weight = 60, reason_code = 'B', category = 'bonds' WHERE rule_key = 'BOND-001'"
    )
    office("ann", "INSERT INTO rules.parameter (name, value) VALUES ('least', '5')")
    office(
        "ann",
        """INSERT INTO rules.reference_list (name, columns, rows) VALUES ('risky', '{"c": "string"}', '["XA"]')""",
    )
    office("ann", "SELECT rules.submit(2, 'a test')")
    office("bob", "SELECT rules.record_check(2, rules.content_hash(2), true, 'read', '4.1.1'), rules.approve(2)")
    office("bob", "SELECT rules.schedule(2)")
    office("dan", "UPDATE rules.rule SET weight = 30 WHERE rule_key = 'LOAN-001'")
    office("dan", "SELECT rules.submit(3, 'loans weigh less')")
    office("cy", "SELECT rules.pause('LOAN-001', 'odd', current_date + 3)")
    office("adam", "SELECT rules.freeze_releases('year end', now() + interval '1 day')")
    office("adam", "SELECT rules.lift_freeze('over')")
    office("adam", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, 'auditors ask for it')")
    for login in ("ann", "bob", "adam", "dan", "cy", "olga"):
        office("postgres", "INSERT INTO rules.tenant_login VALUES ('main', %s)", login)
    office("adam", "INSERT INTO rules.tenant (key) VALUES ('acme')")


def unguarded(office: Office, statement: str) -> None:
    """Run a statement with every trigger off but those that write the audit, and leave all as they were."""
    connection = client(office.url)
    sql = runner(connection)
    sql("SET rules.tenant = 'main'")
    enabling = [statement for (statement,) in sql(ALWAYS)]
    for each in enabling:
        if not each.endswith(" audited"):
            sql(each.replace("ENABLE ALWAYS TRIGGER", "DISABLE TRIGGER"))
    connection.commit()
    sql(statement)
    connection.commit()
    for each in enabling:
        sql(each)
    connection.commit()
    connection.close()


def told(office: Office, login: str = "postgres") -> str:
    """All that verify tells a login."""
    verdict = audit.verify(office.url.replace("postgres@", f"{login}@", 1))
    return "\n".join(str(fault) for fault in verdict.faults)
