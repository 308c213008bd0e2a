"""The proof that a history holds what its runs decided: records, chain, manifests and staged decisions (R-HIST)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from rules_engine.errors import Fault, RunRefused
from rules_engine.model.decisions import Event
from rules_engine.model.history import HistoryRecord, Unreadable
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.publications import Publication
from rules_engine.model.rules import Kind
from rules_engine.ports import History, Progress, RunStore, silent

GRANTING = {Event.GRANTED, Event.RETAINED, Event.REINSTATED}


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

    def wrongly(self, found: Iterable[Fault]) -> None:
        """Count faults, and tell the first three of them."""
        several = iter(found)
        self.faults += (told := list(islice(several, 3)))
        self.total += len(told) + sum(1 for _ in several)


def prove(history: History, store: RunStore, progress: Progress = silent) -> Proof:
    """
    Compare every run of the chain with what the history holds of it, record by record.

    A record is at fault if its content is not what its content hash says, if its hits do not add up to its sums, or
    if it is not the one that the run staged, whose files the manifest names by their SHA-256 and the chain names the
    manifest. Records of no run of the chain are faults, too, and runs that the store knows as published and the chain
    does not: its end may be cut off, records and all.
    """
    proof, chain = Proof(), history.chain()
    for number, entry in enumerate(chain):
        progress(f"Run {entry.run_id}", number / len(chain))
        proof.runs += 1
        proof.wrongly(_of_run(entry, history, store, proof))
    runs = {entry.run_id for entry in chain}
    proof.wrongly(_cut_off(store, runs))
    for record in history.records() if chain else ():
        if isinstance(record, Unreadable) or record.run_id in runs:
            continue
        if record.format == 1 and record.created_at < chain[0].created_at:
            proof.before += 1
        else:
            proof.wrongly([Fault(_named(record), "its run is not in the chain of publications.", REMEDY)])
    return proof


def _cut_off(store: RunStore, chained: Collection[str]) -> Iterator[Fault]:
    """Runs that were published, and of which the chain has no entry; those from before there was a chain have none."""
    for run in store.runs():
        if run.published is None or run.run_id in chained:
            continue
        manifest = store.manifest(run.run_id)
        if manifest is not None and manifest.format > 1:
            yield Fault(f"Run {run.run_id}", "it was published, and the chain of publications lacks it.", REMEDY)


def ledger_faults(record: HistoryRecord) -> Iterator[str]:
    """Why a record does not explain itself: hits that are not its sums, or an event that is not its decision."""
    for kind, said in (Kind.INCLUSION, record.inclusion_sum), (Kind.EXCLUSION, record.exclusion_sum):
        weights = sum(hit.weight for hit in record.hits if hit.kind is kind)
        if weights != said:
            yield f"its {kind}s weigh {weights}, and it says {said}"
    if record.granted != (record.event in GRANTING):
        yield f"its event is {record.event}, and it says {'granted' if record.granted else 'not granted'}"


def _of_run(entry: Publication, history: History, store: RunStore, proof: Proof) -> Iterator[Fault]:
    which = f"Run {entry.run_id}"
    staged, fault = _staged(entry, store, proof)
    if fault:
        yield fault
    held = 0
    for record in history.records(entry.run_id):
        held += 1
        if isinstance(record, Unreadable):
            yield Fault(record.which, f"{record.why}.", REMEDY)
            continue
        named = _named(record)
        for why in ledger_faults(record):
            yield Fault(named, f"it does not add up: {why}.", REMEDY)
        if staged is None:
            continue
        decided = staged.pop((record.subject, record.membership_type), None)
        if decided is None:
            yield Fault(named, "the run decided nothing of the kind.", REMEDY)
        elif decided != record.content_hash:
            yield Fault(named, "it is not what the run decided.", REMEDY)
    proof.records += held
    if entry.closed and held != entry.decided:
        yield Fault(which, f"the history holds {held} of its records, and the chain says {entry.decided}.", REMEDY)
    for subject, membership_type in sorted(staged or (), key=str)[:3]:
        yield Fault(which, f"its decision about {membership_type} of subject {subject} is not in the history.", REMEDY)


def _named(record: HistoryRecord) -> str:
    return f"Record ({record.subject}, {record.sort_key}) of run {record.run_id}"


REMEDY = "Find out who wrote there; the staged decisions and the database's own log tell what stood there."

Staged = dict[tuple[object, str], str]


def _staged(entry: Publication, store: RunStore, proof: Proof) -> tuple[Staged | None, Fault | None]:
    """Subject and membership type to the content hash of what the run staged; None where that is not here any more."""
    which = f"Run {entry.run_id}"
    manifest = store.manifest(entry.run_id)
    if manifest is None:
        proof.apart.append(entry.run_id)
        return None, None
    if manifest.digest != entry.manifest_digest:
        return None, Fault(which, "its manifest is not the one that the chain names.", REMEDY)
    files = store.staged_files(entry.run_id)
    if not (files and manifest.files):  # pruned, or staged by a version that did not name its files
        proof.apart.append(entry.run_id)
        return None, None
    try:
        manifest.altered(files)
    except RunRefused as refused:
        file = refused.faults[0]
        return None, Fault(which, f"what it staged was altered: {file.which}: {file.what}", REMEDY)
    return _hashes(store.decisions(entry.run_id, HitMatrix.of(store.rule_set(entry.run_id)))), None


def _hashes(records: Iterable[HistoryRecord]) -> Staged:
    return {(record.subject, record.membership_type): record.content_hash for record in records}
