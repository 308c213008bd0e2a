"""How many people must approve a change, as the database has it."""

from __future__ import annotations

from sqlalchemy import text

from rules_repo.connection import connected, translated


def require_approvals(url: str, needed: int, reason: str, plan_days: int | None = None) -> None:
    """
    Say how many people other than its authors must approve a change; the same again changes nothing.

    ``plan_days`` is how old the plan of its effect may be that they approve, too; 0 needs none, None leaves it.

    Raises:
        ChangeRefused: If that is fewer than before and there are rules already.
    """
    engine = connected(url)
    with translated(engine), engine.begin() as connection:
        if plan_days is not None or connection.execute(text("SELECT rules.approvals_needed()")).scalar_one() != needed:
            values = "(approvals_needed, reason, plan_days) VALUES (:needed, :reason, :days)"
            said = {"needed": needed, "reason": reason, "days": plan_days}
            connection.execute(text(f"INSERT INTO rules.governance {values}"), said)


def approvals_needed(url: str) -> int:
    """How many people other than its authors must approve a change; 0 is a tutorial."""
    engine = connected(url)
    with translated(engine), engine.connect() as connection:
        return int(connection.execute(text("SELECT rules.approvals_needed()")).scalar_one())
