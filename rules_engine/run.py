"""One run, from rule set to manifest to history, over ports alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from rules_engine import __version__
from rules_engine.errors import Fault, RunInterrupted, RunRefused, raise_all
from rules_engine.model.decisions import WritePolicy
from rules_engine.model.history import created_text
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Manifest, run_identity
from rules_engine.model.publications import (
    Chain,
    Publication,
    again,
    answering,
    day_faults,
    decided_faults,
    found,
    order_faults,
    predecessor,
    publication_of,
    taken_back,
    unfinished,
)
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import Evaluator, History, Inserted, Progress, RuleSource, RunStore, silent

Insert = Callable[[str], Inserted]
"""How the staged decisions of a run get into the history where the history itself does not do it: its id is given."""

Judge = Callable[[Manifest], None]
"""Looks at what a run counted before it is published; raises RunHeld where somebody else is to look first."""


def unjudged(_: Manifest) -> None:
    """Where there are no guard rails."""


BACK = "then bring back what it staged, from a backup: it is in the chain, and not evaluated again"
"""What to do about staged files of a publication that were altered."""

TICK = timedelta(microseconds=1)
"""What created dates are told apart by."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: its manifest, and what of it was new to the history."""

    manifest: Manifest
    inserted: Inserted
    evaluated: bool
    """False if the run had been published before, so that nothing was evaluated again."""
    finished: str | None = None
    """The run that was found half-published, and finished first."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A history's chain in which nothing is half-published; the run that was, and what became of its records."""

    chain: Chain
    run_id: str | None = None
    inserted: Inserted | None = None


def evaluate(
    rule_set: RuleSet,
    evaluator: Evaluator,
    store: RunStore,
    created_at: datetime,
    settings: Mapping[str, str],
    run_id: str | None = None,
    progress: Progress = silent,
    writes: WritePolicy = WritePolicy.RESULTS,
    *,
    correction: bool = False,
    exact: bool = False,
) -> Manifest:
    """
    Evaluate and stage one run, and keep its balanced manifest; no history is read or written.

    It is decided against the run that the store's copy of the chain names. A run is named by its inputs
    unless ``run_id`` names it; its created date is ``created_at``, or just after that of the run published last
    where clocks disagree, unless it is to be ``exact``. A run that is in the chain is not evaluated again: its
    manifest is returned as it is.

    Raises:
        InvalidRule: If any rule cannot be read or resolved, or fails while it runs and is not held.
        RunRefused: If there is nothing to evaluate, the day cannot come next, the data breaks its declaration,
            what the run before staged was altered, or the counts do not add up.
    """
    chain = store.chain()
    evaluator.check(rule_set)
    snapshots = evaluator.snapshots(rule_set.as_of)
    run_id = run_id or named_now(store, chain, rule_set, snapshots, settings, correction=correction)
    if found(chain, run_id) and (earlier := store.manifest(run_id)):
        return earlier
    raise_all(RunRefused, day_faults(chain, rule_set.as_of, correction=correction))
    created_at = _created(created_at, chain, exact=exact)
    against = predecessor(chain, rule_set.as_of, correction=correction)
    corrected = taken_back(chain, rule_set.as_of, correction=correction)
    before = _manifest_of(store, against)
    for entry in corrected:
        _manifest_of(store, entry)
    opened = store.open(run_id, created_at)
    store.keep_rule_set(run_id, rule_set)
    evaluation = evaluator.evaluate(
        rule_set,
        HitMatrix.of(rule_set),
        opened.folder,
        store.folder(against.run_id) if against else None,
        progress,
        [store.folder(entry.run_id) for entry in corrected],
    )
    manifest = Manifest(
        run_id=run_id,
        as_of=rule_set.as_of,
        created_at=created_text(opened.created_at),
        rule_set_digest=rule_set.digest,
        versions=len(rule_set.versions),
        snapshots=dict(snapshots),
        settings=dict(settings),
        engine_version=__version__,
        previous_run=against.run_id if against else None,
        evaluation=evaluation,
        previous_digest=against.manifest_digest if against else None,
        correction=correction,
        takes_back=corrected[-1].run_id if corrected else None,
        writes=WritePolicy.RESULTS if correction or corrected else writes,
        files=dict(store.staged_files(run_id)),
    )
    manifest.balance()
    if before:
        manifest.follows(before)
    store.keep_manifest(run_id, manifest)
    return manifest


def _created(created_at: datetime, chain: Chain, *, exact: bool) -> datetime:
    """
    A run's created date, after that of the run published last.

    Raises:
        RunRefused: If it is not, and is to be ``exact``.
    """
    if not chain or created_at > chain[-1].created_at:
        return created_at
    if exact:
        what = f"it is not after {created_text(chain[-1].created_at)}, when run {chain[-1].run_id} was created."
        raise RunRefused(Fault(f"Created date {created_text(created_at)}", what, "Give a later one, or none."))
    return chain[-1].created_at + TICK


def _manifest_of(store: RunStore, entry: Publication | None) -> Manifest | None:
    """
    The manifest of a published run that the next is decided against, once what it staged is what was published.

    Raises:
        RunRefused: If it is gone or was altered since.
    """
    if entry is None:
        return None
    manifest = store.manifest(entry.run_id)
    which = f"Run {entry.run_id}"
    remedy = "Bring back what it staged, from a backup or the machine that ran it; the next run is decided against it."
    if manifest is None:
        raise RunRefused(Fault(which, "it was published last, and its manifest is not here.", remedy))
    if manifest.digest != entry.manifest_digest:
        raise RunRefused(Fault(which, "its manifest is not the one that was published.", remedy))
    if manifest.format > 1:
        manifest.altered(store.staged_files(entry.run_id), BACK)
    return manifest


def named_now(
    store: RunStore,
    chain: Chain,
    rule_set: RuleSet,
    snapshots: Mapping[str, str],
    settings: Mapping[str, str],
    *,
    correction: bool = False,
) -> str:
    """
    The id of the run that these inputs name now.

    The same inputs again are the same run, which inserts nothing, as long as it answers for its day. Otherwise
    they name a run after the one published last: its created date is later, and what was decided against another
    past is another run.
    """
    as_of = rule_set.as_of
    named = run_identity(as_of, rule_set.digest, snapshots, settings, __version__)
    last = answering(chain, as_of)
    if last and (last.run_id == named or ((manifest := store.manifest(last.run_id)) and manifest.inputs == named)):
        return last.run_id
    if not chain:
        return named
    told = {"after": chain[-1].run_id, **({"correction": "true"} if correction else {})}
    return run_identity(as_of, rule_set.digest, snapshots, {**settings, **told}, __version__)


def settled(store: RunStore, history: History, at: datetime, insert: Insert | None = None) -> Settled:
    """
    The history's chain once nothing in it is half-published, with a copy of it in the store.

    Whoever comes next finishes what another began. A history that was written before there was a chain is
    given its first entry: the run that the store knows as published last.

    Raises:
        RunRefused: If the half-published run was staged where this store does not reach, or was altered.
        RunInterrupted: If it cannot be finished now.
    """
    chain, run_id, inserted = history.chain() or _adopted(store, history), None, None
    if [*chain] != [*store.chain()]:
        store.keep_chain(chain)
    if begun := unfinished(chain):
        manifest = store.manifest(begun.run_id)
        if manifest is None or manifest.digest != begun.manifest_digest:
            what = "it is half-published, and what it staged is not here" + ("." if manifest is None else " as it was.")
            remedy = "Publish it from where it was evaluated; until then no other run can be."
            raise RunRefused(Fault(f"Run {begun.run_id}", what, remedy))
        manifest.altered(store.staged_files(begun.run_id), BACK)
        run_id, inserted = begun.run_id, _insert(begun, manifest, store, history, at, insert)
        chain = history.chain()
    return Settled(chain, run_id, inserted)


def _adopted(store: RunStore, history: History) -> Chain:
    """The first entry for a history without a chain: of the run published last, if the history holds it whole."""
    published = [run for run in store.runs() if run.published]
    if not published:
        return ()
    manifest = store.manifest(max(published, key=lambda run: run.created_at).run_id)
    if manifest is None or history.count(manifest.run_id) != manifest.written:
        return ()
    first = replace(publication_of(manifest, 1), previous_run=None)
    if history.claim(first):
        history.close(first)
    return history.chain()


def publish(run_id: str, store: RunStore, history: History, at: datetime, insert: Insert | None = None) -> Inserted:
    """
    Insert an evaluated run into the history, on top of the run it was decided against, and reconcile.

    ``insert`` does the inserting, where there are many to do it; else the history is given all records.

    What was half-published before is finished first. Nothing is written unless the staged decisions are,
    byte for byte, those that were counted, and the chain stands where it stood when they were decided.
    Again and again changes nothing.

    Raises:
        RunRefused: If the run has no balanced manifest, was altered, or cannot come next in the chain.
        HistoryCollision: If a key is taken by other content.
        RunInterrupted: If the history does not hold exactly the run afterwards.
    """
    chain = settled(store, history, at, insert).chain
    manifest = store.manifest(run_id)
    if manifest is None:
        raise RunRefused(Fault(f"Run {run_id}", "it was not evaluated to its end.", "Run it again: `rules run`."))
    if entry := found(chain, run_id):
        return _reconciled(entry, manifest, store, history, at, insert)
    manifest.balance()
    entry = publication_of(manifest, len(chain) + 1)
    raise_all(RunRefused, [*order_faults(chain, entry), *decided_faults(chain, manifest)])
    if manifest.format < 2:
        what = "it was evaluated by an earlier version, which did not say what it staged."
        raise RunRefused(Fault(f"Run {run_id}", what, f"Evaluate it again: {again(entry)}."))
    manifest.altered(store.staged_files(run_id))
    store.keep_chain([*chain, entry])  # before the claim: once it is claimed, nobody evaluates it anew
    if not history.claim(entry):
        store.keep_chain(history.chain())
        what = "another run was published in the meantime, on top of the same one."
        raise RunRefused(Fault(f"Run {run_id}", what, f"Evaluate the day again: {again(entry)}."))
    return _insert(entry, manifest, store, history, at, insert)


def _reconciled(
    entry: Publication,
    manifest: Manifest,
    store: RunStore,
    history: History,
    at: datetime,
    insert: Insert | None,
) -> Inserted:
    """A run that is in the chain: the history holds it whole already, or what it lost is inserted again."""
    if entry.manifest_digest != manifest.digest:
        what = "it was published with another manifest than the one that is here."
        raise RunRefused(Fault(f"Run {manifest.run_id}", what, "Evaluate the day under another --run-id."))
    if entry.closed and history.count(manifest.run_id) == manifest.written:
        store.mark_published(manifest.run_id, at)
        return Inserted(0, manifest.written)
    return _insert(entry, manifest, store, history, at, insert)


def _insert(
    entry: Publication,
    manifest: Manifest,
    store: RunStore,
    history: History,
    at: datetime,
    insert: Insert | None,
) -> Inserted:
    """Insert the records of a claimed entry, reconcile, and close it."""
    if insert:
        inserted = insert(manifest.run_id)
    else:
        inserted = history.insert(store.decisions(manifest.run_id, HitMatrix.of(store.rule_set(manifest.run_id))))
    held = history.count(manifest.run_id)
    if held != manifest.written or inserted.inserted + inserted.already_there != manifest.written:
        raise RunInterrupted(
            Fault(
                f"Run {manifest.run_id}",
                f"the history holds {held} of its records after {inserted.inserted} new and {inserted.already_there} "
                f"known ones; the manifest says {manifest.written}.",
                "Publish the run again; if the numbers stay, compare the staged decisions with the history.",
            )
        )
    history.close(entry)
    store.mark_published(manifest.run_id, at)
    store.keep_chain(history.chain())
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
    insert: Insert | None = None,
    writes: WritePolicy = WritePolicy.RESULTS,
    *,
    correction: bool = False,
    exact: bool = False,
    judge: Judge = unjudged,
) -> Outcome:
    """
    Load, evaluate and publish one run; a run that was published before is only reconciled.

    Raises:
        RunHeld: If ``judge`` holds it: it is staged, and no record of it was written.
    """
    rule_set = source.rule_set(as_of, known_at or created_at)
    before = settled(store, history, created_at, insert)
    manifest = evaluate(
        rule_set, evaluator, store, created_at, settings, run_id, progress, writes, correction=correction, exact=exact
    )
    if found(before.chain, manifest.run_id) is None:
        judge(manifest)
    progress("Publishing", 0.0)
    inserted = publish(manifest.run_id, store, history, created_at, insert)
    if before.inserted and before.run_id == manifest.run_id:
        return Outcome(manifest, before.inserted, evaluated=False)
    return Outcome(manifest, inserted, found(before.chain, manifest.run_id) is None, before.run_id)
