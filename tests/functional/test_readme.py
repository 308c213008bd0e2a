"""The README's tour, run as it is written, after a demo of fewer customers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh tour( fails)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def home() -> Iterator[dict[str, str]]:
    """The environment of a demo that was played: a home of its own, this Python's `rules`."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        environment = os.environ | {"RULES_HOME": folder, "RULES_SPARK_MEMORY": "2g"}
        assert _run("rules demo --customers 3000", environment).returncode == 0
        yield environment
        _run("rules down", environment)


def _run(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    rules = Path(sys.executable).with_name("rules")
    line = re.sub(r"^(\.venv/bin/)?rules", str(rules), command)
    return subprocess.run(line, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


def test_the_tour_does_what_the_readme_says(home: dict[str, str]) -> None:
    """Every line of the tour succeeds, those said to fail are refused, and the changed rule decides once."""
    said: list[str] = []
    customer = _a_customer_of_the_changed_rule(home)
    for fails, block in BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        for command in block.strip().splitlines():
            if _said_to_the_shell(command, home):
                continue
            done = _run(command.replace("1072096", customer), home)
            assert (done.returncode != 0) == bool(fails), f"{command}\n{done.stdout}\n{done.stderr}"
            said.append(done.stdout + done.stderr)
    tour = "\n".join(said)
    assert "LOY-007/3" in tour, "the run after the change is decided by the version the change made"
    assert "nothing inserted" in tour
    assert "whole number" in tour
    assert "its plan is recorded" in tour
    assert "Approved by bob on this plan" in tour
    assert "Change 3 did what its plan said" in tour


def _said_to_the_shell(command: str, environment: dict[str, str]) -> bool:
    """What a shell keeps for the lines after it: as whom they are said."""
    words, _, value = command.partition("=")
    if words == "export RULES_DATABASE_URL":
        asked, _, change = value.removeprefix("$(").removesuffix(")").partition(" | ")
        url = _run(asked, environment).stdout.strip()
        done = subprocess.run(change, shell=True, input=url, capture_output=True, text=True, check=True)
        environment["RULES_DATABASE_URL"] = done.stdout.strip()
    elif command == "unset RULES_DATABASE_URL":
        del environment["RULES_DATABASE_URL"]
    else:
        return False
    return True


def _a_customer_of_the_changed_rule(home: dict[str, str]) -> str:
    """The demo's last lines name a customer whom the change concerned; the report holds the same."""
    report = (Path(home["RULES_HOME"]) / "report.html").read_text(encoding="utf-8")
    found = re.search(r"Customer\D{0,40}(\d{5,})", report)
    assert found, "the report explains a customer"
    return found.group(1)
