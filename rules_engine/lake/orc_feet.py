"""The columns of an ORC file, by its foot: what Spark reads them as, and who wrote it."""

from __future__ import annotations

import pyarrow as pa

from rules_engine.lake.arrow_types import Unreadable, type_name

OF_JAVA = "ORC_JAVA"
"""The one library whose older versions wrote days before 1582 by the calendar of then, and no word of it."""

OF_ZONE = Unreadable("a timestamp with local time zone", "timestamps without a zone, in UTC")
"""A type of ORC that Spark does not read."""

NO_NAME = Unreadable("named with a back-tick (`)", "it by another name, or land Parquet")
"""A name, or one of a field, that Spark cuts off at that sign in ORC."""

NAMELESS = Unreadable("without a name", "it by a name, or land Parquet")
"""A column of which Spark stops reading the whole file."""

SAID = b"spark.sql.catalyst.type"
"""Where Spark says what a number is that ORC has no type for: a moment without a zone, or an interval."""

WALL_TIME = "timestamp_ntz"


def columns_of_orc(schema: pa.Schema) -> list[tuple[str, str | Unreadable]]:
    """
    The columns in their order, with Spark's names of their types.

    >>> moment = pa.field("at", pa.int64(), metadata={SAID: "timestamp_ntz"})
    >>> columns_of_orc(pa.schema([moment, pa.field("of", pa.list_(moment)), pa.field("on", pa.timestamp("ns"))]))
    [('at', 'timestamp_ntz'), ('of', 'array<timestamp_ntz>'), ('on', 'timestamp')]
    """
    return [(field.name, _column(field)) for field in schema]


def _column(field: pa.Field) -> str | Unreadable:
    if "`" in str(field):
        return NO_NAME
    if not field.name:
        return NAMELESS
    if getattr(field.type, "tz", None):
        return OF_ZONE
    said = _said(field)
    return said if said.startswith("interval") else type_name(_as_said(field), nanoseconds=True)


def _said(field: pa.Field) -> str:
    return str((field.metadata or {}).get(SAID, b"").decode()) if pa.types.is_integer(field.type) else ""


def _as_said(field: pa.Field) -> pa.DataType:
    """The type of a column with moments where Spark wrote these as numbers, within lists and structs as well."""
    type_ = field.type
    if _said(field) == WALL_TIME:
        return pa.timestamp("us")
    if pa.types.is_struct(type_):
        return pa.struct([each.with_type(_as_said(each)) for each in type_.fields])
    if pa.types.is_map(type_):
        return pa.map_(_as_said(type_.key_field), _as_said(type_.item_field))
    return pa.list_(_as_said(type_.value_field)) if pa.types.is_list(type_) else type_
