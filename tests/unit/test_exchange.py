"""Rows that are sent arrive where their subjects are, whole, whatever parts there are and however they were cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from rules_engine.index.bit_layout import packed, remapped, remaps
from rules_engine.index.predicate_index import BoundPredicate
from rules_engine.logical.join_sides import DimensionInList
from rules_engine.model.hitmatrix import Cell
from rules_engine.spark.dimension_lists import values
from rules_engine.spark.evaluator import SparkEvaluator
from rules_engine.spark.shuffle import HashPartitioning
from rules_engine.worker.exchange import ShuffleWriter, pack, read_blocks, stable_argsort, unpack
from tests import small_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 50
SCHEMA = pa.schema([("subject", pa.string()), ("words", pa.binary(16)), ("day", pa.date32())])


def given(size: int) -> Iterator[pa.RecordBatch]:
    """Rows with a subject, two words, a day and a part, some without a subject, in batches of a size."""
    subjects = pa.array([None if n % 7 == 0 else f"s{n}" for n in range(ROWS)])
    words = pack(np.arange(2 * ROWS, dtype=np.int64).reshape(ROWS, 2))
    days, parts = (
        pa.array(range(ROWS), pa.int32()).cast(pa.date32()),
        pa.array([n % 3 for n in range(ROWS)], pa.int32()),
    )
    whole = pa.RecordBatch.from_arrays([subjects, words, days, parts], ["subject", "words", "day", "part"])
    return (whole.slice(first, size) for first in range(0, ROWS, size))


@pytest.mark.parametrize("size", [1, 7, ROWS])
@pytest.mark.parametrize("most", [0, 700, 1 << 20])
def test_every_row_arrives_in_its_part(size: int, most: int) -> None:
    """Its columns beside it; a row without a subject is nobody's and is not sent."""
    sent = list(ShuffleWriter(1, lambda batch: batch, (40, 50, 60), most)(given(size)))
    found = {}
    for address, part in ((40, 0), (50, 1), (60, 2)):
        here = [batch.filter(pa.compute.equal(batch.column(0), address)).select([1, 2]) for batch in sent]
        nothing, rows = read_blocks(here, [SCHEMA, SCHEMA])
        assert nothing.num_rows == 0
        found[part] = {
            (subject, *words, day)
            for subject, words, day in zip(
                rows.column(0).to_pylist(), unpack(rows.column(1)).tolist(), rows.column(2).cast(pa.int32()).to_pylist(),
                strict=True,
            )
        }  # fmt: skip
    assert found == {
        part: {(f"s{n}", 2 * n, 2 * n + 1, n) for n in range(ROWS) if n % 7 and n % 3 == part} for part in range(3)
    }


@pytest.mark.parametrize("most", [0, 1, 1 << 16, (1 << 16) + 1, 1 << 30])
def test_numbers_are_put_in_order(most: int) -> None:
    """Equal ones as they come."""
    numbers = np.random.default_rng(1).integers(0, most, 5000, dtype=np.int32, endpoint=True)
    assert stable_argsort(numbers).tolist() == sorted(range(5000), key=numbers.tolist().__getitem__)
    assert not len(stable_argsort(numbers[:0]))


def test_a_part_is_where_spark_sends_its_number(spark: SparkSession) -> None:
    """Each of Spark's parts gets one: none is left empty, and none has the rows of two."""
    parts = HashPartitioning.of(spark, 20 << 25, 0, "bigint")
    assert len({*parts.partition_keys}) == len(parts.partition_keys) == 20
    numbers = spark.createDataFrame([(number,) for number in parts.partition_keys], "part int").repartition(20, "part")
    assert [len(rows) for rows in numbers.rdd.glom().collect()] == [1] * 20


MB = 1 << 20
PARTS = [
    # stored     words  parts
    (0,             79,   2),
    (1,              2,   2),
    (3 * 32 * MB,    0,   3),
    (3 * 32 * MB + 1, 0,  4),
    (3 * 32 * MB,    2,   6),
    (3 * 32 * MB,   79, 122),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "words", "parts"), PARTS)
def test_a_part_is_what_a_worker_can_hold(spark: SparkSession, stored: int, words: int, parts: int) -> None:
    """Frames' bytes and their rows' words count; small frames are not spread over more parts than any shuffle has."""
    assert spark.conf.get("spark.sql.shuffle.partitions") == "2"
    assert len(HashPartitioning.of(spark, stored, words, "bigint").partition_keys) == parts


def test_bits_go_back_to_their_words() -> None:
    """Side by side those that can be unknown come first, and each returns to where it was."""
    cells = [Cell(5, 1 << 62), Cell(0, 1), Cell(3, 1 << 10), Cell(3, 1 << 11), *(Cell(7, 1 << n) for n in range(63))]
    conditions = [BoundPredicate(str(n), cell, filters=n % 2 == 0) for n, cell in enumerate(cells)]
    at = {bound.sql: bound.cell for bound in packed(conditions)}
    assert sorted((cell.word, cell.mask) for cell in at.values()) == [(n // 63, 1 << n % 63) for n in range(len(cells))]
    assert all(at[bound.sql].word == 0 for bound in conditions if not bound.filters)
    for bound in conditions:
        word = {f"h{at[bound.sql].word}": at[bound.sql].mask, f"u{at[bound.sql].word}": at[bound.sql].mask}
        found: dict[str, int] = {}
        for move in remaps(conditions, ["h0", "h1", "u0"]):
            bits = int(remapped(np.array([word.get(move.source, 0)], dtype=np.int64), move)[0])
            found[move.target] = found.get(move.target, 0) | bits
        unknown = {f"u{bound.cell.word}": bound.cell.mask} if not bound.filters else {}
        assert {name: bits for name, bits in found.items() if bits} == {
            f"h{bound.cell.word}": bound.cell.mask,
            **unknown,
        }


AMONG = {
    "type = 'bond'": ("'BOND'",),
    "type IS NULL": ("'CARD'",),
    "": ("'BOND'", "'CARD'", "'FUND'", "'LOAN'"),
    "type = 'none'": (),
}


def test_values_of_a_small_frame_are_read_as_literals(spark: SparkSession, tmp_path: Path) -> None:
    """In order; of a frame that is too large, or with a text that is no plain literal, they are not known."""
    evaluator = SparkEvaluator(spark, small_lake.write(tmp_path))
    evaluator.snapshots(small_lake.AS_OF)
    wanted = [DimensionInList("products", "product", where) for where in AMONG]
    assert values(evaluator.spark, wanted) == dict(zip(wanted, AMONG.values(), strict=True))
    quoted = "concat('it', chr(39), 's')"
    evaluator.spark.sql(f"VALUES ({quoted}), ('plain'), ('plain'), (NULL) AS t(v)").createOrReplaceTempView("texts")
    evaluator.spark.range(2000).createOrReplaceTempView("many")
    asked = {
        DimensionInList("texts", "v", ""): None,
        DimensionInList("texts", "v", "v <> 'it'"): None,
        DimensionInList("texts", "v", "v = 'plain'"): ("'plain'",),
        DimensionInList("texts", "v", "v = 'plain'", once=True): None,
        DimensionInList("many", "id", ""): None,
        DimensionInList("many", "id", "", nulls=True): (),
        DimensionInList("texts", "v", "", nulls=True): None,
        DimensionInList("texts", "v", "v = 'plain'", nulls=True): (),
    }
    assert values(evaluator.spark, [*asked]) == asked
