"""
Whom a check asked: checks that asked no Spark are worth less.

Revision ID: 0004
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PARTS = ("begun", "commit", "checks", "plans", "governance", "overview", "ended")
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0004_{part}.sql").read_text(encoding="utf-8"))
