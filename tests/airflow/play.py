"""Plays the workflows in a real Airflow on this machine, against the tests' stand-in of AWS: `make airflow`."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import conftest
from moto.server import ThreadedMotoServer

HOME = conftest.ROOT / "build" / "airflow"
PATIENCE = 30
"""Seconds that Airflow is given to end by itself."""


def main() -> int:
    """Start the stand-in and Airflow; the stand-in ends when Airflow does."""
    HOME.mkdir(parents=True, exist_ok=True)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint, stop = f"http://{host}:{port}", threading.Event()
    aws = conftest.Aws(endpoint)
    threading.Thread(target=aws.work, args=(stop,), daemon=True).start()
    told = os.environ | {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": endpoint,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it starts itself by its name
    }
    told |= {f"AIRFLOW_VAR_RULES_{name}": value for name, value in _places(aws).items()}
    # Ctrl-C is for this program alone: of a second signal Airflow's parts may wait for each other for good.
    airflow = subprocess.Popen(
        [Path(sys.executable).with_name("airflow"), "standalone"], env=told, start_new_session=True
    )
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    try:
        return airflow.wait()
    except KeyboardInterrupt:
        airflow.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            airflow.wait(PATIENCE)
        return 130
    finally:
        with suppress(ProcessLookupError):
            os.killpg(airflow.pid, signal.SIGKILL)
        stop.set()
        server.stop()


def _places(aws: conftest.Aws) -> dict[str, str]:
    """Variables of the other workflows: what they run on, and the role of each step, which EMR Serverless wants."""
    shared = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
    return {
        "SETUP_SECRET": "rules/setup",
        "CLUSTER_ID": aws.emr.run_job_flow(Name="shared", Instances=shared)["JobFlowId"],
        "SERVERLESS_APPLICATION": aws.serverless.create_application(
            name="rules", releaseLabel="emr-7.13.0", type="SPARK"
        )["applicationId"],
        **{f"{name.upper()}_ROLE": f"arn:aws:iam::123456789012:role/{name}" for name in conftest.ROLES},
    }


if __name__ == "__main__":
    sys.exit(main())
