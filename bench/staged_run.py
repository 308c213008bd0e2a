"""A run as an evaluator leaves it, made without one: a decision for every customer and membership type, staged in files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.rule_sets import AS_OF, rule_set
from rules_engine import __version__
from rules_engine.model.decisions import Event, Reason
from rules_engine.model.hitmatrix import BITS, HitMatrix
from rules_engine.model.manifest import Evaluation, Manifest, TypeCounts
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, RuleVersion
from rules_engine.publication.staging import DECISIONS, FolderRunStore

RULES = "customers-300"
"""300 rules of four membership types."""

RUN = "2024-06-01-bench"
CREATED_AT = datetime(2024, 6, 1, 20, 15, tzinfo=UTC)
ROWS = 250_000
"""Rows of a staged file, as the evaluator bounds them."""

MARGIN = 1

Outcomes: TypeAlias = NDArray[Any]


def made(root: Path, customers: int, seed: int = 1, files: int = 0) -> FolderRunStore:
    """The store that holds the run, in so many files or as few as hold it; it is made once for a number of customers."""
    store = FolderRunStore(str(root / f"{customers}-{seed}"))
    if store.manifest(RUN):
        return store
    chance, rules = np.random.default_rng(seed), rule_set(RULES, seed)
    store.open(RUN, CREATED_AT)
    store.keep_rule_set(RUN, rules)
    folder = Path(store.folder(RUN)) / DECISIONS
    folder.mkdir(parents=True, exist_ok=True)
    types = [t.key for t in rules.membership_types]
    everybody = chance.permutation(customers) + 1
    counts = {key: dict.fromkeys(OUTCOMES, 0) for key in types}
    for number, subjects in enumerate(np.array_split(everybody, files or -(-customers * len(types) // ROWS))):
        parts = [_decided(rules, key, subjects, chance, counts[key]) for key in types]
        table = pa.concat_tables(parts)
        table = table.take(chance.permutation(len(table)))  # a shuffle leaves them in no order
        pq.write_table(table, folder / f"part-{number:05d}.snappy.parquet")
    store.keep_manifest(RUN, _manifest(store, rules, customers, counts))
    return store


OUTCOMES = {
    "included": (True, Reason.INCLUDED, Event.GRANTED),
    "override": (True, Reason.OVERRIDE, Event.GRANTED),
    "tie": (False, Reason.TIE, Event.NOT_GRANTED),
    "excluded": (False, Reason.EXCLUDED, Event.NOT_GRANTED),
    "no inclusion": (False, Reason.NO_INCLUSION, Event.NOT_GRANTED),
}
"""What a first run decides under the sum of weights with a margin of 1, ties denied."""


def _decided(
    rules: RuleSet, key: str, subjects: NDArray[np.int64], chance: np.random.Generator, counts: dict[str, int]
) -> pa.Table:
    """Decisions of one type: each rule hits by a chance of its own, from one in 200 to one in four, and one at least."""
    versions = [v for v in rules.versions if v.membership_type == key]
    often = np.exp(np.random.default_rng(len(versions)).uniform(np.log(0.005), np.log(0.25), len(versions)))
    bits = chance.random((len(subjects), len(versions)), dtype=np.float32) < often
    bits[np.arange(len(subjects)), chance.integers(0, len(versions), len(subjects))] |= ~bits.any(axis=1)
    inclusions, for_it = _side(versions, bits, Kind.INCLUSION)
    exclusions, against = _side(versions, bits, Kind.EXCLUSION)
    outcome = np.select(
        [inclusions == 0, (exclusions > 0) & (for_it == against), for_it - against < MARGIN, exclusions > 0],
        ["no inclusion", "tie", "excluded", "override"],
        "included",
    )
    for name in OUTCOMES:
        counts[name] += int((outcome == name).sum())
    return _table(key, subjects, bits, outcome, (for_it, against, inclusions, exclusions))


def _side(versions: list[RuleVersion], bits: NDArray[np.bool_], kind: Kind) -> tuple[Outcomes, Outcomes]:
    """How many rules of a kind hit, and their weights added up."""
    own = np.array([v.kind is kind for v in versions])
    weights = np.array([v.weight for v in versions])
    return (bits & own).sum(axis=1), (bits & own) @ weights


def _table(
    key: str,
    subjects: NDArray[np.int64],
    bits: NDArray[np.bool_],
    outcome: Outcomes,
    numbers: tuple[Outcomes, ...],
) -> pa.Table:
    """The columns that an evaluator stages."""
    granted, reason, event = zip(*(OUTCOMES[name] for name in outcome), strict=True)
    days = pa.array([AS_OF if each else None for each in granted], pa.date32())
    columns = {
        "subject": subjects.astype(np.int64),
        "membership_type": pa.array([key] * len(subjects)),
        "granted": pa.array(granted),
        "reason": pa.array([each.value for each in reason]),
        "event": pa.array([each.value for each in event]),
    }
    names = "inclusion_sum exclusion_sum inclusion_hits exclusion_hits".split()
    columns |= {name: number.astype(np.int64) for name, number in zip(names, numbers, strict=True)}
    return pa.table({**columns, "words": _packed(bits), "first_granted": days})


def _packed(bits: NDArray[np.bool_]) -> pa.Array:
    """A row's words, 63 versions each."""
    slices = [bits[:, start : start + BITS] for start in range(0, bits.shape[1], BITS)]
    words = [part @ (1 << np.arange(part.shape[1], dtype=np.int64)) for part in slices]
    side_by_side = np.stack(words, axis=1).astype(np.int64)
    offsets = np.arange(0, side_by_side.size + 1, len(words), dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(side_by_side.ravel()))


def _manifest(store: FolderRunStore, rules: RuleSet, customers: int, counts: dict[str, dict[str, int]]) -> Manifest:
    evaluation = Evaluation(
        subjects=customers,
        evaluated_pairs=customers * len(HitMatrix.of(rules).cells),
        hits_per_rule={},
        unknown_per_rule={},
        types=tuple(_type_counts(key, of) for key, of in counts.items()),
        decisions_digest="0-0-0",
    )
    return Manifest(
        run_id=RUN,
        as_of=AS_OF,
        created_at=f"{CREATED_AT:%Y-%m-%dT%H:%M:%S.%fZ}",
        rule_set_digest=rules.digest,
        versions=len(rules.versions),
        snapshots={"customers": "2024-06-01", "holdings": "2024-06-01", "products": "2024-06-01"},
        settings={},
        engine_version=__version__,
        previous_run=None,
        evaluation=evaluation,
        files=dict(store.staged_files(RUN)),
    )


def _type_counts(key: str, of: dict[str, int]) -> TypeCounts:
    events = {event.value: 0 for _, _, event in OUTCOMES.values()}
    for name, (_, _, event) in OUTCOMES.items():
        events[event.value] += of[name]
    reasons = {OUTCOMES[name][1].value: number for name, number in of.items()}
    return TypeCounts(key, 0, events["GRANTED"], sum(of.values()), events, reasons)
