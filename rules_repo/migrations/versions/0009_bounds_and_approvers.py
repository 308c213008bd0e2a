"""
Texts have bounds, plans are of moments that can be, and approvals count while their approvers may approve.

Revision ID: 0009
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PARTS = ("lengths", "plans", "approvals", "commit", "ended")
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0009_{part}.sql").read_text(encoding="utf-8"))
