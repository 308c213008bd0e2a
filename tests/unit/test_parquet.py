"""Rows that workers make become Parquet files, each whole but for its last four bytes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules_engine.worker import parquet
from rules_engine.worker.parquet import LAST, Encoder

SCHEMA = pa.schema([pa.field("subject", pa.string()), pa.field("h0", pa.int64(), nullable=False)])


def batch(first: int, rows: int) -> pa.RecordBatch:
    words = range(first, first + rows)
    return pa.RecordBatch.from_arrays([pa.array([f"s{n}" for n in words]), pa.array(words, pa.int64())], ["x", "y"])


def files(batches: list[pa.RecordBatch], full: int) -> list[pa.Table]:
    """What an encoder hands over, each row ended as Spark ends it and read as a file."""
    found = []
    for made in Encoder(iter, SCHEMA, full)(batches):
        (body,) = made.column(0).view(pa.binary()).to_pylist()
        found.append(pq.read_table(pa.BufferReader(body + LAST.encode())))
    return found


@pytest.mark.parametrize(
    ("full", "rows"),
    [(1, [3, 4, 2]), (batch(0, 3).nbytes + 1, [7, 2]), (1 << 20, [9])],
    ids=["a batch each", "some batches", "one for all"],
)
def test_batches_fill_files(full: int, rows: list[int]) -> None:
    """A file ends with the batch that fills it; no row is lost, and none changes place."""
    found = [file for file in files([batch(0, 3), batch(3, 4), batch(7, 2)], full) if file.num_rows]
    assert [file.num_rows for file in found] == rows
    assert pa.concat_tables(found).to_pydict() == {"subject": [f"s{n}" for n in range(9)], "h0": [*range(9)]}


def test_a_file_is_full_of_rows_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small they are: whoever publishes a file holds all of it."""
    monkeypatch.setattr(parquet, "MOST_ROWS", 4)
    assert [file.num_rows for file in files([batch(0, 3), batch(3, 4), batch(7, 2)], 1 << 20)] == [7, 2]


def test_no_rows_are_a_file_too() -> None:
    """Spark writes a file for the first part, rows or none, and what it writes must be Parquet with these columns."""
    (only,) = files([], 100)
    assert only.num_rows == 0
    assert only.schema.equals(SCHEMA)


def test_a_word_is_never_null() -> None:
    """The file says so, and whoever reads it need not look."""
    assert files([batch(0, 1)], 100)[0].schema.field("h0").nullable is False
