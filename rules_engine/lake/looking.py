"""The heads of a frame's files, read by Hadoop's file systems, several at once."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from rules_engine.lake.data_files import DataFile
from rules_engine.lake.hadoop import opened
from rules_engine.lake.heads import BROKEN, CLOSED, EMPTY, LETTERS, READERS, Head, folders_of, with_columns
from rules_engine.model.frames import Format, Frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT_ONCE = 16
"""Files that are opened at once: of a remote store each takes as long as a few of its answers."""


def heads(spark: SparkSession, frame: Frame, files: Sequence[DataFile]) -> list[Head]:
    """The heads of files, in their order; none of their rows is read."""
    with ThreadPoolExecutor(AT_ONCE) as several:
        return list(several.map(partial(_head, spark, frame), files))


def _head(spark: SparkSession, frame: Frame, file: DataFile) -> Head:
    from py4j.protocol import Py4JJavaError

    folders = folders_of(file)
    if not file.size and frame.format is not Format.JSON:
        return Head(file, wrong=EMPTY, folders=folders)
    read = READERS.get(frame.format)
    if read is None:
        return Head(file, folders=folders)
    try:
        with opened(spark, file) as stream:
            found = read(stream, frame)
    except UnicodeError as problem:
        return Head(file, wrong=LETTERS, said=str(problem), folders=folders)
    except PermissionError as problem:
        return Head(file, wrong=CLOSED, said=str(problem), folders=folders)
    except (pa.ArrowException, OSError, EOFError, csv.Error, Py4JJavaError) as problem:
        closed = "AccessControlException" in str(problem) or "AccessDenied" in str(problem)
        return Head(file, wrong=CLOSED if closed else BROKEN, said=str(problem).splitlines()[0], folders=folders)
    return with_columns(file, found)
