"""How many people must approve a change, as the database has it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from rules_repo.connection import connected, translated


def require_approvals(
    url: str, needed: int, reason: str, plan_days: int | None = None, *, without_spark: bool | None = None
) -> None:
    """
    Say how many people other than its authors must approve a change; the same again changes nothing.

    ``plan_days`` is how old the plan of its effect may be that they approve, too; 0 needs none, None leaves it;
    ``without_spark`` is whether an approval takes a check that asked no Spark.

    Raises:
        ChangeRefused: If that is fewer than before and there are rules already.
    """
    engine = connected(url)
    with translated(engine), engine.begin() as connection:
        known = connection.execute(text("SELECT rules.approvals_needed()")).scalar_one()
        if plan_days is not None or without_spark is not None or known != needed:
            values = "(approvals_needed, reason, plan_days, without_spark) VALUES (:needed, :reason, :days, :without)"
            said = {"needed": needed, "reason": reason, "days": plan_days, "without": without_spark}
            connection.execute(text(f"INSERT INTO rules.governance {values}"), said)


@dataclass(frozen=True, slots=True)
class Needed:
    """What an approval needs: of how many people, a plan how old (0 for none), and whether a check that asked Spark."""

    approvals: int
    plan_days: int
    without_spark: bool


def in_force(url: str) -> Needed:
    """What the tenant's approvals need now; what one admin proposes does not count yet."""
    query = """SELECT coalesce(max(g.plan_days), max(t.plan_days), 0), coalesce(bool_or(g.without_spark), false)
        FROM rules.tenant AS t LEFT JOIN LATERAL (SELECT * FROM rules.governance AS g
            WHERE g.tenant = t.key AND g.in_force ORDER BY g.id DESC LIMIT 1) AS g ON true
        WHERE t.key = rules.tenant()"""
    engine = connected(url)
    with translated(engine), engine.connect() as connection:
        plan_days, without_spark = connection.execute(text(query)).one()
        return Needed(approvals_needed(url), plan_days, without_spark)


def approvals_needed(url: str) -> int:
    """How many people other than its authors must approve a change; 0 is a tutorial."""
    engine = connected(url)
    with translated(engine), engine.connect() as connection:
        return int(connection.execute(text("SELECT rules.approvals_needed()")).scalar_one())
