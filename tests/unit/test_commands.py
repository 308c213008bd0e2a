"""The words of the `rules` command: each is in the manual, and each answers programs, too."""

from __future__ import annotations

from pathlib import Path

from typer.main import get_command

from console.main import program


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
