"""Two runs of one tenant at once: the second says since when and by whom the first goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.alone import alone
from rules_engine.errors import RunRefused
from tests import small_lake
from tests.functional.rules_command import RulesCommand

SINCE = datetime(2026, 6, 5, 14, 2, 11, tzinfo=UTC)


def test_the_second_run_is_refused_with_who_the_first_is(tmp_path: Path) -> None:
    """It is refused before Spark starts; when the first has ended, however it did, the next goes on."""
    small_lake.write(tmp_path / "lake")
    command = RulesCommand(tmp_path, {"RULES_LAKE": str(tmp_path / "lake" / "frames.toml")})
    command.fine("db", "upgrade")
    runs = tmp_path / "demo" / "runs" / "local_demo_postgres"
    with alone(str(runs), "demo", SINCE):
        code, (fault,) = command.refused("run")
        command.fine("down")
        with alone(str(runs.with_name("local_other_postgres")), "other", SINCE):
            pass
    assert (code, fault["which"]) == (5, "Tenant demo")
    assert fault["what"].startswith("a run of it has been going on since 2026-06-05 14:02:11 UTC, by ")
    with pytest.raises(RuntimeError, match="broken"), alone(str(runs), "demo", SINCE):
        raise RuntimeError("broken")
    with alone(str(runs), "demo", SINCE), pytest.raises(RunRefused), alone(str(runs), "demo", SINCE):
        pass


def test_every_answer_says_the_version_of_its_format(tmp_path: Path) -> None:
    """A list, an answer and an error alike."""
    command = RulesCommand(tmp_path, {"RULES_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    for words in ("db", "upgrade", "--sql"), ("doctor",), ("list",):
        assert '"format_version": 1' in command(*words, "--json").stdout.replace("\n", " ")[:30]
