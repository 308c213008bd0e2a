"""The `rules` command as a test runs it: words in, exit code, stdout and stderr out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from console.main import program


@dataclass(frozen=True)
class RulesCommand:
    """The command in a home of its own; ``settings`` are more environment variables."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: object) -> Result:
        env = {"RULES_HOME": str(self.home), "COLUMNS": "200", **self.settings}
        return CliRunner().invoke(program(), [str(word) for word in words], env=env)

    def open(self, rules: Path) -> None:
        """A repository of the tenant's own with the rules of a file, which nobody else approves."""
        self.fine("db", "upgrade")
        self.fine("db", "govern", "--approvals", 0, "--reason", "a test edits alone")
        self.fine("import", rules)

    def fine(self, *words: object) -> str:
        """The stdout of a command that must succeed."""
        result = self(*words)
        assert result.exit_code == 0, f"{words}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def json(self, *words: object) -> Any:
        """The answer of a command that must succeed, as JSON."""
        said = json.loads(self.fine(*words, "--json"))
        assert said.pop("format_version") == 1
        return said["list"] if set(said) == {"list"} else said

    def refused(self, *words: object) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and faults of a command that must not succeed."""
        result = self(*words, "--json")
        assert result.exit_code, f"{words} succeeded: {result.stdout}"
        body = json.loads(result.stdout)
        assert body["exit_code"] == result.exit_code
        return result.exit_code, body["faults"]
