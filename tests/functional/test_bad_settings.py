"""Settings under which a command cannot work: refused in words before anything is opened, and defects in one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import psycopg2
import pytest

from rules_engine.publication.staging import FolderRunStore
from rules_repo.connection import _in_our_words
from tests.functional.rules_command import RulesCommand


def test_a_database_that_is_down_is_said_by_every_command_that_needs_it(tmp_path: Path) -> None:
    """The address is named without its password, and the remedy is `rules doctor`."""
    down = RulesCommand(tmp_path, {"RULES_DATABASE_URL": "postgresql://nobody:geheim@127.0.0.1:1/rules"})
    for words in (["list"], ["show", "GOLD-001"], ["db", "upgrade"], ["sql", "SELECT 1"]):
        code, (fault,) = down.refused(*words)
        assert (code, "rules doctor" in fault["remedy"]) == (5, True), words
        assert "geheim" not in str(fault)


def test_a_wrong_url_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    """Rules live in PostgreSQL; another scheme is a fault of the settings."""
    code, (fault,) = RulesCommand(tmp_path, {"RULES_DATABASE_URL": "mysql://u:geheim@host/rules"}).refused("list")
    assert (code, fault["which"]) == (5, "RULES_DATABASE_URL")


def test_the_demo_keeps_off_the_stores_of_others(tmp_path: Path) -> None:
    """The demo empties what it uses, so it refuses a database or a DynamoDB that is not its own; both are named."""
    settings = {
        "RULES_DATABASE_URL": "postgresql://ada@production/rules",
        "RULES_HISTORY": "dynamodb",
        "AWS_REGION": "eu-west-1",
    }
    code, faults = RulesCommand(tmp_path, settings).refused("demo")
    assert (code, [f["which"] for f in faults]) == (5, ["RULES_DATABASE_URL", "RULES_HISTORY"])


def test_an_unexpected_error_is_one_line_and_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect shows no traceback; the log says where it happened, without the message, which may hold data."""

    def broken(_: FolderRunStore) -> None:
        raise KeyError("Ada Lovelace")

    monkeypatch.setattr(FolderRunStore, "runs", broken)
    result = RulesCommand(tmp_path)("runs")
    log = (tmp_path / "log" / "rules.jsonl").read_text(encoding="utf-8")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert str(tmp_path / "log" / "rules.jsonl") in result.stderr
    assert "unexpected error" in log
    assert "Lovelace" not in log


def test_a_full_disk_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, with what to do, wherever the room runs out."""

    def full(_: FolderRunStore) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FolderRunStore, "runs", full)
    code, (fault,) = RulesCommand(tmp_path).refused("runs")
    assert (code, fault["which"]) == (6, "Disk")
    assert fault["remedy"].startswith("Make room, and run the same again")


@pytest.mark.parametrize("words", ["could not extend file: No space left on device", "FATAL: No space left on device"])
def test_a_full_disk_of_the_database_is_no_lost_connection(words: str) -> None:
    """With a SQLSTATE of its own, or in the words of a server that lets nobody in."""
    refused = _in_our_words(psycopg2.OperationalError(words), False, "Rules database")
    assert "its disk is full" in str(refused)
    assert "Is it up?" not in str(refused)
