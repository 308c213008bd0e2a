"""A published run evaluated again from what it kept, and compared (R-REPLAY)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rules_engine import __version__
from rules_engine.errors import Fault, InvalidRule, RulesError, RunRefused
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation, Manifest
from rules_engine.model.publications import Publication, found, taken_back
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import Evaluator, Progress, RunStore, silent
from rules_engine.review.staged import DECISIONS, Tables

SAMPLES = 5
"""Decisions that are named where they differ."""

COMPARED = (
    "granted reason event inclusion_sum exclusion_sum inclusion_hits exclusion_hits words first_granted merged_into"
).split()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was: ``kind`` is engine, Spark, data, rules, setting, past, or decisions."""

    kind: str
    what: str

    @property
    def explains(self) -> bool:
        """Whether it is of what went in, not of what came out."""
        return self.kind != "decisions"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run and its replay: equal if every decision is, and data, rules and past were what they were."""

    run_id: str
    decided: int
    digest: str
    again: str | None
    """The digest of the decisions of the replay; None where it could not be evaluated."""
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Another engine, Spark or setting that gives the same decisions is said and no fault."""
        return self.digest == self.again and all(d.kind in ("engine", "Spark", "setting") for d in self.differences)


def replay(
    run_id: str,
    store: RunStore,
    evaluator: Evaluator,
    settings: Mapping[str, str],
    tables: Tables,
    folder: str,
    progress: Progress = silent,
) -> Replayed:
    """
    Evaluate a run again into ``folder``; nothing else is written.

    Raises:
        RunRefused: If there is no such run.
    """
    entry = found(store.chain(), run_id)
    try:
        manifest = store.manifest(run_id)
    except RunRefused as refused:
        return _nothing(run_id, entry, str(refused.faults[0]))
    if manifest is None and entry:
        return _nothing(run_id, entry, "its manifest is gone.")
    if manifest is None:
        what = "there is no such run that was evaluated to its end."
        raise RunRefused(Fault(f"Run {run_id}", what, "`rules runs` lists them."))
    differences = [*_settings(manifest, settings), *_staged(store, manifest, f"run {run_id}")]
    if entry and entry.manifest_digest != manifest.digest:
        differences.append(Difference("past", "its manifest is not the one that was published."))
    differences += _past(store, manifest)
    rule_set, of_rules = _rule_set(store, manifest)
    differences += [*of_rules, *_data(manifest, evaluator)]
    if rule_set is None:
        return Replayed(run_id, manifest.decided, manifest.evaluation.decisions_digest, None, tuple(differences))
    try:
        again = _again(manifest, rule_set, store, evaluator, folder, progress)
    except RulesError as refused:
        differences += [Difference("decisions", f"it cannot be evaluated again: {fault}") for fault in refused.faults]
        return Replayed(run_id, manifest.decided, manifest.evaluation.decisions_digest, None, tuple(differences))
    differences += _counts(manifest.evaluation, again)
    if again.decisions_digest != manifest.evaluation.decisions_digest:
        differences += _decisions(tables, store.folder(run_id), folder)
    digests = manifest.evaluation.decisions_digest, again.decisions_digest
    return Replayed(run_id, manifest.decided, *digests, tuple(differences))


def _nothing(run_id: str, entry: Publication | None, why: str) -> Replayed:
    """A run that cannot be evaluated again, for nothing says of what it was."""
    decided, digest = (entry.decided, entry.decisions_digest) if entry else (0, "none")
    return Replayed(run_id, decided, digest, None, (Difference("past", why),))


def _again(
    manifest: Manifest, rule_set: RuleSet, store: RunStore, evaluator: Evaluator, folder: str, progress: Progress
) -> Evaluation:
    chain = store.chain()
    entry = found(chain, manifest.run_id)
    before = [each for each in chain if entry is None or each.number < entry.number]
    corrected = taken_back(before, manifest.as_of, correction=manifest.correction) if manifest.takes_back else ()
    previous = store.folder(manifest.previous_run) if manifest.previous_run else None
    others = [store.folder(each.run_id) for each in corrected]
    return evaluator.evaluate(rule_set, HitMatrix.of(rule_set), folder, previous, progress, others)


def _settings(manifest: Manifest, settings: Mapping[str, str]) -> Iterator[Difference]:
    """Another engine, another Spark, another setting."""
    if manifest.engine_version != __version__:
        yield Difference("engine", f"it ran on engine {manifest.engine_version}, this is {__version__}.")
    for name in sorted({*manifest.settings, *settings}):
        was, now = manifest.settings.get(name, "none"), settings.get(name, "none")
        if was != now and name not in ("after", "correction"):
            kind = "Spark" if name == "spark.version" else "setting"
            yield Difference(kind, f"{name} was {was} and is {now}.")


def _data(manifest: Manifest, evaluator: Evaluator) -> Iterator[Difference]:
    """Frames whose state is not that which the run read."""
    try:
        now = evaluator.snapshots(manifest.as_of)
    except RunRefused as refused:
        yield from (Difference("data", str(fault)) for fault in refused.faults)
        return
    for name in sorted({*manifest.snapshots, *now}):
        was, is_ = manifest.snapshots.get(name, "not there"), now.get(name, "not there")
        if was != is_:
            yield Difference("data", f"frame {name} is not what the run read: it was {was} and is {is_}.")


def _rule_set(store: RunStore, manifest: Manifest) -> tuple[RuleSet | None, list[Difference]]:
    try:
        rule_set = store.rule_set(manifest.run_id)
    except (InvalidRule, RunRefused) as refused:
        return None, [Difference("rules", str(fault)) for fault in refused.faults]
    if rule_set.digest == manifest.rule_set_digest:
        return rule_set, []
    what = f"the rule set that is kept is {rule_set.digest[:12]}…, the run decided by {manifest.rule_set_digest[:12]}…."
    return rule_set, [Difference("rules", what)]


def _staged(store: RunStore, manifest: Manifest, which: str) -> list[Difference]:
    """Files that the run staged and that were altered since; that all are gone, by pruning, is no alteration."""
    files = store.staged_files(manifest.run_id)
    if not files:
        return []
    try:
        manifest.altered(files)
    except RunRefused as refused:
        return [Difference("past", f"what {which} staged was altered: {fault}") for fault in refused.faults]
    return []


def _past(store: RunStore, manifest: Manifest) -> list[Difference]:
    """What it was decided against, where that is not there as it was."""
    if manifest.previous_run is None:
        return []
    which = f"run {manifest.previous_run}, which it was decided against,"
    try:
        earlier = store.manifest(manifest.previous_run)
    except RunRefused as refused:
        return [Difference("past", f"the manifest of {which} is not as it was: {refused.faults[0]}")]
    if earlier is None or not store.staged_files(manifest.previous_run):
        return [Difference("past", f"what {which} staged is gone.")]
    if manifest.previous_digest and earlier.digest != manifest.previous_digest:
        return [Difference("past", f"the manifest of {which} is not the one it was decided against.")]
    return _staged(store, earlier, which)


def _counts(was: Evaluation, now: Evaluation) -> Iterator[Difference]:
    for name, words in (("hits_per_rule", "hits"), ("unknown_per_rule", "unknown outcomes")):
        one, other = getattr(was, name), getattr(now, name)
        for rule in sorted({*one, *other}):
            if one.get(rule, 0) != other.get(rule, 0):
                yield Difference(
                    "decisions", f"rule {rule} had {one.get(rule, 0)} {words} and has {other.get(rule, 0)}."
                )
    if was.subjects != now.subjects:
        yield Difference("decisions", f"there were {was.subjects} subjects and are {now.subjects}.")


def _decisions(tables: Tables, was: str, now: str) -> Iterator[Difference]:
    """How many decisions are others, and the first of them, where those of the run are still there."""
    one, other = (_by_pair(tables(f"{folder}/{DECISIONS}", ())) for folder in (was, now))
    if one is None or other is None:
        yield Difference("decisions", "the decisions are others; those of the run are not there to be compared.")
        return
    pairs = sorted(pair for pair in {*one, *other} if one.get(pair) != other.get(pair))
    named = ", ".join(f"{subject} ({key})" for subject, key in pairs[:SAMPLES])
    yield Difference(
        "decisions", f"{len(pairs)} decisions are others, of {named}{', …' if len(pairs) > SAMPLES else ''}."
    )


def _by_pair(rows: pa.Table | None) -> dict[tuple[Any, str], Sequence[Any]] | None:
    if rows is None:
        return None
    columns = {name: rows.column(name).to_pylist() for name in COMPARED if name in rows.column_names}
    said = zip(*(columns.get(name, [None] * len(rows)) for name in COMPARED), strict=True)
    pairs = zip(rows.column("subject").to_pylist(), rows.column("membership_type").to_pylist(), strict=True)
    return dict(zip(pairs, said, strict=True))
