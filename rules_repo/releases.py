"""Limits and releases of runs: shared parameters, which are changed with four eyes, known at a moment, and audited."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import text

from rules_engine.model.canonical import ParameterValue, decode_parameter
from rules_repo.connection import connected, translated


def shared(url: str) -> Mapping[str, ParameterValue]:
    """The shared parameters as known now, by name; a login that evaluates may ask this."""
    engine = connected(url)
    with translated(engine), engine.connect() as connection:
        found = connection.execute(text("SELECT rules.shared_parameters()")).scalar() or {}
        return {name: decode_parameter(value) for name, value in found.items()}


def ask(url: str, name: str, value: str, title: str, reason: str) -> tuple[int, bool]:
    """
    Draft a text as a shared parameter in a change of its own, and hand it in: its number, and whether it is published.

    Where no approval is needed it is published at once.

    Raises:
        ChangeRefused: If the database refuses it.
    """
    engine = connected(url)
    with translated(engine), engine.begin() as connection:
        said = {"title": title, "reason": reason}
        change = int(connection.execute(text("SELECT rules.begin_change(:title, :reason)"), said).scalar_one())
        connection.execute(text("SELECT rules.work_on(:change)"), {"change": change})
        known = connection.execute(text("SELECT count(*) FROM rules.parameter WHERE name = :name"), {"name": name})
        edit = (
            "UPDATE rules.parameter SET value = CAST(:value AS jsonb) WHERE name = :name"
            if known.scalar_one()
            else "INSERT INTO rules.parameter (name, value, description) VALUES (:name, CAST(:value AS jsonb), :title)"
        )
        connection.execute(text(edit), {"name": name, "value": json.dumps(value), "title": title})
        needed = int(connection.execute(text("SELECT rules.approvals_needed()")).scalar_one())
        if needed:
            connection.execute(text("SELECT rules.submit(:change, :reason)"), {"change": change, "reason": reason})
        else:
            connection.execute(text("SELECT rules.publish_at_once(:change)"), {"change": change})
        return change, not needed
