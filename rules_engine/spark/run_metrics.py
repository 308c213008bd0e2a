"""What a run counts of its own results, read back from what it staged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rules_engine.index.words import SUBJECT, hit_word, unknown_word
from rules_engine.model.hitmatrix import BITS, HitMatrix
from rules_engine.model.manifest import SourceCounts, TypeCounts
from rules_engine.spark.tallies import DECISIONS
from rules_engine.worker.work_counts import READ, RECEIVED, SENT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_OUTCOME = ("membership_type", "granted", "event", "reason")
_LONG = 0xFFFFFFFFFFFFFFFF


def bits_set(matrix: HitMatrix, rows: DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """
    Version id to how many rows have its bit: of hits, then of unknown outcomes.

    Workers count all bits of a word at once, however many rules there are.
    """
    words = [name for name in rows.columns if name != SUBJECT]
    counts: dict[tuple[str, int], int] = {}
    for row in rows.select(*words).mapInArrow(_bits, "word string, counts array<bigint>").collect():
        for place, count in enumerate(row["counts"]):
            counts[row["word"], place] = counts.get((row["word"], place), 0) + count
    return (_per_version(matrix, counts, hit_word), _per_version(matrix, counts, unknown_word))


def _bits(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """How many rows of a partition have each bit of each word."""
    totals: dict[str, Any] = {}
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            bits = np.unpackbits(column.to_numpy().view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
            totals[name] = totals.get(name, 0) + bits.sum(axis=0, dtype=np.int64)[:BITS]
    if totals:
        counts = pa.array([total.tolist() for total in totals.values()], pa.list_(pa.int64()))
        yield pa.RecordBatch.from_arrays([pa.array(list(totals)), counts], names=["word", "counts"])


def _per_version(
    matrix: HitMatrix, counts: Mapping[tuple[str, int], int], column: Callable[[int], str]
) -> dict[str, int]:
    return {v.id: counts.get((column(cell.word), cell.mask.bit_length() - 1), 0) for v, cell in matrix.cells}


def source_counts(
    totals: Mapping[tuple[str, int], int], frames: Sequence[str], there: Mapping[str, int]
) -> tuple[SourceCounts, ...]:
    """What workers counted of each source, beside what Spark counts of its frame."""
    return tuple(
        SourceCounts(
            f"{number}: {frame or 'queries'}",
            there.get(frame),
            *(totals.get((kind, number), 0) for kind in (READ, SENT, RECEIVED)),
        )
        for number, frame in enumerate(frames)
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Decisions as counted in one pass: rows per type, outcome, event and reason, and the digest of them all."""

    rows: tuple[Mapping[str, Any], ...]
    digest: str


def counted(decided: DataFrame) -> Counted:
    """The digest names the content of all decisions, whatever the order of their rows."""
    from pyspark.sql import functions as F  # noqa: N812

    content = decided.selectExpr(*_OUTCOME, f"xxhash64({', '.join(DECISIONS)}) AS h")
    found = content.groupBy(*_OUTCOME).agg(
        F.expr("count(*) AS n"), F.expr("bit_xor(h) AS x"), F.expr("sum(CAST(h AS DECIMAL(38, 0))) AS s")
    )
    rows = tuple(row.asDict() for row in found.collect())
    number = sum(row["n"] for row in rows)
    either = reduce(xor, (row["x"] for row in rows), 0) & _LONG
    total = sum(int(row["s"]) for row in rows) & _LONG
    return Counted(rows, f"{number}-{either:016x}-{total:016x}")


def members(decided: DataFrame) -> dict[str, int]:
    """Membership type to how many are granted it."""
    return {
        r["membership_type"]: r["count"] for r in decided.where("granted").groupBy("membership_type").count().collect()
    }


def type_counts(
    found: Counted,
    before: Mapping[str, int],
    types: Iterable[str],
    held: Collection[str] = (),
    absent: Mapping[str, int] = MappingProxyType({}),
) -> tuple[TypeCounts, ...]:
    """
    The counts per membership type that must add up.

    ``before`` are the members that the last run left; of a held type they are the members after, too. ``absent``
    are the members of other types whose subject is not in the snapshot.
    """
    return tuple(
        TypeCounts(
            membership_type=key,
            members_before=before.get(key, 0),
            members_after=sum(r["n"] for r in found.rows if r["membership_type"] == key and r["granted"])
            + (before.get(key, 0) if key in held else absent.get(key, 0)),
            decided=sum(r["n"] for r in found.rows if r["membership_type"] == key),
            events=_by(found.rows, key, "event"),
            reasons=_by(found.rows, key, "reason"),
            absent=absent.get(key, 0),
        )
        for key in sorted({*types, *before})
    )


def _by(found: Iterable[Mapping[str, Any]], key: str, what: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in found:
        if row["membership_type"] == key:
            counts[str(row[what])] = counts.get(str(row[what]), 0) + row["n"]
    return dict(sorted(counts.items()))
