r"""
The tables of the schema ``rules``, as the migrations leave them.

What each column means is said once, in the database's own comments, where
analysts read it: ``\d+ rules.rule_version`` in psql, or any other client.
"""

from __future__ import annotations

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
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, TSTZRANGE, ExcludeConstraint

SCHEMA = "rules"

metadata = MetaData(schema=SCHEMA)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def _json(name: str) -> Column[dict[str, object]]:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _clock() -> list[Column[object]]:
    """Between which moments a row was what was known, and who opened and closed it."""
    return [
        Column("recorded", TSTZRANGE, nullable=False),
        Column("recorded_by", Text, nullable=False, server_default=text("SESSION_USER")),
        Column("closed_by", Text),
        Column("opened_in", BigInteger, nullable=False),
        Column("closed_in", BigInteger),
    ]


category = Table("category", metadata, Column("key", Text, primary_key=True), _text("description"))
rule_type = Table("rule_type", metadata, Column("key", Text, primary_key=True), _text("description"))
reason_code = Table("reason_code", metadata, Column("code", Text, primary_key=True), _text("text"))

membership_type_identity = Table(
    "membership_type_identity",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
)

membership_type_version = Table(
    "membership_type_version",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("membership_type_id", BigInteger, ForeignKey(membership_type_identity.c.id), nullable=False),
    _text("name"),
    _text("strategy", "weight_sum"),
    Column("margin", BigInteger, nullable=False, server_default=text("1")),
    _text("tie", "deny"),
    Column("veto_weight", Integer),
    *_clock(),
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
    Column("key", Text, nullable=False, unique=True),
)

rule_version = Table(
    "rule_version",
    metadata,
    Column("rule_id", BigInteger, ForeignKey(rule_identity.c.id), primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _text("name"),
    Column("kind", Text, nullable=False),
    Column("membership_type", Text, ForeignKey(membership_type_identity.c.key), nullable=False),
    Column("weight", Integer, nullable=False),
    Column("category", Text, ForeignKey(category.c.key)),
    Column("rule_type", Text, ForeignKey(rule_type.c.key)),
    Column("form", Text, nullable=False),
    _text("frame"),
    Column("sql", Text, nullable=False),
    _json("parameters"),
    _text("when_unknown", "miss"),
    Column("reason_code", Text, ForeignKey(reason_code.c.code)),
    _text("reason_text"),
    _text("owner"),
    Column("override", Boolean, nullable=False, server_default=text("false")),
    Column("shadow", Boolean, nullable=False, server_default=text("false")),
    _json("metadata"),
    Column("created_by", Text, nullable=False, server_default=text("SESSION_USER")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("content_hash", Text, nullable=False),
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
    *_clock(),
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
