"""
Changes with four eyes, tenants, roles, pauses and a chained audit.

Revision ID: 0002
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PARTS = (
    "tenancy",
    "changes",
    "drafting",
    "policies",
    "lifecycle",
    "lists",
    "brakes",
    "parameters",
    "release",
    "pauses",
    "questions",
    "moves",
    "audit",
    "comments",
    "roles",
)
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0002_{part}.sql").read_text(encoding="utf-8"))
