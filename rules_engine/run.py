"""One run, from rule set to manifest to history, over ports alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from rules_engine import __version__
from rules_engine.errors import Fault, RunInterrupted, RunRefused
from rules_engine.model.history import created_text
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Manifest, run_identity
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import Evaluator, History, Inserted, OpenRun, Progress, RuleSource, RunStore, silent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: its manifest, and what of it was new to the history."""

    manifest: Manifest
    inserted: Inserted
    evaluated: bool
    """False if the run had been published before, so that nothing was evaluated again."""


def evaluate(
    rule_set: RuleSet,
    evaluator: Evaluator,
    store: RunStore,
    created_at: datetime,
    settings: Mapping[str, str],
    run_id: str | None = None,
    progress: Progress = silent,
) -> Manifest:
    """
    Evaluate and stage one run, and keep its balanced manifest; no history is written.

    A run is named by its inputs unless ``run_id`` names it. A run that was
    published is not evaluated again: its manifest is returned as it is.

    Raises:
        InvalidRule: If any rule cannot be read or resolved, or fails while it runs and is not held.
        RunRefused: If there is nothing to evaluate, the data breaks its declaration,
            or the counts do not add up.
    """
    evaluator.check(rule_set)
    snapshots = evaluator.snapshots(rule_set.as_of)
    run_id = run_id or named_now(store, rule_set, snapshots, settings)
    published = {r.run_id for r in store.runs() if r.published}
    if run_id in published and (earlier := store.manifest(run_id)):
        return earlier
    opened = store.open(run_id, created_at)
    previous = last_published(store, opened)
    matrix = HitMatrix.of(rule_set)
    store.keep_rule_set(run_id, rule_set)
    evaluation = evaluator.evaluate(rule_set, matrix, opened.folder, previous.folder if previous else None, progress)
    manifest = Manifest(
        run_id=run_id,
        as_of=rule_set.as_of,
        created_at=created_text(opened.created_at),
        rule_set_digest=rule_set.digest,
        versions=len(rule_set.versions),
        snapshots=dict(snapshots),
        settings=dict(settings),
        engine_version=__version__,
        previous_run=previous.run_id if previous else None,
        evaluation=evaluation,
    )
    manifest.balance()
    if previous and (earlier := store.manifest(previous.run_id)):
        manifest.follows(earlier)
    store.keep_manifest(run_id, manifest)
    return manifest


def named_now(store: RunStore, rule_set: RuleSet, snapshots: Mapping[str, str], settings: Mapping[str, str]) -> str:
    """
    The id of the run that these inputs name now.

    The same inputs again are the same run, which inserts nothing. Inputs that were published and
    then superseded on the same day (a weight was changed and changed back) name a new run after
    the one that superseded them: the decisions published last are not theirs.
    """
    inputs = (rule_set.as_of, rule_set.digest, snapshots)
    named = run_identity(*inputs, settings, __version__)
    of_day = [r for r in store.runs() if r.published and r.as_of == rule_set.as_of]
    if named not in {r.run_id for r in of_day}:
        return named
    newest = max(of_day, key=lambda r: r.created_at).run_id
    if newest == named or ((last := store.manifest(newest)) and last.inputs == named):
        return newest
    return run_identity(*inputs, {**settings, "after": newest}, __version__)


def last_published(store: RunStore, opened: OpenRun) -> OpenRun | None:
    """The run whose decisions stood when this one was first opened."""
    earlier = [
        r for r in store.runs() if r.published and r.created_at < opened.created_at and r.run_id != opened.run_id
    ]
    if not earlier:
        return None
    newest = max(earlier, key=lambda r: r.created_at)
    return OpenRun(newest.run_id, newest.created_at, newest.folder)


def publish(run_id: str, store: RunStore, history: History, at: datetime) -> Inserted:
    """
    Insert an evaluated run into the history and reconcile; again and again changes nothing.

    Raises:
        RunRefused: If the run has no balanced manifest.
        HistoryCollision: If a key is taken by other content.
        RunInterrupted: If the history does not hold exactly the run afterwards.
    """
    manifest = store.manifest(run_id)
    if manifest is None:
        raise RunRefused(Fault(f"Run {run_id}", "it was not evaluated to its end.", "Run it again: `rules run`."))
    manifest.balance()
    inserted = history.insert(store.decisions(run_id, HitMatrix.of(store.rule_set(run_id))))
    held = history.count(run_id)
    if held != manifest.decided or inserted.inserted + inserted.already_there != manifest.decided:
        raise RunInterrupted(
            Fault(
                f"Run {run_id}",
                f"the history holds {held} of its records after {inserted.inserted} new and {inserted.already_there} "
                f"known ones; the manifest says {manifest.decided}.",
                "Publish the run again; if the numbers stay, compare the staged decisions with the history.",
            )
        )
    store.mark_published(run_id, at)
    return inserted


def run(
    source: RuleSource,
    evaluator: Evaluator,
    store: RunStore,
    history: History,
    as_of: date,
    created_at: datetime,
    settings: Mapping[str, str],
    known_at: datetime | None = None,
    run_id: str | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Load, evaluate and publish one run; a run that was published before is only reconciled."""
    rule_set = source.rule_set(as_of, known_at or created_at)
    before = {r.run_id for r in store.runs() if r.published}
    manifest = evaluate(rule_set, evaluator, store, created_at, settings, run_id, progress)
    progress("Publishing", 0.0)
    inserted = publish(manifest.run_id, store, history, created_at)
    return Outcome(manifest, inserted, evaluated=manifest.run_id not in before)
