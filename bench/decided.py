"""What was decided, whoever decided it: a digest of subject, type, outcome and both sums that knows no order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bench.facts import mixed

COLUMNS = ["subject", "membership_type", "granted", "inclusion_sum", "exclusion_sum"]


def digest(folder: Path) -> str:
    """Of Parquet files with :data:`COLUMNS`: grain subject × membership type, pairs of which nothing hit left out."""
    sums: dict[str, tuple[int, int]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(200_000, columns=COLUMNS):
            for key, numbers in _by_type(batch):
                count, total = sums.get(key, (0, 0))
                sums[key] = (count + len(numbers), (total + int(numbers.sum(dtype=np.uint64))) % 2**64)
    lines = (f"{key} {count} {total:016x}" for key, (count, total) in sorted(sums.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _by_type(batch: Any) -> Iterable[tuple[str, Any]]:
    columns: Mapping[str, Any] = {
        name: batch.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS if name != "membership_type"
    }
    outcome = columns["inclusion_sum"].astype(np.int64) * (1 << 24) + columns["exclusion_sum"].astype(np.int64) * 2
    hashed = mixed(mixed(columns["subject"]) ^ (outcome + columns["granted"]).astype(np.uint64))
    types = np.array(batch.column("membership_type").to_pylist())
    return ((str(key), hashed[types == key]) for key in np.unique(types))
