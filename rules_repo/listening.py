"""
Where the embedded PostgreSQL listens: on a unix socket, and on the loopback address while somebody wants it to.

What a client needs for the latter is kept beside the server's folder in PostgreSQL's own format of passwords
(``postgres.pgpass``), readable by nobody else.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

from psycopg2.extensions import encrypt_password

from rules_engine.errors import ChangeRefused, Fault
from rules_repo.connection import bare

ADDRESS = "127.0.0.1"
LOGIN = "postgres"
SOCKET_PORT = 5432
"""What the socket's name ends with where no port was asked for."""

SECONDS = 120
"""How long a server may take to start: after a crash it reads its log again."""

KEPT = re.compile(rf"{re.escape(ADDRESS)}:([0-9]+):\*:{LOGIN}:([A-Za-z0-9_-]+)\n")
TRUSTED = re.compile(r"^(host.*\s)trust\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a running server listens; ``host`` is empty where it has a socket alone."""

    folder: str
    port: int
    host: str

    @property
    def url(self) -> str:
        """The maintenance database over the socket, which asks for no password."""
        port = "" if self.port == SOCKET_PORT else f"&port={self.port}"
        return f"postgresql://{LOGIN}@/postgres?host={quote(self.folder, safe='')}{port}"


@dataclass(frozen=True, slots=True)
class Loopback:
    """What a client on this machine needs to connect by TCP, and the file that keeps it."""

    port: int
    password: str
    file: Path

    def url(self, database: str) -> str:
        return f"postgresql://{LOGIN}:{self.password}@{ADDRESS}:{self.port}/{database}"

    def jdbc(self, database: str) -> str:
        """Without what the driver adds to a refusal: the lines of the functions that it came from."""
        return f"jdbc:postgresql://{ADDRESS}:{self.port}/{database}?logServerErrorDetail=false"


def place(data_dir: Path) -> Place:
    """Where the server of this folder says that it listens."""
    lines = (data_dir / "postmaster.pid").read_text().splitlines()
    return Place(lines[4].strip(), int(lines[3]), lines[5].strip())


def server_of(wheel: ModuleType, port: int | None = None) -> Any:
    """The wheel's server, launched as :func:`launch` has it; with a port it is launched anew if it does not listen."""

    untyped: Any = wheel.PostgresServer

    class Server(untyped):  # type: ignore[misc]
        """What makes and starts the server while it holds the wheel's lock."""

        def ensure_postgres_running(self) -> None:
            running = wheel.postgres_server.PostmasterInfo.read_from_pgdata(self.pgdata)
            up = running is not None and running.is_running()
            if up and (port is None or place(self.pgdata).host == ADDRESS):
                return
            launch(wheel, self.pgdata, self.system_user, port, again=up)

    return Server


def launch(wheel: ModuleType, data_dir: Path, owner: str | None, port: int | None, *, again: bool) -> None:
    """Start the server, or stop and start it, on its socket and, where a port is given, on the loopback address."""
    folder = wheel.postgres_server.find_suitable_socket_dir(data_dir, wheel.PostgresServer.runtime_path)
    if owner is not None and folder != data_dir:
        wheel.postgres_server.ensure_prefix_permissions(folder)
        folder.chmod(0o777)
    socket_folder = '"' + str(folder).replace('"', '""') + '"'
    words = ["-h", ADDRESS if port else "", "-p", str(port or SOCKET_PORT), "-k", socket_folder]
    command = [program(wheel, "pg_ctl"), "-D", str(data_dir), "-w", "-t", str(SECONDS), "-l", str(data_dir / "log")]
    command += ["-o", shlex.join(words), "-m", "fast", "restart" if again else "start"]
    quiet = subprocess.DEVNULL  # a pipe would be kept open by the server
    try:
        subprocess.run(command, check=True, stdin=quiet, stdout=quiet, stderr=quiet, timeout=SECONDS + 10, user=owner)
    except subprocess.CalledProcessError as problem:
        log = data_dir / "log"
        said = log.read_text(errors="replace").strip().splitlines()[-3:] if log.exists() else ["pg_ctl gave no reason"]
        raise RuntimeError(" ".join(said).rstrip(".")) from problem


def program(wheel: ModuleType, name: str) -> str:
    """One of PostgreSQL's own programs, as the wheel has it."""
    return str(Path(wheel.__file__ or "").parent / "pginstall" / "bin" / name)


def kept_in(data_dir: Path) -> Path:
    """The file that keeps port and password."""
    return data_dir.with_name(f"{data_dir.name}.pgpass")


def kept(data_dir: Path) -> tuple[int, str]:
    """The port and the password of the last time; a new one where there are none, or others could have read them."""
    file = kept_in(data_dir)
    port, password = 0, ""
    if file.exists() and not file.stat().st_mode & 0o077 and (found := KEPT.fullmatch(file.read_text())):
        port, password = int(found[1]), found[2]
    return port if _free(port) else _free_port(), password or secrets.token_urlsafe(24)


def admit(data_dir: Path, port: int, password: str) -> Loopback:
    """Give the login its password, of which the server sees the verifier alone, and keep it for the next time."""
    with bare(place(data_dir).url) as connection, connection.cursor() as cursor:
        verifier = encrypt_password(password, LOGIN, connection, "scram-sha-256")
        cursor.execute(f"ALTER ROLE {LOGIN} PASSWORD %s", (verifier,))
        connection.commit()
    file = kept_in(data_dir)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{ADDRESS}:{port}:*:{LOGIN}:{password}\n")
    draft.replace(file)
    return Loopback(port, password, file)


def ask_for_passwords(data_dir: Path) -> None:
    """Let nobody in by TCP without one, before the server listens there."""
    rules = data_dir / "pg_hba.conf"
    said = rules.read_text()
    wanted = TRUSTED.sub(r"\1scram-sha-256", said)
    if said != wanted:
        rules.write_text(wanted)


def refuse_if_busy(data_dir: Path) -> None:
    """
    To listen elsewhere the server is started anew, which ends the sessions it has.

    Raises:
        ChangeRefused: If there is one.
    """
    with bare(place(data_dir).url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT usename, coalesce(nullif(application_name, ''), 'a client'), to_char(backend_start AT TIME ZONE"
            " 'UTC', 'HH24:MI') FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        busy = [f"{login} by {program} since {since} UTC" for login, program, since in cursor.fetchall()]
    if busy:
        what = f"it must be started anew to listen on {ADDRESS}, and sessions are open: {'; '.join(busy)}."
        raise ChangeRefused(Fault("Embedded PostgreSQL", what, "End them, then ask again."))


def _free(port: int) -> bool:
    with socket.socket() as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((ADDRESS, port))
        except OSError:
            return False
    return port > 0


def _free_port() -> int:
    with socket.socket() as trying:
        trying.bind((ADDRESS, 0))
        return int(trying.getsockname()[1])
