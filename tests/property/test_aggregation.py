"""What workers count and add up per subject is what SQL's aggregates come to, however rows are cut into batches (see ``proof``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.index.aggregate_predicates import AggregatePushDown
from rules_engine.index.bit_layout import packed
from rules_engine.index.builder import assembled
from rules_engine.index.grouped_index import GroupedIndex, filters, of_index
from rules_engine.index.predicate_index import BoundPredicate, Source
from rules_engine.index.value_types import comparison_type
from rules_engine.logical.condition import Constants
from rules_engine.logical.condition_reader import parts
from rules_engine.model.hitmatrix import Cell
from rules_engine.worker.aggregation import FilteredGroups, GroupAggregator, Rows
from rules_engine.worker.exchange import concatenated
from rules_engine.worker.index_probe import IndexProbe, SendWords
from rules_engine.worker.merge import ArrivedRows
from tests.property.conditions import handed
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things

TYPES = {"x": "int", "y": "decimal(12,2)", "z": "decimal(18,0)"}
ARROW = (pa.int32(), pa.decimal128(12, 2), pa.decimal128(18, 0))
FAR = Decimal(10**18 - 1)
SOURCE = Source("t", "subject", "t")
OF_ROWS = Cell(0, 1 << 40)

WHERE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "": lambda _: True,
    "x > 1": lambda row: row["x"] is not None and row["x"] > 1,
    "x IS NULL": lambda row: row["x"] is None,
    "y >= 2.50 AND x <= 5": lambda row: (
        None not in (row["x"], row["y"]) and row["y"] >= Decimal("2.5") and row["x"] <= 5
    ),
    "z IS NOT NULL": lambda row: row["z"] is not None,
}
CALLS = {"count": "count({})", "distinct": "count(DISTINCT {})", "sum": "sum({})", "min": "min({})", "max": "max({})"}
COME_TO: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "distinct": lambda known: len(set(known)),
    "sum": lambda known: sum(known) if known else None,
    "min": lambda known: min(known, default=None),
    "max": lambda known: max(known, default=None),
}
SIGNS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
LITERALS = {"count": ["0", "1", "2", "3"], "x": ["-3", "0", "2", "7"], "y": ["2.5", "0", "-1.25", "7"],
            "z": ["0", "999999999999999999", "1999999999999999998", "-999999999999999999"]}  # fmt: skip


class Question(NamedTuple):
    where: str
    function: str
    column: str
    sign: str
    literal: str


class Case(NamedTuple):
    questions: Sequence[Question]
    rows: Sequence[tuple[int | None, int | None, Decimal | None, Decimal | None]]
    cuts: Sequence[int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    calls = st.sampled_from(
        [("count", "*"), ("count", "x"), *((f, c) for f in ("distinct", "sum", "min", "max") for c in TYPES)]
    )

    def about(call: tuple[str, str]) -> st.SearchStrategy[Question]:
        literals = st.sampled_from(LITERALS["count" if call[0] in {"count", "distinct"} else call[1]])
        return st.builds(
            Question, st.sampled_from([*WHERE]), st.just(call[0]), st.just(call[1]), st.sampled_from([*SIGNS]), literals
        )

    values = (
        st.none() | st.sampled_from([-3, 2, 3]),
        st.none() | st.sampled_from([Decimal("-1.25"), Decimal("2.50"), Decimal("0.00"), Decimal("4.50")]),
        st.none() | st.sampled_from([FAR, -FAR, Decimal(1)]),
    )
    subjects = st.none() | st.integers(1, 3)
    rows = draw(st.lists(st.tuples(subjects, *values), min_size=1, max_size=14))
    cuts = draw(st.lists(st.integers(0, len(rows)), max_size=4).map(sorted))
    return Case(draw(st.lists(calls.flatmap(about), min_size=1, max_size=4)), rows, cuts)


def made(case: Case) -> GroupedIndex:
    """The index over the questions, and over one condition on the rows."""
    grouping = AggregatePushDown(TYPES)
    for number, asked in enumerate(case.questions):
        bound = BoundPredicate("", Cell(number % 2, 1 << number), filters=True)
        taken = grouping.takes(
            asked.where, ["", f" {asked.sign} {asked.literal}"], [CALLS[asked.function].format(asked.column)], bound
        )
        assert taken, asked
    groups = grouping.groups()
    assert groups is not None
    on_rows = [BoundPredicate("x = 3", OF_ROWS)]
    conditions = [*packed(on_rows), *filters(groups, 1)]
    found = [(bound, part) for bound in conditions for part in parts(bound.sql, TYPES, Constants({}, set()))]
    of_rows = assembled(SOURCE, conditions, found, {}, {name: comparison_type(type_) for name, type_ in TYPES.items()})
    return of_index(of_rows, on_rows, groups, 1)


def batches(case: Case, index: GroupedIndex) -> Iterator[pa.RecordBatch]:
    """Rows as Spark hands them over: the expressions that are looked up, the columns that are added up, the part."""
    arrays = dict(zip(TYPES, (handed([row[n] for row in case.rows], t) for n, t in enumerate(ARROW, 1)), strict=True))
    names = [*(lookup.sql for lookup in index.of_rows.lookups), *index.groups.columns]
    columns = [pa.array([row[0] for row in case.rows], pa.int64()), *(arrays[name] for name in names)]
    columns.append(pa.array([0] * len(case.rows), pa.int32()))
    whole = pa.RecordBatch.from_arrays(columns, [str(number) for number in range(len(columns))])
    for first, after in pairwise([0, *case.cuts, len(case.rows)]):
        if after > first:
            yield whole.slice(first, after - first)


def expected(case: Case) -> dict[int, dict[str, int]]:
    """The words of each subject that has a bit, each question asked of its rows in turn."""
    found: dict[int, dict[str, int]] = {}
    for subject in sorted({row[0] for row in case.rows if row[0] is not None}):
        rows = [dict(zip(TYPES, row[1:], strict=True)) for row in case.rows if row[0] == subject]
        words = {"h0": OF_ROWS.mask * any(row["x"] == 3 for row in rows), "h1": 0}
        words["u0"] = OF_ROWS.mask * any(row["x"] is None for row in rows)
        for number, asked in enumerate(case.questions):
            words[f"h{number % 2}"] |= (1 << number) * true_of([row for row in rows if WHERE[asked.where](row)], asked)
        if any(words.values()):
            found[subject] = words
    return found


def true_of(rows: list[dict[str, Any]], asked: Question) -> bool:
    """A group without rows is no group, and NULL keeps none."""
    if not rows:
        return False
    known = [row[asked.column] for row in rows if row[asked.column] is not None] if asked.column != "*" else rows
    value = COME_TO[asked.function](known)
    return value is not None and SIGNS[asked.sign](value, Decimal(asked.literal))


def groups_are_as_in_sql(worker: type[GroupAggregator]) -> Check:
    """Each subject's words, of counts, sums and conditions on its rows."""

    @given(cases())
    def check(case: Case) -> None:
        index = made(case)
        every = any(each.filter is None for each in index.groups.aggregates)
        first = len(index.of_rows.lookups)
        carried = tuple(range(first, first + len(index.groups.columns)))
        send = SendWords(IndexProbe(index.of_rows), every, carried)
        sent = concatenated([send(batch) for batch in batches(case, index)])
        rows = sent.select([*range(sent.num_columns - 1)])
        subjects = pa.array(sorted({row[0] for row in case.rows if row[0] is not None}), pa.int64())
        at, words = ArrivedRows(rows.schema, index.outputs, worker(index)).by_subject(rows, subjects, {})
        found = {
            subjects[place].as_py(): dict(zip(index.outputs, said, strict=True))
            for place, said in zip(at, words.tolist(), strict=True)
            if any(said)
        }
        names = ("h0", "h1", "u0")
        assert {subject: {n: said.get(n, 0) for n in names} for subject, said in found.items()} == expected(case)

    return check


class SumOfNothingIsZero(GroupAggregator):
    def _aggregate(self, chosen: Any, of: Any) -> pa.Array:
        return super()._aggregate(chosen, of).fill_null(0)


class EveryRow(Rows):
    """Filters are not asked."""

    def meeting(self, number: int | None) -> Any:
        return super().meeting(None)


class NullsCount(Rows):
    def known(self, column: str) -> Any:
        return None


class LowHalfAlone(FilteredGroups):
    def _halves(self, values: Any, of: Any) -> Iterator[Any]:
        high, low = super()._halves(values, of)
        return iter((np.zeros_like(high), low))


class DistinctOfAll(FilteredGroups):
    """Different values are counted over all subjects together, for the first that has them."""

    def _distinct(self, column: str, known: Any) -> Any:
        found = super()._distinct(column, known)
        return np.minimum(found, len(self.rows.codes(column).dictionary) - np.arange(len(found)))


class LeastOfAll(FilteredGroups):
    """The least and the greatest are those of all rows."""

    def _values(self, of: Any) -> Any:
        values = super()._values(of)
        if of.function not in {"min", "max"}:
            return values
        return np.full_like(values, values.min() if of.function == "min" else values.max())


class OtherSubjects(FilteredGroups):
    """What is chosen of some subjects is taken for that of the first ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.subjects = np.arange(len(self.subjects))


def with_chosen(wrong: type[FilteredGroups]) -> type[GroupAggregator]:
    return type(wrong.__name__, (GroupAggregator,), {"chosen": wrong})


def with_rows(wrong: type[Rows]) -> type[GroupAggregator]:
    return type(wrong.__name__, (GroupAggregator,), {"rows": wrong})


FAULTS: list[Any] = [
    SumOfNothingIsZero,
    *map(with_rows, [EveryRow, NullsCount]),
    *map(with_chosen, [LowHalfAlone, LeastOfAll, DistinctOfAll, OtherSubjects]),
]
PROOFS: list[Proof] = [(groups_are_as_in_sql, GroupAggregator, FAULTS)]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_groups_come_to_what_sql_says(property_: Property, real: Any) -> None:
    """The property holds of the worker."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_a_planted_fault_is_noticed(property_: Property, fault: Any) -> None:
    """The property fails where a filter, NULL or half of a sum is handled wrongly."""
    notices(property_, fault)


QUESTIONS_LEFT = [
    ("x = 1", "sum", "w", "a column of another type"),
    ("", "sum", "x + 1", "an expression"),
    ("", "avg", "x", "another aggregate"),
    ("", "max", "w", "numbers with NaN among them"),
    ("", "sum", "big", "a sum that can overflow"),
    ("", "sum", "wide", "more digits than are added up"),
]


@pytest.mark.parametrize(
    ("where", "function", "argument"), [q[:3] for q in QUESTIONS_LEFT], ids=[q[3] for q in QUESTIONS_LEFT]
)
def test_what_is_left_to_spark(where: str, function: str, argument: str) -> None:
    """A question that is not answered exactly is not taken, and leaves nothing behind."""
    grouping = AggregatePushDown({**TYPES, "w": "double", "big": "bigint", "wide": "decimal(20,2)"})
    assert not grouping.takes(
        where, ["", " > 1"], [f"{function}({argument})"], BoundPredicate("", Cell(0, 1), filters=True)
    )
    assert grouping.groups() is None


@pytest.mark.parametrize("literal", ["1.005", "1e3", "1 + 1", "'1'"])
def test_literals_that_are_left_to_spark(literal: str) -> None:
    """A literal between two values, a double, one to be worked out, a text: their comparison is Spark's."""
    grouping = AggregatePushDown(TYPES)
    assert not grouping.takes("", ["", f" > {literal}"], ["sum(y)"], BoundPredicate("", Cell(0, 1), filters=True))
