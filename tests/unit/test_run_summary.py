"""What `rules run` says of conditions that were unknown (R-EVAL-6), and of rules that are worth a look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from console.run_commands import published_in_words, unknown_counts
from console.screen import Screen
from rules_engine.errors import Fault
from rules_engine.model.manifest import Evaluation, Manifest
from rules_engine.model.publications import Publication
from rules_engine.model.rules import WhenUnknown
from rules_engine.ports import RunStatus
from tests.small_lake import AS_OF, rule, rule_set
from tests.spec.table import cases
from tests.unit.house import MONDAY, moment

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


STATES = """
    published | held | chain              | says                           | because
    ----------+------+--------------------+--------------------------------+-----------------------------------
    no        | no   | another            | no: run it again               | it is staged, or not even that
    no        | yes  | another            | no: held                       | it waits for its release
    no        | no   | claimed            | half: the next run finishes it | some of it may be in the history
    no        | yes  | claimed            | half: the next run finishes it | a claim is past every release
    yes       | no   | closed             | yes                            | the history holds it whole
    yes       | no   | closed, correction | yes: a correction              | nobody's membership now is of it
    yes       | no   | another            | yes                            | of before there was a chain
"""


@pytest.mark.parametrize("case", cases(STATES))
def test_what_became_of_a_run_is_said(case: dict[str, str]) -> None:
    """By the folder of runs and its copy of the chain."""
    at, said = moment(MONDAY), case["chain"]
    one = Publication(1, "run-1", None, MONDAY, at, "", "", 0, "correction" in said, "closed" in said)
    chain = (replace(one, run_id="other") if said == "another" else one,)
    held = ("why",) if case["held"] == "yes" else ()
    status = RunStatus("run-1", at, MONDAY, "", 0, at if case["published"] == "yes" else None, held=held)
    assert published_in_words(status, chain) == case["says"]


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
