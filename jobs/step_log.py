"""
The log of a step: JSON lines on stderr that say which run, tenant and day they are of, and numbers (R-OPS-6).

Nothing of data goes into it. What a line may say are the names below; its texts are the program's own words, and names
of the kind that a run, a frame or a phase has; its other values are numbers. What an exception says stays out.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rules_engine.errors import RulesError

LOG = logging.getLogger("rules.step")
OF = ("step", "run_id", "environment", "tenant", "day")
"""What each line says, as far as it is known."""

TOLD = ("phase", "share", "seconds", "counts", "exit_code", "error", "codes", "faults")
"""What a line may say besides."""

ID = re.compile(r"[\w.:+-]{1,100}")
NAME = re.compile(r"[\w.:+#,/ -]{1,120}")
_of: dict[str, str] = {}
_begun: dict[str, float] = {}


class JsonLines(logging.Formatter):
    """One line of JSON for each record: its event, what is known of the run, and what the record may tell."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {name: _plain(getattr(record, name)) for name in TOLD if hasattr(record, name)}
        return json.dumps({"at": at, "level": record.levelname, "event": str(record.msg), **_of, **told})


def opened(step: str, argv: Sequence[str]) -> None:
    """Log to stderr from here on, as a step of the run that its command line names."""
    known = {name: said(argv, option) for name, option in _OPTIONS.items()}
    about(step=step, day=said(argv, "--day") or said(argv, "--as-of"), **known)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    LOG.handlers[:] = [handler]
    LOG.setLevel(logging.INFO)
    LOG.propagate = False


_OPTIONS = {"run_id": "--run-id", "environment": "--environment", "tenant": "--tenant"}


def about(**known: object) -> None:
    """Say on each further line what has become known: of which day a rule set or a staged run is."""
    given = {name: str(value) for name, value in known.items() if name in OF and value is not None}
    _of.update({name: value if ID.fullmatch(value) else "?" for name, value in given.items()})


def progress(phase: str, share: float) -> None:
    """A port's progress as lines: that a phase began, and that it ended after so long."""
    if phase not in _begun:
        _begun[phase] = time.monotonic()
        LOG.info("phase began", extra={"phase": phase})
    if share >= 1:
        LOG.info("phase ended", extra={"phase": phase, "seconds": round(time.monotonic() - _begun.pop(phase), 3)})


def in_lines(phase: str, share: float) -> None:
    """Progress of which each word is told: how many records of how many."""
    LOG.info("progress", extra={"phase": phase, "share": round(share, 3)})


def ended(seconds: float, summary: Mapping[str, object]) -> None:
    """That a step is done, and what it counted."""
    LOG.info("step ended", extra={"exit_code": 0, "seconds": round(seconds, 3), "counts": dict(_counts(summary))})


def failed(seconds: float, problem: BaseException) -> None:
    """That a step ended in another way: the kind of the error and the codes of its faults, never their words."""
    faults = problem.faults if isinstance(problem, RulesError) else ()
    told = {
        "exit_code": problem.exit_code if isinstance(problem, RulesError) else 1,
        "seconds": round(seconds, 3),
        "error": type(problem).__name__,
        "faults": len(faults),
        "codes": sorted({fault.code for fault in faults if fault.code}),
    }
    LOG.error("step ended", extra=told)


def _counts(summary: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The numbers of a summary: its own, those by name (rows of a frame), and sums over what it lists."""
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from ((f"{name} {key}", each) for key, each in value.items() if _is_number(each))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            listed = [each for each in value if isinstance(each, Mapping)]
            keys = dict.fromkeys(key for each in listed for key in each if _is_number(each[key]))
            yield from ((f"{name} {key}", sum(each.get(key, 0) for each in listed)) for key in keys)
        elif _is_number(value):
            yield name, value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _plain(value: object) -> object:
    """Numbers, and texts that are names; of anything else nothing but that it was there."""
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value) if NAME.fullmatch(str(value)) else "?"


def said(argv: Sequence[str], option: str) -> str | None:
    """What a command line says after a word, or after it and '='."""
    for place, word in enumerate(argv):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and place + 1 < len(argv):
            return argv[place + 1]
    return None
