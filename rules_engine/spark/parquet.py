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

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from rules_engine.lake.hadoop import move_files, remove
from rules_engine.worker.parquet import LAST, Encoder, Parts, PartsEncoder, Work

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write(given: DataFrame, work: Work, schema: pa.Schema, path: str) -> None:
    """
    Write what workers make of rows, in place of what is at ``path``; ``given`` has a part at least.

    Packed words hardly repeat: dictionaries would gain nothing.
    """
    files = given.mapInArrow(Encoder(work, schema), "file string")
    files.write.mode("overwrite").options(lineSep=LAST, maxRecordsPerFile=1).text(path)


def write_parts(given: DataFrame, work: Parts, schemas: Mapping[str, pa.Schema], folder: str) -> None:
    """
    Write what workers make of rows in one pass to several folders below one, in place of what is there.

    The files are moved there when all are written, and are named as what they are.
    """
    files = given.mapInArrow(PartsEncoder(work, schemas), "part string, file string")
    aside = f"{folder}/{ASIDE}"
    files.write.mode("overwrite").partitionBy("part").options(lineSep=LAST, maxRecordsPerFile=1).text(aside)
    for part in schemas:
        move_files(given.sparkSession, f"{aside}/part={part}", f"{folder}/{part}", (".txt", ".parquet"))
    remove(given.sparkSession, aside)


ASIDE = "staging"
"""Where files stand until all are written."""
