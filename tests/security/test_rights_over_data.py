"""What an administrator of the server may give by the way over all data changes no rule by hand (R-REPO-6)."""

from __future__ import annotations

import pytest

from tests.functional.tampering import told
from tests.security.attackers import Siege
from tests.security.test_privileges import relations, succeeded


@pytest.mark.parametrize("login", ["ann", "bob", "eve", "olga", "adam"])
def test_no_right_over_data_changes_a_row_by_hand(siege: Siege, login: str) -> None:
    """Real rows, written as they are, deleted and copied: refused, but what an analyst or an admin does by hand anyhow."""
    by_hand = {
        ("change", "title"),
        ("change", "reason"),
        ("category", "description"),
        ("rule_type", "description"),
        ("reason_code", "text"),
    }
    asked = []
    for name, kind, columns in relations(siege):
        if kind == "r":
            asked += [(name, "DELETE", f"DELETE FROM rules.{name}")]
            asked += [
                (name, "INSERT", f"INSERT INTO rules.{name} OVERRIDING SYSTEM VALUE SELECT * FROM rules.{name} LIMIT 1")
            ]
            asked += [
                (name, "MERGE", f"MERGE INTO rules.{name} AS a USING (SELECT 1) AS b ON true WHEN MATCHED THEN DELETE")
            ]
            asked += [(name, column, f'UPDATE rules.{name} SET "{column}" = "{column}"') for column in columns]
    before = siege.state(), siege.power()
    with siege.granted(login, "writes", "reads", "tends", "roles", "two roles"):
        found = succeeded(
            siege, login, [t for t in asked if (t[0], t[1]) not in by_hand], "SET rules.tenant = 'main'", touching=True
        )
    assert found == set()
    assert (siege.state(), siege.power()) == before


def test_what_is_said_later_counts_though_a_sequence_was_set_back(fresh: Siege) -> None:
    """R13: with pg_write_all_data ann sets sequences back; approvals that are needed, and checks, go by what was said last."""
    main = "SET rules.tenant = 'main'; "
    with fresh.granted("ann", "writes"):
        for needed, start in ((2, 1_000), (5, 500)):
            fresh("ann", "SELECT setval('rules.governance_id_seq', %s)", start)
            fresh("adam", f"{main}INSERT INTO rules.governance (approvals_needed, reason) VALUES ({needed}, 'so')")
            fresh("ann", "SELECT setval('rules.check_result_id_seq', %s)", start)
            passed = needed == 2
            fresh(
                "bob", f"{main}SELECT rules.record_check(3, rules.content_hash(3), {passed}, 'read', '4.1.1', '', '')"
            )
        fresh("ann", "SELECT setval('rules.change_id_seq', 1)")
        fresh("ann", f"{main}SELECT rules.begin_change('another', 'so')")
    assert fresh("adam", f"{main}SELECT rules.approvals_needed()") == [(5,)]
    standing = "SELECT r.passed FROM rules.change AS c, rules.standing_checks(c) AS r WHERE c.id = 3"
    assert fresh("postgres", standing) == [(False,)]
    assert told(fresh.office) == ""
