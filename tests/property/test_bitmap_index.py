"""What the index finds in a batch is what SQL says of every row, and the proof that a wrong edge is noticed (see ``proof``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.index import bitmap_index as buckets
from rules_engine.index.bitmap_index import Breakpoints, BucketBitmaps, Outcome
from rules_engine.index.bitmap_index import Tested as OfRule
from rules_engine.index.predicate_index import IndexedExpression, MultiColumnPredicate, PredicateIndex, Source
from rules_engine.index.value_types import ComparisonType, comparison_type
from rules_engine.logical.condition import Not, Tree
from rules_engine.logical.condition import Test as Asks
from rules_engine.logical.condition import tests_of as all_tests
from rules_engine.worker.exchange import unpack
from rules_engine.worker.index_probe import IndexProbe, SendWords
from tests.property.conditions import KINDS, Kind, handed, nested, says, trees
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things

COLUMNS = ("x", "y")


class Condition(NamedTuple):
    """A rule's condition: its sides by column, and whether it drops rows."""

    sides: Mapping[str, Tree]
    both: Tree | None
    """A side about both columns."""
    filters: bool


class Case(NamedTuple):
    kinds: Mapping[str, Kind]
    conditions: Sequence[Condition]
    rows: Sequence[tuple[int | None, Any, Any]]
    """Subject, x, y."""
    offset: int
    """Rows of the Arrow array before the batch."""


class Index:
    """How tables are made of conditions: the real thing."""

    of: ClassVar[Any] = staticmethod(comparison_type)
    cuts: ClassVar[type[Breakpoints]] = Breakpoints
    kinds: ClassVar[Sequence[Kind]] = KINDS
    """The types that it is tried on: a fault's are those where it can be met."""
    worker: ClassVar[type[IndexProbe]] = IndexProbe
    send: ClassVar[type[SendWords]] = SendWords

    @classmethod
    def lookup(cls, name: str, kind: Kind, alone: Sequence[OfRule], asked: Sequence[Tree]) -> IndexedExpression:
        made = cls.cuts.by(cls.of(kind.type), [*asked, *(test.tree for test in alone)])
        return IndexedExpression(name, name, made, cls.tables(made, alone))

    @classmethod
    def tables(cls, cuts: Breakpoints, tests: Iterable[OfRule]) -> Mapping[int, BucketBitmaps]:
        return buckets.tables(cuts, tests)


@st.composite
def cases(draw: st.DrawFn, of_kinds: Sequence[Kind]) -> Case:
    kinds = {name: draw(st.sampled_from(of_kinds)) for name in COLUMNS}
    of = {name: trees(kinds[name], name) for name in COLUMNS}
    both = st.none() | nested(st.one_of(*of.values()))
    sides = st.fixed_dictionaries({}, optional=of)
    conditions = draw(st.lists(st.builds(Condition, sides, both, st.booleans()), min_size=1, max_size=3))
    values = [st.none() | st.sampled_from(kinds[name].values) for name in COLUMNS]
    rows = draw(st.lists(st.tuples(st.none() | st.integers(1, 3), *values), min_size=1, max_size=8))
    if draw(st.integers(0, 9)) == 0:
        rows = [(subject, None, None) for subject, _, _ in rows]
    return Case(kinds, conditions, rows, draw(st.integers(0, 3)))


def cell(number: int) -> tuple[int, int]:
    """Word and mask of a condition: several to a word, the highest bit among them."""
    return (number % 2) * 5, 1 << (62 - number)


def found(index: type[Index], case: Case) -> list[dict[str, Any]]:
    """The words of each row, as a worker gives them."""
    worker, given = worker_of(index, case), batch(case, after=1)
    rows = [dict(zip(worker.index.outputs, words, strict=True)) for words in worker.words(given).tolist()]
    return [{"subject": subject, **words} for subject, words in zip(given.column(0).to_pylist(), rows, strict=True)]


def worker_of(index: type[Index], case: Case) -> IndexProbe:
    """What looks the conditions of a case up."""
    numbered = [(cell(number), condition) for number, condition in enumerate(case.conditions)]
    mixed = [(of, c.both, c.filters) for of, c in numbered if c.both is not None]
    lookups = []
    for name in COLUMNS:
        alone = [OfRule(*of, c.sides[name], c.filters) for of, c in numbered if name in c.sides]
        asked = [test for _, tree, _ in mixed for test in all_tests(tree) if isinstance(test, Asks)]
        lookups.append(index.lookup(name, case.kinds[name], alone, [test for test in asked if test.of.name == name]))
    words: dict[int, int] = {}
    for (word, mask), _ in numbered:
        words[word] = words.get(word, 0) | mask
    parts = tuple(MultiColumnPredicate(tree, *of, filters) for of, tree, filters in mixed)
    return index.worker(PredicateIndex(Source("", ""), tuple(lookups), (), parts, words, ()))


def batch(case: Case, after: int) -> pa.RecordBatch:
    """The rows between others that are not to be looked at, as Arrow cuts a batch."""
    around = [case.rows[0]]
    rows = [*around * case.offset, *case.rows, *around * after]
    types = [pa.int64(), *(case.kinds[name].arrow for name in COLUMNS)]
    arrays = [handed([row[place] for row in rows], type_) for place, type_ in enumerate(types)]
    return pa.RecordBatch.from_arrays(arrays, ["subject", *COLUMNS]).slice(case.offset, len(case.rows))


def expected(case: Case, row: tuple[Any, ...]) -> dict[str, int]:
    """The words of one row, each condition asked of it in turn."""
    words: dict[str, int] = {}
    values = dict(zip(COLUMNS, row[1:], strict=True))
    for number, condition in enumerate(case.conditions):
        word, mask = cell(number)
        sides = [says(tree, values) for tree in [*condition.sides.values(), condition.both] if tree is not None]
        true, unknown = all(sides), False not in sides and None in sides and not condition.filters
        words[f"h{word}"] = words.get(f"h{word}", 0) | mask * true
        words[f"u{word}"] = words.get(f"u{word}", 0) | mask * unknown
    return words


def every_row_is_answered(index: type[Index]) -> Check:
    """Each bit of each row is what SQL says of the condition and the row."""

    @given(cases(index.kinds))
    def check(case: Case) -> None:
        rows = found(index, case)
        wanted = [expected(case, row) for row in case.rows]
        assert [row["subject"] for row in rows] == [row[0] for row in case.rows]
        assert [{name: row.get(name, 0) for name in want} for row, want in zip(rows, wanted, strict=True)] == wanted

    return check


def rows_with_a_bit_are_sent(index: type[Index]) -> Check:
    """Those, their words and the part that they go to; no others."""

    @given(cases(index.kinds))
    def check(case: Case) -> None:
        parts = [7 * place for place in range(len(case.rows))]
        given = batch(case, after=1).append_column("part", pa.array(parts, pa.int32()))
        worker = worker_of(index, case)
        subjects, words, sent_to = index.send(worker)(given).columns
        names = expected(case, case.rows[0])
        of_rows = (dict(zip(worker.index.outputs, row, strict=True)) for row in unpack(words).tolist())
        sent = [{n: row.get(n, 0) for n in names} for row in of_rows]
        wanted = [
            (row[0], words, part)
            for row, part in zip(case.rows, parts, strict=True)
            if any((words := expected(case, row)).values())
        ]
        assert [*zip(subjects.to_pylist(), sent, sent_to.to_pylist(), strict=True)] == wanted

    return check


class Strict(Breakpoints):
    """``<=`` as ``<``."""

    def _tested(self, test: Asks) -> Outcome:
        return super()._tested(replace(test, operator="<") if test.operator == "<=" else test)


class NullIsFalse(Breakpoints):
    def _tested(self, test: Asks) -> Outcome:
        true = super()._tested(test).true
        return Outcome(true, ~true)


class EndlessPrefix(Breakpoints):
    """What comes after all that start so starts so as well."""

    def _true(self, test: Asks) -> Any:
        return super()._true(replace(test, operator=">=") if test.operator == "prefix" else test)


class AtIsAbove(Breakpoints):
    """The bucket of a literal itself is never met, where it is searched for."""

    def _searched(self, values: Any) -> Any:
        return 2 * np.asarray(self.literals, dtype=values.dtype).searchsorted(values, "right")


class NullUnseen(Breakpoints):
    """NULL falls in the bucket of what Arrow holds in its place."""

    def buckets(self, column: pa.Array) -> Any:
        return super().buckets(column.fill_null(0))


def with_cuts(wrong: type[Breakpoints], type_: str) -> type[Index]:
    kinds = [kind for kind in KINDS if kind.type == type_]
    return type(wrong.__name__, (Index,), {"cuts": wrong, "kinds": kinds})


def with_worker(wrong: type[IndexProbe]) -> type[Index]:
    return type(wrong.__name__, (Index,), {"worker": wrong})


def with_sender(wrong: type[SendWords]) -> type[Index]:
    return type(wrong.__name__, (Index,), {"send": wrong})


def _first_rows(type_: str) -> ComparisonType:
    """Decimals read from the beginning of Arrow's buffer, wherever the batch begins."""
    of = comparison_type(type_)
    if not type_.startswith("decimal"):
        return of
    return ComparisonType(of.scalar, lambda column: np.frombuffer(column.buffers()[1], np.int64)[: len(column)])


class OffsetIgnored(Index):
    of = staticmethod(_first_rows)
    kinds: ClassVar[Sequence[Kind]] = [kind for kind in KINDS if kind.type.startswith("decimal")]


class FiltersIgnored(Index):
    @classmethod
    def tables(cls, cuts: Breakpoints, tests: Iterable[OfRule]) -> Mapping[int, BucketBitmaps]:
        return buckets.tables(cuts, [test._replace(filters=False) for test in tests])


class LastTestAlone(Index):
    """The tests of a word overwrite each other."""

    @classmethod
    def tables(cls, cuts: Breakpoints, tests: Iterable[OfRule]) -> Mapping[int, BucketBitmaps]:
        return {word: table for test in tests for word, table in buckets.tables(cuts, [test]).items()}


class EveryRow(SendWords):
    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return SendWords(self.worker, every=True)(batch)


class PartsStay(SendWords):
    """Rows that are left out leave their part behind."""

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        sent = super().__call__(batch)
        parts = batch.columns[-1].slice(0, sent.num_rows)
        return pa.RecordBatch.from_arrays([*sent.columns[:-1], parts], sent.schema.names)


class NotIsBlind(IndexProbe):
    """What is not true is taken for false where a test of several expressions is denied."""

    def _put_together(self, tree: Tree, buckets: Mapping[str, Any], outcomes: Mapping[Asks, Outcome]) -> Any:
        true, false = super()._put_together(tree, buckets, outcomes)
        return (~false, false) if isinstance(tree, Not) else (true, false)


FAULTS: list[Any] = [
    with_cuts(Strict, "boolean"),
    with_cuts(NullIsFalse, "boolean"),
    with_cuts(EndlessPrefix, "string"),
    with_cuts(AtIsAbove, "decimal(18,0)"),
    with_cuts(NullUnseen, "int"),
    with_worker(NotIsBlind),
    OffsetIgnored,
    FiltersIgnored,
    LastTestAlone,
]
PROOFS: list[Proof] = [
    (every_row_is_answered, Index, FAULTS),
    (rows_with_a_bit_are_sent, Index, [FiltersIgnored, *map(with_sender, [EveryRow, PartsStay])]),
]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_the_index_answers_as_sql_does(property_: Property, real: Any) -> None:
    """The property holds of the index."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_a_planted_fault_is_noticed(property_: Property, fault: Any) -> None:
    """The property fails where an edge of a bucket, NULL, an offset or a filter is handled wrongly."""
    notices(property_, fault)
