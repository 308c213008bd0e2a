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

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LAST = "PAR1"
"""What every Parquet file ends in."""


FULL = 1 << 25
"""Bytes of rows that make a file: what a worker, and the JVM after it, hold at a time."""


Work = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


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
            if sum(each.nbytes for each in rows) >= self.full:
                yield rows
                rows = []
        yield rows


def _encoded(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="snappy", use_dictionary=False, write_statistics=False, store_schema=False)
    return sink.getvalue()


def _text(file: pa.Buffer) -> pa.RecordBatch:
    """One row: a file without its end. It is no UTF-8, and nobody asks."""
    length = file.size - len(LAST)
    offsets = pa.py_buffer(np.array([0, length], dtype=np.int32))
    text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, file.slice(0, length)])
    return pa.RecordBatch.from_arrays([text], ["file"])
