"""DynamoDB Local: started once, found again, its data kept, and clear words where it cannot be had."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from rules_engine.errors import RunRefused
from rules_engine.publication import dynamodb_local
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


def test_without_a_resolver_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No PySpark and nothing fetched: refused with both ways out."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RunRefused, match=r"pip install '\.\[local\]'.*--history postgres"):
        start(tmp_path)


def test_a_failed_fetch_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the resolver says is passed on, and the next start fetches again."""
    broken = tmp_path / "broken.xml"
    broken.write_text("<ivy-module version='2.0'><this is no module")
    monkeypatch.setattr(dynamodb_local, "MODULE", broken)
    for _ in range(2):
        with pytest.raises(RunRefused, match=r"could not be fetched: .*broken\.xml"):
            start(tmp_path / "home")
    assert not (tmp_path / "home" / "lib").exists()


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    """Java's last words are in the message."""
    (tmp_path / "lib").mkdir()
    with pytest.raises(RunRefused, match=r"it did not start: .*ServerRunner"):
        start(tmp_path)
