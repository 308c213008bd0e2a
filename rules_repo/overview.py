"""Many rules in few columns: what a list of rules shows, read from the database in a fraction of a second."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from rules_engine.model.rules import Kind, RuleVersion
from rules_repo.connection import bare_snapshot
from rules_repo.schema import check_newest


class Listed(NamedTuple):
    """A rule version as a list of rules shows it; ``end`` is None until further notice."""

    key: str
    version: int
    kind: Kind
    membership_type: str
    weight: int
    name: str
    shadow: bool
    first: date
    end: date | None

    @classmethod
    def of(cls, v: RuleVersion) -> Listed:
        days = v.effective
        return cls(v.key, v.version, v.kind, v.membership_type, v.weight, v.name, v.shadow, days.first, days.end)


_KNOWN_NOW = """
    SELECT rule_key, version, kind, membership_type, CAST(weight AS integer), name, shadow, effective_from, effective_to
    FROM
"""


def overview(url: str, as_of: date | None = None) -> list[Listed]:
    """
    The rules as known now, in no order; those in force on ``as_of`` only, if it is given.

    Raises:
        RunRefused: If the database cannot be reached or the schema is not at its newest.
    """
    with bare_snapshot(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT max(version_num) FROM rules.schema_version")
        check_newest((cursor.fetchone() or [None])[0], url)
        cursor.execute("SET LOCAL enable_nestloop = off")  # ranges are guessed to hold few rows; here they hold many
        cursor.execute(f"{_KNOWN_NOW} {'rules.rule' if as_of is None else 'rules.rules_on(%(day)s)'}", {"day": as_of})
        return [Listed(key, version, Kind(kind), *rest) for key, version, kind, *rest in cursor]
