"""What `rules run` says of conditions that were unknown (R-EVAL-6), and of rules that are worth a look."""

from __future__ import annotations

import pytest
from rich.console import Console

from console.run_commands import unknown_counts
from console.screen import Screen
from rules_engine.errors import Fault
from rules_engine.model.manifest import Evaluation, Manifest
from rules_engine.model.rules import WhenUnknown
from tests.small_lake import AS_OF, rule, rule_set

RULES = rule_set(
    rule("HELD", "spend > 1", when_unknown=WhenUnknown.HOLD, name="Spends"),
    rule("KNOWN", "customer_id > 1"),
    rule("MISSED", "country = 'GB'", name="[b]Lives here[/b]"),
)


def manifest(unknown: dict[str, int]) -> Manifest:
    evaluation = Evaluation(2_000, 6_000, {}, unknown, (), "d")
    return Manifest("run-1", AS_OF, "2024-06-01T00:00:00.000000Z", RULES.digest, 3, {}, {}, "1", None, evaluation)


def test_rules_with_unknown_outcomes_are_told() -> None:
    """Of how many subjects, which share, and what the rule makes of it; a rule that was always known is left out."""
    console = Console(width=100, force_terminal=False)
    with console.capture() as said:
        console.print(unknown_counts(manifest({"HELD/1": 1_250, "KNOWN/1": 0, "MISSED/1": 7}), RULES), markup=False)
    lines = [line.split() for line in said.get().splitlines()]
    assert lines == [
        ["rule", "unknown", "of", "share", "counts", "as", "name"],
        ["HELD/1", "1,250", "62.5%", "hold", "Spends"],
        ["MISSED/1", "7", "0.4%", "miss", "[b]Lives", "here[/b]"],
    ]


def test_warnings_are_told_apart_from_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a rule that was accepted: which, what, what to do; on stderr, so that stdout stays the answer."""
    Screen().warn([Fault("Rule TIES", "rows may tie.", "Add the key to ORDER BY.", "SQL-901")])
    said = capsys.readouterr()
    assert said.out == ""
    assert "Accepted, and worth a look" in said.err
    assert "Rule TIES: rows may tie. Add the key to ORDER BY. [SQL-901]" in said.err


def test_no_warning_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A run without warnings has no heading about them; with --json nothing is said beside the document."""
    Screen().warn([])
    Screen(as_json=True).warn([Fault("Rule TIES", "rows may tie.")])
    assert capsys.readouterr() == ("", "")


def test_nothing_unknown_draws_nothing() -> None:
    """A run whose conditions were all true or false has no such table."""
    assert unknown_counts(manifest({"HELD/1": 0}), RULES).row_count == 0
