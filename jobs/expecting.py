"""The first run on new rules held against its plan: what it came to is kept beside it, and shown beside the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobs.reviewing import apart, tables_of
from rules_engine.errors import ChangeRefused, RulesError
from rules_engine.model.canonical import canonical_json
from rules_engine.model.manifest import Manifest
from rules_engine.ports import Progress, silent
from rules_engine.publication.staging import FolderRunStore
from rules_engine.review.effect import ShadowEffect
from rules_engine.review.expected import Found, Line, Reckoned, found_by, held_against, others, reckoned_from
from rules_engine.review.guards import Unplanned

if TYPE_CHECKING:
    from jobs.wiring import Installation
    from rules_repo.changes import Standing

FILE = "reckoned.json"

PUBLISHED = ("scheduled", "live", "retired")
"""States of a change whose plan was approved with it."""


@dataclass(frozen=True)
class Held:
    """A change's plan beside the first run on its rules; ``others`` says what was another then."""

    change_id: int
    title: str
    plan: int
    run_id: str
    lines: tuple[Line, ...]
    others: tuple[str, ...]

    @property
    def as_planned(self) -> bool:
        return not any(line.because for line in self.lines)


@dataclass(frozen=True, slots=True)
class Known:
    """What was kept of a run: what it came to if its rules were new, its shadow rules, or why that cannot be said."""

    run_id: str
    known_at: datetime
    reckoned: Reckoned | None
    shadows: tuple[ShadowEffect, ...]
    why: str


def keep(installation: Installation, manifest: Manifest, progress: Progress = silent) -> None:
    """
    Keep beside an evaluated run what its rules did to everybody, where they are others than those of the run before.

    That it cannot be said, because what the run before staged is gone or one of its rules fails now, holds no run.
    """
    from rules_engine.spark.for_review import SparkReviewing

    store, found, why = installation.store, Found(None, ()), ""
    with apart(installation) as folder:
        try:
            progress("Holding the rules against those before", 0.0)
            tables = tables_of(installation)
            found = found_by(manifest, store, lambda: SparkReviewing(installation.evaluator), tables, folder)
        except RulesError as refused:
            why = str(refused.faults[0])
    said = {
        "manifest": manifest.digest,
        "known_at": store.rule_set(manifest.run_id).known_at.isoformat(),
        "reckoned": found.reckoned and found.reckoned.content(),
        "shadows": [asdict(each) for each in found.shadows],
        "why": why or found.why,
    }
    store.files.write(f"{store.folder(manifest.run_id)}/{FILE}", canonical_json(said))


def known_of(store: FolderRunStore, run_id: str) -> Known | None:
    """What was kept of a run; None where nothing was, it says nothing, or the run was evaluated again since."""
    with suppress(FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, RulesError):
        said: Mapping[str, Any] = json.loads(store.files.read(f"{store.folder(run_id)}/{FILE}"))
        manifest = store.manifest(run_id)
        if manifest and said["manifest"] == manifest.digest:
            found = reckoned_from(said["reckoned"]) if said["reckoned"] else None
            shadows = tuple(ShadowEffect(**each) for each in said["shadows"])
            return Known(run_id, datetime.fromisoformat(said["known_at"]), found, shadows, str(said["why"]))
    return None


def plans_of(installation: Installation, known: Known | None) -> tuple[Held, ...]:
    """The plans of the changes of which a run is the first; none for a login that may not read plans."""
    if known is None or known.reckoned is None:
        return ()
    runs = tuple(_known(installation.store))
    found = (of_change(standing, runs) for standing in reversed(_standings(installation) or ()))
    return tuple(held for held in found if held and held.run_id == known.run_id)


def unplanned(installation: Installation, manifest: Manifest) -> tuple[Unplanned, ...]:
    """What edits since the run before do that no plan published since has; nothing where either is not known."""
    known = known_of(installation.store, manifest.run_id)
    if known is None or known.reckoned is None or manifest.previous_run is None:
        return ()
    if (standings := _standings(installation)) is None:
        return ()
    since = installation.store.rule_set(manifest.previous_run).known_at
    fresh = [s.plan for s in standings if s.plan and s.state in PUBLISHED and s.moved_at > since]
    plans = [reckoned_from(plan["said"]) for plan in fresh]
    planned = {edit for plan in plans if plan for edit in plan.edits}
    told = []
    for of_type in known.reckoned.types:
        causes = {edits: counts for edits, counts in of_type.causes.items() if not {*edits} <= planned}
        strange = dict.fromkeys(edit for edits in causes for edit in edits if edit not in planned)
        told.append(Unplanned(of_type.membership_type, sum(map(sum, causes.values())), tuple(strange)))
    return tuple(each for each in told if each.moved)


def _standings(installation: Installation) -> Sequence[Standing] | None:
    from rules_repo.changes import ChangeBook

    try:
        return ChangeBook(installation.database_url).standings()
    except ChangeRefused:
        return None


def of_standing(installation: Installation, standing: Standing) -> Held | None:
    """The plan of a change beside the first run on its rules; None without either, or where Spark would be started."""
    if standing.plan is None or "://" in installation.settings.runs:
        return None
    return of_change(standing, tuple(_known(installation.store)))


def of_change(standing: Standing, runs: tuple[Known, ...]) -> Held | None:
    """The first run by rules that were known after the change was published, and that has an edit of its plan."""
    plan = standing.plan
    said = reckoned_from(plan["said"]) if plan else None
    if plan is None or said is None or standing.state not in PUBLISHED:
        return None
    for known in runs:
        run = known.reckoned
        if run and known.known_at >= standing.moved_at and {*run.edits} & {*said.edits}:
            lines, differ = held_against(said, run), tuple(others(said, run))
            return Held(standing.change_id, standing.title, int(plan["plan"]), known.run_id, lines, differ)
    return None


def _known(store: FolderRunStore) -> Iterator[Known]:
    for status in store.runs():
        if status.decided is not None and (known := known_of(store, status.run_id)):
            yield known
