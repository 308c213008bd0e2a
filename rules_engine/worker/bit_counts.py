"""How many rows have each bit of packed words, however many rules these are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from rules_engine.index.bitmap_index import Bits
from rules_engine.model.hitmatrix import BITS

CHUNK = 16
"""Bits of a word that are counted by all that they can be."""


class BitCounts:
    """Rows with each bit of each word, added up block by block."""

    def __init__(self) -> None:
        self._seen: dict[str, list[NDArray[np.int64]]] = {}

    def add(self, words: Mapping[str, Bits]) -> None:
        """Count the rows of a block."""
        for name, column in words.items():
            seen = self._seen.setdefault(name, [np.zeros(1 << CHUNK, dtype=np.int64) for _ in range(0, 64, CHUNK)])
            parts = np.ascontiguousarray(column).view(np.dtype("<u2")).reshape(-1, len(seen))
            for number, part in enumerate(parts.T):
                seen[number] += np.bincount(part, minlength=1 << CHUNK)

    def of_words(self) -> Iterator[tuple[str, list[int]]]:
        """Of each word, by its name, the rows that have each of its bits."""
        for name, seen in self._seen.items():
            counts = (_with_bit(part, bit) for part in seen for bit in range(CHUNK))
            yield name, list(counts)[:BITS]


def _with_bit(counts: NDArray[np.int64], bit: int) -> int:
    """How many rows have a bit, of the counts of all that the bits can be: every second run of ``1 << bit`` has it."""
    return int(counts.reshape(-1, 2, 1 << bit)[:, 1].sum())
