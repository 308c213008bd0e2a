"""Two sessions that interleave, one of which commits late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from tests.functional.conftest import Sql, runner
from tests.security.attackers import Siege


@contextmanager
def session(siege: Siege, login: str, *settings: str) -> Iterator[Sql]:
    """A session that stays open; what it has not committed at the end is undone."""
    connection = siege.office.connection(login)
    connection.autocommit = True
    run = runner(connection)
    try:
        for setting in ("SET lock_timeout = '5s'", *settings):
            run(setting)
        yield run
    finally:
        connection.close()


def refused(run: Sql, *statements: str) -> str:
    """What the first of these statements that is refused is told; empty if none is. The transaction is over then."""
    try:
        for statement in statements:
            run(statement)
    except psycopg2.Error as told:
        run("ROLLBACK")
        return told.diag.message_primary or str(told)
    return ""
