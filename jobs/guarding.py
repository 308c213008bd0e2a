"""The guard rails of an installation: what was set in the database, what the last runs counted, and releases."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

from rules_engine.errors import Fault, RunHeld, RunRefused, did_you_mean
from rules_engine.model.manifest import Manifest
from rules_engine.review.guards import MOST_RUNS, breaches

if TYPE_CHECKING:
    from jobs.wiring import Installation


def judge(installation: Installation, manifest: Manifest) -> None:
    """
    Hold a run that is beyond a guard rail, unless somebody let just these decisions pass.

    Raises:
        RunHeld: With every number that is beyond its limit.
    """
    from rules_repo.releases import shared

    store = installation.store
    entries = [entry for entry in store.chain() if not entry.correction][-MOST_RUNS:]
    earlier = [known for entry in entries if (known := store.manifest(entry.run_id))]
    said = shared(installation.database_url)
    limits = {name: float(value) for name, value in said.items() if isinstance(value, (int, Decimal))}
    found = breaches(manifest, earlier, limits)
    if not found or said.get(released_as(manifest.run_id)) == manifest.evaluation.decisions_digest:
        store.keep_held(manifest.run_id, ())
        return
    store.keep_held(manifest.run_id, [f"{breach.which}: {breach.what}" for breach in found])
    raise RunHeld(*(breach.fault(manifest.run_id) for breach in found))


def release(installation: Installation, run_id: str, reason: str) -> tuple[int, bool]:
    """
    Ask for the release of a held run, for just the decisions that it staged; the change, and whether it is published.

    Raises:
        RunRefused: If there is no such run, or it is not held.
        ChangeRefused: If the login may draft nothing.
    """
    from rules_repo.releases import ask

    known = {status.run_id: status for status in installation.store.runs()}
    if run_id not in known:
        hint = did_you_mean(run_id, known, 0.8) or "`rules runs` lists all."
        raise RunRefused(Fault(f"Run {run_id}", "there is no such run.", hint))
    manifest = installation.store.manifest(run_id)
    if manifest is None or not known[run_id].held:
        state = "it is published." if known[run_id].published else "it is not held."
        raise RunRefused(Fault(f"Run {run_id}", state, "There is nothing to release."))
    name, digest = released_as(run_id), manifest.evaluation.decisions_digest
    why = f"{reason} Held for: {' '.join(known[run_id].held)}"
    return ask(installation.database_url, name, digest, f"Release of held run {run_id}", why)


def released_as(run_id: str) -> str:
    """
    The shared parameter whose value names the decisions of a run that may be published.

    >>> released_as("2024-06-05-d2a30626eab1")
    'released_2024_06_05_d2a30626eab1'
    """
    plain = run_id.lower().replace("-", "_")
    if len(plain) > 50 or not plain.replace("_", "").isalnum() or not plain.isascii():
        plain = sha256(run_id.encode()).hexdigest()[:24]
    return f"released_{plain}"
