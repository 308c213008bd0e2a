"""The log of a step on a cluster: JSON lines that say which run they are of, and nothing of anybody (R-OPS-6)."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jobs import emr, step_log
from jobs.entry import Summary, finish, words
from rules_engine.errors import Fault, InvalidRule
from tests.functional.test_emr import WHOLE

CANARY = "Ada Lovelace <ada@example.org>"
WORDS = [
    "--run-id",
    "2024-06-01T040000Z",
    "--environment=prod",
    "--tenant",
    "acme",
    "--day",
    "2024-06-01",
    "--hours",
    "1",
]
OF = {"run_id": "2024-06-01T040000Z", "environment": "prod", "tenant": "acme", "day": "2024-06-01"}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A step is a process; a test gives back what it is told there."""
    monkeypatch.setattr(step_log, "_of", {})
    monkeypatch.setattr(step_log, "_begun", {})
    monkeypatch.setattr(sys, "argv", ["/artefacts/curate_step.py", *WORDS])
    yield
    step_log.LOG.handlers[:] = []


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith('{"at"')]


def test_each_step_is_told_of_which_run_it_is() -> None:
    """All nine, the one that makes ready included: the id that Airflow gave, environment and tenant, once each."""
    for step in [*(each.what for each in emr.steps_of(WHOLE, publish=True)), "setup"]:
        told = emr.words_of(WHOLE, step)
        assert [told.count(word) for word in ("--run-id", "--environment", "--tenant")] == [1, 1, 1], step
        assert told[told.index("--run-id") + 1] == WHOLE.run_id


def test_a_step_says_what_it_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers of its summary, by their names and by those of frames; phases as they begin and end."""

    def step(_: object) -> Summary:
        step_log.progress("evaluate rules", 0.0)
        step_log.progress("evaluate rules", 0.5)
        step_log.progress("evaluate rules", 1.0)
        landed = [{"frame": "customers", "rows": 3}, {"frame": "claims", "rows": 4}]
        return {"rows": {"customers": 7}, "landed": landed, "passed": True, "tokens": 2, "note": CANARY}

    finish(step)
    began, ended, done = lines(capsys)
    assert (began["event"], ended["event"], ended["phase"]) == ("phase began", "phase ended", "evaluate rules")
    assert ended["seconds"] >= 0
    assert done["counts"] == {"rows customers": 7, "landed rows": 7, "tokens": 2}
    assert done["exit_code"] == 0
    assert all(line.items() >= (OF | {"step": "curate"}).items() for line in (began, ended, done))


ERRORS = {
    "a fault": (InvalidRule(Fault("Rule GOLD-001", f"it fails on {CANARY}.", code="SQL-101")), 3, ["SQL-101"]),
    "a defect": (KeyError(CANARY), 1, []),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_a_step_that_fails_says_how_and_of_nobody(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind of the error and its codes; what it says may hold data, and stands where people read it alone."""
    problem, exit_code, codes = ERRORS[kind]

    def step(_: object) -> Summary:
        raise problem

    with pytest.raises((SystemExit, KeyError)):
        finish(step)
    (line,) = lines(capsys)
    assert (line["level"], line["exit_code"], line["codes"]) == ("ERROR", exit_code, codes)
    assert line["error"] == type(problem).__name__
    assert "Lovelace" not in json.dumps(line)


def test_what_is_no_name_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a caller gives: a text that is no name is a question mark, what no line may say is left out."""
    step_log.opened("evaluate", WORDS)
    step_log.about(day="Ada Lovelace", subject="4711")
    step_log.LOG.info("phase ended", extra={"phase": CANARY, "counts": {CANARY: 1}, "customer": CANARY})
    (line,) = lines(capsys)
    assert (line["phase"], line["counts"], line["day"]) == ("?", {"?": 1}, "?")
    assert not {"customer", "subject"} & {*line}


def test_other_loggers_are_not_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that logs what it reads does not do so in lines that are shipped."""
    step_log.opened("master", WORDS)
    logging.getLogger("splink").warning("%s", CANARY)
    assert lines(capsys) == []


@pytest.mark.parametrize("hours", ["-1", "0", "nan", "inf", "soon"])
def test_a_step_that_may_take_no_time_is_a_wrong_command(
    hours: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would end itself before it began, and blame how long it took."""
    monkeypatch.setattr("sys.argv", ["guard_step.py", "--hours", hours])
    with pytest.raises(SystemExit) as ended:
        finish(lambda argv: vars(words("").parse_args(argv)))
    assert (ended.value.code, f"'{hours}' is no number above 0" in capsys.readouterr().err) == (2, True)
