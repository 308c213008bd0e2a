"""How a step on a cluster starts and ends: its arguments, its summary in one line, its errors in words."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from jobs import step_log
from jobs.lineage import WORD, Lineage
from jobs.memory import ran_out
from rules_engine.errors import Fault, InvalidRule, RulesError, RunInterrupted, RunRefused, raise_all

Summary = Mapping[str, object]


def moment(text: str) -> datetime:
    """
    A point in time with its zone; one without would mean another moment on another machine.

    >>> moment("2024-06-01T06:00:00+02:00").utcoffset()
    datetime.timedelta(seconds=7200)
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"'{text}' is no ISO moment, say 2024-06-01T00:00:00+00:00") from problem
    if found.utcoffset() is None:
        raise argparse.ArgumentTypeError(f"'{text}' names no time zone: say {text}+00:00")
    return found


def day(text: str) -> date:
    """A day as ISO text."""
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"'{text}' is no ISO day, say 2024-06-01") from problem


def positive(text: str) -> float:
    """A number above 0; with none of it a step would end before it began."""
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return found


def words(about: str | None, **arguments: tuple[Callable[[str], object], str]) -> argparse.ArgumentParser:
    """A parser of required ``--name VALUE`` words, from name to (reader, meaning)."""
    parser = argparse.ArgumentParser(description=about, conflict_handler="resolve")
    for name, meaning in OF_THE_RUN.items():
        parser.add_argument(f"--{name}", help=f"{meaning}, which its log says")
    parser.add_argument(WORD, help="where events of OpenLineage go: http(s)://… or file:///…; nowhere without it")
    for name, (read, meaning) in arguments.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=read, help=meaning, required=True)
    parser.add_argument("--hours", type=positive, help="how long it may take before it ends itself")
    return parser


OF_THE_RUN = {"run-id": "id of the run", "environment": "environment of the run", "tenant": "tenant of the run"}
"""What every step is told; those that need it say so themselves."""


def yes(text: str) -> bool:
    """Yes or no, in a word: what fills in a command line from a template can leave none out."""
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither yes nor no")
    return text == "yes"


def knows_nothing_of(names: Sequence[str], environment: Mapping[str, str]) -> None:
    """
    Refuse to start where the environment says what a step's role is not to know; the values are not repeated.

    Raises:
        RunRefused: Naming every variable that is set.
    """
    what = "it is set, and this step is not to know it: its role reaches no such thing."
    remedy = "Unset it for this step, and give each step a role of its own: infra/roles.yaml."
    raise_all(RunRefused, [Fault(name, what, remedy) for name in names if environment.get(name, "").strip()])


HOURS = argparse.ArgumentParser(add_help=False)
HOURS.add_argument("--hours")


def finish(step: Callable[[Sequence[str]], Summary]) -> None:
    """Run a step on the command line's words: its summary as one JSON line, or its faults and their exit code."""
    _end_after(HOURS.parse_known_args(sys.argv[1:])[0].hours)
    name, begun = Path(sys.argv[0]).stem.removesuffix("_step"), time.monotonic()
    step_log.opened(name, sys.argv[1:])
    told = Lineage.of(name, sys.argv[1:], os.environ)
    tell = told.tell if told else lambda *_: None
    tell("START")
    try:
        summary = step(sys.argv[1:])
    except Exception as problem:
        error = problem if isinstance(problem, InvalidRule) else ran_out(problem) or problem
        step_log.failed(time.monotonic() - begun, error)
        tell("FAIL", type(error).__name__)
        if not isinstance(error, RulesError):
            raise
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    step_log.ended(time.monotonic() - begun, summary)
    tell("COMPLETE")
    print(json.dumps(summary, sort_keys=True))


def _end_after(hours: str | None, end: Callable[[int], object] = os._exit) -> None:
    """End the process in so many hours, whatever it waits for: its driver goes with it, and what it asked YARN for."""

    def over() -> None:
        remedy = "Run the same again: it goes on. Where it is slow for want of nodes, give it more, or more --hours."
        print(Fault("Step", f"it took more than {hours} hours.", remedy), file=sys.stderr, flush=True)
        end(RunInterrupted.exit_code)

    with suppress(argparse.ArgumentTypeError):  # the step's own reading of its words refuses it
        timer = threading.Timer(3600 * positive(hours or ""), over)
        timer.daemon = True
        timer.start()
