"""What all sources say of subjects, merged: one row of packed words for each subject that has any bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rules_engine.index.bitmap_index import Bits
from rules_engine.index.words import NO_TERMS, RuleBit, Terms, hit_word, unknown_word
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.rules import WhenUnknown
from rules_engine.worker.aggregation import GroupAggregator
from rules_engine.worker.exchange import read_blocks, stable_argsort, unpack
from rules_engine.worker.index_probe import IndexProbe, named, of_words, with_bits, without_bits
from rules_engine.worker.work_counts import BARE, MERGED, READ, RECEIVED, Count, uncounted

BLOCK = 1 << 15
"""Subjects whose words are finalised at a time."""


@dataclass(frozen=True)
class Finalisation:
    """What the words of all sources come to, once they are together."""

    hits: tuple[str, ...]
    unknown: tuple[str, ...]
    terms: Mapping[int, Terms]
    """
    Word to what its rules that ask several questions come to. The first literal of the first term is the word itself,
    the one that can be unknown; the others are words after those of the hit matrix.
    """
    means_hit: Mapping[int, int]
    """Word to mask over the rules whose unknown outcome is a hit (R-EVAL-6)."""

    @classmethod
    def of(
        cls,
        matrix: HitMatrix,
        said: Iterable[str],
        terms: Mapping[int, Terms] = NO_TERMS,
    ) -> Finalisation:
        """``said`` are the names of words of which a source speaks."""
        hits = tuple(map(hit_word, range(matrix.words)))
        known = {*said}
        unknown = tuple(u for u in map(unknown_word, range(matrix.words)) if u in known)
        return cls(hits, unknown, terms, counts_when_unknown(matrix.cells, WhenUnknown.HIT))

    @property
    def names(self) -> tuple[str, ...]:
        """All words, those of further questions too."""
        asked = {literal.word: None for terms in self.terms.values() for term in terms for literal in term}
        return (*dict.fromkeys((*self.hits, *map(hit_word, asked))), *self.unknown)

    @property
    def words(self) -> tuple[str, ...]:
        """The columns of :meth:`rows` after the subject."""
        return (*self.hits, *self.unknown)

    def finalised(self, words: Mapping[str, Bits]) -> dict[str, Bits]:
        """Unknown only where no row was true; where a rule says so, unknown is a hit."""
        found = {name: self._answered(name, words) for name in self.words}
        for name in self.unknown:
            hit, means_hit = hit_word(int(name[1:])), self.means_hit.get(int(name[1:]), 0)
            found[hit] = found[hit] | (found[name] & means_hit)
            found[name] = found[name] & ~found[hit]
        return found

    def _answered(self, name: str, words: Mapping[str, Bits]) -> Bits:
        terms = self.terms.get(int(name[1:]), ())
        if not terms:
            return words[name]
        if name in self.unknown:  # unknown is of rules of one term, whose first literal is unknown
            others = ((words[hit_word(each.word)] ^ each.negated) | ~each.mask for each in terms[0][1:])
            return reduce(and_, others, words[name])
        of_several = reduce(or_, (literal.mask for term in terms for literal in term))
        found = words[name] & ~of_several
        for term in terms:
            literals = ((words[hit_word(each.word)] ^ each.negated) | ~each.mask for each in term)
            found = found | reduce(and_, literals, reduce(or_, (each.mask for each in term)))
        return found


class Block(NamedTuple):
    """Some subjects with their finalised words, and how they stood before where that is asked."""

    subjects: pa.Array
    words: Mapping[str, Bits]
    at: NDArray[np.intp]
    """The places, among the subjects, of the rows of ``stood``."""
    stood: pa.RecordBatch | None = None
    """The subjects' earlier memberships."""
    gone: pa.RecordBatch | None = None
    """Earlier memberships of subjects that are not in the snapshot."""

    def rows(self) -> pa.RecordBatch:
        """The words of those subjects that have any bit."""
        return of_words(*with_bits(self.subjects, self.words))


NOWHERE: NDArray[np.intp] = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True)
class ProbeAndFinalise:
    """Rows of the subject frame to a row of words for each subject that has any bit."""

    finalisation: Finalisation
    worker: IndexProbe
    count: Count = uncounted

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from _with_rows(self.blocks(batches))

    def blocks(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Block]:
        """Every subject once, some at a time."""
        read = bare = 0
        for batch in batches:
            if batch.num_rows:
                read += batch.num_rows
                said = named(self.worker.index.outputs, self.worker.words(batch))
                nothing = np.zeros(batch.num_rows, dtype=np.int64)
                words = {name: said.get(name, nothing) for name in self.finalisation.names}
                block = Block(batch.column(0), self.finalisation.finalised(words), NOWHERE)
                bare += without_bits(block.words)
                yield block
        _counted(self.count, {(READ, 0): read, (MERGED, 0): read, (BARE, 0): bare})


def _with_rows(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
    return (rows for rows in (block.rows() for block in blocks) if rows.num_rows)


@dataclass(frozen=True)
class ArrivedRows:
    """Rows of a source that have arrived where their subjects are: the subject, words packed, columns."""

    schema: pa.Schema
    words: tuple[str, ...]
    aggregator: GroupAggregator | None

    def by_subject(
        self, rows: pa.RecordBatch, subjects: pa.Array, own: Mapping[str, pa.Array]
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """
        The places, among ``subjects``, of those that the source speaks of, and a row of words for each.

        ``own`` are numbers of the subjects' own rows, by their expressions.
        """
        places, order, absent = _by_place(rows.column(0), subjects)
        order = order[absent:]
        places = places[order]
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        words = unpack(rows.column(1))[order]
        if self.aggregator is not None:
            columns = [column.take(pa.array(order)) for column in rows.columns[2:]]
            of_these = {name: column.take(pa.array(places[starts])) for name, column in own.items()}
            words = self.aggregator.words(words, columns, starts, of_these)
        elif len(starts) < len(places):
            words = np.bitwise_or.reduceat(words, starts, axis=0)
        return places[starts], words


def _by_place(of: pa.Array, subjects: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.intp], int]:
    """Where each row's subject is, -1 where it is not there; the rows in that order; how many are not there."""
    places: NDArray[np.int32] = pc.index_in(of, value_set=subjects).fill_null(-1).to_numpy()
    return places, stable_argsort(places + 1), int(np.count_nonzero(places < 0))


@dataclass(frozen=True)
class Stood:
    """Earlier memberships, in the order of the subjects that are there; and those of subjects that are not."""

    places: NDArray[np.intp]
    rows: pa.RecordBatch | None
    gone: pa.RecordBatch | None

    @classmethod
    def of(cls, rows: pa.RecordBatch | None, subjects: pa.Array) -> Stood:
        """Told apart by whether their subject is among those given; of None nothing stood."""
        if rows is None:
            return cls(NOWHERE, None, None)
        places, order, absent = _by_place(rows.column(0), subjects)
        at = order[absent:]
        return cls(places[at], rows.take(pa.array(at)), rows.take(pa.array(order[:absent])))

    def of_block(self, first: int) -> tuple[NDArray[np.intp], pa.RecordBatch | None, pa.RecordBatch | None]:
        """What belongs to the :data:`BLOCK` subjects from one on; with the first of all, what belongs to nobody."""
        start, after = (int(np.searchsorted(self.places, place)) for place in (first, first + BLOCK))
        rows = None if self.rows is None else self.rows.slice(start, after - start)
        return self.places[start:after] - first, rows, None if first else self.gone


@dataclass(frozen=True)
class Merge:
    """Blocks with everything of some subjects to a row of words for each that has any bit, in the subjects' order."""

    finalisation: Finalisation
    sources: Sequence[ArrivedRows]
    carried: Sequence[str] = ()
    """Expressions over the subjects' own rows, whose values come with these."""
    count: Count = uncounted
    before: pa.Schema | None = None
    """Of earlier memberships, the last source, where they are brought too: the subject first."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from _with_rows(self.blocks(batches))

    def blocks(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Block]:
        """Every subject once, in their order, some at a time."""
        schemas = [source.schema for source in self.sources]
        arrived = read_blocks(batches, schemas if self.before is None else [*schemas, self.before])
        own = arrived[0].take(pc.sort_indices(arrived[0].column(0)))
        numbers = dict(zip(self.carried, own.columns[2:], strict=True))
        subjects, places = own.column(0), {name: place for place, name in enumerate(self.finalisation.names)}
        stood = Stood.of(None if self.before is None else arrived[-1], subjects)
        found: NDArray[np.int64] = np.zeros((len(subjects), len(places)), dtype=np.int64)
        found[:, [places[name] for name in self.sources[0].words]] = unpack(own.column(1))
        for source, rows in zip(self.sources[1:], arrived[1 : len(self.sources)], strict=True):
            at, words = source.by_subject(rows, subjects, numbers)
            for place, name in enumerate(source.words):
                found[at, places[name]] |= words[:, place]
        bare = 0
        for first in range(0, max(1, len(subjects)), BLOCK):
            words = self.finalisation.finalised(named(self.finalisation.names, found[first : first + BLOCK]))
            bare += without_bits(words)
            yield Block(subjects.slice(first, BLOCK), words, *stood.of_block(first))
        received = {(RECEIVED, source): each.num_rows for source, each in enumerate(arrived)}
        merged = pc.count_distinct(subjects).as_py()
        _counted(self.count, {**received, (MERGED, 0): merged, (BARE, 0): bare})


def _counted(count: Count, numbers: Mapping[tuple[str, int], int]) -> None:
    for (kind, source), number in numbers.items():
        count(kind, source, number)


def counts_when_unknown(placed: Iterable[RuleBit], when: WhenUnknown) -> dict[int, int]:
    """Word to mask over the versions whose unknown outcome means ``when``."""
    masks: dict[int, int] = {}
    for version, cell in placed:
        if version.when_unknown is when:
            masks[cell.word] = masks.get(cell.word, 0) | cell.mask
    return masks
