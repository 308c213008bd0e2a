"""The words of all sources come together as SQL would have them, however rows are cut into batches and blocks (see ``proof``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.index.words import Literal
from rules_engine.worker.exchange import SendFacts, ShuffleWriter, pack
from rules_engine.worker.merge import ArrivedRows, Finalisation, Merge
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things

WORDS, FACT = 2, 2
SOURCES = (("h0", "u0"), ("h1", "h2"), ("h0", "h1", "u0"))
"""Of the subjects themselves, of another frame (``h2`` says of the rules of word 0 what that frame says), of facts."""
ASKED = 0, 2, 3
"""The words of questions that the rules of word 0 may ask; nobody speaks of the last."""
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
    """In any order; the first source has at most one row of each subject."""
    cuts: Sequence[int]
    """Where the rows of a source are cut into batches."""
    most: int
    """Bytes of rows from which on they are put into blocks; a row takes about 30."""
    finalisation: Finalisation


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
    asks = draw(BITS)
    literals = st.builds(
        lambda word, mask, negated: Literal(word, mask & asks, mask & negated), st.sampled_from(ASKED), BITS, BITS
    )
    first = [Literal(0, asks), draw(literals)._replace(word=2), *draw(st.lists(literals, max_size=1))]
    others = draw(st.lists(st.lists(literals, min_size=1, max_size=3), max_size=2))
    own = {0: tuple(map(tuple, (first, *others)))}
    finalisation = Finalisation(("h0", "h1"), ("u0",), own, {0: draw(BITS)})
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    return Case(rows, cuts, draw(st.integers(0, 150)), finalisation)


def blocks(case: Case) -> Iterator[pa.RecordBatch]:
    """The rows of every source as they arrive: cut into batches, and put into blocks."""
    for number in range(len(SOURCES)):
        rows = [row for row in case.rows if row.source == number]
        edges = [0, *(min(cut, len(rows)) for cut in case.cuts), len(rows)]
        work = SendFacts(SOURCES[FACT]) if number == FACT else lambda batch: batch
        given = (batch(rows[first:after], number) for first, after in pairwise(edges))
        for sent in ShuffleWriter(number, work, (0,), case.most)(given):
            yield sent.select([1, 2])


def batch(rows: Sequence[Row], source: int) -> pa.RecordBatch:
    """Rows as a worker is given them, or has made them: their part, always the same, is last."""
    subjects, part = pa.array([row.subject for row in rows], pa.int64()), pa.array([0] * len(rows), pa.int32())
    if source == FACT:
        word, mask = (pa.array([getattr(row, name) for row in rows], pa.int64()) for name in ("word", "mask"))
        said = [word.cast(pa.int32()), mask, pa.array([row.unknown for row in rows], pa.bool_())]
    else:
        said = [pack(np.array([row.words for row in rows], dtype=np.int64).reshape(len(rows), 2))]
    columns = [subjects, *said, part]
    return pa.RecordBatch.from_arrays(columns, [str(number) for number in range(len(columns))])


def sources() -> tuple[ArrivedRows, ...]:
    schemas = (pa.schema([("subject", pa.int64()), ("words", pa.binary(8 * len(names)))]) for names in SOURCES)
    return tuple(ArrivedRows(schema, names, None) for schema, names in zip(schemas, SOURCES, strict=True))


def expected(case: Case) -> dict[int, dict[str, int]]:
    """Subjects that the first source has, and of them those with a bit."""
    found: dict[int, dict[str, int]] = {}
    for subject in sorted({row.subject for row in case.rows if row.source == 0 and row.subject is not None}):
        said = dict.fromkeys(["h0", "h1", "h2", "h3", "u0"], 0)
        for row in (row for row in case.rows if row.subject == subject):
            if row.source == FACT:
                said[f"{'u' if row.unknown else 'h'}{row.word}"] |= row.mask
            else:
                for name, word in zip(SOURCES[row.source], row.words, strict=True):
                    said[name] |= word
        of = case.finalisation
        hit, unknown = (sum(1 << bit for bit in range(63) if answered(of, bit, said, name)) for name in ("h0", "u0"))
        hit |= unknown & of.means_hit[0]
        words = {"h0": hit, "h1": said["h1"], "u0": unknown & ~hit}
        if any(words.values()):
            found[subject] = words
    return found


def answered(of: Finalisation, bit: int, said: Mapping[str, int], name: str) -> bool:
    """Whether a rule of word 0 is true, or unknown: one of its terms is, all of whose questions are answered so."""
    own = [[each for each in term if each.mask >> bit & 1] for term in of.terms.get(0, ())]
    asked = [[(f"h{each.word}", each.negated >> bit & 1) for each in term] for term in own if term] or [[("h0", 0)]]
    if name == "u0":
        asked = [[("u0", 0), *asked[0][1:]]]
    return any(all((said[word] >> bit & 1) != denied for word, denied in term) for term in asked)


def nothing_is_lost_between_sources(gatherer: type[Merge], arrived: type[ArrivedRows] = ArrivedRows) -> Check:
    """Each subject has one row, with the bits of all sources."""

    @given(cases())
    def check(case: Case) -> None:
        of = tuple(arrived(each.schema, each.words, each.aggregator) for each in sources())
        rows = [row for batch in gatherer(case.finalisation, of)(blocks(case)) for row in batch.to_pylist()]
        subjects = [row.pop("subject") for row in rows]
        assert dict(zip(subjects, rows, strict=True)) == expected(case)
        assert subjects == sorted({*subjects})

    return check


class FirstParcelAlone(Merge):
    """What comes after a source's first block is forgotten."""

    def __call__(self, batches: Any) -> Iterator[pa.RecordBatch]:
        firsts: dict[int, pa.RecordBatch] = {}
        for batch in (batch for batch in batches if batch.num_rows):
            firsts.setdefault(batch.column(0)[0].as_py(), batch)
        yield from super().__call__(firsts.values())


class Everybody(ArrivedRows):
    """Rows of subjects that the subject frame does not have are taken for those of its last one."""

    def by_subject(self, rows: pa.RecordBatch, subjects: pa.Array, own: Any) -> Any:
        known = [*subjects.to_pylist()]
        if not known:
            return super().by_subject(rows, subjects, own)
        taken = [one if one in known else known[-1] for one in rows.column(0).to_pylist()]
        changed = pa.RecordBatch.from_arrays([pa.array(taken, pa.int64()), *rows.columns[1:]], schema=rows.schema)
        return super().by_subject(changed, subjects, own)


class LastRowAlone(ArrivedRows):
    """Of several rows of a source for one subject the last one counts."""

    def by_subject(self, rows: pa.RecordBatch, subjects: pa.Array, own: Any) -> Any:
        last = {subject: at for at, subject in enumerate(rows.column(0).to_pylist())}
        return super().by_subject(rows.take(pa.array([*last.values()], pa.int64())), subjects, own)


class Unsettled(Finalisation):
    def finalised(self, words: Any) -> Any:
        return {name: words[name] for name in (*self.hits, *self.unknown)}


class NotSettled(Merge):
    """Bits are as they were said."""

    def __call__(self, batches: Any) -> Iterator[pa.RecordBatch]:
        of = self.finalisation
        plain = Unsettled(of.hits, of.unknown, of.terms, of.means_hit)
        yield from Merge(plain, self.sources)(batches)


def nothing_is_lost_where_rows_arrive(arrived: type[ArrivedRows]) -> Check:
    return nothing_is_lost_between_sources(Merge, arrived)


FAULTS: list[Any] = [FirstParcelAlone, NotSettled]
PROOFS: list[Proof] = [
    (nothing_is_lost_between_sources, Merge, FAULTS),
    (nothing_is_lost_where_rows_arrive, ArrivedRows, [Everybody, LastRowAlone]),
]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_words_come_together(property_: Property, real: Any) -> None:
    """The property holds of the worker."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_a_planted_fault_is_noticed(property_: Property, fault: Any) -> None:
    """The property fails where a block, a source, a subject or what is unknown is handled wrongly."""
    notices(property_, fault)
