"""
Plans tell nothing of other tenants' texts, and no client that does not read keeps others waiting.

Revision ID: 0008
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PARTS = ("walls", "commit", "plans", "values", "reasons", "ended")
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0008_{part}.sql").read_text(encoding="utf-8"))
