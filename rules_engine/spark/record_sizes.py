"""Whether every record that a hit matrix comes to has room in a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.index.words import SUBJECT, hit_word
from rules_engine.model.history import LARGEST_RECORD
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import RuleVersion

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def oversized(matrix: HitMatrix, read: Callable[[], DataFrame]) -> Iterable[Fault]:
    """
    The membership types of which a record would be larger than a history takes: the largest one of each.

    Hits are read only where all rules of a type together could be too many.
    """
    for key, _, _ in matrix.slices:
        sizes: dict[int, dict[int, int]] = {}
        most = 0
        for version, cell in matrix.cells:
            if version.membership_type == key and not version.shadow:
                size = hit_size(version)
                most += size
                of_size = sizes.setdefault(size, {})
                of_size[cell.word] = of_size.get(cell.word, 0) | cell.mask
        if most <= LARGEST_RECORD - REST_OF_RECORD:
            continue
        bytes_ = _plus(f"{_bits(masks)} * {size}L" for size, masks in sizes.items())
        largest = read().selectExpr(SUBJECT, f"{bytes_} + {REST_OF_RECORD}L AS bytes").orderBy("bytes", ascending=False)
        found = largest.first()
        if found and found["bytes"] > LARGEST_RECORD:
            what = f"subject {found[SUBJECT]} has so many hits of it that its record is about {found['bytes']:,} bytes."
            remedy = (
                f"A history takes {LARGEST_RECORD:,}: part the type, or give its rules shorter keys and categories."
            )
            yield Fault(f"Membership type {key}", what, remedy)


REST_OF_RECORD = 8 * 1024
"""Bytes kept for all of a record but its hits: a key of 2 kB, snapshots, digests, names of attributes."""


def hit_size(version: RuleVersion) -> int:
    """Bytes that a hit takes in DynamoDB at most: each part and list one more, each number up to 21."""
    texts = (version.key, version.kind.value, version.category)
    return 4 + sum(len(text.encode()) + 1 for text in texts) + 2 * 22


def _bits(masks: dict[int, int]) -> str:
    return f"({_plus(f'bit_count({hit_word(word)} & {mask}L)' for word, mask in masks.items())})"


def _plus(terms: Iterable[str]) -> str:
    """Terms added as a balanced tree of parentheses; 0 for none."""
    parts = list(terms)
    if len(parts) <= 2:
        return " + ".join(parts) or "0L"
    middle = len(parts) // 2
    return f"({_plus(parts[:middle])}) + ({_plus(parts[middle:])})"
