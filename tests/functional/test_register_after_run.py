"""A run feeds the register that is on this machine: members answer right after it (R-HIST-7)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import small_lake
from tests.functional.rules_command import RulesCommand
from tests.functional.test_proved_history import RULES

ROWS = 'history."local_fed_memberships_register"'


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, spark: object) -> Iterator[RulesCommand]:
    """A tenant with one rule and a lake, of whom nothing was run."""
    home = tmp_path_factory.mktemp("home")
    small_lake.write(home / "fed" / "lake")
    made = RulesCommand(home, {"RULES_TENANT": "fed"})
    (home / "rules.yaml").write_text(RULES, encoding="utf-8")
    made.open(home / "rules.yaml")
    yield made
    made.fine("down")


def test_members_answer_right_after_a_run(command: RulesCommand) -> None:
    """By the register and by number, without a further command."""
    ran = command.json("run", "--as-of", "2024-06-01")
    assert (ran["inserted"] > 10, ran["register"]) == (True, [])
    members = command.json("members", "GOLD", "--limit", "0")
    assert (members["by"], members["count"] > 10) == ("register", True)
    subject = members["members"][0]
    (row,) = command.json("member", members["numbers"][str(subject)])
    assert (row["subject"], row["granted"], row["run_id"]) == (subject, True, ran["run_id"])


def test_a_register_that_cannot_be_fed_does_not_undo_the_run(command: RulesCommand) -> None:
    """The run is published, exit 0, and says what to do; that, or the same run again, brings the register up to date."""
    command.fine("sql", f"ALTER TABLE {ROWS} RENAME TO away")
    ran = command("run", "--as-of", "2024-06-02", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert "`rules register follow --once`" in ran.stdout
    assert "is published, and the register could not be fed" in ran.stdout
    command.fine("sql", "ALTER TABLE history.away RENAME TO local_fed_memberships_register")
    assert "lacks run" in command("members", "GOLD").stderr
    assert command.json("register", "follow", "--once")["records"] > 10
    assert command.json("members", "GOLD")["by"] == "register"
    command.fine("sql", f"ALTER TABLE {ROWS} RENAME TO away")
    command.fine("run", "--as-of", "2024-06-03")
    command.fine("sql", "ALTER TABLE history.away RENAME TO local_fed_memberships_register")
    again = command.json("run", "--as-of", "2024-06-03")
    assert (again["inserted"], again["register"]) == (0, [])
    assert command.json("members", "GOLD")["by"] == "register"
    assert command.json("register", "verify")["faults"] == []
