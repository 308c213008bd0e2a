"""Brakes end, approvals are of what was read, and what is undone counts no more (R-REPO-5)."""

from __future__ import annotations

import psycopg2
import pytest

from rules_repo import audit
from tests.security.attackers import Siege
from tests.security.sessions import refused, session
from tests.spec.table import Row, cases

TODAY = "(now() AT TIME ZONE 'UTC')::date"
"""The day that pauses are counted by; a session's own may be another for hours."""
PAUSE = f"SELECT rules.pause('{{}}', 'odd', {TODAY} + {{}}, {TODAY} + {{}})"

PAUSES = """
    statement                                                            | because
    ---------------------------------------------------------------------+--------------------------------------------
    SELECT rules.pause('BOND-001', 'odd', current_date, current_date - 3) | a pause in the past
    SELECT rules.pause('BOND-001', 'odd', current_date + 1, current_date - 1) | that begins there
    SELECT rules.pause('BOND-001', 'odd', current_date + 32)             | longer than a month
    SELECT rules.pause('BOND-001', 'odd', '2126-01-02', '2126-01-01')    | in another century
    SELECT rules.pause('BOND-001', 'odd', current_date + 60, current_date + 40) | kept for later
    SELECT rules.pause('BOND-001', 'odd', 'infinity')                    | without an end
    SELECT rules.pause('BOND-001', 'odd', current_date + 1, '-infinity') | without a beginning
    SELECT rules.pause('BOND-001', 'odd', NULL)                          | with no end said
    SELECT rules.pause('BOND-001', 'odd', current_date + 3, current_date + 3) | of no day
    SELECT rules.pause('BOND-001', '  ', current_date + 3)               | for no reason
    SELECT rules.pause('NONE-001', 'odd', current_date + 3)              | of no rule
    SELECT rules.pause(NULL, 'odd', current_date + 3)                    | of nothing
    SELECT rules.freeze_releases('odd', 'infinity')                      | a freeze without an end
    SELECT rules.freeze_releases('odd', now() + interval '32 days')      | a freeze longer than a month
    SELECT rules.freeze_releases('odd', now() - interval '1 day')        | a freeze in the past
    SELECT rules.freeze_releases('odd', NULL)                            | a freeze with no end said
    SELECT rules.freeze_releases(' ', now() + interval '1 day')          | a freeze for no reason
    SELECT rules.pause('BOND-001', U&'\\2800\\3000\\3164', current_date + 3) | for a reason that shows nothing
    SELECT rules.freeze_releases(U&'\\200B\\00AD', now() + interval '1 day') | likewise
"""


@pytest.mark.parametrize("case", cases(PAUSES))
@pytest.mark.parametrize("login", ["ann", "bob", "adam", "zoe", "postgres"])
def test_a_brake_is_within_its_bounds(siege: Siege, login: str, case: Row) -> None:
    """R9: whoever may brake, no brake begins in the past, ends late or never, or comes without a reason."""
    before = siege.state()
    assert "refused" in siege.strike(login, "SET rules.tenant = 'main'", case["statement"])
    assert siege.state() == before


@pytest.mark.parametrize("nothing", ["", " ", "\u200b", "\u2800", "\u3000\u00a0", "\u3164\ufe0f", "\t\n"])
def test_a_reason_that_shows_nothing_is_none(siege: Siege, nothing: str) -> None:
    """Who hands in, sends back or changes the approvals says why in what can be read."""
    before = siege.state()
    for login, statement in (
        ("ann", "SELECT rules.submit(2, %s)"),
        ("bob", "SELECT rules.reject(3, %s)"),
        ("adam", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (3, %s)"),
        ("adam", "SELECT rules.lift_freeze(%s)"),
    ):
        with pytest.raises(psycopg2.Error, match=r"reason|why"):
            siege(login, statement, nothing)
    assert siege.state() == before


def test_one_login_pauses_a_rule_for_a_month_a_year(fresh: Siege) -> None:
    """R9: in pieces, in a row, after resuming, or in open transactions: 31 days of a rule, and somebody else more."""
    for first in range(0, 32, 4):
        fresh.strike("ann", PAUSE.format("BOND-001", first + 5, first))
        fresh.strike("ann", PAUSE.format("BOND-001", first + 4, first))
    fresh.strike(
        "ann", "SELECT rules.resume('BOND-001', 'fine')", *(PAUSE.format("BOND-001", n + 1, n) for n in range(33))
    )
    days = "SELECT coalesce(sum(upper(effective) - lower(effective)), 0)::integer FROM rules.rule_pause WHERE upper_inf(recorded) AND recorded_by = %s"
    ((mine,),) = fresh("postgres", days, "ann")
    assert isinstance(mine, int)
    assert 0 < mine <= 31


def test_one_login_pauses_ten_rules_at_a_time(fresh: Siege) -> None:
    """R9: an analyst does not switch everything off alone; a second person can do as much again."""
    new = "INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES"
    fresh("ann", "SELECT rules.begin_change('many')")
    fresh("ann", new + ", ".join(f" ('N-{n}', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01')" for n in range(15)))
    ((change,),) = fresh("ann", "SELECT max(id) FROM rules.change")
    fresh("ann", "SELECT rules.submit(%s, 'many')", change)
    fresh.office.approved(int(str(change)))
    fresh("bob", "SELECT rules.schedule(%s)", change)
    paused = "SELECT count(DISTINCT rule_id) FROM rules.rule_pause WHERE upper_inf(recorded) AND recorded_by = 'ann'"
    with session(fresh, "ann") as one, session(fresh, "ann") as other:
        for run, rules in (one, range(7)), (other, range(7, 15)):
            run("BEGIN")
            for n in rules:
                run(PAUSE.format(f"N-{n}", 3, 0))
        assert [refused(run, "COMMIT") == "" for run in (one, other)] == [True, False]
    fresh.strike("ann", *(PAUSE.format(f"N-{n}", 3, 0) for n in range(15)))
    assert fresh("postgres", paused) == [(10,)]
    assert "paused from" in str(fresh("bob", PAUSE.format("N-14", 3, 0)))


def test_an_approval_that_was_taken_back_does_not_count(fresh: Siege) -> None:
    """R11: approved, rejected, rewritten in title and reason, handed in and approved by one: that is one approval."""
    fresh("adam", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, 'more eyes')")
    check = "SELECT rules.record_check(3, rules.content_hash(3), true, 'read', '4.1.1')"
    for login in ("bob", "cy"):
        fresh(login, check)
    fresh("bob", "SELECT rules.approve(3)")
    fresh("bob", "SELECT rules.reject(3, 'on second thoughts')")
    fresh("dan", "UPDATE rules.change SET title = 'harmless', reason = 'harmless' WHERE id = 3")
    fresh("dan", "SELECT rules.submit(3, 'harmless')")
    fresh("cy", check)
    fresh("cy", "SELECT rules.approve(3)")
    assert fresh("cy", "SELECT state, approved_by FROM rules.change_overview WHERE change_id = 3") == [
        ("in review", "cy")
    ]
    assert "refused" in fresh.strike("cy", "SELECT rules.schedule(3)")


UNDONE = """
    login | statement                                                      | because
    ------+----------------------------------------------------------------+--------------------------------
    bob   | SELECT rules.reject(4, 'a mistake')                            | by whoever approved it
    cy    | SELECT rules.reject(4, 'a mistake')                            | by another approver
    dan   | UPDATE rules.draft SET weight = 11 WHERE rule_key = 'TEN-001'  | by an edit of its author
    dan   | UPDATE rules.draft SET effective_to = '2030-01-01' WHERE rule_key = 'TEN-001' | by other days
    dan   | INSERT INTO rules.rule (rule_key, kind, membership_type, weight, frame, sql, effective_from) VALUES ('M-1', 'inclusion', 'GOLD', 5, 'f', 'true', '2024-01-01') | by a further draft in the change
    dan   | DELETE FROM rules.draft WHERE rule_key = 'TEN-001'             | by taking a draft back
    dan   | UPDATE rules.membership_type SET margin = 5 WHERE key = 'GOLD' | by a policy in the same change
"""


@pytest.mark.parametrize("case", cases(UNDONE))
def test_what_is_approved_can_be_taken_back(fresh: Siege, case: Row) -> None:
    """R11: the approval is gone, and with it the publication; what it said of before says nothing of now."""
    ((before,),) = fresh("bob", "SELECT rules.content_hash(4)")
    with session(fresh, case["login"], "SELECT rules.work_on(4)" if case["login"] == "dan" else "SELECT 1") as run:
        run(case["statement"])
    assert fresh("bob", "SELECT state, approved_by FROM rules.change_overview WHERE change_id = 4") == [("draft", "")]
    assert "refused" in fresh.strike("bob", "SELECT rules.schedule(4)")
    fresh.strike("dan", "SELECT rules.submit(4, 'again')")
    assert "refused" in fresh.strike("bob", f"SELECT rules.approve(4, '{before}')", "SELECT rules.schedule(4)")
    assert fresh("postgres", "SELECT count(*) FROM rules.release WHERE change_id = 4") == [(0,)]


READ = """
    login | statement                                       | because
    ------+-------------------------------------------------+------------------------------------
    dan   | UPDATE rules.change SET title = 'x' WHERE id = 2 | the title is part of what is read
    dan   | UPDATE rules.change SET reason = 'x' WHERE id = 2 | as is the reason
    ann   | UPDATE rules.draft SET name = 'x' WHERE change_id = 2 | a name
    ann   | UPDATE rules.draft SET metadata = '{"a": 1}' WHERE change_id = 2 | metadata
    ann   | UPDATE rules.draft SET owner = 'x' WHERE change_id = 2 | an owner
"""


@pytest.mark.parametrize("case", cases(READ))
def test_all_that_is_read_is_in_the_hash(fresh: Siege, case: Row) -> None:
    """R11: whatever an approver reads changes the hash, and who changed it is an author who cannot approve."""
    before = fresh("bob", "SELECT rules.content_hash(2)")
    fresh(case["login"], case["statement"])
    assert fresh("bob", "SELECT rules.content_hash(2)") != before
    assert (case["login"],) in fresh("bob", "SELECT login FROM rules.change_author WHERE change_id = 2")


SAWS = (
    "_",
    "%",
    "____%",
    "________%",
    "",
    "a",
    "0000000",
    "\\",
    "[0-9a-f]*",
    "00000000",
    "' OR true --",
    "%%%%%%%%",
    "A" * 64,
)


@pytest.mark.parametrize("saw", SAWS)
def test_a_pattern_is_no_hash(siege: Siege, saw: str) -> None:
    """R14: what an approver saw is said by 32 digits of the hash at least, and by nothing that stands for others."""
    before = siege.state()
    with pytest.raises(Exception, match=r"it was edited since you looked|too short"):
        siege("cy", "SELECT rules.approve(3, %s)", saw)
    assert siege.state() == before


def test_a_few_digits_are_too_few(siege: Siege) -> None:
    """R14: of eight digits two contents that begin alike are found in a second, and one is swapped for the other unseen."""
    ((right,),) = siege("cy", "SELECT rules.content_hash(3)")
    for length in (1, 7, 8, 12, 31):
        assert "too short to say" in siege.strike("cy", f"SELECT rules.approve(3, '{str(right)[:length]}')")


def test_a_renamed_login_is_who_it_was(fresh: Siege) -> None:
    """R14: neither a new name makes another person of an author, nor does the old name of somebody who left."""
    try:
        fresh("postgres", "ALTER ROLE dan RENAME TO dana; GRANT rules_approver TO dana")
        fresh("postgres", "INSERT INTO rules.tenant_login VALUES ('main', 'dana')")
        assert "wrote it" in fresh.office.refusal("dana", "SELECT rules.approve(3)")
        fresh("postgres", "CREATE ROLE dan LOGIN; GRANT rules_approver TO dan")
        assert "wrote it" in fresh.office.refusal("dan", "SELECT rules.approve(3)")
    finally:
        fresh("postgres", "REVOKE rules_approver FROM dana; DROP ROLE dan; ALTER ROLE dana RENAME TO dan")


def test_a_later_check_overrules_no_failed_one(fresh: Siege) -> None:
    """R14: what one found wrong another one does not wave through; whoever found it says that it is mended."""
    fresh("cy", "SELECT rules.record_check(3, rules.content_hash(3), false, 'it hits everybody.')")
    fresh("bob", "SELECT rules.record_check(3, rules.content_hash(3), true, 'fine', '4.1.1')")
    assert "its check failed" in fresh.office.refusal("bob", "SELECT rules.approve(3)")
    fresh("cy", "SELECT rules.record_check(3, rules.content_hash(3), true, 'I misread it', '4.1.1')")
    fresh("bob", "SELECT rules.approve(3)")


def test_approvals_are_lowered_by_two_and_never_to_none(fresh: Siege) -> None:
    """R14: one admin proposes, another one says the same; the first one saying it twice is one admin."""
    fresh("postgres", "INSERT INTO rules.tenant_login VALUES ('main', 'max')")
    fewer = "INSERT INTO rules.governance (tenant, approvals_needed, reason) VALUES ('main', {}, 'fewer')"
    needed = "SELECT rules.approvals_needed('main')"
    fresh("adam", fewer.format(9))
    for _ in range(3):
        fresh("adam", fewer.format(1))
        assert fresh("bob", needed) == [(9,)]
    assert "refused" in fresh.strike("max", fewer.format(0))
    fresh("max", fewer.format(1))
    assert fresh("bob", needed) == [(1,)]


ENTERING = (
    "INSERT INTO rules.tenant_login VALUES ('acme', 'adam')",
    "INSERT INTO rules.tenant_login VALUES ('acme', 'zoe'), ('acme', 'adam')",
    "INSERT INTO rules.tenant_login SELECT key, 'adam' FROM rules.tenant",
    "CREATE TEMP TABLE t (a text); CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO rules.tenant_login VALUES ('acme', 'adam'); RETURN NULL; END $$;"
    " CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f(); INSERT INTO t VALUES ('x')",
    "DO $$ BEGIN INSERT INTO rules.tenant_login VALUES ('acme', 'adam'); END $$",
    "INSERT INTO rules.tenant VALUES ('acme', 'mine') ON CONFLICT DO NOTHING",
    "INSERT INTO rules.tenant VALUES ('acme', 'mine') ON CONFLICT (key) DO UPDATE SET description = 'mine'",
    "SET rules.tenant = 'acme'; SELECT rules.dismiss('pat')",
)


@pytest.mark.parametrize("statement", ENTERING)
def test_an_admin_of_one_tenant_enters_no_other(siege: Siege, statement: str) -> None:
    """R14: nor lets anybody into it, nor throws anybody out of it, by triggers of his own or conflicts either."""
    before = siege.state("acme"), siege("postgres", "SELECT * FROM rules.tenant ORDER BY 1")
    with siege.granted("adam", "objects"):
        siege.strike("adam", statement)
    assert (siege.state("acme"), siege("postgres", "SELECT * FROM rules.tenant ORDER BY 1")) == before
    assert siege("adam", "SELECT rules.tenants()") == [(["main"],)]


def test_what_a_session_sets_is_no_reason(fresh: Siege) -> None:
    """R14: the audit gives the reason that the row gives, whatever the session says."""
    with session(fresh, "ann", "SET rules.reason = 'the board said so'") as ann:
        ann(f"SELECT rules.pause('BOND-001', 'counts foreign bonds', {TODAY} + 3)")
    assert ("counts foreign bonds",) in fresh(
        "postgres", "SELECT reason FROM rules.audit_entry ORDER BY position DESC LIMIT 1"
    )
    assert audit.verify(fresh.office.url).faults == ()


STYLES = (
    *(
        "SET DateStyle = 'German, DMY'",
        "SET DateStyle = 'SQL, MDY'",
        "SET DateStyle = 'Postgres, YMD'",
        "SET TimeZone = 'Asia/Kathmandu'",
    ),
    *(
        "SET TimeZone = 'America/St_Johns'",
        "SET IntervalStyle = 'iso_8601'",
        "SET extra_float_digits = -15",
        "SET bytea_output = 'escape'",
    ),
    *(
        "SET lc_numeric = 'C'",
        "SET array_nulls = off",
        "SET quote_all_identifiers = on",
    ),
    *("SET client_encoding = 'LATIN1'", "SET enable_seqscan = off", "SET jit = on"),
)


def test_no_session_makes_a_false_alarm(fresh: Siege) -> None:
    """R12: edits, checks, approvals, pauses and policies under every style of days and numbers verify as they are."""
    edit = "UPDATE rules.rule SET weight = {}, effective_to = '2030-01-01', metadata = '{{\"a\": 0.1}}' WHERE rule_key = 'BOND-001'"
    for number, style in enumerate(STYLES):
        with session(fresh, "ann", style) as ann, session(fresh, "bob", STYLES[-1 - number]) as bob:
            ann(edit.format(100 + number))
            ann(PAUSE.format("BOND-001", 1, 0))
            ann("SELECT rules.resume('BOND-001', 'fine')")
            hashed = "SELECT content_hash FROM rules.change_overview WHERE change_id = 2"
            assert ann(hashed) == bob(hashed)
            ann("SELECT rules.submit(2, 'why')")
            bob("SELECT rules.record_check(2, rules.content_hash(2), true, 'read', '4.1.1')")
            bob("SELECT rules.approve(2)")
    fresh("cy", "SELECT rules.schedule(2)")
    assert audit.verify(fresh.office.url).faults == ()
