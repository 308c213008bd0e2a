"""An approval counts while its approver may approve: who was dismissed vouches for nothing that is published later (R-REPO-5)."""

from __future__ import annotations

import pytest

from rules_repo import audit
from tests.security.attackers import Siege
from tests.security.sessions import refused, session

LEAVING = {
    "dismissed": ("adam", "SELECT rules.dismiss('bob')", "INSERT INTO rules.tenant_login VALUES ('main', 'bob')"),
    "no approver any longer": ("postgres", "REVOKE rules_approver FROM bob", "GRANT rules_approver TO bob"),
}


@pytest.mark.parametrize("how", LEAVING)
def test_an_approval_of_one_who_left_does_not_count(fresh: Siege, how: str) -> None:
    """Change 4 is approved by bob alone; without him it needs somebody else, who may approve it as it is."""
    who, leaves, returns = LEAVING[how]
    try:
        fresh(who, leaves)
        assert "needs 1 approval of people who did not write it" in fresh.office.refusal(
            "cy", "SELECT rules.schedule(4)"
        )
        assert fresh("cy", "SELECT approved_by FROM rules.change_overview WHERE change_id = 4") == [("",)]
        fresh("cy", "SELECT rules.record_check(4, rules.content_hash(4), true, 'read', '4.1.1')")
        fresh("cy", "SELECT rules.approve(4)")
        assert "approved already, by cy" in fresh.office.refusal("zoe", "SELECT rules.approve(4)")
        fresh("cy", "SELECT rules.schedule(4)")
        assert fresh("cy", "SELECT approvers FROM rules.release WHERE change_id = 4") == [(["cy"],)]
        assert audit.verify(fresh.office.url).faults == ()
    finally:
        fresh("postgres", returns)
    assert fresh("cy", "SELECT approved_by FROM rules.change_overview WHERE change_id = 4") == [("cy",)]


@pytest.mark.parametrize("how", LEAVING)
def test_who_left_before_the_commit_does_not_count_in_it(fresh: Siege, how: str) -> None:
    """A publication that is open while its only approver leaves is not committed."""
    who, leaves, returns = LEAVING[how]
    with session(fresh, "cy") as cy:
        cy("BEGIN")
        cy("SELECT rules.schedule(4)")
        try:
            fresh(who, leaves)
            assert "it needs 1 approvals by now, and it has none" in refused(cy, "COMMIT")
        finally:
            fresh("postgres", returns)
    assert audit.verify(fresh.office.url).faults == ()


def test_what_was_published_keeps_its_approvers(fresh: Siege) -> None:
    """That bob approved change 1 is a fact, wherever he is now."""
    approved = "SELECT approved_by FROM rules.change_overview WHERE change_id = 1"
    assert fresh("cy", approved) == [("bob",)]
    fresh("adam", "SELECT rules.dismiss('bob')")
    assert fresh("cy", approved) == [("bob",)]


def test_more_approvals_than_were_needed_are_asked_for_as_it_is(fresh: Siege) -> None:
    """A change that was approved before two were needed gets its second approval without going back."""
    fresh("adam", "INSERT INTO rules.governance (approvals_needed, reason) VALUES (2, 'more eyes')")
    assert "it has bob" in fresh.office.refusal("cy", "SELECT rules.schedule(4)")
    assert "has approved it already" in fresh.office.refusal("bob", "SELECT rules.approve(4)")
    fresh("cy", "SELECT rules.approve(4)")
    fresh("cy", "SELECT rules.schedule(4)")
    assert fresh("cy", "SELECT approvers FROM rules.release WHERE change_id = 4") == [(["bob", "cy"],)]
    assert audit.verify(fresh.office.url).faults == ()
