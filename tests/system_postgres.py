"""PostgreSQL as the system's packages have it: tests run on other versions than the wheel's, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rules_repo.connection import OLDEST

PACKAGES = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu put the programs of each version."""


def installed() -> list[int]:
    """The versions that are installed here and that the schema is written for."""
    found = (int(folder.name) for folder in PACKAGES.glob("*") if (folder / "bin/initdb").exists())
    return sorted(version for version in found if version >= OLDEST)


@contextmanager
def server(version: int) -> Iterator[str]:
    """A server on a unix socket that is gone afterwards; the URL of its maintenance database."""
    owner = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="rules-system-postgres-"))
    if owner:
        shutil.chown(folder, owner)
    folder.chmod(0o755)  # whoever is the client reaches the socket in it

    def call(program: str, *words: str) -> None:
        command = [str(PACKAGES / str(version) / "bin" / program), "-D", str(folder / "data"), *words]
        subprocess.run(command, check=True, user=owner, stdout=subprocess.DEVNULL, cwd=folder)

    try:
        call("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-h '' -k {folder} -c fsync=off", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
