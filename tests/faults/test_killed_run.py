"""A run killed anywhere and run again leaves the history that an undisturbed run leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from jobs.wiring import opened
from rules_engine.settings import Settings
from tests import small_lake
from tests.functional.test_console import RULES

CREATED = "2024-06-01T06:00:00Z"
MILESTONES = ("opened.json", "hits/_SUCCESS", "manifest.json")
"""What a run leaves on its way: its id is taken, its rules are evaluated, its publication begins."""


class Place:
    """A tenant of its own with three rules, in a home with a lake large enough to be killed over."""

    def __init__(self, home: Path, tenant: str) -> None:
        self.home, self.tenant = home, tenant
        self.environment = os.environ | {
            "RULES_HOME": str(home),
            "RULES_TENANT": tenant,
            "RULES_LAKE": str(home / "lake" / "frames.toml"),
            "RULES_SPARK_MEMORY": "1g",
        }
        self.rules("db", "upgrade")
        self.rules("db", "govern", "--approvals", "0", "--reason", "a test edits alone")
        self.rules("import", str(home / "rules.yaml"))

    def start(self, *words: str) -> subprocess.Popen[str]:
        rules = str(Path(sys.executable).with_name("rules"))
        return subprocess.Popen(
            [rules, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def rules(self, *words: str) -> str:
        process = self.start(*words)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said
        return said

    def run(self) -> str:
        return self.rules("run", "--as-of", "2024-06-01", "--created-at", CREATED)

    def killed(self, when: Callable[[], bool]) -> None:
        """Start a run and kill it and its JVM outright as soon as ``when`` says so."""
        process = self.start("run", "--as-of", "2024-06-01", "--created-at", CREATED)
        while process.poll() is None and not when():
            time.sleep(0.01)
        assert process.poll() is None, f"the run ended before it could be killed: {process.communicate()[0]}"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def left(self, milestone: str) -> bool:
        return any(self.home.glob(f"{self.tenant}/runs/*/*/{milestone}"))

    def history(self) -> list[tuple[object, ...]]:
        """Every row of the history, as the database holds it."""
        with opened(Settings.read(self.environment)) as installation:
            connection = psycopg2.connect(installation.database_url)
            with closing(connection), connection.cursor() as cursor:
                table = f'history."{installation.history_table}"'
                cursor.execute(f"SELECT * FROM {table} ORDER BY subject, sort_key")
                return cursor.fetchall()


@pytest.fixture
def places() -> Iterator[tuple[Place, Place]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        small_lake.write(home / "lake", customers=20_000)
        declared = home / "lake" / "frames.toml"
        declared.write_text(f'snapshots = "contents"\n{declared.read_text("utf-8")}', encoding="utf-8")
        (home / "rules.yaml").write_text(RULES, encoding="utf-8")
        undisturbed, killed = Place(home, "undisturbed"), Place(home, "killed")
        yield undisturbed, killed
        killed.rules("down")


def test_a_killed_run_run_again_leaves_what_an_undisturbed_one_leaves(places: tuple[Place, Place]) -> None:
    """Killed after it was opened, after its evaluation and while it publishes; then the same records, each once."""
    undisturbed, disturbed = places
    undisturbed.run()
    expected = undisturbed.history()
    assert len(expected) > 10_000
    for milestone in MILESTONES:
        disturbed.killed(lambda wanted=milestone: disturbed.left(wanted))
        assert not disturbed.left("published.json")
    disturbed.run()
    assert disturbed.history() == expected
    assert "nothing inserted" in disturbed.run()
