"""
Keys that differ in capitals alone are refused of two who draft at once, too; an UPDATE is read as PostgreSQL reads it.

Revision ID: 0008
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PARTS = ("keys",)
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0008_{part}.sql").read_text(encoding="utf-8"))
