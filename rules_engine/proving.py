"""The proof that a history holds what its runs decided: records, chain, manifests and staged decisions (R-HIST)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain as one_after_another
from itertools import islice

from rules_engine.errors import Fault, RulesError, RunRefused
from rules_engine.model.decisions import Event, WritePolicy
from rules_engine.model.history import HistoryRecord, Unreadable
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.ledger import decision_faults, ledger_faults, wording_faults
from rules_engine.model.manifest import Manifest
from rules_engine.model.publications import Chain, Publication, chain_faults, copy_faults, publication_of
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import History, Progress, RunStore, silent

REMEDY = "Find out who wrote there; the staged decisions and the database's own log tell what stood there."


@dataclass(slots=True)
class Proof:
    """What was compared: ``total`` faults, of which ``faults`` tells the first of each run; ``apart`` runs by less."""

    runs: int = 0
    records: int = 0
    total: int = 0
    before: int = 0
    """Records of the first form from before the chain began: an earlier version wrote them, and nothing proves them."""
    faults: list[Fault] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    """Runs whose staged decisions are not here: of them records, counts and chain are proved, and not each decision."""
    half: list[str] = field(default_factory=list)
    """The run that was claimed and is not closed: what it lacks is written by whoever publishes next."""
    unread: set[str] = field(default_factory=set)
    """What stands among the records of a run and is none."""

    def wrongly(self, found: Iterable[Fault]) -> None:
        """Count faults, and tell the first three of them."""
        several = iter(found)
        self.faults += (told := list(islice(several, 3)))
        self.total += len(told) + sum(1 for _ in several)


def prove(history: History, store: RunStore, progress: Progress = silent) -> Proof:
    """
    Compare the chain with itself, and every run of it with what the history holds of it, record by record.

    A record is at fault if its content is not what its content hash says, if it does not follow from its hits and the
    rules of its run, or if it is not the one that the run staged, whose files the manifest names by their SHA-256 and
    the chain names the manifest. Where nothing staged is left, the manifest's counts must be those of the records.
    Records of no run of the chain are faults, too, and runs that the store knows as published and the chain does not:
    its end may be cut off, records and all.
    """
    proof = Proof()
    proof.wrongly(history.guard_faults())
    try:
        chain = history.chain()
    except RunRefused as refused:
        proof.wrongly(refused.faults)
        return proof  # which records are of which run is for the chain to say
    proof.wrongly(one_after_another(chain_faults(chain), _copied(store, chain)))
    runs = {entry.run_id: entry for entry in [*_older(store, chain), *chain]}
    for number, entry in enumerate(runs.values()):
        progress(f"Run {entry.run_id}", number / len(runs))
        proof.runs += 1
        proof.wrongly(_of_run(entry, history, store, proof))
    proof.wrongly(_cut_off(store, runs))
    proof.wrongly(_of_no_run(history, store, chain, runs, proof))
    return proof


def _copied(store: RunStore, chain: Chain) -> Iterator[Fault]:
    try:
        yield from copy_faults(chain, store.chain())
    except RunRefused as refused:
        yield from refused.faults


def _older(store: RunStore, chain: Chain) -> Iterator[Publication]:
    """Runs that an earlier version published before there was a chain, of which the store still says so."""
    chained = {entry.run_id for entry in chain}
    for run_id, manifest in _published(store):
        if run_id not in chained and manifest.format == 1:
            yield replace(publication_of(manifest, 0), closed=True)


def _published(store: RunStore) -> Iterator[tuple[str, Manifest]]:
    for run in store.runs():
        manifest = None if run.published is None or run.broken else store.manifest(run.run_id)
        if manifest:
            yield run.run_id, manifest


def _cut_off(store: RunStore, runs: Mapping[str, Publication]) -> Iterator[Fault]:
    """Runs that were published, and of which the chain has no entry."""
    for run_id, _ in _published(store):
        if run_id not in runs:
            yield Fault(f"Run {run_id}", "it was published, and the chain of publications lacks it.", REMEDY)


def _of_no_run(
    history: History, store: RunStore, chain: Chain, runs: Mapping[str, Publication], proof: Proof
) -> Iterator[Fault]:
    """Records that no run of the chain accounts for; those of an earlier version are counted."""
    fresh = _begun_empty(store, chain)
    for record in history.records():
        if isinstance(record, Unreadable):
            if record.which not in proof.unread:
                yield Fault(record.which, f"{record.why}.", REMEDY)
        elif record.run_id in runs:
            continue
        elif record.format > 1 or (chain and record.created_at >= chain[0].created_at):
            yield Fault(_named(record), "its run is not in the chain of publications.", REMEDY)
        elif fresh:
            what = f"it is older than run {chain[0].run_id}, before which there was nothing in this history."
            yield Fault(_named(record), what, REMEDY)
        else:
            proof.before += 1


def _begun_empty(store: RunStore, chain: Chain) -> bool:
    """Whether the first run of the chain is one that this version evaluated, so that nothing came before it."""
    try:
        first = store.manifest(chain[0].run_id) if chain else None
    except RunRefused:
        return False
    return first is not None and first.format > 1


Staged = dict[tuple[object, str], str]


@dataclass(slots=True)
class Kept:
    """What the store keeps of a run: ``staged`` gives subject and membership type the content hash of a decision."""

    manifest: Manifest | None = None
    rule_set: RuleSet | None = None
    staged: Staged | None = None


def _of_run(entry: Publication, history: History, store: RunStore, proof: Proof) -> Iterator[Fault]:
    kept, faults = _kept(entry, store, proof)
    yield from faults
    held, events, hits = 0, Counter[tuple[str, str]](), Counter[str]()
    for record in history.records(entry.run_id):
        held += 1
        if isinstance(record, Unreadable):
            proof.unread.add(record.which)
            yield Fault(record.which, f"{record.why}.", REMEDY)
            continue
        events[record.membership_type, record.event.value] += 1
        hits.update(f"{hit.key}/{hit.version}" for hit in record.hits)
        for what in _record_faults(record, entry, kept):
            yield Fault(_named(record), what, REMEDY)
    proof.records += held
    which = f"Run {entry.run_id}"
    if not entry.closed:
        proof.half.append(entry.run_id)
        return
    if held != entry.decided:
        yield Fault(which, f"the history holds {held} of its records, and the chain says {entry.decided}.", REMEDY)
    for subject, membership_type in sorted(kept.staged or (), key=str)[:3]:
        yield Fault(which, f"its decision about {membership_type} of subject {subject} is not in the history.", REMEDY)
    if kept.staged is None and kept.manifest:
        yield from (Fault(which, what, REMEDY) for what in _count_faults(kept.manifest, kept.rule_set, events, hits))


def _record_faults(record: HistoryRecord, entry: Publication, kept: Kept) -> Iterator[str]:
    for why in one_after_another(ledger_faults(record), decision_faults(record)):
        yield f"it does not add up: {why}."
    if (record.created_at, record.as_of, record.correction) != (entry.created_at, entry.as_of, entry.correction):
        yield "its created date, its day, or whether it corrects, is not that of its run."
    if kept.manifest and (record.rule_set_digest, dict(record.snapshots)) != (
        kept.manifest.rule_set_digest,
        dict(kept.manifest.snapshots),
    ):
        yield "its run was of other rules or other data."
    if kept.staged is None:
        yield from (f"{why}." for why in (wording_faults(record, kept.rule_set) if kept.rule_set else ()))
        return
    decided = kept.staged.pop((record.subject, record.membership_type), None)
    if decided is None:
        yield "the run decided nothing of the kind."
    elif decided != record.content_hash:
        yield "it is not what the run decided."


def _count_faults(
    manifest: Manifest, rule_set: RuleSet | None, events: Counter[tuple[str, str]], hits: Counter[str]
) -> Iterator[str]:
    """Where records are not as many of each event, or of each rule that hit, as the run counted."""
    for counts in manifest.evaluation.types:
        for event, counted in counts.events.items():
            held = events[counts.membership_type, event]
            if manifest.writes.writes(Event(event)) and held != counted:
                what = f"{event} of {counts.membership_type} {counted} times, the history holds {held} such records"
                yield f"it decided {what}."
    out = {held.membership_type for held in manifest.evaluation.held}
    for version in rule_set.versions if rule_set and manifest.writes is WritePolicy.RESULTS else ():
        said, held = manifest.evaluation.hits_per_rule.get(version.id), hits[version.id]
        if said not in (None, held) and not version.shadow and version.membership_type not in out:
            yield f"{version.id} hit {said} subjects, and is in {held} of the records that the history holds."


def _named(record: HistoryRecord) -> str:
    return f"Record ({record.subject}, {record.sort_key}) of run {record.run_id}"


def _kept(entry: Publication, store: RunStore, proof: Proof) -> tuple[Kept, list[Fault]]:
    """What is kept of a run, as far as it is what was published, and what is wrong with it."""
    which, kept = f"Run {entry.run_id}", Kept()
    try:
        if (manifest := store.manifest(entry.run_id)) is None:
            proof.apart.append(entry.run_id)
            return kept, []
        if manifest.digest != entry.manifest_digest:
            return kept, [Fault(which, "its manifest is not the one that the chain names.", REMEDY)]
        faults = [Fault(which, what, REMEDY) for what in _otherwise(entry, manifest)]
        rule_set, kept.manifest = store.rule_set(entry.run_id), manifest
        if rule_set.digest != manifest.rule_set_digest:
            return kept, [*faults, Fault(which, "its rule set is not the one that its manifest names.", REMEDY)]
        kept.rule_set = rule_set
        files = store.staged_files(entry.run_id)
        if not (files and manifest.files):  # pruned, or staged by a version that did not name its files
            proof.apart.append(entry.run_id)
            return kept, faults
        manifest.altered(files)
        kept.staged = _hashes(store.decisions(entry.run_id, HitMatrix.of(rule_set)))
    except RulesError as broken:
        return kept, [Fault(which, f"what it staged was altered: {f.which}: {f.what}", REMEDY) for f in broken.faults]
    return kept, faults


def _otherwise(entry: Publication, manifest: Manifest) -> Iterator[str]:
    """What an entry of the chain says otherwise than the manifest that it names."""
    said, meant = entry.content(), publication_of(manifest, entry.number).content()
    if entry.number == 1:
        meant["previous_run"] = None  # of a history that had no chain the first entry is the run published last
    for name, value in said.items():
        if value != meant[name]:
            yield f"the chain says of its {name.replace('_', ' ')} {value}, its manifest {meant[name]}."


def _hashes(records: Iterable[HistoryRecord]) -> Staged:
    return {(record.subject, record.membership_type): record.content_hash for record in records}
