"""The guard rails of a place: what was set in the database, what the last runs counted, and releases."""

from __future__ import annotations

from collections.abc import Sequence

from jobs import verdicts
from jobs.limits import released_as
from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.manifest import Manifest
from rules_engine.ports import RunStore
from rules_engine.review.guards import Unplanned


def judge(store: RunStore, database_url: str, manifest: Manifest, unplanned: Sequence[Unplanned]) -> None:
    """
    Hold a run that is beyond a guard rail, unless somebody let just these decisions pass.

    ``unplanned`` is what edits since the run before do that no approved plan has.

    Raises:
        RunHeld: With every number that is beyond its limit.
    """
    from rules_repo.releases import shared

    verdicts.judge(store, manifest, shared(database_url), unplanned)


def release(store: RunStore, database_url: str, run_id: str, reason: str) -> tuple[int, bool]:
    """
    Ask for the release of a held run, for just the decisions that it staged; the change, and whether it is published.

    Raises:
        RunRefused: If there is no such run, or it is not held.
        ChangeRefused: If the login may draft nothing.
    """
    from rules_repo.releases import ask

    known = {status.run_id: status for status in store.runs()}
    if run_id not in known:
        hint = did_you_mean(run_id, known, 0.8) or "`rules runs` lists all."
        raise RunRefused(Fault(f"Run {run_id}", "there is no such run.", hint))
    manifest = store.manifest(run_id)
    if manifest is None or not known[run_id].held:
        state = "it is published." if known[run_id].published else "it is not held."
        raise RunRefused(Fault(f"Run {run_id}", state, "There is nothing to release."))
    name, digest = released_as(run_id), manifest.evaluation.decisions_digest
    why = f"{reason} Held for: {' '.join(known[run_id].held)}"
    return ask(database_url, name, digest, f"Release of held run {run_id}", why)
