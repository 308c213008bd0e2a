"""The lake curated by what is in force: the rules repository says which columns rules read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from jobs.asking import with_shared
from jobs.tokens import tokenising
from rules_engine.model.rules import RuleVersion
from rules_engine.model.schemas import Schema
from rules_lake.privacy.lake_of import CuratedLake, curate_lake
from rules_lake.privacy.used import Used, together, used_by_rules

if TYPE_CHECKING:
    from jobs.wiring import Installation


def curated(installation: Installation, day: date | None, today: date, change: int | None) -> CuratedLake:
    """
    Curate what landed up to a day, up to tomorrow without one, by the rules that are in force on it or later, and
    those that a change drafts.

    Raises:
        RunRefused: With everything that is missing, before anything is written.
    """
    declared = installation.landed
    used = used_columns(installation, min(day or today, today), change)
    settings = installation.settings
    until = day or today + timedelta(days=1)  # where the sun is ahead of UTC it is tomorrow
    return curate_lake(declared, until, used, tokenising(settings), settings.lake)


def used_columns(installation: Installation, on: date, change: int | None) -> Used:
    """What rules read of each frame."""
    from rules_repo.changes import ChangeBook

    book = ChangeBook(installation.database_url)
    schema = Schema.declared(installation.landed.lake, book.lists(change or 0)[0])
    shared = book.parameters()
    asked = [with_shared(version, shared) for version in _in_force(installation.repository.rules(), on)]
    drafted = book.drafts(change) if change is not None else ()
    return together(used_by_rules([*asked, *(with_shared(version, shared) for version in drafted)], schema))


def _in_force(versions: tuple[RuleVersion, ...], on: date) -> Iterator[RuleVersion]:
    """Versions that count on a day, or will later."""
    return (v for v in versions if v.effective.end is None or v.effective.end > on)
