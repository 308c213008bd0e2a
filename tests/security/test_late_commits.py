"""What is judged is judged by the facts of its commit, however late that is (R-REPO-5)."""

from __future__ import annotations

import pytest

from tests.security.attackers import Siege
from tests.security.sessions import refused, session
from tests.spec.table import Row, cases

NEW = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"

WAITS = "SET statement_timeout = '200ms'"
RACES = """
    early | begins                                                     | late     | meanwhile                                                       | because
    ------+------------------------------------------------------------+----------+-----------------------------------------------------------------+------------------------------
    bob   | SELECT rules.schedule(4)                                   | adam     | SELECT rules.freeze_releases('year end', now() + interval '1 day') | nothing is published in a freeze
    cy    | SELECT rules.schedule(4)                                   | adam     | INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, 'more eyes') | what needs two approvals by now has them
    dan   | SELECT rules.schedule(4)                                   | adam     | INSERT INTO rules.governance (approvals_needed, reason) VALUES (9, 'more eyes') | whoever publishes
    bob   | SELECT rules.pause('BOND-001', 'odd', current_date + 20)   | bob      | SELECT rules.pause('BOND-001', 'odd', current_date + 31, current_date + 20) | the days of a year are counted over all sessions
    adam  | SELECT rules.freeze_releases('a', now() + interval '20 days') | adam  | SELECT rules.freeze_releases('b', now() + interval '20 days')   | and those of freezes
    adam  | INSERT INTO rules.governance (approvals_needed, reason) VALUES (1, 'fewer') | adam | INSERT INTO rules.governance (approvals_needed, reason) VALUES (3, 'more') | fewer approvals are not slipped in beside more
"""


@pytest.mark.parametrize("case", cases(RACES))
def test_a_commit_that_comes_late_is_judged_by_what_is_then(fresh: Siege, case: Row) -> None:
    """R8: one begins, another commits in between, the first commits: what holds of both together is what each may do."""
    with session(fresh, case["early"]) as early, session(fresh, case["late"], WAITS) as late:
        early("BEGIN")
        told = refused(early, case["begins"])
        told = told or refused(late, case["meanwhile"])
        told = told or refused(early, "COMMIT")
    assert told or within_bounds(fresh)
    assert within_bounds(fresh)


def within_bounds(siege: Siege) -> bool:
    """No publication in a freeze or with too few approvals, no login with too many days."""
    ask = """
        SELECT NOT EXISTS (SELECT FROM rules.release AS r, rules.release_freeze AS f WHERE f.tenant = r.tenant
                AND f.recorded @> r.released_at AND f.until > r.released_at AND r.change_id = 4)
            AND NOT EXISTS (SELECT FROM rules.release AS r WHERE r.change_id = 4 AND cardinality(r.approvers) < (SELECT approvals_needed
                FROM rules.governance WHERE tenant = r.tenant AND in_force ORDER BY id DESC LIMIT 1))
            AND coalesce((SELECT max(days) FROM (SELECT sum(upper(effective) - lower(effective)) AS days FROM rules.rule_pause
                WHERE upper_inf(recorded) GROUP BY rule_id, recorded_by) AS p), 0) <= 31
            AND coalesce((SELECT max(days) FROM (SELECT sum(until - lower(recorded)) AS days FROM rules.release_freeze
                WHERE upper_inf(recorded) GROUP BY tenant, recorded_by) AS f), '0') <= interval '31 days 1 minute'
            AND coalesce((SELECT approvals_needed FROM rules.governance WHERE tenant = 'main' AND in_force ORDER BY id DESC LIMIT 1), 1) >= 1
    """
    return siege("postgres", ask) == [(True,)]


def test_a_tutorial_is_not_opened_over_a_rule_that_is_being_made(fresh: Siege) -> None:
    """R8: approvals set to 0 in a tenant that has rules by the time of the commit, in either order of the two."""
    fresh("postgres", "INSERT INTO rules.tenant VALUES ('new', 'One without rules')")
    for login in ("ann", "adam"):
        fresh("postgres", "INSERT INTO rules.tenant_login VALUES ('new', %s)", login)
    rule = f"{NEW} ('N-1', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01')"
    opened = "INSERT INTO rules.governance (approvals_needed, reason) VALUES (0, 'a tutorial')"
    with (
        session(fresh, "ann", "SET rules.tenant = 'new'") as ann,
        session(fresh, "adam", "SET rules.tenant = 'new'") as adam,
    ):
        ann("INSERT INTO rules.membership_type (key) VALUES ('GOLD')")
        adam("BEGIN")
        adam(opened)
        ann(rule)
        assert "it has rules already" in refused(adam, "COMMIT")
        assert ann("SELECT rules.approvals_needed()") == [(1,)]
    assert fresh("postgres", "SELECT count(*) FROM rules.rule_version WHERE tenant = 'new'") == [(0,)]


MEDDLED = """
    login | statement                                                      | because
    ------+----------------------------------------------------------------+------------------------------------------
    dan   | UPDATE rules.draft SET weight = 11 WHERE rule_key = 'TEN-001'  | the author edits what is being published
    ann   | UPDATE rules.change SET title = 'x' WHERE id = 4               | another analyst renames it
    cy    | SELECT rules.reject(4, 'no')                                   | an approver takes it back
    bob   | SELECT rules.record_check(4, rules.content_hash(4), false, 'wrong') | a check fails
    adam  | SELECT rules.withdraw(4)                                       | an admin withdraws it
"""


@pytest.mark.parametrize("case", cases(MEDDLED))
@pytest.mark.parametrize("order", ["before", "after"])
def test_what_is_published_is_what_was_approved(fresh: Siege, case: Row, order: str) -> None:
    """R8: a publication and what would forbid it, each open while the other is tried: one of them has not happened."""
    moves = [("cy", "SELECT rules.schedule(4)"), (case["login"], case["statement"])]
    (first, one), (second, other) = moves if order == "before" else reversed(moves)
    with session(fresh, first) as early, session(fresh, second, WAITS) as late:
        early("BEGIN")
        refused(early, one)
        refused(late, other)
        refused(early, "COMMIT")
        refused(late, other)
    ((state, edited),) = fresh("postgres", "SELECT state, edition FROM rules.change WHERE id = 4")
    ((weight,),) = fresh(
        "postgres",
        "SELECT coalesce(max(weight), 0) FROM rules.rule_version AS v JOIN rules.rule_identity AS i ON i.id = v.rule_id WHERE i.key = 'TEN-001'",
    )
    assert (state == "scheduled") == (weight == 10)
    assert fresh(
        "postgres", "SELECT bool_and(cardinality(approvers) > 0) FROM rules.release WHERE tenant = 'main'"
    ) == [(True,)]
    assert edited


def test_who_is_dismissed_commits_no_approval(fresh: Siege) -> None:
    """R8: an approval that is given while he belongs to the tenant and committed when he does not any more."""
    with session(fresh, "cy") as cy:
        cy("BEGIN")
        cy("SELECT rules.record_check(3, rules.content_hash(3), true, 'read', '4.1.1')")
        cy("SELECT rules.approve(3)")
        fresh("adam", "SELECT rules.dismiss('cy')")
        assert refused(cy, "COMMIT")
    assert fresh("postgres", "SELECT state FROM rules.change WHERE id = 3") == [("in review",)]


@pytest.mark.parametrize("login", ["ann", "postgres"])
def test_a_commit_is_on_disk_when_it_is_told(fresh: Siege, login: str) -> None:
    """R10: no client asks that a commit be told before it is kept: a server that fell would answer otherwise of that moment."""
    kept = "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn"
    with session(fresh, login, "SET rules.tenant = 'main'", "SET synchronous_commit = off") as run:
        for number in range(3):
            run("BEGIN")
            run(f"INSERT INTO rules.reason_code (code) VALUES ('R{number}')")
            ((before,),) = run("SELECT pg_current_wal_insert_lsn()::text")
            run("COMMIT")
            assert run(kept, before) == [(True,)]
        assert run("SHOW synchronous_commit") == [("off",)]


TYPE = "INSERT INTO rules.membership_type (key, name) VALUES"
AT_ONCE = """
    begins | meanwhile | then | says | because
    -------+-----------+------+------+--------
    R new-1 | R NEW-1 | SELECT 1 | Rule new-1: there is the rule NEW-1 | neither sees the rule of the other
    R New-1 | R NEW-1 | DELETE FROM rules.draft WHERE rule_key = 'New-1' | | what was taken back is in the way of nobody
    R new-1 | R new-2 | SELECT 1 | | two rules
    T Silver | T SILVER | SELECT 1 | Membership type Silver: there is the membership type SILVER | a membership type
    T Silver | T SILVER | SELECT rules.withdraw((SELECT max(change_id) FROM rules.draft_policy WHERE key = 'Silver')) | | given up
"""


@pytest.mark.parametrize("case", cases(AT_ONCE))
def test_two_keys_that_differ_in_capitals_are_not_drafted_at_once(fresh: Siege, case: Row) -> None:
    """They would be weighed twice; the second to commit is told, as if it had come later."""

    def drafts(what: str) -> str:
        kind, key = what.split()
        rule = f"{NEW} ('{key}', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01')"
        return f"{TYPE} ('{key}', 'x')" if kind == "T" else rule

    with session(fresh, "ann") as early, session(fresh, "zoe") as late:
        early("BEGIN")
        early(drafts(case["begins"]))
        late(drafts(case["meanwhile"]))
        told = refused(early, case["then"]) or refused(early, "COMMIT")
    assert told.startswith(case["says"])
    assert bool(told) == bool(case["says"])


def test_a_plan_of_before_a_late_publication_is_stale(fresh: Siege) -> None:
    """D3: what was published in a transaction that was open when the rules were read is not in the plan."""
    fresh("adam", "INSERT INTO rules.governance (approvals_needed, reason, plan_days) VALUES (1, 'plans', 7)")
    plan = "SELECT rules.record_plan({0}, rules.content_hash({0}), rules.known_now(), '{{}}')"
    fresh("bob", plan.format(4))
    with session(fresh, "bob") as bob:
        bob("BEGIN")
        bob("SELECT rules.schedule(4)")
        fresh("ann", "SELECT rules.submit(2, 'why')")
        fresh("cy", plan.format(2))
        bob("COMMIT")
    stale = fresh("cy", "SELECT rules.plan_of(2) ->> 'stale'")
    assert stale == [("its plan is stale: change 4 was published since the rules in force were read",)]
    fresh("cy", plan.format(2))
    assert fresh("cy", "SELECT rules.plan_of(2) ->> 'stale'") == [(None,)]
