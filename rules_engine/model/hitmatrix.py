"""
The hit matrix: which version is which bit of which packed word.

A row of the matrix is one subject; a column is one version, bit ``k`` of word
``j``, 63 versions per 64-bit word so that a word is never negative. Versions
are numbered in the rule set's canonical order and a word never holds versions
of two membership types, so a type's words are a contiguous slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from rules_engine.model.decisions import Hit
from rules_engine.model.rule_sets import RuleSet
from rules_engine.model.rules import Kind, RuleVersion

BITS = 63

_T = TypeVar("_T")
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a version's bit is: word ``word``, bit value ``mask`` (a power of two)."""

    word: int
    mask: int


@dataclass(frozen=True, slots=True)
class HitMatrix:
    """The layout of the packed words for one rule set: 64 versions of a type take two words, the next type a third."""

    cells: tuple[tuple[RuleVersion, Cell], ...]
    words: int
    slices: tuple[tuple[str, int, int], ...]
    """(membership type, first word, word after the last), for types that have versions."""

    @classmethod
    def of(cls, rule_set: RuleSet) -> HitMatrix:
        cells: list[tuple[RuleVersion, Cell]] = []
        slices: list[tuple[str, int, int]] = []
        word = 0
        for key, group in groupby(rule_set.versions, key=lambda v: v.membership_type):
            versions = list(group)
            cells += [(v, Cell(word + i // BITS, 1 << (i % BITS))) for i, v in enumerate(versions)]
            after = word + -(-len(versions) // BITS)
            slices.append((key, word, after))
            word = after
        return cls(tuple(cells), word, tuple(slices))

    def cell(self, version: RuleVersion) -> Cell:
        return next(cell for v, cell in self.cells if v.key == version.key)

    def weights(self, membership_type: str, kind: Kind) -> dict[int, dict[int, int]]:
        """
        Weight to {word: mask} over the versions of a type and kind that count (shadow ones do not).

        A sum is then ``bit_count(word & mask) * weight`` added over all entries.
        """
        masks: dict[int, dict[int, int]] = {}
        for version, cell in self.cells:
            if version.membership_type == membership_type and version.kind is kind and not version.shadow:
                of_weight = masks.setdefault(version.weight, {})
                of_weight[cell.word] = of_weight.get(cell.word, 0) | cell.mask
        return masks

    def slice_of(self, membership_type: str) -> tuple[int, int]:
        """First word and word after the last of a type; (0, 0) where it has no versions."""
        return next(((a, b) for key, a, b in self.slices if key == membership_type), (0, 0))

    def decode(self, membership_type: str, words: Sequence[int]) -> Iterator[RuleVersion]:
        """The versions whose bits are set in a type's own words, shadow ones included, in canonical order."""
        first, _ = self.slice_of(membership_type)
        for version, cell in self.cells:
            if version.membership_type == membership_type and words[cell.word - first] & cell.mask:
                yield version

    def hits(self, membership_type: str, words: Sequence[int]) -> tuple[Hit, ...]:
        """The hits that count towards the sums, decoded from a type's own words."""
        return tuple(hits_of(words, self.bits(membership_type)))

    def bits(self, membership_type: str) -> Bits:
        """What each bit of a type's own words says, shadow versions left out: :meth:`hits` for many rows."""
        first, after = self.slice_of(membership_type)
        bits: Bits = tuple({} for _ in range(first, after))
        for v, cell in self.cells:
            if v.membership_type == membership_type and not v.shadow:
                bits[cell.word - first][cell.mask] = Hit(v.key, v.version, v.kind, v.weight, v.category)
        return bits


Bits = tuple[dict[int, Hit], ...]
"""For each of a type's own words: bit value to hit."""


def hits_of(words: Sequence[int], said: Sequence[Mapping[int, _T]]) -> list[_T]:
    """What is said of the bits that are set, in canonical order, however many rules there are."""
    found = []
    for word, of_bits in zip(words, said, strict=False):
        rest = word & _WORD
        while rest:
            lowest = rest & -rest
            if lowest in of_bits:
                found.append(of_bits[lowest])
            rest ^= lowest
    return found
