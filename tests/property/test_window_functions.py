"""What a row comes to among its subject's rows, and is held against, is what SQL says (see ``proof``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_engine.index.builder import assembled
from rules_engine.index.grouped_index import GroupedIndex, filters, of_index
from rules_engine.index.value_types import comparison_type
from rules_engine.logical.condition import Constants
from rules_engine.logical.condition_reader import parts
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.model.schemas import Schema
from rules_engine.plan.bound_rules import bound_rules
from rules_engine.plan.planner import plan
from rules_engine.worker.aggregation import GroupAggregator
from rules_engine.worker.exchange import concatenated
from rules_engine.worker.index_probe import IndexProbe, SendWords
from rules_engine.worker.merge import ArrivedRows
from rules_engine.worker.window_functions import Known, Ranking
from tests.property.conditions import handed
from tests.property.proof import Check, Proof, Property, holds, notices, planted_faults, real_things
from tests.small_lake import AS_OF, rule, rule_set

TYPES = {"n": "int", "x": "int", "y": "decimal(12,2)", "z": "decimal(9,4)"}
ARROW = (pa.int32(), pa.int32(), pa.decimal128(12, 2), pa.decimal128(9, 4))
SCHEMA = Schema("c", "id", {"c": {"id": "bigint"}, "t": {"id": "bigint", **TYPES}}, {"c": "id", "t": "id"})

Row: TypeAlias = dict[str, Any]
Truth: TypeAlias = bool | None


def both(of: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """NULL where either is."""
    return lambda one, other: None if one is None or other is None else of(one, other)


WHERE: dict[str, Callable[[Row], Truth]] = {
    "": lambda _: True,
    "x > 1": lambda row: both(lambda x, _: x > 1)(row["x"], 0),
    "y IS NOT NULL": lambda row: row["y"] is not None,
}
CALLS: dict[str, Callable[[Sequence[Row], int], Any]] = {
    "row_number()": lambda rows, at: at + 1,
    "lag(y)": lambda rows, at: rows[at - 1]["y"] if at else None,
    "lag(y, 2)": lambda rows, at: rows[at - 2]["y"] if at > 1 else None,
    "lead(y)": lambda rows, at: rows[at + 1]["y"] if at + 1 < len(rows) else None,
}
ASKED: dict[str, Callable[[Row, Any], Truth]] = {
    "w > 1": lambda row, w: both(lambda w, _: w > 1)(w, 0),
    "w IS NULL": lambda row, w: w is None,
    "y > w": lambda row, w: both(lambda y, w: y > w)(row["y"], w),
    "y >= w * 2": lambda row, w: both(lambda y, w: y >= w * 2)(row["y"], w),
    "NOT (y - w < 1.5)": lambda row, w: both(lambda y, w: y - w >= Decimal("1.5"))(row["y"], w),
    "z + 0.5 <> -0.25 * w": lambda row, w: both(lambda z, w: z + Decimal("0.5") != w * Decimal("-0.25"))(row["z"], w),
    "w = y OR x = 2": lambda row, w: _or(
        both(lambda w, y: w == y)(w, row["y"]), both(lambda x, _: x == 2)(row["x"], 0)
    ),
}
NUMBERED = {"w > 1", "w IS NULL", "w = y OR x = 2", "y > w", "z + 0.5 <> -0.25 * w"}
"""What is asked of a whole number, too, and is exact."""


class Key(NamedTuple):
    column: str
    descending: bool
    nulls_first: bool

    def __str__(self) -> str:
        return f"{self.column}{' DESC' if self.descending else ''} NULLS {'FIRST' if self.nulls_first else 'LAST'}"

    def compared(self, one: Row, other: Row) -> int:
        left, right = one[self.column], other[self.column]
        if left is None or right is None:
            first = (left is None) - (right is None)
            return -first if self.nulls_first else first
        after = bool(left > right) - bool(left < right)
        return -after if self.descending else after


class Question(NamedTuple):
    call: str
    order: tuple[Key, ...]
    before: str
    where: str
    asked: str

    @property
    def sql(self) -> str:
        over = f"PARTITION BY id ORDER BY {', '.join(map(str, self.order))}"
        before = f" WHERE {self.before}" if self.before else ""
        where = " AND ".join(filter(None, (f"({self.asked})", self.where)))
        return f"SELECT id FROM (SELECT *, {self.call} OVER ({over}) AS w FROM t{before}) a WHERE {where}"

    def true_of(self, rows: Sequence[Row]) -> bool:
        """Whether any row of one subject is meant."""
        placed = sorted((row for row in rows if WHERE[self.before](row)), key=cmp_to_key(self._compared))
        return any(
            self.asked_of(row, CALLS[self.call](placed, at)) and WHERE[self.where](row) for at, row in enumerate(placed)
        )

    def asked_of(self, row: Row, value: Any) -> Truth:
        return ASKED[self.asked](row, value)

    def _compared(self, one: Row, other: Row) -> int:
        return next((found for key in self.order if (found := key.compared(one, other))), 0)


def _or(one: Truth, other: Truth) -> Truth:
    return True if one or other else None if one is None or other is None else False


class Case(NamedTuple):
    questions: Sequence[Question]
    rows: Sequence[Row]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    keys = st.builds(Key, st.sampled_from(["x", "y"]), st.booleans(), st.booleans())
    last = st.builds(Key, st.just("n"), st.booleans(), st.booleans())
    orders = st.tuples(st.lists(keys, max_size=2), last).map(lambda of: (*of[0], of[1]))

    def about(call: str) -> st.SearchStrategy[Question]:
        asked = st.sampled_from(sorted(NUMBERED if call == "row_number()" else {*ASKED}))
        return st.builds(Question, st.just(call), orders, st.sampled_from([*WHERE]), st.sampled_from([*WHERE]), asked)

    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.integers(1, 2),
                    "x": st.none() | st.sampled_from([-3, 2, 3]),
                    "y": st.none()
                    | st.sampled_from([Decimal("-2.25"), Decimal("0.00"), Decimal("1.25"), Decimal("4.50")]),
                    "z": st.none() | st.sampled_from([Decimal("-1.0000"), Decimal("0.0625"), Decimal("-0.1875")]),
                }
            ),
            min_size=4,
            max_size=12,
        )
    )
    order = draw(st.permutations(range(len(rows))))
    questions = draw(st.lists(st.sampled_from([*CALLS]).flatmap(about), min_size=1, max_size=2))
    return Case(questions, [{**row, "n": number} for row, number in zip(rows, order, strict=True)])


def made(questions: Sequence[Question]) -> tuple[GroupedIndex, HitMatrix]:
    """The index over the questions as they are read from SQL."""
    matrix = HitMatrix.of(rule_set(*(rule(f"R-{number}", asked.sql) for number, asked in enumerate(questions))))
    found = plan(matrix, bound_rules(matrix, SCHEMA, AS_OF), SCHEMA, {})
    (of,) = found.passes
    assert of.groups is not None, found.why
    assert not of.of_rows
    conditions = [*filters(of.groups, 0)]
    read = [(bound, part) for bound in conditions for part in parts(bound.sql, TYPES, Constants({}, set()))]
    domains = {name: comparison_type(type_) for name, type_ in TYPES.items()}
    return of_index(assembled(of.source, conditions, read, {}, domains), [], of.groups, 0), matrix


def rows_are_placed_as_in_sql(worker: type[GroupAggregator]) -> Check:
    """Each subject's bits, of what its rows come to among those that meet a filter."""

    @given(cases())
    def check(case: Case) -> None:
        index, matrix = made(case.questions)
        given_ = {name: handed([row[name] for row in case.rows], of) for name, of in zip(TYPES, ARROW, strict=True)}
        columns = [given_[name] for name in (*(lookup.sql for lookup in index.of_rows.lookups), *index.groups.columns)]
        ids = pa.array([row["id"] for row in case.rows], pa.int64())
        part = pa.array([0] * len(case.rows), pa.int32())
        batch = pa.RecordBatch.from_arrays([ids, *columns, part], [str(n) for n in range(len(columns) + 2)])
        first = len(index.of_rows.lookups)
        carried = tuple(range(first, first + len(index.groups.columns)))
        sent = concatenated([SendWords(IndexProbe(index.of_rows), index.groups.every, carried)(batch)])
        rows = sent.select([*range(sent.num_columns - 1)])
        subjects = pa.array([1, 2], pa.int64())
        at, words = ArrivedRows(rows.schema, index.outputs, worker(index)).by_subject(rows, subjects, {})
        said = {(subjects[place].as_py(), name): word for place, of in zip(at, words.tolist(), strict=True)
                for name, word in zip(index.outputs, of, strict=True)}  # fmt: skip
        for asked, (_, cell) in zip(case.questions, matrix.cells, strict=True):
            for subject in (1, 2):
                hit = bool(said.get((subject, f"h{cell.word}"), 0) & cell.mask)
                assert hit == asked.true_of([row for row in case.rows if row["id"] == subject]), asked.sql

    return check


class OtherNulls(Ranking):
    def _keys(self, by: Any) -> Any:
        return super()._keys(by._replace(nulls_first=not by.nulls_first))


class OtherWay(Ranking):
    def _keys(self, by: Any) -> Any:
        return super()._keys(by._replace(descending=not by.descending))


class OneSubject(Ranking):
    """The row before may be another subject's."""

    def __init__(self, columns: Any, types: Any, starts: Any, rows: int) -> None:
        super().__init__(columns, types, starts[:1], rows)


class NullIsZero(Ranking):
    def _sum(self, of: Any, places: int) -> Known:
        found = super()._sum(of, places)
        return Known(found.values, np.zeros_like(found.null))


class PlacesAreForgotten(Ranking):
    def _sum(self, of: Any, places: int) -> Known:
        return super()._sum(of._replace(terms=tuple(each._replace(places=places) for each in of.terms)), places)


class NumberIsForgotten(Ranking):
    def _sum(self, of: Any, places: int) -> Known:
        return super()._sum(of._replace(number=Decimal(0)), places)


class TimesOne(Ranking):
    def _sum(self, of: Any, places: int) -> Known:
        return super()._sum(of._replace(terms=tuple(each._replace(times=Decimal(1)) for each in of.terms)), places)


class AmongOthers(GroupAggregator):
    """Rows are placed among all that are asked of, not among those that they were to be among."""

    def _keep_ranked(self, found: Any, rows: Any) -> None:
        among = {of.among for of in self._of_ranks}
        meeting = rows.meeting
        rows.meeting = lambda number: meeting(None if number in among else number)
        super()._keep_ranked(found, rows)


def with_ranking(wrong: type[Ranking]) -> type[GroupAggregator]:
    return type(wrong.__name__, (GroupAggregator,), {"ranking": wrong})


FAULTS: list[Any] = [
    AmongOthers,
    *map(
        with_ranking,
        [OtherNulls, OtherWay, OneSubject, NullIsZero, PlacesAreForgotten, NumberIsForgotten, TimesOne],
    ),
]
PROOFS: list[Proof] = [(rows_are_placed_as_in_sql, GroupAggregator, FAULTS)]


@pytest.mark.parametrize(("property_", "real"), real_things(PROOFS))
def test_rows_are_placed_as_sql_says(property_: Property, real: Any) -> None:
    """The property holds of the worker."""
    holds(property_, real)


@pytest.mark.parametrize(("property_", "fault"), planted_faults(PROOFS))
def test_planted_faults_are_noticed(property_: Property, fault: Any) -> None:
    """No fault gets through."""
    notices(property_, fault)
