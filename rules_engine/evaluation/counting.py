"""What a run counts of its own results, read back from what it staged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rules_engine.evaluation.tallies import DECISIONS
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.manifest import TypeCounts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def bits_set(matrix: HitMatrix, rows: DataFrame, column: Callable[[int], str]) -> dict[str, int]:
    """Version id to how many rows have its bit; bits that no row has are not counted one by one."""
    counted = dict.fromkeys((v.id for v, _ in matrix.cells), 0)
    seen = _seen(matrix, rows, column)
    there = [(v.id, cell) for v, cell in matrix.cells if seen.get(cell.word, 0) & cell.mask]
    if there:
        sums = [f"sum(shiftright({column(c.word)}, {c.mask.bit_length() - 1}) & 1L)" for _, c in there]
        row = rows.selectExpr(*sums).first()
        assert row is not None
        counted.update(zip((name for name, _ in there), map(int, row), strict=True))
    return counted


def _seen(matrix: HitMatrix, rows: DataFrame, column: Callable[[int], str]) -> dict[int, int]:
    """Word to the bits that any row has."""
    words = [w for w in range(matrix.words) if column(w) in rows.columns]
    row = rows.selectExpr(*(f"bit_or({column(w)})" for w in words)).first() if words else None
    return {w: int(bits or 0) for w, bits in zip(words, row, strict=True)} if row else {}


def type_counts(decided: DataFrame, previous: DataFrame, types: Mapping[str, object]) -> tuple[TypeCounts, ...]:
    """The counts per membership type that must add up."""
    before = {r["membership_type"]: r["n"] for r in _count(previous.where("granted"), "membership_type")}
    found = _count(decided, "membership_type", "granted", "event", "reason")
    return tuple(
        TypeCounts(
            membership_type=key,
            members_before=before.get(key, 0),
            members_after=sum(r["n"] for r in found if r["membership_type"] == key and r["granted"]),
            decided=sum(r["n"] for r in found if r["membership_type"] == key),
            events=_by(found, key, "event"),
            reasons=_by(found, key, "reason"),
        )
        for key in sorted({*types, *before})
    )


def digest(decided: DataFrame) -> str:
    """A name for the content of all decisions, whatever the order of their rows."""
    row = decided.selectExpr(f"xxhash64({', '.join(DECISIONS)}) AS h").selectExpr(
        "count(*) AS n", "coalesce(bit_xor(h), 0L) AS x", "coalesce(sum(CAST(h AS DECIMAL(38, 0))), 0) AS s"
    ).first()  # fmt: skip
    assert row is not None
    return f"{row['n']}-{row['x'] & 0xFFFFFFFFFFFFFFFF:016x}-{int(row['s']) & 0xFFFFFFFFFFFFFFFF:016x}"


def _count(rows: DataFrame, *by: str) -> list[dict[str, Any]]:
    return [r.asDict() for r in rows.groupBy(*by).count().withColumnRenamed("count", "n").collect()]


def _by(found: list[dict[str, Any]], key: str, what: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in found:
        if row["membership_type"] == key:
            counts[str(row[what])] = counts.get(str(row[what]), 0) + row["n"]
    return dict(sorted(counts.items()))
