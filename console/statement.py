"""One SQL statement on the rules repository, and its refusal in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rules_repo.connection import connected, translated


@dataclass(frozen=True, slots=True)
class Done:
    """What a statement came to; without columns it returned no rows and ``count`` is how many it changed."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    count: int


def execute(url: str, statement: str) -> Done:
    """
    Run a statement in a transaction of its own.

    Raises:
        RunRefused: If the database cannot be reached.
        ChangeRefused: If the database refuses the statement; nothing was changed.
    """
    engine = connected(url)
    with translated(engine), engine.begin() as connection:
        result = connection.exec_driver_sql(statement.replace("%", "%%"))
        rows = tuple(tuple(row) for row in result) if result.returns_rows else ()
        return Done(tuple(result.keys()) if result.returns_rows else (), rows, result.rowcount)
