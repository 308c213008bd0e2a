"""
Rows that workers make, written as Parquet files that workers encode.

Spark's own writer takes every row apart value by value: for 1,000,000 rows of
32 words that is as much work as all else the JVM does for them. A worker has
the columns as they stand in a file. It hands over each whole file as one text,
and Spark writes one text a file, to wherever it writes, by the commit it has.
After each text Spark puts the end of a line: here it is the four bytes that
end a Parquet file. The files' names end in ``.txt`` for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

REPEATS = b"repeats"
"""A field's metadata, where its values are few: they are written once, and numbered."""

LAST = "PAR1"
"""What every Parquet file ends in."""


FULL = 1 << 25
"""Bytes of rows that make a file: what a worker, and the JVM after it, hold at a time."""


MOST_ROWS = 250_000
"""Rows of a file, so that whoever reads them one by one holds little at a time."""

Work = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
Parts = Callable[[Iterable[pa.RecordBatch]], Iterator[tuple[str, pa.RecordBatch]]]
"""Rows for several folders, by their names."""


@dataclass(frozen=True)
class Encoder:
    """What a worker makes of record batches, as Parquet files without their :data:`LAST` bytes: one a row."""

    work: Work
    schema: pa.Schema
    full: int = FULL

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in self._filled(self.work(batches)):
            yield _text(_encoded(pa.Table.from_batches(rows, self.schema)))

    def _filled(self, made: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
        """Enough rows for a file each time; the last may be fewer, and where there are none it is empty."""
        rows = list[pa.RecordBatch]()
        for batch in made:
            rows.append(pa.RecordBatch.from_arrays(batch.columns, schema=self.schema))
            if _fill(rows, self.full):
                yield rows
                rows = []
        yield rows


@dataclass(frozen=True)
class PartsEncoder:
    """Likewise what a worker makes for several folders: rows ``part, file``, at least one of each folder."""

    work: Parts
    schemas: Mapping[str, pa.Schema]
    full: int = FULL

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        waiting: dict[str, list[pa.RecordBatch]] = {part: [] for part in self.schemas}
        for part, batch in self.work(batches):
            rows = waiting[part]
            rows.append(pa.RecordBatch.from_arrays(batch.columns, schema=self.schemas[part]))
            if _fill(rows, self.full):
                yield self._file(part, rows)
                rows.clear()
        for part, rows in waiting.items():
            yield self._file(part, rows)

    def _file(self, part: str, rows: list[pa.RecordBatch]) -> pa.RecordBatch:
        file = _text(_encoded(pa.Table.from_batches(rows, self.schemas[part])))
        return pa.RecordBatch.from_arrays([pa.array([part]), file.column(0)], ["part", "file"])


def _fill(rows: list[pa.RecordBatch], full: int) -> bool:
    return bool(sum(each.nbytes for each in rows) >= full or sum(each.num_rows for each in rows) >= MOST_ROWS)


def _encoded(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    coded = [field.name for field in rows.schema if (field.metadata or {}).get(REPEATS)]
    pq.write_table(rows, sink, compression="snappy", use_dictionary=coded, write_statistics=False, store_schema=False)
    return sink.getvalue()


def _text(file: pa.Buffer) -> pa.RecordBatch:
    """One row: a file without its end. It is no UTF-8, and nobody asks."""
    length = file.size - len(LAST)
    offsets = pa.py_buffer(np.array([0, length], dtype=np.int32))
    text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, file.slice(0, length)])
    return pa.RecordBatch.from_arrays([text], ["file"])
