"""Runs the migrations on the connection that :mod:`rules_repo.schema` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from rules_repo.schema import SCHEMA

connection = context.config.attributes["connection"]
connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
context.configure(
    connection=connection,
    version_table="schema_version",
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
