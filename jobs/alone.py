"""One run at a time of a tenant on a machine: who comes second is told since when, and by whom, the first goes on."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from rules_engine.errors import Fault, RunRefused


@contextmanager
def alone(runs: str, tenant: str, started: datetime) -> Iterator[None]:
    """
    Hold a folder of runs by a file beside it; whoever is killed lets go of it.

    Elsewhere than on this machine the history's chain decides: of two runs one comes next.

    Raises:
        RunRefused: If another program holds them.
    """
    if "://" in runs:
        yield
        return
    file = Path(f"{runs}.running")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise RunRefused(_held_by(file, tenant)) from problem
        held.truncate(0)
        said = {"since": f"{started:%Y-%m-%d %H:%M:%S} UTC", "by": _login(), "pid": os.getpid()}
        json.dump(said | {"host": socket.gethostname()}, held)
        held.flush()
        yield


def _held_by(file: Path, tenant: str) -> Fault:
    what = "a run of it is going on."
    with suppress(OSError, ValueError, KeyError):  # it has begun this very moment
        said = json.loads(file.read_text(encoding="utf-8"))
        what = (
            f"a run of it has been going on since {said['since']}, by {said['by']} on {said['host']} "
            f"(process {said['pid']})."
        )
    return Fault(f"Tenant {tenant}", what, "Wait until it has ended, then say the same again.")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"
