"""
Keys that differ in capitals alone are one thing; an edit says of which days it is.

Revision ID: 0007
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTS = ("keys",)
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0007_{part}.sql").read_text(encoding="utf-8"))
