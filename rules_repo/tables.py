r"""
The tables of the schema ``rules``, as the migrations leave them.

What each column means is said once, in the database's own comments, where
analysts read it: ``\d+ rules.rule_version`` in psql, or any other client.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, TSTZRANGE, ExcludeConstraint

from rules_repo.schema import SCHEMA

metadata = MetaData(schema=SCHEMA)

tenant = Table("tenant", metadata, Column("key", Text, primary_key=True), Column("description", Text, nullable=False))


def whose() -> Column[str]:
    """Whose row it is; the session's tenant unless it is said."""
    return Column("tenant", Text, ForeignKey(tenant.c.key), nullable=False, server_default=text("rules.tenant()"))


def by_change() -> Column[int]:
    """The change that published the row; the tables of changes are in another module, and name their key as text."""
    return Column("change_id", BigInteger, ForeignKey("rules.change.id"))


def words(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def _json(name: str) -> Column[dict[str, object]]:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def clock() -> list[Column[object]]:
    """Between which moments a row was what was known, and who opened and closed it."""
    return [
        Column("recorded", TSTZRANGE, nullable=False),
        Column("recorded_by", Text, nullable=False, server_default=text("SESSION_USER")),
        Column("closed_by", Text),
        Column("opened_in", BigInteger, nullable=False),
        Column("closed_in", BigInteger),
    ]


category = Table("category", metadata, Column("key", Text, primary_key=True), words("description"))
rule_type = Table("rule_type", metadata, Column("key", Text, primary_key=True), words("description"))
reason_code = Table("reason_code", metadata, Column("code", Text, primary_key=True), words("text"))

membership_type_identity = Table(
    "membership_type_identity",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    whose(),
    UniqueConstraint("tenant", "key", name="membership_type_identity_key_key"),
)

membership_type_version = Table(
    "membership_type_version",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("membership_type_id", BigInteger, ForeignKey(membership_type_identity.c.id), nullable=False),
    words("name"),
    words("strategy", "weight_sum"),
    Column("margin", BigInteger, nullable=False, server_default=text("1")),
    words("tie", "deny"),
    Column("veto_weight", Integer),
    *clock(),
    whose(),
    by_change(),
    CheckConstraint("tie = 'deny' OR margin = 1", name="membership_type_version_tie_margin_check"),
    ExcludeConstraint(
        (text("int8range(membership_type_id, membership_type_id, '[]')"), "&&"),
        ("recorded", "&&"),
        name="membership_type_version_no_overlap",
        deferrable=True,
        initially="IMMEDIATE",
    ),
)

rule_identity = Table(
    "rule_identity",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    whose(),
    UniqueConstraint("tenant", "key", name="rule_identity_key_key"),
)


def wording() -> list[Column[Any]]:
    """What a rule says: published, or as a draft."""
    return [
        words("name"),
        Column("kind", Text, nullable=False),
        Column("membership_type", Text, nullable=False),
        Column("weight", Integer, nullable=False),
        Column("category", Text, ForeignKey(category.c.key)),
        Column("rule_type", Text, ForeignKey(rule_type.c.key)),
        Column("form", Text, nullable=False),
        words("frame"),
        Column("sql", Text, nullable=False),
        _json("parameters"),
        words("when_unknown", "miss"),
        Column("reason_code", Text, ForeignKey(reason_code.c.code)),
        words("reason_text"),
        words("owner"),
        Column("override", Boolean, nullable=False, server_default=text("false")),
        Column("shadow", Boolean, nullable=False, server_default=text("false")),
        _json("metadata"),
    ]


rule_version = Table(
    "rule_version",
    metadata,
    Column("rule_id", BigInteger, ForeignKey(rule_identity.c.id), primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    *wording(),
    Column("created_by", Text, nullable=False, server_default=text("SESSION_USER")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("content_hash", Text, nullable=False),
    whose(),
    by_change(),
    ForeignKeyConstraint(
        ["tenant", "membership_type"],
        [membership_type_identity.c.tenant, membership_type_identity.c.key],
        name="rule_version_membership_type_fkey",
    ),
    CheckConstraint("(form = 'predicate') = (frame <> '')", name="rule_version_frame_check"),
    CheckConstraint("NOT override OR kind = 'inclusion'", name="rule_version_override_check"),
)

rule_period = Table(
    "rule_period",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("rule_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("effective", DATERANGE, nullable=False),
    *clock(),
    whose(),
    by_change(),
    ForeignKeyConstraint(
        ["rule_id", "version"], [rule_version.c.rule_id, rule_version.c.version], name="rule_period_version_fkey"
    ),
    ExcludeConstraint(
        (text("int8range(rule_id, rule_id, '[]')"), "&&"),
        ("effective", "&&"),
        ("recorded", "&&"),
        name="rule_period_no_overlap",
        deferrable=True,
        initially="IMMEDIATE",
    ),
)

settling = Table("settling", metadata, Column("nothing", Boolean))
