"""A file of rules to begin with: written on request, documented column by column, read as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules_repo import exchange
from rules_repo.entries import RULE_FIELDS, TYPE_FIELDS
from rules_repo.shared_values import PARAMETER_FIELDS, ROW_FIELDS
from rules_repo.template import EXAMPLE, LISTS, PARAMETERS, RULES, TYPES, documented
from tests.functional.rules_command import RulesCommand


@pytest.mark.parametrize("kind", ["yaml", "csv", "xlsx"])
def test_a_template_is_a_file_that_can_be_imported(tmp_path: Path, kind: str) -> None:
    """It says what the example says; a file that is there already is left alone."""
    command, path = RulesCommand(tmp_path), tmp_path / f"rules.{kind}"
    names = ("types", "parameters", "lists") if kind == "csv" else ()
    more = tuple(word for name in names for word in (f"--{name}", tmp_path / f"{name}.csv"))
    assert "Two example rules" in command.fine("import", path, *more, "--template")
    assert exchange.read(path, exchange.Beside(*(tmp_path / f"{name}.csv" for name in names))) == EXAMPLE
    written = path.read_bytes()
    code, (fault, *_) = command.refused("import", path, *more, "--template")
    assert (code, fault["what"]) == (5, "it is there already.")
    assert path.read_bytes() == written


def test_every_column_is_documented() -> None:
    """In the order of the files, and in docs/rule-files.md."""
    assert (tuple(RULES), tuple(TYPES)) == (RULE_FIELDS, TYPE_FIELDS)
    assert (tuple(PARAMETERS), tuple(LISTS)) == (PARAMETER_FIELDS, ROW_FIELDS)
    assert Path("docs/rule-files.md").read_text("utf-8") == documented()
