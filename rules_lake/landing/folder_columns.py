"""Columns that the names of an extract's folders say, as Hive and Spark lay out partitions: country=FR/part-0.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from rules_engine.errors import Fault, RunRefused, raise_all
from rules_engine.lake import cells
from rules_engine.lake.agreement import FOLDER_OPTIONS, NO_VALUE, folder_faults
from rules_engine.lake.data_files import DataFile
from rules_engine.lake.heads import Head, folders_of
from rules_engine.model.frames import Frame
from rules_lake.landing.types import arrow_type, spark_name


def faults(frame: Frame, names: Iterable[str]) -> Iterator[Fault]:
    """Whether the folders of all files say the same columns, which are declared, and values of their types."""
    files = [DataFile("", name, 0, "") for name in names]
    heads = [Head(file, folders=folders_of(file)) for file in files]
    return folder_faults(frame, {column.name: spark_name(column.type) for column in frame.columns}, heads)


def said(frame: Frame, name: str) -> dict[str, str]:
    """The declared columns that a file's folders say, as they say them."""
    declared = {column.name for column in frame.columns}
    return {column: text for column, text in folders_of(DataFile("", name, 0, "")) if column in declared}


class FolderColumns:
    """
    What a file's folders say of each of its rows.

    Raises:
        RunRefused: If they say what is not declared, or no value of its type.
    """

    def __init__(self, frame: Frame, name: str) -> None:
        raise_all(RunRefused, faults(frame, [name]))
        folders = said(frame, name)
        self.types = {c.name: spark_name(c.type) for c in frame.columns if c.name in folders}
        self._values = {column: _value(text, self.types[column]) for column, text in folders.items()}

    def beside(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with these columns after its own."""
        if not self.types:
            return batch
        more = [
            pa.repeat(pa.scalar(value, arrow_type(self.types[name])), batch.num_rows)
            for name, value in self._values.items()
        ]
        return pa.RecordBatch.from_arrays([*batch.columns, *more], names=[*batch.schema.names, *self._values])


def _value(text: str, type_: str) -> Any:
    """
    What a folder says, whose name writes some letters as a URL does.

    >>> _value("a%2Fb", "string"), _value("007", "int"), _value("__HIVE_DEFAULT_PARTITION__", "string")
    ('a/b', 7, None)
    """
    if text == NO_VALUE:
        return None
    read = cells.reader(type_, FOLDER_OPTIONS)
    return read(unquote(text)) if read else unquote(text)


def without(types: Mapping[str, str], folders: Iterable[str]) -> dict[str, str]:
    """The columns that stand in the files themselves."""
    out = {*folders}
    return {name: type_ for name, type_ in types.items() if name not in out}
