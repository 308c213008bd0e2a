"""How many people must approve a change, as the database has it."""

from __future__ import annotations

from sqlalchemy import text

from rules_repo.connection import connected, translated


def require_approvals(url: str, needed: int, reason: str) -> None:
    """
    Say how many people other than its authors must approve a change; the same again changes nothing.

    Raises:
        ChangeRefused: If that is fewer than before and there are rules already.
    """
    engine = connected(url)
    with translated(engine), engine.begin() as connection:
        if connection.execute(text("SELECT rules.approvals_needed()")).scalar_one() != needed:
            connection.execute(
                text("INSERT INTO rules.governance (approvals_needed, reason) VALUES (:needed, :reason)"),
                {"needed": needed, "reason": reason},
            )


def approvals_needed(url: str) -> int:
    """How many people other than its authors must approve a change; 0 is a tutorial."""
    engine = connected(url)
    with translated(engine), engine.connect() as connection:
        return int(connection.execute(text("SELECT rules.approvals_needed()")).scalar_one())
