"""The checks of the rules that are in force or to come: whom each asked, and whether that is what stands here now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

UNSAID = "unsaid"
"""The Spark of a check that is older than the column that names it."""


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """A rule version on its days, with the newest check of the change that published it; None where there is none."""

    rule_key: str
    version: int
    effective_from: date
    effective_to: date | None
    change_id: int | None
    passed: bool | None
    spark_version: str | None
    schema_digest: str | None
    gate_version: str | None
    checked_by: str | None


@dataclass(frozen=True, slots=True)
class Here:
    """What a check would ask here and now; an empty text is not known and compares with nothing."""

    spark: str
    frames: str
    gates: str

    def lacks(self, check: RuleCheck) -> str:
        """Why a check says little of tonight, in words; empty where it says enough."""
        asked, gates = check.spark_version or "", check.gate_version
        why = {
            "never checked": check.passed is None,
            "the check failed": not check.passed,
            "checked before checks said whom they asked": asked == UNSAID,
            "checked without Spark": not asked,
            "checked by hand": not gates,
            "checked by other gates": gates != self.gates,
            f"checked on Spark {asked}": self.spark not in ("", asked),
            "checked under other frames": self.frames not in ("", check.schema_digest),
        }
        return next((said for said, so in why.items() if so), "")


def rule_checks(url: str) -> tuple[RuleCheck, ...]:
    """
    Of every rule version that is in force or to come, by key and day.

    Raises:
        RunRefused: If the database cannot be reached, or the login may not ask.
    """
    from sqlalchemy import text  # a list of rules needs the rest of this module, and not this

    from rules_repo.connection import connected, snapshot

    columns = ", ".join(RuleCheck.__slots__)
    with snapshot(connected(url)) as connection:
        found = connection.execute(text(f"SELECT {columns} FROM rules.rule_check ORDER BY rule_key, effective_from"))
        return tuple(RuleCheck(**row) for row in found.mappings())


def told(checks: Collection[RuleCheck], here: Here) -> str:
    """The rules whose check says little, by reason: ``checked without Spark: BOND-001, LOAN-001``."""
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if why := here.lacks(check):
            reasons.setdefault(why, []).append(check.rule_key)
    return "; ".join(f"{why}: {', '.join(dict.fromkeys(keys))}" for why, keys in sorted(reasons.items()))


def covered(checks: Collection[RuleCheck], asked: Collection[tuple[str, int]], here: Here) -> tuple[int, ...]:
    """The changes all of whose rules were asked about, and whose checks said little until now."""
    changes = {check.change_id for check in checks if check.change_id and here.lacks(check)}
    left = {check.change_id for check in checks if (check.rule_key, check.version) not in asked}
    return tuple(sorted(change for change in changes - left if change))
