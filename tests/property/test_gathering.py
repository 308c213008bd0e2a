"""The words of all sources come together as SQL would have them, however rows are cut into batches (see ``proof``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.evaluation.matrix import FACT, Gatherer, Settling
from rules_engine.evaluation.narrowing import of_words
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things

WORDS = 2
SOURCES = (("h0", "u0"), ("h1", "h2"))
"""Of the subjects themselves, and of another frame: ``h2`` says of the rules of word 0 what that frame says."""
TYPES = [pa.int64(), pa.int8(), pa.binary(), pa.int32(), pa.int64(), pa.bool_()]
BITS = st.integers(0, 7) | st.integers(0, 2**63 - 1)


class Row(NamedTuple):
    """Of a source its words, or of a fact a word, a mask and whether it is unknown."""

    subject: int | None
    source: int
    words: Sequence[int] = ()
    word: int = 0
    mask: int = 0
    unknown: bool = False


class Case(NamedTuple):
    rows: Sequence[Row]
    """Sorted by subject; the first source has at most one row of each."""
    cuts: Sequence[int]
    settling: Settling


@st.composite
def cases(draw: st.DrawFn) -> Case:
    subjects = st.none() | st.integers(1, 4)
    own = draw(st.lists(st.integers(1, 4), unique=True))
    rows = [Row(subject, 0, draw(st.tuples(BITS, BITS))) for subject in own]
    others = st.tuples(subjects, st.tuples(BITS, BITS)).map(lambda said: Row(said[0], 1, said[1]))
    hits = st.tuples(subjects, st.integers(0, 1), BITS).map(lambda said: Row(said[0], FACT, (), *said[1:]))
    unknown = st.tuples(subjects, BITS).map(lambda said: Row(said[0], FACT, (), 0, said[1], unknown=True))
    rows += draw(st.lists(others, max_size=6)) + draw(st.lists(hits | unknown, max_size=4))
    rows = draw(st.permutations(rows))
    rows.sort(key=lambda row: (row.subject is not None, row.subject))
    asks = draw(BITS)
    settling = Settling(("h0", "h1"), ("u0",), {0: asks}, {0: asks & draw(BITS)}, {0: draw(BITS)}, WORDS)
    return Case(rows, sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4))), settling)


def batches(case: Case) -> Iterator[pa.RecordBatch]:
    columns = [
        [row.subject for row in case.rows],
        [row.source for row in case.rows],
        [packed(row) if row.source != FACT else None for row in case.rows],
        [row.word for row in case.rows],
        [row.mask for row in case.rows],
        [row.unknown for row in case.rows],
    ]
    arrays = [pa.array(values, type_) for values, type_ in zip(columns, TYPES, strict=True)]
    whole = pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(len(arrays))])
    for first, after in pairwise([0, *case.cuts, len(case.rows)]):
        yield whole.slice(first, after - first)


def packed(row: Row) -> bytes:
    words = {str(place): np.array([word], dtype=np.int64) for place, word in enumerate(row.words)}
    found: bytes = of_words(pa.array([0]), words, packed=True).column(1)[0].as_py()
    return found


def expected(case: Case) -> dict[int, dict[str, int]]:
    """Subjects that the first source has, and of them those with a bit."""
    found: dict[int, dict[str, int]] = {}
    for subject in sorted({row.subject for row in case.rows if row.source == 0 and row.subject is not None}):
        said = dict.fromkeys(["h0", "h1", "h2", "u0"], 0)
        for row in (row for row in case.rows if row.subject == subject):
            if row.source == FACT:
                said[f"{'u' if row.unknown else 'h'}{row.word}"] |= row.mask
            else:
                for name, word in zip(SOURCES[row.source], row.words, strict=True):
                    said[name] |= word
        of = case.settling
        holds_ = ~of.asks[0] | (said["h2"] ^ of.denies[0])
        hit, unknown = said["h0"] & holds_, said["u0"] & holds_
        hit |= unknown & of.means_hit[0]
        words = {"h0": hit, "h1": said["h1"], "u0": unknown & ~hit}
        if any(words.values()):
            found[subject] = words
    return found


def nothing_is_lost_between_sources(gatherer: type[Gatherer]) -> Check:
    """Each subject has one row, with the bits of all sources."""

    @given(cases())
    def check(case: Case) -> None:
        rows = [row for batch in gatherer(case.settling, SOURCES)(batches(case)) for row in batch.to_pylist()]
        subjects = [row.pop("subject") for row in rows]
        assert dict(zip(subjects, rows, strict=True)) == expected(case)
        assert len(subjects) == len({*subjects})

    return check


class EachBatchAlone(Gatherer):
    """What a subject's rows said in the batch before is forgotten."""

    def __call__(self, batches: Any) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from super().__call__([batch])


class Everybody(Gatherer):
    """Subjects that the subject frame does not have are kept."""

    def _settled(self, found: Any) -> Iterator[pa.RecordBatch]:
        return super()._settled(replace(found, present=np.ones_like(found.present)))


class LastRowAlone(Gatherer):
    """Of several rows of a source for one subject the last one counts."""

    def _gathered(self, batch: pa.RecordBatch) -> Any:
        kept: dict[Any, int] = {}
        for at, (subject, source) in enumerate(
            zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        ):
            kept[(subject, source) if subject is not None and source == 1 else at] = at
        return super()._gathered(batch.take(pa.array(sorted(kept.values()))))


class Unsettled(Settling):
    def settled(self, words: Any) -> Any:
        return {name: words[name] for name in (*self.hits, *self.unknown)}


class NotSettled(Gatherer):
    """Bits are as they were said."""

    def _settled(self, found: Any) -> Iterator[pa.RecordBatch]:
        of = self.settling
        plain = Unsettled(of.hits, of.unknown, of.asks, of.denies, of.means_hit, of.second)
        return Gatherer._settled(replace(self, settling=plain), found)


FAULTS: list[Any] = [EachBatchAlone, Everybody, LastRowAlone, NotSettled]
PROOFS: list[Proof] = [(nothing_is_lost_between_sources, Gatherer, FAULTS)]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_words_come_together(property_: Property, real: Any) -> None:
    """The property holds of the worker."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_a_planted_fault_is_noticed(property_: Property, fault: Any) -> None:
    """The property fails where a batch's edge, a source, a subject or what is unknown is handled wrongly."""
    notices(property_, fault)
