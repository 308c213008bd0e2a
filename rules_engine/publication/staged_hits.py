"""One subject's row of a staged hit matrix, read without Spark."""

from __future__ import annotations

from pathlib import Path

from rules_engine.model.history import Subject
from rules_engine.model.hitmatrix import HitMatrix


def bits_of(folder: str, matrix: HitMatrix, subject: Subject) -> tuple[frozenset[str], frozenset[str]] | None:
    """
    The versions that hit a subject, shadow ones too, and those that were unknown, by id.

    None where the matrix of the run is not on this machine, or no more.
    """
    from pyarrow import compute, dataset

    place = Path(folder) / "hits"
    if "://" in folder or not place.is_dir():
        return None
    rows = dataset.dataset(place, format="parquet").to_table(filter=compute.field("subject") == subject).to_pylist()
    words = rows[0] if rows else {}
    hit = (v.id for v, cell in matrix.cells if words.get(f"h{cell.word}", 0) & cell.mask)
    unknown = (v.id for v, cell in matrix.cells if words.get(f"u{cell.word}", 0) & cell.mask)
    return frozenset(hit), frozenset(unknown)
