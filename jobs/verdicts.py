"""What the guard rails say of a staged run, kept beside it: what they hold is not published (R-OPS-5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from jobs.limits import Limits, released_as
from rules_engine.errors import Fault, RunHeld, RunRefused
from rules_engine.model.canonical import canonical_json
from rules_engine.model.manifest import Manifest
from rules_engine.ports import RunStore
from rules_engine.publication.staging import FolderRunStore
from rules_engine.review.guards import MOST_RUNS, Unplanned, breaches

FILE = "judged.json"


def judge(store: RunStore, manifest: Manifest, said: Limits, unplanned: Sequence[Unplanned] = ()) -> None:
    """
    Hold a run that is beyond a guard rail, unless somebody let just these decisions pass; ``said`` has both.

    ``unplanned`` is what edits do that no approved plan has, as far as that is known.

    Raises:
        RunHeld: With every number that is beyond its limit.
    """
    entries = [entry for entry in store.chain() if not entry.correction][-MOST_RUNS:]
    earlier = [known for entry in entries if (known := store.manifest(entry.run_id))]
    limits = {name: float(value) for name, value in said.items() if isinstance(value, (int, Decimal))}
    found = breaches(manifest, earlier, limits, unplanned)
    if not found or said.get(released_as(manifest.run_id)) == manifest.evaluation.decisions_digest:
        store.keep_held(manifest.run_id, ())
        return
    store.keep_held(manifest.run_id, [f"{breach.which}: {breach.what}" for breach in found])
    raise RunHeld(*(breach.fault(manifest.run_id) for breach in found))


def keep(store: FolderRunStore, manifest: Manifest) -> None:
    """Say that just this evaluation of a run may be published."""
    store.files.write(f"{store.folder(manifest.run_id)}/{FILE}", canonical_json({"manifest": manifest.digest}))


def require(store: FolderRunStore, manifest: Manifest) -> None:
    """
    Let a run be published whose very evaluation the guard rails let pass.

    Raises:
        RunRefused: If they did not.
    """
    try:
        passed = json.loads(store.files.read(f"{store.folder(manifest.run_id)}/{FILE}"))["manifest"] == manifest.digest
        what = "it was evaluated again since the guard rails let it pass."
    except FileNotFoundError:
        passed, what = False, "no guard rail was asked about it."
    except (ValueError, TypeError, KeyError) as problem:
        passed, what = False, f"its {FILE} cannot be read: {problem}."
    if not passed:
        raise RunRefused(Fault(f"Run {manifest.run_id}", what, "Run the guard step first: guard_step.py."))
