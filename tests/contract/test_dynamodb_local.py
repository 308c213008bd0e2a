"""DynamoDB Local: started once, found again, its data kept, and clear words where it cannot be had."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from rules_engine.errors import RunRefused
from rules_engine.publication.dynamodb import DynamoDBHistory, connect
from rules_engine.publication.dynamodb_local import start, stop
from tests.contract.conftest import JARS, new_table
from tests.contract.history_records import granted


def test_a_server_is_started_once_and_found_again(tmp_path: Path) -> None:
    """The second start finds the first; killed outright and started again it has its data; stopped it is gone."""
    url = start(tmp_path, JARS)
    try:
        assert start(tmp_path, JARS) == url
        history = DynamoDBHistory(new_table(), "bigint", connect(url, None), stream=False)
        history.create()
        history.insert([granted(1)])
        os.kill(json.loads((tmp_path / "server.json").read_text())["pid"], signal.SIGKILL)
        again = connect(start(tmp_path, JARS), None)
        assert DynamoDBHistory(history._table, "bigint", again).journey(1) == (granted(1),)
    finally:
        assert stop(tmp_path)
    assert stop(tmp_path) is False


def test_without_maven_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Maven and nothing fetched: refused with both ways out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunRefused, match=r"apt-get install maven.*--history postgres"):
        start(tmp_path)


def test_a_failed_fetch_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Maven says is passed on, and the next start fetches again."""
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho 'registry not reached'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(maven.parent), prepend=os.pathsep)
    for _ in range(2):
        with pytest.raises(RunRefused, match="could not fetch it: registry not reached"):
            start(tmp_path)


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    """Java's last words are in the message."""
    (tmp_path / "lib").mkdir()
    with pytest.raises(RunRefused, match=r"it did not start: .*ServerRunner"):
        start(tmp_path)
