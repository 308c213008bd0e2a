"""
The bits of one source packed into few words, and the way back to the words of the hit matrix.

A source's rules stand in as many words as there are membership types, twice where a rule has a second bit: most of
these bits are other sources'. Rows travel by the million, so they carry the source's own bits alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rules_engine.index.predicate_index import BoundPredicate
from rules_engine.index.words import hit_word, unknown_word
from rules_engine.model.hitmatrix import BITS, Cell


class BitRemap(NamedTuple):
    """Bits of a word that go to another, so many places up (down, if below zero)."""

    source: str
    target: str
    mask: int
    up: int


def packed(conditions: Iterable[BoundPredicate]) -> tuple[BoundPredicate, ...]:
    """Conditions in their order, with their bits packed from the first word on."""
    return tuple(bound._replace(cell=Cell(n // BITS, 1 << n % BITS)) for n, bound in enumerate(in_order(conditions)))


def in_order(conditions: Iterable[BoundPredicate]) -> list[BoundPredicate]:
    """By their own bits; those that can be unknown come first, so that few words can."""
    return sorted(conditions, key=lambda bound: (bound.filters, bound.cell.word, bound.cell.mask))


def words_of(conditions: Sequence[BoundPredicate]) -> int:
    """How many words their bits take packed."""
    return -(-len(conditions) // BITS)


def remaps(conditions: Iterable[BoundPredicate], words: Sequence[str]) -> tuple[BitRemap, ...]:
    """From the bits of :func:`packed` conditions to their own; ``words`` are those that there are."""
    order = in_order(conditions)
    found: dict[tuple[str, str, int], int] = {}
    for bound, at in zip(order, packed(order), strict=True):
        up = bound.cell.mask.bit_length() - at.cell.mask.bit_length()
        for name in (hit_word, unknown_word):
            if name(at.cell.word) in words and not (bound.filters and name is unknown_word):
                of = name(at.cell.word), name(bound.cell.word), up
                found[of] = found.get(of, 0) | at.cell.mask
    return tuple(BitRemap(source, target, mask, up) for (source, target, up), mask in found.items())


def remapped(bits: NDArray[np.int64], move: BitRemap) -> NDArray[np.int64]:
    """The bits of a word where they go."""
    kept = bits & np.int64(move.mask)
    return kept << np.int64(move.up) if move.up >= 0 else kept >> np.int64(-move.up)
