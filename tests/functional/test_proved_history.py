"""`rules audit verify --history`: the proof reaches the decisions (K23)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import small_lake
from tests.functional.rules_command import RulesCommand

RULES = """
membership_types:
  - {key: GOLD, name: Gold}
rules:
  - {key: GOLD-001, kind: inclusion, membership_type: GOLD, weight: 30, frame: customers, sql: spend >= 0,
     effective: {from: 2024-01-01}}
"""
TABLE = 'history."local_proved_memberships_history"'


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, spark: object) -> Iterator[RulesCommand]:
    """A tenant of whom one day is published."""
    home = tmp_path_factory.mktemp("home")
    small_lake.write(home / "proved" / "lake")
    made = RulesCommand(home, {"RULES_TENANT": "proved"})
    (home / "rules.yaml").write_text(RULES, encoding="utf-8")
    made.open(home / "rules.yaml")
    made.fine("run", "--as-of", "2024-06-01", "--created-at", "2024-06-01T06:00:00Z")
    yield made
    made.fine("down")


def test_an_altered_record_is_found_and_not_explained(command: RulesCommand) -> None:
    """With the triggers off a superuser alters a sum: the proof names the record, and explain refuses it."""
    told = command.json("audit", "verify", "--history")
    assert (told["runs"], told["runs_without_staged_decisions"]) == (1, [])
    assert told["records"] > 10
    ((subject,),) = command.json("sql", f"SELECT min(subject) FROM {TABLE} WHERE granted")["rows"]
    command.fine("explain", subject)
    command.fine(
        "sql",
        f"DO $x$ BEGIN ALTER TABLE {TABLE} DISABLE TRIGGER USER; "
        f"UPDATE {TABLE} SET inclusion_sum = 999, content_hash = NULL, format = 1 WHERE subject = {subject}; "
        f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER insert_only; END $x$",
    )
    code, faults = command.refused("audit", "verify", "--history")
    said = " ".join(f"{f['which']}: {f['what']}" for f in faults)
    assert code == 5
    assert f"Record ({subject}, " in said
    assert command.json("audit", "verify")["entries"] > 0
    code, (fault, *_) = command.refused("explain", subject)
    assert code == 5
    assert "add up" in fault["what"] or "content hash" in fault["what"]


def test_a_run_taken_out_of_chain_and_records_is_missed(command: RulesCommand) -> None:
    """What is left of the history agrees with itself; the run's own folder says that it was published."""
    for table in (TABLE, TABLE.replace('_history"', '_history_chain"')):
        command.fine(
            "sql",
            f"DO $x$ BEGIN ALTER TABLE {table} DISABLE TRIGGER USER; DELETE FROM {table}; "
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER insert_only; END $x$",
        )
    code, faults = command.refused("audit", "verify", "--history")
    assert code == 5
    assert any("the chain of publications lacks it" in fault["what"] for fault in faults)
