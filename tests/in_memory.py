"""
The ports in memory: what a run needs, kept in dictionaries, for tests and for reading.

They are real implementations, held to the same contract suites as the
adapters, and small enough to show what each port asks for. ``Staging`` stands
for the folders in which an evaluator leaves what a run store reads.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from rules_engine.errors import Fault, HistoryCollision, RunRefused
from rules_engine.model.decisions import Decision, Standing, Tally, decide, decide_absent
from rules_engine.model.history import HistoryRecord, Subject, Unreadable, created_from
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import Evaluation, Manifest, TypeCounts
from rules_engine.model.publications import Chain, Publication, chain_of, needed
from rules_engine.model.rule_sets import RuleSet, policies_on
from rules_engine.model.rules import MembershipType, Policy, RuleVersion
from rules_engine.ports import Inserted, OpenRun, Progress, RunStatus, Taken, untold


@dataclass(frozen=True)
class Staged:
    """One staged decision: the type's own packed words, and what was decided from them."""

    subject: Subject
    membership_type: str
    words: tuple[int, ...]
    tally: Tally
    decision: Decision
    first_granted: date | None
    merged_into: Subject | None = None


Staging = dict[str, list[Staged]]
"""Folder to the decisions staged in it."""


@dataclass
class InMemoryRules:
    """A rule source: the versions given, of which those in force on the day are the rule set."""

    membership_types: tuple[MembershipType, ...]
    versions: tuple[RuleVersion, ...]

    def rule_set(self, as_of: date, known_at: datetime) -> RuleSet:
        in_force = tuple(version for version in self.versions if version.effective.covers(as_of))
        if not in_force:
            raise RunRefused(Fault(f"Rule set of {as_of}", "no rule is in force.", "Choose a day that has rules."))
        return RuleSet(as_of, known_at, policies_on(as_of, self.membership_types), in_force)


@dataclass
class InMemoryEvaluator:
    """
    An evaluator over a population told outright: day to subject to the keys of the rules that hit.

    What stands of absent subjects is kept under the run's folder with ``/standing`` after it.
    """

    population: Mapping[date, Mapping[Subject, frozenset[str]]]
    staging: Staging
    evaluations: int = 0
    absence_ends: bool = False
    merged: Mapping[date, Mapping[Subject, Subject]] = field(default_factory=dict)
    """Day to the subjects that are merged away, and into which."""

    def snapshots(self, as_of: date) -> Mapping[str, str]:
        return {"subjects": as_of.isoformat()}

    def check(self, rule_set: RuleSet) -> None:
        """Nothing to resolve: a condition is not read, its hits are told."""

    def evaluate(
        self,
        rule_set: RuleSet,
        matrix: HitMatrix,
        folder: str,
        previous: str | None,
        progress: Progress,
        corrected: Sequence[str] = (),
    ) -> Evaluation:
        self.evaluations += 1
        stood = [*self.staging.get(previous or "", []), *self.staging.get(f"{previous}/standing", [])]
        before = {(s.subject, s.membership_type): s for s in stood if s.first_granted}
        population = self.population[rule_set.as_of]
        wanted = {(s.subject, s.membership_type) for folder_of in corrected for s in self.staging[folder_of]}
        pairs = dict.fromkeys([*((s, t.key) for s in population for t in rule_set.membership_types), *before, *wanted])
        present = [pair for pair in pairs if pair[0] in population]
        tried = [_staged(rule_set, matrix, p, population[p[0]], before, also=p in wanted) for p in present]
        gone = [staged for pair, staged in before.items() if pair[0] not in population]
        merged, ends = self.merged.get(rule_set.as_of, {}), self.absence_ends
        absent = [(s, decide_absent(_standing(s), ends=ends, merged=s.subject in merged)) for s in gone]
        ended = [_ended(staged, decision, merged.get(staged.subject)) for staged, decision in absent if decision]
        self.staging[folder] = [*(staged for staged in tried if staged), *ended]
        self.staging[f"{folder}/standing"] = [staged for staged, decision in absent if decision is None]
        progress("Evaluated", 1.0)
        return _counted(rule_set, population, self.staging[folder], self.staging[f"{folder}/standing"], before)


@dataclass
class InMemoryHistory:
    """A history: records by their key, inserted and never touched again."""

    table: dict[tuple[Subject, str], HistoryRecord] = field(default_factory=dict)
    claimed: dict[int, Publication] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)

    def guard_faults(self) -> Iterable[Fault]:
        return ()

    def chain(self) -> Chain:
        return chain_of(self.claimed.values(), self.closed)

    def claim(self, entry: Publication) -> bool:
        return self.claimed.setdefault(entry.number, entry) == entry

    def close(self, entry: Publication) -> None:
        self.closed.add(entry.number)

    def insert(self, records: Iterable[HistoryRecord], taken: Taken = untold) -> Inserted:
        before, given = len(self.table), 0
        for record in records:
            given += 1
            there = self.table.setdefault((record.subject, record.sort_key), record)
            if there != record:
                raise HistoryCollision(_collision(there, record))
            taken(1)
        inserted = len(self.table) - before
        return Inserted(inserted, given - inserted)

    def journey(self, subject: Subject) -> tuple[HistoryRecord, ...]:
        return tuple(self.table[key] for key in sorted(k for k in self.table if k[0] == subject))

    def count(self, run_id: str) -> int:
        return sum(record.run_id == run_id for record in self.table.values())

    def records(
        self, run_id: str | None = None, subject: Subject | None = None
    ) -> Iterator[HistoryRecord | Unreadable]:
        ordered = [self.table[key] for key in sorted(self.table, key=lambda key: (str(key[0]), key[1]))]
        return (r for r in ordered if run_id in (None, r.run_id) and subject in (None, r.subject))

    def members(self, membership_type: str) -> Iterator[Subject]:
        of_type = [r for r in self.table.values() if r.membership_type == membership_type and not r.correction]
        newest = {r.subject: r for r in sorted(of_type, key=lambda r: r.sort_key)}
        return iter(sorted(subject for subject, record in newest.items() if record.granted))


@dataclass
class InMemoryRunStore:
    """A run store: what was opened, kept and published, by run id."""

    staging: Staging
    opened: dict[str, OpenRun] = field(default_factory=dict)
    rule_sets: dict[str, RuleSet] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    published: dict[str, datetime] = field(default_factory=dict)
    held: dict[str, tuple[str, ...]] = field(default_factory=dict)
    copied: Chain = ()

    def folder(self, run_id: str) -> str:
        return f"runs/{run_id}"

    def prune(self, keep: int) -> tuple[str, ...]:
        kept = needed(self.copied, keep)
        pruned = [e.run_id for e in self.copied if e.run_id not in kept and self.folder(e.run_id) in self.staging]
        for run_id in pruned:
            del self.staging[self.folder(run_id)]
        return tuple(pruned)

    def keep_chain(self, chain: Chain) -> None:
        self.copied = tuple(chain)

    def chain(self) -> Chain:
        return self.copied

    def staged_files(self, run_id: str) -> Mapping[str, str]:
        if self.folder(run_id) not in self.staging:
            return {}
        parts = {part: self.staging.get(f"{self.folder(run_id)}{part}", []) for part in ("", "/standing")}
        return {f"decisions{part}": hashlib.sha256(repr(staged).encode()).hexdigest() for part, staged in parts.items()}

    def open(self, run_id: str, created_at: datetime) -> OpenRun:
        self.manifests.pop(run_id, None)
        return self.opened.setdefault(run_id, OpenRun(run_id, created_at, self.folder(run_id)))

    def keep_rule_set(self, run_id: str, rule_set: RuleSet) -> None:
        self.rule_sets[run_id] = rule_set

    def rule_set(self, run_id: str) -> RuleSet:
        return self.rule_sets[run_id]

    def keep_manifest(self, run_id: str, manifest: Manifest) -> None:
        self.manifests[run_id] = manifest

    def manifest(self, run_id: str) -> Manifest | None:
        return self.manifests.get(run_id)

    def keep_held(self, run_id: str, why: Sequence[str]) -> None:
        self.held[run_id] = tuple(why)

    def mark_published(self, run_id: str, at: datetime) -> None:
        self.published.setdefault(run_id, at)

    def runs(self) -> tuple[RunStatus, ...]:
        ordered = sorted(self.opened.values(), key=lambda run: (run.created_at, run.run_id))
        return tuple(_status(run, self.manifest(run.run_id), self.published.get(run.run_id)) for run in ordered)

    def decisions(self, run_id: str, matrix: HitMatrix) -> Iterator[HistoryRecord]:
        manifest = self.manifests[run_id]
        types = {m.key: m for m in self.rule_sets[run_id].membership_types}
        return (
            _record(staged, manifest, matrix, Policy.of(types[staged.membership_type]))
            for staged in self.staging[self.opened[run_id].folder]
            if manifest.writes.writes(staged.decision.event)
        )


def _collision(there: HistoryRecord, given: HistoryRecord) -> Fault:
    return Fault(
        f"History key {given.subject} {given.sort_key}",
        f"run {there.run_id} wrote {there.event} by {there.reason}, run {given.run_id} says {given.event} by {given.reason}.",
        "Run again under another id.",
    )


def _status(run: OpenRun, manifest: Manifest | None, published: datetime | None) -> RunStatus:
    as_of, decided = (manifest.as_of, manifest.decided) if manifest else (None, None)
    return RunStatus(run.run_id, run.created_at, as_of, run.folder, decided, published)


def _staged(
    rule_set: RuleSet,
    matrix: HitMatrix,
    pair: tuple[Subject, str],
    hit: frozenset[str],
    previous: Mapping[tuple[Subject, str], Staged],
    *,
    also: bool,
) -> Staged | None:
    """The decision of one pair; None where nothing hit, nobody was ever a member, and nothing is to be corrected."""
    subject, key = pair
    first, after = matrix.slice_of(key)
    words = [0] * (after - first)
    for version, cell in matrix.cells:
        if version.membership_type == key and version.key in hit:
            words[cell.word - first] |= cell.mask
    hits, earlier = matrix.hits(key, words), previous.get(pair)
    granted_on = earlier.first_granted if earlier else None
    if not hits and granted_on is None and not also:
        return None
    tally = Tally.of(hits)
    decision = decide(tally, rule_set.membership_type(key), _standing(earlier))
    first_granted = granted_on or (rule_set.as_of if decision.granted else None)
    return Staged(subject, key, tuple(words), tally, decision, first_granted)


def _ended(stood: Staged, decision: Decision, merged_into: Subject | None) -> Staged:
    """The end of the membership of a subject that is absent, or was merged into another."""
    none = (0,) * len(stood.words)
    return replace(stood, words=none, tally=Tally(), decision=decision, merged_into=merged_into)


def _standing(earlier: Staged | None) -> Standing:
    if earlier is None or earlier.first_granted is None:
        return Standing.NEVER
    return Standing.MEMBER if earlier.decision.granted else Standing.FORMER


def _counted(
    rule_set: RuleSet,
    population: Mapping[Subject, frozenset[str]],
    staged: list[Staged],
    carried: list[Staged],
    before: Mapping[tuple[Subject, str], Staged],
) -> Evaluation:
    return Evaluation(
        subjects=len(population),
        evaluated_pairs=len(population) * len(rule_set.versions),
        hits_per_rule={v.id: sum(v.key in hit for hit in population.values()) for v in rule_set.versions},
        unknown_per_rule={},
        types=tuple(_counts(t.key, staged, carried, before) for t in rule_set.membership_types),
        decisions_digest=hashlib.sha256(repr(sorted(staged, key=repr)).encode()).hexdigest(),
    )


def _counts(
    key: str, staged: list[Staged], carried: list[Staged], before: Mapping[tuple[Subject, str], Staged]
) -> TypeCounts:
    own = [s.decision for s in staged if s.membership_type == key]
    absent = sum(s.decision.granted for s in carried if s.membership_type == key)
    return TypeCounts(
        membership_type=key,
        members_before=sum(s.decision.granted for s in before.values() if s.membership_type == key),
        members_after=sum(d.granted for d in own) + absent,
        decided=len(own),
        events=dict(Counter(d.event.value for d in own)),
        reasons=dict(Counter(d.reason.value for d in own)),
        absent=absent,
    )


def _record(staged: Staged, manifest: Manifest, matrix: HitMatrix, policy: Policy) -> HistoryRecord:
    return HistoryRecord(
        subject=staged.subject,
        created_at=created_from(manifest.created_at),
        membership_type=staged.membership_type,
        granted=staged.decision.granted,
        event=staged.decision.event,
        reason=staged.decision.reason,
        inclusion_sum=staged.tally.inclusion_sum,
        exclusion_sum=staged.tally.exclusion_sum,
        hits=matrix.hits(staged.membership_type, staged.words),
        first_granted=staged.first_granted,
        rule_set_digest=manifest.rule_set_digest,
        snapshots=manifest.snapshots,
        as_of=manifest.as_of,
        run_id=manifest.run_id,
        engine_version=manifest.engine_version,
        policy=policy,
        correction=manifest.correction,
        merged_into=staged.merged_into,
    )
