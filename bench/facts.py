"""What was found, whoever found it: per rule how many subjects hit, and a hash of them that knows no order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from rules_engine.model.hitmatrix import HitMatrix

Facts = Mapping[str, tuple[int, int]]
"""Rule key to the number of subjects that hit it and the sum of their hashes, modulo 2^64; rules nobody hit are left out."""


def of_words(folder: Path, matrix: HitMatrix) -> Facts:
    """From a written hit matrix: ``subject`` and packed words ``h<word>``."""
    found = _Sums()
    keys = [(version.key, cell) for version, cell in matrix.cells]
    for batch in _batches(folder):
        hashed = mixed(batch["subject"])
        for key, cell in keys:
            found.add(key, hashed[(batch[f"h{cell.word}"] & cell.mask) != 0])
    return found.facts()


def of_rows(folder: Path, keys: list[str]) -> Facts:
    """From written rows ``rule`` (its place in ``keys``) and ``subject``, each pair once."""
    found = _Sums()
    for batch in _batches(folder):
        order = np.argsort(batch["rule"], kind="stable")
        rules, hashed = batch["rule"][order], mixed(batch["subject"][order])
        starts = np.flatnonzero(np.diff(rules, prepend=-1))
        for start, part in zip(starts, np.split(hashed, starts[1:]), strict=True):
            found.add(keys[rules[start]], part)
    return found.facts()


def digest(facts: Facts) -> str:
    """One name for all facts."""
    lines = (f"{key} {count} {total:016x}" for key, (count, total) in sorted(facts.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def mixed(numbers: Any) -> Any:
    """Whole numbers spread over 64 bits (the finalizer of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass
class _Sums:
    """Counts and sums that grow."""

    def __post_init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, key: str, hashed: Any) -> None:
        if len(hashed):
            count, total = self._sums.get(key, (0, 0))
            self._sums[key] = (count + len(hashed), (total + int(hashed.sum(dtype=np.uint64))) % 2**64)

    def facts(self) -> Facts:
        return self._sums


def _batches(folder: Path) -> Iterator[dict[str, Any]]:
    """The columns of all files of a folder, some rows at a time."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix in {".parquet", ".txt"}):
        for batch in pq.ParquetFile(path).iter_batches(200_000):
            if batch.num_rows:
                yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names}
