"""The words of the `rules` command: each is in the manual, and each answers programs, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from console.main import program
from console.screen import Screen
from rules_engine.errors import Fault, RunRefused


def all_commands() -> dict[str, object]:
    """Every command by the words that call it."""
    found = {}
    waiting = [("", get_command(program()))]
    while waiting:
        words, command = waiting.pop()
        inside = getattr(command, "commands", None)
        if inside is None:
            found[words.strip()] = command
        else:
            waiting += [(f"{words} {name}", each) for name, each in inside.items()]
    return found


def test_the_manual_names_every_command() -> None:
    """Whoever adds a command writes it down; `rules rules …` is said to be the same words again."""
    manual = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    named = {words for words in all_commands() if not words.startswith("rules ")}
    assert {words for words in named if f"`rules {words}" not in manual} == set()


def test_every_command_answers_in_json() -> None:
    """A program can read any answer."""
    assert {words for words, c in all_commands().items() if "--json" not in str([p.opts for p in c.params])} == set()


@pytest.mark.parametrize(("writes", "title"), [(True, "Refused: nothing was written"), (False, "Refused")])
def test_only_who_asked_for_a_change_is_told_that_there_was_none(
    capsys: pytest.CaptureFixture[str], writes: bool, title: str
) -> None:
    """A command that reads is refused, and nothing more is said of writing."""
    Screen(writes=writes).refuse(RunRefused(Fault("The lake", "it is not there.")))
    assert capsys.readouterr().err.splitlines()[0] == title
