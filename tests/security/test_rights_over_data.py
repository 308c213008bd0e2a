"""What an administrator of the server may give by the way over all data changes no rule by hand (R-REPO-6)."""

from __future__ import annotations

import pytest

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
    with siege.granted(login, "writes", "reads", "roles", "two roles"):
        found = succeeded(
            siege, login, [t for t in asked if (t[0], t[1]) not in by_hand], "SET rules.tenant = 'main'", touching=True
        )
    assert found == set()
    assert (siege.state(), siege.power()) == before
