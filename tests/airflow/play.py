"""Plays the workflows in a real Airflow on this machine, against the tests' stand-in of AWS: `make airflow`."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import conftest
from moto.server import ThreadedMotoServer

HOME = conftest.ROOT / "build" / "airflow"


def main() -> int:
    """Start the stand-in and Airflow; the stand-in ends when Airflow does."""
    HOME.mkdir(parents=True, exist_ok=True)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint, stop = f"http://{host}:{port}", threading.Event()
    threading.Thread(target=conftest.Aws(endpoint).work, args=(stop,), daemon=True).start()
    told = os.environ | {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": endpoint,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it starts itself by its name
    }
    program = Path(sys.executable).with_name("airflow")
    try:
        return subprocess.run([program, "standalone"], env=told, check=False).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        stop.set()
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
