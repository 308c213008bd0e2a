"""One run of an installation, from its rules to its history, judged by its guard rails in between."""

from __future__ import annotations

from datetime import date, datetime

from jobs import expecting, guarding
from jobs.telling import inserting
from jobs.wiring import Installation
from rules_engine import run as engine
from rules_engine.model.failing import OnFailure
from rules_engine.model.manifest import Manifest
from rules_engine.ports import Progress, silent


def run(
    installation: Installation,
    as_of: date,
    created_at: datetime,
    known_at: datetime | None = None,
    run_id: str | None = None,
    progress: Progress = silent,
    *,
    correction: bool = False,
    exact: bool = False,
) -> engine.Outcome:
    """One run over an installation's adapters; see :func:`rules_engine.run.run`."""
    store, history, settings = installation.store, installation.history, installation.settings

    def judge(manifest: Manifest) -> None:
        expecting.keep(installation, manifest, progress)
        guarding.judge(store, installation.database_url, manifest, expecting.unplanned(installation, manifest))

    if settings.on_failure is OnFailure.ABORT and installation.dropped.waiting:
        installation.check_curated(installation.repository.rule_set(as_of, known_at or created_at))
    return engine.run(
        installation.repository,
        installation.evaluator,
        store,
        history,
        as_of,
        created_at,
        installation.answer_settings(),
        known_at,
        run_id,
        progress,
        inserting(store, history, progress),
        settings.write_policy,
        correction=correction,
        exact=exact,
        judge=judge,
    )
