"""What runs left in their folders, read for a review: hit matrices, and how members stood."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from rules_engine.errors import Fault, RunRefused, did_you_mean
from rules_engine.model.decisions import Event
from rules_engine.model.manifest import Manifest
from rules_engine.model.publications import newest
from rules_engine.model.rule_sets import RuleSet
from rules_engine.ports import RunStore
from rules_engine.review.population import Staged, Stood

Tables = Callable[[str, Sequence[str]], pa.Table | None]
"""Columns of a folder of Parquet files, all of them where none is named; None where nothing is there."""

HITS, DECISIONS, STANDING = "hits", "decisions", "standing"


def local_tables(folder: str, columns: Sequence[str]) -> pa.Table | None:
    """As :data:`Tables`, of a folder of this machine."""
    from pyarrow import dataset

    try:
        found = dataset.dataset(folder, format="parquet", exclude_invalid_files=False)
    except FileNotFoundError:
        return None
    return found.to_table(columns=list(columns) or None) if found.files else None


@dataclass(frozen=True)
class Kept:
    """An evaluated run of which everything is there: what it decided by, and what it found."""

    manifest: Manifest
    rule_set: RuleSet
    hits: Staged

    @property
    def held(self) -> frozenset[str]:
        """The membership types of which it decided nothing."""
        return frozenset(each.membership_type for each in self.manifest.evaluation.held)


def newest_run(store: RunStore) -> str | None:
    """The run published last that is no correction; where none is published, the one evaluated last."""
    if last := newest(store.chain()):
        return last.run_id
    evaluated = [run for run in store.runs() if run.decided is not None]
    return evaluated[-1].run_id if evaluated else None


def kept(store: RunStore, run_id: str | None, tables: Tables) -> Kept:
    """
    A run to review by, the newest if none is named.

    Raises:
        RunRefused: If there is none, it is a correction, or what it staged is gone.
    """
    run_id = run_id or newest_run(store)
    if run_id is None:
        raise RunRefused(Fault("Runs", "there is none yet, so nothing was found of anybody.", "`rules run` makes one."))
    manifest, which = store.manifest(run_id), f"Run {run_id}"
    if manifest is None:
        known = [run.run_id for run in store.runs() if run.decided is not None]
        remedy = did_you_mean(run_id, known, 0.9) or f"`rules runs` lists them; the newest: {', '.join(known[-3:])}."
        raise RunRefused(Fault(which, "there is no such run that was evaluated to its end.", remedy))
    if manifest.correction:
        what = "it corrects an earlier day, and nobody is a member now by it."
        raise RunRefused(Fault(which, what, "Name another, or none for the newest."))
    rule_set = store.rule_set(run_id)
    rows = tables(f"{store.folder(run_id)}/{HITS}", ())
    if rows is None:
        what = "what it staged is gone: it was pruned, or removed."
        raise RunRefused(Fault(which, what, "Evaluate the day again: `rules run`; or name a newer run."))
    return Kept(manifest, rule_set, Staged(rule_set, rows))


PAIR = ("subject", "membership_type", "granted", "first_granted")


def stood(store: RunStore, against: str | None, tables: Tables, absent: pa.Array | None, like: pa.DataType) -> Stood:
    """
    How members and former members stood after a run; nobody where there was none.

    ``absent`` are the subjects that are not in the snapshot, ``like`` is the type of subjects' keys.

    Raises:
        RunRefused: If what that run staged is gone.
    """
    schema = pa.schema([("subject", like), ("membership_type", pa.string()), ("granted", pa.bool_())])
    nobody = pa.array([], like)
    if against is None:
        return Stood(schema.empty_table(), nobody)
    decided = tables(f"{store.folder(against)}/{DECISIONS}", PAIR)
    if decided is None:
        what = "its decisions are what others are decided against, and they are gone: it was pruned, or removed."
        raise RunRefused(
            Fault(f"Run {against}", what, "Bring it back from a backup, or evaluate the newest day again.")
        )
    carried = tables(f"{store.folder(against)}/{STANDING}", PAIR)
    parts = [decided, *([carried] if carried is not None else [])]
    ever = (part.filter(pc.is_valid(part.column("first_granted"))).select(PAIR[:3]).cast(schema) for part in parts)
    return Stood(pa.concat_tables(ever), nobody if absent is None else absent.cast(like))


def absent_in(store: RunStore, manifest: Manifest, tables: Tables, like: pa.DataType) -> pa.Array:
    """The subjects with a standing that were not in the snapshot of an evaluated run."""
    folder, held = store.folder(manifest.run_id), pa.array([h.membership_type for h in manifest.evaluation.held])
    if manifest.previous_run is None:
        return pa.array([], like)
    carried = tables(f"{folder}/{STANDING}", PAIR)
    found = [pa.array([], like)]
    if carried is not None:
        of_held = pc.is_in(carried.column("membership_type"), value_set=held.cast(pa.string()))
        found.append(_whole(carried.filter(pc.invert(of_held)).column("subject")).cast(like))
    found.append(ended_in(store, manifest, tables, like, Event.REVOKED_ABSENT, Event.MERGED_INTO))
    return pa.concat_arrays(found).unique()


def ended_in(store: RunStore, manifest: Manifest, tables: Tables, like: pa.DataType, *events: Event) -> pa.Array:
    """The subjects of whom a run ended a membership by one of these events."""
    if any(counts.events.get(event) for counts in manifest.evaluation.types for event in events):
        decided = tables(f"{store.folder(manifest.run_id)}/{DECISIONS}", ("subject", "event"))
        if decided is not None:
            names = pa.array([event.value for event in events])
            ended = pc.is_in(decided.column("event").cast(pa.string()), value_set=names)
            return _whole(decided.filter(ended).column("subject")).cast(like)
    return pa.array([], like)


def without_types(rule_set: RuleSet, types: Collection[str]) -> RuleSet:
    """The rule set without some membership types and their rules."""
    return replace(
        rule_set,
        membership_types=tuple(m for m in rule_set.membership_types if m.key not in types),
        versions=tuple(v for v in rule_set.versions if v.membership_type not in types),
    )


def without_standings(known: Stood, types: Collection[str]) -> Stood:
    """How everybody stood, but for some membership types."""
    chosen = pc.is_in(known.rows.column("membership_type"), value_set=pa.array(sorted(types), pa.string()))
    return replace(known, rows=known.rows.filter(pc.invert(chosen)))


def without_subjects(known: Stood, subjects: pa.Array) -> Stood:
    """How everybody stood, but for some subjects."""
    return replace(known, rows=known.rows.filter(pc.invert(pc.is_in(known.rows.column("subject"), value_set=subjects))))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
