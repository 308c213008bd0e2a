"""Who flipped between two runs, and whether their rules did it, their data, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.decisions import Event
from rules_engine.model.history import Subject
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import WhenUnknown
from rules_engine.ports import Progress, RunStore, silent
from rules_engine.review.causes import Comparison
from rules_engine.review.edits import edits
from rules_engine.review.effect import SAMPLES, verdicts
from rules_engine.review.plan import Evaluating
from rules_engine.review.population import Population, Staged, Stood, missing
from rules_engine.review.staged import HITS, Kept, Tables, absent_in, ended_in, kept, stood, without_subjects
from rules_engine.worker.weighing import Flags


class Why(StrEnum):
    """Of what a flip comes, by evaluating the old rules on the new data, and the new rules on the old."""

    RULES = "rules"  # the old rules on the new data undo it, and the new rules on the old data do not
    DATA = "data"  # the other way round
    BOTH = "rules and data together"  # either, taken back alone, undoes it
    EACH = "rules and data, each by itself"  # neither, taken back alone, undoes it


@dataclass(frozen=True, slots=True)
class Flips:
    """Flips of one membership type for one reason; ``gains`` and ``losses`` are the first subjects of each."""

    membership_type: str
    why: Why
    gained: int
    lost: int
    gains: tuple[Subject, ...]
    losses: tuple[Subject, ...]


@dataclass(frozen=True)
class Between:
    """Two runs, what was edited between them, and everybody who is a member after one and not after the other."""

    one: str
    other: str
    edits: tuple[str, ...]
    frames: tuple[str, ...]
    """Those of which the runs read different states."""
    members: tuple[tuple[str, int, int], ...]
    """Membership type, members after the one run, and after the other."""
    flips: tuple[Flips, ...]
    evaluated: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """All of it as JSON-ready values."""
        return asdict(self)


Side = tuple[Kept, Population, Stood]


def between(
    one: str, other: str, store: RunStore, evaluator: Callable[[], Evaluating], tables: Tables, folder: str,
    progress: Progress = silent,
) -> Between:  # fmt: skip
    """
    Hold two runs against each other; the evaluator is asked for only if a rule must be evaluated on the other's data.

    Raises:
        RunRefused: If a run, what it staged, or the data of one is gone.
        InvalidRule: If a rule fails on the other run's data.
    """
    runs = [kept(store, run_id, tables) for run_id in (one, other)]
    sides: list[Side] = []
    evaluated: list[str] = []
    for place, run in enumerate(runs):
        rules = replace(runs[1 - place].rule_set, as_of=run.rule_set.as_of)
        staged = [run.hits]
        if wanted := missing(rules, run.hits.places()):
            progress(f"Evaluating {len(wanted)} rules of the other run", 0.2 + 0.3 * place)
            staged.append(_evaluated(run, rules, wanted, evaluator(), f"{folder}/{place}", tables))
            evaluated += [version.key for version in wanted]
        like = run.hits.rows.schema.field("subject").type
        known = stood(store, run.manifest.previous_run, tables, absent_in(store, run.manifest, tables, like), like)
        merged = ended_in(store, run.manifest, tables, like, Event.MERGED_INTO)
        sides.append((run, Population.of(staged, known), without_subjects(known, merged)))
    rules_of = [run.rule_set for run in runs]
    frames = {*runs[0].manifest.snapshots, *runs[1].manifest.snapshots}
    differ = (n for n in frames if runs[0].manifest.snapshots.get(n) != runs[1].manifest.snapshots.get(n))
    held = runs[0].held | runs[1].held
    types = sorted({m.key for rules in rules_of for m in rules.membership_types} - held)
    members, flips = [], list[Flips]()
    for key in types:
        found = _Granted(sides, rules_of, key)
        members.append((key, int(found.was.sum()), int(found.becomes.sum())))
        flips += found.flips()
    return Between(
        runs[0].manifest.run_id,
        runs[1].manifest.run_id,
        tuple(edit.name for edit in edits(*rules_of)),
        tuple(sorted(differ)),
        tuple(members),
        tuple(flips),
        tuple(dict.fromkeys(evaluated)),
    )


def _evaluated(
    run: Kept, rules: RuleSet, wanted: Sequence[Any], evaluator: Evaluating, folder: str, tables: Tables
) -> Staged:
    """The other run's rules on a run's data, which must be there as it was."""
    now = evaluator.snapshots(run.manifest.as_of)
    if differ := sorted(n for n, was in run.manifest.snapshots.items() if now.get(n) != was):
        what = f"its data is not there as it was: {', '.join(differ)}."
        raise RunRefused(Fault(f"Run {run.manifest.run_id}", what, "Bring the snapshot back, or compare other runs."))
    probes = replace(rules, versions=tuple(replace(v, when_unknown=WhenUnknown.MISS) for v in wanted))
    evaluator.stage_hits(probes, folder)
    rows = tables(f"{folder}/{HITS}", ())
    if rows is None:
        raise RunRefused(Fault(f"Folder {folder}", "what was evaluated is not there.", "Ask again."))
    return Staged(probes, rows)


class _Granted:
    """Members of one type under each of two rule sets on each of two runs' data, over everybody of either."""

    def __init__(self, sides: Sequence[Side], rules: Sequence[RuleSet], key: str) -> None:
        like = sides[0][1].subjects.type
        parts = [each.cast(like) for _, population, known in sides for each in (population.subjects, known.absent)]
        self.key, self.everybody = key, pa.concat_arrays(parts).unique()
        (self.was, crossed_old), (crossed_new, self.becomes) = (
            [self._of(side, rule_set) for rule_set in rules] for side in sides
        )
        self.new_rules_old_data, self.old_rules_new_data = crossed_old, crossed_new

    def _of(self, side: Side, rule_set: RuleSet) -> Flags:
        """Whoever is present is decided; whoever is absent stands as before, unless absence or a merge ended it."""
        run, population, known = side
        found: Flags = np.zeros(len(self.everybody), dtype=bool)
        at = pc.index_in(population.subjects.cast(self.everybody.type), value_set=self.everybody)
        comparison = Comparison(rule_set, rule_set, population)
        found[at.to_numpy(zero_copy_only=False)] = verdicts(comparison, self.key, after=True).granted
        if not any(t.events.get("REVOKED_ABSENT") for t in run.manifest.evaluation.types):
            own = pc.equal(known.rows.column("membership_type"), self.key)
            of_type = known.rows.filter(pc.and_(known.rows.column("granted"), own))
            away = of_type.filter(pc.is_in(of_type.column("subject"), value_set=known.absent)).column("subject")
            places = pc.index_in(away.combine_chunks().cast(self.everybody.type), value_set=self.everybody)
            found[places.to_numpy(zero_copy_only=False).astype(np.int64)] = True
        return found

    def flips(self) -> Iterator[Flips]:
        """Who flipped, by why; reasons of which there are none are left out."""
        flipped = self.was != self.becomes
        by_rules, by_data = self.old_rules_new_data == self.was, self.new_rules_old_data == self.was
        reasons = {
            Why.RULES: by_rules & ~by_data,
            Why.DATA: by_data & ~by_rules,
            Why.BOTH: by_rules & by_data,
            Why.EACH: ~by_rules & ~by_data,
        }
        for why, flags in reasons.items():
            ways = [np.flatnonzero(flipped & flags & way) for way in (self.becomes, ~self.becomes)]
            if any(map(len, ways)):
                named = [tuple(sorted(self.everybody.take(pa.array(way)).to_pylist())[:SAMPLES]) for way in ways]
                yield Flips(self.key, why, len(ways[0]), len(ways[1]), named[0], named[1])
