"""Events of OpenLineage: what a step read and wrote, told as it starts and ends, and to nobody unless asked (R-OPS-6)."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from jobs import emr, lineage, step_log
from jobs.entry import Summary, finish
from rules_engine.errors import Fault, RunRefused
from tests.functional.test_emr import WHOLE

CANARY = "Ada Lovelace"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A step is a process; a test gives back what it is told there."""
    monkeypatch.setattr(step_log, "_of", {})
    monkeypatch.delenv(lineage.VARIABLE, raising=False)
    yield
    step_log.LOG.handlers[:] = []


def begin(monkeypatch: pytest.MonkeyPatch, step: str, where: str | None) -> None:
    """The command line of a step as EMR is told of it, but for where events go."""
    told = [word for word in emr.words_of(WHOLE, step) if word not in (lineage.WORD, WHOLE.lineage)]
    monkeypatch.setattr(sys, "argv", [f"/artefacts/{step}_step.py", *told, *([lineage.WORD, where] if where else [])])


def evaluated(_: object) -> Summary:
    lineage.saw([lineage.dataset("s3://rules-lake/customers", "2024-06-01@abc")])
    return {"decided": 3}


def refused(_: object) -> Summary:
    raise RunRefused(Fault("Run", f"{CANARY} is in it twice."))


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_step_tells_what_it_reads_and_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rule set and each frame, by the snapshot that was read; the staged runs. One run of its own, and its night's."""
    file = tmp_path / "events.jsonl"
    begin(monkeypatch, "evaluate", file.as_uri())
    finish(evaluated)
    start, complete = events(file)
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert (
        UUID(complete["run"]["runId"]).version == UUID(complete["run"]["facets"]["parent"]["run"]["runId"]).version == 5
    )
    assert complete["job"] == {"namespace": "prod_acme", "name": "rules.evaluate"}
    rules, customers = complete["inputs"]
    assert (rules["namespace"], rules["name"].startswith("rule-sets/")) == ("s3://rules-runs", True)
    assert (customers["name"], customers["facets"]["version"]["datasetVersion"]) == ("customers", "2024-06-01@abc")
    assert complete["outputs"] == [{"namespace": "s3://rules-runs", "name": "staged"}]


def test_a_step_that_fails_says_so_without_its_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kind of the error: what it says may hold data."""
    file = tmp_path / "events.jsonl"
    begin(monkeypatch, "guard", file.as_uri())
    with pytest.raises(SystemExit):
        finish(refused)
    start, fail = events(file)
    assert (start["eventType"], fail["eventType"]) == ("START", "FAIL")
    assert fail["run"]["facets"]["errorMessage"]["message"] == "RunRefused"
    assert CANARY not in file.read_text("utf-8")


def test_two_tries_are_two_runs_of_one_night(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One START and one end of each, as OpenLineage has it; the parent is the same."""
    file = tmp_path / "events.jsonl"
    begin(monkeypatch, "evaluate", file.as_uri())
    for _ in range(2):
        finish(evaluated)
    told = events(file)
    assert len({event["run"]["runId"] for event in told}) == 2
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in told}) == 1


def test_nobody_is_told_unless_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither word nor variable: no event; an empty word, as a night without the Variable has, is none."""
    for where in (None, ""):
        begin(monkeypatch, "evaluate", where)
        assert lineage.Lineage.of("evaluate", sys.argv[1:], {}) is None
        finish(evaluated)
    assert "lineage" not in capsys.readouterr().err
    assert lineage.Lineage.of("evaluate", [], {lineage.VARIABLE: "https://lineage.example"}) is not None


class Server(BaseHTTPRequestHandler):
    """Keeps what it is told, as a server of OpenLineage does."""

    told: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).told.append((self.path, json.loads(body)))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_a_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the path of the interface, below whatever address is given."""
    Server.told = []
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        begin(monkeypatch, "evaluate", f"http://127.0.0.1:{server.server_port}/")
        finish(evaluated)
        server.shutdown()
    assert [(path, event["eventType"]) for path, event in Server.told] == [
        ("/api/v1/lineage", "START"),
        ("/api/v1/lineage", "COMPLETE"),
    ]


def test_a_step_does_not_end_for_want_of_a_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log says that an event was not told."""
    begin(monkeypatch, "evaluate", "http://127.0.0.1:1")
    finish(evaluated)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"decided": 3}
    assert said.err.count('"event": "lineage not told"') == 2
