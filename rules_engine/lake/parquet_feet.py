"""What the foot of a Parquet file says of its rows; it is taken only where nothing has to be guessed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from rules_engine.model.summaries import ColumnSummary, Summary, Value, of_parts

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData, RowGroupMetaData, Statistics


def summary(metadata: FileMetaData, names: Collection[str]) -> Summary:
    """Of the columns of these names, in small letters: of those in lists and structs nothing is said."""
    leaves = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    flat = [at for at, leaf in enumerate(leaves) if "." not in leaf.path and not leaf.max_repetition_level]
    places = {name: at for at in flat if (name := leaves[at].path.lower()) in names}
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    return of_parts(_of_group(group, places) for group in groups) or Summary(0, {})


def _of_group(group: RowGroupMetaData, places: dict[str, int]) -> Summary:
    said = {name: group.column(at).statistics for name, at in places.items()}
    known = {name: each for name, each in said.items() if each is not None and each.has_null_count}
    return Summary(group.num_rows, {name: ColumnSummary(each.null_count, _ends(each)) for name, each in known.items()})


def _ends(said: Statistics) -> tuple[Value, Value] | None:
    """Both ends, where they are whole numbers, decimals or days: an end of a text may be cut off, and NaN is none."""
    if not said.has_min_max:
        return None
    try:
        least, most = said.min, said.max
    except (ValueError, OverflowError, NotImplementedError):  # a day that Python has none of
        return None
    plain = type(least) is type(most) and type(least) in {int, Decimal, date}
    return (least, most) if plain else None
