"""
DynamoDB Local: fetched from Maven Central, started and stopped on this machine.

Its licence allows development and tests, not production. It takes any
credentials and keeps its data under the home it was started with.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rules_engine.errors import Fault, RunRefused
from rules_engine.java import find_java

MODULE = Path(__file__).with_name("dynamodb_local.ivy.xml")
MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
SECONDS = 60
"""How long a server may take to start, or to end."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started: its process and port."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether the process lives and what listens on its port is a DynamoDB."""
        try:
            os.kill(self.pid, 0)
            urllib.request.urlopen(self.url, timeout=5).close()  # noqa: S310  the address is ours
        except urllib.error.HTTPError as reply:
            return "MissingAuthenticationToken" in reply.read().decode(errors="replace")
        except OSError:
            return False
        return False


def start(home: Path, jars: Path | None = None) -> str:
    """
    The endpoint of a DynamoDB Local with its data under ``home``; one that runs already is used.

    The first start fetches about 50 MB into ``jars`` (``home / "lib"`` unless given).

    Raises:
        RunRefused: If Java or PySpark is missing, the jars cannot be fetched, or the server does not start.
    """
    home = home.absolute()
    with _alone(home):
        if (server := _started(home)) and server.answers():
            return server.url
        java = find_java(home) / "bin" / "java"
        lib = (jars or home / "lib").absolute()
        fetch(lib, java.parent.parent)
        return _launch(home, lib, java).url


def stop(home: Path) -> bool:
    """End the server that was started with this home; False if none runs."""
    with _alone(home):
        server = _started(home)
        (home / "server.json").unlink(missing_ok=True)
        if server is None or not server.answers():
            return False
        os.kill(server.pid, signal.SIGTERM)
        _until(lambda: not server.answers())
        return True


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two programs never start or fetch the same thing at once."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _started(home: Path) -> Server | None:
    try:
        return Server(**json.loads((home / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def fetch(lib: Path, java_home: Path, module: Path | None = None) -> None:
    """
    Fetch the jars that an Ivy module asks for, and what these need, into a folder; nothing where it is there.

    Another program that fetches them just now is waited for.

    Raises:
        RunRefused: If they cannot be had.
    """
    with _alone(lib.parent / f"{lib.name}.fetch"):
        if not lib.is_dir():
            _fetch(lib, java_home, module or MODULE)


def _fetch(lib: Path, java_home: Path, module: Path) -> None:
    draft = lib.with_name(f"{lib.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    command = [str(java_home / "bin" / "java"), "-cp", f"{_resolver()}/*", "org.apache.ivy.Main", "-warn"]
    command += ["-ivy", str(module), "-cache", str(lib.with_name(f"{lib.name}.cache"))]
    command += ["-retrieve", f"{draft}/[artifact]-[revision](-[classifier]).[ext]"]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    if fetched.returncode or not draft.is_dir():
        said = "\n".join((fetched.stdout + fetched.stderr).strip().splitlines()[:5])
        remedy = "Check the network, then try again."
        raise RunRefused(Fault("DynamoDB Local", f"it could not be fetched: {said}", remedy))
    draft.rename(lib)


def _resolver() -> Path:
    """The folder of PySpark's jars, Ivy among them: what resolves Spark's packages resolves these."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.origin:
        raise RunRefused(
            Fault(
                "DynamoDB Local",
                "it is fetched by the resolver that comes with PySpark, which is not installed.",
                "Install the extra: pip install '.[local]'; or keep the history in PostgreSQL: `--history postgres`.",
            )
        )
    return Path(spec.origin).parent / "jars"


def _launch(home: Path, lib: Path, java: Path) -> Server:
    data = home / "data"
    data.mkdir(exist_ok=True)
    port = _free_port()
    options = ["-dbPath", str(data), "-sharedDb", "-port", str(port)]
    command = [str(java), "-cp", f"{lib}/*", f"-Dsqlite4java.library.path={lib}", MAIN, *options]
    environment = os.environ | {"DDB_LOCAL_TELEMETRY": "0"}
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    server = Server(process.pid, port)
    if not _until(lambda: server.answers() or process.poll() is not None) or process.poll() is not None:
        process.kill()
        said = "\n".join((home / "server.log").read_text().strip().splitlines()[-5:])
        raise RunRefused(Fault("DynamoDB Local", f"it did not start: {said}", f"Read {home / 'server.log'}."))
    (home / "server.json").write_text(json.dumps(asdict(server)))
    return server


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _until(done: Callable[[], bool]) -> bool:
    """Whether it came to be in the time a server may take."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.1)
    return False
