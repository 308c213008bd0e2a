"""The effect of a draft on everybody, on the newest snapshot, before a day is decided by it (R-PLAN)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from rules_engine import __version__
from rules_engine.errors import Fault, RunRefused
from rules_engine.model.publications import newest
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import RuleVersion, WhenUnknown
from rules_engine.ports import Progress, RunStore, silent
from rules_engine.review.effect import Effect, effect
from rules_engine.review.population import Population, Staged, Stood, missing
from rules_engine.review.segments import Among, SegmentEffect, among, by_segment
from rules_engine.review.staged import HITS, Kept, Tables, absent_in, kept, newest_run, stood


class Evaluating(Protocol):
    """What a plan needs of an evaluator."""

    def check(self, rule_set: RuleSet) -> None:
        """Raise InvalidRule with every fault of every rule."""
        ...

    def snapshots(self, as_of: date) -> Mapping[str, str]: ...

    def stage_hits(self, rule_set: RuleSet, folder: str) -> None:
        """Evaluate rules and stage their hits under a folder, as a run does."""
        ...

    def stage_subjects(self, as_of: date, segments: Mapping[str, str], folder: str) -> None:
        """Stage every subject of the snapshot with its segments."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What besides rules and data can change an answer."""
        ...


@dataclass(frozen=True)
class Plan:
    """
    What a draft does to everybody, and what was looked at to say so.

    ``reused`` is the run whose hit matrix was taken, where one is of the same snapshots; ``evaluated`` are the
    rules that were evaluated for the plan. ``rules_day`` is the day whose rules are compared: later than the data's
    where the draft's first day is.
    """

    effect: Effect
    as_of: date
    rules_day: date
    known_at: datetime
    """The moment as of which the rules in force were read."""
    snapshots: Mapping[str, str]
    before_digest: str
    after_digest: str
    against: str | None
    reused: str | None
    evaluated: tuple[str, ...]
    versions: int
    segments: tuple[SegmentEffect, ...] = ()
    among: tuple[Among, ...] = ()

    def content(self) -> dict[str, Any]:
        """The plan without the list of everybody, as JSON-ready values."""
        names = "against reused before_digest after_digest versions".split()
        said: dict[str, Any] = {name: getattr(self, name) for name in names}
        said |= {"as_of": self.as_of.isoformat(), "rules_day": self.rules_day.isoformat()}
        said |= {"known_at": self.known_at.isoformat()}
        said |= {"snapshots": dict(self.snapshots), "evaluated": list(self.evaluated)}
        split = {name: [asdict(each) for each in getattr(self, name)] for name in ("segments", "among")}
        return said | self.effect.content() | split


def plan(
    before: RuleSet,
    after: RuleSet,
    rules_day: date,
    evaluator: Evaluating,
    store: RunStore,
    tables: Tables,
    folder: str,
    segments: Mapping[str, str],
    progress: Progress = silent,
) -> Plan:
    """
    Decide everybody under both rule sets, against the run that was published last.

    Both are of the day of the data, ``as_of``. ``folder`` takes what is evaluated on the way.

    Raises:
        InvalidRule: If the gates refuse a rule of the draft, or one fails while it runs.
        RunRefused: If the day is before the newest published one, or what is needed of a run is gone.
    """
    _after_the_last(store, before.as_of)
    progress("Checking the draft", 0.1)
    evaluator.check(after)
    snapshots = evaluator.snapshots(before.as_of)
    base = _same(store, tables, before.as_of, snapshots, evaluator.settings)
    staged = [base.hits] if base else []
    evaluated: list[str] = []
    for name, rule_set in (("before", before), ("after", after)):
        known = {place for each in staged for place in each.places()}
        if wanted := probes(missing(rule_set, known)):
            progress(f"Evaluating {len(wanted)} rules", 0.3)
            staged.append(_found(evaluator, replace(rule_set, versions=wanted), f"{folder}/{name}", tables))
            evaluated += [version.key for version in wanted]
    progress("Deciding everybody twice", 0.8)
    last = newest(store.chain())
    subjects = None
    if segments or (last and not base):
        evaluator.stage_subjects(before.as_of, segments, f"{folder}/subjects")
        subjects = tables(f"{folder}/subjects", ())
    population = Population.of(staged, _stood(store, tables, base, last.run_id if last else None, staged[0], subjects))
    found = effect(before, after, population)
    split = segments and subjects is not None
    return Plan(
        found,
        before.as_of,
        rules_day,
        before.known_at,
        dict(snapshots),
        before.digest,
        after.digest,
        last.run_id if last else None,
        base.manifest.run_id if base else None,
        tuple(dict.fromkeys(evaluated)),
        len({v.key for v in (*before.versions, *after.versions)}),
        by_segment(before, after, population, subjects, [*segments]) if split else (),
        among(found.flips, subjects, [*segments]) if split else (),
    )


def _after_the_last(store: RunStore, as_of: date) -> None:
    last = newest(store.chain())
    if last and as_of < last.as_of:
        what = f"the newest published day is {last.as_of} (run {last.run_id}), and a plan is of what comes next."
        raise RunRefused(Fault(f"Day {as_of}", what, "Ask about a day from then on, or about none for the newest."))


def _same(
    store: RunStore, tables: Tables, as_of: date, snapshots: Mapping[str, str], settings: Mapping[str, str]
) -> Kept | None:
    """The newest run, if what it found is what an evaluation of the same rules would find now."""
    run_id = newest_run(store)
    manifest = store.manifest(run_id) if run_id else None
    if manifest is None or manifest.evaluation.held or manifest.engine_version != __version__:
        return None
    if manifest.as_of != as_of or dict(manifest.snapshots) != dict(snapshots):
        return None
    if dict(manifest.settings) != dict(settings) or tables(f"{store.folder(manifest.run_id)}/{HITS}", ()) is None:
        return None
    return kept(store, run_id, tables)


def probes(versions: tuple[RuleVersion, ...]) -> tuple[RuleVersion, ...]:
    """The rules so that what they find is staged apart: true, and unknown."""
    return tuple(replace(v, when_unknown=WhenUnknown.MISS) for v in versions)


def evaluated(evaluator: Evaluating, rule_set: RuleSet, folder: str, tables: Tables) -> Staged:
    """
    Rules evaluated once the gates accepted them, apart from any run.

    Raises:
        InvalidRule: If the gates refuse a rule, or one fails while it runs.
    """
    asked = replace(rule_set, versions=probes(rule_set.versions))
    evaluator.check(asked)
    return _found(evaluator, asked, folder, tables)


def _found(evaluator: Evaluating, rule_set: RuleSet, folder: str, tables: Tables) -> Staged:
    evaluator.stage_hits(rule_set, folder)
    rows = tables(f"{folder}/{HITS}", ())
    if rows is None:
        raise RunRefused(Fault(f"Folder {folder}", "what was evaluated is not there.", "Ask again."))
    return Staged(rule_set, rows)


def _stood(
    store: RunStore, tables: Tables, base: Kept | None, last: str | None, first: Staged, subjects: pa.Table | None
) -> Stood:
    """How everybody stood after the run published last, and who of them is not in the snapshot."""
    like = first.rows.schema.field("subject").type
    if base:
        return stood(store, last, tables, absent_in(store, base.manifest, tables, like), like)
    known = stood(store, last, tables, None, like)
    if subjects is None:
        return known
    keys = known.rows.column("subject").unique()
    here = subjects.column("subject").combine_chunks().cast(like)
    return replace(known, absent=keys.filter(pc.invert(pc.is_in(keys, value_set=here))))
