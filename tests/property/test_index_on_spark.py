"""Over one small frame, the index and Spark's own WHERE agree on random conditions of every type."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rules_engine.index.bitmap_index import Breakpoints
from rules_engine.index.builder import assembled
from rules_engine.index.predicate_index import BoundPredicate, PredicateIndex, Source
from rules_engine.logical.condition import ComputedTest, Conjunct, Tree
from rules_engine.model.hitmatrix import BITS, Cell
from rules_engine.spark.resolved_index import index
from rules_engine.spark.scan import handed
from rules_engine.spark.session import pin
from rules_engine.worker.index_probe import IndexProbe, named, of_words
from tests.property.conditions import KINDS, Kind, trees, written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SEED, ROWS, RANDOM = 20240601, 200, 110
FRAME = "everything"
NAMES = {kind.type: f"c{number}" for number, kind in enumerate(KINDS)}
BESIDES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "wide": (pa.decimal128(38, 4), [Decimal("0.0001"), Decimal(10) ** 31, Decimal(-1)]),
    "ratio": (pa.float32(), [0.1, 1.0, float("nan")]),
    "date": (pa.date32(), [date(1999, 12, 31), date(2000, 1, 1)]),
    "length": (pa.int32(), [0, 3]),
    "two words": (pa.string(), ["a", "ab", "b"]),
}
"""Columns that the index leaves to Spark, or whose names could be taken for something else."""

BY_HAND = [
    "{int} <> 0 AND 10 / {int} > 2",
    "{int} > 2.5 AND {smallint} < 100000",
    "{decimal(12,2)} > 3.505 OR {decimal(12,2)} IN (3.5, 3.501)",
    "{decimal(18,0)} = 9.99999999999999999e17",
    "{decimal(18,0)} < 1.5e3",
    "{bigint} = 2305843009213693953 OR {bigint} >= 4611686018427387904",
    "{bigint} IN (1.0, 1.5)",
    "{double} IN (0, 0.1, 1.50)",
    "{double} IS NULL",
    "{double} IS NOT NULL AND NOT {double} > 1e0",
    "{double} = double('NaN')",
    "{double} < {int}",
    "{string} = 'a ' OR {string} = 'A'",
    "upper({string}) = 'A' OR lower({string}) LIKE 'a%'",
    "length({string}) > 2 AND length > 2",
    "trim({string}) = '' AND {string} <> ''",
    "{string} LIKE '%b' OR {string} LIKE 'a_'",
    "{string} LIKE '' OR {string} LIKE '%'",
    "coalesce({string}, 'b') >= 'ab'",
    "coalesce({int}, 2.5) = 2.5",
    "coalesce({decimal(12,2)}, 0) > -1 AND coalesce({bigint}, 0.5) < 1",
    "month({date}) = 12 OR dayofweek({date}) IN (1, 7)",
    "year({timestamp}) > 1969 AND month({timestamp}) = 6",
    "datediff(DATE'2024-06-01', {date}) BETWEEN 0 AND 20000",
    "{date} >= add_months(DATE'2000-01-29', 1) AND {date} < DATE'2024-06-01' + INTERVAL '3' YEAR - 5",
    "date > DATE'1999-12-31' AND date <> {date}",
    "{timestamp} > DATE'1970-01-01'",
    "{timestamp} < TIMESTAMP'2024-06-01 12:30:00.000001'",
    "{timestamp} BETWEEN TIMESTAMP'1970-01-01 00:00:00' AND TIMESTAMP'2024-06-01 12:30:00'",
    "{boolean} OR {int} > 2 AND NOT {boolean}",
    "{boolean} IS NOT TRUE AND {boolean} IS NOT NULL",
    "({boolean} AND {int} > 1) OR {string} IS NULL",
    "NOT ({int} > 1 AND {smallint} > 1)",
    "{int} NOT IN (1, 1, 2) AND {int} NOT BETWEEN 5 AND 3",
    "{int} <=> {smallint}",
    "{decimal(12,2)} > 5 * {double} AND {int} > 1",
    "3 * {decimal(12,2)} - {int} > 2.5 AND {string} = 'a'",
    "{double} - {decimal(12,2)} * {smallint} <= 1 OR {boolean}",
    "{decimal(18,0)} * 2 + {bigint} <> 3 AND {decimal(12,2)} * {decimal(12,2)} > {decimal(18,0)}",
    "{int} > 1 AND wide * 3 > 5",
    "wide > 0.000005 AND {int} < 2",
    "wide > 0.00005 AND wide < 9999999999999999999999999999999",
    "ratio > 0.1 AND ratio <= 1",
    "`two words` LIKE 'a%' AND everything.`two words` <> 'a'",
    "CASE WHEN {int} = 0 THEN NULL ELSE 10 / {int} > 2 END",
    "{date} = '2000-02-29'",
    "{string} IN ('a', NULL)",
]
"""Conditions at the edges of what is read: guards, literals between values, other spellings, names like keywords."""

TEXTS: dict[type, Any] = {
    bool: str,
    int: str,
    Decimal: lambda value: f"{value:f}",
    float: lambda value: f"{value:.1f}",
    str: "'{}'".format,
    date: lambda value: f"DATE'{value.isoformat()}'",
    datetime: lambda value: f"TIMESTAMP'{value.isoformat(sep=' ').removesuffix('+00:00')}'",
}


Answers = dict[int, list[int]]
"""Row to the outcome of every condition: 0 false, 1 true, 2 unknown."""


@dataclass(frozen=True)
class World:
    """The frame, the conditions on it, and what Spark itself says of every row."""

    spark: SparkSession
    conditions: tuple[BoundPredicate, ...]
    index: PredicateIndex
    says: Answers


def drawn(count: int) -> list[str]:
    """Random conditions as SQL: up to three sides, each about a column."""
    found: list[str] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(
        st.lists(
            st.sampled_from(KINDS).flatmap(lambda kind: trees(kind).map(partial(side, kind))), min_size=1, max_size=3
        )
    )
    def draw(sides: list[str]) -> None:
        found.append(" AND ".join(sides))

    draw()
    return found


def side(kind: Kind, tree: Tree) -> str:
    return f"({written(tree, NAMES[kind.type], TEXTS)})"


def write_frame(folder: Path) -> str:
    """Rows of every value beside every other, NULL among them, the same each time."""
    chance = random.Random(SEED)
    types = {NAMES[kind.type]: (kind.arrow, kind.values) for kind in KINDS} | BESIDES
    columns = {"id": pa.array(range(ROWS), pa.int64())}
    for name, (arrow, values) in types.items():
        columns[name] = pa.array([chance.choice([None, *values]) for _ in range(ROWS)], arrow)
    pq.write_table(pa.table(columns), folder / "everything.parquet")
    return str(folder)


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One pass of the index, and one query of Spark's own with a column for each condition."""
    own = pin(spark)
    own.read.parquet(write_frame(tmp_path_factory.mktemp("frame"))).createOrReplaceTempView(FRAME)
    texts = [*(text.format(**NAMES) for text in BY_HAND), *drawn(RANDOM)]
    bits = [Cell(n // BITS, 1 << n % BITS) for n in range(len(texts))]
    conditions = tuple(
        BoundPredicate(sql, cell, filters=n % 3 == 0) for n, (sql, cell) in enumerate(zip(texts, bits, strict=True))
    )
    outcomes = (f"coalesce(CAST(({sql}) AS INT), 2)" for sql in texts)
    rows = own.sql(f"SELECT id, array({', '.join(outcomes)}) AS outcomes FROM {FRAME}").collect()
    source = Source(f"`{FRAME}`", "`id`", FRAME)
    return World(own, conditions, index(own, source, conditions), {row.id: row.outcomes for row in rows})


def answers(world: World, asked: PredicateIndex) -> Answers:
    """What an index says of every row."""
    found: Answers = {}
    for row in rows_of(world.spark, asked).collect():
        words = row.asDict()
        found[row.subject] = [outcome(words, bound.cell) for bound in world.conditions]
    return found


def rows_of(spark: SparkSession, asked: PredicateIndex) -> DataFrame:
    """The words of every row, by their names."""
    worker, names = IndexProbe(asked), asked.outputs

    def words(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (of_words(batch.column(0), named(names, worker.words(batch))) for batch in batches)

    return handed(spark, asked.source, asked.columns).mapInArrow(
        words, ", ".join(["subject bigint", *(f"{name} bigint" for name in names)])
    )


def outcome(words: dict[str, Any], cell: Cell) -> int:
    if words[f"h{cell.word}"] & cell.mask:
        return 1
    return 2 if words.get(f"u{cell.word}", 0) & cell.mask else 0


def differences(world: World, found: Answers) -> dict[str, list[int]]:
    """Condition to the rows of which something else is said; of one that drops rows, unknown is false."""
    wrong: dict[str, list[int]] = {}
    for number, bound in enumerate(world.conditions):
        for row, said in world.says.items():
            wanted = 0 if bound.filters and said[number] == 2 else said[number]
            if found[row][number] != wanted:
                wrong.setdefault(bound.sql, []).append(row)
    return wrong


def test_the_index_says_what_spark_says(world: World) -> None:
    """Hits and unknown of every condition on every row."""
    assert differences(world, answers(world, world.index)) == {}


def test_the_conditions_tell_rows_apart(world: World) -> None:
    """Of the conditions most are true of some rows and not of others, and every type is looked up."""
    outcomes = [{said[number] for said in world.says.values()} for number in range(len(world.conditions))]
    assert sum(len(found) > 1 for found in outcomes) > 0.75 * len(outcomes)
    assert {1, 2} <= set.union(*outcomes)
    looked_up = {name for part in world.index.explanations if not part.whole for name in part.expressions}
    assert set(NAMES.values()) <= looked_up


def test_a_shifted_edge_is_noticed(world: World) -> None:
    """An index whose buckets all begin one value later says something else."""
    number = next(n for n, lookup in enumerate(world.index.lookups) if lookup.sql == NAMES["int"])
    lookup = world.index.lookups[number]
    assert lookup.cuts is not None
    late = replace(lookup, cuts=Breakpoints(lookup.cuts.of, [literal + 1 for literal in lookup.cuts.literals]))  # type: ignore[operator]
    lookups = (*world.index.lookups[:number], late, *world.index.lookups[number + 1 :])
    assert differences(world, answers(world, replace(world.index, lookups=lookups)))


def test_a_lost_guard_is_noticed(world: World) -> None:
    """What stands behind a guard fails where it is asked of every row, in Spark's WHERE as in an index that splits it off."""
    bound = next(bound for bound in world.conditions if "<> 0 AND 10 / " in bound.sql)
    guard, guarded = bound.sql.split(" AND ")
    source, every_row = world.index.source, bound._replace(sql=guarded)
    lost = assembled(source, [bound], [(bound, Conjunct(text, ComputedTest())) for text in (guard, guarded)], {}, {})
    assert lost.outputs == index(world.spark, source, [bound]).outputs
    for raises in (
        world.spark.sql(f"SELECT * FROM {FRAME} WHERE {guarded}"),
        rows_of(world.spark, index(world.spark, source, [every_row])),
        rows_of(world.spark, lost),
    ):
        with pytest.raises(Exception, match="DIVIDE_BY_ZERO"):
            raises.collect()
