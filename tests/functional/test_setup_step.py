"""Setting up from the job zip alone: the schema gets there, and again changes nothing; missing tables are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from moto import mock_aws

from jobs import job_zip, setup_step
from rules_engine.errors import RunRefused
from rules_repo.schema import HEAD

PROGRAM = """
import sys
from jobs.setup_step import upgraded
print(upgraded(sys.argv[1]), upgraded(sys.argv[1]), sys.modules["rules_repo"].__file__)
"""


def test_the_schema_gets_there_from_the_zip(empty_database_url: str, tmp_path: Path) -> None:
    """Alembic reads migrations from a folder: the step unpacks them, and its modules come from there."""
    zipped = job_zip.build(tmp_path / "rules.zip")
    command = [sys.executable, "-c", PROGRAM, empty_database_url]
    told = {"PYTHONPATH": str(zipped), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=told, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, again, where = done.stdout.split()
    assert (first, again) == (HEAD, HEAD)
    assert "migrations-" in where


def test_tables_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both at once, before the schema is touched."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    words = "--environment prod --tenant acme --database-secret none --region eu-west-1"
    with mock_aws(), pytest.raises(RunRefused) as refused:
        setup_step.step(words.split())
    table = "prod_acme_memberships_history"
    assert [fault.which for fault in refused.value.faults] == [f"Table {table}", f"Table {table}_chain"]
