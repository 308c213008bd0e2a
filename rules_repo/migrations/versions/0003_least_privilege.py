"""
Least privilege, walls between tenants, judgements at commit, and approvals of all that was read.

Revision ID: 0003
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PARTS = (
    "ownership",
    "tenants",
    "commit",
    "approvals",
    "brakes",
    "plans",
    "values",
    "questions",
    "drafts",
    "catalogue",
    "rights",
)
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for part in PARTS:
        connection.exec_driver_sql((SQL / f"0003_{part}.sql").read_text(encoding="utf-8"))
