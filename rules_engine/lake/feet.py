"""What the feet of Parquet files prove of values, so that they need not be read: how many are none, least and most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from rules_engine.lake.codes import NULLS, RANGE
from rules_engine.lake.hadoop import files_below, opened
from rules_engine.lake.storage import shown
from rules_engine.model.columns import AS_OF, Column
from rules_engine.model.frames import Format, Frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from rules_engine.lake.elements import Measure

AT_ONCE = 16
"""Feet that are read at once."""
GREGORIAN = date(1582, 10, 15)
"""Days before are read otherwise than they are written, of some writers."""
KNOWN = ("tinyint", "smallint", "int", "bigint", "decimal", "date", "timestamp")
"""Types whose least and most value says that all are between: a float may also be none (NaN)."""


@dataclass(frozen=True, slots=True)
class Feet:
    """The feet of all files of a frame."""

    files: Sequence[pq.FileMetaData]

    @classmethod
    def of(cls, spark: SparkSession, frame: Frame, path: str) -> Feet:
        """Of a frame of Parquet at a place; of no other format is there anything to read."""
        if frame.format is not Format.PARQUET:
            return cls(())

        def foot(file: Any) -> pq.FileMetaData:
            with opened(spark, file) as stream:
                return pq.read_metadata(stream)

        with ThreadPoolExecutor(AT_ONCE) as several:
            return cls(tuple(several.map(foot, shown(files_below(spark, path)))))

    def open_(self, asked: Iterable[Measure], as_of: date) -> list[Measure]:
        """Those of what is asked that are not proven to hold: their columns have to be read."""
        return [measure for measure in asked if not (self.files and self._holds(measure, as_of))]

    def _holds(self, measure: Measure, as_of: date) -> bool:
        found = [said for file in self.files for said in _said(file, measure.column.name)]
        if any(said is None for said in found):
            return False
        if measure.code == NULLS:
            rows = sum(file.num_rows for file in self.files)
            return bool(sum(said.null_count for said in found) <= measure.allowed * rows)
        if measure.code != RANGE or not measure.column.type.lower().startswith(KNOWN):
            return False
        return all(_is_within(measure.column, said, as_of) for said in found if said.num_values)


def _said(file: pq.FileMetaData, name: str) -> Iterator[Any]:
    """What is said of a column by each group of rows; None where nothing is, or not how many are no values."""
    at = next((at for at in range(file.num_columns) if file.schema.column(at).path == name), None)
    for group in range(file.num_row_groups):
        said = None if at is None else file.row_group(group).column(at).statistics
        yield said if said is not None and said.has_null_count else None


def _is_within(column: Column, said: Any, as_of: date) -> bool:
    """Whether least and most value of a group are certainly within the range of its column."""
    if not said.has_min_max or said.physical_type == "INT96":
        return False
    least, most = said.min, said.max
    bounds: list[Any] = [_bound(text, least, as_of) for text in (column.low, column.high)]
    if OTHERWISE in bounds or (isinstance(least, date) and _on(GREGORIAN, least) > least):
        return False
    low, high = bounds
    return (low is None or least >= low) and (high is None or most <= high)


OTHERWISE = "a moment"
"""In place of a bound that is not a day, where moments are."""


def _bound(text: str | None, like: Any, as_of: date) -> Any:
    """A bound to be compared with a value."""
    if text is None:
        return None
    if not isinstance(like, date):
        return Decimal(text)
    if text != AS_OF and len(text) != len("2024-06-01"):
        return OTHERWISE
    return _on(as_of if text == AS_OF else date.fromisoformat(text), like)


def _on(day: date, like: date) -> date:
    """A day as a value of a column has it: the beginning of it where those are moments."""
    return datetime(day.year, day.month, day.day, tzinfo=like.tzinfo) if isinstance(like, datetime) else day
