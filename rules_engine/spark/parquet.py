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

from typing import TYPE_CHECKING

import pyarrow as pa

from rules_engine.worker.parquet import LAST, Encoder, Work

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write(given: DataFrame, work: Work, schema: pa.Schema, path: str) -> None:
    """
    Write what workers make of rows, in place of what is at ``path``; ``given`` has a part at least.

    Packed words hardly repeat: dictionaries would gain nothing.
    """
    files = given.mapInArrow(Encoder(work, schema), "file string")
    files.write.mode("overwrite").options(lineSep=LAST, maxRecordsPerFile=1).text(path)
