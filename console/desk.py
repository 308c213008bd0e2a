"""What every command works at: settings, a screen, a log; and what becomes of an error there."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from console.screen import Screen
from rules_engine.errors import Fault, RulesError, RunInterrupted, RunRefused
from rules_engine.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else on stdout.")]
History = Annotated[str | None, typer.Option("--history", help="postgres, dynamodb or dynamodb-local.")]


FULL = (errno.ENOSPC, errno.EDQUOT)
MAKE_ROOM = "Make room, and run the same again: it completes what is missing."


class Desk:
    """A command's settings (read when first asked for), screen and log."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._settings: Settings | None = None

    def settings(self, **said: str | None) -> Settings:
        """
        The settings of the environment; what the command line says (``history="dynamodb"``) goes before them.

        Raises:
            RunRefused: With every fault at once.
        """
        spoken = {f"RULES_{name.upper()}": value for name, value in said.items() if value is not None}
        self._settings = Settings.read({**os.environ, **spoken})
        return self._settings

    @property
    def log_file(self) -> Path | None:
        """Where the log is; None until the settings are known."""
        return Path(self._settings.home) / "log" / "rules.jsonl" if self._settings else None

    def log(self, event: str, **values: object) -> None:
        """One JSON line; callers give ids and counts, never a subject's key or a message that may hold one."""
        if self.log_file is None:
            return
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            with self.log_file.open("a", encoding="utf-8") as file:
                _logger(file).info(event, **values)
        except OSError as problem:
            self.screen.note(f"The log {self.log_file} cannot be written: {problem.strerror}.")


def writing(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`at_desk`, of a command of which somebody asks, when it is refused, whether anything was written."""
    return at_desk(command, writes=True)


def at_desk(command: Callable[..., None], *, writes: bool = False) -> Callable[..., None]:
    """
    Make a command of a function: it gains ``--json``, loses ``desk``, and its errors become exit codes.

    A deliberate error is shown fault by fault; any other is one line that names the log.
    """

    @functools.wraps(command)
    def shown(**said: Any) -> None:
        desk = Desk(Screen(as_json=said.pop("as_json", False), writes=writes))
        started = time.monotonic()
        code = _exit_code(desk, lambda: command(desk, **said))
        desk.log(
            "command ended", command=command.__name__, exit_code=code, seconds=round(time.monotonic() - started, 3)
        )
        if code:
            raise typer.Exit(code)

    _as_typer_reads_it(shown, command)
    return shown


def _exit_code(desk: Desk, work: Callable[[], None]) -> int:
    try:
        work()
    except RulesError as error:
        desk.screen.refuse(error)
        desk.log("refused", error=type(error).__name__, codes=[f.code for f in error.faults], faults=len(error.faults))
        return error.exit_code
    except typer.Exit as left:
        return int(left.exit_code)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  the reader went away: say no more
        return 0
    except KeyboardInterrupt:
        desk.screen.note("Stopped. Running the same again completes what is missing.")
        return 130
    except Exception as problem:  # the last stand: one line and the log, never a traceback
        desk.log("unexpected error", error=type(problem).__qualname__, at=_where(problem))
        unexpected: RulesError = RulesError(Fault("Unexpected error", _one_line(problem), _see(desk.log_file)))
        if getattr(problem, "errno", None) in FULL:
            unexpected = RunInterrupted(Fault("Disk", f"no room is left: {_one_line(problem)}", MAKE_ROOM))
        desk.screen.refuse(unexpected)
        return unexpected.exit_code
    return 0


def _as_typer_reads_it(shown: Callable[..., None], command: Callable[..., None]) -> None:
    signature = inspect.signature(command, eval_str=True)
    _, *options = signature.parameters.values()
    json_option = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in options]
    shown.__signature__ = signature.replace(parameters=[*own, json_option])  # type: ignore[attr-defined]
    shown.__annotations__ = {p.name: p.annotation for p in (*own, json_option)}
    del shown.__wrapped__  # type: ignore[attr-defined]


def _logger(file: Any) -> Any:
    import structlog  # it takes longer to load than most commands take

    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)
    as_json = structlog.processors.JSONRenderer(sort_keys=True)
    processors: list[Any] = [structlog.processors.add_log_level, stamped, as_json]
    return structlog.wrap_logger(structlog.WriteLogger(file), processors=processors)


def _where(problem: Exception) -> list[str]:
    """The call stack without the values on it: a message or a local may hold personal data."""
    return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(problem.__traceback__)]


def _one_line(problem: Exception) -> str:
    said = str(problem).strip().splitlines()
    return f"{type(problem).__name__}{': ' + said[0] if said else ''}."


def _see(log: Path | None) -> str:
    return f"Where it happened is in {log}: report it with that line." if log else "Report it."


def now() -> datetime:
    """The clock: read here, at the entry point, and nowhere below."""
    return datetime.now(UTC)


def day(text: str | None, option: str) -> date | None:
    """
    A day as a person types it.

    Raises:
        RunRefused: If it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as problem:
        raise RunRefused(Fault(option, f"'{text}' is no day.", "Write it as 2024-06-01.")) from problem


def moment(text: str | None, option: str) -> datetime | None:
    """
    A moment as a person types it; without an offset it is UTC.

    Raises:
        RunRefused: If it is none.
    """
    try:
        read = datetime.fromisoformat(text) if text else None
    except ValueError as problem:
        remedy = "Write it as 2024-06-01T08:00:00Z."
        raise RunRefused(Fault(option, f"'{text}' is no moment.", remedy)) from problem
    return read.replace(tzinfo=UTC) if read and read.tzinfo is None else read
