"""The tables of the schema ``rules`` for changes, their approval and their audit, as the migrations leave them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, JSONB, ExcludeConstraint

from rules_repo.tables import by_change, clock, metadata, rule_identity, tenant, whose, wording


def _number() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _required(name: str, type_: Any = Text) -> Column[Any]:
    return Column(name, type_, nullable=False)


def _moment(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


def _of_change(primary_key: bool = False) -> Column[int]:
    return Column("change_id", BigInteger, ForeignKey(change.c.id), nullable=False, primary_key=primary_key)


Table(
    "tenant_login",
    metadata,
    Column("tenant", Text, ForeignKey(tenant.c.key), primary_key=True),
    Column("login", Text, primary_key=True),
)
Table(
    "governance",
    metadata,
    _number(),
    whose(),
    _required("approvals_needed", Integer),
    _required("reason"),
    _required("set_by"),
    _moment("set_at"),
)
change = Table(
    "change",
    metadata,
    _number(),
    whose(),
    *(_required(name) for name in ("title", "reason", "author", "state")),
    _required("edition", Integer),
    Column("edited_in", BigInteger),
    _moment("created_at"),
    _required("moved_by"),
    _moment("moved_at"),
    Column("released_in", BigInteger),
)
Table("change_author", metadata, _of_change(True), Column("login", Text, primary_key=True), whose())
draft_rule = Table(
    "draft_rule",
    metadata,
    _of_change(True),
    Column("rule_id", BigInteger, ForeignKey(rule_identity.c.id), primary_key=True),
    whose(),
    _required("base", ARRAY(BigInteger)),
    _required("open", Boolean),
)
Table(
    "draft_row",
    metadata,
    _number(),
    _required("change_id", BigInteger),
    _required("rule_id", BigInteger),
    whose(),
    *wording(),
    _required("effective", DATERANGE),
    Column("version", Integer),
    Column("derived_from", BigInteger),
    _required("edited", Boolean),
    _required("content_hash"),
    ForeignKeyConstraint(
        ["change_id", "rule_id"],
        [draft_rule.c.change_id, draft_rule.c.rule_id],
        name="draft_row_rule_fkey",
        ondelete="CASCADE",
    ),
    ExcludeConstraint(
        (text("int8range(change_id, change_id, '[]')"), "&&"),
        (text("int8range(rule_id, rule_id, '[]')"), "&&"),
        ("effective", "&&"),
        name="draft_row_no_overlap",
        deferrable=True,
        initially="IMMEDIATE",
    ),
)
Table(
    "draft_policy",
    metadata,
    _of_change(True),
    Column("object", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    whose(),
    _required("content", JSONB),
    Column("base", BigInteger),
    _required("open", Boolean),
)
Table(
    "check_result",
    metadata,
    _number(),
    _of_change(),
    whose(),
    _required("edition", Integer),
    _required("content_hash"),
    _required("passed", Boolean),
    _required("findings"),
    _required("checked_by"),
    _moment("checked_at"),
)
Table(
    "approval",
    metadata,
    _number(),
    _of_change(),
    whose(),
    _required("edition", Integer),
    _required("content_hash"),
    _required("granted", Boolean),
    _required("reason"),
    _required("approver"),
    _moment("approved_at"),
)
Table(
    "release",
    metadata,
    _of_change(True),
    whose(),
    _required("content_hash"),
    _required("approvals_needed", Integer),
    _required("approvers", ARRAY(Text)),
    _required("released_by"),
    _moment("released_at"),
)
Table("release_freeze", metadata, _number(), whose(), _moment("until"), _required("reason"), *clock())
Table(
    "rule_pause",
    metadata,
    _number(),
    whose(),
    Column("rule_id", BigInteger, ForeignKey(rule_identity.c.id), nullable=False),
    _required("effective", DATERANGE),
    _required("reason"),
    *clock(),
    ExcludeConstraint(
        (text("int8range(rule_id, rule_id, '[]')"), "&&"),
        ("effective", "&&"),
        ("recorded", "&&"),
        name="rule_pause_no_overlap",
        deferrable=True,
        initially="IMMEDIATE",
    ),
)
parameter_identity = Table(
    "parameter_identity",
    metadata,
    _number(),
    whose(),
    _required("name"),
    UniqueConstraint("tenant", "name", name="parameter_identity_name_key"),
)
Table(
    "parameter_version",
    metadata,
    _number(),
    whose(),
    Column("parameter_id", BigInteger, ForeignKey(parameter_identity.c.id), nullable=False),
    _required("value", JSONB),
    _required("description"),
    *clock(),
    by_change(),
    ExcludeConstraint(
        (text("int8range(parameter_id, parameter_id, '[]')"), "&&"),
        ("recorded", "&&"),
        name="parameter_version_no_overlap",
        deferrable=True,
        initially="IMMEDIATE",
    ),
)
reference_list_identity = Table(
    "reference_list_identity",
    metadata,
    _number(),
    whose(),
    _required("name"),
    UniqueConstraint("tenant", "name", name="reference_list_identity_name_key"),
)
Table(
    "reference_list_version",
    metadata,
    _number(),
    whose(),
    Column("list_id", BigInteger, ForeignKey(reference_list_identity.c.id), nullable=False),
    _required("columns", JSONB),
    _required("rows", JSONB),
    _required("description"),
    *clock(),
    by_change(),
    ExcludeConstraint(
        (text("int8range(list_id, list_id, '[]')"), "&&"),
        ("recorded", "&&"),
        name="reference_list_version_no_overlap",
        deferrable=True,
        initially="IMMEDIATE",
    ),
)
Table(
    "audit_entry",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _moment("at"),
    _required("login"),
    _required("transaction", BigInteger),
    Column("tenant", Text),
    _required("relation"),
    _required("operation"),
    _required("row_key", JSONB),
    Column("before", JSONB),
    Column("after", JSONB),
    _required("reason"),
    _required("previous"),
    _required("hash"),
)

whole_schema = metadata
"""All tables: those of this module and those it builds on."""
