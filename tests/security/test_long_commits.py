"""What a commit takes others wait for: no text makes it long, it ends, and who lost a right commits nothing by it (R8, R13)."""

from __future__ import annotations

import time
from threading import Thread

import psycopg2
import pytest

from rules_repo import audit
from rules_repo.changes import ChangeBook
from tests.security.attackers import Siege
from tests.security.sessions import refused, session
from tests.spec.table import Row, cases

TITLES = "DO $$ BEGIN FOR i IN 1..{} LOOP UPDATE rules.change SET title = i::text WHERE id = 2; END LOOP; END $$"


def test_the_text_of_a_commit_is_read_once(fresh: Siege) -> None:
    """R13: with 20 MB beside the word COMMIT, and 150 edits, everybody waited 40 seconds and was told."""
    with session(fresh, "ann") as ann, session(fresh, "eve") as eve:
        ann("BEGIN")
        ann(TITLES.format(150))
        writer = Thread(target=lambda: refused(ann, "COMMIT -- " + "set x constraint " * 1_200_000))
        writer.start()
        waits = []
        while writer.is_alive():
            began = time.monotonic()
            eve("SELECT count(*) FROM rules.rule_set(current_date)")
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        writer.join()
    assert max(waits) < 4
    assert fresh("ann", "SELECT title FROM rules.change WHERE id = 2") == [("150",)]


def test_a_commit_ends(fresh: Siege) -> None:
    """R13: 50,000 categories were recorded for 15 seconds, and a million for as many minutes; here 2 minutes are an instant."""
    fresh(
        "postgres",
        "DO $$ BEGIN EXECUTE replace(pg_get_functiondef('rules.at_commit'::regproc), '2 minutes', '200 milliseconds'); END $$",
    )
    many = "INSERT INTO rules.category (key) SELECT 'k' || n FROM generate_series(1, 5000) AS n"
    with pytest.raises(psycopg2.Error, match="its commit takes more than"):
        fresh("ann", many)
    assert fresh("ann", "SELECT count(*) FROM rules.category WHERE key LIKE 'k%'") == [(0,)]
    fresh("ann", "INSERT INTO rules.category (key) VALUES ('k')")


LOSSES = """
    login | does                                                                            | loses          | because
    ------+---------------------------------------------------------------------------------+----------------+---------------------------
    adam  | INSERT INTO rules.tenant_login VALUES ('main', 'mallory')                       | rules_admin    | lets somebody in
    adam  | INSERT INTO rules.tenant VALUES ('adams', 'his own')                            | rules_admin    | founds a tenant
    adam  | SELECT rules.dismiss('cy')                                                      | rules_admin    | throws somebody out
    bob   | SELECT rules.pause('BOND-001', 'odd', (now() AT TIME ZONE 'UTC')::date + 3)     | rules_approver | brakes a rule
    cy    | SELECT rules.record_check(3, rules.content_hash(3), true, 'fine', '4.1.1')      | rules_approver | vouches for a rule
    cy    | SELECT rules.record_plan(3, rules.content_hash(3), rules.known_now(), '{}')     | rules_approver | and for its effect
    cy    | SELECT rules.schedule(4)                                                        | rules_approver | publishes
    ann   | INSERT INTO rules.category (key) VALUES ('late')                                | rules_analyst  | adds a category
    ann   | UPDATE rules.change SET title = 'late' WHERE id = 2                             | rules_analyst  | says what a change is called
    ann   | SELECT rules.submit(2, 'late')                                                  | rules_analyst  | hands in
"""


@pytest.mark.parametrize("case", cases(LOSSES))
def test_who_lost_a_role_commits_nothing_by_it(fresh: Siege, case: Row) -> None:
    """R8: begun while he had the role, committed when he has it no longer; of drafts and approvals alone it was asked."""
    before = fresh.state()
    with session(fresh, case["login"]) as late:
        late("BEGIN")
        late(case["does"])
        try:
            fresh("postgres", f"REVOKE {case['loses']} FROM {case['login']}")
            assert "no longer, so nothing of this transaction counts" in refused(late, "COMMIT")
        finally:
            fresh("postgres", f"GRANT {case['loses']} TO {case['login']}")
    assert fresh.state() == before


def test_an_admin_who_is_dismissed_lets_nobody_in(fresh: Siege) -> None:
    """R8: neither himself nor another login, by what he has not committed yet; he may leave by himself."""
    fresh("postgres", "INSERT INTO rules.tenant_login VALUES ('main', 'max')")
    with session(fresh, "adam") as adam:
        adam("BEGIN")
        adam("INSERT INTO rules.tenant_login VALUES ('main', 'mallory')")
        fresh("max", "SET rules.tenant = 'main'; SELECT rules.dismiss('adam')")
        assert "belongs to it no longer" in refused(adam, "COMMIT")
    fresh("max", "SET rules.tenant = 'main'; SELECT rules.dismiss('max')")
    assert fresh(
        "postgres",
        "SELECT count(*) FROM rules.tenant_login WHERE tenant = 'main' AND login IN ('mallory', 'max', 'adam')",
    ) == [(0,)]
    assert audit.verify(fresh.office.url).faults == ()


def test_the_highest_number_is_nobodys(fresh: Siege) -> None:
    """R13: with pg_write_all_data an admin gave a row the last number there is, and no tenant could say anything after it."""
    by_hand = "INSERT INTO rules.governance (id, tenant, approvals_needed, reason) OVERRIDING SYSTEM VALUE VALUES (9223372036854775807, 'main', 3, 'x')"
    with fresh.granted("adam", "writes"):
        fresh("adam", by_hand)
    fresh("max", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, 'more eyes')")
    assert fresh("postgres", "SELECT max(id) < 100 FROM rules.governance") == [(True,)]
    assert fresh("bob", "SELECT rules.approvals_needed()") == [(3,)]
    assert audit.verify(fresh.office.url).faults == ()


@pytest.mark.parametrize(
    "said", ['{"a": 1e5000}', '{"a": ' + "[" * 3000 + "]" * 3000 + "}", '{"a": [1, {"b": -1e301}]}']
)
def test_a_plan_that_no_program_reads_is_none(fresh: Siege, said: str) -> None:
    """R14: one such plan, and `rules change list` and `show` ended in an error for everybody of the tenant."""
    record = "SELECT rules.record_plan(2, rules.content_hash(2), rules.known_now(), %s::jsonb)"
    with pytest.raises(psycopg2.Error, match=r"levels deep|no program reads back"):
        fresh("ann", record, said)
    fresh("ann", record, '{"a": [1, 1e15, {"b": "nobody flips"}]}')
    assert ChangeBook(fresh.office.url.replace("postgres@", "bob@")).standing(2).change_id == 2


def test_what_is_asked_meanwhile_is_no_false_alarm(fresh: Siege) -> None:
    """R12: approved by what was asked then, committed when more is: the proof names nobody; it is published by what is asked now."""
    fresh("cy", "SELECT rules.record_check(3, rules.content_hash(3), true, 'read', '4.1.1')")
    with session(fresh, "cy") as cy:
        cy("BEGIN")
        cy("SELECT rules.approve(3)")
        fresh("adam", "INSERT INTO rules.governance (approvals_needed, plan_days, reason) VALUES (2, 30, 'more eyes')")
        cy("COMMIT")
    assert audit.verify(fresh.office.url).faults == ()
    assert "it needs 2 approvals" in fresh.office.refusal("bob", "SELECT rules.schedule(3)")
