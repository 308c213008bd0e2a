"""The embedded server starts whatever was left of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psycopg2

from rules_repo import embedded


def test_data_whose_making_was_killed_are_set_aside() -> None:
    """A first start killed half-way leaves a folder that no server can use; the next start makes a fresh one."""
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "postgres"
        data.mkdir()
        (data / "postmaster.pid").write_text("-4711\n")
        (data / "PG_VERSION").write_text("18\n")
        try:
            url = embedded.start(data)
            with psycopg2.connect(url) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,)
            assert (Path(place) / "postgres.half-made" / "PG_VERSION").exists()
            assert embedded.start(data) == url
        finally:
            embedded.stop(data)
    assert not embedded.is_running(data)
